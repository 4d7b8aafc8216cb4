//! The kernel gradient of a convolution without groups, as one matrix product.

use burn::backend::Flex;
use burn::backend::TensorMetadata;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::Shape;
use rayon::prelude::*;

use super::super::{Primitive, primitive};

/// Most numbers of patches that are laid out at a time: 64 MB.
const MOST_NUMBERS: usize = 16 << 20;

/// dW = dY X', where a row of X' is the patch of the input that one place of the output saw.
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`
/// - `upstream`: `[batch, out, rows, columns]`
/// - output: `kernel`, `[out, channels, kernel height, kernel width]`
pub(super) fn kernel_gradient(
    x: Primitive,
    upstream: Primitive,
    kernel: [usize; 4],
    stride: usize,
    padding: usize,
) -> Primitive {
    let [batch, channels, height, width] = x.shape().dims();
    let [_, out, rows, columns] = upstream.shape().dims();
    let patch = channels * kernel[2] * kernel[3];
    if kernel[2..] == [1, 1] && (stride, padding) == (1, 0) {
        // The patches are the pixels themselves: one product per image, added up.
        let x = Flex::float_reshape(x, Shape::new([batch, channels, height * width]));
        let upstream = Flex::float_reshape(upstream, Shape::new([batch, out, height * width]));
        let each = Flex::float_matmul(upstream, Flex::float_swap_dims(x, 1, 2));
        return Flex::float_reshape(Flex::float_sum_dim(each, 0), Shape::new(kernel));
    }
    let (x, upstream) = (x.to_contiguous(), upstream.to_contiguous());
    let (x, upstream) = (x.storage::<f32>(), upstream.storage::<f32>());
    let places = rows * columns;
    let images = (MOST_NUMBERS / (patch * places)).clamp(1, batch);
    let mut sum: Option<Primitive> = None;
    for first in (0..batch).step_by(images) {
        let images = images.min(batch - first);
        let shape = Patches { channels, height, width, kernel: [kernel[2], kernel[3]], rows, columns, stride, padding };
        let patches = shape.laid_out(&x[first * channels * height * width..], images);
        let patches = primitive(patches, [images * places, patch]);
        let gradient = by_channel(&upstream[first * out * places..], images, out, places);
        let product = Flex::float_matmul(primitive(gradient, [out, images * places]), patches);
        sum = Some(match sum {
            Some(sum) => Flex::float_add(sum, product),
            None => product,
        });
    }
    Flex::float_reshape(sum.expect("a batch has images"), Shape::new(kernel))
}

/// `[images, channels, places]` to `[channels, images, places]`.
fn by_channel(values: &[f32], images: usize, channels: usize, places: usize) -> Vec<f32> {
    let mut turned = vec![0f32; channels * images * places];
    turned.par_chunks_exact_mut(images * places).enumerate().for_each(|(channel, own)| {
        for (image, own) in own.chunks_exact_mut(places).enumerate() {
            own.copy_from_slice(&values[(image * channels + channel) * places..][..places]);
        }
    });
    turned
}

/// What each place of the output sees of the input.
#[derive(Clone, Copy)]
struct Patches {
    channels: usize,
    height: usize,
    width: usize,
    kernel: [usize; 2],
    rows: usize,
    columns: usize,
    stride: usize,
    padding: usize,
}

impl Patches {
    /// `[images, rows, columns, channels, kernel height, kernel width]`; outside the input there are zeros.
    fn laid_out(self, x: &[f32], images: usize) -> Vec<f32> {
        let Self { channels, height, width, kernel: [tall, wide], rows, columns, stride, padding } = self;
        let patch = channels * tall * wide;
        let mut patches = vec![0f32; images * rows * columns * patch];
        patches.par_chunks_exact_mut(columns * patch).enumerate().for_each(|(line, own)| {
            let (image, row) = (line / rows, line % rows);
            let planes = &x[image * channels * height * width..][..channels * height * width];
            for (column, own) in own.chunks_exact_mut(patch).enumerate() {
                // The part of the kernel's row that lies inside the input.
                let left = column * stride;
                let first = padding.saturating_sub(left);
                let last = wide.min((width + padding).saturating_sub(left));
                if first >= last {
                    continue;
                }
                let source = left + first - padding;
                for (plane, own) in planes.chunks_exact(height * width).zip(own.chunks_exact_mut(tall * wide)) {
                    for (step, own) in own.chunks_exact_mut(wide).enumerate() {
                        let Some(y) = (row * stride + step).checked_sub(padding).filter(|y| *y < height) else {
                            continue;
                        };
                        own[first..last].copy_from_slice(&plane[y * width + source..][..last - first]);
                    }
                }
            }
        });
        patches
    }
}
