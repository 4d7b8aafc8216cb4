//! AdamW (Loshchilov and Hutter 2019) with a clipped gradient: for small networks that are trained briefly.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::{Device, Gradients, Tensor};
use glae_model::StateDict;
use glae_model::weights::Array;

use crate::optimizer::{array, tensor, update};
use crate::schedule::Rates;

/// Share of the squared gradients that is kept from step to step.
const SECOND: f64 = 0.999;

const EPSILON: f64 = 1e-8;

/// The optimizer's state: two moments per parameter, by name.
#[derive(Debug, Default)]
pub struct AdamW {
    moments: BTreeMap<String, [Tensor<1>; 2]>,
}

impl AdamW {
    /// One step: g is scaled so that the norm over all parameters is at most `clip`; m = b1 m + (1 - b1) g with the
    /// momentum of `rates` as b1, v = b2 v + (1 - b2) g g; w -= rate (m' / (sqrt(v') + 1e-8) + decay w), where m' and v'
    /// are corrected for their start at zero. Parameters without gradient stay as they are; only those of more than one
    /// dimension decay (kernels, not biases and not BatchNorm).
    pub fn step<M: Module>(&mut self, module: M, gradients: Gradients, rates: Rates, decay: f64, clip: f64) -> M {
        let Rates { step, learning_rate, momentum } = rates;
        // The momentum of OneCycle changes slowly, so its present value stands for all of them.
        let [started, settled] = [momentum, SECOND].map(|kept| 1.0 - kept.powi(step as i32 + 1));
        update(module, gradients, clip, |name, dimensions, weight, gradient| {
            let square = gradient.clone() * gradient.clone();
            let fresh = (gradient.mul_scalar(1.0 - momentum), square.mul_scalar(1.0 - SECOND));
            let [first, second] = match self.moments.remove(&name) {
                Some([first, second]) => [first.mul_scalar(momentum) + fresh.0, second.mul_scalar(SECOND) + fresh.1],
                None => [fresh.0, fresh.1],
            };
            let direction = first.clone().mul_scalar(1.0 / started)
                / second.clone().mul_scalar(1.0 / settled).sqrt().add_scalar(EPSILON);
            self.moments.insert(name, [first, second]);
            let decay = if dimensions > 1 { decay } else { 0.0 };
            weight.clone() - (direction + weight.mul_scalar(decay)).mul_scalar(learning_rate)
        })
    }

    /// The moments, for a checkpoint.
    pub fn state(&self) -> StateDict {
        let named = |(name, [first, second]): (&String, &[Tensor<1>; 2])| {
            [(format!("first.{name}"), array(first)), (format!("second.{name}"), array(second))]
        };
        StateDict(self.moments.iter().flat_map(named).collect())
    }

    /// Moments from a checkpoint.
    pub fn restore(state: &StateDict, device: &Device) -> Self {
        let (first, mut second) = (state.part("first"), state.part("second").0);
        let pair = |(name, first): (&String, &Array)| {
            let second = second.remove(name)?;
            Some((name.clone(), [tensor(first, device), tensor(&second, device)]))
        };
        Self { moments: first.0.iter().filter_map(pair).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::module::Param;
    use burn::nn::LinearConfig;

    #[test]
    fn two_steps_worked_by_hand() {
        // One weight w = 1; the loss is c w with c = 3, then 1. Rate 0.1, b1 0.5, decay 0.1, no clipping.
        // Step 1: m' = 3, v' = 9: w = 1 - 0.1 (1 + 0.1) = 0.89.
        // Step 2: m = 0.75 + 0.5 = 1.25, m' = 1.25 / 0.75 = 1.6667; v = 0.008991 + 0.001 = 0.009991, v' = 4.998;
        // w = 0.89 - 0.1 (1.6667 / 2.2356 + 0.089) = 0.80655.
        let device = crate::device::cpu().autodiff();
        let mut layer = LinearConfig::new(1, 1).with_bias(false).init(&device);
        layer.weight = Param::from_tensor(Tensor::ones([1, 1], &device).require_grad());
        let mut optimizer = AdamW::default();
        for (step, slope, expected) in [(0, 3.0, 0.89), (1, 1.0, 0.806_55)] {
            let rates = Rates { step, learning_rate: 0.1, momentum: 0.5 };
            let loss = layer.forward(Tensor::<2>::full([1, 1], slope, &device)).sum();
            layer = optimizer.step(layer, loss.backward(), rates, 0.1, 1e9);
            let weight: f32 = layer.weight.val().into_scalar();
            assert!((weight - expected).abs() < 1e-4, "{weight}");
        }
    }

    #[test]
    fn what_is_restored_goes_on_alike() {
        let device = crate::device::cpu();
        let tensor = |value: f32| Tensor::<1>::from_data([value, 2.0], &device);
        let optimizer = AdamW { moments: [("conv.weight".to_owned(), [tensor(1.0), tensor(0.5)])].into() };
        assert_eq!(AdamW::restore(&optimizer.state(), &device).state(), optimizer.state());
    }
}
