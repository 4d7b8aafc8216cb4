//! `metrics.jsonl` in a run's folder: one line for each epoch, the same for a run that was killed and resumed.

use std::path::Path;

use anyhow::{Context, Result};
use glae_data::files::write_atomically;
use glae_report::EpochLine;

/// Name of the file in a run's folder.
pub const FILE: &str = "metrics.jsonl";

/// Adds a line, or replaces that of an epoch which was done before.
///
/// # Errors
/// The folder cannot be written.
pub fn add(folder: &Path, line: &EpochLine) -> Result<()> {
    let path = folder.join(FILE);
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    let same = |text: &&str| parse(text).is_some_and(|old| (old.stage, old.epoch) == (line.stage, line.epoch));
    let mut text: String = old.lines().filter(|old| !same(old)).map(|old| format!("{old}\n")).collect();
    text.push_str(&format!("{}\n", serde_json::to_string(line)?));
    write_atomically(&path, text.as_bytes()).context("cannot log the metrics")
}

/// All lines; none where there is no file yet.
pub fn read(folder: &Path) -> Vec<EpochLine> {
    std::fs::read_to_string(folder.join(FILE)).unwrap_or_default().lines().filter_map(parse).collect()
}

fn parse(text: &str) -> Option<EpochLine> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_that_is_done_again_has_one_line() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).is_empty());
        let line = |stage, epoch, loss| EpochLine { stage, epoch, loss, ..EpochLine::default() };
        for (stage, epoch, loss) in [(1, 1, 5.0), (1, 2, 4.0), (2, 1, 3.0), (1, 2, 3.5)] {
            add(folder.path(), &line(stage, epoch, loss)).unwrap();
        }
        assert_eq!(read(folder.path()), [line(1, 1, 5.0), line(2, 1, 3.0), line(1, 2, 3.5)]);
        // What an earlier version wrote counts too.
        let old = r#"{"epoch":3,"loss":2.0,"stage":1,"val_cmae":1.0,"val_mae":1.0,"val_routed_cmae":1.0,"val_routed_mae":1.0}"#;
        std::fs::write(folder.path().join(FILE), format!("{old}\n")).unwrap();
        assert_eq!(read(folder.path())[0].epoch, 3);
    }
}
