//! Convolutions that see all channels.

use std::ops::Range;

use burn::tensor::Device;

use super::product::Matrices;
use super::{Map, View, all, inside, winograd, within};
use crate::layers::{Activation, Step, by_place};

/// A convolution with its bias.
#[derive(Clone, Debug)]
pub struct Conv {
    kind: Method,
    bias: Vec<f32>,
}

/// What comes behind a convolution.
#[derive(Clone, Copy, Debug, Default)]
pub struct Finish<'a> {
    /// Added before the ReLU; as large as the output.
    pub shortcut: Option<&'a Map>,
    /// Applied to the sum.
    pub then: Activation,
}

#[derive(Clone, Debug)]
enum Method {
    /// One product with what each place of the output sees, laid out; `[1, side * side * channels, out]`.
    Patches { weight: Matrices, window: Window },
    /// 3 x 3, stride 1, padding 1.
    Winograd(Matrices),
}

/// So many numbers are laid out at a time: 1 MB, which stays close to the processor.
const BLOCK: usize = 1 << 18;

impl Conv {
    /// # Shapes
    /// - `weight`: `[out, channels, side, side]` in row-major order; `bias`: `[out]`
    ///
    /// `map` is the smaller side of the maps that come: where they are smaller than a tile, Winograd's way is not worth it.
    ///
    /// # Panics
    /// If weights and shape do not fit.
    pub fn new(weight: &[f32], bias: Vec<f32>, shape: [usize; 4], step: Step, map: usize, device: &Device) -> Self {
        let [out, channels, side, _] = shape;
        assert_eq!((weight.len(), bias.len()), (out * channels * side * side, out), "weights do not fit their shape");
        let kind = if winograd::serves(shape, step.stride, map) {
            let planes = winograd::transformed(weight, [out, channels]);
            Method::Winograd(Matrices::new(planes, [winograd::PLACES, channels, out], device))
        } else {
            let weight = Matrices::new(by_place(weight, shape), [1, side * side * channels, out], device);
            Method::Patches { weight, window: Window { side, step } }
        };
        Self { kind, bias }
    }

    /// # Panics
    /// If the map has another depth, or the shortcut another shape than the output.
    pub fn forward<V: AsRef<[f32]>>(&self, x: &Map<V>, finish: Finish) -> Map {
        let x = x.view();
        match &self.kind {
            Method::Winograd(weight) => winograd::forward(x, weight, &self.bias, finish),
            Method::Patches { weight, window } => {
                let [height, width] = window.output(&x);
                let mut output = x.zeros(height, width, self.bias.len());
                let line = width * self.bias.len();
                let per_block = window.lines(&x, BLOCK);
                all(output.values.chunks_mut(per_block * line).collect(), 1, |index, piece| {
                    let (first, lines) = (index * per_block, piece.len() / line);
                    let values = weight.multiplied(window.patches(x, first, lines), lines * width);
                    piece.copy_from_slice(&values);
                    let shortcut = finish.shortcut.map(|map| &map.values[first * line..][..piece.len()]);
                    finished(piece, &self.bias, shortcut, finish.then);
                });
                output
            }
        }
    }
}

/// What one place of the output sees.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) side: usize,
    pub(super) step: Step,
}

impl Window {
    /// Height and width of the output.
    pub(super) fn output(&self, x: &View) -> [usize; 2] {
        [x.height, x.width].map(|length| self.step.fit(length, self.side).places)
    }

    /// Numbers in a patch.
    pub(super) fn patch(&self, x: &View) -> usize {
        self.side * self.side * x.channels
    }

    /// Lines of the output whose patches together have about so many numbers.
    pub(super) fn lines(&self, x: &View, numbers: usize) -> usize {
        let [height, width] = self.output(x);
        (numbers / (self.patch(x) * width)).clamp(1, x.batch * height)
    }

    /// The patches of some lines of the output, counted through all images: `[places, side, side, channels]`. Outside of the
    /// map there are zeros.
    pub(super) fn patches(&self, x: View, first: usize, lines: usize) -> Vec<f32> {
        let [_, width] = self.output(&x);
        let mut all = vec![0f32; lines * width * self.patch(&x)];
        self.visit(&x, first, lines, |patches, pixels| {
            all[patches].copy_from_slice(&x.values[pixels]);
        });
        all
    }

    /// Each piece that patches and map have in common: where it lies in the patches of these lines, and where in the map.
    pub(super) fn visit(&self, x: &View, first: usize, lines: usize, mut seen: impl FnMut(Range<usize>, Range<usize>)) {
        let Self { side, step } = *self;
        let [rows, columns] = [x.height, x.width].map(|length| step.fit(length, side));
        let (stride, padding) = (step.stride, columns.before);
        let (height, width, channels, patch) = (rows.places, columns.places, x.channels, self.patch(x));
        for index in first..first + lines {
            let (image, row) = (index / height, index % height);
            for tap in 0..side {
                let Some(y) = inside(row * stride + tap, rows.before, x.height) else { continue };
                for column in 0..width {
                    // Columns start..end of the window lie in the map.
                    let left = column * stride;
                    let start = padding.saturating_sub(left).min(side);
                    let end = (x.width + padding).saturating_sub(left).clamp(start, side);
                    if start == end {
                        continue;
                    }
                    let count = (end - start) * channels;
                    let to = ((index - first) * width + column) * patch + (tap * side + start) * channels;
                    let from = ((image * x.height + y) * x.width + left + start - padding) * channels;
                    seen(to..to + count, from..from + count);
                }
            }
        }
    }
}

/// Adds bias and shortcut to some pixels, and applies the activation.
pub(super) fn finished(values: &mut [f32], bias: &[f32], shortcut: Option<&[f32]>, then: Activation) {
    let range = then.range();
    match shortcut {
        Some(shortcut) => {
            for (pixel, shortcut) in values.chunks_exact_mut(bias.len()).zip(shortcut.chunks_exact(bias.len())) {
                for ((value, bias), shortcut) in pixel.iter_mut().zip(bias).zip(shortcut) {
                    *value = within(*value + bias + shortcut, range);
                }
            }
        }
        None => {
            for pixel in values.chunks_exact_mut(bias.len()) {
                pixel.iter_mut().zip(bias).for_each(|(value, bias)| *value = within(*value + bias, range));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{RESNET, assert_same, burns, random};
    use super::*;
    use burn::tensor::activation::relu;
    use burn::tensor::{Distribution, Tensor, TensorData};

    /// Our convolution and Burn's, with and without shortcut and activation.
    fn compare(shape: [usize; 4], step: Step, input: [usize; 4]) {
        let device = Device::flex();
        let turn = crate::seeded(&device, 3);
        let weight = Tensor::<4>::random(shape, Distribution::Normal(0.0, 0.2), &device);
        let bias = Tensor::<1>::random([shape[0]], Distribution::Normal(0.0, 1.0), &device);
        drop(turn);
        let (map, planes) = random(input);
        let numbers = |data: TensorData| data.try_to_vec::<f32>().unwrap();
        let own = Conv::new(
            &numbers(weight.clone().into_data()),
            numbers(bias.clone().into_data()),
            shape,
            step,
            input[2].min(input[3]),
            &device,
        );
        let expected = burns(planes, weight, Some(bias), step, 1);
        assert_same(&own.forward(&map, Finish::default()), expected.clone());
        let (shortcut, added) = random(expected.dims());
        let finish = Finish { shortcut: Some(&shortcut), then: Activation::Relu };
        assert_same(&own.forward(&map, finish), relu(expected.clone() + added));
        let clipped = Finish { shortcut: None, then: Activation::Relu6 };
        assert_same(&own.forward(&map, clipped), expected.clamp(0.0, 6.0));
    }

    #[test]
    fn every_convolution_of_a_resnet_is_burns() {
        RESNET.into_iter().for_each(|(shape, stride, input)| compare(shape, Step::half(stride), input));
    }

    #[test]
    fn tensorflows_padding_is_burns_behind_explicit_zeros() {
        for [height, width] in [[8, 8], [7, 7], [6, 9], [1, 2]] {
            compare([16, 3, 3, 3], Step::same(2), [2, 3, height, width]);
            compare([16, 3, 3, 3], Step::same(1), [2, 3, height, width]);
            compare([16, 8, 1, 1], Step::same(1), [2, 8, height, width]);
        }
    }

    #[test]
    fn winograds_way_is_burns_whatever_the_size() {
        for [height, width] in [[4, 4], [7, 7], [5, 9], [16, 14], [34, 33]] {
            compare([16, 8, 3, 3], Step::half(1), [2, 8, height, width]);
        }
        // More tiles than one block has.
        compare([8, 16, 3, 3], Step::half(1), [3, 16, 56, 56]);
    }
}
