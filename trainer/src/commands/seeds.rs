//! `trainer train --seeds K`: the same run with several seeds, and how far they lie apart.

use std::fmt;
use std::path::Path;

use anyhow::{Result, ensure};
use burn::tensor::Device;
use glae_metrics::{Band, Report};
use glae_report::Spread;
use serde::{Deserialize, Serialize};

use super::train::{CONFIG, RunData, prepare, stop_on_interrupt, train};
use crate::checkpoint::Checkpoint;
use crate::config::RunConfig;
use crate::evaluation::WaysScored;
use glae_data::files::write_atomically;

/// Name of the summary in the folder of all runs.
const SUMMARY: &str = "seeds.json";

/// The errors of one way to answer for one group of ages, in years.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    /// vanilla, balanced, routed or median.
    answer: String,
    /// `all`, or the label of an age group.
    ages: String,
    mae: Spread,
    cmae: Spread,
}

/// What several runs of one configuration scored on its validation split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Summary {
    seeds: Vec<u64>,
    rows: Vec<Row>,
}

/// Trains with `count` seeds from the configuration's on, each in a folder `seed-N`; runs that are there already are finished
/// or taken as they are. Leaves `seeds.json` and prints it.
///
/// # Errors
/// A folder holds another run, data cannot be read, or training fails.
pub(super) fn run(config: &RunConfig, folder: &Path, count: u64, devices: &[Device]) -> Result<()> {
    let (splits, stop) = (RunData::read(config)?, stop_on_interrupt());
    let seeds: Vec<u64> = (config.seed..).take(count as usize).collect();
    let mut scores = Vec::new();
    for &seed in &seeds {
        let own = RunConfig { seed, ..config.clone() };
        let run = folder.join(format!("seed-{seed}"));
        let checkpoint = if run.join(CONFIG).exists() {
            ensure!(
                RunConfig::read(&run.join(CONFIG))? == own,
                "{} holds a run of another configuration: give another --out",
                run.display()
            );
            Checkpoint::find(&run)?
        } else {
            prepare(&own, &run)?;
            None
        };
        match train(&own, &run, checkpoint, &splits, devices, &stop)? {
            Some(own) => scores.push(own),
            None => {
                println!("or go on with all seeds: the same command with --out {}", folder.display());
                return Ok(());
            }
        }
    }
    let summary = Summary::new(seeds, &scores);
    write_atomically(&folder.join(SUMMARY), &serde_json::to_vec_pretty(&summary)?)?;
    println!("{summary}");
    Ok(())
}

impl Summary {
    fn new(seeds: Vec<u64>, scores: &[WaysScored]) -> Self {
        let mut rows = Vec::new();
        let answers = scores.first().map_or_else(Vec::new, |scores| scores.rows().map(|(name, _)| name).to_vec());
        for (index, answer) in answers.into_iter().enumerate() {
            let reports: Vec<&Report> = scores.iter().map(|scores| scores.rows()[index].1).collect();
            let mut row = |ages: &str, errors: Vec<(f64, f64)>| {
                let (mae, cmae): (Vec<f64>, Vec<f64>) = errors.into_iter().unzip();
                let (mae, cmae) = (Spread::of(&mae), Spread::of(&cmae));
                rows.push(Row { answer: answer.to_owned(), ages: ages.to_owned(), mae, cmae });
            };
            row("all", reports.iter().map(|report| (report.mae, report.cmae)).collect());
            for band in Band::ALL {
                // All runs score the same images: a group is in all reports or in none.
                let errors =
                    |report: &&Report| report.bands.iter().find(|own| own.band == band).map(|own| (own.mae, own.cmae));
                let errors: Vec<(f64, f64)> = reports.iter().filter_map(errors).collect();
                if !errors.is_empty() {
                    row(band.label(), errors);
                }
            }
        }
        Self { seeds, rows }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "validation, {} seeds; mean and standard deviation in years", self.seeds.len())?;
        write!(f, "| answer | ages | MAE | CMAE |\n|---|---|---|---|")?;
        self.rows
            .iter()
            .try_for_each(|row| write!(f, "\n| {} | {} | {} | {} |", row.answer, row.ages, row.mae, row.cmae))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glae_metrics::Sample;
    use glae_model::Routing;

    #[test]
    fn mean_and_deviation_worked_by_hand() {
        // 1, 2, 6: mean 3, squares 4 + 1 + 9 = 14, over 2 = 7, root 2.645751.
        let spread = Spread::of(&[1.0, 2.0, 6.0]);
        assert!((spread.mean - 3.0).abs() < 1e-12 && (spread.deviation.unwrap() - 2.645_751).abs() < 1e-6);
        assert_eq!(spread.to_string(), "3.00 ± 2.65");
        assert_eq!(Spread::of(&[4.5]), Spread { mean: 4.5, deviation: None });
    }

    #[test]
    fn a_summary_has_a_row_for_each_answer_and_group_of_ages() {
        let report = |off: f64| {
            let sample = |age: f64| Sample { age, prediction: age + off };
            Report::new(&[sample(5.0), sample(30.0)]).unwrap()
        };
        let scores = |off: f64| WaysScored {
            vanilla: report(off),
            balanced: report(2.0 * off),
            routed: report(off),
            median: report(10.0),
            training_median: 30.0,
            rule: Routing::Smaller,
            routed_to_vanilla: 0.5,
            vanilla_share: 0.5,
        };
        let summary = Summary::new(vec![1, 2], &[scores(1.0), scores(3.0)]);
        // Four ways to answer; all ages, and the two groups that have images.
        assert_eq!(summary.rows.len(), 12);
        let row = |answer: &str, index: usize| {
            let rows: Vec<&Row> = summary.rows.iter().filter(|row| row.answer == answer).collect();
            (rows[index].ages.clone(), rows[index].mae.to_string())
        };
        // 1 and 3: mean 2, deviation root 2.
        assert_eq!(row("vanilla", 0), ("all".to_owned(), "2.00 ± 1.41".to_owned()));
        assert_eq!(row("balanced", 1).1, "4.00 ± 2.83");
        assert_eq!(row("median", 2).1, "10.00 ± 0.00");
        assert!(summary.to_string().contains("| routed | all | 2.00 ± 1.41 | 2.00 ± 1.41 |"));
    }
}
