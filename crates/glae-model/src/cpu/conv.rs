//! Convolutions that see all channels.

use burn::tensor::{Device, Tensor, TensorData};

use super::{Map, each, inside, product, winograd};

/// A convolution with its bias.
#[derive(Clone, Debug)]
pub struct Conv {
    kind: Kind,
    bias: Vec<f32>,
}

/// What comes behind a convolution.
#[derive(Clone, Copy, Debug, Default)]
pub struct Finish<'a> {
    /// Added before the ReLU; as large as the output.
    pub shortcut: Option<&'a Map>,
    /// ReLU.
    pub activated: bool,
}

#[derive(Clone, Debug)]
enum Kind {
    /// One product with what each place of the output sees, laid out; `[1, side * side * channels, out]`.
    Patches { weight: Tensor<3>, side: usize, stride: usize, padding: usize },
    /// 3 x 3, stride 1, padding 1.
    Winograd(Tensor<3>),
}

impl Conv {
    /// # Shapes
    /// - `weight`: `[out, channels, side, side]` in row-major order, padded by half a side; `bias`: `[out]`
    ///
    /// `map` is the smaller side of the maps that come: where they are smaller than a tile, Winograd's way is not worth it.
    ///
    /// # Panics
    /// If weights and shape do not fit.
    pub fn new(weight: &[f32], bias: Vec<f32>, shape: [usize; 4], stride: usize, map: usize, device: &Device) -> Self {
        let [out, channels, side, _] = shape;
        assert_eq!((weight.len(), bias.len()), (out * channels * side * side, out), "weights do not fit their shape");
        let kind = if (side, stride) == (3, 1) && map >= winograd::TILE && winograd::serves(channels, out) {
            Kind::Winograd(winograd::transformed(weight, [out, channels], device))
        } else {
            // [out, channels, places] to [places, channels, out].
            let places = side * side;
            let mut turned = vec![0f32; weight.len()];
            for (from, value) in weight.iter().enumerate() {
                let (own, channel, place) = (from / (channels * places), from / places % channels, from % places);
                turned[(place * channels + channel) * out + own] = *value;
            }
            let weight = Tensor::from_data(TensorData::new(turned, [1, places * channels, out]), device);
            Kind::Patches { weight, side, stride, padding: side / 2 }
        };
        Self { kind, bias }
    }

    /// # Panics
    /// If the map has another depth, or the shortcut another shape than the output.
    pub fn forward(&self, x: &Map, finish: Finish) -> Map {
        match &self.kind {
            Kind::Winograd(weight) => winograd::forward(x, weight, &self.bias, finish),
            Kind::Patches { weight, side, stride, padding } => {
                let length = |length: usize| (length + 2 * padding - side) / stride + 1;
                let (height, width) = (length(x.height), length(x.width));
                let patches = match (side, stride) {
                    (1, 1) => x.values.clone(),
                    _ => patches(x, [height, width], *side, *stride, *padding),
                };
                let values = product(patches, x.batch * height * width, weight);
                let mut output = Map { batch: x.batch, height, width, channels: self.bias.len(), values };
                let line = width * self.bias.len();
                each(&mut output.values, line, |row, values| {
                    let shortcut = finish.shortcut.map(|map| &map.values[row * line..][..line]);
                    finished(values, &self.bias, shortcut, finish.activated);
                });
                output
            }
        }
    }
}

/// What each place of the output sees: `[places, side * side * channels]`.
fn patches(x: &Map, [height, width]: [usize; 2], side: usize, stride: usize, padding: usize) -> Vec<f32> {
    let (channels, patch) = (x.channels, side * side * x.channels);
    let mut all = vec![0f32; x.batch * height * width * patch];
    each(&mut all, width * patch, |index, line| {
        let (image, row) = (index / height, index % height);
        for tap in 0..side {
            let Some(y) = inside(row * stride + tap, padding, x.height) else { continue };
            let from = &x.values[(image * x.height + y) * x.width * channels..][..x.width * channels];
            for (column, patch) in line.chunks_exact_mut(patch).enumerate() {
                let patch = &mut patch[tap * side * channels..][..side * channels];
                // Columns first..last of the patch lie in the map.
                let left = column * stride;
                let first = padding.saturating_sub(left).min(side);
                let last = (x.width + padding).saturating_sub(left).clamp(first, side);
                let source = (left + first).saturating_sub(padding) * channels;
                let count = (last - first) * channels;
                patch[first * channels..][..count].copy_from_slice(&from[source..][..count]);
            }
        }
    });
    all
}

/// Adds bias and shortcut to some pixels, and applies the ReLU.
pub(super) fn finished(values: &mut [f32], bias: &[f32], shortcut: Option<&[f32]>, activated: bool) {
    let least = if activated { 0.0 } else { f32::NEG_INFINITY };
    match shortcut {
        Some(shortcut) => {
            for (pixel, shortcut) in values.chunks_exact_mut(bias.len()).zip(shortcut.chunks_exact(bias.len())) {
                for ((value, bias), shortcut) in pixel.iter_mut().zip(bias).zip(shortcut) {
                    *value = (*value + bias + shortcut).max(least);
                }
            }
        }
        None => {
            for pixel in values.chunks_exact_mut(bias.len()) {
                pixel.iter_mut().zip(bias).for_each(|(value, bias)| *value = (*value + bias).max(least));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_same, random};
    use super::*;
    use burn::tensor::Distribution;
    use burn::tensor::activation::relu;
    use burn::tensor::module::conv2d;
    use burn::tensor::ops::ConvOptions;

    /// Our convolution and Burn's, with and without shortcut and ReLU.
    fn compare(shape: [usize; 4], stride: usize, input: [usize; 4]) {
        let device = Device::flex();
        device.seed(3);
        let weight = Tensor::<4>::random(shape, Distribution::Normal(0.0, 0.2), &device);
        let bias = Tensor::<1>::random([shape[0]], Distribution::Normal(0.0, 1.0), &device);
        let (map, planes) = random(input);
        let numbers = |data: TensorData| data.try_to_vec::<f32>().unwrap();
        let own = Conv::new(
            &numbers(weight.clone().into_data()),
            numbers(bias.clone().into_data()),
            shape,
            stride,
            input[2].min(input[3]),
            &device,
        );
        let options = ConvOptions::new([stride; 2], [shape[2] / 2; 2], [1, 1], 1);
        let expected = conv2d(planes, weight, Some(bias), options);
        assert_same(&own.forward(&map, Finish::default()), expected.clone());
        let (shortcut, added) = random(expected.dims());
        let finish = Finish { shortcut: Some(&shortcut), activated: true };
        assert_same(&own.forward(&map, finish), relu(expected + added));
    }

    #[test]
    fn every_convolution_of_a_resnet_is_burns() {
        compare([16, 3, 7, 7], 2, [2, 3, 20, 22]);
        compare([16, 8, 3, 3], 2, [2, 8, 9, 8]);
        compare([16, 8, 1, 1], 2, [2, 8, 9, 8]);
        compare([24, 8, 1, 1], 1, [2, 8, 3, 5]);
        // Smaller than a tile, and a depth that no lane divides.
        compare([8, 8, 3, 3], 1, [2, 8, 2, 3]);
        compare([5, 6, 3, 3], 1, [1, 6, 9, 9]);
    }

    #[test]
    fn winograds_way_is_burns_whatever_the_size() {
        for [height, width] in [[4, 4], [7, 7], [5, 9], [16, 14], [34, 33]] {
            compare([16, 8, 3, 3], 1, [2, 8, height, width]);
        }
        // More tiles than one block has.
        compare([8, 16, 3, 3], 1, [3, 16, 56, 56]);
    }
}
