//! BatchNorm on the statistics of the batch, and the ReLU behind it, in two passes over memory where Burn's Flex takes a
//! dozen and turns the whole map twice.

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::nn::BatchNorm;
use burn::tensor::Tensor;
use glae_model::cpu::{Buffer, Map, View};
use glae_model::wide;
use rayon::prelude::*;

use super::{Cpu, Pixels, Primitive, chunk, like, planes, primitive};

/// BatchNorm of a batch in training on the CPU, which also moves the running statistics; ReLU behind it if `activated`.
/// `None` for tensors of another backend; the caller then uses Burn.
pub(super) fn normalise(norm: &BatchNorm, x: &Tensor<4>, activated: bool) -> Option<Tensor<4>> {
    let device = x.device();
    if !device.is_autodiff() || !norm.training.is_enabled() {
        return None;
    }
    let input = x.clone().try_into_primitive::<Cpu>().ok()?;
    let gamma = norm.gamma.val().try_into_primitive::<Cpu>().ok()?;
    let beta = norm.beta.val().try_into_primitive::<Cpu>().ok()?;
    let pixels = Pixels::of(input.primitive());
    let channels = Channels::new(&pixels.view(), gamma.primitive(), beta.primitive(), norm.epsilon);
    for (running, now) in [(&norm.running_mean, &channels.mean), (&norm.running_var, &channels.variance)] {
        let now = Tensor::<1>::from_data(now.as_slice(), &device);
        let moved = running.value_sync().to_device(&device).mul_scalar(1.0 - norm.momentum);
        running.update((moved + now.mul_scalar(norm.momentum)).detach());
    }
    let output = planes(channels.forward(&pixels.view(), activated));
    let state = State { pixels, channels, activated };
    let parents = [input.node(), gamma.node(), beta.node()];
    let output = match Normalised.prepare::<NoCheckpointing>(parents).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish(state, output),
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    };
    Some(Tensor::from_primitive::<Cpu>(output))
}

/// What is done to each channel.
#[derive(Clone, Debug)]
struct Channels {
    mean: Vec<f32>,
    /// Biased.
    variance: Vec<f32>,
    /// gamma / sqrt(variance + epsilon)
    scale: Vec<f32>,
    /// beta - mean * scale
    shift: Vec<f32>,
    /// 1 / sqrt(variance + epsilon)
    inverse: Vec<f32>,
}

impl Channels {
    fn new(x: &View, gamma: &Primitive, beta: &Primitive, epsilon: f64) -> Self {
        let (mean, variance) = moments(x.values, x.channels);
        let (gamma, beta) = (gamma.to_contiguous(), beta.to_contiguous());
        let inverse: Vec<f32> = variance.iter().map(|variance| 1.0 / (variance + epsilon as f32).sqrt()).collect();
        let scale: Vec<f32> =
            inverse.iter().zip(gamma.storage::<f32>()).map(|(inverse, gamma)| gamma * inverse).collect();
        let shift =
            beta.storage::<f32>().iter().zip(&mean).zip(&scale).map(|((beta, mean), scale)| beta - mean * scale);
        Self { shift: shift.collect(), mean, variance, scale, inverse }
    }

    fn forward(&self, x: &View, activated: bool) -> Map {
        let least = if activated { 0.0 } else { f32::NEG_INFINITY };
        let mut output = Buffer::unwritten(x.values.len());
        let chunks = output.par_chunks_mut(chunk(x.channels)).zip(x.values.par_chunks(chunk(x.channels)));
        chunks.for_each(|(output, from)| scaled(output, from, &self.scale, &self.shift, least));
        like(x, output)
    }
}

/// Mean and biased variance of each channel (Chan et al., "Algorithms for computing the sample variance", 1983: chunk by
/// chunk, so that nothing large is subtracted from something large).
fn moments(values: &[f32], channels: usize) -> (Vec<f32>, Vec<f32>) {
    let chunks: Vec<_> = values.par_chunks(chunk(channels)).map(|chunk| of_chunk(chunk, channels)).collect();
    let (mut count, mut means, mut spreads) = (0f64, vec![0f64; channels], vec![0f64; channels]);
    for (own, mean, spread) in chunks {
        let all = count + own;
        for ((sum, mean), (spreads, spread)) in means.iter_mut().zip(mean).zip(spreads.iter_mut().zip(spread)) {
            let apart = f64::from(mean) - *sum;
            *spreads += f64::from(spread) + apart * apart * count * own / all;
            *sum += apart * own / all;
        }
        count = all;
    }
    let single = |values: Vec<f64>, by: f64| values.into_iter().map(|value| (value / by) as f32).collect();
    (single(means, 1.0), single(spreads, count))
}

wide! {
    /// max(x scale + shift, least), channel by channel.
    fn scaled<'a>(output: &'a mut [f32], from: &'a [f32], scale: &'a [f32], shift: &'a [f32], least: f32) -> () {
        for (output, from) in output.chunks_exact_mut(scale.len()).zip(from.chunks_exact(scale.len())) {
            for (((y, x), scale), shift) in output.iter_mut().zip(from).zip(scale).zip(shift) {
                *y = (x * scale + shift).max(least);
            }
        }
    }
}

wide! {
    /// Number of pixels, mean, and sum of squared distances from it, channel by channel.
    fn of_chunk<'a>(chunk: &'a [f32], channels: usize) -> (f64, Vec<f32>, Vec<f32>) {
        let pixels = (chunk.len() / channels) as f32;
        // Counted from the first pixel: sums of numbers far from zero would lose their last digits.
        let first = &chunk[..channels];
        let mut mean = vec![0f32; channels];
        for pixel in chunk.chunks_exact(channels) {
            mean.iter_mut().zip(pixel.iter().zip(first)).for_each(|(mean, (x, first))| *mean += x - first);
        }
        mean.iter_mut().zip(first).for_each(|(mean, first)| *mean = first + *mean / pixels);
        let mut spread = vec![0f32; channels];
        for pixel in chunk.chunks_exact(channels) {
            for ((spread, x), mean) in spread.iter_mut().zip(pixel).zip(&mean) {
                *spread += (x - mean) * (x - mean);
            }
        }
        (f64::from(pixels), mean, spread)
    }
}

#[derive(Clone, Debug)]
struct State {
    pixels: Pixels,
    channels: Channels,
    activated: bool,
}

impl State {
    /// The gradient of one pixel that came through the ReLU, and n = (x - mean) / sigma, channel by channel.
    #[inline(always)]
    fn pairs<'a>(&'a self, x: &'a [f32], upstream: &'a [f32]) -> impl Iterator<Item = (f32, f32)> + 'a {
        // Behind a ReLU only what was above zero counts.
        let floor = if self.activated { 0.0 } else { f32::NEG_INFINITY };
        let Channels { mean, scale, shift, inverse, .. } = &self.channels;
        let affine = scale.iter().zip(shift).zip(mean.iter().zip(inverse));
        x.iter().zip(upstream).zip(affine).map(move |((x, g), ((scale, shift), (mean, inverse)))| {
            (if x * scale + shift > floor { *g } else { 0.0 }, (x - mean) * inverse)
        })
    }
}

wide! {
    /// Sums of g and of g n, channel by channel.
    fn sums<'a>(state: &'a State, x: &'a [f32], upstream: &'a [f32]) -> [Vec<f32>; 2] {
        let channels = state.channels.scale.len();
        let (mut plain, mut weighted) = (vec![0f32; channels], vec![0f32; channels]);
        for (x, upstream) in x.chunks_exact(channels).zip(upstream.chunks_exact(channels)) {
            for ((plain, weighted), (g, n)) in plain.iter_mut().zip(&mut weighted).zip(state.pairs(x, upstream)) {
                *plain += g;
                *weighted += g * n;
            }
        }
        [plain, weighted]
    }
}

wide! {
    /// The gradient towards some pixels, with the means of g and of g n.
    fn towards<'a>(
        state: &'a State,
        gradient: &'a mut [f32],
        x: &'a [f32],
        upstream: &'a [f32],
        mean: &'a [f32],
        along: &'a [f32],
    ) -> () {
        let channels = mean.len();
        let pixels = gradient.chunks_exact_mut(channels).zip(x.chunks_exact(channels));
        for ((gradient, x), upstream) in pixels.zip(upstream.chunks_exact(channels)) {
            let sums = mean.iter().zip(along).zip(&state.channels.scale);
            for ((gradient, (g, n)), ((mean, along), scale)) in
                gradient.iter_mut().zip(state.pairs(x, upstream)).zip(sums)
            {
                *gradient = scale * (g - mean - n * along);
            }
        }
    }
}

#[derive(Debug)]
struct Normalised;

impl Backward<Flex, 3> for Normalised {
    type State = State;

    /// With g the gradient that came through the ReLU and n = (x - mean) / sigma:
    /// dx = scale (g - mean(g) - n mean(g n)), dgamma = sum(g n), dbeta = sum(g).
    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [for_x, for_gamma, for_beta] = ops.parents;
        let upstream = Pixels::of(&gradients.consume::<Flex>(&ops.node));
        let state = ops.state;
        let x = state.pixels.view();
        let (channels, chunk) = (x.channels, chunk(x.channels));
        let chunks = || x.values.par_chunks(chunk).zip(upstream.numbers().par_chunks(chunk));
        let parts: Vec<_> = chunks().map(|(x, upstream)| sums(&state, x, upstream)).collect();
        let [plain, weighted] = [0, 1].map(|which| {
            let mut sums = vec![0f64; channels];
            for part in &parts {
                sums.iter_mut().zip(&part[which]).for_each(|(sum, part)| *sum += f64::from(*part));
            }
            sums
        });
        if let Some(node) = for_x {
            let pixels = (x.values.len() / channels) as f64;
            let share = |sums: &[f64]| sums.iter().map(|sum| (sum / pixels) as f32).collect::<Vec<f32>>();
            let (mean, along) = (share(&plain), share(&weighted));
            let mut gradient = Buffer::unwritten(x.values.len());
            gradient
                .par_chunks_mut(chunk)
                .zip(chunks())
                .for_each(|(gradient, (x, upstream))| towards(&state, gradient, x, upstream, &mean, &along));
            gradients.register::<Flex>(node.id, planes(like(&x, gradient)));
        }
        for (node, sums) in [(for_gamma, weighted), (for_beta, plain)] {
            if let Some(node) = node {
                let sums: Vec<f32> = sums.into_iter().map(|sum| sum as f32).collect();
                gradients.register::<Flex>(node.id, primitive(sums, [channels]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::module::Param;
    use burn::nn::BatchNormConfig;
    use burn::tensor::Distribution;
    use glae_model::layers::{Burn, TrainingLayers};

    /// Outputs, gradients and running statistics.
    fn outcome(layers: &dyn TrainingLayers, activated: bool) -> Vec<Vec<f32>> {
        let device = crate::device::cpu().autodiff();
        let _turn = crate::device::turn();
        device.seed(5);
        let mut norm = BatchNormConfig::new(3).init(&device);
        norm.gamma = Param::from_tensor(Tensor::from_data([0.5f32, -1.5, 2.0], &device));
        norm.beta = Param::from_tensor(Tensor::from_data([0.3f32, 0.0, -0.4], &device));
        // The channels are far from zero, as pixels are.
        let x = Tensor::<4>::random([4, 3, 5, 7], Distribution::Normal(0.0, 3.0), &device)
            + Tensor::from_data([[[[0f32]], [[200.0]], [[-50.0]]]], &device);
        let x = x.require_grad();
        let y = layers.normalise(&norm, x.clone(), activated);
        // A gradient that differs from place to place.
        let gradients = (y.clone() * (y.clone() + 0.7)).sum().backward();
        let flat = |tensor: Tensor<4>| tensor.into_data().try_to_vec::<f32>().unwrap();
        let line = |tensor: Tensor<1>| tensor.into_data().try_to_vec::<f32>().unwrap();
        vec![
            flat(y.inner()),
            flat(x.grad(&gradients).unwrap()),
            line(norm.gamma.val().grad(&gradients).unwrap()),
            line(norm.beta.val().grad(&gradients).unwrap()),
            line(norm.running_mean.value_sync()),
            line(norm.running_var.value_sync()),
        ]
    }

    #[test]
    fn outputs_gradients_and_running_statistics_are_those_of_burn() {
        for activated in [false, true] {
            let (quick, burn) = (outcome(&super::super::Quick, activated), outcome(&Burn, activated));
            for (part, (quick, burn)) in quick.iter().zip(&burn).enumerate() {
                assert_eq!(quick.len(), burn.len());
                for (a, b) in quick.iter().zip(burn) {
                    assert!((a - b).abs() <= 2e-3 * b.abs().max(1.0), "part {part}: {a} instead of {b}");
                }
            }
        }
    }

    #[test]
    fn it_is_ours_in_training_only() {
        let device = crate::device::cpu();
        let x = Tensor::<4>::ones([2, 3, 4, 4], &device);
        assert!(normalise(&BatchNormConfig::new(3).init(&device), &x, true).is_none());
        let training = device.autodiff();
        let x = Tensor::<4>::ones([2, 3, 4, 4], &training);
        assert!(normalise(&BatchNormConfig::new(3).init(&training), &x, true).is_some());
    }

    #[test]
    fn moments_far_from_zero_lose_nothing() {
        // Two channels, more pixels than one chunk has.
        let pixels = 3 * chunk(2) / 2 + 5;
        let values: Vec<f32> =
            (0..2 * pixels).map(|i| if i % 2 == 0 { 10_000.0 + (i % 5) as f32 } else { 0.5 }).collect();
        let even: Vec<f64> = values.iter().step_by(2).map(|x| f64::from(*x)).collect();
        let mean = even.iter().sum::<f64>() / even.len() as f64;
        let variance = even.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / even.len() as f64;
        let (means, variances) = moments(&values, 2);
        let (m, v) = (f64::from(means[0]), f64::from(variances[0]));
        assert!((m - mean).abs() < 2e-3 && (v - variance).abs() < 1e-3 * variance, "{m} {v}");
        assert_eq!((means[1], variances[1]), (0.5, 0.0));
    }
}
