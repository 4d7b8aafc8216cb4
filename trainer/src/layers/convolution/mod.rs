//! Convolutions in training on the CPU, forward and backward.
//!
//! They are those of [`glae_model::cpu`], Winograd's way for 3x3 where it serves. On other devices, and for convolutions of another kind, everything is Burn's own.

mod depthwise;

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::ops::FloatTensorOps;
use burn::backend::{Flex, TensorMetadata};
use burn::nn::PaddingConfig2d;
use burn::nn::conv::Conv2d;
use burn::tensor::{Shape, Tensor};
use glae_model::cpu::{Buffer, Conv, Depthwise, Finish, gradient};
use glae_model::layers::{Activation, Step};
use glae_model::wide;
use rayon::prelude::*;

use super::{CHUNK, Cpu, Pixels, Primitive, planes, primitive};

/// `conv.forward(x)` in training on the CPU. `None` for tensors of another backend and for convolutions that are none of
/// [`Form`]; the caller then uses Burn.
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`
pub(super) fn convolve(conv: &Conv2d, x: &Tensor<4>) -> Option<Tensor<4>> {
    layer(conv, x, Form::of(conv)?, Activation::Linear)
}

/// [`glae_model::layers::TrainingLayers::convolve_relu6`] in training on the CPU, with bias and ReLU6 in one pass. `None` as for
/// [`convolve`].
pub(super) fn convolve_relu6(conv: &Conv2d, x: &Tensor<4>) -> Option<Tensor<4>> {
    conv.bias.as_ref()?;
    layer(conv, x, Form::same(conv)?, Activation::Relu6)
}

fn layer(conv: &Conv2d, x: &Tensor<4>, kind: Form, then: Activation) -> Option<Tensor<4>> {
    let input = x.clone().try_into_primitive::<Cpu>().ok()?;
    let weight = conv.weight.val().try_into_primitive::<Cpu>().ok()?;
    let bias = conv.bias.as_ref().map(|bias| bias.val().try_into_primitive::<Cpu>()).transpose().ok()?;
    let weights = weight.primitive().to_contiguous();
    let mut state = State { x: Pixels::of(input.primitive()), weight: weights, kind, clipped: None };
    let output = state.forward(bias.as_ref().map(|bias| bias.primitive()), then);
    if then == Activation::Relu6 {
        state.clipped = Some(Pixels::of(&output));
    }
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// 3 x 3, each channel by itself, padded as TensorFlow pads.
    Depthwise { stride: usize },
    /// Every output channel sees every input channel.
    Dense { side: usize, step: Step },
}

impl Form {
    fn of(conv: &Conv2d) -> Option<Self> {
        let [out, per_group, side, width] = conv.weight.dims();
        let padding = match conv.padding {
            PaddingConfig2d::Valid => 0,
            PaddingConfig2d::Explicit(top, left, bottom, right) if [left, bottom, right] == [top; 3] => top,
            _ => return None,
        };
        let stride = conv.stride[0];
        if conv.dilation != [1, 1] || conv.stride != [stride; 2] || [width, 2 * padding + 1] != [side; 2] {
            return None;
        }
        match (conv.groups, per_group, side, stride) {
            (1, ..) => Some(Self::Dense { side, step: Step::half(stride) }),
            (groups, 1, 3, 1) if groups == out => Some(Self::Depthwise { stride }),
            _ => None,
        }
    }

    /// The kind of a convolution without padding of its own that comes behind TensorFlow's.
    fn same(conv: &Conv2d) -> Option<Self> {
        let [out, per_group, side, width] = conv.weight.dims();
        let stride = conv.stride[0];
        let square = conv.dilation == [1, 1] && conv.stride == [stride; 2] && width == side;
        match (conv.groups, per_group, side, stride) {
            _ if !square || conv.padding != PaddingConfig2d::Valid => None,
            (1, ..) => Some(Self::Dense { side, step: Step::same(stride) }),
            (groups, 1, 3, _) if groups == out => Some(Self::Depthwise { stride }),
            _ => None,
        }
    }
}

/// Input, kernel and kind of a convolution.
#[derive(Clone, Debug)]
struct State {
    x: Pixels,
    /// `[out, channels per group, side, side]`, contiguous.
    weight: Primitive,
    kind: Form,
    /// The output, where ReLU6 made it: what it cut off gets no gradient.
    clipped: Option<Pixels>,
}

impl State {
    fn forward(&self, bias: Option<&Primitive>, then: Activation) -> Primitive {
        let [out, ..]: [usize; 4] = self.weight.shape().dims();
        let bias = bias.map_or_else(|| vec![0.0; out], |bias| bias.to_contiguous().storage::<f32>().to_vec());
        let x = self.x.view();
        match self.kind {
            Form::Depthwise { stride } => planes(Depthwise::new(self.kernel(), bias, stride).forward(&x, then)),
            Form::Dense { step, .. } => {
                let shape = self.weight.shape().dims();
                let conv = Conv::new(self.kernel(), bias, shape, step, (x.batch, [x.height, x.width]));
                planes(conv.forward(&x, Finish { shortcut: None, then }))
            }
        }
    }

    fn kernel(&self) -> &[f32] {
        self.weight.as_slice().expect("it is f32 and contiguous")
    }

    fn of_input(&self, upstream: &Pixels) -> Primitive {
        let x = self.x.view();
        match self.kind {
            Form::Depthwise { stride } => planes(depthwise::of_input(x, self.kernel(), upstream.view(), stride)),
            Form::Dense { side, step } => planes(gradient::of_input(x, self.kernel(), upstream.view(), side, step)),
        }
    }

    fn of_weight(&self, upstream: &Pixels) -> Primitive {
        let shape = self.weight.shape();
        match self.kind {
            Form::Depthwise { stride } => {
                primitive(depthwise::of_kernel(self.x.view(), upstream.view(), stride), shape)
            }
            Form::Dense { side, step } => {
                primitive(gradient::of_kernel(self.x.view(), upstream.view(), side, step), shape)
            }
        }
    }

    /// The gradient behind the convolution, from the one behind its activation.
    fn through(&self, upstream: Pixels) -> Pixels {
        let Some(output) = &self.clipped else { return upstream };
        let (output, from) = (output.numbers(), upstream.numbers());
        let mut through = Buffer::unwritten(from.len());
        let chunks = through.par_chunks_mut(CHUNK).zip(output.par_chunks(CHUNK)).zip(from.par_chunks(CHUNK));
        chunks.for_each(|((through, output), from)| between(through, output, from));
        Pixels { values: primitive(through.into_vec(), upstream.values.shape()) }
    }

    fn register(
        &self,
        upstream: &Pixels,
        for_x: Option<NodeId>,
        for_weight: Option<NodeId>,
        gradients: &mut Gradients,
    ) {
        if let Some(node) = for_x {
            gradients.register::<Flex>(node, self.of_input(upstream));
        }
        if let Some(node) = for_weight {
            gradients.register::<Flex>(node, self.of_weight(upstream));
        }
    }
}

wide! {
    /// The gradient where ReLU6 cut nothing off.
    fn between<'a>(through: &'a mut [f32], output: &'a [f32], from: &'a [f32]) -> () {
        for ((through, y), gradient) in through.iter_mut().zip(output).zip(from) {
            *through = if *y > 0.0 && *y < 6.0 { *gradient } else { 0.0 };
        }
    }
}

#[derive(Debug)]
struct WithBias;

impl Backward<Flex, 3> for WithBias {
    type State = State;

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [for_x, for_weight, for_bias] = ops.parents.map(|node| node.map(|node| node.id));
        let upstream = ops.state.through(Pixels::of(&gradients.consume::<Flex>(&ops.node)));
        if let Some(node) = for_bias {
            let sums = Flex::float_sum_dim(upstream.rows(), 0);
            gradients.register::<Flex>(node, sums.reshape(Shape::new([upstream.view().channels])));
        }
        ops.state.register(&upstream, for_x, for_weight, gradients);
    }
}

#[derive(Debug)]
struct WithoutBias;

impl Backward<Flex, 2> for WithoutBias {
    type State = State;

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [for_x, for_weight] = ops.parents.map(|node| node.map(|node| node.id));
        let upstream = Pixels::of(&gradients.consume::<Flex>(&ops.node));
        ops.state.register(&upstream, for_x, for_weight, gradients);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::conv::Conv2dConfig;
    use burn::tensor::Distribution;

    /// Values and gradients, quick and by Burn alone.
    fn compare(conv: &Conv2dConfig, input: [usize; 4]) {
        compare_with(conv, input, |conv, x| conv.forward(x), convolve);
    }

    fn compare_with(
        conv: &Conv2dConfig,
        input: [usize; 4],
        burns: impl Fn(&Conv2d, Tensor<4>) -> Tensor<4>,
        own: impl Fn(&Conv2d, &Tensor<4>) -> Option<Tensor<4>>,
    ) {
        let device = crate::device::cpu().autodiff();
        let _turn = crate::device::turn();
        device.seed(3);
        let conv = conv.init(&device);
        let x = Tensor::<4>::random(input, Distribution::Normal(0.0, 5.0), &device);
        let outcome = |quick: bool| {
            let x = x.clone().require_grad();
            let y = if quick { own(&conv, &x).unwrap() } else { burns(&conv, x.clone()) };
            // A gradient that differs from place to place.
            let gradients = (y.clone() * y.clone()).sum().backward();
            let mut all = vec![y.inner().flatten::<1>(0, 3), x.grad(&gradients).unwrap().flatten(0, 3)];
            all.push(conv.weight.val().grad(&gradients).unwrap().flatten(0, 3));
            all.extend(conv.bias.as_ref().map(|bias| bias.val().grad(&gradients).unwrap()));
            all.into_iter().map(|tensor| tensor.into_data().try_to_vec::<f32>().unwrap()).collect::<Vec<_>>()
        };
        for (quick, general) in outcome(true).iter().zip(&outcome(false)) {
            assert_eq!(quick.len(), general.len());
            let largest = general.iter().fold(1f32, |most, value| most.max(value.abs()));
            for (a, b) in quick.iter().zip(general) {
                assert!((a - b).abs() <= 1e-4 * largest, "{a} instead of {b}");
            }
        }
    }

    #[test]
    fn every_convolution_of_a_mobilenet_is_burns() {
        use glae_model::layers::{Burn, TrainingLayers};
        let all = |conv: Conv2dConfig, input| {
            let conv = conv.with_padding(PaddingConfig2d::Valid);
            compare_with(&conv, input, |conv, x| Burn.convolve_relu6(conv, x), convolve_relu6);
        };
        for stride in [1, 2] {
            for [height, width] in [[8, 6], [7, 9], [1, 2]] {
                let conv = Conv2dConfig::new([18, 18], [3, 3]).with_stride([stride; 2]);
                all(conv.with_groups(18), [2, 18, height, width]);
                all(Conv2dConfig::new([3, 8], [3, 3]).with_stride([stride; 2]), [2, 3, height, width]);
            }
        }
        all(Conv2dConfig::new([16, 24], [1, 1]), [2, 16, 5, 4]);
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
        assert!(Form::of(&padded([4, 4], 3, 1).with_groups(2).init(&device)).is_none());
        assert!(Form::same(&padded([4, 4], 3, 1).init(&device)).is_none());
        assert!(Form::of(&padded([4, 4], 3, 1).with_dilation([2, 2]).init(&device)).is_none());
    }
}
