//! The right answers, computed natively: what the page does with a photograph, by the same pipeline on the CPU.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use glae_estimate::{Alone, Finder, Look, Pipeline};
use glae_face::RgbImage;
use glae_face::crop::Square;
use glae_face::detector::Detector;
use glae_face::detector::manifest::DetectorManifest;
use glae_face::photo;
use glae_model::{AgeManifest, Estimate, Estimator, Manifest};
use serde_json::Value;

/// Both networks on the CPU.
#[derive(Debug)]
pub struct Native(Pipeline);

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
    let state = manifest.file(&fs::read(own.join(&manifest.head.file))?)?.all()?;
    Ok((Detector::new(&state, &Device::flex())?, manifest))
}

impl Native {
    /// The shipped detector, and the age network of this name, from a folder of weights.
    ///
    /// # Errors
    /// Weights are missing or damaged, or were trained on something else than straightened faces.
    pub fn load(folder: &Path, name: &str) -> Result<Self> {
        let (detector, finder) = detector(folder)?;
        let own = folder.join(name);
        let manifest = AgeManifest::parse(&fs::read_to_string(own.join("manifest.json"))?)?;
        let bytes = fs::read(own.join(&manifest.head.file))?;
        let estimator = Estimator::load(manifest, &bytes, &Device::flex())?;
        Ok(Self(Pipeline::new(Finder::new(detector, finder.settings), estimator)?))
    }

    /// What is seen in a photograph file.
    ///
    /// # Errors
    /// The file cannot be decoded, or the device fails.
    pub async fn look(&self, file: &Path) -> Result<Look> {
        self.look_at(&read(file)?).await
    }

    /// What is seen in a photograph.
    ///
    /// # Errors
    /// The device fails.
    pub async fn look_at(&self, photo: &RgbImage) -> Result<Look> {
        Ok(self.0.look(photo, &Alone).await?)
    }

    /// The age in a photograph of a single face.
    ///
    /// # Errors
    /// As [`Self::look`]; there is none, or more than one, or its age cannot be told.
    pub async fn only(&self, file: &Path) -> Result<Estimate> {
        let look = self.look(file).await?;
        let count = look.seen.len();
        match look.main().and_then(|main| main.estimate.clone()) {
            _ if count != 1 => bail!("{} shows {count} faces instead of one", file.display()),
            Some(estimate) => Ok(*estimate),
            None => bail!("the age of the face in {} cannot be told", file.display()),
        }
    }

    /// The age in a square of a photograph file, chosen by hand.
    ///
    /// # Errors
    /// The file cannot be decoded, or the device fails.
    pub async fn square(&self, file: &Path, square: Square) -> Result<Estimate> {
        let look = self.0.square(&read(file)?, square, &Alone).await?;
        let estimate = look.main().and_then(|main| main.estimate.clone());
        Ok(*estimate.context("one crop gives one estimate")?)
    }

    /// The same for the largest square in the middle.
    ///
    /// # Errors
    /// As [`Self::square`].
    pub async fn middle(&self, file: &Path) -> Result<Estimate> {
        let (width, height) = read(file)?.dimensions();
        self.square(file, Square::centred(width, height)).await
    }
}

fn read(file: &Path) -> Result<RgbImage> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    photo::decode(&bytes).with_context(|| file.display().to_string())
}
