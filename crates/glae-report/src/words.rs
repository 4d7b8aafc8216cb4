//! Numbers as a reader sees them.

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

/// A p-value: three decimals, and no pretence below them.
pub fn p_value(p: f64) -> String {
    if p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {p:.3}") }
}

/// A whole number with commas between thousands.
pub fn whole(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
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
