//! The kernel gradient of a depthwise 3x3 convolution with padding 1: nine sums of products per channel.

use burn::backend::TensorMetadata;
use rayon::prelude::*;

use super::super::{Primitive, primitive, sum};

/// For each channel the nine gradients of its kernel, row by row.
///
/// # Shapes
/// - `x` and `upstream`: `[batch, channels, height, width]`
/// - output: `[channels, 1, 3, 3]`
pub(super) fn kernel_gradient(x: Primitive, upstream: Primitive) -> Primitive {
    let [batch, channels, height, width] = x.shape().dims();
    let (x, upstream) = (x.to_contiguous(), upstream.to_contiguous());
    let (x, upstream) = (x.storage::<f32>(), upstream.storage::<f32>());
    let plane = height * width;
    let products = |a: &[f32], b: &[f32]| sum(a, b, |a, b| a * b);
    let of_channel = |channel: usize| {
        let mut taps = [0f32; 9];
        for image in 0..batch {
            let from = (image * channels + channel) * plane;
            let (x, upstream) = (&x[from..from + plane], &upstream[from..from + plane]);
            for (row, gradient) in upstream.chunks_exact(width).enumerate() {
                for tap_row in 0..3 {
                    // Row `row + tap_row - 1` of the input met this row of the output; outside there were zeros.
                    let Some(source) = (row + tap_row).checked_sub(1).filter(|source| *source < height) else {
                        continue;
                    };
                    let line = &x[source * width..(source + 1) * width];
                    let taps = &mut taps[3 * tap_row..3 * tap_row + 3];
                    taps[0] += products(&line[..width - 1], &gradient[1..]);
                    taps[1] += products(line, gradient);
                    taps[2] += products(&line[1..], &gradient[..width - 1]);
                }
            }
        }
        taps
    };
    let found: Vec<[f32; 9]> = (0..channels).into_par_iter().map(of_channel).collect();
    primitive(found.concat(), [channels, 1, 3, 3])
}
