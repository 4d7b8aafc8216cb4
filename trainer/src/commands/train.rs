//! `trainer train`: both stages of one configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use burn::tensor::Device;

use crate::checkpoint::Checkpoint;
use crate::config::RunConfig;
use crate::data::{Crops, Landmarks, Set, load, read_landmarks, read_truth};
use crate::evaluation::{Scores, estimates, inference, median};
use crate::training::{Outcome, Run};

/// Name of the resolved configuration in a run's folder.
pub const CONFIG: &str = "config.toml";

/// Starts or resumes a run and prints its report.
///
/// # Errors
/// The configuration or data cannot be read, or training fails.
pub fn run(config: Option<&Path>, out: Option<PathBuf>, resume: Option<PathBuf>, device: &Device) -> Result<()> {
    let (config, folder, checkpoint) = match (resume, config) {
        (Some(folder), _) => {
            let config = RunConfig::read(&folder.join(CONFIG))?;
            let checkpoint = Checkpoint::read(&folder)?;
            eprintln!("resuming {} at {:?}", folder.display(), checkpoint.progress);
            (config, folder, Some(checkpoint))
        }
        (None, Some(path)) => {
            let config = RunConfig::read(path)?;
            let folder = out.map_or_else(|| new_folder(&config.name), Ok)?;
            (config, folder, None)
        }
        (None, None) => anyhow::bail!("give a configuration, or --resume RUN"),
    };
    start(&config, &folder, checkpoint, device).map(|_| ())
}

/// Trains in `folder`, prints the report on the validation split, and says how to go on.
pub(super) fn start(
    config: &RunConfig,
    folder: &Path,
    checkpoint: Option<Checkpoint>,
    device: &Device,
) -> Result<Option<Scores>> {
    if checkpoint.is_none() {
        ensure!(
            !folder.join(crate::checkpoint::FILE).exists(),
            "{} already holds a run: continue it with --resume {0}, or give another --out",
            folder.display()
        );
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        crate::checkpoint::write_atomically(&folder.join(CONFIG), config.to_toml()?.as_bytes())?;
    }
    let crops = crops(config)?;
    let train = read_split(config, &config.data.train, &crops, config.data.max_bad_share)?;
    let val = read_split(config, &config.data.val, &crops, config.data.max_bad_share)?;
    eprintln!("{} training images, {} for validation; run in {}", train.ids.len(), val.ids.len(), folder.display());

    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    // A second handler cannot be set; then the first one, of the same process, serves.
    let _ = ctrlc::set_handler(move || {
        eprintln!("stopping after this step");
        flag.store(true, Ordering::Relaxed);
    });
    let run = Run { config, folder: folder.to_owned(), train: &train, val: &val, device, stop: &stop };
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
