//! `trainer train`: both stages of one configuration.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use glae_model::StateDict;
use glae_model::loss::label_distribution;
use glae_model::manifest::sha256;

use super::seeds;
use crate::checkpoint::Checkpoint;
use crate::config::RunConfig;
use crate::device::numbered;
use crate::evaluation::{WaysScored, estimates, inference, median};
use crate::training::origin::RunOrigin;
use crate::training::{Run, RunEnd};
use glae_data::packed::{PackSettings, Packed};
use glae_data::{
    Crops, LabelledFile, Landmarks, Set, SoftFaces, SoftLabels, TrainingSet, load, load_wide, moved, read_landmarks,
    read_truth,
};

/// Name of the resolved configuration in a run's folder.
pub const CONFIG: &str = "config.toml";

/// `trainer train`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The run's TOML file (with --resume: not needed).
    #[arg(required_unless_present = "resume")]
    pub config: Option<PathBuf>,
    /// Folder of the run; default runs/TIME-NAME.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Another value for a key of the file, e.g. stage1.epochs=3 or loss=kl; as often as needed. Without a value the key's
    /// default holds. With --resume for paths alone, e.g. data.images=/scratch/faces, where the data has moved.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Train this often, with the file's seed and those that follow it, in one folder each; reports mean and deviation. The
    /// same command with --out goes on where it was stopped.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub seeds: Option<u64>,
    /// Train on these devices of the kind that --device names, counted from 0, e.g. 0,1: each takes its share of a step's
    /// batches, of which `accumulate` says how many there are. The result is that of one device.
    #[arg(long, value_name = "N,N", value_delimiter = ',')]
    pub devices: Vec<usize>,
    /// Continue the run in this folder from its checkpoint.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["config", "out", "seeds"])]
    pub resume: Option<PathBuf>,
}

/// Starts or resumes a run, or several, and prints the report.
///
/// # Errors
/// The configuration or data cannot be read, or training fails.
pub fn run(arguments: &Arguments, device: &Device) -> Result<()> {
    let devices = match &arguments.devices[..] {
        [] => vec![device.clone()],
        numbers => numbered(device, numbers)?,
    };
    if let Some(folder) = &arguments.resume {
        return resume(folder, &arguments.set, &devices);
    }
    let path = arguments.config.as_deref().context("give a configuration, or --resume RUN")?;
    let config = RunConfig::read_with(path, &arguments.set)?;
    let folder = arguments.out.clone().map_or_else(|| new_folder(&config.name), Ok)?;
    match arguments.seeds {
        Some(count) => seeds::run(&config, &folder, count, &devices),
        None => begin(&config, &folder, None, &devices).map(|_| ()),
    }
}

/// Goes on with a run, whose data may lie elsewhere by now; where they do is kept in its configuration once their checksum
/// has shown that they are the same.
fn resume(folder: &Path, settings: &[String], devices: &[Device]) -> Result<()> {
    for setting in settings {
        let key = setting.split('=').next().unwrap_or_default().trim();
        ensure!(
            PATHS.contains(&key),
            "--set {setting}: a run goes on with the settings it began with; only its paths can be other ones: {}",
            PATHS.join(", ")
        );
    }
    let config = RunConfig::read_with(&folder.join(CONFIG), settings)?;
    reachable(&config, folder)?;
    let checkpoint = Checkpoint::find(folder)?;
    match &checkpoint {
        Some(checkpoint) => eprintln!("resuming {} at {}", folder.display(), checkpoint.progress),
        None => eprintln!("resuming {} at its start: it was ended before its first checkpoint", folder.display()),
    }
    let splits = RunData::read(&config)?;
    splits.origin.keep(folder)?;
    if !settings.is_empty() || checkpoint.is_none() {
        glae_data::files::write_atomically(&folder.join(CONFIG), config.to_toml()?.as_bytes())?;
    }
    train(&config, folder, checkpoint, &splits, devices, &stop_on_interrupt()).map(|_| ())
}

/// Keys of a run's configuration that say where data lies.
const PATHS: [&str; 11] = [
    "start",
    "data.images",
    "data.train",
    "data.val",
    "data.test",
    "data.landmarks",
    "data.cache",
    "data.soft.labels",
    "data.soft.rows",
    "data.soft.faces.images",
    "data.soft.faces.landmarks",
];

/// Whether what a run learns from is where it says.
///
/// # Errors
/// Every path that leads nowhere, from where it was looked for, and how to say where the data is.
fn reachable(config: &RunConfig, folder: &Path) -> Result<()> {
    let RunConfig { data, .. } = config;
    // A file of crops stands for the images.
    let pictures = match &data.cache {
        Some(cache) => ("data.cache", Some(cache.as_path())),
        None => ("data.images", Some(data.images.as_path())),
    };
    let soft = data.soft.as_ref();
    let faces = soft.and_then(|soft| soft.faces.as_ref());
    let others = [
        ("start", config.start.as_deref()),
        ("data.train", Some(data.train.as_path())),
        ("data.val", Some(data.val.as_path())),
        ("data.landmarks", data.landmarks.as_deref()),
        ("data.soft.labels", soft.map(|soft| soft.labels.as_path())),
        ("data.soft.rows", soft.map(|soft| soft.rows.as_path())),
        ("data.soft.faces.images", faces.map(|faces| faces.images.as_path())),
        ("data.soft.faces.landmarks", faces.and_then(|faces| faces.landmarks.as_deref())),
    ];
    let missing: Vec<String> = [pictures]
        .into_iter()
        .chain(others)
        .filter_map(|(key, path)| path.filter(|path| !path.exists()).map(|path| format!("{key} = {}", path.display())))
        .collect();
    let (here, shown) = (std::env::current_dir().unwrap_or_default(), folder.display());
    ensure!(
        missing.is_empty(),
        "the data of {shown} is not where it was: {}. Paths are looked for from {}: start where the run began, or say where \
         they are now, e.g. trainer train --resume {shown} --set data.images=DIR",
        missing.join(", "),
        here.display()
    );
    Ok(())
}

/// Trains in `folder`, prints the report on the validation split, and says how to go on.
pub(super) fn start(
    config: &RunConfig,
    folder: &Path,
    checkpoint: Option<Checkpoint>,
    device: &Device,
) -> Result<Option<WaysScored>> {
    begin(config, folder, checkpoint, std::slice::from_ref(device))
}

fn begin(
    config: &RunConfig,
    folder: &Path,
    checkpoint: Option<Checkpoint>,
    devices: &[Device],
) -> Result<Option<WaysScored>> {
    if checkpoint.is_none() {
        prepare(config, folder)?;
    }
    train(config, folder, checkpoint, &RunData::read(config)?, devices, &stop_on_interrupt())
}

/// Makes the folder of a new run and saves its resolved configuration there.
pub(super) fn prepare(config: &RunConfig, folder: &Path) -> Result<()> {
    ensure!(
        !folder.join(crate::checkpoint::FILE).exists(),
        "{} already holds a run: continue it with --resume {0}, or give another --out",
        folder.display()
    );
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    glae_data::files::write_atomically(&folder.join(CONFIG), config.to_toml()?.as_bytes())
}

/// What a run learns from and what it is measured on.
#[derive(Debug)]
pub(super) struct RunData {
    train: TrainingSet,
    faces: Option<SoftFaces>,
    start: Option<StateDict>,
    val: Set,
    origin: RunOrigin,
}

impl RunData {
    /// Reads both, from the file of crops where the run names one, otherwise from the images.
    pub(super) fn read(config: &RunConfig) -> Result<Self> {
        let began = Instant::now();
        let RunConfig { data, .. } = config;
        let (learnt, chosen) = (read_truth(&data.train)?, read_truth(&data.val)?);
        let (mut train, val) = match &data.cache {
            Some(path) => {
                let file = Arc::new(Packed::open(path)?);
                file.check(&settings(config)?, &data.images)?;
                let part = |truth: &[LabelledFile]| TrainingSet::packed(&file, &data.images, truth, data.max_bad_share);
                (part(&learnt)?, part(&chosen)?.without_margin(config.margin())?)
            }
            None => {
                let crops = crops(config)?;
                let (train, _) = load_wide(&data.images, &learnt, &crops, config.margin(), data.max_bad_share)?;
                (TrainingSet::from(train), load(&data.images, &chosen, &crops, data.max_bad_share)?.0)
            }
        };
        let took = began.elapsed().as_secs_f64();
        let (learnt, chosen) = (train.ids.len(), val.ids.len());
        eprintln!(
            "{learnt} training images, {chosen} for validation, read from {} in {took:.1} s ({:.0} images/s)",
            data.cache.as_deref().unwrap_or(&data.images).display(),
            (learnt + chosen) as f64 / took
        );
        let known: HashSet<&String> = train.ids.iter().collect();
        let twice = val.ids.iter().filter(|id| known.contains(id)).count();
        if twice > 0 {
            eprintln!("{twice} validation images are training images too: validation will look better than it is");
        }
        let soft = data.soft.as_ref().map(SoftLabels::read).transpose()?;
        let label = |age: f32| label_distribution(f64::from(age), config.sigma);
        train.targets = soft.as_ref().map(|soft| soft.targets(&train.ids, &train.ages, label)).transpose()?;
        let faces = soft.map_or(Ok(None), |soft| soft.faces(config.input(), config.margin(), data.max_bad_share))?;
        let start = config.start.as_deref().map(start_weights).transpose()?;
        let (start, start_sha256) = start.unzip();
        let origin = RunOrigin::new(&train, &val, faces.as_ref().map(|faces| &faces.train), start_sha256)?;
        // Training does without it, so that it may be missing here.
        let test = data.test.as_deref().and_then(|path| std::fs::read(path).ok()).map(|bytes| sha256(&bytes));
        let origin = RunOrigin { test, ..origin };
        Ok(Self { train, faces, start, val, origin })
    }
}

/// Weights to begin with, and their SHA-256.
pub(super) fn start_weights(path: &Path) -> Result<(StateDict, String)> {
    let bytes = std::fs::read(path).with_context(|| {
        format!("cannot read {}: make it with trainer import, or leave out `start`", path.display())
    })?;
    let state = StateDict::from_safetensors(&bytes).with_context(|| path.display().to_string())?;
    Ok((state, sha256(&bytes)))
}

/// What a file of crops must hold for this run.
pub(super) fn settings(config: &RunConfig) -> Result<PackSettings> {
    let landmarks = config.data.landmarks.as_deref().map(|path| {
        std::fs::read(path).map(|bytes| sha256(&bytes)).with_context(|| format!("cannot read {}", path.display()))
    });
    Ok(PackSettings {
        crop: config.crop,
        size: config.network.input_size,
        margin: config.margin(),
        landmarks: landmarks.transpose()?,
        detector: None,
    })
}

/// A flag that Ctrl-C raises.
pub(super) fn stop_on_interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    // A second handler cannot be set; then the first one, of the same process, serves.
    let _ = ctrlc::set_handler(move || {
        eprintln!("stopping after this step");
        flag.store(true, Ordering::Relaxed);
    });
    stop
}

/// Trains, prints the report on the validation split and says how to go on. `None` if it was stopped.
pub(super) fn train(
    config: &RunConfig,
    folder: &Path,
    checkpoint: Option<Checkpoint>,
    RunData { train, faces, start, val, origin }: &RunData,
    devices: &[Device],
    stop: &AtomicBool,
) -> Result<Option<WaysScored>> {
    eprintln!("run in {}", folder.display());
    origin.keep(folder)?;
    let (faces, start) = (faces.as_ref(), start.as_ref());
    let run = Run { config, folder: folder.to_owned(), train, faces, start, val, devices, stop };
    let checkpoint = match run.train(checkpoint).with_context(|| what_is_left(folder))? {
        RunEnd::Finished(checkpoint) => checkpoint,
        RunEnd::Stopped(at) => {
            println!("stopped at {at}; continue with: trainer train --resume {}", folder.display());
            return Ok(None);
        }
    };
    let inference = inference(&config.network, checkpoint.answering(), config.input(), &devices[0])?;
    let answers = estimates(&inference, &val.crops, |_| {})?;
    let scores = WaysScored::new(&answers, &val.ages, median(&train.ages))?;
    println!("validation: {scores}");
    println!("export with: trainer export {} --out public/weights/{}", folder.display(), config.name);
    Ok(Some(scores))
}

/// What a run that failed leaves, and how to go on; the reason comes with it.
fn what_is_left(folder: &Path) -> String {
    let shown = folder.display();
    match Checkpoint::find(folder) {
        Ok(Some(Checkpoint { progress, .. })) => format!(
            "the run stopped; its last good checkpoint stands at {progress}: with the cause below out of the way, continue \
             with trainer train --resume {shown}"
        ),
        Ok(None) => format!(
            "the run stopped before its first checkpoint: with the cause below out of the way, start it with trainer train \
             --resume {shown}"
        ),
        Err(error) => format!("the run in {shown} stopped, and its checkpoint cannot be read ({error:#})"),
    }
}

/// How this run's images become crops.
pub(super) fn crops(config: &RunConfig) -> Result<Crops> {
    let landmarks = config.data.landmarks.as_deref().map_or_else(|| Ok(Landmarks::new()), read_landmarks)?;
    let landmarks = moved(landmarks, config.data.landmarks_offset);
    Ok(Crops { input: config.input(), landmarks, allow_cut_off: false })
}

/// runs/<time>-<name>, time in UTC.
pub(super) fn new_folder(name: &str) -> Result<PathBuf> {
    let format = time::macros::format_description!("[year]-[month]-[day]T[hour][minute][second]");
    let now = time::OffsetDateTime::now_utc().format(format)?;
    Ok(Path::new("runs").join(format!("{now}-{name}")))
}
