//! Places for work under way, by key: so many uploads of one team, one request with the same key, one computation of
//! the same result. All of it lives in this process; what must hold across processes is in the database.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Beyond this many keys those without work are forgotten.
const MANY: usize = 1_000;

/// A number of places for each key; the next waits until one is free.
#[derive(Debug)]
pub struct Places<K> {
    most: usize,
    keys: Mutex<HashMap<K, Arc<Semaphore>>>,
}

/// A taken place, free again when dropped.
#[derive(Debug)]
pub struct Place(#[allow(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

impl<K: Eq + Hash> Places<K> {
    /// `most` places for each key.
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), keys: Mutex::default() }
    }

    /// Takes a place, after those who asked before.
    pub async fn take(&self, key: K) -> Place {
        let places = {
            let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
            if keys.len() >= MANY {
                keys.retain(|_, places| Arc::strong_count(places) > 1);
            }
            keys.entry(key).or_insert_with(|| Arc::new(Semaphore::new(self.most))).clone()
        };
        // It is never closed, so it always gives a permit; the permit keeps it alive.
        Place(places.acquire_owned().await.expect("these semaphores are never closed"))
    }
}

/// How many uploads of a team to a board are under way here, so that no more are read than the quota has left.
#[derive(Debug, Default)]
pub struct Reservations(Arc<Mutex<HashMap<(String, String), u32>>>);

/// One upload under way, ended when dropped.
#[derive(Debug)]
pub struct Reserved {
    all: Arc<Mutex<HashMap<(String, String), u32>>>,
    key: (String, String),
    /// How many are under way with this one.
    pub count: u32,
}

impl Reservations {
    /// Counts an upload of `team` to `board` until the answer is dropped.
    pub fn reserve(&self, team: &str, board: &str) -> Reserved {
        let key = (team.to_owned(), board.to_owned());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(key.clone()).or_default();
        *count += 1;
        Reserved { count: *count, key, all: self.0.clone() }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_next_waits_until_a_place_is_free() {
        let places = Arc::new(Places::new(2));
        let (first, _second) = (places.take("a").await, places.take("a").await);
        let _other = places.take("b").await;
        let waiting = tokio::spawn({
            let places = places.clone();
            async move { places.take("a").await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(first);
        waiting.await.unwrap();
    }

    #[test]
    fn reservations_end_with_their_holders() {
        let all = Reservations::default();
        let (first, second) = (all.reserve("t", "b"), all.reserve("t", "b"));
        assert_eq!((first.count, second.count, all.reserve("t", "c").count), (1, 2, 1));
        drop(first);
        drop(second);
        assert_eq!(all.reserve("t", "b").count, 1);
        assert!(all.0.lock().unwrap().is_empty());
    }
}
