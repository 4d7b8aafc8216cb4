//! The right answers, computed natively: what the page does with a photograph, by the same functions on the CPU.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use glae_face::RgbImage;
use glae_face::crop::{Square, crop_square};
use glae_face::detector::decode::Face;
use glae_face::detector::manifest::Manifest as DetectorManifest;
use glae_face::detector::trust::{Doubt, doubt};
use glae_face::detector::{Detector, Settings};
use glae_face::photo;
use glae_face::similarity::align;
use glae_model::manifest::{Crop, sha256};
use glae_model::{Estimate, Estimator, Manifest, StateDict};
use serde_json::Value;

/// Faces that the page sends through the age network together.
const TOGETHER: usize = 8;

/// One face of a photograph.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Where it is, in pixels of the photograph.
    pub face: Face,
    /// Why there is no estimate.
    pub doubt: Option<Doubt>,
    /// Its age.
    pub estimate: Option<Estimate>,
}

/// Both networks on the CPU.
#[derive(Debug)]
pub struct Native {
    detector: Detector,
    settings: Settings,
    estimator: Estimator,
    template: [[f32; 2]; 5],
}

/// `index.json` of a folder of weights.
///
/// # Errors
/// It cannot be read.
pub fn index(folder: &Path) -> Result<Value> {
    let path = folder.join("index.json");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no JSON", path.display()))
}

/// A name in `index.json`: that of the `default` age network, or of the `detector`.
///
/// # Errors
/// The index cannot be read or has no such name.
pub fn named(folder: &Path, key: &str) -> Result<String> {
    let name = index(folder)?[key].as_str().map(str::to_owned);
    name.with_context(|| format!("{} names no {key}", folder.join("index.json").display()))
}

/// The shipped detector on the CPU, and what its manifest says of it.
///
/// # Errors
/// Weights or manifest are missing or damaged.
pub fn detector(folder: &Path) -> Result<(Detector, DetectorManifest)> {
    let own = folder.join(named(folder, "detector")?);
    let path = own.join("manifest.json");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let manifest = DetectorManifest::parse(&text).with_context(|| path.display().to_string())?;
    let bytes = fs::read(own.join(&manifest.file))?;
    if sha256(&bytes) != manifest.sha256 {
        bail!("{}: the weights are not those the manifest speaks of", own.display());
    }
    let device = Device::flex();
    Ok((Detector::new(&StateDict::from_safetensors(&bytes)?, &device)?, manifest))
}

impl Native {
    /// The shipped detector, and the age network of this name, from a folder of weights.
    ///
    /// # Errors
    /// Weights are missing or damaged, or were trained on something else than straightened faces.
    pub fn load(folder: &Path, name: &str) -> Result<Self> {
        let (detector, finder) = detector(folder)?;
        let own = folder.join(name);
        let manifest = Manifest::parse(&fs::read_to_string(own.join("manifest.json"))?)?;
        let Crop::Landmarks(template) = manifest.input.crop else {
            bail!("{name} was trained on whole squares; the page refuses it");
        };
        let bytes = fs::read(own.join(&manifest.file))?;
        let estimator = Estimator::load(manifest, &bytes, &Device::flex())?;
        Ok(Self { detector, settings: finder.settings, estimator, template })
    }

    /// All faces of a photograph file, from left to right, each that can be trusted with its age.
    ///
    /// # Errors
    /// The file cannot be decoded, or the device fails.
    pub async fn look(&self, file: &Path) -> Result<Vec<Seen>> {
        let photo = read(file)?;
        let mut seen = Vec::new();
        let mut crops = Vec::new();
        for face in self.detector.detect(&photo, self.settings).await? {
            let mut doubt = doubt(&face);
            if doubt.is_none() {
                match align(&photo, &face.points, &self.template, self.size()) {
                    Some(crop) => crops.push(crop),
                    None => doubt = Some(Doubt::Turned),
                }
            }
            seen.push(Seen { face, doubt, estimate: None });
        }
        let mut trusted = seen.iter_mut().filter(|seen| seen.doubt.is_none());
        for together in crops.chunks(TOGETHER) {
            let pixels: Vec<&[u8]> = together.iter().map(|crop| crop.as_raw().as_slice()).collect();
            for (estimate, seen) in self.estimator.estimate(&pixels).await?.into_iter().zip(&mut trusted) {
                seen.estimate = Some(estimate);
            }
        }
        Ok(seen)
    }

    /// The age in a photograph of a single face.
    ///
    /// # Errors
    /// As [`Self::look`]; there is none, or more than one, or its age cannot be told.
    pub async fn only(&self, file: &Path) -> Result<Estimate> {
        let [Seen { estimate: Some(estimate), .. }] = <[Seen; 1]>::try_from(self.look(file).await?)
            .map_err(|seen| anyhow::anyhow!("{} shows {} faces instead of one", file.display(), seen.len()))?
        else {
            bail!("the age of the face in {} cannot be told", file.display());
        };
        Ok(estimate)
    }

    /// The age in a square of a photograph file, chosen by hand.
    ///
    /// # Errors
    /// The file cannot be decoded, or the device fails.
    pub async fn square(&self, file: &Path, square: Square) -> Result<Estimate> {
        let crop = crop_square(&read(file)?, square, self.size());
        let mut estimates = self.estimator.estimate(&[crop.as_raw()]).await?;
        estimates.pop().context("one crop gives one estimate")
    }

    /// The same for the largest square in the middle.
    ///
    /// # Errors
    /// As [`Self::square`].
    pub async fn middle(&self, file: &Path) -> Result<Estimate> {
        let (width, height) = read(file)?.dimensions();
        self.square(file, Square::centred(width, height)).await
    }

    fn size(&self) -> u32 {
        self.estimator.manifest().input.size as u32
    }
}

/// The age of the largest face that has one: it stands for the photograph.
pub fn main(seen: &[Seen]) -> Option<&Estimate> {
    let area = |seen: &&Seen| seen.face.width * seen.face.height;
    let known = seen.iter().filter(|seen| seen.estimate.is_some());
    known.max_by(|a, b| area(a).total_cmp(&area(b)))?.estimate.as_ref()
}

fn read(file: &Path) -> Result<RgbImage> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    photo::decode(&bytes).with_context(|| file.display().to_string())
}
