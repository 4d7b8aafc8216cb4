//! Convolutions whose kernel gradients are quick on the CPU.
//!
//! Burn computes the gradient of a kernel as one more convolution, with the whole gradient of the output as its kernel:
//! matrix products of a few columns, group by group. Here it is one product with many columns, and for the depthwise
//! convolutions of the detector nine sums of products per channel. Values and the gradient towards the input are Burn's own.
//! On other devices, and for convolutions of another kind, everything is.

mod depthwise;
mod general;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::ops::{FloatTensorOps, ModuleOps};
use burn::backend::{Flex, TensorMetadata};
use burn::nn::PaddingConfig2d;
use burn::nn::conv::Conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Shape, Tensor};

use super::{Cpu, Primitive};

/// `conv.forward(x)` in training on the CPU. `None` where that is not ours.
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`
pub(super) fn convolve(conv: &Conv2d, x: &Tensor<4>) -> Option<Tensor<4>> {
    let kind = Kind::of(conv)?;
    let input = x.clone().try_into_primitive::<Cpu>().ok()?;
    let weight = conv.weight.val().try_into_primitive::<Cpu>().ok()?;
    let bias = conv.bias.as_ref().map(|bias| bias.val().try_into_primitive::<Cpu>()).transpose().ok()?;
    let options = kind.options();
    let values = (input.primitive().clone(), weight.primitive().clone());
    let output = {
        let bias = bias.as_ref().map(|bias| bias.primitive().clone());
        Flex::conv2d(values.0.clone(), values.1.clone(), bias, options)
    };
    let state = (values.0, values.1, kind);
    let output = match bias {
        Some(bias) => match WithBias
            .prepare::<NoCheckpointing>([input.node(), weight.node(), bias.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prepared) => prepared.finish(state, output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        },
        None => {
            match WithoutBias.prepare::<NoCheckpointing>([input.node(), weight.node()]).compute_bound().stateful() {
                OpsKind::Tracked(prepared) => prepared.finish(state, output),
                OpsKind::UnTracked(prepared) => prepared.finish(output),
            }
        }
    };
    Some(Tensor::from_primitive::<Cpu>(output))
}

/// The convolutions that are known here.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// 3 x 3, padding 1, stride 1, each channel by itself.
    Depthwise { channels: usize },
    /// Every output channel sees every input channel.
    General { stride: usize, padding: usize },
}

impl Kind {
    fn of(conv: &Conv2d) -> Option<Self> {
        let [out, per_group, height, width] = conv.weight.dims();
        let padding = match conv.padding {
            PaddingConfig2d::Valid => 0,
            PaddingConfig2d::Explicit(top, left, bottom, right) if [left, bottom, right] == [top; 3] => top,
            _ => return None,
        };
        let stride = conv.stride[0];
        if conv.dilation != [1, 1] || conv.stride != [stride; 2] {
            return None;
        }
        match (conv.groups, per_group) {
            (1, _) => Some(Self::General { stride, padding }),
            (groups, 1) if groups == out && [height, width] == [3, 3] && (stride, padding) == (1, 1) => {
                Some(Self::Depthwise { channels: out })
            }
            _ => None,
        }
    }

    fn options(self) -> ConvOptions<2> {
        match self {
            Self::Depthwise { channels } => ConvOptions::new([1, 1], [1, 1], [1, 1], channels),
            Self::General { stride, padding } => ConvOptions::new([stride; 2], [padding; 2], [1, 1], 1),
        }
    }

    /// The gradient towards the input: with stride 1 one more convolution of the same kind, its kernel turned round and its
    /// channels exchanged.
    fn of_input(self, x: Primitive, weight: Primitive, upstream: Primitive) -> Primitive {
        let [_, _, kernel_height, kernel_width] = weight.shape().dims();
        let turned = |weight| Flex::float_flip(weight, &[2, 3]);
        match self {
            Self::Depthwise { .. } => Flex::conv2d(upstream, turned(weight), None, self.options()),
            Self::General { stride: 1, padding } if [kernel_height, kernel_width] == [2 * padding + 1; 2] => {
                Flex::conv2d(upstream, Flex::float_swap_dims(turned(weight), 0, 1), None, self.options())
            }
            Self::General { .. } => Flex::conv2d_x_backward(x, weight, upstream, self.options()),
        }
    }

    /// The gradient towards the kernel.
    fn of_weight(self, x: Primitive, weight: &Primitive, upstream: Primitive) -> Primitive {
        match self {
            Self::Depthwise { .. } => depthwise::kernel_gradient(x, upstream),
            Self::General { stride, padding } => {
                general::kernel_gradient(x, upstream, weight.shape().dims(), stride, padding)
            }
        }
    }
}

/// Input, kernel and kind of the convolution.
type State = (Primitive, Primitive, Kind);

#[derive(Debug)]
struct WithBias;

impl Backward<Flex, 3> for WithBias {
    type State = State;

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [for_x, for_weight, for_bias] = ops.parents;
        let upstream = gradients.consume::<Flex>(&ops.node);
        let (x, weight, kind) = ops.state;
        if let Some(node) = for_bias {
            gradients.register::<Flex>(node.id, of_bias(upstream.clone()));
        }
        if let Some(node) = for_x {
            gradients.register::<Flex>(node.id, kind.of_input(x.clone(), weight.clone(), upstream.clone()));
        }
        if let Some(node) = for_weight {
            gradients.register::<Flex>(node.id, kind.of_weight(x, &weight, upstream));
        }
    }
}

#[derive(Debug)]
struct WithoutBias;

impl Backward<Flex, 2> for WithoutBias {
    type State = State;

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [for_x, for_weight] = ops.parents;
        let upstream = gradients.consume::<Flex>(&ops.node);
        let (x, weight, kind) = ops.state;
        if let Some(node) = for_x {
            gradients.register::<Flex>(node.id, kind.of_input(x.clone(), weight.clone(), upstream.clone()));
        }
        if let Some(node) = for_weight {
            gradients.register::<Flex>(node.id, kind.of_weight(x, &weight, upstream));
        }
    }
}

/// Sums over everything but the channels.
fn of_bias(upstream: Primitive) -> Primitive {
    let [batch, channels, height, width] = upstream.shape().dims();
    let planes = Flex::float_reshape(upstream, Shape::new([batch, channels, height * width]));
    let sums = Flex::float_sum_dim(Flex::float_sum_dim(planes, 2), 0);
    Flex::float_reshape(sums, Shape::new([channels]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::conv::Conv2dConfig;
    use burn::tensor::Distribution;

    /// Values and gradients, quick and by Burn alone.
    fn compare(conv: &Conv2dConfig, input: [usize; 4]) {
        let device = crate::device::cpu().autodiff();
        device.seed(3);
        let conv = conv.init(&device);
        let x = Tensor::<4>::random(input, Distribution::Normal(0.0, 1.0), &device);
        let outcome = |quick: bool| {
            let x = x.clone().require_grad();
            let y = if quick { convolve(&conv, &x).unwrap() } else { conv.forward(x.clone()) };
            // A gradient that differs from place to place.
            let gradients = (y.clone() * y.clone()).sum().backward();
            let mut all = vec![y.inner().flatten::<1>(0, 3), x.grad(&gradients).unwrap().flatten(0, 3)];
            all.push(conv.weight.val().grad(&gradients).unwrap().flatten(0, 3));
            all.extend(conv.bias.as_ref().map(|bias| bias.val().grad(&gradients).unwrap()));
            all.into_iter().map(|tensor| tensor.into_data().try_to_vec::<f32>().unwrap()).collect::<Vec<_>>()
        };
        for (quick, general) in outcome(true).iter().zip(&outcome(false)) {
            assert_eq!(quick.len(), general.len());
            for (a, b) in quick.iter().zip(general) {
                assert!((a - b).abs() <= 1e-3 * b.abs().max(1.0), "{a} instead of {b}");
            }
        }
    }

    fn padded(channels: [usize; 2], kernel: usize, padding: usize) -> Conv2dConfig {
        let padding = PaddingConfig2d::Explicit(padding, padding, padding, padding);
        Conv2dConfig::new(channels, [kernel, kernel]).with_padding(padding)
    }

    #[test]
    fn a_depthwise_convolution_is_the_general_one() {
        compare(&padded([5, 5], 3, 1).with_groups(5), [2, 5, 7, 19]);
    }

    #[test]
    fn every_convolution_of_a_resnet_is_the_general_one() {
        compare(&padded([3, 4], 3, 1).with_bias(false), [2, 3, 6, 5]);
        compare(&padded([3, 4], 3, 1).with_stride([2, 2]).with_bias(false), [2, 3, 7, 6]);
        compare(&padded([3, 4], 7, 3).with_stride([2, 2]).with_bias(false), [2, 3, 12, 10]);
        compare(&padded([3, 4], 1, 0).with_stride([2, 2]).with_bias(false), [2, 3, 8, 6]);
        compare(&padded([6, 4], 1, 0), [3, 6, 5, 4]);
    }

    #[test]
    fn another_convolution_is_left_to_burn() {
        let device = crate::device::cpu();
        assert!(Kind::of(&padded([4, 4], 3, 1).with_groups(2).init(&device)).is_none());
        assert!(Kind::of(&padded([4, 4], 3, 1).with_dilation([2, 2]).init(&device)).is_none());
    }
}
