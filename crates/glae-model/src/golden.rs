//! The golden check: a generated input whose answer the manifest knows.
//!
//! A shader that fails to compile on some device is only logged, and the numbers come out wrong. So each device proves
//! itself at start.

use serde::{Deserialize, Serialize};

#[cfg(feature = "network")]
use crate::estimator::EstimateError;
use crate::routing::Answer;

/// A generated input and the answer our native CPU path gave for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgeGolden {
    /// Seed of the generated picture.
    pub seed: u32,
    /// Side of the generated picture in pixels, where it is smaller than the network's input: visitors wait for this check, and
    /// every layer is proven by a small picture too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<usize>,
    /// What the exported weights' vanilla classifier answers on the CPU. The mirror image is left out: it would go the same
    /// way, and visitors wait for this check.
    pub vanilla: Answer,
    /// The balanced classifier's answer.
    pub balanced: Answer,
    /// Largest allowed difference of any probability. Years may differ by a hundred times as much.
    pub tolerance: f32,
}

/// The largest side of the picture that new manifests carry.
///
/// CHOICE: 64 pixels: two places of the last map side by side, so that each layer has an inside and an edge.
pub const SIDE: usize = 64;

/// The device computes what it should.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GoldenOutcome {
    /// Largest difference of any probability.
    pub probability_error: f32,
    /// Largest difference of the two classifiers' ages, in years.
    pub years_error: f32,
}

/// The device did not prove itself.
#[derive(Debug, thiserror::Error)]
pub enum GoldenError {
    /// It computes something else.
    #[error(
        "This device computed wrong numbers in a check with a known answer (off by {years_error:.3} years, {probability_error:.5} in a probability)."
    )]
    Wrong {
        /// Largest difference of any probability.
        probability_error: f32,
        /// Largest difference of the two classifiers' ages, in years.
        years_error: f32,
    },
    /// It computed nothing.
    #[cfg(feature = "network")]
    #[error("This device failed in a check with a known answer: {0}.")]
    Failed(#[from] EstimateError),
}

impl AgeGolden {
    /// Compares the vanilla and the balanced classifier's answers with the known ones.
    ///
    /// # Errors
    /// They differ by more than the tolerance, or a number is not finite.
    pub fn compare(&self, [vanilla, balanced]: &[Answer; 2]) -> Result<GoldenOutcome, GoldenError> {
        let heads = [(&self.vanilla, vanilla), (&self.balanced, balanced)];
        let probability_error = largest(heads.iter().flat_map(|(a, b)| a.distribution.iter().zip(&b.distribution)));
        let years_error = largest(heads.iter().map(|(a, b)| (&a.years, &b.years)));
        if probability_error <= self.tolerance && years_error <= 100.0 * self.tolerance {
            Ok(GoldenOutcome { probability_error, years_error })
        } else {
            Err(GoldenError::Wrong { probability_error, years_error })
        }
    }
}

/// The largest difference; NaN counts as infinite.
fn largest<'a>(pairs: impl Iterator<Item = (&'a f32, &'a f32)>) -> f32 {
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, |worst, d| if d.is_nan() { f32::INFINITY } else { worst.max(d) })
}

/// The generated picture: RGB8, `size` x `size`, from integers only, so that every platform draws the same.
pub fn picture(size: usize, seed: u32) -> Vec<u8> {
    let (side, cell) = (size as u32, (size as u32 / 7).max(1));
    (0..side).flat_map(|y| (0..side).flat_map(move |x| texture(seed, cell, [x, y]))).collect()
}

/// A pixel of a coarse grid of hashed colours, `cell` pixels wide and interpolated, which gives the smooth gradients and edges
/// of a photograph.
pub fn texture(seed: u32, cell: u32, [x, y]: [u32; 2]) -> [u8; 3] {
    let (column, row, fx, fy) = (x / cell, y / cell, x % cell, y % cell);
    [0, 1, 2].map(|channel| {
        let at = |c, r| u32::from(hash(seed, [channel, c, r]));
        let top = at(column, row) * (cell - fx) + at(column + 1, row) * fx;
        let bottom = at(column, row + 1) * (cell - fx) + at(column + 1, row + 1) * fx;
        ((top * (cell - fy) + bottom * fy) / (cell * cell)) as u8
    })
}

/// A byte from a seed and three coordinates (xorshift-multiply, as in murmur3's finaliser).
fn hash(seed: u32, coordinates: [u32; 3]) -> u8 {
    let mut h = coordinates.iter().fold(seed ^ 0x9E37_79B9, |h, c| (h ^ c).wrapping_mul(0x85EB_CA6B).rotate_left(13));
    h = (h ^ (h >> 16)).wrapping_mul(0xC2B2_AE35);
    (h ^ (h >> 15)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(years: f32) -> [Answer; 2] {
        [years, 30.0].map(|years| Answer { years, distribution: vec![0.25; 4] })
    }

    #[test]
    fn a_wrong_device_is_found_out() {
        let [vanilla, balanced] = answers(30.0);
        let golden = AgeGolden { seed: 1, side: None, vanilla, balanced, tolerance: 1e-3 };
        assert!(golden.compare(&answers(30.05)).is_ok());
        assert!(golden.compare(&answers(30.2)).is_err());
        assert!(golden.compare(&answers(f32::NAN)).is_err());
        let mut off = answers(30.0);
        off[1].distribution[2] = 0.26;
        assert!(golden.compare(&off).is_err());
    }

    #[test]
    fn the_picture_never_changes() {
        let pixels = picture(32, 1);
        assert_eq!(pixels.len(), 32 * 32 * 3);
        let checksum = pixels.iter().fold(0u32, |sum, p| sum.wrapping_mul(31).wrapping_add(u32::from(*p)));
        // Computed by a program of its own, in Python, from this file's formulas.
        assert_eq!(checksum, 468_430_196);
        assert_ne!(picture(32, 1), picture(32, 2));
    }
}
