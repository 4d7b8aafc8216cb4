//! The kernel gradient of a depthwise 3x3 convolution with padding 1: nine sums of products per channel.

use glae_model::cpu::View;
use rayon::prelude::*;

/// Channels whose sums are kept side by side.
const LANES: usize = 8;

/// Rows of the output that one core sums up.
const ROWS: usize = 32;

/// For each channel the nine gradients of its kernel, row by row: `[channels, 1, 3, 3]`.
pub(super) fn of_kernel(x: View, upstream: View) -> Vec<f32> {
    let (rows, channels) = (x.batch * x.height, x.channels);
    let parts: Vec<Vec<f32>> = (0..rows.div_ceil(ROWS))
        .into_par_iter()
        .map(|part| {
            let mut sums = vec![0f32; channels * 9];
            for row in part * ROWS..rows.min((part + 1) * ROWS) {
                for first in (0..channels).step_by(LANES) {
                    // The last channels, where no eight are left, one by one.
                    if first + LANES <= channels {
                        add::<LANES>(&mut sums, x, upstream, row, first);
                    } else {
                        (first..channels).for_each(|channel| add::<1>(&mut sums, x, upstream, row, channel));
                    }
                }
            }
            sums
        })
        .collect();
    let mut all = vec![0f32; channels * 9];
    for part in parts {
        all.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
    all
}

/// What one row of the output adds to the sums of `N` channels.
fn add<const N: usize>(sums: &mut [f32], x: View, upstream: View, row: usize, first: usize) {
    let line = x.width * x.channels;
    let pixels = |values: &'_ [f32], row: usize| -> Vec<[f32; N]> {
        let line = &values[row * line..][..line];
        line.chunks_exact(x.channels)
            .map(|pixel| *pixel[first..].first_chunk().expect("there are N channels"))
            .collect()
    };
    let gradient = pixels(upstream.values, row);
    for tap in 0..3 {
        // Row `row + tap - 1` of the image met this row of the output; outside there were zeros.
        let Some(source) = (row % x.height + tap).checked_sub(1).filter(|source| *source < x.height) else { continue };
        let from = pixels(x.values, row / x.height * x.height + source);
        let mut found = [[0f32; N]; 3];
        for (column, gradient) in gradient.iter().enumerate() {
            for (shift, found) in found.iter_mut().enumerate() {
                let Some(from) = (column + shift).checked_sub(1).and_then(|column| from.get(column)) else { continue };
                for ((sum, x), g) in found.iter_mut().zip(from).zip(gradient) {
                    *sum += x * g;
                }
            }
        }
        for (shift, found) in found.iter().enumerate() {
            for (lane, value) in found.iter().enumerate() {
                sums[(first + lane) * 9 + 3 * tap + shift] += value;
            }
        }
    }
}
