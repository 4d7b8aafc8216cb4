//! Both networks on one device: from pixels to faces with ages.

use std::cell::RefCell;

use glae_face::RgbImage;
use glae_face::crop::{Square, crop_square};
use glae_face::detector::trust::{Doubt, doubt};
use glae_face::detector::{Detector, Settings};
use glae_face::similarity::align;
use glae_model::{Estimate, Estimator};

use super::helper::Helper;
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
    /// Computes half of each estimate, where there is one.
    pub(super) helper: RefCell<Option<Helper>>,
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
            let estimates = self.estimate(&pixels).await?;
            for (estimate, seen) in estimates.into_iter().zip(&mut trusted) {
                seen.estimate = Some(Box::new(estimate));
            }
        }
        let (detect, crop) = (detected - begin, cropped - detected);
        Ok((seen, self.times(detect, crop, cropped)))
    }

    /// The age in a square chosen by hand, which stands for the straightened face.
    ///
    /// # Errors
    /// The device failed.
    pub(super) async fn square(&self, photo: &RgbImage, square: Square) -> Result<(Vec<Seen>, Times), String> {
        let begin = now();
        let crop = crop_square(photo, square, self.estimator.manifest().input.size as u32);
        let cropped = now();
        let estimates = self.estimate(&[crop.as_raw()]).await?;
        let seen = estimates.into_iter().map(|e| Seen { face: None, doubt: None, estimate: Some(Box::new(e)) });
        Ok((seen.collect(), self.times(0.0, cropped - begin, cropped)))
    }

    /// Both classifiers' answers for straightened faces, by two workers where there is a helper.
    async fn estimate(&self, crops: &[&[u8]]) -> Result<Vec<Estimate>, String> {
        let helper = self.helper.borrow().clone();
        if let Some(helper) = helper {
            let network = self.estimator.inference();
            if let Ok(estimates) = network.estimate_by_two(crops, |planes| helper.logits(&planes)).await {
                return Ok(estimates);
            }
            // One that failed once is not asked again.
            self.helper.take();
        }
        self.estimator.estimate(crops).await.map_err(|error| error.to_string())
    }

    /// Starts a helper. Without one, this worker computes alone.
    pub(super) async fn call_for_help(&self, weights: &[u8]) {
        if let Ok(helper) = Helper::start(self.estimator.manifest(), weights).await {
            *self.helper.borrow_mut() = Some(helper);
        }
    }

    /// Where the time went; the network began at `cropped`.
    fn times(&self, detect: f64, crop: f64, cropped: f64) -> Times {
        let workers = if self.helper.borrow().is_some() { 2 } else { 1 };
        Times { detect, crop, network: now() - cropped, workers, ..Times::default() }
    }
}
