//! Gradients of the convolutions, for training.

use std::ops::Range;

use super::conv::Window;
use super::outer::outer;
use super::product::{Matrices, Rows};
use super::winograd::{Before, FOUR, LANES, Lane, Line, Tile, Tiles, blocks, times, weighted};
use super::{Buffer, Conv, Map, Simd, View, all, inside};
use crate::layers::{Activation, Step};

/// Tiles that are transformed by one core in a row.
const BLOCK: usize = 64;

/// Side of the output that one tile gives.
const TILE: usize = 4;

/// Side of what a tile sees.
const SEEN: usize = TILE + 2;

/// Places of a tile, each with a matrix product of its own.
const PLACES: usize = SEEN * SEEN;

/// The gradient towards the kernel, `[out, channels, side, side]` in row-major order, of a convolution.
///
/// # Panics
/// If `upstream` is not as large as the output.
pub fn of_kernel(x: View, upstream: View, side: usize, step: Step) -> Vec<f32> {
    let window = Window { side, step };
    let shape = [upstream.channels, x.channels, side, side];
    assert_eq!([upstream.height, upstream.width], window.output(&x), "the gradient does not fit the output");
    if Tile::of(shape, step.stride, (x.batch, [x.height, x.width])) == Some(Tile::Four) {
        return by_tiles(x, upstream);
    }
    let framed = window.framed(x);
    let seen = framed.as_ref().map_or(x, Map::view);
    let apart = seen.width * seen.channels;
    let start = |pixel: usize| {
        let (line, column) = (pixel / upstream.width, pixel % upstream.width);
        let row = line / upstream.height * seen.height + line % upstream.height * step.stride;
        row * apart + column * step.stride * seen.channels
    };
    let rows = Rows { values: seen.values, starts: start, pieces: side, apart };
    let sums = outer(&rows, window.patch(&x), upstream.values, upstream.channels);
    // [places, channels, out] to [out, channels, places].
    let (places, channels, out) = (side * side, x.channels, upstream.channels);
    let mut turned = Buffer::unwritten(sums.len());
    all(turned.chunks_mut(LANES * channels * places).collect(), 1, |block, turned| {
        for (from, sums) in sums.chunks_exact(out).enumerate() {
            let to = from % channels * places + from / channels;
            let turned = turned[to..].iter_mut().step_by(channels * places);
            turned.zip(&sums[block * LANES..]).for_each(|(to, sum)| *to = *sum);
        }
    });
    turned.into_vec()
}

/// The gradient towards the input of a convolution; `x` only tells the size.
///
/// # Shapes
/// - `weight`: `[out, channels, side, side]` in row-major order
///
/// # Panics
/// If weights and maps do not fit.
pub fn of_input(x: View, weight: &[f32], upstream: View, side: usize, step: Step) -> Map {
    let (places, channels, out) = (side * side, x.channels, upstream.channels);
    if step.stride == 1 {
        // One more convolution, its kernel turned round and its channels exchanged.
        let mut turned = Buffer::unwritten(weight.len());
        all(turned.chunks_exact_mut(out * places).collect(), 4, |channel, turned| {
            let kernels = weight.chunks_exact(places).skip(channel).step_by(channels);
            for (turned, kernel) in turned.chunks_exact_mut(places).zip(kernels) {
                turned.iter_mut().zip(kernel.iter().rev()).for_each(|(to, value)| *to = *value);
            }
        });
        let maps = (x.batch, [x.height, x.width]);
        let conv = Conv::new(&turned, vec![0.0; channels], [channels, out, side, side], step, maps);
        return conv.forward(&upstream, Default::default());
    }
    // [out, places, channels]: what each number of the gradient gives to the patch that it saw.
    let mut turned = vec![0f32; weight.len()];
    for (turned, kernel) in turned.chunks_exact_mut(places * channels).zip(weight.chunks_exact(places * channels)) {
        for (place, pixel) in turned.chunks_exact_mut(channels).enumerate() {
            pixel.iter_mut().zip(kernel[place..].iter().step_by(places)).for_each(|(to, from)| *to = *from);
        }
    }
    let weight = Matrices::new(&turned, [1, out, places * channels]);
    let mut gradient = x.unwritten(x.height, x.width, channels);
    let (image, lines) = (x.height * x.width * channels, upstream.height);
    let line = upstream.width * out;
    all(gradient.values.chunks_exact_mut(image).collect(), 1, |index, gradient| {
        gradient.fill(0.0);
        let own = &upstream.values[index * lines * line..][..lines * line];
        let mut patches = Buffer::unwritten(lines * upstream.width * places * channels);
        let rows = Rows { values: own, starts: |row| row * out, pieces: 1, apart: 0 };
        weight.multiply(rows, &[], Activation::Linear, &mut patches);
        // One image, counted from its own beginning.
        let single = Map { batch: 1, ..x };
        Window { side, step }.visit(&single, |patch, pixels| {
            gradient[pixels].iter_mut().zip(&patches[patch]).for_each(|(sum, part)| *sum += part);
        });
    });
    gradient
}

impl Window {
    /// Each piece that the patches of all places of the output and the map have in common: where it lies in the patches,
    /// `[places, side, side, channels]`, and where in the map.
    fn visit(&self, x: &View, mut seen: impl FnMut(Range<usize>, Range<usize>)) {
        let Self { side, step } = *self;
        let [rows, columns] = [x.height, x.width].map(|length| step.fit(length, side));
        let (stride, padding) = (step.stride, columns.before);
        let (height, width, channels, patch) = (rows.places, columns.places, x.channels, self.patch(x));
        for index in 0..x.batch * height {
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
                    let to = (index * width + column) * patch + (tap * side + start) * channels;
                    let from = ((image * x.height + y) * x.width + left + start - padding) * channels;
                    seen(to..to + count, from..from + count);
                }
            }
        }
    }
}

/// By the adjoint of Winograd's way: with dY the gradient and V = B' d B, dg = G' [sum over tiles of V * (A dY A')] G.
fn by_tiles(x: View, upstream: View) -> Vec<f32> {
    let tiles = Tiles::new(&x, TILE);
    let (channels, out, count) = (x.channels, upstream.channels, tiles.lines * tiles.columns);
    let per_block = tiles.per_block(BLOCK);
    let block = |index: usize| tiles.block(index, per_block);
    let mut seen = Buffer::unwritten(PLACES * count * channels);
    all(blocks(&mut seen, PLACES, per_block * tiles.columns * channels), 1, |index, mut pieces| {
        block(index).transformed::<Before, SEEN, SEEN>(x, &mut pieces);
    });
    let mut gradients = Buffer::unwritten(PLACES * count * out);
    all(blocks(&mut gradients, PLACES, per_block * tiles.columns * out), 1, |index, mut pieces| {
        block(index).transformed::<Spread, TILE, SEEN>(upstream, &mut pieces);
    });
    let mut products: Vec<Buffer> = (0..PLACES).map(|_| Vec::new().into()).collect();
    let places = seen.chunks_exact(count * channels).zip(gradients.chunks_exact(count * out));
    all(products.iter_mut().zip(places).collect(), 1, |_, (product, (seen, gradients))| {
        let rows = Rows { values: seen, starts: |tile| tile * channels, pieces: 1, apart: 0 };
        *product = outer(&rows, channels, gradients, out);
    });
    let mut kernel = Buffer::unwritten(out * channels * 9);
    all(kernel.chunks_exact_mut(LANES * channels * 9).collect(), 1, |index, kernel| {
        for channel in 0..channels {
            let from = channel * out + index * LANES;
            let place = |row: usize, column: usize| *lane(&products[row * SEEN + column][from..]);
            let half: [[Lane; 3]; SEEN] = std::array::from_fn(|row| {
                let line = std::array::from_fn(|column| place(row, column));
                std::array::from_fn(|tap| weighted(line, &FOUR.map(|g| g[tap])))
            });
            for tap in 0..9 {
                let line = std::array::from_fn(|row| half[row][tap % 3]);
                let taps: Lane = weighted(line, &FOUR.map(|g| g[tap / 3]));
                taps.iter().enumerate().for_each(|(own, value)| kernel[(own * channels + channel) * 9 + tap] = *value);
            }
        }
    });
    kernel.into_vec()
}

#[inline(always)]
fn lane(values: &[f32]) -> &Lane {
    values.first_chunk().expect("depths are multiples of the lanes")
}

/// A
struct Spread;

impl Line<TILE, SEEN> for Spread {
    #[inline(always)]
    fn of<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; TILE]) -> [S::f32s; SEEN] {
        let (even, odd) = (simd.add_f32s(a, c), simd.add_f32s(b, d));
        let (far_even, far_odd) = (times(simd, 4.0, c, a), times(simd, 4.0, d, b));
        [
            a,
            simd.add_f32s(even, odd),
            simd.sub_f32s(even, odd),
            times(simd, 2.0, far_odd, far_even),
            times(simd, -2.0, far_odd, far_even),
            d,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{RESNET, assert_same, burns, random};
    use super::*;
    use burn::tensor::{Device, Distribution, Tensor};

    /// Our gradients and those of Burn.
    fn compare(shape: [usize; 4], step: Step, input: [usize; 4]) {
        let device = Device::flex();
        let side = shape[2];
        let turn = crate::seeded(&device, 4);
        let weight = Tensor::<4>::random(shape, Distribution::Normal(0.0, 0.2), &device);
        drop(turn);
        let (map, planes) = random(input);
        let training = device.clone().autodiff();
        let lift = |tensor: &Tensor<4>| Tensor::<4>::from_data(tensor.to_data(), &training).require_grad();
        let (x, kernel) = (lift(&planes), lift(&weight));
        let y = burns(x.clone(), kernel.clone(), None, step, 1);
        // A gradient that differs from place to place: that of half the sum of squares is the output itself.
        let gradients = (y.clone() * y.clone() * 0.5).sum().backward();
        let flat = |tensor: Tensor<4>| tensor.into_data().try_to_vec::<f32>().unwrap();
        let y = y.inner();
        let upstream = Map::from_planes(&flat(y.clone()), y.dims());
        let of_input = of_input(map.view(), &flat(weight), upstream.view(), side, step);
        assert_same(&of_input, x.grad(&gradients).unwrap());
        let of_kernel = of_kernel(map.view(), upstream.view(), side, step);
        let expected = flat(kernel.grad(&gradients).unwrap());
        let largest = expected.iter().fold(0f32, |most, value| most.max(value.abs()));
        assert_eq!(of_kernel.len(), expected.len());
        for (own, expected) in of_kernel.iter().zip(&expected) {
            assert!((own - expected).abs() <= 1e-4 * largest, "{own} instead of {expected}");
        }
    }

    #[test]
    fn every_convolution_of_a_resnet_has_burns_gradients() {
        RESNET.into_iter().for_each(|(shape, stride, input)| compare(shape, Step::half(stride), input));
    }

    #[test]
    fn tensorflows_padding_has_burns_gradients() {
        for [height, width] in [[8, 8], [7, 6]] {
            compare([16, 3, 3, 3], Step::same(2), [2, 3, height, width]);
            compare([16, 3, 3, 3], Step::same(1), [2, 3, height, width]);
        }
    }

    #[test]
    fn winograds_way_has_burns_gradients_whatever_the_size() {
        // So many images that there are enough tiles.
        for (images, [height, width]) in [(64, [4, 4]), (64, [7, 7]), (32, [5, 9]), (6, [16, 14])] {
            compare([16, 8, 3, 3], Step::half(1), [images, 8, height, width]);
        }
        // More tiles than one block has, and a depth that a register of sixteen does not divide.
        compare([8, 24, 3, 3], Step::half(1), [3, 24, 34, 33]);
    }
}
