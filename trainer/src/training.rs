//! The two stages, `[GLAE] III`: the whole loop in [`Run::train`].

mod batches;
mod dashboard;
mod devices;
pub mod metrics;
pub mod origin;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use burn::module::Module;
use burn::tensor::Device;
use glae_model::{AgeNet, StateDict};
use glae_report::EpochLine;

use self::dashboard::Dashboard;
use crate::average::Average;
use crate::checkpoint::{Checkpoint, Progress};
use crate::config::{RunConfig, Stage};
use crate::device::{awaited, seeded};
use crate::evaluation::{WaysScored, estimates, inference, median};
use crate::optimizer::Optimizer;
use crate::schedule::one_cycle;
use crate::start::fitted;
use glae_data::{Set, SoftFaces, TrainingSet};

/// Time after which a checkpoint is written within an epoch: so much is done again after a crash.
const SAVED: Duration = Duration::from_secs(300);

/// Which classifier is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageKind {
    /// Backbone and vanilla classifier; images as they come.
    Vanilla = 0,
    /// Balanced classifier on the frozen backbone; ages equally often.
    Balanced = 1,
}

/// A run: its configuration, folder, data and devices.
#[derive(Debug)]
pub struct Run<'a> {
    /// What to do.
    pub config: &'a RunConfig,
    /// Where to leave checkpoints and logs.
    pub folder: PathBuf,
    /// Images to learn from, with [`RunConfig::margin`] pixels around them.
    pub train: &'a TrainingSet,
    /// Faces with a soft label only, where the configuration names some; with the same margin.
    pub faces: Option<&'a SoftFaces>,
    /// Weights to begin with, where the configuration names some.
    pub start: Option<&'a StateDict>,
    /// Images to choose on.
    pub val: &'a Set,
    /// Where to compute, at least one: the first holds the network, the others help with a step's batches.
    pub devices: &'a [Device],
    /// Set to stop at the next step, leaving a checkpoint.
    pub stop: &'a AtomicBool,
}

/// How a run ended.
#[derive(Debug)]
pub enum RunEnd {
    /// Both stages are done.
    Finished(Box<Checkpoint>),
    /// It was stopped; the checkpoint is written.
    Stopped(Progress),
}

impl Run<'_> {
    /// Trains from the start, or from a checkpoint.
    ///
    /// # Errors
    /// The loss is no longer finite, a picture can no longer be read, or the folder cannot be written; the last checkpoint
    /// stays.
    pub fn train(&self, resumed: Option<Checkpoint>) -> Result<RunEnd> {
        self.check_devices()?;
        let training = self.device().clone().autodiff();
        let mut net = seeded(self.device(), self.config.seed, || AgeNet::new(&self.config.network, &training));
        if let (Some(start), None) = (self.start, &resumed) {
            let start = fitted(start, &StateDict::of(&net));
            net = start.load_into(net).context("the weights to begin with are of another network")?;
        }
        let fresh = || Optimizer::new(self.config.optimizer);
        let (mut optimizer, mut at) = (fresh(), Progress::default());
        let mut average = self.config.ema.map(Average::new);
        if let Some(checkpoint) = resumed {
            net = checkpoint.network.load_into(net)?;
            average = self.config.ema.map(|decay| Average::restore(decay, &checkpoint.average, self.device()));
            optimizer = Optimizer::restore(self.config.optimizer, &checkpoint.optimizer, self.device());
            at = checkpoint.progress;
        }
        while at.stage < 2 {
            let (kind, stage) = match at.stage {
                0 => (StageKind::Vanilla, &self.config.stage1),
                _ => (StageKind::Balanced, &self.config.stage2),
            };
            let images = stage.images_per_step(self.train.ids.len());
            let per_epoch = self.train.ids.len() / self.step_size(stage).labelled;
            let steps = per_epoch * stage.epochs;
            let mut copies = self.copies(&net);
            let mut dashboard = Dashboard::new(kind, stage.epochs, per_epoch, images, &metrics::read(&self.folder));
            while at.epoch < stage.epochs {
                dashboard.begin(at);
                let (mut sum, mut rate) = (0.0, 0.0);
                let first = at.step;
                let mut saved = Instant::now();
                std::thread::scope(|scope| -> Result<()> {
                    let batches = self.batches(scope, kind, stage, at, per_epoch);
                    while let Ok(batch) = dashboard.waiting(|| awaited(&batches)) {
                        let (batch, began) = (batch?, Instant::now());
                        let step = at.epoch * per_epoch + at.step;
                        let rates = one_cycle(step, steps, stage.learning_rate, stage.warmup);
                        let loss;
                        (net, loss) =
                            self.step(net.clone(), &mut copies, &mut optimizer, (kind, stage), rates, batch)?;
                        if let Some(average) = &mut average {
                            average.update(&net.valid(), step);
                        }
                        at.step += 1;
                        if saved.elapsed() > SAVED && at.step < per_epoch {
                            self.checkpoint(&net, &optimizer, average.as_ref(), at)?.write(&self.folder)?;
                            saved = Instant::now();
                        }
                        (sum, rate) = (sum + loss, rates.learning_rate);
                        dashboard.step(began.elapsed(), sum / (at.step - first) as f64, rate);
                        if self.stop.load(Ordering::Relaxed) {
                            break;
                        }
                    }
                    Ok(())
                })?;
                if at.step < per_epoch {
                    self.checkpoint(&net, &optimizer, average.as_ref(), at)?.write(&self.folder)?;
                    return Ok(RunEnd::Stopped(at));
                }
                let loss = sum / (at.step - first).max(1) as f64;
                at = Progress { epoch: at.epoch + 1, step: 0, ..at };
                let checkpoint = self.checkpoint(&net, &optimizer, average.as_ref(), at)?;
                // First the line, then the checkpoint: killed in between, the epoch is done again and its line replaced.
                let line = self.validate(kind, at.epoch, loss, rate, checkpoint.answering())?;
                metrics::add(&self.folder, &line)?;
                checkpoint.write(&self.folder)?;
                dashboard.end(line);
                if self.stop.load(Ordering::Relaxed) && at.epoch < stage.epochs {
                    return Ok(RunEnd::Stopped(at));
                }
            }
            // From here on the averaged weights are the network: stage 2's classifier learns on their backbone.
            if let Some(done) = average.take().map(|average| average.state()).filter(|state| !state.0.is_empty()) {
                net = done.load_into(net)?;
            }
            average = self.config.ema.map(Average::new);
            (optimizer, at) = (fresh(), Progress { stage: at.stage + 1, epoch: 0, step: 0 });
            if at.stage == 1 {
                // The balanced classifier starts from its own fresh initialisation, made with the network above.
                self.checkpoint(&net, &optimizer, None, at)?.write(&self.folder)?;
            }
        }
        let checkpoint = self.checkpoint(&net, &optimizer, None, at)?;
        checkpoint.write(&self.folder)?;
        Ok(RunEnd::Finished(Box::new(checkpoint)))
    }

    /// What to do about numbers that are not finite.
    fn advice(&self) -> String {
        let folder = self.folder.display();
        format!("lower `learning_rate` in the configuration; the last checkpoint in {folder} is good")
    }

    fn checkpoint(
        &self,
        net: &AgeNet,
        optimizer: &Optimizer,
        average: Option<&Average>,
        at: Progress,
    ) -> Result<Checkpoint> {
        let network = StateDict::of(&net.valid());
        // A last step's gradient may be broken although its loss was not: such weights replace no good checkpoint.
        let finite = network.0.values().flat_map(|array| &array.values).all(|value| value.is_finite());
        ensure!(finite, "the weights are no longer finite: {}", self.advice());
        let average = average.map_or_else(StateDict::default, Average::state);
        Ok(Checkpoint { network, average, optimizer: optimizer.state(), progress: at })
    }

    /// Scores the validation split.
    fn validate(
        &self,
        kind: StageKind,
        epoch: usize,
        loss: f64,
        learning_rate: f64,
        state: &StateDict,
    ) -> Result<EpochLine> {
        let inference = inference(&self.config.network, state, self.config.input(), self.device())?;
        let answers = estimates(&inference, &self.val.crops, |_| {})
            .with_context(|| format!("the validation images have no answers: {}", self.advice()))?;
        let scores = WaysScored::new(&answers, &self.val.ages, median(&self.train.ages))?;
        let own = if kind == StageKind::Vanilla { &scores.vanilla } else { &scores.balanced };
        let val_faces = match self.faces.map(|faces| &faces.held_out).filter(|set| !set.ids.is_empty()) {
            Some(set) => {
                let answers = estimates(&inference, &set.crops, |_| {})?;
                let scores = WaysScored::new(&answers, &set.ages, median(&self.train.ages))?;
                Some(if kind == StageKind::Vanilla { scores.vanilla.mae } else { scores.balanced.mae })
            }
            None => None,
        };
        Ok(EpochLine {
            val_faces,
            stage: kind as usize + 1,
            epoch,
            loss,
            learning_rate,
            val_mae: own.mae,
            val_cmae: own.cmae,
            val_routed_mae: scores.routed.mae,
            val_routed_cmae: scores.routed.cmae,
        })
    }

    /// The device that holds the network.
    fn device(&self) -> &Device {
        &self.devices[0]
    }

    /// Each device needs a batch of its own in every step.
    fn check_devices(&self) -> Result<()> {
        let devices = self.devices.len();
        ensure!(devices > 0, "a run needs a device");
        for (name, Stage { accumulate, .. }) in [("stage1", &self.config.stage1), ("stage2", &self.config.stage2)] {
            ensure!(
                accumulate.is_multiple_of(devices),
                "{devices} devices cannot share the {accumulate} batches of a step: set `{name}.accumulate` to a multiple \
                 of {devices}, and `{name}.batch` to what each device takes at once"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
