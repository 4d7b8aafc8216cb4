//! `metrics.jsonl` in a run's folder: one line for each epoch, the same for a run that was killed and resumed.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::checkpoint::write_atomically;

/// Name of the file in a run's folder.
pub const FILE: &str = "metrics.jsonl";

/// An epoch and what it came to. Errors are in years, on the validation split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// 1 or 2.
    pub stage: usize,
    /// Epochs of the stage that are done.
    pub epoch: usize,
    /// Mean over the steps; of an epoch that was stopped and resumed, over those since.
    pub loss: f64,
    /// Of the epoch's last step.
    #[serde(default)]
    pub learning_rate: f64,
    /// Of the classifier that the stage trains.
    pub val_mae: f64,
    /// Of the classifier that the stage trains.
    pub val_cmae: f64,
    /// Mean distance of that classifier's answers to the soft ages of the faces that were held out; they have no labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub val_faces: Option<f64>,
    /// Of both classifiers with routing.
    pub val_routed_mae: f64,
    /// Of both classifiers with routing.
    pub val_routed_cmae: f64,
}

impl Line {
    /// What the stage is there for: in stage 1 a small error, in stage 2 a small error at all ages.
    pub fn judged_by(&self) -> (&'static str, f64) {
        if self.stage == 1 { ("MAE", self.val_mae) } else { ("CMAE", self.val_cmae) }
    }

    /// The better one of two of the same stage; the earlier one where they are equal.
    pub fn better(self, later: Self) -> Self {
        if later.judged_by().1 < self.judged_by().1 { later } else { self }
    }
}

/// Adds a line, or replaces that of an epoch which was done before.
///
/// # Errors
/// The folder cannot be written.
pub fn add(folder: &Path, line: &Line) -> Result<()> {
    let path = folder.join(FILE);
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    let same = |text: &&str| parse(text).is_some_and(|old| (old.stage, old.epoch) == (line.stage, line.epoch));
    let mut text: String = old.lines().filter(|old| !same(old)).map(|old| format!("{old}\n")).collect();
    text.push_str(&format!("{}\n", serde_json::to_string(line)?));
    write_atomically(&path, text.as_bytes()).context("cannot log the metrics")
}

/// All lines; none where there is no file yet.
pub fn read(folder: &Path) -> Vec<Line> {
    std::fs::read_to_string(folder.join(FILE)).unwrap_or_default().lines().filter_map(parse).collect()
}

fn parse(text: &str) -> Option<Line> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_that_is_done_again_has_one_line() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).is_empty());
        let line = |stage, epoch, loss| Line { stage, epoch, loss, ..Line::default() };
        for (stage, epoch, loss) in [(1, 1, 5.0), (1, 2, 4.0), (2, 1, 3.0), (1, 2, 3.5)] {
            add(folder.path(), &line(stage, epoch, loss)).unwrap();
        }
        assert_eq!(read(folder.path()), [line(1, 1, 5.0), line(2, 1, 3.0), line(1, 2, 3.5)]);
        // What an earlier version wrote counts too.
        let old = r#"{"epoch":3,"loss":2.0,"stage":1,"val_cmae":1.0,"val_mae":1.0,"val_routed_cmae":1.0,"val_routed_mae":1.0}"#;
        std::fs::write(folder.path().join(FILE), format!("{old}\n")).unwrap();
        assert_eq!(read(folder.path())[0].epoch, 3);
    }

    #[test]
    fn stage_1_is_judged_by_all_images_and_stage_2_by_all_ages() {
        let line = |stage, epoch, val_mae, val_cmae| Line { stage, epoch, val_mae, val_cmae, ..Line::default() };
        assert_eq!(line(1, 1, 5.0, 9.0).better(line(1, 2, 6.0, 8.0)).epoch, 1);
        assert_eq!(line(2, 1, 5.0, 9.0).better(line(2, 2, 6.0, 8.0)).epoch, 2);
        assert_eq!(line(1, 1, 5.0, 9.0).better(line(1, 2, 5.0, 8.0)).epoch, 1);
    }
}
