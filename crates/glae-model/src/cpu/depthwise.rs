//! 3x3 convolutions that keep channels apart.

use std::ops::Range;

use super::{Buffer, Map, Simd, View, WithSimd, bounded, each, inside, store, widest};
use crate::layers::{Activation, Fit, Step, by_place};

/// So many numbers of a row are written before the next strip of channels is looked at: 8 kB, which with the 24 kB of the map
/// that they are made of stay in the first cache while strip after strip reads them.
const STRETCH: usize = 1 << 11;

/// A depthwise convolution, 3 x 3, with its bias, padded as [`crate::layers::Padding::Same`]: one pixel all round at stride 1.
#[derive(Clone, Debug)]
pub struct Depthwise {
    /// `[9, channels]`
    weight: Vec<f32>,
    bias: Vec<f32>,
    stride: usize,
}

impl Depthwise {
    /// # Shapes
    /// - `weight`: `[channels, 1, 3, 3]` in row-major order; `bias`: `[channels]`
    ///
    /// # Panics
    /// If they do not fit.
    pub fn new(weight: &[f32], bias: Vec<f32>, stride: usize) -> Self {
        let channels = bias.len();
        assert_eq!(weight.len(), 9 * channels, "weights do not fit the bias");
        Self { weight: by_place(weight, [channels, 1, 3, 3]), bias, stride }
    }

    /// The convolution, then the activation.
    ///
    /// # Panics
    /// If the map has another depth.
    pub fn forward<V: AsRef<[f32]>>(&self, x: &Map<V>, then: Activation) -> Map {
        let x = x.view();
        assert_eq!(self.channels(), x.channels, "the convolution takes another depth");
        let [rows, columns] = self.fit(&x);
        let mut output = x.unwritten(rows.places, columns.places, x.channels);
        let outside = Buffer::zeros(x.width * x.channels);
        each(&mut output.values, columns.places * x.channels, |index, output| {
            let (image, row) = (index / rows.places, index % rows.places);
            self.row(row, rows, |y| y.map_or(&outside, |y| x.line(image * x.height + y)), columns, then, output);
        });
        output
    }

    /// Channels of input and output.
    pub(super) fn channels(&self) -> usize {
        self.bias.len()
    }

    /// How it lies on a map: rows and columns.
    pub(super) fn fit(&self, x: &View) -> [Fit; 2] {
        [x.height, x.width].map(|length| Step::same(self.stride).fit(length, 3))
    }

    /// The rows of the map that some rows of the output see.
    pub(super) fn seen(&self, rows: Range<usize>, fit: Fit, height: usize) -> Range<usize> {
        let end = (rows.end - 1) * self.stride + 3;
        (rows.start * self.stride).saturating_sub(fit.before)..(end - fit.before).min(height)
    }

    /// A row of the output, then the activation. `line` gives rows of the map, and zeros for `None`.
    pub(super) fn row<'a>(
        &self,
        row: usize,
        rows: Fit,
        line: impl Fn(Option<usize>) -> &'a [f32],
        columns: Fit,
        then: Activation,
        output: &mut [f32],
    ) {
        let height = rows.length;
        let lines = std::array::from_fn(|tap| line(inside(row * self.stride + tap, rows.before, height)));
        widest(Row { conv: self, lines, columns, range: then.range(), output });
    }
}

/// One row of the output.
struct Row<'a> {
    conv: &'a Depthwise,
    /// The three rows of the map that it sees.
    lines: [&'a [f32]; 3],
    columns: Fit,
    /// Of the activation.
    range: [f32; 2],
    output: &'a mut [f32],
}

impl WithSimd for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let channels = self.conv.channels();
        let whole = channels - channels % S::F32_LANES;
        let places = self.output.len() / channels;
        // So few pixels that what they see stays in the first cache while strip after strip reads it.
        let stretch = (STRETCH / channels).max(1);
        for from in (0..places).step_by(stretch) {
            let to = (from + stretch).min(places);
            for first in (0..whole).step_by(S::F32_LANES) {
                self.strip(simd, from..to, first, |numbers| {
                    S::as_simd_f32s(&numbers[first..first + S::F32_LANES]).0[0]
                });
            }
            if whole < channels {
                self.strip(simd, from..to, whole, |numbers| simd.partial_load_f32s(&numbers[whole..]));
            }
        }
    }
}

impl Row<'_> {
    /// As many channels as a register holds, from `first` on, in some pixels. `load` gives those of a pixel or of a place of
    /// the weights. Each column of the map is read once and added to all sums that see it, so that weights and sums stay in
    /// registers, of which browsers have 16, and columns need not.
    #[inline(always)]
    fn strip<S: Simd>(&mut self, simd: S, places: Range<usize>, first: usize, load: impl Fn(&[f32]) -> S::f32s) {
        let Self { conv: Depthwise { weight, bias, stride }, lines, columns, range, output } = self;
        let channels = bias.len();
        let mut weights = [simd.splat_f32s(0.0); 9];
        for (own, weight) in weights.iter_mut().zip(weight.chunks_exact(channels)) {
            *own = load(weight);
        }
        let bias = load(bias);
        let nothing = [simd.splat_f32s(0.0); 3];
        // A column of the map: the numbers in its three rows.
        let column = |place: usize| match inside(place, columns.before, columns.length) {
            Some(at) => {
                let (start, end) = (at * channels, (at + 1) * channels);
                [load(&lines[0][start..end]), load(&lines[1][start..end]), load(&lines[2][start..end])]
            }
            None => nothing,
        };
        // The sum with what it sees of the map as this column of the kernel.
        let add = |mut sum: S::f32s, seen: [S::f32s; 3], column: usize| {
            for (row, number) in seen.into_iter().enumerate() {
                sum = simd.mul_add_e_f32s(number, weights[row * 3 + column], sum);
            }
            sum
        };
        let put = |to: &mut [f32], sum: S::f32s| {
            store(simd, to, first, bounded(simd, sum, *range));
        };
        let Range { start, end } = places;
        let mut output = output[start * channels..end * channels].chunks_exact_mut(channels);
        let mut sum = add(bias, column(start * *stride), 0);
        if *stride != 1 {
            for (place, to) in (start..end).zip(output) {
                let next = column((place + 1) * *stride);
                put(to, add(add(sum, column(place * *stride + 1), 1), next, 2));
                sum = add(bias, next, 0);
            }
            return;
        }
        let seen = column(start + 1);
        let mut behind = add(bias, seen, 0);
        sum = add(sum, seen, 1);
        // The last column that the last pixel of a row sees is outside of the map.
        let whole = start + 1..end.min(columns.length - 1) + 1;
        let [above, at, below] =
            lines.map(|line| line[whole.start * channels..whole.end * channels].chunks_exact(channels));
        for (((above, at), below), to) in above.zip(at).zip(below).zip(&mut output) {
            let mut fresh = bias;
            for (row, pixel) in [above, at, below].into_iter().enumerate() {
                let number = load(pixel);
                sum = simd.mul_add_e_f32s(number, weights[row * 3 + 2], sum);
                behind = simd.mul_add_e_f32s(number, weights[row * 3 + 1], behind);
                fresh = simd.mul_add_e_f32s(number, weights[row * 3], fresh);
            }
            put(to, sum);
            (sum, behind) = (behind, fresh);
        }
        if let Some(to) = output.next() {
            put(to, add(sum, nothing, 2));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_same, burns, random};
    use super::*;
    use burn::tensor::activation::relu;
    use burn::tensor::{Device, Distribution, Tensor};

    #[test]
    fn what_is_no_number_stays_none() {
        let conv = Depthwise::new(&[1.0; 9 * 17], vec![0.0; 17], 1);
        let map = Map { batch: 1, height: 1, width: 1, channels: 17, values: vec![f32::NAN; 17] };
        assert!(conv.forward(&map, Activation::Relu6).values.iter().all(|value| value.is_nan()));
    }

    #[test]
    fn a_depthwise_convolution_is_burns() {
        let small = [([5, 7], 1), ([1, 1], 1), ([2, 1], 1), ([8, 6], 2), ([7, 5], 2), ([1, 2], 2)];
        // More pixels in a row than one stretch has, and as many.
        let wide = STRETCH / 36;
        let wide = [([2, 2 * wide + 3], 1), ([3, 2 * wide], 1), ([3, 4 * wide + 5], 2), ([2, 2 * wide], 2)];
        for ([height, width], stride) in small.into_iter().chain(wide) {
            let device = Device::flex();
            let turn = crate::seeded(&device, 3);
            let weight = Tensor::<4>::random([36, 1, 3, 3], Distribution::Normal(0.0, 2.5), &device);
            let bias = Tensor::<1>::random([36], Distribution::Normal(0.0, 1.0), &device);
            drop(turn);
            let (map, planes) = random([2, 36, height, width]);
            let own = Depthwise::new(
                &weight.clone().into_data().try_to_vec::<f32>().unwrap(),
                bias.clone().into_data().try_to_vec().unwrap(),
                stride,
            );
            let expected = burns(planes, weight, Some(bias), Step::same(stride), 36);
            assert_same(&own.forward(&map, Activation::Linear), expected.clone());
            assert_same(&own.forward(&map, Activation::Relu), relu(expected.clone()));
            assert_same(&own.forward(&map, Activation::Relu6), expected.clamp(0.0, 6.0));
        }
    }
}
