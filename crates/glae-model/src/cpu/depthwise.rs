//! 3x3 convolutions that keep channels apart.

use super::{Map, Simd, WithSimd, each, inside, widest, within};
use crate::layers::{Activation, Step, by_place};

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
        let outside = vec![0f32; x.width * channels];
        each(&mut output.values, columns.places * channels, |index, output| {
            let (image, row) = (index / rows.places, index % rows.places);
            let lines = std::array::from_fn(|tap| {
                let seen = inside(row * self.stride + tap, rows.before, x.height);
                seen.map_or(outside.as_slice(), |y| x.line(image * x.height + y))
            });
            let (zeros, width, before) = (&outside[..channels], x.width, columns.before);
            widest(Row { conv: self, lines, zeros, width, before, range: then.range(), output });
        });
        output
    }
}

/// One row of the output.
struct Row<'a> {
    conv: &'a Depthwise,
    /// The three rows of the map that it sees.
    lines: [&'a [f32]; 3],
    /// What stands for a pixel outside of the map.
    zeros: &'a [f32],
    /// Columns of the map.
    width: usize,
    /// Columns of zeros before the map's first one.
    before: usize,
    /// Of the activation.
    range: [f32; 2],
    output: &'a mut [f32],
}

impl WithSimd for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { conv: Depthwise { weight, bias, stride }, lines, zeros, width, before, range, output } = self;
        let channels = bias.len();
        let (biases, rest) = S::as_simd_f32s(bias);
        let (whole, first) = (biases.len(), channels - rest.len());
        let mut weights = [biases; 9];
        for (own, weight) in weights.iter_mut().zip(weight.chunks_exact(channels)) {
            *own = &S::as_simd_f32s(weight).0[..whole];
        }
        let [least, most] = range.map(|end| simd.splat_f32s(end));
        for (place, output) in output.chunks_exact_mut(channels).enumerate() {
            let mut seen = [zeros; 9];
            for (tap, seen) in seen.iter_mut().enumerate() {
                if let Some(column) = inside(place * stride + tap % 3, before, width) {
                    *seen = &lines[tap / 3][column * channels..][..channels];
                }
            }
            let mut pixels = [biases; 9];
            for (own, pixel) in pixels.iter_mut().zip(&seen) {
                *own = &S::as_simd_f32s(pixel).0[..whole];
            }
            let (sums, output_rest) = S::as_mut_simd_f32s(output);
            for (index, to) in sums[..whole].iter_mut().enumerate() {
                let mut sum = biases[index];
                for (pixel, weight) in pixels.iter().zip(&weights) {
                    sum = simd.mul_add_e_f32s(pixel[index], weight[index], sum);
                }
                // In this order NaN stays NaN.
                *to = simd.min_f32s(most, simd.max_f32s(least, sum));
            }
            for (index, to) in output_rest.iter_mut().enumerate() {
                let channel = first + index;
                let taps = seen.iter().zip(weight.chunks_exact(channels));
                let sum = taps.fold(bias[channel], |sum, (pixel, weight)| sum + pixel[channel] * weight[channel]);
                *to = within(sum, range);
            }
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
    fn what_is_no_number_stays_none() {
        let conv = Depthwise::new(&[1.0; 9 * 17], vec![0.0; 17], 1);
        let map = Map { batch: 1, height: 1, width: 1, channels: 17, values: vec![f32::NAN; 17] };
        assert!(conv.forward(&map, Activation::Relu6).values.iter().all(|value| value.is_nan()));
    }

    #[test]
    fn a_depthwise_convolution_is_burns() {
        for ([height, width], stride) in [([5, 7], 1), ([1, 1], 1), ([2, 1], 1), ([8, 6], 2), ([7, 5], 2), ([1, 2], 2)]
        {
            let device = Device::flex();
            let turn = crate::seeded(&device, 3);
            let weight = Tensor::<4>::random([36, 1, 3, 3], Distribution::Normal(0.0, 2.5), &device);
            let bias = Tensor::<1>::random([36], Distribution::Normal(0.0, 1.0), &device);
            drop(turn);
            let (map, planes) = random([2, 36, height, width]);
            let own = Depthwise::new(
                &weight.clone().into_data().try_to_vec::<f32>().unwrap(),
                bias.clone().into_data().try_to_vec().unwrap(),
                stride,
            );
            let expected = burns(planes, weight, Some(bias), Step::same(stride), 36);
            assert_same(&own.forward(&map, Activation::Linear), expected.clone());
            assert_same(&own.forward(&map, Activation::Relu), relu(expected.clone()));
            assert_same(&own.forward(&map, Activation::Relu6), expected.clamp(0.0, 6.0));
        }
    }
}
