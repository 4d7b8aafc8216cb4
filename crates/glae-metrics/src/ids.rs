//! Ids of images, and other ways of writing them.

mod repair;

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

pub use repair::{Repair, repair, repair_by};

/// Ids one after another in a single buffer: no allocation per row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ids {
    text: String,
    ends: Vec<u32>,
}

impl Ids {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, row: usize) -> &str {
        let start = if row == 0 { 0 } else { self.ends[row - 1] as usize };
        &self.text[start..self.ends[row] as usize]
    }

    /// Appends an id; the reader's limits keep the buffer below 4 GiB.
    pub(crate) fn push(&mut self, id: &str) {
        self.text.push_str(id);
        self.ends.push(self.text.len() as u32);
    }
}

/// Finds the row of an id.
///
/// Ids come from uploaded files. SipHash with the standard library's random key prevents ids that are chosen to fall into
/// one place; browsers give no random key, but there a file slows down only the page it was given to.
#[derive(Clone, Debug, Default)]
pub(crate) struct IdIndex {
    /// Row and half of its id's hash, so that growing hashes nothing again and other ids are seldom looked at.
    rows: HashTable<(u32, u32)>,
    hasher: RandomState,
}

impl IdIndex {
    /// Adds a row of `ids`, unless one with the same id is there: that row is returned.
    pub(crate) fn add(&mut self, ids: &Ids, row: usize) -> Option<usize> {
        let id = ids.get(row);
        let half = self.hasher.hash_one(id) as u32;
        if let Some(earlier) = self.row(ids, id, half) {
            return Some(earlier);
        }
        self.rows.insert_unique(spread(half), (row as u32, half), |&(_, half)| spread(half));
        None
    }

    /// The row of an id among `ids`, all of which were added.
    pub(crate) fn find(&self, ids: &Ids, id: &str) -> Option<usize> {
        self.row(ids, id, self.hasher.hash_one(id) as u32)
    }

    /// The rows of several ids, as [`Self::find`] would give them one by one, and several times faster where the table is
    /// larger than the processor's cache: all hashes first, then all places, then all comparisons, so that the waits for
    /// memory of one step overlap.
    pub(crate) fn find_all<'a>(
        &self,
        ids: &Ids,
        wanted: impl Iterator<Item = &'a str> + Clone,
        rows: &mut Vec<Option<usize>>,
    ) {
        let halves: Vec<u32> = wanted.clone().map(|id| self.hasher.hash_one(id) as u32).collect();
        let likely =
            |&half: &u32| self.rows.find(spread(half), |&(_, other)| other == half).map(|&(row, _)| row as usize);
        rows.clear();
        rows.extend(halves.iter().map(likely));
        for ((row, id), half) in rows.iter_mut().zip(wanted).zip(halves) {
            if row.is_some_and(|row| ids.get(row) != id) {
                *row = self.row(ids, id, half);
            }
        }
    }

    fn row(&self, ids: &Ids, id: &str, half: u32) -> Option<usize> {
        let same = |&(row, other): &(u32, u32)| other == half && ids.get(row as usize) == id;
        self.rows.find(spread(half), same).map(|&(row, _)| row as usize)
    }
}

/// The table takes its place from the low bits and a tag from the high ones.
fn spread(half: u32) -> u64 {
    u64::from(half) | u64::from(half) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_found_where_it_was_added_first() {
        let mut ids = Ids::default();
        let mut index = IdIndex::default();
        let added: Vec<_> = ["a", "", "ab", "a", "ü"]
            .iter()
            .map(|id| {
                ids.push(id);
                index.add(&ids, ids.len() - 1)
            })
            .collect();
        assert_eq!(added, [None, None, None, Some(0), None]);
        assert_eq!(["ab", "ü", "", "b"].map(|id| index.find(&ids, id)), [Some(2), Some(4), Some(1), None]);
    }
}
