//! Both networks on one device: from pixels to faces with ages.

use glae_face::RgbImage;
use glae_face::crop::{Square, crop_square};
use glae_face::detector::trust::{Doubt, doubt};
use glae_face::detector::{Detector, Settings};
use glae_face::similarity::align;
use glae_model::Estimator;

use super::protocol::{Seen, Times};
use crate::browser::now;

/// Faces that go through the age network together. More would need more memory than a phone gives a tab.
const TOGETHER: usize = 8;

/// Finds faces, straightens them, estimates their ages.
pub(super) struct Pipeline {
    pub(super) detector: Detector,
    /// How the detector looks at a photograph.
    pub(super) settings: Settings,
    pub(super) estimator: Estimator,
    /// Where a straightened face has its five points, in shares of the crop's side; the manifest's.
    pub(super) template: [[f32; 2]; 5],
}

impl Pipeline {
    /// All faces of a picture, from left to right.
    ///
    /// # Errors
    /// The device failed.
    pub(super) async fn look(&self, picture: &RgbImage) -> Result<(Vec<Seen>, Times), String> {
        let begin = now();
        let faces = self.detector.detect(picture, self.settings).await.map_err(|error| error.to_string())?;
        let detected = now();
        let size = self.estimator.manifest().input.size as u32;
        let mut seen = Vec::with_capacity(faces.len());
        let mut crops = Vec::new();
        for face in faces {
            let mut doubt = doubt(&face);
            if doubt.is_none() {
                match align(picture, &face.points, &self.template, size) {
                    Some(crop) => crops.push(crop),
                    // Points that coincide have no direction to straighten by.
                    None => doubt = Some(Doubt::Turned),
                }
            }
            seen.push(Seen { face: Some(face), doubt, estimate: None });
        }
        let cropped = now();
        let mut trusted = seen.iter_mut().filter(|seen| seen.doubt.is_none());
        for together in crops.chunks(TOGETHER) {
            let pixels: Vec<&[u8]> = together.iter().map(|crop| crop.as_raw().as_slice()).collect();
            let estimates = self.estimator.estimate(&pixels).await.map_err(|error| error.to_string())?;
            for (estimate, seen) in estimates.into_iter().zip(&mut trusted) {
                seen.estimate = Some(Box::new(estimate));
            }
        }
        let times = Times { decode: 0.0, detect: detected - begin, crop: cropped - detected, network: now() - cropped };
        Ok((seen, times))
    }

    /// The age in a square chosen by hand, which stands for the straightened face.
    ///
    /// # Errors
    /// The device failed.
    pub(super) async fn square(&self, photo: &RgbImage, square: Square) -> Result<(Vec<Seen>, Times), String> {
        let begin = now();
        let crop = crop_square(photo, square, self.estimator.manifest().input.size as u32);
        let cropped = now();
        let estimates = self.estimator.estimate(&[crop.as_raw()]).await.map_err(|error| error.to_string())?;
        let seen = estimates.into_iter().map(|e| Seen { face: None, doubt: None, estimate: Some(Box::new(e)) });
        Ok((seen.collect(), Times { decode: 0.0, detect: 0.0, crop: cropped - begin, network: now() - cropped }))
    }
}
