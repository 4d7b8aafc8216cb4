//! Where a shortcut ends.

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::tensor::Tensor;
use glae_model::cpu::Buffer;
use glae_model::wide;
use rayon::prelude::*;

use super::{CHUNK, Cpu, Pixels, like, planes};

/// ReLU of a sum, in one pass. `None` where that is not ours.
pub(super) fn join(x: &Tensor<4>, shortcut: &Tensor<4>) -> Option<Tensor<4>> {
    let [x, shortcut] = [x, shortcut].map(|tensor| tensor.clone().try_into_primitive::<Cpu>().ok());
    let (x, shortcut) = (x?, shortcut?);
    let pixels = [&x, &shortcut].map(|tensor| Pixels::of(tensor.primitive()));
    let [a, b] = pixels.each_ref().map(Pixels::view);
    let mut sum = Buffer::unwritten(a.values.len());
    let chunks = sum.par_chunks_mut(CHUNK).zip(a.values.par_chunks(CHUNK)).zip(b.values.par_chunks(CHUNK));
    chunks.for_each(|((sum, a), b)| sums(sum, a, b));
    let output = planes(like(&a, sum));
    let parents = [x.node(), shortcut.node()];
    let output = match Joined.prepare::<NoCheckpointing>(parents).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish(Pixels::of(&output), output),
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    };
    Some(Tensor::from_primitive::<Cpu>(output))
}

wide! {
    /// ReLU of a sum.
    fn sums<'a>(sum: &'a mut [f32], a: &'a [f32], b: &'a [f32]) -> () {
        for ((sum, a), b) in sum.iter_mut().zip(a).zip(b) {
            *sum = (a + b).max(0.0);
        }
    }
}

wide! {
    /// The gradient where ReLU cut nothing off.
    fn above<'a>(through: &'a mut [f32], output: &'a [f32], upstream: &'a [f32]) -> () {
        for ((through, output), upstream) in through.iter_mut().zip(output).zip(upstream) {
            *through = if *output > 0.0 { *upstream } else { 0.0 };
        }
    }
}

#[derive(Debug)]
struct Joined;

impl Backward<Flex, 2> for Joined {
    type State = Pixels;

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let upstream = Pixels::of(&gradients.consume::<Flex>(&ops.node));
        let output = ops.state.view();
        let mut through = Buffer::unwritten(output.values.len());
        let chunks = through.par_chunks_mut(CHUNK).zip(output.values.par_chunks(CHUNK));
        let chunks = chunks.zip(upstream.numbers().par_chunks(CHUNK));
        chunks.for_each(|((through, output), upstream)| above(through, output, upstream));
        let through = planes(like(&output, through));
        for node in ops.parents.into_iter().flatten() {
            gradients.register::<Flex>(node.id, through.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::compare;

    #[test]
    fn values_and_gradients_are_those_of_burn() {
        compare([2, 5, 3, 4], |layers, [x, shortcut]| layers.join(x, shortcut));
        // The same tensor twice: both gradients reach it.
        compare([2, 5, 3, 4], |layers, [x]| layers.join(x.clone(), x));
    }
}
