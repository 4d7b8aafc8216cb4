//! 3x3 convolutions that keep channels apart.

use super::{Map, each, inside, within};
use crate::layers::{Activation, Fit, Step, by_place};

/// A depthwise convolution, 3 x 3, with its bias, padded as [`crate::layers::Padding::Same`]: one pixel all round at stride 1.
#[derive(Clone, Debug)]
pub struct Depthwise {
    /// `[9, channels]`
    weight: Vec<f32>,
    bias: Vec<f32>,
    stride: usize,
}

impl Depthwise {
    /// # Shapes
    /// - `weight`: `[channels, 1, 3, 3]` in row-major order; `bias`: `[channels]`
    ///
    /// # Panics
    /// If they do not fit.
    pub fn new(weight: &[f32], bias: Vec<f32>, stride: usize) -> Self {
        let channels = bias.len();
        assert_eq!(weight.len(), 9 * channels, "weights do not fit the bias");
        Self { weight: by_place(weight, [channels, 1, 3, 3]), bias, stride }
    }

    /// The convolution, then the activation.
    ///
    /// # Panics
    /// If the map has another depth.
    pub fn forward<V: AsRef<[f32]>>(&self, x: &Map<V>, then: Activation) -> Map {
        let x = x.view();
        let channels = self.bias.len();
        assert_eq!(channels, x.channels, "the convolution takes another depth");
        let [rows, columns] = [x.height, x.width].map(|length| Step::same(self.stride).fit(length, 3));
        let mut output = x.zeros(rows.places, columns.places, channels);
        let range = then.range();
        each(&mut output.values, columns.places * channels, |index, output| {
            let (image, row) = (index / rows.places, index % rows.places);
            output.chunks_exact_mut(channels).for_each(|pixel| pixel.copy_from_slice(&self.bias));
            for tap in 0..3 {
                let Some(y) = inside(row * self.stride + tap, rows.before, x.height) else { continue };
                let from = x.line(image * x.height + y);
                let weights = &self.weight[tap * 3 * channels..][..3 * channels];
                for (place, weight) in weights.chunks_exact(channels).enumerate() {
                    let Some((first, start, count)) = self.reach(place, columns, x.width) else { continue };
                    let output = &mut output[first * channels..][..count * channels];
                    add(output, &from[start * channels..], weight, self.stride);
                }
            }
            output.iter_mut().for_each(|value| *value = within(*value, range));
        });
        output
    }

    /// The first column of the output that this place of the kernel reaches inside the map, the column of the map it sees
    /// there, and how many columns of the output it reaches; `None` if there are none.
    fn reach(&self, place: usize, columns: Fit, width: usize) -> Option<(usize, usize, usize)> {
        let first = columns.before.saturating_sub(place).div_ceil(self.stride);
        let start = inside(first * self.stride + place, columns.before, width)?;
        let count = ((width - start).div_ceil(self.stride)).min(columns.places.checked_sub(first)?);
        (count > 0).then_some((first, start, count))
    }
}

/// Adds every `stride`-th pixel times weights, channel by channel.
fn add(output: &mut [f32], pixels: &[f32], weight: &[f32], stride: usize) {
    let channels = weight.len();
    for (output, pixel) in output.chunks_exact_mut(channels).zip(pixels.chunks(stride * channels)) {
        for ((output, pixel), weight) in output.iter_mut().zip(pixel).zip(weight) {
            *output += pixel * weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_same, burns, random};
    use super::*;
    use burn::tensor::activation::relu;
    use burn::tensor::{Device, Distribution, Tensor};

    #[test]
    fn a_depthwise_convolution_is_burns() {
        for ([height, width], stride) in [([5, 7], 1), ([1, 1], 1), ([2, 1], 1), ([8, 6], 2), ([7, 5], 2), ([1, 2], 2)]
        {
            let device = Device::flex();
            let turn = crate::seeded(&device, 3);
            let weight = Tensor::<4>::random([12, 1, 3, 3], Distribution::Normal(0.0, 2.5), &device);
            let bias = Tensor::<1>::random([12], Distribution::Normal(0.0, 1.0), &device);
            drop(turn);
            let (map, planes) = random([2, 12, height, width]);
            let own = Depthwise::new(
                &weight.clone().into_data().try_to_vec::<f32>().unwrap(),
                bias.clone().into_data().try_to_vec().unwrap(),
                stride,
            );
            let expected = burns(planes, weight, Some(bias), Step::same(stride), 12);
            assert_same(&own.forward(&map, Activation::Linear), expected.clone());
            assert_same(&own.forward(&map, Activation::Relu), relu(expected.clone()));
            assert_same(&own.forward(&map, Activation::Relu6), expected.clamp(0.0, 6.0));
        }
    }
}
