//! Exponential moving average of a network's weights (Polyak and Juditsky 1992): what is evaluated and exported, while
//! training goes on with the weights themselves.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use glae_model::StateDict;
use glae_model::weights::{Array, named};

use crate::optimizer::{array, tensor};

/// The averaged parameters and BatchNorm statistics, by name.
#[derive(Debug)]
pub struct Average {
    decay: f64,
    state: BTreeMap<String, (Vec<usize>, Tensor<1>)>,
}

impl Average {
    /// Starts at the first network it sees.
    pub fn new(decay: f64) -> Self {
        Self { decay, state: BTreeMap::new() }
    }

    /// Goes on from [`Average::state`].
    pub fn restore(decay: f64, state: &StateDict, device: &Device) -> Self {
        let own = |array: &Array| (array.shape.clone(), tensor(array, device));
        Self { decay, state: state.0.iter().map(|(name, array)| (name.clone(), own(array))).collect() }
    }

    /// a += (1 - d) (w - a) for every weight, after step `step` (counted from 0) of a stage. Weights that do not change leave
    /// their average bit-identical. `module` has come through [`Module::valid`].
    ///
    /// CHOICE: d is `decay`, but at most (1 + step) / (10 + step), as in TensorFlow: a short run would otherwise keep much of
    /// its random start.
    pub fn update(&mut self, module: &impl Module, step: usize) {
        let kept = self.decay.min((1.0 + step as f64) / (10.0 + step as f64));
        named(module, |parameter| {
            let (name, weight) = (parameter.path.torch_name(), parameter.value());
            let next = match self.state.remove(&name) {
                Some((_, average)) => average.clone() + (weight - average).mul_scalar(1.0 - kept),
                None => weight,
            };
            self.state.insert(name, (parameter.shape.to_vec(), next));
        });
    }

    /// All averages, for a checkpoint and for answering; empty before the first update.
    pub fn state(&self) -> StateDict {
        let own = |(shape, values): &(Vec<usize>, Tensor<1>)| Array { shape: shape.clone(), ..array(values) };
        StateDict(self.state.iter().map(|(name, average)| (name.clone(), own(average))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::module::Param;
    use burn::nn::{Linear, LinearConfig};

    fn layer(weight: f64, device: &Device) -> Linear {
        let mut layer = LinearConfig::new(1, 1).with_bias(false).init(device);
        layer.weight = Param::from_tensor(Tensor::full([1, 1], weight, device));
        layer
    }

    #[test]
    fn three_updates_worked_by_hand() {
        // Weights 1, 2, 3 at steps 0, 1, 2 with decay 0.5: starts at 1; min(0.5, 2/11) keeps 0.181818, so 1 + 0.818182 * 1;
        // min(0.5, 3/12) keeps 0.25: 1.818182 + 0.75 * 1.181818 = 2.704545. At step 100 the decay itself: 0.5.
        let device = crate::device::cpu();
        let mut average = Average::new(0.5);
        for (step, weight, expected) in [(0, 1.0, 1.0), (1, 2.0, 1.818_182), (2, 3.0, 2.704_545), (100, 0.0, 1.352_273)]
        {
            average.update(&layer(weight, &device), step);
            let found = average.state().0["weight"].values[0];
            assert!((found - expected).abs() < 1e-5, "step {step}: {found}");
        }
    }

    #[test]
    fn what_does_not_change_stays_bit_identical_and_a_restored_average_goes_on_alike() {
        let device = crate::device::cpu();
        let mut average = Average::new(0.999);
        (0..50).for_each(|step| average.update(&layer(0.1 + 1.0 / 3.0, &device), step));
        assert_eq!(average.state().0["weight"].values, [(0.1 + 1.0 / 3.0) as f32]);
        let mut again = Average::restore(0.999, &average.state(), &device);
        for average in [&mut average, &mut again] {
            average.update(&layer(-5.0, &device), 50);
        }
        assert_eq!(again.state(), average.state());
    }
}
