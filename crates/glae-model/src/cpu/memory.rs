//! Memory of activations, which goes from one map to the next: to ask the system for it, and to clear it, takes as long as a
//! fifth of a network's layers.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{ThreadId, current};

/// Pieces of memory that a thread leaves behind at most: more than a network has maps at one time.
const MOST: usize = 8;

/// The same where a training step gives back what it has kept until its gradients were known: the next one will ask for as many.
const MOST_GIVEN: usize = 1024;

/// A piece of up to so many times the size that is needed is as good as one that fits: what counts more is which one was used
/// last, because that one lies in the processor's caches.
const ROOMY: usize = 4;

/// Pieces that no map lies in.
static FREE: Mutex<Free> = Mutex::new(Free { pieces: Vec::new(), most: MOST });

struct Free {
    /// Each with the thread that used it last, in whose caches it may lie; those that were used last are behind.
    pieces: Vec<(ThreadId, Vec<f32>)>,
    /// How many there may be of one thread.
    most: usize,
}

impl Free {
    fn lock() -> MutexGuard<'static, Self> {
        FREE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A piece for so many numbers.
    fn take(&mut self, length: usize) -> Option<Vec<f32>> {
        let me = current().id();
        let last = |fits: &dyn Fn(usize) -> bool| {
            let own = self.pieces.iter().rposition(|(owner, piece)| *owner == me && fits(piece.len()));
            own.or_else(|| self.pieces.iter().rposition(|(_, piece)| fits(piece.len())))
        };
        // What becomes a tensor ([`Buffer::into_vec`]) has to fit exactly.
        let index = last(&|size| size == length).or_else(|| last(&|size| (length..=ROOMY * length).contains(&size)));
        let index = index.or_else(|| {
            let sizes = self.pieces.iter().enumerate().map(|(index, (_, piece))| (piece.len(), index));
            sizes.filter(|(size, _)| *size >= length).min().map(|(_, index)| index)
        })?;
        Some(self.pieces.remove(index).1)
    }

    fn add(&mut self, piece: Vec<f32>) {
        let me = current().id();
        self.pieces.push((me, piece));
        let own = || self.pieces.iter().enumerate().filter(|(_, (owner, _))| *owner == me);
        if own().count() > self.most {
            let smallest = own().min_by_key(|(_, (_, piece))| piece.len()).map(|(index, _)| index);
            smallest.map(|index| self.pieces.remove(index));
        }
    }
}

/// Numbers in memory that goes to the next map when this one is dropped.
#[derive(Debug)]
pub struct Buffer {
    /// Whatever lay there before is behind `length`.
    all: Vec<f32>,
    length: usize,
}

impl Buffer {
    /// So many numbers, of any value: all are to be written before they are read.
    pub fn unwritten(length: usize) -> Self {
        let fitting = Free::lock().take(length);
        Self { all: fitting.unwrap_or_else(|| vec![0f32; length]), length }
    }

    /// Memory of a map that is gone and that was no buffer's.
    pub fn give(piece: Vec<f32>) {
        let mut free = Free::lock();
        free.most = free.most.max(free.pieces.len() + 1).min(MOST_GIVEN);
        free.add(piece);
    }

    /// So many zeros.
    pub fn zeros(length: usize) -> Self {
        let mut zeros = Self::unwritten(length);
        zeros.fill(0.0);
        zeros
    }

    /// The numbers, and nothing behind them.
    pub fn into_vec(mut self) -> Vec<f32> {
        if self.length < self.all.len() {
            // A few numbers shall not take the memory of a large map with them.
            return self.to_vec();
        }
        std::mem::take(&mut self.all)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let piece = std::mem::take(&mut self.all);
        if !piece.is_empty() {
            Free::lock().add(piece);
        }
    }
}

impl From<Vec<f32>> for Buffer {
    fn from(all: Vec<f32>) -> Self {
        Self { length: all.len(), all }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.all[..self.length]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.all[..self.length]
    }
}

impl AsRef<[f32]> for Buffer {
    fn as_ref(&self) -> &[f32] {
        self
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        let mut copy = Self::unwritten(self.length);
        copy.copy_from_slice(self);
        copy
    }
}

impl PartialEq for Buffer {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none() -> Free {
        Free { pieces: Vec::new(), most: MOST }
    }

    #[test]
    fn memory_goes_to_the_next_that_fits_into_it() {
        let mut free = none();
        [10, 100, 9].into_iter().for_each(|length| free.add(vec![0.0; length]));
        let mut taken = |length| free.take(length).map(|piece| piece.len());
        // The one that fits exactly, the one that was used last of those that are roomy, and the smallest that is large enough.
        assert_eq!([taken(10), taken(5), taken(4), taken(1)], [Some(10), Some(9), Some(100), None]);
    }

    #[test]
    fn memory_of_this_thread_goes_first() {
        let mut free = none();
        free.add(vec![1.0; 10]);
        std::thread::scope(|scope| scope.spawn(|| free.add(vec![2.0; 10])).join().unwrap());
        assert_eq!([free.take(10), free.take(10), free.take(10)], [Some(vec![1.0; 10]), Some(vec![2.0; 10]), None]);
    }

    #[test]
    fn a_thread_keeps_the_largest_of_many_pieces() {
        let mut free = none();
        (1..=3 * MOST).for_each(|length| free.add(vec![0.0; length]));
        let mut kept: Vec<usize> = free.pieces.iter().map(|(_, piece)| piece.len()).collect();
        kept.sort_unstable();
        assert_eq!(kept, (2 * MOST + 1..=3 * MOST).collect::<Vec<_>>());
    }

    #[test]
    fn a_buffer_is_as_long_as_asked_for_whatever_lay_in_its_memory() {
        drop(Buffer::from(vec![2.0; 12]));
        assert_eq!(Buffer::zeros(7)[..], [0.0; 7]);
        let mut buffer = Buffer::unwritten(8);
        buffer.fill(3.0);
        assert_eq!(buffer.clone(), buffer);
        assert_eq!(buffer.into_vec(), [3.0; 8]);
    }
}
