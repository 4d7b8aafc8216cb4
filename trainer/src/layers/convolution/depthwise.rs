//! Gradients of a depthwise 3x3 convolution, padded as TensorFlow pads ("SAME"), which is one pixel all round at stride 1.

use std::ops::Range;

use glae_model::cpu::{Buffer, Map, View};
use glae_model::layers::{Fit, Step};
use glae_model::wide;
use rayon::prelude::*;

/// Channels whose sums are kept side by side.
const LANES: usize = 16;

/// Rows of the output that one core sums up.
const ROWS: usize = 32;

/// For each channel the nine gradients of its kernel, row by row: `[channels, 1, 3, 3]`.
pub(super) fn of_kernel(x: View, upstream: View, stride: usize) -> Vec<f32> {
    let (rows, channels) = (upstream.batch * upstream.height, x.channels);
    let parts: Vec<Vec<f32>> = (0..rows.div_ceil(ROWS))
        .into_par_iter()
        .map(|part| {
            let own = part * ROWS..rows.min((part + 1) * ROWS);
            of_rows(x, upstream, own, stride)
        })
        .collect();
    let mut all = vec![0f32; channels * 9];
    for part in parts {
        all.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
    all
}

wide! {
    /// What some rows of the gradient, counted through all images, add to that of the kernel.
    fn of_rows<'a>(x: View<'a>, upstream: View<'a>, rows: Range<usize>, stride: usize) -> Vec<f32> {
        let channels = x.channels;
        let [vertical, horizontal] = [x.height, x.width].map(|length| Step::same(stride).fit(length, 3));
        let mut sums = vec![0f32; channels * 9];
        for row in rows {
            let (image, own) = (row / upstream.height, row % upstream.height);
            let gradient = line(&upstream, row);
            for tap in 0..3 {
                // Outside of the map there were zeros.
                let Some(y) = inside(own * stride + tap, vertical, x.height) else { continue };
                let seen = line(&x, image * x.height + y);
                for first in (0..channels).step_by(LANES) {
                    let taps = Taps { channels, first, stride, before: horizontal.before };
                    // The last channels, where no sixteen are left, one by one.
                    if first + LANES <= channels {
                        taps.add::<LANES>(seen, gradient, &mut sums, tap);
                    } else {
                        for first in first..channels {
                            Taps { first, ..taps }.add::<1>(seen, gradient, &mut sums, tap);
                        }
                    }
                }
            }
        }
        sums
    }
}

/// Where the three places of a kernel's row lie on a row of the map.
#[derive(Clone, Copy)]
struct Taps {
    channels: usize,
    /// First channel that is summed.
    first: usize,
    stride: usize,
    /// Zeros left of the map.
    before: usize,
}

impl Taps {
    /// What one row of the map and one of the gradient add to the sums of `N` channels, in row `tap` of the kernel.
    #[inline(always)]
    fn add<const N: usize>(&self, seen: &[f32], gradient: &[f32], sums: &mut [f32], tap: usize) {
        let Self { channels, first, stride, before } = *self;
        let mut found = [[0f32; N]; 3];
        for (column, gradient) in gradient.chunks_exact(channels).enumerate() {
            let gradient: &[f32; N] = gradient[first..].first_chunk().expect("there are N channels");
            for (place, found) in found.iter_mut().enumerate() {
                let Some(from) = (column * stride + place).checked_sub(before) else { continue };
                let Some(pixel) = seen.get(from * channels + first..) else { continue };
                let Some(pixel) = pixel.first_chunk::<N>() else { continue };
                for ((sum, x), g) in found.iter_mut().zip(pixel).zip(gradient) {
                    *sum += x * g;
                }
            }
        }
        for (place, found) in found.iter().enumerate() {
            for (lane, value) in found.iter().enumerate() {
                sums[(first + lane) * 9 + 3 * tap + place] += value;
            }
        }
    }
}

/// The gradient towards the input; `x` only tells the size.
///
/// # Shapes
/// - `kernel`: `[channels, 1, 3, 3]` in row-major order
pub(super) fn of_input(x: View, kernel: &[f32], upstream: View, stride: usize) -> Map {
    let channels = x.channels;
    // [9, channels]
    let taps: Vec<f32> = (0..9).flat_map(|tap| kernel.iter().skip(tap).step_by(9).copied()).collect();
    let mut values = Buffer::zeros(x.values.len());
    values.par_chunks_exact_mut(x.width * channels).with_min_len(4).enumerate().for_each(|(index, output)| {
        of_row([x.height, x.width], &taps, upstream, stride, index, output);
    });
    Map { values, batch: x.batch, height: x.height, width: x.width, channels }
}

wide! {
    /// The gradient towards one row of the input, counted through all images; `size` is the input's height and width, `taps`
    /// the kernel, `[9, channels]`.
    fn of_row<'a>(
        size: [usize; 2],
        taps: &'a [f32],
        upstream: View<'a>,
        stride: usize,
        index: usize,
        output: &'a mut [f32],
    ) -> () {
        let [vertical, horizontal] = size.map(|length| Step::same(stride).fit(length, 3));
        let ([height, width], channels) = (size, upstream.channels);
        let (image, row) = (index / height, index % height);
        for tap in 0..3 {
            // Row `own` of the gradient saw this row of the map with this row of the kernel.
            let Some(distance) = (row + vertical.before).checked_sub(tap) else { continue };
            if !distance.is_multiple_of(stride) || distance / stride >= vertical.places {
                continue;
            }
            let gradient = line(&upstream, image * upstream.height + distance / stride);
            for place in 0..3 {
                let weight = &taps[(tap * 3 + place) * channels..][..channels];
                for (column, gradient) in gradient.chunks_exact(channels).enumerate() {
                    let Some(to) = inside(column * stride + place, horizontal, width) else { continue };
                    let pixel = &mut output[to * channels..][..channels];
                    for ((sum, gradient), weight) in pixel.iter_mut().zip(gradient).zip(weight) {
                        *sum += gradient * weight;
                    }
                }
            }
        }
    }
}

/// A place counted from the first zero before the map, counted from the map's first pixel; `None` outside.
fn inside(place: usize, fit: Fit, length: usize) -> Option<usize> {
    place.checked_sub(fit.before).filter(|place| *place < length)
}

/// A row of pixels, counted through all images.
fn line<'a>(map: &View<'a>, row: usize) -> &'a [f32] {
    let length = map.width * map.channels;
    &map.values[row * length..][..length]
}
