//! A depthwise 3x3 convolution whose gradients are quick on the CPU.
//!
//! Burn's general gradient of a grouped convolution goes group by group: 64 small matrix products with their copies for
//! each layer of the detector. Here the gradient towards the input is one more depthwise convolution, with the kernel
//! turned round, and the gradient of the kernel is nine sums of products per channel. On other devices, and where no
//! gradient is asked for, it is Burn's own convolution.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::ops::{FloatTensorOps, ModuleOps};
use burn::backend::{Autodiff, Flex, TensorMetadata};
use burn::nn::conv::Conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Tensor, TensorData, read_sync};
use rayon::prelude::*;

type Cpu = Autodiff<Flex, NoCheckpointing>;
type Primitive = <Flex as burn::backend::BackendTypes>::FloatTensorPrimitive;

/// `conv(x)` for a depthwise convolution of 3 x 3 with padding 1, stride 1 and bias.
///
/// # Shapes
/// - `x` and output: `[batch, channels, height, width]`
pub fn depthwise(conv: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    let Some(bias) = conv.bias.as_ref() else { return conv.forward(x) };
    let channels = x.dims()[1];
    if conv.weight.dims() != [channels, 1, 3, 3] || conv.groups != channels || conv.stride != [1, 1] {
        return conv.forward(x);
    }
    let parts = (
        x.clone().try_into_primitive::<Cpu>(),
        conv.weight.val().try_into_primitive::<Cpu>(),
        bias.val().try_into_primitive::<Cpu>(),
    );
    let (Ok(x_on_cpu), Ok(weight), Ok(bias)) = parts else { return conv.forward(x) };
    let nodes = [x_on_cpu.node(), weight.node(), bias.node()];
    let (x, weight, bias) = (x_on_cpu.into_primitive(), weight.into_primitive(), bias.into_primitive());
    let output = Flex::conv2d(x.clone(), weight.clone(), Some(bias), options(channels));
    let output = match Gradient.prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish((x, weight), output),
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    };
    Tensor::from_primitive::<Cpu>(output)
}

fn options(channels: usize) -> ConvOptions<2> {
    ConvOptions::new([1, 1], [1, 1], [1, 1], channels)
}

#[derive(Debug)]
struct Gradient;

impl Backward<Flex, 3> for Gradient {
    /// Input and kernel.
    type State = (Primitive, Primitive);

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [for_x, for_weight, for_bias] = ops.parents;
        let upstream = gradients.consume::<Flex>(&ops.node);
        let (x, weight) = ops.state;
        let [batch, channels, height, width] = x.shape().dims();
        if let Some(node) = for_x {
            let turned = Flex::float_flip(weight.clone(), &[2, 3]);
            let gradient = Flex::conv2d(upstream.clone(), turned, None, options(channels));
            gradients.register::<Flex>(node.id, gradient);
        }
        if for_weight.is_none() && for_bias.is_none() {
            return;
        }
        let shape = [batch, channels, height, width];
        let (of_weight, of_bias) = kernel_gradient(&values(x), &values(upstream), shape);
        if let Some(node) = for_weight {
            gradients.register::<Flex>(node.id, primitive(TensorData::new(of_weight, [channels, 1, 3, 3])));
        }
        if let Some(node) = for_bias {
            gradients.register::<Flex>(node.id, primitive(TensorData::new(of_bias, [channels])));
        }
    }
}

fn values(tensor: Primitive) -> Vec<f32> {
    let data = read_sync(Flex::float_into_data(tensor)).expect("memory can be read");
    data.try_to_vec().expect("training computes in f32")
}

fn primitive(data: TensorData) -> Primitive {
    Flex::float_from_data(data, &Default::default())
}

/// For each channel the nine gradients of its kernel, row by row, and the gradient of its bias.
///
/// # Shapes
/// `x` and `upstream`: `[batch, channels, height, width]`
fn kernel_gradient(x: &[f32], upstream: &[f32], shape: [usize; 4]) -> (Vec<f32>, Vec<f32>) {
    let [batch, channels, height, width] = shape;
    let plane = height * width;
    let of_channel = |channel: usize| {
        let (mut taps, mut bias) = ([0f32; 9], 0f32);
        for image in 0..batch {
            let from = (image * channels + channel) * plane;
            let (x, upstream) = (&x[from..from + plane], &upstream[from..from + plane]);
            for (row, gradient) in upstream.chunks_exact(width).enumerate() {
                bias += gradient.iter().sum::<f32>();
                for tap_row in 0..3 {
                    // Row `row + tap_row - 1` of the input met this row of the output; outside there were zeros.
                    let Some(source) = (row + tap_row).checked_sub(1).filter(|source| *source < height) else {
                        continue;
                    };
                    let line = &x[source * width..(source + 1) * width];
                    let taps = &mut taps[3 * tap_row..3 * tap_row + 3];
                    taps[0] += dot(&line[..width - 1], &gradient[1..]);
                    taps[1] += dot(line, gradient);
                    taps[2] += dot(&line[1..], &gradient[..width - 1]);
                }
            }
        }
        (taps, bias)
    };
    let found: Vec<([f32; 9], f32)> = (0..channels).into_par_iter().map(of_channel).collect();
    (found.iter().flat_map(|(taps, _)| *taps).collect(), found.iter().map(|(_, bias)| *bias).collect())
}

/// Sum of products, in sixteen lanes so that the compiler can use wide registers.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; 16];
    let (a_blocks, b_blocks) = (a.chunks_exact(16), b.chunks_exact(16));
    let rest: f32 = a_blocks.remainder().iter().zip(b_blocks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_blocks.zip(b_blocks) {
        for lane in 0..16 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::PaddingConfig2d;
    use burn::nn::conv::Conv2dConfig;
    use burn::tensor::Distribution;

    #[test]
    fn values_and_gradients_are_those_of_the_general_convolution() {
        let device = crate::device::cpu().autodiff();
        device.seed(3);
        let conv = Conv2dConfig::new([5, 5], [3, 3])
            .with_groups(5)
            .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
            .init(&device);
        let x = Tensor::<4>::random([2, 5, 7, 19], Distribution::Normal(0.0, 1.0), &device);
        let outcome = |quick: bool| {
            let x = x.clone().require_grad();
            let y = if quick { depthwise(&conv, x.clone()) } else { conv.forward(x.clone()) };
            // A gradient that differs from place to place.
            let gradients = (y.clone() * y.clone()).sum().backward();
            let of_weight = conv.weight.val().grad(&gradients).unwrap();
            let of_bias = conv.bias.as_ref().unwrap().val().grad(&gradients).unwrap();
            let of_x = x.grad(&gradients).unwrap();
            [y.inner().flatten::<1>(0, 3), of_x.flatten(0, 3), of_weight.flatten(0, 3), of_bias]
                .map(|tensor| tensor.into_data().try_to_vec::<f32>().unwrap())
        };
        for (quick, general) in outcome(true).iter().zip(&outcome(false)) {
            assert_eq!(quick.len(), general.len());
            for (a, b) in quick.iter().zip(general) {
                assert!((a - b).abs() <= 1e-3 * b.abs().max(1.0), "{a} instead of {b}");
            }
        }
    }
}
