//! The faces of a picture, and which of them the picture is of.

use glae_face::RgbImage;
use glae_face::detector::decode::Face;
use glae_face::detector::{DetectError, Detector, Settings};

/// The detector, used as its manifest says.
#[derive(Debug)]
pub struct Finder {
    detector: Detector,
    settings: Settings,
}

impl Finder {
    /// `settings` are those of the detector's manifest.
    pub fn new(detector: Detector, settings: Settings) -> Self {
        Self { detector, settings }
    }

    /// All faces of an upright picture, from left to right, in its pixels.
    ///
    /// # Errors
    /// The device failed.
    pub async fn faces(&self, picture: &RgbImage) -> Result<Vec<Face>, DetectError> {
        self.detector.detect(picture, self.settings).await
    }
}

/// The face that a picture of `width` x `height` pixels is of: the one with the largest product of size and nearness. Size
/// is the root of the box's area; nearness falls from 1 in the middle of the picture to 0 in its corners. `None` without
/// faces.
pub fn main_face(faces: &[Face], [width, height]: [u32; 2]) -> Option<usize> {
    let middle = [width, height].map(|side| side as f32 / 2.0);
    let weight = |face: &Face| {
        let [x, y] = face.middle();
        let away = (x - middle[0]).hypot(y - middle[1]) / middle[0].hypot(middle[1]).max(1.0);
        (face.width * face.height).sqrt() * (1.0 - away).max(0.0)
    };
    (0..faces.len()).max_by(|a, b| weight(&faces[*a]).total_cmp(&weight(&faces[*b])))
}
