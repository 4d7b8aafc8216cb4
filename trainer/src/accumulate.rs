//! Gradients of several batches as those of one: a large batch on a device that does not hold it at once.

use std::collections::HashMap;

use burn::module::{Module, ParamId};
use burn::tensor::{Gradients, Tensor};
use glae_model::weights::gradients;

/// The sum of two passes' gradients. For a mean, divide each loss by the number of passes before its backward pass.
///
/// The passes must have seen `module` between two updates: gradients are found by its parameters.
pub fn add(module: &impl Module, sum: Option<Gradients>, mut more: Gradients) -> Gradients {
    if let Some(mut sum) = sum {
        let mut found = flat(module, &mut sum);
        gradients(module, &mut more, |id, own| Some(found.remove(&id)? + own));
    }
    more
}

/// The gradients of a module by parameter, in one row each.
pub(crate) fn flat(module: &impl Module, all: &mut Gradients) -> HashMap<ParamId, Tensor<1>> {
    let mut found = HashMap::new();
    gradients(module, all, |id, gradient| {
        found.insert(id, gradient);
        None
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
    use burn::tensor::{Device, Distribution};

    #[derive(Module, Debug)]
    struct Net {
        norm: Option<BatchNorm>,
        first: Linear,
        second: Linear,
    }

    impl Net {
        fn new(norm: bool, device: &Device) -> Self {
            let norm = norm.then(|| BatchNormConfig::new(5).init(device));
            Self { norm, first: LinearConfig::new(5, 4).init(device), second: LinearConfig::new(4, 1).init(device) }
        }

        /// Mean over the batch.
        fn loss(&self, x: Tensor<2>) -> Tensor<1> {
            let x = match &self.norm {
                Some(norm) => norm.forward(x),
                None => x,
            };
            let y = self.second.forward(self.first.forward(x).tanh());
            (y.clone() * y).mean()
        }
    }

    /// Gradients of the two layers: of the whole batch, and accumulated from its halves.
    fn both(norm: bool) -> [Vec<f32>; 2] {
        let device = crate::device::cpu().autodiff();
        let net = crate::device::seeded(&device, 9, || Net::new(norm, &device));
        let _turn = crate::device::turn();
        let x = Tensor::<2>::random([6, 5], Distribution::Normal(0.5, 2.0), &device);
        let read = |gradients: &Gradients| {
            let mut values: Vec<f32> = net.first.weight.grad(gradients).unwrap().into_data().try_to_vec().unwrap();
            values.extend(net.second.weight.grad(gradients).unwrap().into_data().try_to_vec::<f32>().unwrap());
            values
        };
        let whole = read(&net.loss(x.clone()).backward());
        let halves = x
            .chunk(2, 0)
            .into_iter()
            .fold(None, |sum, half| Some(add(&net, sum, net.loss(half).mul_scalar(0.5).backward())));
        [whole, read(&halves.unwrap())]
    }

    fn difference([a, b]: &[Vec<f32>; 2]) -> f32 {
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn two_halves_have_the_gradient_of_the_whole() {
        let gradients = both(false);
        assert!(gradients[0].iter().any(|value| value.abs() > 0.01), "{gradients:?}");
        assert!(difference(&gradients) < 1e-6, "{gradients:?}");
    }

    #[test]
    fn with_batch_norm_each_half_is_normalised_by_itself() {
        assert!(difference(&both(true)) > 1e-4);
    }
}
