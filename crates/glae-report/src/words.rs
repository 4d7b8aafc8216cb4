//! Numbers as a reader sees them.

pub use glae_metrics::words::p_value;

/// Stands for a number that there is not.
pub const NONE: &str = "–";

/// Two decimals, as papers give years.
pub fn years(value: f64) -> String {
    format!("{value:.2}")
}

/// Two decimals with a sign; a difference that rounds to nothing has none.
pub fn signed(value: f64) -> String {
    let text = format!("{value:+.2}").replace('-', "−");
    if text == "+0.00" || text == "−0.00" { "0.00".to_owned() } else { text }
}

/// An interval of years.
pub fn interval([low, high]: [f64; 2]) -> String {
    format!("[{low:.2}, {high:.2}]")
}

/// An interval around a difference.
pub fn signed_interval([low, high]: [f64; 2]) -> String {
    format!("[{}, {}]", signed(low), signed(high))
}

/// A share of 1 as a percentage.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// A whole number with commas between thousands.
pub fn whole(number: usize) -> String {
    glae_metrics::words::whole(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_for_readers() {
        assert_eq!([signed(0.304), signed(-1.0), signed(-0.001)], ["+0.30", "−1.00", "0.00"]);
        assert_eq!(
            (interval([6.0, 6.549]), percent(0.1234), whole(15_019)),
            ("[6.00, 6.55]".into(), "12.3 %".into(), "15,019".into())
        );
        assert_eq!([p_value(0.0002), p_value(0.05)], ["p < 0.001", "p = 0.050"]);
    }
}
