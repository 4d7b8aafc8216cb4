//! `trainer train`: both stages of one configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use burn::tensor::Device;

use super::seeds;
use crate::checkpoint::Checkpoint;
use crate::config::RunConfig;
use crate::data::{Crops, Landmarks, Set, load, read_landmarks, read_truth};
use crate::evaluation::{Scores, estimates, inference, median};
use crate::training::{Outcome, Run};

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
    /// default holds.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Train this often, with the file's seed and those that follow it, in one folder each; reports mean and deviation. The
    /// same command with --out goes on where it was stopped.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub seeds: Option<u64>,
    /// Continue the run in this folder from its checkpoint.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["config", "out", "set", "seeds"])]
    pub resume: Option<PathBuf>,
}

/// Starts or resumes a run, or several, and prints the report.
///
/// # Errors
/// The configuration or data cannot be read, or training fails.
pub fn run(arguments: &Arguments, device: &Device) -> Result<()> {
    if let Some(folder) = &arguments.resume {
        let config = RunConfig::read(&folder.join(CONFIG))?;
        let checkpoint = Checkpoint::find(folder)?;
        match &checkpoint {
            Some(checkpoint) => eprintln!("resuming {} at {:?}", folder.display(), checkpoint.progress),
            None => eprintln!("resuming {} at its start: it was ended before its first checkpoint", folder.display()),
        }
        return start(&config, folder, checkpoint, device).map(|_| ());
    }
    let path = arguments.config.as_deref().context("give a configuration, or --resume RUN")?;
    let config = RunConfig::read_with(path, &arguments.set)?;
    let folder = arguments.out.clone().map_or_else(|| new_folder(&config.name), Ok)?;
    match arguments.seeds {
        Some(count) => seeds::run(&config, &folder, count, device),
        None => start(&config, &folder, None, device).map(|_| ()),
    }
}

/// Trains in `folder`, prints the report on the validation split, and says how to go on.
pub(super) fn start(
    config: &RunConfig,
    folder: &Path,
    checkpoint: Option<Checkpoint>,
    device: &Device,
) -> Result<Option<Scores>> {
    if checkpoint.is_none() {
        prepare(config, folder)?;
    }
    train(config, folder, checkpoint, &Splits::read(config)?, device, &stop_on_interrupt())
}

/// Makes the folder of a new run and saves its resolved configuration there.
pub(super) fn prepare(config: &RunConfig, folder: &Path) -> Result<()> {
    ensure!(
        !folder.join(crate::checkpoint::FILE).exists(),
        "{} already holds a run: continue it with --resume {0}, or give another --out",
        folder.display()
    );
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    crate::checkpoint::write_atomically(&folder.join(CONFIG), config.to_toml()?.as_bytes())
}

/// What a run learns from and what it is measured on.
#[derive(Debug)]
pub(super) struct Splits {
    train: Set,
    val: Set,
}

impl Splits {
    /// Reads both.
    pub(super) fn read(config: &RunConfig) -> Result<Self> {
        let crops = crops(config)?;
        let read = |truth| read_split(config, truth, &crops, config.data.max_bad_share);
        let splits = Self { train: read(&config.data.train)?, val: read(&config.data.val)? };
        eprintln!("{} training images, {} for validation", splits.train.ids.len(), splits.val.ids.len());
        Ok(splits)
    }
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
    Splits { train, val }: &Splits,
    device: &Device,
    stop: &AtomicBool,
) -> Result<Option<Scores>> {
    eprintln!("run in {}", folder.display());
    let run = Run { config, folder: folder.to_owned(), train, val, device, stop };
    let checkpoint = match run.train(checkpoint)? {
        Outcome::Finished(checkpoint) => checkpoint,
        Outcome::Stopped(at) => {
            println!("stopped at {at:?}; continue with: trainer train --resume {}", folder.display());
            return Ok(None);
        }
    };
    let inference = inference(&config.network, checkpoint.answering(), config.input(), device)?;
    let answers = estimates(&inference, &val.crops, |_| {})?;
    let scores = Scores::new(&answers, &val.ages, median(&train.ages))?;
    println!("validation: {scores}");
    println!("export with: trainer export {} --out public/weights/{}", folder.display(), config.name);
    Ok(Some(scores))
}

/// How this run's images become crops.
pub(super) fn crops(config: &RunConfig) -> Result<Crops> {
    let landmarks = config.data.landmarks.as_deref().map_or_else(|| Ok(Landmarks::new()), read_landmarks)?;
    Ok(Crops { input: config.input(), landmarks })
}

/// Reads one split.
pub(super) fn read_split(config: &RunConfig, truth: &Path, crops: &Crops, max_bad_share: f64) -> Result<Set> {
    Ok(load(&config.data.images, &read_truth(truth)?, crops, max_bad_share)?.0)
}

/// runs/<time>-<name>, time in UTC.
pub(super) fn new_folder(name: &str) -> Result<PathBuf> {
    let format = time::macros::format_description!("[year]-[month]-[day]T[hour][minute][second]");
    let now = time::OffsetDateTime::now_utc().format(format)?;
    Ok(Path::new("runs").join(format!("{now}-{name}")))
}
