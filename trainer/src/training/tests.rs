use std::sync::atomic::AtomicBool;

use glae_face::RgbImage;
use glae_model::NetworkConfig;
use glae_model::config::{Backbone, Projection, Rearrange};
use glae_model::loss::Objective;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::batches::Batch;
use super::*;
use crate::config::{Augment, Data, OptimizerKind, RandAugment};
use glae_data::packed::{self, PackSettings, Packed};
use glae_data::{Crops, Landmarks, faces, load, load_wide, read_truth};

fn config(epochs: [usize; 2]) -> RunConfig {
    let stage = |epochs| Stage {
        epochs,
        batch: 4,
        accumulate: 1,
        sampling: None,
        frozen: false,
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
            hidden: None,
            pairs: None,
        },
        mean: [127.5; 3],
        crop: glae_model::manifest::Crop::Square,
        data: Data {
            images: PathBuf::new(),
            train: PathBuf::new(),
            val: PathBuf::new(),
            test: None,
            landmarks: None,
            landmarks_offset: 0.0,
            soft: None,
            cache: None,
            description: String::new(),
            licence: String::new(),
            max_bad_share: 0.0,
        },
        sigma: 1.0,
        loss: Objective::Glae,
        l1_weight: 1.0,
        local_weight: 1.0,
        balanced_mse_noise: 10.0,
        label_distribution_smoothing: false,
        ema: None,
        start: None,
        optimizer: OptimizerKind::Sgd,
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

fn train(config: &RunConfig, stop: &AtomicBool, folder: &std::path::Path, from: Option<Checkpoint>) -> RunEnd {
    train_on(1, config, stop, folder, from).unwrap()
}

/// On the processor, so many times.
fn train_on(
    devices: usize,
    config: &RunConfig,
    stop: &AtomicBool,
    folder: &std::path::Path,
    from: Option<Checkpoint>,
) -> Result<RunEnd> {
    let (val, devices) = (eight_faces(), vec![crate::device::cpu(); devices]);
    let train = TrainingSet::from(val.clone());
    let folder = folder.to_owned();
    Run { config, folder, train: &train, faces: None, start: None, val: &val, devices: &devices, stop }.train(from)
}

fn finished(outcome: RunEnd) -> Checkpoint {
    match outcome {
        RunEnd::Finished(checkpoint) => *checkpoint,
        RunEnd::Stopped(at) => panic!("stopped at {at:?}"),
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
    // What is said about a face, and not only the weights: every probability to the bit.
    let answers = |checkpoint: &Checkpoint| {
        let inference = inference(&both.network, checkpoint.answering(), both.input(), &crate::device::cpu()).unwrap();
        estimates(&inference, &eight_faces().crops, |_| {}).unwrap()
    };
    let (before, after) = (answers(&stage1), answers(&stage2));
    assert!(before.iter().zip(&after).all(|(before, after)| before.vanilla == after.vanilla));
    assert!(before.iter().zip(&after).any(|(before, after)| before.balanced != after.balanced));

    // A first stage that leaves the backbone alone.
    let resumed = Checkpoint { progress: Progress::default(), ..stage2.clone() };
    let frozen = RunConfig { stage1: Stage { frozen: true, ..both.stage1.clone() }, ..config([2, 0]) };
    let frozen = finished(train(&frozen, &go, folder.path(), Some(resumed)));
    for part in ["backbone", "balanced"] {
        assert_eq!(frozen.network.part(part), stage2.network.part(part), "{part} changed in a frozen stage 1");
    }
    let (before, after) = (stage2.network.part("vanilla"), frozen.network.part("vanilla"));
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
            RunEnd::Stopped(_) => checkpoint = Some(Checkpoint::read(folders[1].path()).unwrap()),
            RunEnd::Finished(broken) => {
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
    let images = Batch {
        planes: (0..30).map(|v| v as f32).collect(),
        ages: vec![1.0, 2.0, 3.0, 4.0, 5.0],
        targets: vec![],
        weights: vec![],
    };
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
    let from = Checkpoint { progress: Progress::default(), ..checkpoint };
    let error = train_on(1, &wild, &go, folder.path(), Some(from)).unwrap_err().to_string();
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
    let from = Checkpoint::read(folders[1].path()).unwrap();
    let error = format!("{:#}", train_on(1, &config, &go, folders[1].path(), Some(from)).unwrap_err());
    assert!(error.contains("checkpoint.safetensors") && error.contains("No space left"), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
    // What was half written is gone and takes no room.
    assert!(std::fs::symlink_metadata(file.with_extension("tmp")).is_err());
    let resumed = finished(train(&config, &go, folders[1].path(), Some(Checkpoint::read(folders[1].path()).unwrap())));
    assert_eq!(resumed, unbroken);
}

#[test]
fn two_devices_give_what_one_gives_to_the_bit() {
    // Four batches of two in a step: on two devices they come in two rounds. Hidden layers with BatchNorm in both classifiers.
    let mut all = RunConfig { ema: Some(0.9), ..config([3, 3]) };
    all.network.projection = Projection::Flatten { hidden: vec![12] };
    for stage in [&mut all.stage1, &mut all.stage2] {
        *stage = Stage { batch: 2, accumulate: 4, ..stage.clone() };
    }
    let go = AtomicBool::new(false);
    let [one, two, four] = [1, 2, 4].map(|devices| {
        let folder = tempfile::tempdir().unwrap();
        let checkpoint = finished(train_on(devices, &all, &go, folder.path(), None).unwrap());
        (checkpoint, std::fs::read(folder.path().join(metrics::FILE)).unwrap())
    });
    assert!(one.0.network.0.keys().any(|name| name.starts_with("balanced") && name.contains("running_mean")));
    assert!(one == two, "two devices gave another result");
    assert!(one == four, "four devices gave another result");
    // And these are several batches: one of eight is something else.
    for stage in [&mut all.stage1, &mut all.stage2] {
        *stage = Stage { batch: 8, accumulate: 1, ..stage.clone() };
    }
    let folder = tempfile::tempdir().unwrap();
    assert_ne!(finished(train(&all, &go, folder.path(), None)).network, one.0.network);
}

#[test]
fn a_run_goes_on_with_another_number_of_devices() {
    let (folders, go) = ([tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()], AtomicBool::new(false));
    let mut all = config([2, 2]);
    for stage in [&mut all.stage1, &mut all.stage2] {
        *stage = Stage { batch: 2, accumulate: 2, ..stage.clone() };
    }
    let unbroken = finished(train(&all, &go, folders[0].path(), None));
    let stop = AtomicBool::new(true);
    let mut checkpoint = None;
    for session in 0..10 {
        match train_on(1 + session % 2, &all, &stop, folders[1].path(), checkpoint.take()).unwrap() {
            RunEnd::Stopped(_) => checkpoint = Some(Checkpoint::read(folders[1].path()).unwrap()),
            RunEnd::Finished(broken) => {
                assert!(*broken == unbroken && session > 3, "{session}");
                return;
            }
        }
    }
    panic!("the run did not end");
}

#[test]
fn devices_without_a_batch_are_refused() {
    let (folder, go) = (tempfile::tempdir().unwrap(), AtomicBool::new(false));
    let error = train_on(2, &config([1, 1]), &go, folder.path(), None).unwrap_err().to_string();
    assert!(error.contains("2 devices cannot share the 1 batches") && error.contains("`stage1.accumulate`"), "{error}");
    assert!(train_on(0, &config([1, 1]), &go, folder.path(), None).unwrap_err().to_string().contains("needs a device"));
}

/// Forty drawn faces on disk, and the file of their crops.
struct OnDisk {
    folder: tempfile::TempDir,
    config: RunConfig,
}

impl OnDisk {
    fn new(surroundings: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        faces::write_set(folder.path(), 40, 5).unwrap();
        let mut config = config([2, 1]);
        config.augment.surroundings = surroundings;
        Self { folder, config }
    }

    fn crops(&self) -> Crops {
        Crops { input: self.config.input(), landmarks: Landmarks::new(), allow_cut_off: false }
    }

    fn pack(&self) -> PathBuf {
        let file = self.folder.path().join("faces.pack");
        let truth = read_truth(&self.folder.path().join("train.csv")).unwrap();
        let ids = truth.into_iter().map(|row| row.id).collect();
        let (size, margin) = (self.config.network.input_size, self.config.margin());
        let settings = PackSettings { crop: self.config.crop, size, margin, landmarks: None, detector: None };
        packed::write(&file, &self.folder.path().join("images"), &ids, &self.crops(), settings, || {}).unwrap();
        file
    }

    /// From the images, or from the file.
    fn set(&self, file: Option<&std::path::Path>) -> TrainingSet {
        let images = self.folder.path().join("images");
        let truth = read_truth(&self.folder.path().join("train.csv")).unwrap();
        match file {
            Some(file) => {
                let file = std::sync::Arc::new(Packed::open(file).unwrap());
                TrainingSet::packed(&file, &images, &truth, 0.0).unwrap()
            }
            None => load_wide(&images, &truth, &self.crops(), self.config.margin(), 0.0).unwrap().0.into(),
        }
    }

    fn train(&self, set: &TrainingSet, run: &std::path::Path, stop: &AtomicBool) -> Result<RunEnd> {
        let truth = read_truth(&self.folder.path().join("val.csv")).unwrap();
        let (val, _) = load(&self.folder.path().join("images"), &truth, &self.crops(), 0.0).unwrap();
        let devices = [crate::device::cpu()];
        let (config, folder) = (&self.config, run.to_owned());
        Run { config, folder, train: set, faces: None, start: None, val: &val, devices: &devices, stop }.train(None)
    }
}

#[test]
fn a_run_from_the_file_of_crops_is_the_run_from_the_images() {
    let mut results = Vec::new();
    for surroundings in [false, true] {
        let disk = OnDisk::new(surroundings);
        let (file, go) = (disk.pack(), AtomicBool::new(false));
        let [direct, packed] = [None, Some(file.as_path())].map(|file| {
            let run = tempfile::tempdir().unwrap();
            finished(disk.train(&disk.set(file), run.path(), &go).unwrap())
        });
        assert!(direct == packed, "surroundings: {surroundings}");
        results.push(direct.network);
    }
    assert_ne!(results[0], results[1], "what surrounds a crop was never seen");
}

#[test]
fn a_file_that_cannot_be_read_any_more_stops_the_run_and_the_last_checkpoint_stays() {
    let disk = OnDisk::new(false);
    let (file, run) = (disk.pack(), tempfile::tempdir().unwrap());
    let set = disk.set(Some(&file));
    let stop = AtomicBool::new(true);
    assert!(matches!(disk.train(&set, run.path(), &stop).unwrap(), RunEnd::Stopped(_)));
    let bytes = std::fs::read(run.path().join(crate::checkpoint::FILE)).unwrap();
    // Another program truncates it, as a full or failing disk may.
    std::fs::File::options().write(true).open(&file).unwrap().set_len(100).unwrap();
    let error = format!("{:#}", disk.train(&set, run.path(), &AtomicBool::new(false)).unwrap_err());
    assert!(error.contains("faces.pack any more") && error.contains("trainer prepare --run"), "{error}");
    assert_eq!(std::fs::read(run.path().join(crate::checkpoint::FILE)).unwrap(), bytes);
}
