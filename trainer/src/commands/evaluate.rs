//! `trainer evaluate`: MAE and CMAE of exported weights.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use burn::tensor::Device;
use indicatif::ProgressBar;

use crate::checkpoint::write_atomically;
use crate::data::{Crops, Landmarks, load, read_landmarks, read_truth};
use crate::evaluation::{Scores, estimates, load_weights};

/// `trainer evaluate`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder of exported weights.
    #[arg(long)]
    pub weights: PathBuf,
    /// Folder of the images.
    #[arg(long)]
    pub images: PathBuf,
    /// Truth: CSV with `id,age` or `file,age`.
    #[arg(long)]
    pub truth: PathBuf,
    /// Landmarks, for weights that were trained on aligned faces.
    #[arg(long)]
    pub landmarks: Option<PathBuf>,
    /// Also write the scores to this file.
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// Prints the scores.
///
/// # Errors
/// Weights, truth or an image cannot be read: evaluation leaves nothing out.
pub fn run(arguments: &Arguments, device: &Device) -> Result<()> {
    let (manifest, inference) = load_weights(&arguments.weights, device)?;
    let crops = crops(&manifest, arguments.landmarks.as_deref())?;
    let (set, _) = load(&arguments.images, &read_truth(&arguments.truth)?, &crops, 0.0)?;
    let bar = ProgressBar::new(set.crops.len() as u64);
    let answers = estimates(&inference, &set.crops, |done| bar.inc(done as u64))?;
    bar.finish_and_clear();
    let scores = Scores::new(&answers, &set.ages, manifest.training_median)?;
    println!("{}: {scores}", manifest.name);
    if let Some(path) = &arguments.json {
        write_atomically(path, &serde_json::to_vec_pretty(&scores)?)?;
    }
    Ok(())
}

/// How images become crops for these weights.
///
/// # Errors
/// Landmarks are needed and not given, or the other way round.
pub(super) fn crops(manifest: &glae_model::Manifest, landmarks: Option<&std::path::Path>) -> Result<Crops> {
    let aligned = matches!(manifest.input.crop, glae_model::manifest::Crop::Landmarks(_));
    ensure!(
        aligned == landmarks.is_some(),
        "{} looks at {}: {} --landmarks",
        manifest.name,
        if aligned { "faces aligned by five points" } else { "the whole square of an image" },
        if aligned { "give" } else { "leave out" },
    );
    Ok(Crops { input: manifest.input, landmarks: landmarks.map_or_else(|| Ok(Landmarks::new()), read_landmarks)? })
}
