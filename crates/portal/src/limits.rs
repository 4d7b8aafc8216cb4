//! How many requests an address or a token may send: token buckets in this process's memory.
//!
//! They are there to keep one client from crowding out the others, not to count exactly: each process behind a load
//! balancer has its own, and a restart fills them. What must be exact (quotas) is in the database.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Buckets kept at most; beyond, full ones are forgotten.
const MOST: usize = 100_000;

/// Buckets for keys of one kind. Each holds up to a period's worth of requests and fills evenly.
#[derive(Debug)]
pub struct Buckets<K> {
    capacity: f64,
    per_second: f64,
    buckets: Mutex<HashMap<K, (f64, Instant)>>,
}

impl<K: Eq + Hash> Buckets<K> {
    /// Buckets that allow `most` requests in each `period`.
    pub fn new(most: u32, period: Duration) -> Self {
        let capacity = f64::from(most);
        Self { capacity, per_second: capacity / period.as_secs_f64(), buckets: Mutex::default() }
    }

    /// Takes one request from the bucket of `key`.
    ///
    /// # Errors
    /// The seconds until there is one again.
    pub fn take(&self, key: K, now: Instant) -> Result<(), i64> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST {
            buckets.retain(|_, &mut (level, at)| self.filled(level, at, now) < self.capacity);
            // All are in use: requests come from very many addresses. Refusing new ones would lock all other clients out.
            if buckets.len() >= MOST {
                buckets.clear();
            }
        }
        let (level, at) = buckets.entry(key).or_insert((self.capacity, now));
        *level = self.filled(*level, *at, now);
        *at = now;
        if *level < 1.0 {
            // At least a second; no longer than a day where nothing is allowed at all.
            return Err(((1.0 - *level) / self.per_second).ceil().clamp(1.0, 86_400.0) as i64);
        }
        *level -= 1.0;
        Ok(())
    }

    fn filled(&self, level: f64, at: Instant, now: Instant) -> f64 {
        (level + now.saturating_duration_since(at).as_secs_f64() * self.per_second).min(self.capacity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let buckets = Buckets::new(2, Duration::from_secs(60));
        let start = Instant::now();
        assert_eq!(buckets.take("a", start), Ok(()));
        assert_eq!(buckets.take("a", start), Ok(()));
        assert_eq!(buckets.take("a", start), Err(30));
        assert_eq!(buckets.take("b", start), Ok(()));
        assert_eq!(buckets.take("a", start + Duration::from_secs(30)), Ok(()));
        assert_eq!(buckets.take("a", start + Duration::from_secs(31)), Err(29));
    }
}
