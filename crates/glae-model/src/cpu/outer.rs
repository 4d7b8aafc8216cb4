//! Sums of outer products, which are the gradients of kernels: of each pixel, every number that a convolution sees times every
//! number of the gradient.
//!
//! Why they are this project's own: libraries of products turn one of the matrices round first, and want all that a
//! convolution sees laid out, nine times the map.

use super::product::Rows;
use super::{Buffer, Simd, WithSimd, all, load, store, widest};

/// Pixels whose products are summed in registers: the piece of the gradient that they are multiplied with, 32 kB, stays in the
/// first cache.
const PIXELS: usize = 256;

/// Registers of columns that are summed side by side.
const WIDE: usize = 2;

/// Rows of sums that one core takes at a time.
const TAKEN: usize = 96;

/// Sums, `[inside, columns]`, over all pixels, of the products of what each sees, `left`, and its gradient, `[pixels, columns]`.
///
/// # Panics
/// If a pixel's numbers do not lie in `left`'s, or the numbers of a row are not a multiple of its pieces.
pub(super) fn outer<S: Fn(usize) -> usize + Sync>(
    left: &Rows<S>,
    inside: usize,
    gradient: &[f32],
    columns: usize,
) -> Buffer {
    let mut sums = Buffer::unwritten(inside * columns);
    let length = inside / left.pieces;
    let pieces = sums.chunks_exact_mut(length * columns).enumerate();
    let parts = pieces.flat_map(|(piece, sums)| {
        let parts = sums.chunks_mut(TAKEN * columns).enumerate();
        parts.map(move |(part, sums)| (piece * left.apart + part * TAKEN, sums))
    });
    all(parts.collect(), 1, |_, (offset, sums)| {
        widest(Part { left, offset, gradient, columns, sums });
    });
    sums
}

/// Some rows of the sums.
struct Part<'a, S> {
    left: &'a Rows<'a, S>,
    /// Of the first row's number from where a pixel's begin.
    offset: usize,
    gradient: &'a [f32],
    columns: usize,
    sums: &'a mut [f32],
}

impl<S: Fn(usize) -> usize> WithSimd for Part<'_, S> {
    type Output = ();

    #[inline(always)]
    fn with_simd<V: Simd>(self, simd: V) {
        let Self { left, offset, gradient, columns, sums } = self;
        sums.fill(0.0);
        let wide = WIDE * V::F32_LANES;
        let pixels = gradient.len() / columns;
        let mut starts = [0; PIXELS];
        let mut panel = Buffer::zeros(PIXELS * wide);
        for from in (0..pixels).step_by(PIXELS) {
            let count = PIXELS.min(pixels - from);
            for (index, start) in starts[..count].iter_mut().enumerate() {
                *start = (left.starts)(from + index) + offset;
            }
            let gradient = &gradient[from * columns..][..count * columns];
            for first in (0..columns).step_by(wide) {
                // Side by side, because rows that lie a power of two apart drive each other out of the first cache.
                let rows = V::as_mut_simd_f32s(&mut panel).0.as_chunks_mut::<WIDE>().0;
                for (to, from) in rows.iter_mut().zip(gradient.chunks_exact(columns)) {
                    for (register, to) in to.iter_mut().enumerate() {
                        let first = first + register * V::F32_LANES;
                        *to = if first < columns { load(simd, from, first) } else { simd.splat_f32s(0.0) };
                    }
                }
                let panel = &V::as_simd_f32s(&panel[..count * wide]).0.as_chunks::<WIDE>().0;
                let block = Block { values: left.values, starts: &starts[..count], panel, columns, first };
                // Registers of AVX2 hold half as many sums as those of others.
                if V::F32_LANES == 8 { block.add::<4>(simd, sums) } else { block.add::<8>(simd, sums) }
            }
        }
    }
}

/// Some pixels, and [`WIDE`] registers of columns of their gradient.
struct Block<'a, V: Simd> {
    values: &'a [f32],
    /// Where the numbers of each pixel begin.
    starts: &'a [usize],
    /// Of each pixel.
    panel: &'a [[V::f32s; WIDE]],
    /// Of the sums.
    columns: usize,
    /// The first of these.
    first: usize,
}

impl<V: Simd> Block<'_, V> {
    /// Adds to all rows of the sums, `H` at a time.
    #[inline(always)]
    fn add<const H: usize>(&self, simd: V, sums: &mut [f32]) {
        let rows = sums.len() / self.columns;
        for row in (0..rows).step_by(H) {
            let taken = H.min(rows - row);
            let sums = &mut sums[row * self.columns..][..taken * self.columns];
            if taken == H && self.columns - self.first >= WIDE * V::F32_LANES {
                self.whole::<H>(simd, sums, row);
            } else {
                self.part::<H>(simd, sums, row);
            }
        }
    }

    #[inline(always)]
    fn whole<const H: usize>(&self, simd: V, sums: &mut [f32], row: usize) {
        let mut own = [[simd.splat_f32s(0.0); WIDE]; H];
        for (start, panel) in self.starts.iter().zip(self.panel) {
            let numbers = self.values[start + row..].first_chunk::<H>().expect("a pixel's numbers lie in the map");
            for (own, number) in own.iter_mut().zip(numbers) {
                multiplied(simd, own, *number, panel);
            }
        }
        for (own, sums) in own.iter().zip(sums.chunks_exact_mut(self.columns)) {
            for (own, sum) in own.iter().zip(V::as_mut_simd_f32s(&mut sums[self.first..]).0) {
                *sum = simd.add_f32s(*sum, *own);
            }
        }
    }

    /// The same where fewer rows or columns are left: what is beyond the last row is computed like it, and left out.
    #[inline(always)]
    fn part<const H: usize>(&self, simd: V, sums: &mut [f32], row: usize) {
        let taken = sums.len() / self.columns;
        let mut own = [[simd.splat_f32s(0.0); WIDE]; H];
        for (start, panel) in self.starts.iter().zip(self.panel) {
            let numbers = &self.values[start + row..][..taken];
            for (index, own) in own.iter_mut().enumerate() {
                multiplied(simd, own, numbers[index.min(taken - 1)], panel);
            }
        }
        for (own, sums) in own.iter().zip(sums.chunks_exact_mut(self.columns)) {
            for (register, own) in own.iter().enumerate() {
                let first = self.first + register * V::F32_LANES;
                if first < sums.len() {
                    let sum = simd.add_f32s(load(simd, sums, first), *own);
                    store(simd, sums, first, sum);
                }
            }
        }
    }
}

/// Adds a number times some registers.
#[inline(always)]
fn multiplied<V: Simd>(simd: V, sums: &mut [V::f32s; WIDE], number: f32, panel: &[V::f32s; WIDE]) {
    let number = simd.splat_f32s(number);
    for (sum, gradient) in sums.iter_mut().zip(panel) {
        *sum = simd.mul_add_e_f32s(number, *gradient, *sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_a_plain_loop() {
        for (pixels, pieces, length, columns) in
            [(1, 1, 1, 1), (5, 3, 7, 9), (300, 2, 19, 40), (600, 1, 100, 64), (40, 3, 8, 33)]
        {
            let apart = length + 2;
            let values: Vec<f32> =
                (0..pixels * 3 + pieces * apart).map(|index| (index * 37 % 101) as f32 - 50.0).collect();
            let gradient: Vec<f32> = (0..pixels * columns).map(|index| (index * 53 % 89) as f32 - 44.0).collect();
            let left = Rows { values: &values, starts: |pixel: usize| pixel * 3, pieces, apart };
            let own = outer(&left, pieces * length, &gradient, columns);
            for row in 0..pieces * length {
                for column in 0..columns {
                    let at = |pixel: usize| values[pixel * 3 + row / length * apart + row % length];
                    let sum: f32 = (0..pixels).map(|pixel| at(pixel) * gradient[pixel * columns + column]).sum();
                    assert_eq!(own[row * columns + column], sum, "{row}, {column} of {pixels} pixels");
                }
            }
        }
    }
}
