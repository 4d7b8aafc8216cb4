//! The time, handed in so that tests can move it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

/// Seconds in a UTC day (POSIX time knows no leap seconds).
pub const DAY: i64 = 86_400;

/// Where the time comes from.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The computer's clock.
    #[default]
    System,
    /// A number that a test sets.
    Set(Arc<AtomicI64>),
}

impl Clock {
    /// Seconds since 1970-01-01T00:00Z.
    pub fn now(&self) -> i64 {
        match self {
            // A computer set before 1970 gets day 0 and not a panic.
            Clock::System => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64),
            Clock::Set(seconds) => seconds.load(Ordering::SeqCst),
        }
    }
}

/// The number of the UTC day that holds `seconds`, from 1970-01-01.
pub fn day(seconds: i64) -> i64 {
    seconds.div_euclid(DAY)
}

/// Year, month and day of the month, in UTC and the Gregorian calendar.
pub fn date(seconds: i64) -> (i64, u32, u32) {
    // Years are counted from March, so that the leap day is a year's last; 146,097 days are four hundred years.
    let days = day(seconds) + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month as u32, of_month as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_change_at_midnight() {
        assert_eq!((day(DAY - 1), day(DAY), day(-1)), (0, 1, -1));
    }

    #[test]
    fn dates_are_of_the_calendar() {
        for (seconds, expected) in [
            (0, (1970, 1, 1)),
            (-1, (1969, 12, 31)),
            (951_825_600, (2000, 2, 29)),
            (1_796_009_438, (2026, 11, 30)),
            (4_107_542_400, (2100, 3, 1)),
        ] {
            assert_eq!(date(seconds), expected);
        }
    }
}
