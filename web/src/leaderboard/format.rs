//! Numbers, times and places as a reader sees them.

use glae_api::{Column, TruthAccess};
pub use glae_metrics::words::{p_value, whole};

/// Stands for a number that nobody knows.
pub const UNKNOWN: &str = "–";

/// Years with two decimals, as papers give them.
pub fn years(years: f64) -> String {
    format!("{years:.2}")
}

/// A share as a percentage with one decimal.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A number of a column as the table shows it.
pub fn cell(column: Column, value: Option<f64>) -> String {
    let Some(value) = value else { return UNKNOWN.into() };
    match column {
        Column::Cs5 => percent(value),
        Column::Epsilon => format!("{value:.4}"),
        _ => years(value),
    }
}

/// An interval of years.
pub fn interval([low, high]: [f64; 2]) -> String {
    format!("[{low:.2}, {high:.2}]")
}

/// "1 image", "2 images".
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", whole(number), if number == 1 { one } else { many })
}

/// A moment in seconds since 1970 as "2026-03-09 14:05 UTC".
pub fn moment(seconds: i64) -> String {
    let minutes = seconds.div_euclid(60).rem_euclid(24 * 60);
    format!("{} {:02}:{:02} UTC", day(seconds), minutes / 60, minutes % 60)
}

/// The day of a moment in seconds since 1970, in UTC, as "2026-03-09".
pub fn day(seconds: i64) -> String {
    // Years that begin in March have their leap day last, so that the months before it keep a fixed length; 719,468
    // days lie between 0000-03-01 and 1970-01-01, and 146,097 in the 400 years after which the calendar repeats.
    let days = seconds.div_euclid(86_400) + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Where a board's truth is, in a few words.
pub fn truth(truth: TruthAccess) -> &'static str {
    match truth {
        TruthAccess::Public => "Truth is public",
        TruthAccess::Hidden => "Truth stays on the server",
        TruthAccess::Yours => "Bring your own truth",
    }
}

/// Where a board's truth comes from and what that means for a visitor.
pub fn truth_sentence(truth: TruthAccess) -> &'static str {
    match truth {
        TruthAccess::Public => {
            "It may be downloaded. Your file is scored in this browser; the server scores it again when you submit."
        }
        TruthAccess::Hidden => {
            "Only the server has it. This page checks the format of your file; the server scores it when you submit."
        }
        TruthAccess::Yours => {
            "Its owners do not allow it to be passed on. Score against your own copy in this browser; nothing is sent."
        }
    }
}

/// The address, if a link may go there: `http` or `https` and nothing that a browser would run.
pub fn web_address(address: &str) -> Option<&str> {
    let address = address.trim();
    let scheme = address.split_once("://").map(|(scheme, _)| scheme)?;
    let plain = !address.chars().any(|c| c.is_control() || c.is_whitespace());
    (plain && (scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http"))).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_column_has_the_decimals_of_its_kind() {
        assert_eq!(cell(Column::Cmae, Some(4.666)), "4.67");
        assert_eq!(cell(Column::Cs5, Some(0.6789)), "67.9 %");
        assert_eq!(cell(Column::Epsilon, Some(0.27096)), "0.2710");
        assert_eq!(cell(Column::Aar, None), "–");
    }

    #[test]
    fn small_p_values_are_not_called_zero() {
        assert_eq!(
            [0.0, 0.0009, 0.001, 0.0499, 1.0].map(p_value),
            ["p < 0.001", "p < 0.001", "p = 0.001", "p = 0.050", "p = 1.000"]
        );
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([0, 999, 1_000, 114_688, 1_000_000].map(whole), ["0", "999", "1,000", "114,688", "1,000,000"]);
        assert_eq!(counted(1, "image", "images"), "1 image");
    }

    #[test]
    fn moments_are_those_of_the_calendar() {
        assert_eq!(moment(0), "1970-01-01 00:00 UTC");
        // Leap days, the day after one, and the century that has none.
        assert_eq!(day(951_782_400), "2000-02-29");
        assert_eq!(day(1_709_251_200), "2024-03-01");
        assert_eq!(day(4_107_542_400), "2100-03-01");
        assert_eq!(moment(1_767_225_599), "2025-12-31 23:59 UTC");
        assert_eq!(day(-1), "1969-12-31");
    }

    #[test]
    fn only_web_addresses_become_links() {
        assert_eq!(web_address(" https://example.org/a?b=c "), Some("https://example.org/a?b=c"));
        assert_eq!(web_address("HTTP://example.org"), Some("HTTP://example.org"));
        for bad in ["javascript:alert(1)", "java\nscript://x", "data:text/html,x", "//example.org", "https://a b", ""] {
            assert_eq!(web_address(bad), None, "{bad}");
        }
    }
}
