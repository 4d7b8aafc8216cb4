//! What makes a step of a gradient: SGD with Nesterov momentum, weight decay and a clipped gradient, meaning what PyTorch means
//! (dampening 0), or [`crate::adamw`]. Burn's own optimisers keep their state by parameter number and not by name, which a
//! checkpoint of a rebuilt network could not be read with, and its SGD dampens by 0.1.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use glae_model::StateDict;
use glae_model::weights::{Array, Path};

use crate::adamw::AdamW;
use crate::config::OptimizerKind;
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
        let Some(shrink) = shrink(&module, &gradients, clip) else { return module };
        let Rates { learning_rate, momentum } = rates;
        update(module, gradients, shrink, |name, _, weight, gradient| {
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

/// What all gradients are multiplied with so that their norm is at most `clip`. `None` where there are none.
pub(crate) fn shrink<M: Module>(module: &M, gradients: &Gradients, clip: f64) -> Option<Tensor<1>> {
    let mut norm = Norm { gradients, squares: None };
    module.visit(&mut norm);
    Some(norm.squares?.sqrt().add_scalar(1e-6).recip().mul_scalar(clip).clamp_max(1.0))
}

/// Sums the squares of all gradients on the device.
struct Norm<'a> {
    gradients: &'a Gradients,
    squares: Option<Tensor<1>>,
}

impl ModuleVisitor for Norm<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad(self.gradients) {
            let own = gradient.clone().mul(gradient).sum();
            self.squares = Some(match self.squares.take() {
                Some(sum) => sum + own,
                None => own,
            });
        }
    }
}

/// Changes every parameter that has a gradient, and leaves the others as they are. `change` gets the parameter's name, its
/// number of dimensions, and flat its values and its gradient times `shrink`; it returns the new values.
pub(crate) fn update<M: Module>(
    module: M,
    gradients: Gradients,
    shrink: Tensor<1>,
    change: impl FnMut(String, usize, Tensor<1>, Tensor<1>) -> Tensor<1>,
) -> M {
    module.map(&mut Update { gradients, shrink, change, path: Path::default() })
}

struct Update<F> {
    gradients: Gradients,
    shrink: Tensor<1>,
    change: F,
    path: Path,
}

impl<F: FnMut(String, usize, Tensor<1>, Tensor<1>) -> Tensor<1>> ModuleMapper for Update<F> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = param.val().grad_remove(&mut self.gradients) else { return param };
        let (id, weight, mapper) = param.consume();
        let weight = weight.inner();
        let shape = weight.dims();
        let gradient = gradient.flatten::<1>(0, D - 1) * self.shrink.clone();
        let weight = (self.change)(self.path.fields(), D, weight.flatten::<1>(0, D - 1), gradient).reshape(shape);
        Param::from_mapped_value(id, Tensor::from_inner(weight).require_grad(), mapper)
    }
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
        let rates = Rates { learning_rate: 0.1, momentum: 0.5 };
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
        let rates = Rates { learning_rate: 1.0, momentum: 0.0 };
        layer = Sgd::default().step(layer, loss.backward(), rates, 0.0, 5.0);
        let weight: Vec<f32> = layer.weight.val().into_data().try_to_vec().unwrap();
        assert!((weight[0] + 3.0).abs() < 1e-4 && (weight[1] + 4.0).abs() < 1e-4, "{weight:?}");
    }
}
