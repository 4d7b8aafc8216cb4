//! One step on one device or several. Each batch of the step goes through the network on one of them, with a copy of the
//! weights there; the gradients are summed on the first device, in the order of the batches, and it makes the step. Which
//! device a batch went through changes nothing in the result but rounding, and on the CPU not even that.

use std::collections::HashMap;

use anyhow::{Result, ensure};
use burn::module::{Module, ParamId};
use burn::tensor::{Device, Tensor, TensorData};
use glae_model::AgeNet;
use glae_model::cpu::together;
use glae_model::loss::{Labels, Terms};
use glae_model::weights::{self, Named, mapped};

use super::batches::Batch;
use super::{Run, StageKind};
use crate::accumulate::{self, flat};
use crate::config::{RunConfig, Stage};
use crate::layers::Quick;
use crate::optimizer::Optimizer;
use crate::schedule::Rates;

/// Share of a batch's statistics in BatchNorm's running ones: Burn's default, which all networks here have.
const MOMENTUM: f64 = 0.1;

/// What a stage changes.
#[derive(Clone, Copy, Debug)]
enum Trained {
    BackboneAndVanilla,
    Vanilla,
    Balanced,
}

impl Trained {
    fn by(kind: StageKind, stage: &Stage) -> Self {
        match kind {
            StageKind::Vanilla if stage.frozen => Self::Vanilla,
            StageKind::Vanilla => Self::BackboneAndVanilla,
            StageKind::Balanced => Self::Balanced,
        }
    }
}

impl Run<'_> {
    /// A copy of the network on each device but the first.
    pub(super) fn copies(&self, net: &AgeNet) -> Vec<Copy> {
        self.devices.iter().skip(1).map(|device| Copy::of(net, device)).collect()
    }

    /// Forward and backward for each batch of the step, then one update. Returns the network and the mean loss.
    ///
    /// # Errors
    /// The loss is no longer finite.
    pub(super) fn step(
        &self,
        mut net: AgeNet,
        copies: &mut [Copy],
        optimizer: &mut Optimizer,
        (kind, stage): (StageKind, &Stage),
        rates: Rates,
        batch: Batch,
    ) -> Result<(AgeNet, f64)> {
        let (device, trained) = (self.device(), Trained::by(kind, stage));
        let mut parts = batch.parts(stage.batch);
        let share = 1.0 / parts.len() as f64;
        copies.iter_mut().for_each(|copy| copy.follow(&net, trained));
        let (mut gradients, mut mean) = (None, 0.0);
        while !parts.is_empty() {
            let mut now = parts.drain(..parts.len().min(1 + copies.len()));
            let own = now.next();
            let (pass, found) = std::thread::scope(|scope| {
                let passes: Vec<_> = copies
                    .iter()
                    .zip(now)
                    .map(|(copy, part)| scope.spawn(move || copy.pass(self, trained, part, share, device)))
                    .collect();
                let pass = own.map(|part| {
                    together(|| {
                        let loss = self.loss(&net, trained, part, device).mul_scalar(share);
                        (loss.backward(), f64::from(loss.into_scalar::<f32>()))
                    })
                });
                let found: Vec<(Found, f64)> = passes
                    .into_iter()
                    .map(|pass| pass.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                    .collect();
                (pass, found)
            });
            if let Some((own, loss)) = pass {
                gradients = Some(accumulate::add(&net, gradients, own));
                mean += loss;
            }
            for (copy, (found, loss)) in copies.iter_mut().zip(found) {
                if let Some(sum) = &mut gradients {
                    let mut found = found.gradients;
                    weights::gradients(&net, sum, |id, sum| Some(sum + found.remove(&id)?));
                }
                net = change_statistics(net, trained, |id, running| {
                    let more = found.statistics.get(&id)?;
                    Some((running.mul_scalar(1.0 - MOMENTUM) + Tensor::from_inner(more.clone())).detach())
                });
                copy.forget_statistics(trained);
                mean += loss;
            }
        }
        ensure!(mean.is_finite(), "the loss became {mean}: {}", self.advice());
        if let Some(gradients) = gradients {
            net = optimizer.step(net, gradients, rates, stage.weight_decay, stage.clip);
        }
        Ok((net, mean))
    }

    /// The loss of one batch, on the device the network is on.
    fn loss(&self, net: &AgeNet, trained: Trained, batch: Batch, device: &Device) -> Tensor<1> {
        let training = device.clone().autodiff();
        let size = self.config.network.input_size;
        let shape = [batch.ages.len(), 3, size, size];
        let data = TensorData::new(batch.planes, shape);
        let mut labels = if batch.targets.is_empty() {
            Labels::new(&batch.ages, self.config.sigma, &training)
        } else {
            Labels::soft(&batch.targets, &training)
        };
        if !batch.weights.is_empty() {
            labels = labels.weighted(&batch.weights);
        }
        // Without autodiff the backbone's BatchNorm runs on its statistics and keeps them: the answers of a classifier that is
        // not trained stay bit-identical.
        let frozen =
            |data: TensorData| Tensor::from_inner(net.backbone.valid().forward(Tensor::from_data(data, device)));
        let logits = match trained {
            Trained::BackboneAndVanilla => {
                let features = net.backbone.forward_with(Tensor::from_data(data, &training), &Quick);
                net.vanilla.forward(features)
            }
            Trained::Vanilla => net.vanilla.forward(frozen(data)),
            Trained::Balanced => net.balanced.forward(frozen(data)),
        };
        let RunConfig { l1_weight, local_weight, balanced_mse_noise, .. } = *self.config;
        let terms = Terms { l1: l1_weight, local: local_weight, noise: balanced_mse_noise };
        self.config.loss.loss(logits, &labels, terms)
    }
}

/// A copy of the network on another device.
pub(super) struct Copy {
    net: AgeNet,
    device: Device,
}

/// What a pass through a copy found, on the first device, by parameter.
struct Found {
    gradients: HashMap<ParamId, Tensor<1>>,
    /// What the batch adds to BatchNorm's running statistics.
    statistics: HashMap<ParamId, Tensor<1>>,
}

impl Copy {
    fn of(net: &AgeNet, device: &Device) -> Self {
        Self { net: there(net, device), device: device.clone() }
    }

    /// Takes over what the stage's last step changed.
    fn follow(&mut self, net: &AgeNet, trained: Trained) {
        match trained {
            Trained::BackboneAndVanilla => {
                self.net.backbone = there(&net.backbone, &self.device);
                self.net.vanilla = there(&net.vanilla, &self.device);
            }
            Trained::Vanilla => self.net.vanilla = there(&net.vanilla, &self.device),
            Trained::Balanced => self.net.balanced = there(&net.balanced, &self.device),
        }
        self.forget_statistics(trained);
    }

    /// Sets the running statistics of what is trained to 0, so that after a pass they hold what its batch adds.
    fn forget_statistics(&mut self, trained: Trained) {
        self.net = change_statistics(self.net.clone(), trained, |_, running| Some(running.zeros_like()));
    }

    fn pass(&self, run: &Run<'_>, trained: Trained, part: Batch, share: f64, first: &Device) -> (Found, f64) {
        let loss = run.loss(&self.net, trained, part, &self.device).mul_scalar(share);
        let mut gradients = flat(&self.net, &mut loss.backward());
        gradients.values_mut().for_each(|gradient| *gradient = gradient.clone().to_device(first));
        let mut statistics = HashMap::new();
        change_statistics(self.net.clone(), trained, |id, running| {
            statistics.insert(id, running.inner().to_device(first));
            None
        });
        (Found { gradients, statistics }, f64::from(loss.into_scalar::<f32>()))
    }
}

/// A copy of a module on a device. By way of `valid`: a plain copy would share its running statistics with the module.
fn there<M: Module>(module: &M, device: &Device) -> M {
    module.valid().to_device(device).train()
}

/// Changes BatchNorm's running statistics in what a stage trains; frozen layers keep theirs.
fn change_statistics(
    mut net: AgeNet,
    trained: Trained,
    mut change: impl FnMut(ParamId, Tensor<1>) -> Option<Tensor<1>>,
) -> AgeNet {
    let mut running = |own: Named<'_>| if own.path.is_statistic() { change(own.id, own.value()) } else { None };
    match trained {
        Trained::BackboneAndVanilla => {
            net.backbone = mapped(up_to_date(net.backbone), &mut running);
            net.vanilla = mapped(up_to_date(net.vanilla), &mut running);
        }
        Trained::Vanilla => net.vanilla = mapped(up_to_date(net.vanilla), &mut running),
        Trained::Balanced => net.balanced = mapped(up_to_date(net.balanced), &mut running),
    }
    net
}

/// Burn notes an update of running statistics and makes it with the next one, or with `valid`; a mapper would miss it.
fn up_to_date<M: Module>(module: M) -> M {
    let _ = module.valid();
    module
}
