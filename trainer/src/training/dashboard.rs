//! What a run shows while it trains: on a terminal a few lines that change in place, elsewhere a line now and then.

use std::fmt;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::StageKind;
use crate::checkpoint::Progress;
use glae_report::EpochLine;

/// Between two lines where there is no terminal.
const PAUSE: Duration = Duration::from_secs(60);

/// One stage of a run, as far as this process trains it.
pub(super) struct Dashboard {
    bar: ProgressBar,
    status: Status,
    began: Instant,
    said: Instant,
}

/// What is to be said.
#[derive(Clone, Debug, Default)]
struct Status {
    /// 1 or 2.
    stage: usize,
    epochs: usize,
    steps_per_epoch: usize,
    images_per_step: usize,
    /// In the stage, counted from 0.
    epoch: usize,
    /// In the epoch.
    step: usize,
    /// Steps of this stage in this process.
    done: usize,
    /// In steps and in waiting for images.
    busy: Duration,
    /// For images.
    waited: Duration,
    /// Since the process began with the stage, with validation.
    elapsed: Duration,
    loss: f64,
    learning_rate: f64,
    last: Option<EpochLine>,
    best: Option<EpochLine>,
}

impl Dashboard {
    /// Of a stage with epochs of so many steps of so many images. `lines` are those of the epochs that are done.
    pub(super) fn new(
        kind: StageKind,
        epochs: usize,
        steps_per_epoch: usize,
        images: usize,
        lines: &[EpochLine],
    ) -> Self {
        let stage = kind as usize + 1;
        let mut status = Status { stage, epochs, steps_per_epoch, images_per_step: images, ..Status::default() };
        lines.iter().filter(|line| line.stage == stage).for_each(|line| status.judge(*line));
        let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len}\n{msg}");
        let bar = ProgressBar::new(steps_per_epoch as u64);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, status, began: Instant::now(), said: Instant::now() }
    }

    /// An epoch begins, or goes on.
    pub(super) fn begin(&mut self, at: Progress) {
        (self.status.epoch, self.status.step) = (at.epoch, at.step);
        self.bar.set_prefix(format!("stage {} epoch {}/{}", self.status.stage, at.epoch + 1, self.status.epochs));
        self.bar.set_position(at.step as u64);
    }

    /// Times the wait for the next images.
    pub(super) fn waiting<T>(&mut self, wait: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let result = wait();
        self.status.waited += began.elapsed();
        self.status.busy += began.elapsed();
        result
    }

    /// A step was made in so much time; `loss` is the epoch's mean so far.
    pub(super) fn step(&mut self, took: Duration, loss: f64, learning_rate: f64) {
        let Status { step, done, busy, .. } = &mut self.status;
        (*step, *done, *busy) = (*step + 1, *done + 1, *busy + took);
        (self.status.loss, self.status.learning_rate) = (loss, learning_rate);
        self.status.elapsed = self.began.elapsed();
        if self.bar.is_hidden() {
            if self.said.elapsed() > PAUSE {
                self.said = Instant::now();
                let Status { stage, epochs, steps_per_epoch, epoch, step, .. } = self.status;
                eprintln!(
                    "in stage {stage}, epoch {}/{epochs}, step {step}/{steps_per_epoch}: {}",
                    epoch + 1,
                    self.status
                );
            }
        } else {
            self.bar.set_position(self.status.step as u64);
            self.bar.set_message(self.status.lines());
        }
    }

    /// An epoch is over: its line stays.
    pub(super) fn end(&mut self, line: EpochLine) {
        self.status.judge(line);
        self.status.elapsed = self.began.elapsed();
        (self.status.epoch, self.status.step) = (line.epoch, 0);
        let EpochLine { stage, epoch, loss, val_mae, val_cmae, val_faces, val_routed_mae, val_routed_cmae, .. } = line;
        let faces = val_faces.map_or_else(String::new, |years| format!(", held-out faces {years:.2}"));
        let routed = match stage {
            1 => String::new(),
            _ => format!(", routed MAE {val_routed_mae:.2} CMAE {val_routed_cmae:.2}"),
        };
        let speed = if self.status.done > 0 { format!("; {}", self.status.speed()) } else { String::new() };
        self.bar.suspend(|| {
            eprintln!(
                "stage {stage} epoch {epoch}: loss {loss:.3}, val MAE {val_mae:.2} CMAE {val_cmae:.2}{faces}{routed}{speed}"
            );
        });
    }
}

impl Drop for Dashboard {
    /// What is said next begins on a clean line.
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Status {
    fn judge(&mut self, line: EpochLine) {
        self.last = Some(line);
        self.best = Some(self.best.map_or(line, |best| best.better(line)));
    }

    fn speed(&self) -> String {
        let (busy, waited) = (self.busy.as_secs_f64(), self.waited.as_secs_f64());
        let images = (self.done * self.images_per_step) as f64;
        let per_second = if busy > 0.0 { images / busy } else { 0.0 };
        let waiting = if busy > 0.0 { 100.0 * waited / busy } else { 0.0 };
        let left = (self.epochs.saturating_sub(self.epoch) * self.steps_per_epoch).saturating_sub(self.step);
        let left = self.elapsed.as_secs_f64() / self.done.max(1) as f64 * left as f64;
        format!(
            "{per_second:.0} images/s ({waiting:.0} % of the time waiting for them), {} left in this stage",
            span(left)
        )
    }

    /// For a terminal.
    fn lines(&self) -> String {
        let mut text = self.to_string();
        if let (Some(last), Some(best)) = (self.last, self.best) {
            let (name, error) = best.judged_by();
            text.push_str(&format!(
                "\nlast validation (epoch {}): MAE {:.2} CMAE {:.2}; best epoch by {name}: {} with {error:.2}",
                last.epoch, last.val_mae, last.val_cmae, best.epoch
            ));
        }
        text
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "loss {:.3}, rate {:.5}, {}", self.loss, self.learning_rate, self.speed())
    }
}

/// Seconds in words, to about a hundredth.
fn span(seconds: f64) -> String {
    match seconds.round() as u64 {
        seconds @ 0..=99 => format!("{seconds} s"),
        seconds @ 100..=5_999 => format!("{} min", (seconds + 30) / 60),
        seconds => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_worked_by_hand() {
        // 30 of 3 * 20 steps of 64 images, 10 of them by this process in 20 s, of which 5 s were waits; 24 s with validation.
        let mut status = Status {
            stage: 2,
            epochs: 3,
            steps_per_epoch: 20,
            images_per_step: 64,
            epoch: 1,
            step: 10,
            done: 10,
            busy: Duration::from_secs(20),
            waited: Duration::from_secs(5),
            elapsed: Duration::from_secs(24),
            loss: 4.5,
            learning_rate: 0.025,
            ..Status::default()
        };
        let said = "loss 4.500, rate 0.02500, 32 images/s (25 % of the time waiting for them), 72 s left in this stage";
        assert_eq!(status.lines(), said);
        let line = |epoch, val_mae, val_cmae| EpochLine { stage: 2, epoch, val_mae, val_cmae, ..EpochLine::default() };
        status.judge(line(1, 5.0, 7.0));
        status.judge(line(2, 4.0, 7.5));
        let expected = "last validation (epoch 2): MAE 4.00 CMAE 7.50; best epoch by CMAE: 1 with 7.00";
        assert_eq!(status.lines(), format!("{said}\n{expected}"));
        // Before the first step nothing is known, and nothing is divided by it.
        assert!(Status::default().lines().contains("0 images/s"));
    }

    #[test]
    fn spans_of_time_are_short() {
        let spans = [0.4, 99.0, 100.0, 3_599.0, 5_999.0, 6_000.0, 90_000.0].map(span);
        assert_eq!(spans, ["0 s", "99 s", "2 min", "60 min", "100 min", "1 h 40 min", "25 h 0 min"]);
    }

    #[test]
    fn a_resumed_stage_knows_its_best_epoch() {
        let line = |stage, epoch, val_mae| EpochLine { stage, epoch, val_mae, ..EpochLine::default() };
        let lines = [line(1, 1, 6.0), line(1, 2, 5.0), line(1, 3, 5.5), line(2, 1, 3.0)];
        let dashboard = Dashboard::new(StageKind::Vanilla, 5, 10, 8, &lines);
        let epochs = (dashboard.status.last.map(|line| line.epoch), dashboard.status.best.map(|line| line.epoch));
        assert_eq!(epochs, (Some(3), Some(2)));
    }
}
