//! Convolutions that see all channels.

use super::product::{Matrices, Rows};
use super::winograd::Tile;
use super::{Map, View, all, cores, each, inside, within};
use crate::layers::{Activation, Fit, Step};
use crate::wide;

/// A convolution with its bias.
#[derive(Clone, Debug)]
pub struct Conv {
    method: Method,
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
    /// One product with what each place of the output sees; `[1, side * side * channels, out]`.
    Patches { weight: Matrices, window: Window },
    /// 3 x 3, stride 1, padding 1.
    Winograd { weight: Matrices, tile: Tile },
}

/// So many numbers are seen at a time: 1 MB, which stays close to the processor.
const BLOCK: usize = 1 << 18;

impl Conv {
    /// # Shapes
    /// - `weight`: `[out, channels, side, side]` in row-major order; `bias`: `[out]`
    ///
    /// `maps` are so many maps of this height and width that come at a time: where they are few or small, Winograd's way is not
    /// worth it.
    ///
    /// # Panics
    /// If weights and shape do not fit.
    pub fn new(weight: &[f32], bias: Vec<f32>, shape: [usize; 4], step: Step, maps: (usize, [usize; 2])) -> Self {
        let [out, channels, side, _] = shape;
        assert_eq!((weight.len(), bias.len()), (out * channels * side * side, out), "weights do not fit their shape");
        let method = match Tile::of(shape, step.stride, maps) {
            Some(tile) => Method::Winograd { weight: tile.transformed(weight, [out, channels]), tile },
            None => Method::Patches { weight: Matrices::of_kernel(weight, shape), window: Window { side, step } },
        };
        Self { method, bias }
    }

    /// Output channels.
    pub(super) fn out(&self) -> usize {
        self.bias.len()
    }

    /// The weights of a 1x1 convolution of stride 1, `[1, channels, out]`; `None` of any other.
    pub(super) fn pointwise(&self) -> Option<&Matrices> {
        match &self.method {
            Method::Patches { weight, window } if (window.side, window.step.stride) == (1, 1) => Some(weight),
            _ => None,
        }
    }

    /// Some pixels of a 1x1 convolution of stride 1, from the same pixels of a map.
    ///
    /// # Panics
    /// If there is another number of pixels in the one than in the other.
    pub(super) fn pixels(&self, weight: &Matrices, values: &[f32], to: &mut [f32], then: Activation) {
        let [_, channels, _] = weight.shape();
        let rows = Rows { values, starts: |row| row * channels, pieces: 1, apart: 0 };
        weight.multiply(rows, &self.bias, then, to);
    }

    /// # Panics
    /// If the map has another depth, or the shortcut another shape than the output.
    pub fn forward<V: AsRef<[f32]>>(&self, x: &Map<V>, finish: Finish) -> Map {
        let x = x.view();
        match &self.method {
            Method::Winograd { weight, tile } => tile.forward(x, weight, &self.bias, finish),
            Method::Patches { weight, window } => {
                let [height, width] = window.output(&x);
                let mut output = x.unwritten(height, width, self.bias.len());
                let line = width * self.bias.len();
                let per_block = window.lines(&x, BLOCK);
                let (framed, stride, pieces) = (window.framed(x), window.step.stride, window.side);
                let seen = framed.as_ref().map_or(x, Map::view);
                let apart = seen.width * seen.channels;
                all(output.values.chunks_mut(per_block * line).collect(), 1, |index, piece| {
                    let first = index * per_block;
                    let lines = first..first + piece.len() / line;
                    let mut starts = Vec::with_capacity(lines.len() * width);
                    for line in lines {
                        let start = (line / height * seen.height + line % height * stride) * apart;
                        starts.extend((0..width).map(|column| start + column * stride * seen.channels));
                    }
                    let rows = Rows { values: seen.values, starts: |row: usize| starts[row], pieces, apart };
                    match finish.shortcut {
                        None => weight.multiply(rows, &self.bias, finish.then, piece),
                        Some(shortcut) => {
                            weight.multiply(rows, &[], Activation::Linear, piece);
                            let shortcut = &shortcut.values[first * line..][..piece.len()];
                            finished(piece, &self.bias, Some(shortcut), finish.then);
                        }
                    }
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

    /// The map with the zeros around it that the window sees; `None` if it sees none.
    pub(super) fn framed(&self, x: View) -> Option<Map> {
        let Self { side, step } = *self;
        let [rows, columns] = [x.height, x.width].map(|length| step.fit(length, side));
        let reach = |fit: Fit| (fit.places - 1) * step.stride + side;
        let (height, width) = (reach(rows), reach(columns));
        if [rows.before, columns.before] == [0, 0] && height <= x.height && width <= x.width {
            return None;
        }
        let (height, width) = (height.max(x.height + rows.before), width.max(x.width + columns.before));
        let mut framed = x.unwritten(height, width, x.channels);
        each(&mut framed.values, width * x.channels, |index, line| {
            let Some(y) = inside(index % height, rows.before, x.height) else { return line.fill(0.0) };
            let (before, line) = line.split_at_mut(columns.before * x.channels);
            let (line, behind) = line.split_at_mut(x.width * x.channels);
            before.fill(0.0);
            line.copy_from_slice(x.line(index / height * x.height + y));
            behind.fill(0.0);
        });
        Some(framed)
    }

    /// Numbers in a patch.
    pub(super) fn patch(&self, x: &View) -> usize {
        self.side * self.side * x.channels
    }

    /// Lines of the output whose patches together have about so many numbers; no core is left without lines where there are
    /// enough.
    pub(super) fn lines(&self, x: &View, numbers: usize) -> usize {
        let [height, width] = self.output(x);
        let lines = x.batch * height;
        let blocks = (lines * width * self.patch(x)).div_ceil(numbers).next_multiple_of(cores());
        lines.div_ceil(blocks)
    }
}

/// Adds bias and shortcut to some pixels, and applies the activation.
pub fn finished(values: &mut [f32], bias: &[f32], shortcut: Option<&[f32]>, then: Activation) {
    match shortcut {
        Some(shortcut) => joined(values, bias, shortcut, then.range()),
        None => biased(values, bias, then.range()),
    }
}

wide! {
    fn biased<'a>(values: &'a mut [f32], bias: &'a [f32], range: [f32; 2]) -> () {
        for pixel in values.chunks_exact_mut(bias.len()) {
            pixel.iter_mut().zip(bias).for_each(|(value, bias)| *value = within(*value + bias, range));
        }
    }
}

wide! {
    fn joined<'a>(values: &'a mut [f32], bias: &'a [f32], shortcut: &'a [f32], range: [f32; 2]) -> () {
        for (pixel, shortcut) in values.chunks_exact_mut(bias.len()).zip(shortcut.chunks_exact(bias.len())) {
            for ((value, bias), shortcut) in pixel.iter_mut().zip(bias).zip(shortcut) {
                *value = within(*value + bias + shortcut, range);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{RESNET, assert_same, burns, random};
    use super::*;
    use burn::tensor::activation::relu;
    use burn::tensor::{Device, Distribution, Tensor, TensorData};

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
            (input[0], [input[2], input[3]]),
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
        // So many images that there are enough tiles.
        for (images, [height, width]) in [(64, [4, 4]), (64, [7, 7]), (32, [5, 9]), (6, [16, 14]), (2, [34, 33])] {
            compare([16, 8, 3, 3], Step::half(1), [images, 8, height, width]);
        }
        // So few that tiles of two are taken, whole ones and others.
        for (images, [height, width]) in [(2, [7, 7]), (4, [5, 9]), (16, [2, 3]), (1, [14, 14])] {
            compare([16, 8, 3, 3], Step::half(1), [images, 8, height, width]);
        }
        // More tiles than one block has, and a depth that a register of sixteen does not divide.
        compare([8, 24, 3, 3], Step::half(1), [3, 24, 56, 56]);
    }
}
