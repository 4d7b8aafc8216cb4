//! What the layers of a network are, and how training computes them.

use burn::nn::conv::Conv2d;
use burn::nn::pool::MaxPool2dConfig;
use burn::nn::{BatchNorm, PaddingConfig2d};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::ops::PadMode;

/// Computes the layers of a network. Training has quicker ways for some devices.
pub trait TrainingLayers {
    /// `conv.forward(x)`.
    fn convolve(&self, conv: &Conv2d, x: Tensor<4>) -> Tensor<4> {
        conv.forward(x)
    }

    /// A convolution without padding of its own behind TensorFlow's ([`same_padding`]), and ReLU6 behind it.
    fn convolve_relu6(&self, conv: &Conv2d, x: Tensor<4>) -> Tensor<4> {
        let [.., side, _] = conv.weight.dims();
        conv.forward(same_padded(x, side, conv.stride[0])).clamp(0.0, 6.0)
    }

    /// `norm.forward(x)`, and ReLU behind it if `activated`.
    fn normalise(&self, norm: &BatchNorm, x: Tensor<4>, activated: bool) -> Tensor<4> {
        let x = norm.forward(x);
        if activated { relu(x) } else { x }
    }

    /// Where a shortcut ends: ReLU of the sum.
    fn join(&self, x: Tensor<4>, shortcut: Tensor<4>) -> Tensor<4> {
        relu(x + shortcut)
    }

    /// The largest of each square; padding is -inf, so it never wins the maximum.
    fn max_pool(&self, x: Tensor<4>, pool: Pool) -> Tensor<4> {
        pool.forward(x)
    }
}

/// What follows a convolution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// Nothing: the sums as they are.
    #[default]
    Linear,
    /// max(x, 0)
    Relu,
    /// min(max(x, 0), 6)
    Relu6,
}

impl Activation {
    /// Smallest and largest value it lets through.
    pub fn range(self) -> [f32; 2] {
        match self {
            Self::Linear => [f32::NEG_INFINITY, f32::INFINITY],
            Self::Relu => [0.0, f32::INFINITY],
            Self::Relu6 => [0.0, 6.0],
        }
    }
}

/// How a convolution moves over a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Pixels between two places of the kernel.
    pub stride: usize,
    /// Zeros around the map.
    pub padding: Padding,
}

impl Step {
    /// Padded by half the kernel's side.
    pub fn half(stride: usize) -> Self {
        Self { stride, padding: Padding::Half }
    }

    /// Padded as TensorFlow pads.
    pub fn same(stride: usize) -> Self {
        Self { stride, padding: Padding::Same }
    }

    /// Zeros before a map of this length, and places of the kernel on it.
    pub fn fit(self, length: usize, side: usize) -> Fit {
        let Self { stride, padding } = self;
        match padding {
            Padding::Half => Fit { length, before: side / 2, places: (length + side / 2 * 2 - side) / stride + 1 },
            Padding::Same => {
                let [before, _] = same_padding(length, side, stride);
                Fit { length, before, places: length.div_ceil(stride) }
            }
        }
    }
}

/// How a convolution lies on a map, in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Of the map.
    pub length: usize,
    /// Zeros before the map's first pixel.
    pub before: usize,
    /// Length of the output.
    pub places: usize,
}

/// Zeros around a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// Half the kernel's side, rounded down, on each side.
    Half,
    /// TensorFlow's "SAME": [`same_padding`].
    Same,
}

/// TensorFlow's "SAME": the output has a `stride`-th of the length, rounded up, and the zeros that this takes, p = max(0,
/// (ceil(length / stride) - 1) stride + side - length), lie half before the map and half behind it, an odd one behind.
pub fn same_padding(length: usize, side: usize, stride: usize) -> [usize; 2] {
    let all = ((length.div_ceil(stride) - 1) * stride + side).saturating_sub(length);
    [all / 2, all - all / 2]
}

/// A map with TensorFlow's zeros around it.
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`
pub fn same_padded(x: Tensor<4>, side: usize, stride: usize) -> Tensor<4> {
    let [.., height, width] = x.dims();
    let ([top, bottom], [left, right]) = (same_padding(height, side, stride), same_padding(width, side, stride));
    if top + bottom + left + right == 0 { x } else { x.pad((left, right, top, bottom), PadMode::Constant(0.0)) }
}

/// Each pixel four times: nearest neighbour, twice as large.
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`
/// - output: `[batch, channels, 2 height, 2 width]`
pub fn doubled(x: Tensor<4>) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    x.reshape([batch, channels, height, 1, width, 1]).expand([batch, channels, height, 2, width, 2]).reshape([
        batch,
        channels,
        2 * height,
        2 * width,
    ])
}

/// A max-pooling.
#[derive(Clone, Copy, Debug)]
pub struct Pool {
    /// Side of the square.
    pub size: usize,
    /// Pixels between two squares.
    pub stride: usize,
    /// Pixels around the map.
    pub padding: usize,
}

impl Pool {
    /// Squares of two by two pixels beside each other.
    pub const HALF: Self = Self { size: 2, stride: 2, padding: 0 };

    /// As Burn computes it.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let Self { size, stride, padding } = *self;
        MaxPool2dConfig::new([size, size])
            .with_strides([stride, stride])
            .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
            .init()
            .forward(x)
    }

    /// Length of the output in one direction.
    pub fn output(&self, length: usize) -> usize {
        (length + 2 * self.padding - self.size) / self.stride + 1
    }
}

/// As Burn computes them.
#[derive(Clone, Copy, Debug)]
pub struct Burn;

impl TrainingLayers for Burn {}

/// A kernel `[out, channels, side, side]` as `[side, side, channels, out]`, for maps whose channels come last.
#[cfg(any(feature = "cpu", all(feature = "gpu", target_family = "wasm")))]
pub(crate) fn by_place(weight: &[f32], [out, channels, side, _]: [usize; 4]) -> Vec<f32> {
    /// Output channels at a time: as many numbers as a cache line holds.
    const TOGETHER: usize = 16;
    let places = side * side;
    let mut turned = vec![0f32; weight.len()];
    for (first, kernels) in (0..).step_by(TOGETHER).zip(weight.chunks(TOGETHER * channels * places)) {
        for (channel, place) in (0..channels).flat_map(|channel| (0..places).map(move |place| (channel, place))) {
            let line = turned[(place * channels + channel) * out + first..].iter_mut();
            let kernels = kernels.chunks_exact(channels * places);
            line.zip(kernels).for_each(|(value, kernel)| *value = kernel[channel * places + place]);
        }
    }
    turned
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn tensorflow_pads_behind_first() {
        // Side 3: stride 2 on 112 and 1 on 7 as in the documentation of tf.nn; stride 2 on 7 pads both sides.
        assert_eq!(same_padding(112, 3, 2), [0, 1]);
        assert_eq!(same_padding(7, 3, 2), [1, 1]);
        assert_eq!(same_padding(7, 3, 1), [1, 1]);
        assert_eq!(same_padding(7, 1, 1), [0, 0]);
        assert_eq!(Step::same(2).fit(112, 3), Fit { length: 112, before: 0, places: 56 });
        assert_eq!(Step::half(2).fit(112, 7), Fit { length: 112, before: 3, places: 56 });
    }

    #[test]
    fn a_doubled_map_repeats_its_neighbours() {
        let x = Tensor::<4>::from_data([[[[1.0, 2.0]]]], &Device::flex());
        let twice: Vec<f32> = doubled(x).into_data().try_to_vec().unwrap();
        assert_eq!(twice, [1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0]);
    }
}
