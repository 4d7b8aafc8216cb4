//! `trainer export`: a finished run becomes weights and manifest for the page.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use burn::tensor::read_sync;
use glae_model::golden::{Golden, picture};
use glae_model::manifest::{Crop, sha256};
use glae_model::{Inference, Manifest, Routing, StateDict};

use crate::checkpoint::{Checkpoint, write_atomically};
use crate::commands::evaluate::left_out;
use crate::commands::train::{CONFIG, crops};
use crate::config::RunConfig;
use crate::data::{load, read_truth};
use crate::evaluation::{Scores, estimates, median};
use crate::onnx::age::{PAIR, age};

const GOLDEN_SEED: u32 = 1;
/// Far above what f32 arithmetic in another order changes, far below what a broken shader does.
const GOLDEN_TOLERANCE: f32 = 1e-3;

/// The network for other engines.
const ONNX: &str = "network.onnx";

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
    /// Also write `network.onnx`, folded, for other engines: a face and its mirror image in, both classifiers' logits out.
    #[arg(long)]
    pub onnx: bool,
}

/// Writes `weights.safetensors` (f16, BatchNorm f32) and `manifest.json`, and `network.onnx` where it is asked for. Always on the CPU: its numbers are the
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
    let bytes = checkpoint.answering().to_safetensors(true);
    // What is measured is what is shipped: the weights after their way through f16.
    let state = StateDict::from_safetensors(&bytes)?;
    let inference = Inference::new(&config.network, &state, config.input(), Routing::default(), &device)?;

    let ages: Vec<f32> = read_truth(&config.data.train)?.iter().map(|row| row.age).collect();
    let training_median = median(&ages);
    let crops = crops(&config)?;
    // A detector finds no face in a few images, and none of their landmarks is made up. Every image has a square.
    let tolerated = if matches!(config.crop, Crop::Landmarks(_)) { config.data.max_bad_share } else { 0.0 };
    let mut measured = Vec::new();
    let splits = [("val", Some(&config.data.val)), ("test", config.data.test.as_ref().filter(|_| arguments.test))];
    for (name, truth) in splits.into_iter().filter_map(|(name, truth)| Some((name, truth?))) {
        let truth = read_truth(truth)?;
        let (set, problems) = load(&config.data.images, &truth, &crops, tolerated)?;
        let scores = Scores::new(&estimates(&inference, &set.crops, |_| {})?, &set.ages, training_median)?;
        println!("{name}: {scores}");
        if let Some(sentence) = left_out(problems.len(), truth.len()) {
            println!("{sentence}");
        }
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
    if arguments.onnx {
        write_atomically(&arguments.out.join(ONNX), &age(&manifest.network, &state, PAIR)?)?;
    }
    println!("{}: {} bytes of weights, {}", arguments.out.display(), manifest.bytes, manifest.sha256);
    Ok(())
}

/// A generated picture, and what the network answers to it.
pub(super) fn golden(inference: &Inference, size: usize) -> Result<Golden> {
    let picture = picture(size, GOLDEN_SEED);
    let [vanilla, balanced] = read_sync(inference.answers(&picture))?;
    Ok(Golden { seed: GOLDEN_SEED, vanilla, balanced, tolerance: GOLDEN_TOLERANCE })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Progress;
    use crate::data::faces;
    use glae_model::AgeNet;
    use std::path::Path;

    /// A finished run, if of an untrained network, on drawn faces; the landmarks file lacks one of the 20 for validation.
    fn finished(folder: &Path, crop: &str) -> Arguments {
        faces::write_set(&folder.join("data"), 100, 5).unwrap();
        let truth = read_truth(&folder.join("data/val.csv")).unwrap();
        let mut landmarks =
            "file,x_eye_l,y_eye_l,x_eye_r,y_eye_r,x_nose,y_nose,x_mouth_l,y_mouth_l,x_mouth_r,y_mouth_r\n".to_owned();
        truth[1..].iter().for_each(|row| landmarks += &format!("{},23,30,41,30,32,38,27,48,37,48\n", row.id));
        std::fs::write(folder.join("data/landmarks.csv"), landmarks).unwrap();
        let data = folder.join("data");
        let config = format!(
            r#"
            name = "finished"
            seed = 1
            {crop}
            network = {{ backbone = "resnet18", width = 8, input_size = 64, rearrange = {{ r = 4, kernel = 4, stride = 4 }}, projection = {{ kind = "pool" }} }}
            stage1 = {{ epochs = 1, batch = 8, learning_rate = 0.05 }}
            stage2 = {{ epochs = 1, batch = 8, learning_rate = 0.05 }}
            [data]
            images = "{0}/images"
            train = "{0}/train.csv"
            val = "{0}/val.csv"
            description = "drawn faces"
            licence = "MIT OR Apache-2.0"
            max_bad_share = 0.05
            {1}
            "#,
            data.display(),
            if crop.is_empty() { String::new() } else { format!("landmarks = \"{}/landmarks.csv\"", data.display()) }
        );
        std::fs::write(folder.join(CONFIG), config).unwrap();
        let config = RunConfig::read(&folder.join(CONFIG)).unwrap();
        let net = AgeNet::new(&config.network, &crate::device::cpu());
        let progress = Progress { stage: 2, ..Progress::default() };
        Checkpoint { network: StateDict::of(&net), progress, ..Checkpoint::default() }.write(folder).unwrap();
        Arguments { run: folder.to_owned(), out: folder.join("exported"), test: false, onnx: true }
    }

    #[test]
    fn faces_without_landmarks_are_left_out_of_the_figures() {
        let folder = tempfile::tempdir().unwrap();
        let crop = "crop = { landmarks = [[0.35, 0.4], [0.65, 0.4], [0.5, 0.55], [0.4, 0.7], [0.6, 0.7]] }";
        let arguments = finished(folder.path(), crop);
        run(&arguments).unwrap();
        let json = std::fs::read_to_string(arguments.out.join("manifest.json")).unwrap();
        let manifest = Manifest::parse(&json).unwrap();
        assert!(matches!(manifest.input.crop, Crop::Landmarks(_)));
        // The weights are in it, in f32; what it computes is tested where it is written.
        assert!(std::fs::metadata(arguments.out.join(ONNX)).unwrap().len() > manifest.bytes);
        assert!(manifest.measured.iter().all(|measured| measured.samples == 19), "{:?}", manifest.measured);
    }

    #[test]
    fn a_square_is_in_every_image_so_none_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = finished(folder.path(), "");
        let truth = read_truth(&folder.path().join("data/val.csv")).unwrap();
        std::fs::remove_file(folder.path().join("data/images").join(&truth[0].id)).unwrap();
        let error = run(&arguments).unwrap_err().to_string();
        assert!(error.contains("1 of 20 images") && error.contains(&truth[0].id), "{error}");
        assert!(!arguments.out.exists());
    }
}
