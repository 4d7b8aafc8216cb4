//! `trainer report`: one page about one run.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use burn::tensor::Device;
use glae_model::manifest::sha256;
use glae_report::words::whole;
use glae_report::{Contents, curves, page};

use super::answered::{LastSplit, ReportedSplit, answered, sources};
use super::train::CONFIG;
use crate::checkpoint::{self, Checkpoint};
use crate::config::RunConfig;
use crate::config::facts::facts;
use crate::evaluation::median;
use crate::training::metrics;
use crate::training::origin::{self, RunOrigin};
use glae_data::files::write_atomically;
use glae_data::read_truth;

/// Name of the drawing of losses, learning rate and errors in a run's folder.
const CURVES: &str = "curves.svg";

/// `trainer report`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder of the run.
    pub run: PathBuf,
    /// The page to write; default report.html in the run's folder.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// The images to answer for. Choices are made on `val`; look at `test` once.
    #[arg(long, value_enum, default_value_t = ReportedSplit::Val)]
    pub split: ReportedSplit,
}

/// Writes the page, `curves.svg` and the predictions files it rests on.
///
/// # Errors
/// The run has no checkpoint, or its data cannot be read.
pub fn run(arguments: &Arguments, device: &Device) -> Result<()> {
    let Arguments { run, out, split } = arguments;
    let config = RunConfig::read(&run.join(CONFIG))?;
    ensure!(run.join(checkpoint::FILE).exists(), "{} has no checkpoint yet: there is nothing to report", run.display());
    let answers = answered(run, &config, *split, &mut LastSplit::default(), device)?;
    let epochs = metrics::read(run);
    let mut notices = Vec::new();
    let progress = Checkpoint::read(run)?.progress;
    if progress.stage < 2 {
        notices.push(format!(
            "This run is not finished: its checkpoint is at {progress}. Until stage 2 has trained it, the balanced classifier \
             knows nothing, and neither do routed answers."
        ));
    }
    if answers.left_out() > 0 {
        notices.push(format!(
            "{} of {} images cannot be read or have no landmarks; the numbers speak of the others.",
            whole(answers.left_out()),
            whole(answers.truth().len())
        ));
    }
    let ages: Vec<f32> = read_truth(&config.data.train)?.iter().map(|row| row.age).collect();
    let configuration = config.to_toml()?;
    let mut facts: Vec<_> = facts(&config).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    facts.push(("Configuration, SHA-256".to_owned(), sha256(configuration.as_bytes())));
    for (name, hash) in sources(run, &config, split.truth(&config)?)? {
        facts.push((format!("{}, SHA-256", capitalised(&name)), hash));
    }
    if let Some(RunOrigin { trainer, commit, changed, train, val, faces, start, .. }) = RunOrigin::read(run) {
        let changed = if changed == Some(true) { ", with changes that are not in it" } else { "" };
        let commit = commit.map_or_else(|| "not noted".to_owned(), |commit| format!("{commit}{changed}"));
        let part = |own: origin::SplitOrigin| format!("{} images, {}", whole(own.images), own.sha256);
        facts.extend(
            [
                ("Trainer", trainer),
                ("Commit", commit),
                ("Training data, SHA-256", part(train)),
                ("Validation data, SHA-256", part(val)),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        let faces = faces.map(|faces| ("Faces without ages, SHA-256".to_owned(), part(faces)));
        let start = start.map(|sha256| ("Weights it began with, SHA-256".to_owned(), sha256));
        facts.extend(faces.into_iter().chain(start));
    }
    let stages = [config.stage1.epochs, config.stage2.epochs];
    let contents = Contents {
        name: &config.name,
        facts: &facts,
        configuration: &configuration,
        stages,
        answers: &answers,
        split: split.name(),
        training_median: median(&ages),
        epochs: &epochs,
        notices: &notices,
    };
    let out = out.clone().unwrap_or_else(|| run.join("report.html"));
    write_atomically(&out, page(&contents)?.as_bytes())?;
    println!("{}", out.display());
    if !epochs.is_empty() {
        let path = run.join(CURVES);
        let drawing = curves::draw(720.0, stages, &epochs).to_svg(&format!("Training of {}", config.name));
        write_atomically(&path, drawing.as_bytes())?;
        println!("{}", path.display());
    }
    Ok(())
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
