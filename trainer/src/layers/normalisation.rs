//! BatchNorm on the statistics of the batch, and the ReLU behind it, in two passes over memory where Burn's Flex takes a
//! dozen and turns the whole map twice.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::{Flex, TensorMetadata};
use burn::nn::BatchNorm;
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::{Cpu, Primitive, primitive, sum};

/// BatchNorm of a batch in training on the CPU, which also moves the running statistics; ReLU behind it if `activated`.
/// `None` where that is not ours.
pub(super) fn normalise(norm: &BatchNorm, x: &Tensor<4>, activated: bool) -> Option<Tensor<4>> {
    let device = x.device();
    if !device.is_autodiff() || !norm.training.is_enabled() {
        return None;
    }
    let input = x.clone().try_into_primitive::<Cpu>().ok()?;
    let gamma = norm.gamma.val().try_into_primitive::<Cpu>().ok()?;
    let beta = norm.beta.val().try_into_primitive::<Cpu>().ok()?;
    let values = input.primitive().to_contiguous();
    let channels = Channels::new(&values, gamma.primitive(), beta.primitive(), norm.epsilon);
    for (running, now) in [(&norm.running_mean, &channels.mean), (&norm.running_var, &channels.variance)] {
        let now = Tensor::<1>::from_data(now.as_slice(), &device);
        let moved = running.value_sync().to_device(&device).mul_scalar(1.0 - norm.momentum);
        running.update((moved + now.mul_scalar(norm.momentum)).detach());
    }
    let output = channels.forward(&values, activated);
    let state = State { values, channels, activated };
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
    fn new(x: &Primitive, gamma: &Primitive, beta: &Primitive, epsilon: f64) -> Self {
        let [_, channels, height, width] = x.shape().dims();
        let (values, plane) = (x.storage::<f32>(), height * width);
        let moments = |channel: usize| moments(values.chunks_exact(plane).skip(channel).step_by(channels));
        let moments: Vec<[f32; 2]> = (0..channels).into_par_iter().map(moments).collect();
        let (gamma, beta) = (gamma.to_contiguous(), beta.to_contiguous());
        let mut all = Self {
            mean: Vec::with_capacity(channels),
            variance: Vec::with_capacity(channels),
            scale: Vec::with_capacity(channels),
            shift: Vec::with_capacity(channels),
            inverse: Vec::with_capacity(channels),
        };
        for ([mean, variance], (gamma, beta)) in
            moments.into_iter().zip(gamma.storage::<f32>().iter().zip(beta.storage::<f32>()))
        {
            let inverse = 1.0 / (variance + epsilon as f32).sqrt();
            all.mean.push(mean);
            all.variance.push(variance);
            all.scale.push(gamma * inverse);
            all.shift.push(beta - mean * gamma * inverse);
            all.inverse.push(inverse);
        }
        all
    }

    fn forward(&self, x: &Primitive, activated: bool) -> Primitive {
        let [batch, channels, height, width] = x.shape().dims();
        let (values, plane) = (x.storage::<f32>(), height * width);
        let least = if activated { 0.0 } else { f32::NEG_INFINITY };
        let mut output = vec![0f32; values.len()];
        output.par_chunks_exact_mut(plane).zip(values.par_chunks_exact(plane)).enumerate().for_each(
            |(index, (output, x))| {
                let (scale, shift) = (self.scale[index % channels], self.shift[index % channels]);
                output.iter_mut().zip(x).for_each(|(y, x)| *y = (x * scale + shift).max(least));
            },
        );
        primitive(output, [batch, channels, height, width])
    }
}

/// Mean and biased variance of all numbers of some planes (Chan et al., "Algorithms for computing the sample variance",
/// 1983: plane by plane, so that nothing large is subtracted from something large).
fn moments<'a>(planes: impl Iterator<Item = &'a [f32]>) -> [f32; 2] {
    let (mut count, mut mean, mut spread) = (0f64, 0f64, 0f64);
    for plane in planes {
        let own = plane.len() as f64;
        let middle = f64::from(sum(plane, plane, |x, _| x)) / own;
        let around = middle as f32;
        let apart = middle - mean;
        spread += f64::from(sum(plane, plane, |x, _| (x - around) * (x - around)))
            + apart * apart * count * own / (count + own);
        count += own;
        mean += apart * own / count;
    }
    [mean as f32, (spread / count) as f32]
}

#[derive(Clone, Debug)]
struct State {
    /// The input, contiguous.
    values: Primitive,
    channels: Channels,
    activated: bool,
}

#[derive(Debug)]
struct Normalised;

impl Backward<Flex, 3> for Normalised {
    type State = State;

    /// With g the gradient that came through the ReLU and n = (x - mean) / sigma:
    /// dx = scale (g - mean(g) - n mean(g n)), dgamma = sum(g n), dbeta = sum(g).
    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [for_x, for_gamma, for_beta] = ops.parents;
        let upstream = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let State { values, channels: own, activated } = ops.state;
        let [batch, channels, height, width] = values.shape().dims();
        let (x, upstream, plane) = (values.storage::<f32>(), upstream.storage::<f32>(), height * width);
        // Behind a ReLU only what was above zero counts.
        let floor = if activated { 0.0 } else { f32::NEG_INFINITY };
        let through = |channel: usize| {
            let (scale, shift) = (own.scale[channel], own.shift[channel]);
            move |x: f32, g: f32| if x * scale + shift > floor { g } else { 0.0 }
        };
        let normalised = |channel: usize| {
            let (mean, inverse) = (own.mean[channel], own.inverse[channel]);
            move |x: f32| (x - mean) * inverse
        };
        let sums = |channel: usize| {
            let (through, normalised) = (through(channel), normalised(channel));
            let (mut plain, mut weighted) = (0f64, 0f64);
            for image in 0..batch {
                let from = (image * channels + channel) * plane;
                let (x, g) = (&x[from..from + plane], &upstream[from..from + plane]);
                plain += f64::from(sum(x, g, through));
                weighted += f64::from(sum(x, g, |x, g| through(x, g) * normalised(x)));
            }
            [plain as f32, weighted as f32]
        };
        let sums: Vec<[f32; 2]> = (0..channels).into_par_iter().map(sums).collect();
        if let Some(node) = for_x {
            let share = 1.0 / (batch * plane) as f32;
            let mut gradient = vec![0f32; x.len()];
            let planes = gradient.par_chunks_exact_mut(plane).zip(x.par_chunks_exact(plane));
            planes.zip(upstream.par_chunks_exact(plane)).enumerate().for_each(|(index, ((gradient, x), g))| {
                let channel = index % channels;
                let (through, normalised) = (through(channel), normalised(channel));
                let [mean, along] = sums[channel].map(|sum| sum * share);
                let scale = own.scale[channel];
                for ((gradient, x), g) in gradient.iter_mut().zip(x).zip(g) {
                    *gradient = scale * (through(*x, *g) - mean - normalised(*x) * along);
                }
            });
            gradients.register::<Flex>(node.id, primitive(gradient, [batch, channels, height, width]));
        }
        for (node, which) in [(for_gamma, 1), (for_beta, 0)] {
            if let Some(node) = node {
                let sums: Vec<f32> = sums.iter().map(|sums| sums[which]).collect();
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
    use glae_model::layers::{Burn, Layers};

    /// Outputs, gradients and running statistics.
    fn outcome(layers: &dyn Layers, activated: bool) -> Vec<Vec<f32>> {
        let device = crate::device::cpu().autodiff();
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
        let planes: Vec<Vec<f32>> =
            (0..3).map(|p| (0..37).map(|i| 10_000.0 + ((p * 37 + i) % 5) as f32).collect()).collect();
        let all: Vec<f64> = planes.iter().flatten().map(|x| f64::from(*x)).collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let variance = all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / all.len() as f64;
        let [m, v] = moments(planes.iter().map(Vec::as_slice));
        assert!((f64::from(m) - mean).abs() < 2e-3 && (f64::from(v) - variance).abs() < 1e-3 * variance, "{m} {v}");
    }
}
