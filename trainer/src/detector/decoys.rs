//! What a first look takes for faces in photographs without one: a second look learns to tell.

use anyhow::Result;
use burn::tensor::{Device, read_sync};
use glae_face::detector::decode::Face;
use glae_face::detector::tiles::one_each;
use glae_face::detector::turn::Turn;
use glae_face::detector::{Detector, DetectorSettings, Level};
use glae_model::StateDict;
use rayon::prelude::*;

use super::labels::LabelledPhoto;

/// What a first look gives at least this score is a decoy.
const LEAST_SCORE: f32 = 0.2;

/// Longer side at which photographs are looked at as a whole.
const SIDE: u32 = 320;

/// What was taken for a face.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decoy {
    /// Index of the photograph among those without faces.
    pub background: usize,
    /// In its pixels.
    pub face: Face,
}

/// The decoys of all photographs: looked at as a whole in each of the four turns, and in tiles at twice the size, as a search
/// looks at them.
///
/// # Errors
/// The weights are not those of a detector, or the device fails.
pub fn decoys(backgrounds: &[LabelledPhoto], state: &StateDict, device: &Device) -> Result<Vec<Decoy>> {
    let detector = Detector::new(state, device)?;
    let settings = DetectorSettings {
        least_score: LEAST_SCORE,
        longest_side: SIDE,
        second_look: false,
        ..DetectorSettings::default()
    };
    let all = |(background, LabelledPhoto { photo, .. }): (usize, &LabelledPhoto)| -> Result<Vec<Decoy>> {
        let mut faces = read_sync(detector.detect(photo, settings))?;
        for turn in Turn::OTHERS {
            faces.extend(read_sync(detector.detect_turned(photo, settings, turn))?);
        }
        let closer = Level::new(photo, 2 * SIDE, Turn::None);
        let mut close = Vec::new();
        for tile in closer.tiles(SIDE) {
            close.extend(read_sync(detector.detect_in(&closer, &tile, settings))?);
        }
        faces.extend(one_each(close));
        Ok(faces.into_iter().map(|face| Decoy { background, face }).collect())
    };
    let found: Result<Vec<Vec<Decoy>>> = backgrounds.par_iter().enumerate().map(all).collect();
    Ok(found?.concat())
}
