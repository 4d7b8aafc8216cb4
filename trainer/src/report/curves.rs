//! Losses, learning rate and validation errors of a run, epoch by epoch, from its `metrics.jsonl`.

use std::path::Path;

use anyhow::{Result, ensure};

use super::charts::{Line, Look, Panel, panels};
use super::drawing::Drawing;
use crate::config::RunConfig;
use crate::training::metrics::{self, Line as Epoch};

/// Name of the drawing in a run's folder.
pub const FILE: &str = "curves.svg";

/// The drawing of a run, as a file.
///
/// # Errors
/// The configuration cannot be read, or no epoch is done yet.
pub fn curves(run: &Path) -> Result<String> {
    let config = RunConfig::read(&run.join("config.toml"))?;
    let epochs = metrics::read(run);
    ensure!(!epochs.is_empty(), "{} has finished no epoch yet: there is nothing to draw", run.display());
    Ok(draw(720.0, &config, &epochs).file(&format!("Training of {}", config.name)))
}

/// Up to four panels: loss, learning rate, MAE and CMAE on the validation split.
pub fn draw(width: f64, config: &RunConfig, epochs: &[Epoch]) -> Drawing {
    // Epochs of both stages stand one after the other.
    let first = config.stage1.epochs as f64;
    let at = |epoch: &Epoch| epoch.epoch as f64 + if epoch.stage == 2 { first } else { 0.0 };
    let line = |stage: usize, name: &str, look, value: fn(&Epoch) -> f64| {
        let mut own: Vec<&Epoch> = epochs.iter().filter(|epoch| epoch.stage == stage).collect();
        own.sort_by_key(|epoch| epoch.epoch);
        Line {
            name: name.to_owned(),
            look,
            points: own.into_iter().map(|epoch| (at(epoch), value(epoch))).collect(),
            level: None,
        }
    };
    let panel = |title: &str, mut lines: Vec<Line>, from_zero| {
        lines.retain(|line| !line.points.is_empty());
        Panel { title: title.to_owned(), lines, from_zero }
    };
    let errors = |own: fn(&Epoch) -> f64, routed: fn(&Epoch) -> f64| {
        vec![
            line(1, "vanilla", Look::Vanilla, own),
            line(2, "balanced", Look::Balanced, own),
            line(2, "routed", Look::Routed, routed),
        ]
    };
    let losses = vec![
        line(1, "vanilla", Look::Vanilla, |epoch| epoch.loss),
        line(2, "balanced", Look::Balanced, |epoch| epoch.loss),
    ];
    let rates = vec![
        line(1, "vanilla", Look::Vanilla, |epoch| epoch.learning_rate),
        line(2, "balanced", Look::Balanced, |epoch| epoch.learning_rate),
    ];
    let mut all = vec![
        panel("Loss, mean of an epoch's steps", losses, true),
        panel("Learning rate at an epoch's end", rates, true),
        panel(
            "MAE on the validation images, years",
            errors(|epoch| epoch.val_mae, |epoch| epoch.val_routed_mae),
            false,
        ),
        panel(
            "CMAE on the validation images, years",
            errors(|epoch| epoch.val_cmae, |epoch| epoch.val_routed_cmae),
            false,
        ),
    ];
    // Logs of earlier versions do not say it.
    if epochs.iter().all(|epoch| epoch.learning_rate == 0.0) {
        all.remove(1);
    }
    let end = config.stage1.epochs + config.stage2.epochs;
    let guides = [(first, "stage 2")];
    panels(width, &all, end, "epochs", if config.stage2.epochs > 0 { &guides } else { &[] })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = include_str!("../../configs/drawn-faces.toml");

    fn run(log: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.toml"), CONFIG).unwrap();
        std::fs::write(folder.path().join(metrics::FILE), log).unwrap();
        folder
    }

    fn line(stage: usize, epoch: usize, learning_rate: f64) -> String {
        let val_mae = 20.0 - epoch as f64;
        let epoch = Epoch { stage, epoch, loss: 3.5, learning_rate, val_mae, ..Epoch::default() };
        serde_json::to_string(&epoch).unwrap()
    }

    #[test]
    fn a_run_in_its_first_stage_has_curves_too() {
        let half = curves(run(&line(1, 1, 0.0)).path()).unwrap();
        assert!(half.contains("Training of drawn-faces") && half.contains(">stage 2<"), "{half}");
        assert!(!half.contains("routed") && !half.contains("Learning rate"), "{half}");
        let error = curves(run("").path()).unwrap_err().to_string();
        assert!(error.contains("no epoch yet"), "{error}");
    }

    #[test]
    fn stage_2_stands_behind_the_epochs_of_stage_1() {
        let log: String = [(2, 1), (1, 2), (1, 1)].map(|(stage, epoch)| line(stage, epoch, 0.05) + "\n").concat();
        let config: RunConfig = toml::from_str(CONFIG).unwrap();
        let svg = draw(720.0, &config, &metrics::read(run(&log).path())).file("");
        assert!(svg.contains(">routed</text>") && svg.contains("Learning rate"), "{svg}");
        // 17 epochs from 44 to 708: epoch 1 of stage 2 is the 13th.
        let at = |epoch: f64| format!("{:.1}", 44.0 + epoch / 17.0 * 664.0);
        assert!(svg.contains(&format!("<circle class=\"f1\" cx=\"{}\"", at(13.0))), "{svg}");
        // Lines of one stage are joined, whatever the order of the log.
        let joined = format!("<path class=\"series l2\" d=\"M{} ", at(1.0));
        assert!(svg.contains(&joined) && svg.contains(&format!("L{} ", at(2.0))), "{svg}");
    }
}
