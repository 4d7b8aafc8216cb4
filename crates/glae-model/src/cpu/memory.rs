//! Memory of activations, which goes from one map to the next: to ask the system for it, and to clear it, takes as long as a
//! fifth of a network's layers.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// Pieces of memory that a thread keeps at most: more than a network has maps at one time.
const MOST: usize = 8;

/// A piece of up to so many times the size that is needed is as good as one that fits: what counts more is which one was used
/// last, because that one lies in the processor's caches.
const ROOMY: usize = 4;

thread_local! {
    /// Pieces that no map lies in; those that were used last are behind.
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
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
    pub(super) fn unwritten(length: usize) -> Self {
        let fitting = FREE.with_borrow_mut(|free| {
            let fits = |piece: &Vec<f32>| (length..=ROOMY * length).contains(&piece.len());
            let index = free.iter().rposition(fits).or_else(|| {
                let sizes = free.iter().enumerate().map(|(index, piece)| (piece.len(), index));
                sizes.filter(|(size, _)| *size >= length).min().map(|(_, index)| index)
            })?;
            Some(free.remove(index))
        });
        Self { all: fitting.unwrap_or_else(|| vec![0f32; length]), length }
    }

    /// So many zeros.
    pub(super) fn zeros(length: usize) -> Self {
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
        if piece.is_empty() {
            return;
        }
        // A thread that ends has no list any more.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            free.push(piece);
            if free.len() > MOST {
                let smallest = (0..free.len()).min_by_key(|index| free[*index].len());
                smallest.map(|index| free.remove(index));
            }
        });
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

    #[test]
    fn memory_goes_to_the_next_that_fits_into_it() {
        let place = |buffer: &Buffer| buffer.as_ptr();
        let (small, large) = (Buffer::from(vec![1.0; 10]), Buffer::from(vec![2.0; 100]));
        let (small_place, large_place) = (place(&small), place(&large));
        drop((small, large));
        // The smaller one that is large enough, cleared where that was asked for, and never longer than asked for.
        let first = Buffer::zeros(7);
        assert_eq!((place(&first), &first[..]), (small_place, [0.0; 7].as_slice()));
        let second = Buffer::unwritten(8);
        assert_eq!((place(&second), &second[..]), (large_place, [2.0; 8].as_slice()));
        assert_eq!(second.clone(), second);
        assert_eq!(second.into_vec(), [2.0; 8]);
        drop(first);
        assert_ne!(place(&Buffer::unwritten(11)), small_place);
    }

    #[test]
    fn a_thread_keeps_the_largest_of_many_pieces() {
        drop((1..=3 * MOST).map(|length| Buffer::from(vec![0.0; length])).collect::<Vec<_>>());
        let mut kept = FREE.with_borrow(|free| free.iter().map(Vec::len).collect::<Vec<_>>());
        kept.sort_unstable();
        assert_eq!(kept, (2 * MOST + 1..=3 * MOST).collect::<Vec<_>>());
    }
}
