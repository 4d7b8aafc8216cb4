use std::sync::atomic::AtomicBool;

use glae_face::RgbImage;
use glae_model::NetworkConfig;
use glae_model::config::{Backbone, Projection, Rearrange};
use glae_model::loss::Objective;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::config::{Augment, Data, RandAugment};
use crate::data::faces;

fn config(epochs: [usize; 2]) -> RunConfig {
    let stage = |epochs| Stage {
        epochs,
        batch: 4,
        accumulate: 1,
        learning_rate: 0.02,
        warmup: 0.3,
        weight_decay: 5e-4,
        clip: 5.0,
    };
    RunConfig {
        name: "test".into(),
        seed: 3,
        network: NetworkConfig {
            backbone: Backbone::ResNet18,
            width: 8,
            input_size: 64,
            rearrange: Rearrange { r: 4, kernel: 4, stride: 4 },
            projection: Projection::Pool,
        },
        crop: glae_model::manifest::Crop::Square,
        data: Data {
            images: PathBuf::new(),
            train: PathBuf::new(),
            val: PathBuf::new(),
            test: None,
            landmarks: None,
            description: String::new(),
            licence: String::new(),
            max_bad_share: 0.0,
        },
        sigma: 1.0,
        loss: Objective::Glae,
        balanced_mse_noise: 10.0,
        label_distribution_smoothing: false,
        ema: None,
        augment: Augment::default(),
        stage1: stage(epochs[0]),
        stage2: stage(epochs[1]),
    }
}

fn eight_faces() -> Set {
    let ages = [2u32, 8, 20, 30, 30, 40, 60, 85];
    let draw = |age: &u32| -> RgbImage { faces::draw(*age, &mut ChaCha8Rng::seed_from_u64(u64::from(*age))) };
    Set {
        ids: ages.iter().map(ToString::to_string).collect(),
        crops: ages.iter().map(draw).collect(),
        ages: ages.iter().map(|age| *age as f32).collect(),
    }
}

fn train(config: &RunConfig, stop: &AtomicBool, folder: &std::path::Path, from: Option<Checkpoint>) -> Outcome {
    let (set, device) = (eight_faces(), crate::device::cpu());
    let run = Run { config, folder: folder.to_owned(), train: &set, val: &set, device: &device, stop };
    run.train(from).unwrap()
}

fn finished(outcome: Outcome) -> Checkpoint {
    match outcome {
        Outcome::Finished(checkpoint) => *checkpoint,
        Outcome::Stopped(at) => panic!("stopped at {at:?}"),
    }
}

fn losses(folder: &std::path::Path, stage: u64) -> Vec<f64> {
    let text = std::fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines.filter(|line| line["stage"] == stage).map(|line| line["loss"].as_f64().unwrap()).collect()
}

#[test]
fn the_loss_falls_on_eight_faces_and_stage_2_leaves_the_vanilla_answers_alone() {
    let (folder, go) = (tempfile::tempdir().unwrap(), AtomicBool::new(false));
    // Eight fixed images can be learnt by heart; with random changes to them that would take far longer.
    let fixed = Augment::none();
    let one = RunConfig { augment: fixed.clone(), ..config([60, 0]) };
    let stage1 = finished(train(&one, &go, folder.path(), None));
    let fallen = losses(folder.path(), 1);
    assert!(fallen[59] < 0.5 * fallen[0], "{fallen:?}");

    let both = RunConfig { augment: fixed, ..config([60, 5]) };
    let resumed = Checkpoint { progress: Progress { stage: 1, epoch: 0, step: 0 }, ..stage1.clone() };
    let stage2 = finished(train(&both, &go, folder.path(), Some(resumed)));
    let fallen = losses(folder.path(), 2);
    assert!(fallen[4] < fallen[0], "{fallen:?}");
    for part in ["backbone", "vanilla"] {
        assert_eq!(stage1.network.part(part), stage2.network.part(part), "{part} changed in stage 2");
    }
    let (before, after) = (stage1.network.part("balanced"), stage2.network.part("balanced"));
    assert!(before.0.iter().all(|(name, array)| after.0[name] != *array), "a parameter got no gradient");
}

#[test]
fn every_parameter_of_stage_1_gets_a_gradient() {
    let (folder, go) = (tempfile::tempdir().unwrap(), AtomicBool::new(false));
    let before = finished(train(&config([0, 0]), &go, folder.path(), None)).network;
    let after = finished(train(&config([1, 0]), &go, folder.path(), None)).network;
    for part in ["backbone", "vanilla"] {
        let (before, after) = (before.part(part), after.part(part));
        let same: Vec<_> = before.0.iter().filter(|(name, array)| after.0[*name] == **array).collect();
        assert!(same.is_empty(), "{part}: {:?}", same.iter().map(|(name, _)| name).collect::<Vec<_>>());
    }
}

#[test]
fn the_loss_falls_under_every_objective_with_and_without_smoothed_weights() {
    let fixed = Augment::none();
    for objective in Objective::ALL {
        let (folder, go) = (tempfile::tempdir().unwrap(), AtomicBool::new(false));
        let smooth = objective == Objective::Base || objective == Objective::BalancedMse;
        let mut one = RunConfig { loss: objective, augment: fixed.clone(), ..config([12, 1]) };
        one.label_distribution_smoothing = smooth;
        finished(train(&one, &go, folder.path(), None));
        let fallen = losses(folder.path(), 1);
        assert!(fallen[11] < 0.95 * fallen[0], "{objective:?}: {fallen:?}");
        assert!(losses(folder.path(), 2)[0].is_finite());
    }
}

#[test]
fn a_stopped_and_resumed_run_gives_the_weights_of_an_unbroken_one() {
    let plain = config([2, 2]);
    let mut all = RunConfig { ema: Some(0.9), ..config([4, 4]) };
    // Two batches of two: two steps an epoch, as in the plain run.
    all.stage1 = Stage { batch: 2, accumulate: 2, ..all.stage1 };
    all.augment = Augment { hue: 0.1, rand_augment: Some(RandAugment::default()), ..all.augment };
    stop_after_each_step_and_resume(&plain);
    stop_after_each_step_and_resume(&all);
}

fn stop_after_each_step_and_resume(config: &RunConfig) {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (go, stop) = (AtomicBool::new(false), AtomicBool::new(true));
    let unbroken = finished(train(config, &go, folders[0].path(), None));
    // With the flag up, a run does one step and stops, in the middle and at the end of epochs and stages.
    let mut checkpoint = None;
    for _ in 0..20 {
        match train(config, &stop, folders[1].path(), checkpoint.take()) {
            Outcome::Stopped(_) => checkpoint = Some(Checkpoint::read(folders[1].path()).unwrap()),
            Outcome::Finished(broken) => {
                assert_eq!(*broken, unbroken);
                return;
            }
        }
    }
    panic!("the run did not end");
}

#[test]
fn averaged_weights_answer_and_stage_2_leaves_them_alone() {
    let (folder, go, stop) = (tempfile::tempdir().unwrap(), AtomicBool::new(false), AtomicBool::new(true));
    let averaged = RunConfig { ema: Some(0.99), ..config([3, 0]) };
    let plain = finished(train(&config([3, 0]), &go, folder.path(), None));
    let stage1 = finished(train(&averaged, &go, folder.path(), None));
    // The same training, of which the mean was taken.
    assert_ne!(stage1.network.part("backbone"), plain.network.part("backbone"));
    assert!(stage1.average.0.is_empty() && stage1.answering() == &stage1.network);
    assert_eq!(stage1.network.part("balanced"), plain.network.part("balanced"));

    let both = RunConfig { ema: Some(0.99), ..config([3, 2]) };
    let resumed = Checkpoint { progress: Progress { stage: 1, epoch: 0, step: 0 }, ..stage1.clone() };
    train(&both, &stop, folder.path(), Some(resumed.clone()));
    let during = Checkpoint::read(folder.path()).unwrap();
    assert_eq!(during.answering(), &during.average);
    let stage2 = finished(train(&both, &go, folder.path(), Some(resumed)));
    for part in ["backbone", "vanilla"] {
        assert_eq!(during.average.part(part), stage1.network.part(part), "{part} changed in stage 2");
        assert_eq!(stage2.network.part(part), stage1.network.part(part), "{part} changed in stage 2");
    }
    assert_ne!(stage2.network.part("balanced"), stage1.network.part("balanced"));
}

#[test]
fn a_step_of_several_batches_takes_whole_ones_only() {
    let stage = |batch, accumulate| Stage { batch, accumulate, ..config([1, 1]).stage1 };
    assert_eq!(stage(4, 1).images_per_step(9), 4);
    assert_eq!(stage(4, 2).images_per_step(9), 8);
    assert_eq!(stage(4, 3).images_per_step(9), 8);
    assert_eq!(stage(12, 2).images_per_step(9), 9);
    let images =
        Batch { planes: (0..30).map(|v| v as f32).collect(), ages: vec![1.0, 2.0, 3.0, 4.0, 5.0], weights: vec![] };
    let parts = images.parts(2);
    assert_eq!(parts.iter().map(|part| part.ages.len()).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!((parts[1].planes[0], parts[1].ages[0], parts[2].planes.len()), (12.0, 3.0, 6));
}

#[test]
fn a_loss_that_is_no_number_stops_the_run_and_leaves_the_last_checkpoint() {
    let (folder, go) = (tempfile::tempdir().unwrap(), AtomicBool::new(false));
    let good = config([1, 1]);
    let checkpoint = finished(train(&good, &go, folder.path(), None));
    let bytes = std::fs::read(folder.path().join(crate::checkpoint::FILE)).unwrap();
    let mut wild = config([40, 1]);
    wild.stage1.learning_rate = 1e30;
    let (set, device) = (eight_faces(), crate::device::cpu());
    let run =
        Run { config: &wild, folder: folder.path().to_owned(), train: &set, val: &set, device: &device, stop: &go };
    let from = Checkpoint { progress: Progress::default(), ..checkpoint };
    let error = run.train(Some(from)).unwrap_err().to_string();
    assert!(error.contains("lower `learning_rate`") && error.contains("checkpoint in"), "{error}");
    let reasons = ["the loss became", "the weights are no longer finite", "the validation images have no answers"];
    assert!(reasons.iter().any(|reason| error.starts_with(reason)), "{error}");
    assert_eq!(std::fs::read(folder.path().join(crate::checkpoint::FILE)).unwrap(), bytes);
}

/// A full disk as Linux itself offers it: every write to /dev/full fails for want of space.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_the_run_and_the_last_checkpoint_goes_on_once_there_is_room() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (go, stop) = (AtomicBool::new(false), AtomicBool::new(true));
    let config = config([2, 1]);
    let unbroken = finished(train(&config, &go, folders[0].path(), None));
    train(&config, &stop, folders[1].path(), None);
    let file = folders[1].path().join(crate::checkpoint::FILE);
    let bytes = std::fs::read(&file).unwrap();
    std::os::unix::fs::symlink("/dev/full", file.with_extension("tmp")).unwrap();
    let (set, device) = (eight_faces(), crate::device::cpu());
    let run = Run {
        config: &config,
        folder: folders[1].path().to_owned(),
        train: &set,
        val: &set,
        device: &device,
        stop: &go,
    };
    let error = format!("{:#}", run.train(Some(Checkpoint::read(folders[1].path()).unwrap())).unwrap_err());
    assert!(error.contains("checkpoint.safetensors") && error.contains("No space left"), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
    // What was half written is gone and takes no room.
    assert!(std::fs::symlink_metadata(file.with_extension("tmp")).is_err());
    let resumed = finished(train(&config, &go, folders[1].path(), Some(Checkpoint::read(folders[1].path()).unwrap())));
    assert_eq!(resumed, unbroken);
}
