//! The two parts of a contest's test set: the public part, on which numbers are told while it is open, and the private
//! part, which decides.
//!
//! The division follows from a secret seed in the database and the images' ids, so that all servers have the same and
//! it cannot be computed outside. It is stratified: of each age that has two images or more, both parts get some.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

/// Which images are private, in the order of the truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivatePart {
    private: Vec<bool>,
}

impl PrivatePart {
    /// Divides the images of `truth`; `share` of them are private.
    pub fn new(truth: &glae_metrics::Truth, seed: &str, board: &str, share: f64) -> Self {
        let mut ages: BTreeMap<usize, Vec<([u8; 32], usize)>> = BTreeMap::new();
        for (place, row) in truth.rows().enumerate() {
            let lot = Sha256::new().chain_update(format!("{seed} {board} ")).chain_update(row.id).finalize();
            ages.entry(class(row.age)).or_default().push((lot.into(), place));
        }
        let mut private = vec![false; truth.len()];
        // What rounding has withheld so far: ages with one image take turns instead of all going to one part.
        let mut owed = 0.0;
        for images in ages.values_mut() {
            images.sort_unstable();
            owed += images.len() as f64 * share;
            let (least, most) = if images.len() > 1 { (1, images.len() - 1) } else { (0, 1) };
            // Which of two neighbouring numbers is taken is drawn, too: the ages are not to follow a pattern.
            let drawn = f64::from(images[0].0[31]) / 256.0;
            let taken = ((owed + drawn).floor().max(0.0) as usize).clamp(least, most);
            owed -= taken as f64;
            for (_, place) in images.iter().take(taken) {
                private[*place] = true;
            }
        }
        Self { private }
    }

    /// Whether the image in this row of the truth is private.
    pub fn is_private(&self, row: usize) -> bool {
        self.private[row]
    }
}

/// The age that an image counts for: fractional ages are rounded half up, as everywhere.
pub fn class(age: f64) -> usize {
    (age + 0.5).floor() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth() -> glae_metrics::Truth {
        // 90 ages: one, two or three images each.
        let rows: String = (0..180)
            .filter(|number| number % 90 % 3 > 0 || *number < 90)
            .map(|number| format!("i{number},{}\n", number % 90))
            .collect();
        glae_metrics::Truth::parse(format!("id,age\n{rows}").as_bytes()).unwrap()
    }

    #[test]
    fn both_parts_have_every_age_that_has_two_images() {
        let truth = truth();
        for share in [0.2, 0.5, 0.7] {
            let division = PrivatePart::new(&truth, "seed", "board", share);
            let mut counts = vec![[0; 2]; 90];
            for (row, image) in truth.rows().enumerate() {
                counts[image.age as usize][usize::from(division.is_private(row))] += 1;
            }
            assert!(counts.iter().all(|[shown, hidden]| shown + hidden < 2 || (*shown > 0 && *hidden > 0)));
            let hidden: usize = counts.iter().map(|count| count[1]).sum();
            // Two images of an age are always divided in two, so a share other than a half is met only roughly.
            assert!((hidden as f64 / truth.len() as f64 - share).abs() < 0.25, "{share}: {hidden}");
        }
        let half = PrivatePart::new(&truth, "seed", "board", 0.5);
        let hidden = half.private.iter().filter(|private| **private).count();
        assert!(hidden.abs_diff(truth.len() / 2) < 3, "{hidden} of {}", truth.len());
    }

    #[test]
    fn the_seed_and_the_board_decide() {
        let division = |seed, board| PrivatePart::new(&truth(), seed, board, 0.5);
        assert_eq!(division("a", "x"), division("a", "x"));
        assert_ne!(division("a", "x"), division("b", "x"));
        assert_ne!(division("a", "x"), division("a", "y"));
    }
}
