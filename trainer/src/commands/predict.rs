//! `trainer predict`: a predictions file, as the leaderboard takes it.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use rayon::prelude::*;

use crate::checkpoint::write_atomically;
use crate::evaluation::{estimates, load_weights};

/// `trainer predict`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder of exported weights.
    #[arg(long)]
    pub weights: PathBuf,
    /// Landmarks by file name, for weights that were trained on aligned faces.
    #[arg(long)]
    pub landmarks: Option<PathBuf>,
    /// Predictions file to write.
    #[arg(long)]
    pub out: PathBuf,
    /// Add the columns p_0 to p_100.
    #[arg(long)]
    pub distribution: bool,
    /// Image files.
    #[arg(required = true)]
    pub images: Vec<PathBuf>,
}

/// Writes `id,age,route,kl_vanilla,kl_balanced[,p_0,...,p_100]`; the id is the file's name.
///
/// # Errors
/// Weights cannot be read, or an image cannot be used; all such images are named and nothing is written.
pub fn run(arguments: &Arguments, device: &Device) -> Result<()> {
    let (manifest, inference) = load_weights(&arguments.weights, device)?;
    let crops = super::evaluate::crops(&manifest, arguments.landmarks.as_deref())?;
    let ids: Vec<String> = arguments.images.iter().map(|path| name(path)).collect();
    let mut read = Vec::new();
    let mut problems = Vec::new();
    let results: Vec<_> = arguments.images.par_iter().zip(&ids).map(|(path, id)| crops.read(path, id)).collect();
    for (result, path) in results.into_iter().zip(&arguments.images) {
        match result {
            Ok(crop) => read.push(crop),
            Err(reason) => problems.push(format!("{}: {reason}", path.display())),
        }
    }
    if !problems.is_empty() {
        bail!(
            "{} of {} images cannot be used, nothing was written:\n{}",
            problems.len(),
            ids.len(),
            problems.join("\n")
        );
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut header = ["id", "age", "route", "kl_vanilla", "kl_balanced"].map(str::to_owned).to_vec();
    if arguments.distribution {
        header.extend((0..glae_model::AGES).map(|age| format!("p_{age}")));
    }
    writer.write_record(&header)?;
    for (id, estimate) in ids.iter().zip(estimates(&inference, &read, |_| {})?) {
        let mut row = vec![id.clone(), format!("{:.4}", estimate.years), estimate.route.as_str().to_owned()];
        row.extend([estimate.kl_vanilla, estimate.kl_balanced].map(|kl| format!("{kl:.6}")));
        if arguments.distribution {
            row.extend(estimate.distribution.iter().map(|p| format!("{p:.6}")));
        }
        writer.write_record(&row)?;
    }
    let table = writer.into_inner().context("cannot finish the table")?;
    write_atomically(&arguments.out, &table)?;
    println!("{} predictions in {}", ids.len(), arguments.out.display());
    Ok(())
}

fn name(path: &std::path::Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
