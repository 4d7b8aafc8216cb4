//! One step on one device or several. Each batch of the step goes through the network on one of them, with a copy of the
//! weights there; the gradients are summed on the first device, in the order of the batches, and it makes the step. Which
//! device a batch went through changes nothing in the result but rounding, and on the CPU not even that.

use std::collections::HashMap;

use anyhow::{Result, ensure};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use glae_model::AgeNet;
use glae_model::loss::{Labels, Terms};

use super::batches::Batch;
use super::{Run, StageKind};
use crate::accumulate;
use crate::config::{RunConfig, Stage};
use crate::layers::Quick;
use crate::optimizer::Optimizer;
use crate::schedule::Rates;

/// Share of a batch's statistics in BatchNorm's running ones: Burn's default, which all networks here have.
const MOMENTUM: f64 = 0.1;

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
        let device = self.device();
        let mut parts = batch.parts(stage.batch);
        let share = 1.0 / parts.len() as f64;
        copies.iter_mut().for_each(|copy| copy.follow(&net, kind));
        let (mut gradients, mut mean) = (None, 0.0);
        while !parts.is_empty() {
            let mut now = parts.drain(..parts.len().min(1 + copies.len()));
            let own = now.next();
            let (pass, found) = std::thread::scope(|scope| {
                let passes: Vec<_> = copies
                    .iter()
                    .zip(now)
                    .map(|(copy, part)| scope.spawn(move || copy.pass(self, kind, part, share, device)))
                    .collect();
                let pass = own.map(|part| {
                    let loss = self.loss(&net, kind, part, device).mul_scalar(share);
                    (loss.backward(), f64::from(loss.into_scalar::<f32>()))
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
                    net.visit(&mut Add { sum, found: found.gradients });
                }
                net = change_statistics(net, kind, |id, running| {
                    let Some(more) = found.statistics.get(&id) else { return running };
                    (running.mul_scalar(1.0 - MOMENTUM) + Tensor::from_inner(more.clone())).detach()
                });
                copy.forget_statistics(kind);
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
    fn loss(&self, net: &AgeNet, kind: StageKind, batch: Batch, device: &Device) -> Tensor<1> {
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
        let logits = match kind {
            StageKind::Vanilla => {
                let features = net.backbone.forward_with(Tensor::from_data(data, &training), &Quick);
                net.vanilla.forward(features)
            }
            StageKind::Balanced => {
                // Without autodiff the backbone's BatchNorm runs on its statistics and keeps them: the vanilla
                // classifier's answers stay bit-identical.
                let features = net.backbone.valid().forward(Tensor::from_data(data, device));
                net.balanced.forward(Tensor::from_inner(features))
            }
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
    fn follow(&mut self, net: &AgeNet, kind: StageKind) {
        match kind {
            StageKind::Vanilla => {
                self.net.backbone = there(&net.backbone, &self.device);
                self.net.vanilla = there(&net.vanilla, &self.device);
            }
            StageKind::Balanced => self.net.balanced = there(&net.balanced, &self.device),
        }
        self.forget_statistics(kind);
    }

    /// Sets the running statistics of what is trained to 0, so that after a pass they hold what its batch adds.
    fn forget_statistics(&mut self, kind: StageKind) {
        self.net = change_statistics(self.net.clone(), kind, |_, running| running.zeros_like());
    }

    fn pass(&self, run: &Run<'_>, kind: StageKind, part: Batch, share: f64, first: &Device) -> (Found, f64) {
        let loss = run.loss(&self.net, kind, part, &self.device).mul_scalar(share);
        let gradients = loss.backward();
        let mut collect = Collect { gradients: &gradients, first, found: HashMap::new() };
        self.net.visit(&mut collect);
        let mut statistics = HashMap::new();
        change_statistics(self.net.clone(), kind, |id, running| {
            statistics.insert(id, running.clone().inner().to_device(first));
            running
        });
        (Found { gradients: collect.found, statistics }, f64::from(loss.into_scalar::<f32>()))
    }
}

/// A copy of a module on a device. By way of `valid`: a plain copy would share its running statistics with the module.
fn there<M: Module>(module: &M, device: &Device) -> M {
    module.valid().to_device(device).train()
}

/// Changes BatchNorm's running statistics in what a stage trains; frozen layers keep theirs.
fn change_statistics(mut net: AgeNet, kind: StageKind, change: impl FnMut(ParamId, Tensor<1>) -> Tensor<1>) -> AgeNet {
    let mut mapper = Statistics { change, running: Vec::new() };
    match kind {
        StageKind::Vanilla => {
            net.backbone = up_to_date(net.backbone).map(&mut mapper);
            net.vanilla = up_to_date(net.vanilla).map(&mut mapper);
        }
        StageKind::Balanced => net.balanced = up_to_date(net.balanced).map(&mut mapper),
    }
    net
}

/// Burn notes an update of running statistics and makes it with the next one, or with `valid`; a mapper would miss it.
fn up_to_date<M: Module>(module: M) -> M {
    let _ = module.valid();
    module
}

struct Statistics<F> {
    change: F,
    /// Whether the names on the way here are those of running statistics.
    running: Vec<bool>,
}

impl<F: FnMut(ParamId, Tensor<1>) -> Tensor<1>> ModuleMapper for Statistics<F> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.running.push(name.starts_with("running_"));
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.running.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.running.last() != Some(&true) {
            return param;
        }
        let (id, value, mapper) = param.consume();
        let shape = value.dims();
        let value = (self.change)(id, value.flatten(0, D - 1)).reshape(shape);
        Param::from_mapped_value(id, value, mapper)
    }
}

/// Takes the gradients of a copy to the first device.
struct Collect<'a> {
    gradients: &'a Gradients,
    first: &'a Device,
    found: HashMap<ParamId, Tensor<1>>,
}

impl ModuleVisitor for Collect<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad(self.gradients) {
            self.found.insert(param.id, gradient.flatten::<1>(0, D - 1).to_device(self.first));
        }
    }
}

/// Adds a copy's gradients to the sum.
struct Add<'a> {
    sum: &'a mut Gradients,
    found: HashMap<ParamId, Tensor<1>>,
}

impl ModuleVisitor for Add<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let weight = param.val();
        if let (Some(sum), Some(more)) = (weight.grad(self.sum), self.found.remove(&param.id)) {
            weight.grad_replace(self.sum, sum + more.reshape(weight.dims()));
        }
    }
}
