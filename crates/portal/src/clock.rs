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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_change_at_midnight() {
        assert_eq!((day(DAY - 1), day(DAY), day(-1)), (0, 1, -1));
    }
}
