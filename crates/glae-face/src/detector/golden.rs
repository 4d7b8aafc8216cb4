//! The golden check: a generated picture whose answers the manifest knows.
//!
//! A shader that fails to compile on some device is only logged, and the numbers come out wrong. So each device proves
//! itself at start.

use glae_model::golden::texture;
use image::{Rgb, RgbImage};
use serde::{Deserialize, Serialize};

use super::DetectError;
use super::decode::priors;
use super::network::OUTPUTS;

/// Largest side of a generated picture, in pixels: it is computed at each start, before the first answer.
pub const LARGEST_SIDE: u32 = 1024;

/// A generated picture and what the exported weights answer to it on the native CPU path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetectorGolden {
    /// Seed of the picture, see [`picture`].
    pub seed: u32,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// Of the answers, `[priors, 16]` row by row, the first one is kept and then every so many-th. An odd number meets all
    /// 16 outputs in turn, and all three levels.
    pub every: usize,
    /// Those answers: raw numbers of the network.
    pub answers: Vec<f32>,
    /// The same of the second look's own weights; empty where it has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub second: Vec<f32>,
    /// Largest allowed difference of an answer, relative to 1 or, where it is larger, to the known answer.
    pub tolerance: f32,
}

impl DetectorGolden {
    /// The check that new manifests carry, still without answers. Neither side of the picture is a multiple of 32, so that
    /// padding is checked as well.
    ///
    /// CHOICE: tolerance 0.01. A hundredth of a logit or of a stride moves no face, and f32 arithmetic in another order
    /// changes less; a broken shader is wrong by much more.
    pub(super) fn plan() -> Self {
        Self { seed: 1, width: 120, height: 90, every: 11, answers: Vec::new(), second: Vec::new(), tolerance: 1e-2 }
    }

    /// The part of all answers that is kept.
    pub(super) fn spread(&self, all: &[f32]) -> Vec<f32> {
        all.iter().step_by(self.every).copied().collect()
    }

    /// How many answers a complete check holds.
    fn expected(&self) -> usize {
        let padded = |side: u32| (side as usize).next_multiple_of(32);
        (priors(padded(self.width), padded(self.height)).len() * OUTPUTS).div_ceil(self.every)
    }

    /// Compares all answers of a device with those that are `known`.
    ///
    /// # Errors
    /// One is off by more than the tolerance, is not a number, or is missing.
    pub(super) fn compare(&self, all: &[f32], known: &[f32]) -> Result<(), DetectError> {
        let found = self.spread(all);
        let off = |(known, found): (&f32, &f32)| (known - found).abs() / known.abs().max(1.0);
        let worst = |worst: f32, off: f32| if off.is_nan() { f32::INFINITY } else { worst.max(off) };
        let off = match found.len() == known.len() {
            true => known.iter().zip(&found).map(off).fold(0.0, worst),
            false => f32::INFINITY,
        };
        if off <= self.tolerance { Ok(()) } else { Err(DetectError::Wrong { off, tolerance: self.tolerance }) }
    }

    /// What is wrong with it, if anything.
    pub(super) fn problem(&self) -> Option<String> {
        let sides = 1..=LARGEST_SIDE;
        if !sides.contains(&self.width) || !sides.contains(&self.height) {
            return Some(format!("`golden` needs a width and a height of 1 to {LARGEST_SIDE} pixels"));
        }
        if self.every == 0 || self.answers.len() != self.expected() {
            return Some("`golden.answers` has another length than its picture asks for".to_owned());
        }
        if !self.second.is_empty() && self.second.len() != self.expected() {
            return Some("`golden.second` has another length than its picture asks for".to_owned());
        }
        if !(self.tolerance > 0.0 && self.tolerance.is_finite())
            || self.answers.iter().chain(&self.second).any(|a| !a.is_finite())
        {
            return Some("`golden` needs a positive tolerance and finite answers".to_owned());
        }
        None
    }
}

/// An ellipse of a drawn face: centre and radii in hundredths of half the face's height, from its middle; y grows
/// downwards.
struct Ellipse {
    centre: [i64; 2],
    radii: [i64; 2],
    colour: [u8; 3],
}

/// Hair, skin, eyes with pupils, brows, nose, mouth; later ones lie on top.
const FACE: [Ellipse; 10] = [
    ellipse([0, -40], [92, 105], [92, 66, 52]),
    ellipse([0, 0], [78, 100], [205, 160, 134]),
    ellipse([-33, -14], [15, 9], [240, 240, 240]),
    ellipse([33, -14], [15, 9], [240, 240, 240]),
    ellipse([-33, -14], [7, 8], [45, 40, 48]),
    ellipse([33, -14], [7, 8], [45, 40, 48]),
    ellipse([-33, -32], [19, 4], [64, 46, 36]),
    ellipse([33, -32], [19, 4], [64, 46, 36]),
    ellipse([0, 17], [9, 16], [176, 137, 115]),
    ellipse([0, 52], [27, 7], [165, 84, 84]),
];

const fn ellipse(centre: [i64; 2], radii: [i64; 2], colour: [u8; 3]) -> Ellipse {
    Ellipse { centre, radii, colour }
}

/// Parts of a pixel in which ellipses are measured.
const PARTS: i64 = 16;

/// The generated picture, RGB8, from integers only, so that every platform draws the same: a coarse grid of hashed colours,
/// interpolated, which gives the smooth gradients of a photograph, and before it two drawn faces, a large one on the left
/// and a small one on the right, so that the known answers hold faces and not only their absence.
pub fn picture(width: u32, height: u32, seed: u32) -> RgbImage {
    let cell = (width.max(height) / 5).max(1);
    let mut picture = RgbImage::from_fn(width, height, |x, y| Rgb(texture(seed, cell, [x, y])));
    let (w, h) = (i64::from(width), i64::from(height));
    draw(&mut picture, [w * 5 / 16, h * 17 / 32], h * 3 / 8);
    draw(&mut picture, [w * 13 / 16, h * 11 / 32], h * 3 / 20);
    picture
}

/// Draws a face with its middle at a pixel's corner; `half` is half its height in pixels.
fn draw(picture: &mut RgbImage, [cx, cy]: [i64; 2], half: i64) {
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        let at = [(i64::from(x) - cx) * PARTS + PARTS / 2, (i64::from(y) - cy) * PARTS + PARTS / 2];
        for Ellipse { centre, radii, colour } in &FACE {
            let parts = |hundredths: i64| hundredths * half * PARTS / 100;
            let [dx, dy] = [at[0] - parts(centre[0]), at[1] - parts(centre[1])];
            let [rx, ry] = radii.map(parts);
            // (dx / rx)² + (dy / ry)² < 1
            if dx * dx * ry * ry + dy * dy * rx * rx < rx * rx * ry * ry {
                *pixel = Rgb(*colour);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn golden(answers: Vec<f32>) -> DetectorGolden {
        DetectorGolden { answers, ..DetectorGolden::plan() }
    }

    #[test]
    fn all_outputs_of_all_levels_are_kept() {
        // 128 x 96 pixels after padding: 16 * 12, 8 * 6 and 4 * 3 priors.
        let all: Vec<f32> = (0..(192 + 48 + 12) * 16).map(|k| k as f32).collect();
        let kept = golden(Vec::new()).spread(&all);
        assert_eq!((kept.len(), kept[2]), (367, 22.0));
        for level in [0..192 * 16, 192 * 16..240 * 16, 240 * 16..252 * 16] {
            let outputs = kept.iter().map(|k| *k as usize).filter(|k| level.contains(k)).map(|k| k % 16);
            assert_eq!(outputs.collect::<std::collections::BTreeSet<_>>().len(), 16);
        }
        assert_eq!(golden(kept).problem(), None);
    }

    #[test]
    fn a_wrong_device_is_told_by_how_much() {
        let all: Vec<f32> = (0..252 * 16).map(|k| (k % 7) as f32 - 3.0).collect();
        let known = golden(golden(Vec::new()).spread(&all));
        assert!(known.compare(&all, &known.answers).is_ok());
        // The answer at 11 is (11 % 7) - 3 = 1, the one at 44 is -1, the one at 22 is -2.
        let off = |index: usize, by: f32| {
            let mut all = all.clone();
            all[index] += by;
            known.compare(&all, &known.answers)
        };
        assert!(off(11, 0.009).is_ok() && off(22, 0.018).is_ok());
        let text = off(44, 0.5).unwrap_err().to_string();
        assert!(text.contains("off by 0.5000"), "{text}");
        assert!(matches!(off(22, 0.03), Err(DetectError::Wrong { off, .. }) if (off - 0.015).abs() < 1e-6));
        assert!(off(11, f32::NAN).is_err());
        assert!(known.compare(&all[16..], &known.answers).is_err());
        // What lies between the kept answers is not looked at.
        assert!(off(12, 9.0).is_ok());
    }

    #[test]
    fn an_incomplete_check_has_a_problem() {
        let whole = golden(vec![0.5; 367]);
        assert_eq!(whole.problem(), None);
        let wrong = [
            DetectorGolden { width: 0, ..whole.clone() },
            DetectorGolden { height: LARGEST_SIDE + 1, ..whole.clone() },
            DetectorGolden { every: 0, ..whole.clone() },
            DetectorGolden { every: 13, ..whole.clone() },
            DetectorGolden { tolerance: 0.0, ..whole.clone() },
            DetectorGolden { tolerance: f32::INFINITY, ..whole.clone() },
            golden(vec![f32::NAN; 367]),
            golden(Vec::new()),
        ];
        for golden in wrong {
            assert!(golden.problem().is_some(), "{golden:?}");
        }
    }

    #[test]
    fn the_picture_never_changes() {
        let picture = picture(120, 90, 1);
        assert_eq!(picture.dimensions(), (120, 90));
        let checksum = picture.as_raw().iter().fold(0u32, |sum, p| sum.wrapping_mul(31).wrapping_add(u32::from(*p)));
        assert_eq!(checksum, 0x4A90_A2CE);
        assert_ne!(picture, super::picture(120, 90, 2));
    }
}
