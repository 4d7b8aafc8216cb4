//! 3x3 convolutions that keep channels apart.

use super::{Map, at_least, each, inside};
use crate::layers::by_place;

/// A depthwise convolution, 3 x 3, padding 1, stride 1, with its bias.
#[derive(Clone, Debug)]
pub struct Depthwise {
    /// `[9, channels]`
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Depthwise {
    /// # Shapes
    /// - `weight`: `[channels, 1, 3, 3]` in row-major order; `bias`: `[channels]`
    ///
    /// # Panics
    /// If they do not fit.
    pub fn new(weight: &[f32], bias: Vec<f32>) -> Self {
        let channels = bias.len();
        assert_eq!(weight.len(), 9 * channels, "weights do not fit the bias");
        Self { weight: by_place(weight, [channels, 1, 3, 3]), bias }
    }

    /// With ReLU behind it if `activated`.
    ///
    /// # Panics
    /// If the map has another depth.
    pub fn forward<V: AsRef<[f32]>>(&self, x: &Map<V>, activated: bool) -> Map {
        let x = x.view();
        let channels = self.bias.len();
        assert_eq!(channels, x.channels, "the convolution takes another depth");
        let mut output = x.zeros(x.height, x.width, channels);
        let least = if activated { 0.0 } else { f32::NEG_INFINITY };
        let line = x.width * channels;
        each(&mut output.values, line, |index, output| {
            let (image, row) = (index / x.height, index % x.height);
            output.chunks_exact_mut(channels).for_each(|pixel| pixel.copy_from_slice(&self.bias));
            for tap in 0..3 {
                let Some(y) = inside(row + tap, 1, x.height) else { continue };
                let from = x.line(image * x.height + y);
                let weights = &self.weight[tap * 3 * channels..][..3 * channels];
                // Left of the first pixel and right of the last there is nothing.
                add(&mut output[channels..], &from[..line - channels], &weights[..channels]);
                add(output, from, &weights[channels..2 * channels]);
                add(&mut output[..line - channels], &from[channels..], &weights[2 * channels..]);
            }
            output.iter_mut().for_each(|value| *value = at_least(*value, least));
        });
        output
    }
}

/// Adds pixels times weights, channel by channel.
fn add(output: &mut [f32], pixels: &[f32], weight: &[f32]) {
    for (output, pixel) in output.chunks_exact_mut(weight.len()).zip(pixels.chunks_exact(weight.len())) {
        for ((output, pixel), weight) in output.iter_mut().zip(pixel).zip(weight) {
            *output += pixel * weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_same, random};
    use super::*;
    use burn::tensor::activation::relu;
    use burn::tensor::module::conv2d;
    use burn::tensor::ops::ConvOptions;
    use burn::tensor::{Device, Distribution, Tensor};

    #[test]
    fn a_depthwise_convolution_is_burns() {
        for [height, width] in [[5, 7], [1, 1], [2, 1]] {
            let device = Device::flex();
            device.seed(3);
            let weight = Tensor::<4>::random([12, 1, 3, 3], Distribution::Normal(0.0, 0.5), &device);
            let bias = Tensor::<1>::random([12], Distribution::Normal(0.0, 1.0), &device);
            let (map, planes) = random([2, 12, height, width]);
            let own = Depthwise::new(
                &weight.clone().into_data().try_to_vec::<f32>().unwrap(),
                bias.clone().into_data().try_to_vec().unwrap(),
            );
            let expected = conv2d(planes, weight, Some(bias), ConvOptions::new([1, 1], [1, 1], [1, 1], 12));
            assert_same(&own.forward(&map, false), expected.clone());
            assert_same(&own.forward(&map, true), relu(expected));
        }
    }
}
