//! A step of SGD, and the norm of a gradient, in one pass over memory each, where tensor operations take nine and two.

use burn::backend::Flex;
use burn::tensor::Tensor;
use glae_model::cpu::Buffer;
use glae_model::wide;
use rayon::prelude::*;

use super::{CHUNK, primitive};

/// With g the gradient, w the weight and v the velocity, 0 before the first step: g += decay w, v = momentum v + g,
/// w -= rate (g + momentum v).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Descent {
    pub(crate) rate: f32,
    pub(crate) momentum: f32,
    pub(crate) decay: f32,
}

impl Descent {
    /// The weights and velocities after a step. `None` where the tensors are not on the CPU.
    pub(crate) fn step(
        self,
        weight: &Tensor<1>,
        gradient: &Tensor<1>,
        velocity: Option<&Tensor<1>>,
    ) -> Option<[Tensor<1>; 2]> {
        let [weight, gradient] = [weight, gradient].map(|tensor| tensor.clone().try_into_primitive::<Flex>().ok());
        let (weight, gradient) = (weight?.to_contiguous(), gradient?.to_contiguous());
        let (w, g) = (weight.as_slice::<f32>()?, gradient.as_slice::<f32>()?);
        let mut moved = [Buffer::unwritten(w.len()), Buffer::unwritten(w.len())];
        match velocity {
            Some(velocity) => {
                let velocity = velocity.clone().try_into_primitive::<Flex>().ok()?.to_contiguous();
                moved[1].copy_from_slice(velocity.as_slice()?);
            }
            None => moved[1].fill(0.0),
        }
        let [weights, velocities] = &mut moved;
        let moved_both = weights.par_chunks_mut(CHUNK).zip(velocities.par_chunks_mut(CHUNK));
        moved_both.zip(w.par_chunks(CHUNK).zip(g.par_chunks(CHUNK))).for_each(|((weights, velocities), (w, g))| {
            descended(self, weights, velocities, w, g);
        });
        Some(moved.map(|numbers| {
            let length = numbers.len();
            Tensor::from_primitive::<Flex>(primitive(numbers.into_vec(), [length]))
        }))
    }
}

wide! {
    /// [`Descent::step`]; `velocities` are those before and behind it.
    fn descended<'a>(
        by: Descent,
        weights: &'a mut [f32],
        velocities: &'a mut [f32],
        weight: &'a [f32],
        gradient: &'a [f32],
    ) -> () {
        for (((to, v), w), g) in weights.iter_mut().zip(velocities).zip(weight).zip(gradient) {
            let g = g + by.decay * w;
            *v = by.momentum * *v + g;
            *to = w - by.rate * (g + by.momentum * *v);
        }
    }
}

/// The sum of squares, `[1]`. `None` where the tensor is not on the CPU.
pub(crate) fn squares(gradient: &Tensor<1>) -> Option<Tensor<1>> {
    let gradient = gradient.clone().try_into_primitive::<Flex>().ok()?.to_contiguous();
    let parts = gradient.as_slice::<f32>()?.par_chunks(CHUNK).map(|numbers| f64::from(squared(numbers)));
    // Added in their order, so that a run gives the same weights every time.
    let sum: f64 = parts.collect::<Vec<_>>().into_iter().sum();
    Some(Tensor::from_primitive::<Flex>(primitive(vec![sum as f32], [1])))
}

wide! {
    fn squared<'a>(numbers: &'a [f32]) -> f32 {
        // Side by side, as a register has them.
        let mut sums = [0f32; 16];
        let (whole, rest) = numbers.as_chunks::<16>();
        for numbers in whole {
            sums.iter_mut().zip(numbers).for_each(|(sum, x)| *sum += x * x);
        }
        sums.iter().sum::<f32>() + rest.iter().map(|x| x * x).sum::<f32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Distribution;

    #[test]
    fn a_step_is_that_of_tensor_operations() {
        let device = crate::device::cpu();
        let _turn = crate::device::turn();
        device.seed(11);
        let random = || Tensor::<1>::random([2 * CHUNK + 37], Distribution::Normal(0.0, 1.0), &device);
        let (weight, gradient, velocity) = (random(), random(), random());
        let by = Descent { rate: 0.1, momentum: 0.9, decay: 0.01 };
        for before in [None, Some(&velocity)] {
            let [own, moved] = by.step(&weight, &gradient, before).unwrap();
            let decayed = gradient.clone() + weight.clone().mul_scalar(0.01);
            let expected = before.map_or_else(|| decayed.clone(), |v| v.clone().mul_scalar(0.9) + decayed.clone());
            let stepped = weight.clone() - (decayed + expected.clone().mul_scalar(0.9)).mul_scalar(0.1);
            for (own, expected) in [(own, stepped), (moved, expected)] {
                let off: f32 = (own - expected).abs().max().into_scalar();
                assert!(off < 1e-5, "{off}");
            }
        }
        let (own, expected): (f32, f32) =
            (squares(&gradient).unwrap().into_scalar(), gradient.clone().mul(gradient).sum().into_scalar());
        assert!((own - expected).abs() < 1e-3 * expected, "{own} instead of {expected}");
    }
}
