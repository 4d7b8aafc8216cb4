//! `portal score`.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use glae_metrics::{Bootstrap, Options, Predictions, Report, Truth, Unpredicted, score};

use super::{PortalFolders, renaming::Renaming};
use crate::board;

/// Scores a predictions file here, without sending it anywhere.
#[derive(Debug, Args)]
pub struct Score {
    /// A board whose truth is here.
    #[arg(long, value_name = "ID", conflicts_with = "truth", required_unless_present = "truth")]
    board: Option<String>,
    /// A truth file of your own.
    #[arg(long, value_name = "CSV")]
    truth: Option<PathBuf>,
    /// The predictions: CSV or JSON lines.
    #[arg(long, value_name = "FILE")]
    predictions: PathBuf,
    /// Writes the full report as JSON.
    #[arg(long)]
    json: bool,
    /// Leaves out the 95 % intervals, which take most of the time.
    #[arg(long)]
    no_intervals: bool,
    #[command(flatten)]
    renaming: Renaming,
    #[command(flatten)]
    places: PortalFolders,
}

impl Score {
    /// Runs the command.
    ///
    /// # Errors
    /// The problems of the file.
    pub fn run(self) -> Result<()> {
        let intervals = (!self.no_intervals).then(Bootstrap::default);
        let read = |path: &PathBuf| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
        let (truth, options) = match (&self.board, &self.truth) {
            (Some(id), _) => {
                let boards = board::load(&self.places.public, &self.places.data)?;
                let loaded = boards.get(id).with_context(|| format!("there is no board {id}"))?;
                let truth = loaded.truth.clone();
                let none = || format!("the truth of {id} is not here: name your own copy with --truth");
                (truth.with_context(none)?, loaded.options(intervals))
            }
            (None, Some(path)) => {
                let truth = Truth::parse(&read(path)?).map_err(|problems| board::file_problems(path, &problems))?;
                let options = Options { unpredicted: Unpredicted::Refused, training_counts: Vec::new(), intervals };
                (truth.into(), options)
            }
            (None, None) => anyhow::bail!("name a board with --board or a truth file with --truth"),
        };
        let problems = |problems| board::file_problems(&self.predictions, &problems);
        let bytes = read(&self.predictions)?;
        let predictions = match self.renaming.is_wanted() {
            true => self.renaming.apply(&Predictions::parse(&bytes).map_err(problems)?),
            false => Predictions::parse_for(&bytes, &truth, options.unpredicted).map_err(problems)?,
        };
        let report = score(&truth, &predictions, &options).map_err(problems)?;
        match self.json {
            true => println!("{}", serde_json::to_string_pretty(&report)?),
            false => print!("{}", summary(&report)),
        }
        Ok(())
    }
}

/// The numbers that papers print.
fn summary(report: &Report) -> String {
    let mut lines = vec![format!("{} images, {} ages, {}", report.samples, report.ages, report.scorer)];
    let interval = |[low, high]: [f64; 2]| format!("   95 %: {low:.3} to {high:.3}");
    let (mae, cmae) = match &report.intervals {
        Some(found) => (interval(found.mae), interval(found.cmae)),
        None => Default::default(),
    };
    lines.push(format!("CMAE     {:8.3}{cmae}", report.cmae));
    lines.push(format!("MAE      {:8.3}{mae}", report.mae));
    for band in &report.bands {
        lines.push(format!("  {:7}{:8.3} CMAE {:8.3} MAE", band.band.label(), band.cmae, band.mae));
    }
    if let Some(cs5) = report.cs.get(4) {
        lines.push(format!("CS(5)    {cs5:8.4}"));
    }
    if let Some(epsilon) = report.epsilon {
        lines.push(format!("epsilon  {epsilon:8.4}"));
    }
    lines.push(format!("AAR      {:8.3}", report.aar.score));
    lines.join("\n") + "\n"
}
