//! All of inference: crops in, ages out.

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::AGES;
use crate::config::NetworkConfig;
use crate::fold::FoldedNet;
use crate::golden::{self, GoldenError, GoldenOutcome};
use crate::manifest::{Input, Manifest};
use crate::routing::{Answer, Pair, Route, Routing};
use crate::weights::{StateDict, WeightsError};

/// What the network says of one face.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The answer of the classifier that was routed to, in years.
    pub years: f32,
    /// That classifier.
    pub route: Route,
    /// Divergence of the vanilla classifier between image and mirror image, in nats (`[GLAE] eq. (11)`).
    pub kl_vanilla: f32,
    /// The same of the balanced classifier.
    pub kl_balanced: f32,
    /// The vanilla classifier's answer.
    pub vanilla: Answer,
    /// The balanced classifier's answer.
    pub balanced: Answer,
    /// The routed classifier's distribution, ages 0 to 100.
    pub distribution: Vec<f32>,
}

impl Estimate {
    /// Routes between two classifiers' answers.
    pub fn new(vanilla: &Pair, balanced: &Pair, routing: Routing) -> Self {
        let route = routing.pick(vanilla, balanced);
        let answers = (vanilla.answer(), balanced.answer());
        let chosen = if route == Route::Vanilla { &answers.0 } else { &answers.1 };
        Self {
            years: chosen.years,
            route,
            kl_vanilla: vanilla.divergence() as f32,
            kl_balanced: balanced.divergence() as f32,
            distribution: chosen.distribution.clone(),
            vanilla: answers.0,
            balanced: answers.1,
        }
    }
}

/// Why there is no estimate.
#[derive(Debug, thiserror::Error)]
pub enum EstimateError {
    /// A crop of another size than the manifest's.
    #[error("a crop has {found} bytes, this network needs {expected}")]
    CropSize {
        /// size * size * 3
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// The device failed, or was lost.
    #[error("the device stopped computing: {0}")]
    Device(String),
    /// The device gave NaN or infinity.
    #[error("the device gave numbers that are not finite")]
    NotFinite,
}

/// A folded network on a device, ready for faces.
#[derive(Debug)]
pub struct Inference {
    net: FoldedNet,
    input: Input,
    routing: Routing,
}

impl Inference {
    /// Folds and uploads a state dict.
    ///
    /// # Errors
    /// The state belongs to another architecture.
    pub fn new(
        network: &NetworkConfig,
        state: &StateDict,
        input: Input,
        routing: Routing,
        device: &Device,
    ) -> Result<Self, WeightsError> {
        Ok(Self { net: FoldedNet::new(network, state, device)?, input, routing })
    }

    /// Estimates the age of each crop (RGB8, row-major, `size * size * 3` bytes), all in one backbone pass on
    /// `[x, flip x]`.
    ///
    /// # Errors
    /// A crop of the wrong size, or a device that fails.
    pub async fn estimate(&self, crops: &[&[u8]]) -> Result<Vec<Estimate>, EstimateError> {
        if crops.is_empty() {
            return Ok(Vec::new());
        }
        let size = self.input.size;
        let expected = size * size * 3;
        if let Some(crop) = crops.iter().find(|crop| crop.len() != expected) {
            return Err(EstimateError::CropSize { expected, found: crop.len() });
        }
        let rows = crops.len() * 2;
        let mut planes = Vec::with_capacity(rows * expected);
        for mirrored in [false, true] {
            crops.iter().for_each(|crop| self.input.normalise(crop, mirrored, &mut planes));
        }
        let logits = self.net.forward(planes, [rows, 3, size, size]).into_data_async().await;
        let logits = logits.map_err(|error| EstimateError::Device(format!("{error:?}")))?;
        let logits: Vec<f32> = logits.try_to_vec().map_err(|error| EstimateError::Device(format!("{error:?}")))?;
        if logits.iter().any(|logit| !logit.is_finite()) {
            return Err(EstimateError::NotFinite);
        }
        let row = |head: usize, index: usize| &logits[(head * rows + index) * AGES..][..AGES];
        let pair = |head, crop| Pair::from_logits(row(head, crop), row(head, crops.len() + crop));
        Ok((0..crops.len()).map(|crop| Estimate::new(&pair(0, crop), &pair(1, crop), self.routing)).collect())
    }
}

/// Weights with their manifest on a device.
#[derive(Debug)]
pub struct Estimator {
    manifest: Manifest,
    inference: Inference,
}

impl Estimator {
    /// Checks the weights against their manifest, folds and uploads them.
    ///
    /// # Errors
    /// Wrong checksum, damaged file, another architecture.
    pub fn load(manifest: Manifest, weights: &[u8], device: &Device) -> Result<Self, WeightsError> {
        manifest.verify(weights)?;
        let state = StateDict::from_safetensors(weights)?;
        let inference = Inference::new(&manifest.network, &state, manifest.input, manifest.routing, device)?;
        Ok(Self { manifest, inference })
    }

    /// What the weights say of themselves.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// See [`Inference::estimate`].
    ///
    /// # Errors
    /// A crop of the wrong size, or a device that fails.
    pub async fn estimate(&self, crops: &[&[u8]]) -> Result<Vec<Estimate>, EstimateError> {
        self.inference.estimate(crops).await
    }

    /// Runs the manifest's generated input and compares with the known answer.
    ///
    /// # Errors
    /// The device fails or computes something else.
    pub async fn golden_check(&self) -> Result<GoldenOutcome, GoldenError> {
        let picture = golden::picture(self.manifest.input.size, self.manifest.golden.seed);
        match self.estimate(&[&picture]).await {
            Ok(found) => self.manifest.golden.compare(&found[0]),
            Err(_) => Err(GoldenError { probability_error: f32::INFINITY, years_error: f32::INFINITY }),
        }
    }
}
