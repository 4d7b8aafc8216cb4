//! Gradients of the convolutions, for training.

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};

use super::conv::Window;
use super::winograd::{self, G, LANES, Lane, PLACES, SEEN, TILE, Tiles, lane, weighted};
use super::{Conv, Map, View, all, inside};
use crate::layers::{Step, by_place};

/// So many numbers of patches are laid out at a time: 4 MB.
const PATCHES: usize = 1 << 20;

/// Tiles that are transformed by one core in a row.
const BLOCK: usize = 64;

/// The gradient towards the kernel, `[out, channels, side, side]` in row-major order, of a convolution.
///
/// # Panics
/// If `upstream` is not as large as the output.
pub fn of_kernel(x: View, upstream: View, side: usize, step: Step, device: &Device) -> Vec<f32> {
    let window = Window { side, step };
    let shape = [upstream.channels, x.channels, side, side];
    assert_eq!([upstream.height, upstream.width], window.output(&x), "the gradient does not fit the output");
    if winograd::serves(shape, step.stride, x.height.min(x.width)) {
        return by_tiles(x, upstream, device);
    }
    let (line, lines) = (upstream.width * upstream.channels, x.batch * upstream.height);
    let per_block = window.lines(&x, PATCHES);
    let mut parts = vec![Vec::new(); lines.div_ceil(per_block)];
    all(parts.iter_mut().collect(), 1, |index, part| {
        let first = index * per_block;
        let lines = per_block.min(lines - first);
        let patches = tensor(window.patches(x, first, lines), [1, lines * upstream.width, window.patch(&x)], device);
        let gradient = upstream.values[first * line..][..lines * line].to_vec();
        let gradient = tensor(gradient, [1, lines * upstream.width, upstream.channels], device);
        *part = numbers(gradient.swap_dims(1, 2).matmul(patches));
    });
    let mut sum = vec![0f32; shape.iter().product()];
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
    // [out, places, channels] to [out, channels, places].
    let places = side * side;
    let mut turned = vec![0f32; sum.len()];
    for (own, turned) in sum.chunks_exact(places * x.channels).zip(turned.chunks_exact_mut(places * x.channels)) {
        for (from, value) in own.iter().enumerate() {
            turned[from % x.channels * places + from / x.channels] = *value;
        }
    }
    turned
}

/// The gradient towards the input of a convolution; `x` only tells the size.
///
/// # Shapes
/// - `weight`: `[out, channels, side, side]` in row-major order
///
/// # Panics
/// If weights and maps do not fit.
pub fn of_input(x: View, weight: &[f32], upstream: View, side: usize, step: Step, device: &Device) -> Map {
    let (places, channels, out) = (side * side, x.channels, upstream.channels);
    if step.stride == 1 {
        // One more convolution, its kernel turned round and its channels exchanged.
        let mut turned = vec![0f32; weight.len()];
        for (from, kernel) in weight.chunks_exact(places).enumerate() {
            let to = (from % channels * out + from / channels) * places;
            turned[to..to + places].iter_mut().zip(kernel.iter().rev()).for_each(|(to, value)| *to = *value);
        }
        let conv = Conv::new(&turned, vec![0.0; channels], [channels, out, side, side], step, x.height.min(x.width));
        return conv.forward(&upstream, Default::default());
    }
    let window = Window { side, step };
    let weight = by_place(weight, [out, channels, side, side]);
    let weight = tensor(weight, [1, places * channels, out], device).swap_dims(1, 2);
    let mut gradient = x.unwritten(x.height, x.width, channels);
    gradient.values.fill(0.0);
    let (image, lines) = (x.height * x.width * channels, upstream.height);
    let line = upstream.width * out;
    all(gradient.values.chunks_exact_mut(image).collect(), 1, |index, gradient| {
        let own = upstream.values[index * lines * line..][..lines * line].to_vec();
        let own = tensor(own, [1, lines * upstream.width, out], device);
        let patches = numbers(own.matmul(weight.clone()));
        // One image, counted from its own beginning.
        let single = Map { batch: 1, ..x };
        window.visit(&single, 0, lines, |patch, pixels| {
            gradient[pixels].iter_mut().zip(&patches[patch]).for_each(|(sum, part)| *sum += part);
        });
    });
    gradient
}

impl Window {
    /// The patches of some lines of the output, counted through all images: `[places, side, side, channels]`. Outside of the
    /// map there are zeros.
    fn patches(&self, x: View, first: usize, lines: usize) -> Vec<f32> {
        let [_, width] = self.output(&x);
        let mut all = vec![0f32; lines * width * self.patch(&x)];
        self.visit(&x, first, lines, |patches, pixels| {
            all[patches].copy_from_slice(&x.values[pixels]);
        });
        all
    }

    /// Each piece that patches and map have in common: where it lies in the patches of these lines, and where in the map.
    fn visit(&self, x: &View, first: usize, lines: usize, mut seen: impl FnMut(Range<usize>, Range<usize>)) {
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

fn tensor(values: Vec<f32>, shape: [usize; 3], device: &Device) -> Tensor<3> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn numbers(tensor: Tensor<3>) -> Vec<f32> {
    tensor.into_data().try_into_vec().expect("a product of f32 is f32")
}

/// By the adjoint of Winograd's way: with dY the gradient and V = B' d B, dg = G' [sum over tiles of V * (A dY A')] G.
fn by_tiles(x: View, upstream: View, device: &Device) -> Vec<f32> {
    let tiles = Tiles::new(&x);
    let (channels, out, count) = (x.channels, upstream.channels, tiles.lines * tiles.columns);
    let per_block = tiles.per_block(BLOCK);
    let block = |index: usize| tiles.block(index, per_block);
    let mut seen = vec![0f32; PLACES * count * channels];
    all(winograd::blocks(&mut seen, per_block * tiles.columns * channels), 1, |index, mut pieces| {
        block(index).transformed(x, &mut pieces);
    });
    let mut gradients = vec![0f32; PLACES * count * out];
    all(winograd::blocks(&mut gradients, per_block * tiles.columns * out), 1, |index, pieces| {
        for (tile, [image, top, left]) in block(index).places().enumerate() {
            let pixels: [Option<usize>; TILE * TILE] = std::array::from_fn(|place| {
                let (row, column) = (top + place / TILE, left + place % TILE);
                let there = row < upstream.height && column < upstream.width;
                there.then(|| ((image * upstream.height + row) * upstream.width + column) * out)
            });
            for channel in (0..out).step_by(LANES) {
                let own = pixels.map(|pixel| match pixel {
                    Some(pixel) => *lane(&upstream.values[pixel + channel..]),
                    None => [0.0; LANES],
                });
                let mut half = [[0f32; LANES]; SEEN * TILE];
                for column in 0..TILE {
                    let spread = spread(std::array::from_fn(|row| own[row * TILE + column]));
                    spread.into_iter().enumerate().for_each(|(row, lane)| half[row * TILE + column] = lane);
                }
                for row in 0..SEEN {
                    let spread = spread(std::array::from_fn(|column| half[row * TILE + column]));
                    for (column, lane) in spread.into_iter().enumerate() {
                        pieces[row * SEEN + column][tile * out + channel..][..LANES].copy_from_slice(&lane);
                    }
                }
            }
        }
    });
    let seen = tensor(seen, [PLACES, count, channels], device);
    let gradients = tensor(gradients, [PLACES, count, out], device);
    let products = numbers(seen.swap_dims(1, 2).matmul(gradients));
    let mut kernel = vec![0f32; out * channels * 9];
    all(kernel.chunks_exact_mut(LANES * channels * 9).collect(), 1, |index, kernel| {
        for channel in 0..channels {
            let from = channel * out + index * LANES;
            let place = |row: usize, column: usize| *lane(&products[(row * SEEN + column) * channels * out + from..]);
            let half: [[Lane; 3]; SEEN] = std::array::from_fn(|row| {
                let line = std::array::from_fn(|column| place(row, column));
                std::array::from_fn(|tap| weighted(line, &G.map(|g| g[tap])))
            });
            for tap in 0..9 {
                let line = std::array::from_fn(|row| half[row][tap % 3]);
                let taps: Lane = weighted(line, &G.map(|g| g[tap / 3]));
                taps.iter().enumerate().for_each(|(own, value)| kernel[(own * channels + channel) * 9 + tap] = *value);
            }
        }
    });
    kernel
}

/// A of one line of a gradient.
fn spread(y: [Lane; TILE]) -> [Lane; SEEN] {
    let mut all = [[0f32; LANES]; SEEN];
    for i in 0..LANES {
        let [a, b, c, d] = y.map(|lane| lane[i]);
        let (even, odd, far_even, far_odd) = (a + c, b + d, a + 4.0 * c, 2.0 * b + 8.0 * d);
        let line = [a, even + odd, even - odd, far_even + far_odd, far_even - far_odd, d];
        all.iter_mut().zip(line).for_each(|(lane, value)| lane[i] = value);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::tests::{RESNET, assert_same, burns, random};
    use super::*;
    use burn::tensor::{Distribution, Tensor};

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
        let of_input = of_input(map.view(), &flat(weight), upstream.view(), side, step, &device);
        assert_same(&of_input, x.grad(&gradients).unwrap());
        let of_kernel = of_kernel(map.view(), upstream.view(), side, step, &device);
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
        for [height, width] in [[4, 4], [7, 7], [5, 9], [16, 14]] {
            compare([16, 8, 3, 3], Step::half(1), [2, 8, height, width]);
        }
        // More tiles than one block has.
        compare([8, 16, 3, 3], Step::half(1), [3, 16, 34, 33]);
    }
}
