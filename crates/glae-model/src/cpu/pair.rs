//! A convolution that sees all channels of one pixel and one that keeps channels apart, in one pass: some rows at a time, so
//! that what lies between them never leaves the processor's cache.

use std::ops::Range;

use super::{Buffer, Conv, Depthwise, Map, View, all, halve};
use crate::layers::{Activation, Fit, Pool};

/// So many numbers lie between both at a time: 128 kB.
const BETWEEN: usize = 1 << 15;

/// Both, each with the activation behind it; where it is `halved`, then the largest of each square of two by two pixels.
///
/// # Panics
/// If the depths do not fit.
pub(super) fn conv_then_depthwise(
    conv: &Conv,
    depthwise: &Depthwise,
    x: View,
    [middle, then]: [Activation; 2],
    halved: bool,
) -> Map {
    let Some(weight) = conv.pointwise() else {
        let between = conv.forward(&x, super::Finish { shortcut: None, then: middle });
        let output = depthwise.forward(&between, then);
        return if halved { output.max_pool(Pool::HALF) } else { output };
    };
    assert_eq!((weight.shape()[1], depthwise.channels()), (x.channels, conv.out()), "the depths do not fit");
    let [rows, columns] = depthwise.fit(&x);
    let (line, whole_line) = (x.width * conv.out(), columns.places * conv.out());
    // So many rows and columns become one.
    let share = if halved { 2 } else { 1 };
    let mut output = x.unwritten(rows.places / share, columns.places / share, conv.out());
    let output_line = output.width * output.channels;
    let outside = Buffer::zeros(line);
    by_bands(&mut output, BETWEEN / line / share, |image, first, piece, high| {
        let high = high * share;
        let most = depthwise.seen(0..high, Fit { before: 0, ..rows }, usize::MAX).len();
        let mut between = Buffer::unwritten(most * line);
        let mut whole = Buffer::unwritten(if halved { high * whole_line } else { 0 });
        // The rows of the map that lie there.
        let mut there: Range<usize> = 0..0;
        for (band, piece) in piece.chunks_mut(high / share * output_line).enumerate() {
            let first = first * share + band * high;
            let high = piece.len() / output_line * share;
            let seen = depthwise.seen(first..first + high, rows, x.height);
            // Neighbouring bands see rows in common.
            let kept = there.end.saturating_sub(seen.start);
            if kept > 0 {
                between.copy_within((seen.start - there.start) * line..there.len() * line, 0);
            }
            let fresh = seen.start + kept..seen.end;
            let pixels = (image * x.height + fresh.start) * x.width * x.channels;
            let pixels = &x.values[pixels..pixels + fresh.len() * x.width * x.channels];
            conv.pixels(weight, pixels, &mut between[kept * line..seen.len() * line], middle);
            let to = if halved { &mut whole[..high * whole_line] } else { &mut *piece };
            for (row, output) in to.chunks_exact_mut(whole_line).enumerate() {
                let lines = |y: Option<usize>| match y {
                    Some(y) => &between[(y - seen.start) * line..][..line],
                    None => &outside,
                };
                depthwise.row(first + row, rows, lines, columns, then, output);
            }
            if halved {
                for (to, two) in piece.chunks_exact_mut(output_line).zip(whole.chunks_exact(2 * whole_line)) {
                    let (above, below) = two.split_at(whole_line);
                    halve(to, above, below, conv.out());
                }
            }
            there = seen;
        }
    });
    output
}

/// Both, each with the activation behind it.
///
/// # Panics
/// If the depths do not fit.
pub(super) fn depthwise_then_conv(depthwise: &Depthwise, conv: &Conv, x: View, [middle, then]: [Activation; 2]) -> Map {
    let Some(weight) = conv.pointwise() else {
        let between = depthwise.forward(&x, middle);
        return conv.forward(&between, super::Finish { shortcut: None, then });
    };
    assert_eq!((depthwise.channels(), weight.shape()[1]), (x.channels, x.channels), "the depths do not fit");
    let [rows, columns] = depthwise.fit(&x);
    let (line, output_line) = (columns.places * x.channels, columns.places * conv.out());
    let mut output = x.unwritten(rows.places, columns.places, conv.out());
    let outside = Buffer::zeros(x.width * x.channels);
    by_bands(&mut output, BETWEEN / line, |image, first, piece, high| {
        let mut between = Buffer::unwritten(high * line);
        for (band, piece) in piece.chunks_mut(high * output_line).enumerate() {
            let first = first + band * high;
            let between = &mut between[..piece.len() / output_line * line];
            for (row, between) in between.chunks_exact_mut(line).enumerate() {
                let lines = |y: Option<usize>| y.map_or(&outside[..], |y| x.line(image * x.height + y));
                depthwise.row(first + row, rows, lines, columns, middle, between);
            }
            conv.pixels(weight, between, piece, then);
        }
    });
    output
}

/// Gives each core some rows of an image: the image, the first of the rows, where they are to be written, and how many rows
/// make a band of about `high`.
fn by_bands(output: &mut Map, high: usize, work: impl Fn(usize, usize, &mut [f32], usize) + Send + Sync) {
    let (batch, rows, line) = (output.batch, output.height, output.width * output.channels);
    let per_piece = rows.div_ceil(super::cores().div_ceil(batch));
    let high = high.clamp(1, per_piece);
    let images = output.values.chunks_exact_mut(rows * line).enumerate();
    let pieces = images.flat_map(|(image, values)| {
        values.chunks_mut(per_piece * line).enumerate().map(move |(index, piece)| (image, index * per_piece, piece))
    });
    all(pieces.collect(), 1, |_, (image, first, piece)| work(image, first, piece, high));
}

#[cfg(test)]
mod tests {
    use super::super::Finish;
    use super::super::tests::random;
    use super::*;
    use crate::layers::Step;

    fn numbers(length: usize) -> Vec<f32> {
        (0..length).map(|index| (index * 37 % 101) as f32 * 0.01 - 0.5).collect()
    }

    /// Both ways, one after the other and in one pass, at these strides of the depthwise one.
    fn compare(shape: [usize; 4], out: usize, side: usize, stride: usize) {
        let channels = shape[1];
        let (x, _) = random(shape);
        let conv = |from: usize, to: usize| {
            let shape = [to, from, side, side];
            Conv::new(&numbers(shape.iter().product()), numbers(to), shape, Step::half(1), (0, [0; 2]))
        };
        let then = [Activation::Relu, Activation::Relu6];
        let finish = |then| Finish { shortcut: None, then };
        let (point, depthwise) = (conv(channels, out), Depthwise::new(&numbers(9 * out), numbers(out), stride));
        assert_eq!(
            conv_then_depthwise(&point, &depthwise, x.view(), then, false),
            depthwise.forward(&point.forward(&x, finish(then[0])), then[1]),
        );
        if shape[2].min(shape[3]) > stride {
            assert_eq!(
                conv_then_depthwise(&point, &depthwise, x.view(), then, true),
                depthwise.forward(&point.forward(&x, finish(then[0])), then[1]).max_pool(Pool::HALF),
            );
        }
        let (depthwise, point) = (Depthwise::new(&numbers(9 * channels), numbers(channels), stride), point);
        assert_eq!(
            depthwise_then_conv(&depthwise, &point, x.view(), then),
            point.forward(&depthwise.forward(&x, then[0]), finish(then[1])),
        );
    }

    #[test]
    fn one_pass_gives_what_two_give() {
        for stride in [1, 2] {
            for [height, width] in [[1, 1], [2, 5], [7, 6], [40, 33]] {
                compare([2, 12, height, width], 20, 1, stride);
            }
            // More rows than a band has.
            compare([1, 64, 40, 40], 64, 1, stride);
            // Not a single pixel at a time.
            compare([2, 8, 6, 7], 8, 3, stride);
        }
    }
}
