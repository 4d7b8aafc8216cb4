//! All of inference: crops in, ages out.

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::AGES;
use crate::config::NetworkConfig;
use crate::engine::DeviceError;
use crate::fold::FoldedNet;
use crate::golden::{self, GoldenError, GoldenOutcome};
use crate::manifest::{AgeManifest, Input, Manifest};
use crate::routing::{Answer, MirrorPair, Route, Routing, Rules, Temperatures};
use crate::weights::{Arrays, WeightsError};

/// What the network says of one face.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The answer that is shown, in years.
    pub years: f32,
    /// The rule by which it was made.
    pub rule: Routing,
    /// The classifiers it is of.
    pub route: Route,
    /// Share of the vanilla classifier in it, 0 to 1.
    pub vanilla_share: f32,
    /// Divergence of the vanilla classifier between image and mirror image, in nats (`[GLAE] eq. (11)`).
    pub kl_vanilla: f32,
    /// The same of the balanced classifier.
    pub kl_balanced: f32,
    /// The vanilla classifier's answer.
    pub vanilla: Answer,
    /// The balanced classifier's answer.
    pub balanced: Answer,
    /// Its distribution, ages 0 to 100.
    pub distribution: Vec<f32>,
}

/// Both classifiers' logits for one face, 101 each: of the image, then of its mirror image.
#[derive(Clone, Debug, PartialEq)]
pub struct Heads {
    /// Of the vanilla classifier.
    pub vanilla: [Vec<f32>; 2],
    /// Of the balanced classifier.
    pub balanced: [Vec<f32>; 2],
}

impl Heads {
    /// One answer by these rules.
    pub fn estimate(&self, rules: Rules) -> Estimate {
        let pair = |[image, mirror]: &[Vec<f32>; 2], temperature| MirrorPair::from_logits(image, mirror, temperature);
        let Temperatures { vanilla, balanced } = rules.temperatures;
        Estimate::new(&pair(&self.vanilla, vanilla), &pair(&self.balanced, balanced), rules)
    }
}

impl Estimate {
    /// One answer out of both classifiers', which have been divided by their temperatures.
    pub fn new(vanilla: &MirrorPair, balanced: &MirrorPair, rules: Rules) -> Self {
        let Rules { routing, readout, .. } = rules;
        let share = routing.vanilla_share(vanilla, balanced);
        let (a, b) = (vanilla.mean(), balanced.mean());
        let shown: Vec<f64> = a.iter().zip(&b).map(|(a, b)| share * a + (1.0 - share) * b).collect();
        let shown = Answer::new(&shown, readout);
        Self {
            years: shown.years,
            rule: routing,
            route: routing.route(share),
            vanilla_share: share as f32,
            kl_vanilla: vanilla.divergence() as f32,
            kl_balanced: balanced.divergence() as f32,
            distribution: shown.distribution,
            vanilla: Answer::new(&a, readout),
            balanced: Answer::new(&b, readout),
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
    /// The device gave no numbers.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

/// A folded network on a device, ready for faces.
#[derive(Debug)]
pub struct Inference {
    net: FoldedNet,
    input: Input,
    rules: Rules,
}

impl Inference {
    /// Folds and uploads a state dict.
    ///
    /// # Errors
    /// The state belongs to another architecture.
    pub fn new(
        network: &NetworkConfig,
        state: &dyn Arrays,
        input: Input,
        rules: Rules,
        device: &Device,
    ) -> Result<Self, WeightsError> {
        Ok(Self { net: FoldedNet::new(network, state, device)?, input, rules })
    }

    /// Estimates the age of each crop (RGB8, row-major, `size * size * 3` bytes), all in one backbone pass on
    /// `[x, flip x]`.
    ///
    /// # Errors
    /// A crop of the wrong size, or a device that fails.
    pub async fn estimate(&self, crops: &[&[u8]]) -> Result<Vec<Estimate>, EstimateError> {
        Ok(self.heads(crops).await?.iter().map(|heads| heads.estimate(self.rules)).collect())
    }

    /// The same, but for the rules that make one answer of both classifiers'.
    ///
    /// # Errors
    /// As [`Self::estimate`].
    pub async fn heads(&self, crops: &[&[u8]]) -> Result<Vec<Heads>, EstimateError> {
        if crops.is_empty() {
            return Ok(Vec::new());
        }
        let (count, rows) = (crops.len(), crops.len() * 2);
        let mut planes = self.planes(crops, false)?;
        planes.append(&mut self.planes(crops, true)?);
        let logits = self.logits(&planes).await?;
        Ok(heads(count, |head, index, mirrored| {
            &logits[(head * rows + index + if mirrored { count } else { 0 }) * AGES..][..AGES]
        }))
    }

    /// The same by two: `other` gets the mirror images (`[crops, 3, size, size]`, normalised) and gives their logits
    /// (`[2, crops, 101]`), while those of the crops are computed here.
    ///
    /// # Errors
    /// As [`Self::estimate`], and what `other` fails with.
    pub async fn estimate_by_two<F: Future<Output = Result<Vec<f32>, EstimateError>>>(
        &self,
        crops: &[&[u8]],
        other: impl FnOnce(Vec<f32>) -> F,
    ) -> Result<Vec<Estimate>, EstimateError> {
        if crops.is_empty() {
            return Ok(Vec::new());
        }
        let count = crops.len();
        let mirrored = other(self.planes(crops, true)?);
        let own = self.logits(&self.planes(crops, false)?).await?;
        let logits = [own, mirrored.await?];
        if logits[1].len() != logits[0].len() {
            let sizes = format!("{} logits of the mirror images, {} of the images", logits[1].len(), logits[0].len());
            return Err(DeviceError::Garbled(sizes).into());
        }
        let all = heads(count, |head, index, mirrored| {
            &logits[usize::from(mirrored)][(head * count + index) * AGES..][..AGES]
        });
        Ok(all.iter().map(|heads| heads.estimate(self.rules)).collect())
    }

    /// The vanilla and the balanced classifier's answers to the generated picture of this side and seed, without its mirror
    /// image. It may be smaller than the network's input, see [`FoldedNet::forward`].
    ///
    /// # Errors
    /// A device that fails.
    pub async fn proof(&self, side: usize, seed: u32) -> Result<[Answer; 2], EstimateError> {
        let mut planes = Vec::new();
        Input { size: side, ..self.input }.normalise(&golden::picture(side, seed), false, &mut planes);
        let logits = DeviceError::finite(self.net.forward(&planes, [1, 3, side, side]).await?)?;
        let (vanilla, balanced) = logits.split_at(AGES);
        let Rules { readout, temperatures: Temperatures { vanilla: hot, balanced: other }, .. } = self.rules;
        let answer =
            |logits, temperature| Answer::new(&MirrorPair::from_logits(logits, logits, temperature).mean(), readout);
        Ok([answer(vanilla, hot), answer(balanced, other)])
    }

    /// What the network sees of crops: `[crops, 3, size, size]`, normalised.
    fn planes(&self, crops: &[&[u8]], mirrored: bool) -> Result<Vec<f32>, EstimateError> {
        let expected = self.crop_bytes();
        let mut planes = Vec::with_capacity(crops.len() * expected);
        for crop in crops {
            if crop.len() != expected {
                return Err(EstimateError::CropSize { expected, found: crop.len() });
            }
            self.input.normalise(crop, mirrored, &mut planes);
        }
        Ok(planes)
    }

    /// Bytes of a crop, and numbers of its planes.
    fn crop_bytes(&self) -> usize {
        self.input.size * self.input.size * 3
    }

    /// Both classifiers' logits, `[2, images, 101]`, of normalised images, `[images, 3, size, size]`.
    ///
    /// # Errors
    /// Images of another size, or a device that fails.
    pub async fn logits(&self, planes: &[f32]) -> Result<Vec<f32>, EstimateError> {
        let (size, expected) = (self.input.size, self.crop_bytes());
        if planes.is_empty() || !planes.len().is_multiple_of(expected) {
            return Err(EstimateError::CropSize { expected, found: planes.len() });
        }
        let shape = [planes.len() / expected, 3, size, size];
        Ok(DeviceError::finite(self.net.forward(planes, shape).await?)?)
    }
}

/// Logits by face, found by classifier, crop, and whether the mirror image's are meant.
fn heads<'a>(crops: usize, logits: impl Fn(usize, usize, bool) -> &'a [f32]) -> Vec<Heads> {
    let both = |head, crop| [false, true].map(|mirrored| logits(head, crop, mirrored).to_vec());
    (0..crops).map(|crop| Heads { vanilla: both(0, crop), balanced: both(1, crop) }).collect()
}

/// Weights with their manifest on a device.
#[derive(Debug)]
pub struct Estimator {
    manifest: AgeManifest,
    inference: Inference,
}

impl Estimator {
    /// Checks the weights against their manifest, folds and uploads them.
    ///
    /// # Errors
    /// Wrong checksum, damaged file, another architecture.
    pub fn load(manifest: AgeManifest, weights: &[u8], device: &Device) -> Result<Self, WeightsError> {
        let file = manifest.file(weights)?;
        Self::new(manifest, &file, device)
    }

    /// The same for weights that were checked before.
    ///
    /// # Errors
    /// Another architecture.
    pub fn new(manifest: AgeManifest, state: &dyn Arrays, device: &Device) -> Result<Self, WeightsError> {
        let inference = Inference::new(&manifest.network, state, manifest.input, manifest.rules(), device)?;
        Ok(Self { manifest, inference })
    }

    /// What the weights say of themselves.
    pub fn manifest(&self) -> &AgeManifest {
        &self.manifest
    }

    /// The network itself.
    pub fn inference(&self) -> &Inference {
        &self.inference
    }

    /// Manifest and network.
    pub fn into_parts(self) -> (AgeManifest, Inference) {
        (self.manifest, self.inference)
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
        let AgeManifest { input, golden, .. } = &self.manifest;
        golden.compare(&self.inference.proof(golden.side.unwrap_or(input.size), golden.seed).await?)
    }
}
