//! `trainer export`: a finished run becomes weights and manifest for the page.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use burn::tensor::read_sync;
use glae_model::golden::{Golden, picture};
use glae_model::manifest::sha256;
use glae_model::{Inference, Manifest, Routing, StateDict};

use crate::checkpoint::{Checkpoint, write_atomically};
use crate::commands::train::{CONFIG, crops, read_split};
use crate::config::RunConfig;
use crate::data::read_truth;
use crate::evaluation::{Scores, estimates, median};

const GOLDEN_SEED: u32 = 1;
/// Far above what f32 arithmetic in another order changes, far below what a broken shader does.
const GOLDEN_TOLERANCE: f32 = 1e-3;

/// `trainer export`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder of the run.
    pub run: PathBuf,
    /// Folder to write, e.g. public/weights/NAME.
    #[arg(long)]
    pub out: PathBuf,
    /// Also measure on the test split, once, for the manifest.
    #[arg(long)]
    pub test: bool,
}

/// Writes `weights.safetensors` (f16, BatchNorm f32) and `manifest.json`. Always on the CPU: its numbers are the
/// reference that other devices are checked against.
///
/// # Errors
/// The run is not finished or its data cannot be read.
pub fn run(arguments: &Arguments) -> Result<()> {
    let config = RunConfig::read(&arguments.run.join(CONFIG))?;
    let checkpoint = Checkpoint::read(&arguments.run)?;
    ensure!(
        checkpoint.progress.stage == 2,
        "the run in {} is not finished: continue it with trainer train --resume {0}",
        arguments.run.display()
    );
    let device = crate::device::cpu();
    let bytes = checkpoint.network.to_safetensors(true);
    // What is measured is what is shipped: the weights after their way through f16.
    let state = StateDict::from_safetensors(&bytes)?;
    let inference = Inference::new(&config.network, &state, config.input(), Routing::default(), &device)?;

    let ages: Vec<f32> = read_truth(&config.data.train)?.iter().map(|row| row.age).collect();
    let training_median = median(&ages);
    let crops = crops(&config)?;
    let mut measured = Vec::new();
    let splits = [("val", Some(&config.data.val)), ("test", config.data.test.as_ref().filter(|_| arguments.test))];
    for (name, truth) in splits.into_iter().filter_map(|(name, truth)| Some((name, truth?))) {
        let set = read_split(&config, truth, &crops, 0.0)?;
        let scores = Scores::new(&estimates(&inference, &set.crops, |_| {})?, &set.ages, training_median)?;
        println!("{name}: {scores}");
        measured.extend(scores.measured(name));
    }

    let name = arguments.out.file_name().context("--out needs a name")?.to_string_lossy().into_owned();
    let manifest = Manifest {
        format: 1,
        name,
        file: "weights.safetensors".to_owned(),
        sha256: sha256(&bytes),
        bytes: bytes.len() as u64,
        network: config.network.clone(),
        input: config.input(),
        routing: Routing::default(),
        trained_on: config.data.description.clone(),
        licence: config.data.licence.clone(),
        config_sha256: sha256(config.to_toml()?.as_bytes()),
        training_median,
        measured,
        golden: golden(&inference, config.network.input_size)?,
    };
    std::fs::create_dir_all(&arguments.out).with_context(|| format!("cannot create {}", arguments.out.display()))?;
    write_atomically(&arguments.out.join(&manifest.file), &bytes)?;
    write_atomically(&arguments.out.join("manifest.json"), &serde_json::to_vec_pretty(&manifest)?)?;
    println!("{}: {} bytes of weights, {}", arguments.out.display(), manifest.bytes, manifest.sha256);
    Ok(())
}

fn golden(inference: &Inference, size: usize) -> Result<Golden> {
    let picture = picture(size, GOLDEN_SEED);
    let mut found = read_sync(inference.estimate(&[&picture]))?;
    Ok(Golden { seed: GOLDEN_SEED, estimate: found.remove(0), tolerance: GOLDEN_TOLERANCE })
}
