//! `trainer bench predict`: photographs to ages, a folder at a time, beside a script of onnxruntime and OpenCV.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use glae_face::detector::manifest::DetectorManifest;
use glae_model::AgeManifest;
use image::ImageFormat;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::accuracy::answers;
use super::browser::Index;
use super::detector::picture;
use super::peer::Peer;
use super::report::{Aim, Measurement};
use super::turns::{Contender, take_turns, timed};
use crate::commands::cutter::Doubtful;
use crate::commands::predict;
use crate::detector::onnx::{Layout, yunet};
use crate::exported;
use crate::onnx::age::{PAIR, age};
use glae_data::files::write_atomically;

/// `trainer bench predict`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The page's public files: the weights that ship are in its `weights/`.
    #[arg(long, default_value = "public")]
    pub public: PathBuf,
    /// Folder for the photographs, for the files that the script reads, and for predict.json.
    #[arg(long)]
    pub out: PathBuf,
    /// A Python with the packages of tests/bench/requirements.txt.
    #[arg(long)]
    pub python: PathBuf,
    /// The program that does the same.
    #[arg(long, default_value = "tests/bench/predict.py")]
    pub script: PathBuf,
    /// Photographs.
    #[arg(long, default_value_t = 1000)]
    pub photographs: usize,
    /// Measurements of each.
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
}

/// Side of a photograph in pixels.
const SIDE: u32 = 640;

/// Sides of the detector's first look and of its second one, in pixels.
const LOOKS: [usize; 2] = [320, 128];

/// Years by which both may differ on average: the script straightens with OpenCV, whose pixels are others.
const SAME: f64 = 3.0;

/// Draws, exports, and lets both take turns.
pub(super) fn run(arguments: &Arguments, device: &Device) -> Result<()> {
    let Arguments { public, out, photographs: count, .. } = arguments;
    let weights = public.join("weights");
    let Index { default, detector, .. } = Index::read(&weights)?;
    let (ages, detector) = (weights.join(default), weights.join(detector));
    let photographs = out.join("photographs");
    let files = draw(&photographs, *count)?;
    write_graphs(&ages, &detector, out)?;

    let predictions = out.join("ours.csv");
    let ours = || {
        predict::run(
            &predict::Arguments {
                weights: ages.clone(),
                detector: Some(detector.clone()),
                doubtful: Doubtful::Keep,
                out: predictions.clone(),
                images: vec![photographs.clone()],
                ..predict::Arguments::default()
            },
            device,
        )
    };
    ours()?;
    let words = [&photographs, out, &ages, &detector].map(|path| path.to_string_lossy().into_owned());
    let peer = Peer::start(&arguments.python, &arguments.script, &words)?;
    let difference = apart(&files, &answers(&predictions, &files, false)?, &peer.hello.answers)?;
    ensure!(difference <= SAME, "{} is {difference:.2} years from our ages on average", peer.hello.version);
    let fact = format!("{}: {difference:.2} years from our ages on average", peer.hello.version);

    let group = format!("{count} drawn photographs of {SIDE} x {SIDE}");
    let contenders = vec![
        Contender::ours(group.clone(), "`trainer predict`", || timed(ours)),
        Contender::other(group.clone(), "a script of ours", peer, fact),
    ];
    let (facts, rows) = take_turns(contenders, arguments.rounds, Vec::new())?;
    let aims = vec![Aim::Ratio { group, least: 1.0 }];
    let title = "From photographs to ages, on all cores".to_owned();
    let measurement = Measurement { name: "predict".to_owned(), title, facts, rows, aims, ..Measurement::default() };
    println!("\n{}", measurement.to_markdown());
    write_atomically(&out.join("predict.json"), &serde_json::to_vec_pretty(&measurement)?)
}

/// One drawn face in each photograph, JPEG, named by its number.
fn draw(folder: &Path, count: usize) -> Result<Vec<String>> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut one = |number: usize| {
        let face = (number as u64, random.random_range(0.4..0.6), random.random_range(0.4..0.55), 0.2);
        let file = format!("{number:05}.jpg");
        picture(SIDE, &[face]).save_with_format(folder.join(&file), ImageFormat::Jpeg)?;
        Ok(file)
    };
    (0..count).map(&mut one).collect()
}

/// Both looks of the detector and the age network, for onnxruntime.
fn write_graphs(ages: &Path, detector: &Path, out: &Path) -> Result<()> {
    let (_, state): (DetectorManifest, _) = exported::read(detector)?;
    let [first, second] = LOOKS;
    for (name, state, side) in [
        ("first.onnx", &state, first),
        ("first-near.onnx", &state, second),
        ("second.onnx", &state.part("second"), second),
    ] {
        write_atomically(&out.join(name), &yunet(state, side, side, Layout::Answers)?)?;
    }
    let (manifest, state): (AgeManifest, _) = exported::read(ages)?;
    write_atomically(&out.join("age.onnx"), &age(&manifest.network, &state, PAIR)?)
}

/// Mean distance of the ages, in years; the script's are in the order of the files, below 0 where it has none.
fn apart(files: &[String], ours: &BTreeMap<String, f32>, theirs: &[f32]) -> Result<f64> {
    let count = files.len();
    ensure!(theirs.len() == count, "{} answers to {count} photographs", theirs.len());
    let both: Vec<f64> = files
        .iter()
        .zip(theirs)
        .filter(|(_, years)| **years >= 0.0)
        .filter_map(|(file, years)| Some(f64::from((ours.get(file)? - years).abs())))
        .collect();
    ensure!(both.len() * 10 >= count * 9, "only {} of {count} photographs have an age by both", both.len());
    Ok(both.iter().sum::<f64>() / both.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_of_both_are_compared_photograph_by_photograph() {
        let files: Vec<String> = (0..20).map(|number| format!("{number:05}.jpg")).collect();
        let ours = files.iter().map(|file| (file.clone(), 30.0)).collect();
        let mut theirs = vec![31.0; 20];
        theirs[3] = -1.0;
        assert_eq!(apart(&files, &ours, &theirs).unwrap(), 1.0);
        theirs[4..8].fill(-1.0);
        assert!(apart(&files, &ours, &theirs).unwrap_err().to_string().contains("only 15 of 20"));
        assert!(apart(&files, &ours, &theirs[..19]).is_err());
    }
}
