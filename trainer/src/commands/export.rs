//! `trainer export`: a finished run becomes weights and manifest for the page.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::read_sync;
use glae_face::similarity::Similarity;
use glae_model::golden::{AgeGolden, SIDE};
use glae_model::manifest::{Crop, Input, sha256};

use glae_model::{AgeManifest, Inference, ManifestHead, Precision, Rules, StateDict};

use crate::checkpoint::Checkpoint;
use crate::commands::evaluate::left_out;
use crate::commands::train::{CONFIG, crops, start_weights};
use crate::config::RunConfig;
use crate::evaluation::{WaysScored, estimates, heads, median};
use crate::exported;
use crate::onnx::age::{PAIR, age};
use crate::rules;
use glae_data::files::write_atomically;
use glae_data::{Crops, LabelledFile, Landmarks, SoftLabels, load, read_landmarks, read_truth};

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
    /// Landmarks of the data set's images as the page's detector finds them (`trainer prepare`): figures and rules are then
    /// those of its points, and the template is moved by how far they lie from the training's landmarks on average, which two
    /// detectors that mean different points by "eye" differ in.
    #[arg(long)]
    pub landmarks: Option<PathBuf>,
    /// Share of the trained weights, 0 to 1, the rest being those the run began with (`start`): a network that has learnt one
    /// data set for long forgets others that it knew, and the mixture knows both.
    #[arg(long, default_value_t = 1.0)]
    pub mix: f32,
    /// Fit temperatures to the validation split, and choose routing and read-out on it: those with the smallest sum of MAE and
    /// CMAE. Otherwise they are the paper's.
    #[arg(long)]
    pub choose: bool,
    /// Store weights as i8, each row with a factor, in place of f16: half the size.
    #[arg(long)]
    pub bytes: bool,
    /// Published weights that the run began with, for the manifest: what they are, where they are from, their terms.
    #[arg(long, default_value_t = String::new())]
    pub began_with: String,
    /// Also write `network.onnx`, folded, for other engines: a face and its mirror image in, both classifiers' logits out.
    #[arg(long)]
    pub onnx: bool,
}

/// Writes `weights.safetensors` (f16, BatchNorm f32; or i8) and `manifest.json`, and `network.onnx` where it is asked for. Always on the CPU: its numbers are the
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
    ensure!((0.0..=1.0).contains(&arguments.mix), "--mix must lie in 0..=1");
    ensure!(
        config.start.is_none() || !arguments.began_with.is_empty(),
        "the run began with published weights: say with --began-with what they are, where they are from and their terms"
    );
    let trained = checkpoint.answering();
    let mixed = match config.start.as_deref().filter(|_| arguments.mix < 1.0) {
        Some(start) => mixed(&start_weights(start)?.0, trained, arguments.mix)?,
        None => {
            ensure!(arguments.mix == 1.0, "--mix needs a run with `start`: this one began with random weights");
            trained.clone()
        }
    };
    let bytes = mixed.to_safetensors(if arguments.bytes { Precision::Bytes } else { Precision::Half });
    // What is measured is what is shipped: the weights after their way through the file.
    let state = StateDict::from_safetensors(&bytes)?;
    let ages: Vec<f32> = read_truth(&config.data.train)?.iter().map(|row| row.age).collect();
    let training_median = median(&ages);
    let crops = match &arguments.landmarks {
        None => crops(&config)?,
        Some(path) => detected(&crops(&config)?, read_landmarks(path)?, &read_truth(&config.data.train)?)?,
    };
    let input = crops.input;
    // A detector finds no face in a few images, and none of their landmarks is made up. Every image has a square.
    let tolerated = if matches!(config.crop, Crop::Landmarks(_)) { config.data.max_bad_share } else { 0.0 };
    let with = |rules| Inference::new(&config.network, &state, input, rules, &device);
    let mut rules = Rules::default();
    if arguments.choose {
        let (val, _) = load(&config.data.images, &read_truth(&config.data.val)?, &crops, tolerated)?;
        let choice = rules::choose(&heads(&with(rules)?, &val.crops)?, &val.ages)?;
        println!("{choice}");
        rules = choice.rules;
    }
    let inference = with(rules)?;
    let mut measured = Vec::new();
    let splits = [("val", Some(&config.data.val)), ("test", config.data.test.as_ref().filter(|_| arguments.test))];
    for (name, truth) in splits.into_iter().filter_map(|(name, truth)| Some((name, truth?))) {
        let truth = read_truth(truth)?;
        let (set, problems) = load(&config.data.images, &truth, &crops, tolerated)?;
        let scores = WaysScored::new(&estimates(&inference, &set.crops, |_| {})?, &set.ages, training_median)?;
        println!("{name}: {scores}");
        if let Some(sentence) = left_out(problems.len(), truth.len()) {
            println!("{sentence}");
        }
        measured.extend(scores.measured(name));
    }

    let soft = config.data.soft.as_ref().map(SoftLabels::read).transpose()?;
    if let Some(faces) = soft.map_or(Ok(None), |soft| soft.held_out(config.input(), config.data.max_bad_share))? {
        let scores = WaysScored::new(&estimates(&inference, &faces.crops, |_| {})?, &faces.ages, training_median)?;
        let (count, years) = (faces.ids.len(), scores.routed.mae);
        println!("{count} held-out faces without ages: {years:.2} years from their soft ages on average");
    }

    let name = arguments.out.file_name().context("--out needs a name")?.to_string_lossy();
    let new = rules != Rules::default() || config.mean != Input::paper(1).mean || !arguments.began_with.is_empty();
    let golden = golden(&inference, config.network.input_size)?;
    let format = if golden.side.is_some() {
        4
    } else if arguments.bytes || config.network.pairs.is_some() {
        3
    } else if new {
        2
    } else {
        1
    };
    let manifest = AgeManifest {
        head: ManifestHead::new(format, &name, &bytes, &config.data.description, &config.data.licence),
        network: config.network.clone(),
        input,
        routing: rules.routing,
        readout: rules.readout,
        temperatures: rules.temperatures,
        began_with: arguments.began_with.clone(),
        config_sha256: sha256(config.to_toml()?.as_bytes()),
        training_median,
        measured,
        golden,
    };
    exported::write(&arguments.out, &manifest, &bytes)?;
    if arguments.onnx {
        write_atomically(&arguments.out.join(ONNX), &age(&manifest.network, &state, PAIR)?)?;
    }
    println!("{}: {} bytes of weights, {}", arguments.out.display(), manifest.head.bytes, manifest.head.sha256);
    Ok(())
}

/// Crops by another detector's landmarks: the template's points are moved by the median distance, over the training images,
/// between its points and those of the training, once both are laid onto the template.
///
/// # Errors
/// The crop needs no landmarks, or no training image has both kinds.
fn detected(trained: &Crops, landmarks: Landmarks, truth: &[LabelledFile]) -> Result<Crops> {
    let Crop::Landmarks(template) = trained.input.crop else {
        bail!("--landmarks is for runs on straightened faces: this one looks at squares");
    };
    let mut distances: [[Vec<f32>; 2]; 5] = Default::default();
    for row in truth {
        let (Some(then), Some(now)) = (trained.landmarks.get(&row.id), landmarks.get(&row.id)) else { continue };
        let Some(onto) = Similarity::between(then, &template) else { continue };
        for ((then, now), distances) in then.iter().zip(now).zip(&mut distances) {
            let (then, now) = (onto.apply(*then), onto.apply(*now));
            distances.iter_mut().enumerate().for_each(|(axis, all)| all.push(now[axis] - then[axis]));
        }
    }
    let images = distances[0][0].len();
    ensure!(images > 0, "--landmarks has none of the training images: run trainer prepare on the same folder");
    let mut moved = template;
    for (point, distances) in moved.iter_mut().zip(&distances) {
        point.iter_mut().zip(distances).for_each(|(coordinate, all)| *coordinate += median(all));
    }
    println!("template of the detector's points, by {images} training images: {moved:?} in place of {template:?}");
    Ok(Crops { input: Input { crop: Crop::Landmarks(moved), ..trained.input }, landmarks, allow_cut_off: false })
}

/// Weights between those of a start (0) and those of an end (1), array by array.
fn mixed(start: &StateDict, end: &StateDict, share: f32) -> Result<StateDict> {
    let mut mixed = end.clone();
    for (name, array) in &mut mixed.0 {
        let from = start.get(name).context("the weights the run began with are of another network")?;
        ensure!(from.shape == array.shape, "{name} has another shape in the weights the run began with");
        array.values.iter_mut().zip(&from.values).for_each(|(end, start)| *end = share * *end + (1.0 - share) * start);
    }
    Ok(mixed)
}

/// A generated picture, and what the network answers to it.
pub(super) fn golden(inference: &Inference, size: usize) -> Result<AgeGolden> {
    let side = size.min(SIDE);
    let [vanilla, balanced] = read_sync(inference.proof(side, GOLDEN_SEED))?;
    let smaller = (side < size).then_some(side);
    Ok(AgeGolden { seed: GOLDEN_SEED, side: smaller, vanilla, balanced, tolerance: GOLDEN_TOLERANCE })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Progress;
    use glae_data::faces;
    use glae_model::{AgeNet, Manifest};
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
        let _turn = crate::device::turn();
        let net = AgeNet::new(&config.network, &crate::device::cpu());
        let progress = Progress { stage: 2, ..Progress::default() };
        Checkpoint { network: StateDict::of(&net), progress, ..Checkpoint::default() }.write(folder).unwrap();
        Arguments {
            run: folder.to_owned(),
            out: folder.join("exported"),
            test: false,
            landmarks: None,
            mix: 1.0,
            choose: false,
            bytes: false,
            began_with: String::new(),
            onnx: true,
        }
    }

    #[test]
    fn faces_without_landmarks_are_left_out_of_the_figures() {
        let folder = tempfile::tempdir().unwrap();
        let crop = "crop = { landmarks = [[0.35, 0.4], [0.65, 0.4], [0.5, 0.55], [0.4, 0.7], [0.6, 0.7]] }";
        let arguments = finished(folder.path(), crop);
        run(&arguments).unwrap();
        let json = std::fs::read_to_string(arguments.out.join("manifest.json")).unwrap();
        let manifest = AgeManifest::parse(&json).unwrap();
        assert!(matches!(manifest.input.crop, Crop::Landmarks(_)));
        // The weights are in it, in f32; what it computes is tested where it is written.
        assert!(std::fs::metadata(arguments.out.join(ONNX)).unwrap().len() > manifest.head.bytes);
        assert!(manifest.measured.iter().all(|measured| measured.samples == 19), "{:?}", manifest.measured);
    }

    #[test]
    fn the_template_follows_another_detectors_points() {
        let template = [[0.35, 0.4], [0.65, 0.4], [0.5, 0.55], [0.4, 0.7], [0.6, 0.7]];
        let input = Input { crop: Crop::Landmarks(template), ..Input::paper(64) };
        // Twice as large as the template on 100 pixels, and a quarter turned: what is right in the template is down here.
        let place = |[x, y]: [f32; 2]| [200.0 - 200.0 * y, 200.0 * x];
        let trained = template.map(place);
        let mut own = trained;
        own[2] = place([0.5, 0.6]);
        let landmarks = |points: [[f32; 2]; 5]| Landmarks::from([("a".to_owned(), points)]);
        let truth = [LabelledFile { id: "a".to_owned(), age: 30.0 }, LabelledFile { id: "b".to_owned(), age: 30.0 }];
        let crops =
            detected(&Crops { input, landmarks: landmarks(trained), allow_cut_off: false }, landmarks(own), &truth)
                .unwrap();
        let Crop::Landmarks(moved) = crops.input.crop else { panic!("it is still by landmarks") };
        for (index, (point, before)) in moved.iter().zip(template).enumerate() {
            let down = if index == 2 { 0.05 } else { 0.0 };
            assert!(
                (point[0] - before[0]).abs() < 1e-5 && (point[1] - before[1] - down).abs() < 1e-5,
                "{index}: {point:?}"
            );
        }
        assert!(
            detected(&Crops { input, landmarks: Landmarks::new(), allow_cut_off: false }, landmarks(own), &truth)
                .is_err()
        );
    }

    #[test]
    fn weights_lie_between_start_and_end() {
        let state = |value: f32| {
            StateDict([("a".to_owned(), glae_model::weights::Array { shape: vec![1], values: vec![value] })].into())
        };
        assert_eq!(mixed(&state(2.0), &state(6.0), 0.75).unwrap(), state(5.0));
        assert!(mixed(&StateDict::default(), &state(6.0), 0.75).is_err());
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
