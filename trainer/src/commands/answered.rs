//! The predictions of a run's checkpoint, as files in the run's folder that the leaderboard takes. They are written once and
//! read from then on, as long as checkpoint and data are the same.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use burn::tensor::Device;
use clap::ValueEnum;
use glae_metrics::{Predictions, Truth, Unpredicted};
use glae_model::manifest::{Input, sha256};
use glae_model::{Estimate, Rules};
use glae_report::Answers;

use super::predict::table;
use super::table::definitions::ANSWERED;
use super::train::crops;
use crate::checkpoint::{self, Checkpoint};
use crate::config::RunConfig;
use crate::evaluation::{heads, inference};
use glae_data::files::write_atomically;
use glae_data::{Set, load, read_table, read_truth};

/// Folder of the predictions in a run's folder.
const FOLDER: &str = "predictions";

/// Which images are answered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportedSplit {
    /// Those that choices are made on.
    Val,
    /// Those that are touched for reported numbers only.
    Test,
}

impl ReportedSplit {
    /// Its name in a sentence.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Val => "validation",
            Self::Test => "test",
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Val => "val",
            Self::Test => "test",
        }
    }

    /// Its truth file.
    ///
    /// # Errors
    /// The run names none.
    pub(super) fn truth(self, config: &RunConfig) -> Result<&Path> {
        match self {
            Self::Val => Ok(&config.data.val),
            Self::Test => config
                .data
                .test
                .as_deref()
                .with_context(|| format!("{} names no test images: give `data.test`, or --split val", config.name)),
        }
    }
}

/// Images of the last split that was read: several runs answer for the same.
#[derive(Debug, Default)]
pub(super) struct LastSplit(Option<(Input, PathBuf, Set)>);

impl LastSplit {
    fn set(&mut self, config: &RunConfig, truth: &Path) -> Result<&Set> {
        let known = self.0.take().filter(|(input, path, _)| (*input, path.as_path()) == (config.input(), truth));
        let entry = match known {
            Some(entry) => entry,
            None => {
                let rows = read_truth(truth)?;
                let (set, _) = load(&config.data.images, &rows, &crops(config)?, config.data.max_bad_share)?;
                (config.input(), truth.to_owned(), set)
            }
        };
        Ok(&self.0.insert(entry).2)
    }
}

/// The answers of a run, read if they are there and made if not.
///
/// # Errors
/// There is no checkpoint, or data or predictions cannot be read.
pub(super) fn answered(
    run: &Path,
    config: &RunConfig,
    split: ReportedSplit,
    kept: &mut LastSplit,
    device: &Device,
) -> Result<Answers> {
    let path = split.truth(config)?;
    let truth = read_table(path, Truth::parse)?;
    let counts = read_table(&config.data.train, Truth::parse)?.counts();
    let sources = sources(run, config, path)?;
    let folder = run.join(FOLDER);
    let stamp = folder.join(format!("{}.json", split.file()));
    let file = |name: &str| folder.join(format!("{}-{name}.csv", split.file()));
    let known = std::fs::read(&stamp).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    // A file is missing where the run answered before its rule was one of these.
    if known.as_ref() != Some(&sources) || ANSWERED.iter().any(|(name, _)| !file(name).exists()) {
        let checkpoint = Checkpoint::read(run)?;
        let inference = inference(&config.network, checkpoint.answering(), config.input(), device)?;
        let set = kept.set(config, path)?;
        eprintln!("{}: estimating {} {} images", run.display(), set.ids.len(), split.name());
        let found = heads(&inference, &set.crops)?;
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        for (name, routing) in ANSWERED {
            let rules = Rules { routing, ..Rules::default() };
            let own: Vec<Estimate> = found.iter().map(|heads| heads.estimate(rules)).collect();
            write_atomically(&file(name), &table(&set.ids, &own, true)?)?;
        }
        // Last: without it the files count for nothing.
        write_atomically(&stamp, &serde_json::to_vec_pretty(&sources)?)?;
    }
    let parse = |bytes: &[u8]| Predictions::parse_for(bytes, &truth, Unpredicted::Counted);
    let predictions = ANSWERED.into_iter().map(|(name, rule)| Ok((rule, read_table(&file(name), parse)?)));
    let predictions = predictions.collect::<Result<_>>()?;
    Ok(Answers::new(truth, counts, predictions))
}

/// SHA-256 of the files that decide the answers.
pub(super) fn sources(run: &Path, config: &RunConfig, truth: &Path) -> Result<BTreeMap<String, String>> {
    let mut sources = BTreeMap::new();
    let checkpoint = run.join(checkpoint::FILE);
    let landmarks = config.data.landmarks.as_deref();
    let files = [("checkpoint", Some(checkpoint.as_path())), ("truth", Some(truth)), ("landmarks", landmarks)];
    for (name, path) in files.into_iter().filter_map(|(name, path)| Some((name, path?))) {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        sources.insert(name.to_owned(), sha256(&bytes));
    }
    Ok(sources)
}
