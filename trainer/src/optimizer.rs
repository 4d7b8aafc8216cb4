//! What makes a step of a gradient: SGD with Nesterov momentum, weight decay and a clipped gradient, meaning what PyTorch means
//! (dampening 0), or [`crate::adamw`]. Burn's own optimisers keep their state by parameter number and not by name, which a
//! checkpoint of a rebuilt network could not be read with, and its SGD dampens by 0.1.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use glae_model::StateDict;
use glae_model::weights::{Array, mapped};

use crate::accumulate::flat;
use crate::adamw::AdamW;
use crate::config::OptimizerKind;
use crate::layers::descent::{Descent, squares};
use crate::schedule::Rates;

/// The optimizer of a run, with its state.
#[derive(Debug)]
pub enum Optimizer {
    /// [`Sgd`]
    Sgd(Sgd),
    /// [`AdamW`]
    AdamW(AdamW),
}

impl Optimizer {
    /// Before its first step.
    pub fn new(kind: OptimizerKind) -> Self {
        match kind {
            OptimizerKind::Sgd => Self::Sgd(Sgd::default()),
            OptimizerKind::AdamW => Self::AdamW(AdamW::default()),
        }
    }

    /// One step; see [`Sgd::step`] and [`AdamW::step`].
    pub fn step<M: Module>(&mut self, module: M, gradients: Gradients, rates: Rates, decay: f64, clip: f64) -> M {
        match self {
            Self::Sgd(sgd) => sgd.step(module, gradients, rates, decay, clip),
            Self::AdamW(adamw) => adamw.step(module, gradients, rates, decay, clip),
        }
    }

    /// For a checkpoint.
    pub fn state(&self) -> StateDict {
        match self {
            Self::Sgd(sgd) => sgd.state(),
            Self::AdamW(adamw) => adamw.state(),
        }
    }

    /// From a checkpoint.
    pub fn restore(kind: OptimizerKind, state: &StateDict, device: &Device) -> Self {
        match kind {
            OptimizerKind::Sgd => Self::Sgd(Sgd::restore(state, device)),
            OptimizerKind::AdamW => Self::AdamW(AdamW::restore(state, device)),
        }
    }
}

/// The optimizer's state: one velocity per parameter, by name.
#[derive(Debug, Default)]
pub struct Sgd {
    velocities: BTreeMap<String, Tensor<1>>,
}

impl Sgd {
    /// One step: g is scaled so that the norm over all parameters is at most `clip`; then g += decay w, v = m v + g,
    /// w -= rate (g + m v). Parameters without gradient stay as they are.
    pub fn step<M: Module>(&mut self, module: M, gradients: Gradients, rates: Rates, decay: f64, clip: f64) -> M {
        let Rates { learning_rate, momentum, .. } = rates;
        let descent = Descent { rate: learning_rate as f32, momentum: momentum as f32, decay: decay as f32 };
        update(module, gradients, clip, |name, _, weight, gradient| {
            if let Some([weight, velocity]) = descent.step(&weight, &gradient, self.velocities.get(&name)) {
                self.velocities.insert(name, velocity);
                return weight;
            }
            let gradient = gradient + weight.clone().mul_scalar(decay);
            let velocity = match self.velocities.remove(&name) {
                Some(velocity) => velocity.mul_scalar(momentum) + gradient.clone(),
                None => gradient.clone(),
            };
            let step = gradient + velocity.clone().mul_scalar(momentum);
            self.velocities.insert(name, velocity);
            weight - step.mul_scalar(learning_rate)
        })
    }

    /// The velocities, for a checkpoint.
    pub fn state(&self) -> StateDict {
        StateDict(self.velocities.iter().map(|(name, velocity)| (name.clone(), array(velocity))).collect())
    }

    /// Velocities from a checkpoint.
    pub fn restore(state: &StateDict, device: &Device) -> Self {
        Self { velocities: state.0.iter().map(|(name, array)| (name.clone(), tensor(array, device))).collect() }
    }
}

/// Changes every parameter that has a gradient, and leaves the others as they are. All gradients are multiplied with one
/// number, so that their norm is at most `clip`. `change` gets a parameter's name, its number of dimensions, and flat its values
/// and its gradient; it returns the new values.
pub(crate) fn update<M: Module>(
    module: M,
    mut gradients: Gradients,
    clip: f64,
    mut change: impl FnMut(String, usize, Tensor<1>, Tensor<1>) -> Tensor<1>,
) -> M {
    let mut sum: Option<Tensor<1>> = None;
    glae_model::weights::gradients(&module, &mut gradients, |_, gradient| {
        let own = squares(&gradient).unwrap_or_else(|| gradient.clone().mul(gradient).sum());
        sum = Some(match sum.take() {
            Some(sum) => sum + own,
            None => own,
        });
        None
    });
    let Some(sum) = sum else { return module };
    let shrink = sum.sqrt().add_scalar(1e-6).recip().mul_scalar(clip).clamp_max(1.0);
    let mut found = flat(&module, &mut gradients);
    drop(gradients);
    mapped(module, |weight| {
        let gradient = found.remove(&weight.id)? * shrink.clone();
        let values = weight.value().inner();
        Some(Tensor::from_inner(change(weight.path.fields(), weight.shape.len(), values, gradient)))
    })
}

/// A flat tensor for a checkpoint.
pub(crate) fn array(tensor: &Tensor<1>) -> Array {
    let values = tensor.to_data().convert::<f32>().try_to_vec().expect("converted to f32");
    Array { shape: tensor.dims().to_vec(), values }
}

/// A flat tensor from a checkpoint, whatever the array's shape.
pub(crate) fn tensor(array: &Array, device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::new(array.values.clone(), [array.values.len()]), device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::module::Param;
    use burn::nn::LinearConfig;

    #[test]
    fn two_steps_worked_by_hand() {
        // One weight w = 1, loss 3w, so g = 3. Decay 0.1, momentum 0.5, rate 0.1, no clipping.
        // Step 1: g = 3.1, v = 3.1, w = 1 - 0.1 (3.1 + 1.55) = 0.535.
        // Step 2: g = 3.0535, v = 1.55 + 3.0535 = 4.6035, w = 0.535 - 0.1 (3.0535 + 2.30175) = -0.000525.
        let device = crate::device::cpu().autodiff();
        let mut layer = LinearConfig::new(1, 1).with_bias(false).init(&device);
        layer.weight = Param::from_tensor(Tensor::ones([1, 1], &device).require_grad());
        let mut sgd = Sgd::default();
        let rates = Rates { step: 0, learning_rate: 0.1, momentum: 0.5 };
        for expected in [0.535, -0.000_525] {
            let loss = layer.forward(Tensor::<2>::full([1, 1], 3.0, &device)).sum();
            layer = sgd.step(layer, loss.backward(), rates, 0.1, 1e9);
            let weight: f32 = layer.weight.val().into_scalar();
            assert!((weight - expected).abs() < 1e-5, "{weight}");
        }
    }

    #[test]
    fn a_long_gradient_is_cut_to_the_clip() {
        let device = crate::device::cpu().autodiff();
        let mut layer = LinearConfig::new(2, 1).with_bias(false).init(&device);
        layer.weight = Param::from_tensor(Tensor::zeros([2, 1], &device).require_grad());
        // Gradient (30, 40), norm 50, clipped to 5: (3, 4).
        let input = Tensor::<2>::from_data([[30.0f32, 40.0]], &device);
        let loss = layer.forward(input).sum();
        let rates = Rates { step: 0, learning_rate: 1.0, momentum: 0.0 };
        layer = Sgd::default().step(layer, loss.backward(), rates, 0.0, 5.0);
        let weight: Vec<f32> = layer.weight.val().into_data().try_to_vec().unwrap();
        assert!((weight[0] + 3.0).abs() < 1e-4 && (weight[1] + 4.0).abs() < 1e-4, "{weight:?}");
    }
}
