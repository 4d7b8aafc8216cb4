//! Losses, learning rate and validation errors of a run, epoch by epoch.

use glae_chart::{Chart, Series};
use serde::{Deserialize, Serialize};

use super::charts::{BALANCED, Panel, ROUTED, VANILLA, panels};

/// An epoch and what it came to. Errors are in years, on the validation split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochLine {
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

impl EpochLine {
    /// What the stage is there for: in stage 1 a small error, in stage 2 a small error at all ages.
    pub fn judged_by(&self) -> (&'static str, f64) {
        if self.stage == 1 { ("MAE", self.val_mae) } else { ("CMAE", self.val_cmae) }
    }

    /// The better one of two of the same stage; the earlier one where they are equal.
    pub fn better(self, later: Self) -> Self {
        if later.judged_by().1 < self.judged_by().1 { later } else { self }
    }
}

/// Up to four panels: loss, learning rate, MAE and CMAE on the validation split. `stages` are the epochs of each stage.
pub fn draw(width: f64, stages: [usize; 2], epochs: &[EpochLine]) -> Chart {
    // Epochs of both stages stand one after the other.
    let first = stages[0] as f64;
    let at = |epoch: &EpochLine| epoch.epoch as f64 + if epoch.stage == 2 { first } else { 0.0 };
    let line = |stage: usize, name: &str, number, value: fn(&EpochLine) -> f64| {
        let mut own: Vec<&EpochLine> = epochs.iter().filter(|epoch| epoch.stage == stage).collect();
        own.sort_by_key(|epoch| epoch.epoch);
        Series::new(name, number, own.into_iter().map(|epoch| (at(epoch), value(epoch))).collect())
    };
    let panel = |title: &str, mut lines: Vec<Series>, from_zero| {
        lines.retain(|line| !line.points.is_empty());
        Panel { title: title.to_owned(), lines, from_zero }
    };
    let errors = |own: fn(&EpochLine) -> f64, routed: fn(&EpochLine) -> f64| {
        vec![line(1, "vanilla", VANILLA, own), line(2, "balanced", BALANCED, own), line(2, "routed", ROUTED, routed)]
    };
    let losses =
        vec![line(1, "vanilla", VANILLA, |epoch| epoch.loss), line(2, "balanced", BALANCED, |epoch| epoch.loss)];
    let rates = vec![
        line(1, "vanilla", VANILLA, |epoch| epoch.learning_rate),
        line(2, "balanced", BALANCED, |epoch| epoch.learning_rate),
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
    let guides = [(first, "stage 2")];
    panels(width, &all, stages.iter().sum(), "epochs", if stages[1] > 0 { &guides } else { &[] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(stage: usize, epoch: usize, learning_rate: f64) -> EpochLine {
        let val_mae = 20.0 - epoch as f64;
        EpochLine { stage, epoch, loss: 3.5, learning_rate, val_mae, ..EpochLine::default() }
    }

    #[test]
    fn a_run_in_its_first_stage_has_curves_too() {
        let half = draw(720.0, [12, 5], &[line(1, 1, 0.0)]).to_svg("");
        assert!(half.contains(">stage 2<"), "{half}");
        assert!(!half.contains("routed") && !half.contains("Learning rate"), "{half}");
    }

    #[test]
    fn stage_2_stands_behind_the_epochs_of_stage_1() {
        let log = [(2, 1), (1, 2), (1, 1)].map(|(stage, epoch)| line(stage, epoch, 0.05));
        let svg = draw(720.0, [12, 5], &log).to_svg("");
        assert!(svg.contains(">routed</text>") && svg.contains("Learning rate"), "{svg}");
        // 17 epochs from 44 to 708: epoch 1 of stage 2 is the 13th.
        let at = |epoch: f64| format!("{:.1}", 44.0 + epoch / 17.0 * 664.0);
        assert!(svg.contains(&format!("d=\"M{:.1} ", 44.0 + 13.0 / 17.0 * 664.0 - 2.5)), "{svg}");
        // Lines of one stage are joined, whatever the order of the log.
        let joined = format!("<path d=\"M{} ", at(1.0));
        assert!(svg.contains(&joined) && svg.contains(&format!("L{} ", at(2.0))), "{svg}");
    }

    #[test]
    fn stage_1_is_judged_by_all_images_and_stage_2_by_all_ages() {
        let line =
            |stage, epoch, val_mae, val_cmae| EpochLine { stage, epoch, val_mae, val_cmae, ..EpochLine::default() };
        assert_eq!(line(1, 1, 5.0, 9.0).better(line(1, 2, 6.0, 8.0)).epoch, 1);
        assert_eq!(line(2, 1, 5.0, 9.0).better(line(2, 2, 6.0, 8.0)).epoch, 2);
        assert_eq!(line(1, 1, 5.0, 9.0).better(line(1, 2, 5.0, 8.0)).epoch, 1);
    }
}
