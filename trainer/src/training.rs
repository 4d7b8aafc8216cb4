//! The two stages, `[GLAE] III`: the whole loop in [`Run::train`].

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};

use anyhow::{Context, Result, ensure};
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use glae_model::loss::Labels;
use glae_model::{AgeNet, StateDict};
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;

use crate::accumulate;
use crate::augment::augment;
use crate::average::Average;
use crate::checkpoint::{Checkpoint, Progress, write_atomically};
use crate::config::{RunConfig, Stage};
use crate::data::Set;
use crate::evaluation::{Scores, estimates, inference, median};
use crate::layers::Quick;
use crate::optimizer::Sgd;
use crate::sampler::{class_balanced, generator, instance_balanced};
use crate::schedule::one_cycle;
use crate::smoothing;

/// Which classifier is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageKind {
    /// Backbone and vanilla classifier; images as they come.
    Vanilla = 0,
    /// Balanced classifier on the frozen backbone; ages equally often.
    Balanced = 1,
}

/// A run: its configuration, folder, data and device.
#[derive(Debug)]
pub struct Run<'a> {
    /// What to do.
    pub config: &'a RunConfig,
    /// Where to leave checkpoints and logs.
    pub folder: PathBuf,
    /// Images to learn from.
    pub train: &'a Set,
    /// Images to choose on.
    pub val: &'a Set,
    /// Where to compute.
    pub device: &'a Device,
    /// Set to stop at the next step, leaving a checkpoint.
    pub stop: &'a AtomicBool,
}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// Both stages are done.
    Finished(Box<Checkpoint>),
    /// It was stopped; the checkpoint is written.
    Stopped(Progress),
}

/// The images of one step, or one batch of them, on their way from the preparing thread to the device.
struct Batch {
    planes: Vec<f32>,
    ages: Vec<f32>,
    /// As many as ages, or none.
    weights: Vec<f32>,
}

impl Batch {
    /// Batches of `images` images each.
    fn parts(self, images: usize) -> Vec<Self> {
        if self.ages.len() <= images {
            return vec![self];
        }
        let per_image = self.planes.len() / self.ages.len();
        let planes = self.planes.chunks(images * per_image);
        let part = |(index, (planes, ages)): (usize, (&[f32], &[f32]))| Self {
            planes: planes.to_vec(),
            ages: ages.to_vec(),
            weights: self.weights.iter().skip(index * images).take(images).copied().collect(),
        };
        planes.zip(self.ages.chunks(images)).enumerate().map(part).collect()
    }
}

impl Run<'_> {
    /// Trains from the start, or from a checkpoint.
    ///
    /// # Errors
    /// The loss is no longer finite, or the folder cannot be written; the last checkpoint stays.
    pub fn train(&self, resumed: Option<Checkpoint>) -> Result<Outcome> {
        let training = self.device.clone().autodiff();
        self.device.seed(self.config.seed);
        let mut net = AgeNet::new(&self.config.network, &training);
        let (mut sgd, mut at) = (Sgd::default(), Progress::default());
        let mut average = self.config.ema.map(Average::new);
        if let Some(checkpoint) = resumed {
            net = checkpoint.network.load_into(net)?;
            average = self.config.ema.map(|decay| Average::restore(decay, &checkpoint.average, self.device));
            sgd = Sgd::restore(&checkpoint.optimizer, self.device);
            at = checkpoint.progress;
        }
        while at.stage < 2 {
            let (kind, stage) = match at.stage {
                0 => (StageKind::Vanilla, &self.config.stage1),
                _ => (StageKind::Balanced, &self.config.stage2),
            };
            let images = self.train.crops.len();
            let per_epoch = images / stage.images_per_step(images);
            let steps = per_epoch * stage.epochs;
            while at.epoch < stage.epochs {
                let bar = progress_bar(kind, at.epoch, stage.epochs, per_epoch, at.step);
                let mut sum = 0.0;
                let first = at.step;
                let stopped = std::thread::scope(|scope| -> Result<bool> {
                    let batches = self.batches(scope, kind, stage, at, per_epoch);
                    for batch in batches {
                        let step = at.epoch * per_epoch + at.step;
                        let rates = one_cycle(step, steps, stage.learning_rate, stage.warmup);
                        let loss;
                        (net, loss) = self.step(net.clone(), &mut sgd, kind, stage, rates, batch, &training)?;
                        if let Some(average) = &mut average {
                            average.update(&net.valid(), step);
                        }
                        at.step += 1;
                        sum += loss;
                        bar.set_message(format!("loss {:.3}", sum / (at.step - first) as f64));
                        bar.inc(1);
                        if self.stop.load(Ordering::Relaxed) {
                            return Ok(true);
                        }
                    }
                    Ok(false)
                })?;
                bar.finish_and_clear();
                if stopped {
                    self.checkpoint(&net, &sgd, average.as_ref(), at)?.write(&self.folder)?;
                    return Ok(Outcome::Stopped(at));
                }
                let mean_loss = sum / (at.step - first).max(1) as f64;
                at = Progress { epoch: at.epoch + 1, step: 0, ..at };
                let checkpoint = self.checkpoint(&net, &sgd, average.as_ref(), at)?;
                // First the line, then the checkpoint: killed in between, the epoch is done again and its line replaced.
                self.log(kind, at.epoch, mean_loss, checkpoint.answering())?;
                checkpoint.write(&self.folder)?;
            }
            // From here on the averaged weights are the network: stage 2's classifier learns on their backbone.
            if let Some(done) = average.take().map(|average| average.state()).filter(|state| !state.0.is_empty()) {
                net = done.load_into(net)?;
            }
            average = self.config.ema.map(Average::new);
            (sgd, at) = (Sgd::default(), Progress { stage: at.stage + 1, epoch: 0, step: 0 });
            if at.stage == 1 {
                // The balanced classifier starts from its own fresh initialisation, made with the network above.
                self.checkpoint(&net, &sgd, None, at)?.write(&self.folder)?;
            }
        }
        let checkpoint = self.checkpoint(&net, &sgd, None, at)?;
        checkpoint.write(&self.folder)?;
        Ok(Outcome::Finished(Box::new(checkpoint)))
    }

    /// Forward and backward for each batch of the step, then one update. Returns the network and the mean loss.
    #[expect(clippy::too_many_arguments, reason = "one step needs all of it, and is called once")]
    fn step(
        &self,
        mut net: AgeNet,
        sgd: &mut Sgd,
        kind: StageKind,
        stage: &Stage,
        rates: crate::schedule::Rates,
        batch: Batch,
        training: &Device,
    ) -> Result<(AgeNet, f64)> {
        let parts = batch.parts(stage.batch);
        let share = 1.0 / parts.len() as f64;
        let (mut gradients, mut mean) = (None, 0.0);
        for part in parts {
            let loss = self.loss(&net, kind, part, training).mul_scalar(share);
            gradients = Some(accumulate::add(&net, gradients, loss.backward()));
            mean += f64::from(loss.into_scalar::<f32>());
        }
        ensure!(mean.is_finite(), "the loss became {mean}: {}", self.advice());
        if let Some(gradients) = gradients {
            net = sgd.step(net, gradients, rates, stage.weight_decay, stage.clip);
        }
        Ok((net, mean))
    }

    /// The loss of one batch.
    fn loss(&self, net: &AgeNet, kind: StageKind, batch: Batch, training: &Device) -> Tensor<1> {
        let size = self.config.network.input_size;
        let shape = [batch.ages.len(), 3, size, size];
        let data = TensorData::new(batch.planes, shape);
        let mut labels = Labels::new(&batch.ages, self.config.sigma, training);
        if !batch.weights.is_empty() {
            labels = labels.weighted(&batch.weights);
        }
        let logits = match kind {
            StageKind::Vanilla => {
                let features = net.backbone.forward_with(Tensor::from_data(data, training), &Quick);
                net.vanilla.forward(features)
            }
            StageKind::Balanced => {
                // Without autodiff the backbone's BatchNorm runs on its statistics and keeps them: the vanilla
                // classifier's answers stay bit-identical.
                let features = net.backbone.valid().forward(Tensor::from_data(data, self.device));
                net.balanced.forward(Tensor::from_inner(features))
            }
        };
        self.config.loss.loss(logits, &labels, self.config.balanced_mse_noise)
    }

    /// What to do about numbers that are not finite.
    fn advice(&self) -> String {
        let folder = self.folder.display();
        format!("lower `learning_rate` in the configuration; the last checkpoint in {folder} is good")
    }

    /// Prepares the epoch's steps on a thread of its own, two ahead.
    fn batches<'scope, 'env>(
        &'env self,
        scope: &'scope std::thread::Scope<'scope, 'env>,
        kind: StageKind,
        stage: &'env Stage,
        at: Progress,
        per_epoch: usize,
    ) -> Receiver<Batch> {
        let (sender, receiver) = sync_channel(2);
        scope.spawn(move || {
            let mut order = generator(self.config.seed, kind, at.epoch, None);
            let order = match kind {
                StageKind::Vanilla => instance_balanced(self.train.crops.len(), &mut order),
                StageKind::Balanced => class_balanced(&self.train.ages, &mut order),
            };
            let images = stage.images_per_step(order.len());
            let weighs = self.config.label_distribution_smoothing && kind == StageKind::Vanilla;
            let weights = if weighs { smoothing::weights(&self.train.ages) } else { Vec::new() };
            for step in at.step..per_epoch {
                let positions = step * images..(step + 1) * images;
                if sender.send(self.batch(kind, at.epoch, &order, positions, &weights)).is_err() {
                    return; // The loop was stopped.
                }
            }
        });
        receiver
    }

    fn batch(
        &self,
        kind: StageKind,
        epoch: usize,
        order: &[usize],
        positions: std::ops::Range<usize>,
        weights: &[f32],
    ) -> Batch {
        let input = self.config.input();
        // Each image has a generator of its own: the result is the same on any number of threads.
        let prepare = |position: usize| {
            let index = order[position];
            let mut random = generator(self.config.seed, kind, epoch, Some(position));
            let crop = augment(&self.train.crops[index], &self.config.augment, &mut random);
            let mut planes = Vec::new();
            input.normalise(crop.as_raw(), false, &mut planes);
            (index, planes)
        };
        let images: Vec<(usize, Vec<f32>)> = positions.into_par_iter().map(prepare).collect();
        let mut batch = Batch { planes: Vec::new(), ages: Vec::new(), weights: Vec::new() };
        for (index, planes) in images {
            batch.planes.extend(planes);
            batch.ages.push(self.train.ages[index]);
            batch.weights.extend(weights.get(index));
        }
        batch
    }

    fn checkpoint(&self, net: &AgeNet, sgd: &Sgd, average: Option<&Average>, at: Progress) -> Result<Checkpoint> {
        let network = StateDict::of(&net.valid());
        // A last step's gradient may be broken although its loss was not: such weights replace no good checkpoint.
        let finite = network.0.values().flat_map(|array| &array.values).all(|value| value.is_finite());
        ensure!(finite, "the weights are no longer finite: {}", self.advice());
        let average = average.map_or_else(StateDict::default, Average::state);
        Ok(Checkpoint { network, average, optimizer: sgd.state(), progress: at })
    }

    /// Scores the validation split and adds a line to `metrics.jsonl`.
    fn log(&self, kind: StageKind, epoch: usize, loss: f64, state: &StateDict) -> Result<()> {
        let inference = inference(&self.config.network, state, self.config.input(), self.device)?;
        let answers = estimates(&inference, &self.val.crops, |_| {})
            .with_context(|| format!("the validation images have no answers: {}", self.advice()))?;
        let scores = Scores::new(&answers, &self.val.ages, median(&self.train.ages))?;
        let own = if kind == StageKind::Vanilla { &scores.vanilla } else { &scores.balanced };
        eprintln!(
            "stage {} epoch {epoch}: loss {loss:.3}, val MAE {:.2} CMAE {:.2}{}",
            kind as usize + 1,
            own.mae,
            own.cmae,
            if kind == StageKind::Balanced {
                format!(", routed MAE {:.2} CMAE {:.2}", scores.routed.mae, scores.routed.cmae)
            } else {
                String::new()
            }
        );
        let line = serde_json::json!({
            "stage": kind as usize + 1, "epoch": epoch, "loss": loss, "val_mae": own.mae, "val_cmae": own.cmae,
            "val_routed_mae": scores.routed.mae, "val_routed_cmae": scores.routed.cmae,
        });
        let path = self.folder.join("metrics.jsonl");
        let same = |old: &str| {
            let old: Option<serde_json::Value> = serde_json::from_str(old).ok();
            old.is_some_and(|old| (&old["stage"], &old["epoch"]) == (&line["stage"], &line["epoch"]))
        };
        let old = std::fs::read_to_string(&path).unwrap_or_default();
        let mut text: String = old.lines().filter(|old| !same(old)).map(|old| format!("{old}\n")).collect();
        text.push_str(&format!("{line}\n"));
        write_atomically(&path, text.as_bytes()).context("cannot log the metrics")
    }
}

fn progress_bar(kind: StageKind, epoch: usize, epochs: usize, steps: usize, done: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {msg} {eta} left");
    let bar = ProgressBar::new(steps as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_prefix(format!("stage {} epoch {}/{epochs}", kind as usize + 1, epoch + 1));
    bar.set_position(done as u64);
    bar
}

#[cfg(test)]
mod tests;
