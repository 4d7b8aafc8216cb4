//! Who computes the layers of a network.

use std::fmt::Debug;

use burn::nn::conv::Conv2d;
use burn::nn::pool::MaxPool2dConfig;
use burn::nn::{BatchNorm, PaddingConfig2d};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

/// Computes the layers of a network. Training has quicker ways for some devices.
pub trait Layers {
    /// `conv.forward(x)`.
    fn convolve(&self, conv: &Conv2d, x: Tensor<4>) -> Tensor<4> {
        conv.forward(x)
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

    /// The largest of each square; outside of the map nothing is large.
    fn max_pool(&self, x: Tensor<4>, pool: Pool) -> Tensor<4> {
        pool.forward(x)
    }
}

/// Layers for inference by programs of our own, whose maps keep channels next to each other.
pub trait Kit: Clone + Debug {
    /// Activations.
    type Map;
    /// A convolution that sees all channels, with its bias.
    type Conv: Clone + Debug;
    /// A 3x3 convolution that keeps channels apart, with its bias.
    type Depthwise: Clone + Debug;

    /// # Shapes
    /// - `weight`: `[out, channels, side, side]` in row-major order, padded by half a side; `bias`: `[out]`
    ///
    /// `map` is the smaller side of the maps that come, 0 where nobody knows it.
    fn conv(&self, weight: &[f32], bias: Vec<f32>, shape: [usize; 4], stride: usize, map: usize) -> Self::Conv;

    /// # Shapes
    /// - `weight`: `[channels, 1, 3, 3]` in row-major order, padded by one; `bias`: `[channels]`
    fn depthwise(&self, weight: &[f32], bias: Vec<f32>) -> Self::Depthwise;

    /// From planes, `[batch, channels, height, width]` of this shape.
    fn map(&self, planes: &[f32], shape: [usize; 4]) -> Self::Map;

    /// With shortcut and ReLU behind it where asked.
    fn convolve(&self, conv: &Self::Conv, x: &Self::Map, shortcut: Option<&Self::Map>, activated: bool) -> Self::Map;

    /// With ReLU behind it where asked.
    fn convolve_depthwise(&self, conv: &Self::Depthwise, x: &Self::Map, activated: bool) -> Self::Map;

    /// The largest of each square; outside of the map nothing is large.
    fn max_pool(&self, x: &Self::Map, pool: Pool) -> Self::Map;

    /// The sum of a map and of one of half its size, whose pixels count four times each.
    fn add_doubled(&self, x: Self::Map, half: &Self::Map) -> Self::Map;

    /// The numbers of maps, `[batch, height, width, channels]` each, all with one wait for the device.
    ///
    /// # Errors
    /// A device that fails, with its reason.
    fn read(&self, maps: Vec<Self::Map>) -> impl Future<Output = Result<Vec<Vec<f32>>, String>>;
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

impl Layers for Burn {}

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
    fn a_doubled_map_repeats_its_neighbours() {
        let x = Tensor::<4>::from_data([[[[1.0, 2.0]]]], &Device::flex());
        let twice: Vec<f32> = doubled(x).into_data().try_to_vec().unwrap();
        assert_eq!(twice, [1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0]);
    }
}
