//! Products with matrices of weights, which are laid out once for all that will be multiplied with them.
//!
//! Why they are this project's own: libraries of products lay both matrices out anew in every product, which for the small
//! maps of these networks takes as long as the product itself, and none reads a convolution's rows where they lie in the
//! map. Registers and instructions are chosen by `pulp`: AVX-512, AVX2, NEON, or the 128 bits of browsers.

use super::{Buffer, Simd, WithSimd, all, bounded, widest};
use crate::layers::Activation;

/// Registers of columns that are summed side by side.
const WIDE: usize = 2;

/// Rows that are multiplied with [`WIDE`] registers of columns at a time: these sums stay in registers, of which AVX2 and
/// browsers have 16.
const HIGH: usize = if cfg!(target_family = "wasm") { 4 } else { 6 };

/// The same for a single register of columns: where each row lies has to stay in a register, too.
const HIGHER: usize = 8;

/// Rows of a matrix that are laid out at a time.
const ROWS: usize = 32;

/// A batch of matrices, `[n, inside, columns]`.
#[derive(Clone, Debug)]
pub(super) struct Matrices {
    /// For each matrix panels of [`WIDE`] registers of columns, the last one of a single register where that holds the rest;
    /// `[inside, columns of the panel]` each, with zeros behind the last column.
    panels: Buffer,
    shape: [usize; 3],
}

/// The left matrices of a product, where they lie: a row is some pieces that lie equally far apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows<'a, S> {
    /// All numbers.
    pub(super) values: &'a [f32],
    /// Where each row begins.
    pub(super) starts: S,
    /// Pieces of a row.
    pub(super) pieces: usize,
    /// From the beginning of one piece to that of the next.
    pub(super) apart: usize,
}

impl Matrices {
    /// # Panics
    /// If there are more or fewer numbers than the shape says.
    #[cfg(any(feature = "loss", test))]
    pub(super) fn new(values: &[f32], shape: [usize; 3]) -> Self {
        let [n, inside, columns] = shape;
        assert_eq!(values.len(), n * inside * columns, "one number for each place");
        Self::written(shape, |[row, column], width, pieces| {
            for (piece, matrix) in pieces.iter_mut().zip(values.chunks_exact(inside * columns)) {
                let rows = matrix[row * columns..].chunks_exact(columns);
                for (to, from) in piece.chunks_exact_mut(width).zip(rows) {
                    // One by one, which for so few is quicker than a call that copies them.
                    to.iter_mut().zip(&from[column..]).for_each(|(to, from)| *to = *from);
                }
            }
        })
    }

    /// The one matrix `[side * side * channels, out]` of a kernel, `[out, channels, side, side]` in row-major order.
    ///
    /// # Panics
    /// If there are more or fewer numbers than the shape says.
    pub(super) fn of_kernel(weight: &[f32], [out, channels, side, _]: [usize; 4]) -> Self {
        let (places, size) = (side * side, channels * side * side);
        assert_eq!(weight.len(), out * size, "one number for each place");
        Self::written([1, size, out], |[row, column], width, pieces| {
            for (to, kernel) in weight[column * size..].chunks_exact(size).take(width).enumerate() {
                let (mut place, mut channel) = (row / channels, row % channels);
                for to in pieces[0][to..].iter_mut().step_by(width) {
                    *to = kernel[channel * places + place];
                    channel += 1;
                    if channel == channels {
                        (place, channel) = (place + 1, 0);
                    }
                }
            }
        })
    }

    /// Matrices of this shape that `write` fills piece by piece. It gets the first row and the first column of a piece, how wide
    /// the piece is, and that piece of each matrix, which may reach beyond the last column.
    pub(super) fn written(shape: [usize; 3], write: impl Fn([usize; 2], usize, &mut [&mut [f32]]) + Sync) -> Self {
        let [n, inside, columns] = shape;
        let lanes = widest(Lanes);
        // First column of each panel.
        let starts = std::iter::successors(Some(0), |first| Some(first + panel(columns - first, lanes)));
        let starts: Vec<usize> = starts.take_while(|first| *first < columns).collect();
        let mut panels = Buffer::unwritten(n * inside * columns.next_multiple_of(lanes));
        let corners = starts.iter().flat_map(|first| (0..inside).step_by(ROWS).map(move |row| [row, *first]));
        let mut pieces: Vec<_> = corners.map(|corner| (corner, Vec::with_capacity(n))).collect();
        let mut rest = &mut panels[..];
        for _ in 0..n {
            let mut pieces = pieces.iter_mut();
            for first in &starts {
                let width = panel(columns - first, lanes);
                let panel;
                (panel, rest) = rest.split_at_mut(inside * width);
                for (piece, (_, pieces)) in panel.chunks_mut(ROWS * width).zip(&mut pieces) {
                    pieces.push(piece);
                }
            }
        }
        all(pieces, 1, |_, (corner, mut pieces)| {
            let width = panel(columns - corner[1], lanes);
            if columns - corner[1] < width {
                pieces.iter_mut().for_each(|piece| piece.fill(0.0));
            }
            write(corner, width, &mut pieces);
        });
        Self { panels, shape }
    }

    /// `[n, inside, columns]`
    pub(super) fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// `[n, rows, inside] x [n, inside, columns]`
    ///
    /// # Panics
    /// If there are more or fewer numbers than the shapes say.
    pub(super) fn multiplied(&self, values: &[f32], rows: usize) -> Buffer {
        let [n, inside, columns] = self.shape;
        assert_eq!(values.len(), n * rows * inside, "one number for each place");
        let mut products = Buffer::unwritten(n * rows * columns);
        for index in 0..n {
            let starts = |row| (index * rows + row) * inside;
            let left = Rows { values, starts, pieces: 1, apart: 0 };
            let products = &mut products[index * rows * columns..][..rows * columns];
            widest(Product { matrices: self, index, left, bias: &[], range: Activation::Linear.range(), products });
        }
        products
    }

    /// The product of some rows and the only matrix, with a bias (`[columns]`, or none) and then the activation, into
    /// `products`, `[rows, columns]`.
    ///
    /// # Panics
    /// If a row does not lie in its numbers, or the pieces of one are not equally long.
    pub(super) fn multiply<S: Fn(usize) -> usize>(
        &self,
        left: Rows<S>,
        bias: &[f32],
        then: Activation,
        products: &mut [f32],
    ) {
        widest(Product { matrices: self, index: 0, left, bias, range: then.range(), products });
    }
}

/// Columns of the panel that holds the first of so many columns.
fn panel(columns: usize, lanes: usize) -> usize {
    if columns > lanes { WIDE * lanes } else { lanes }
}

/// How many f32 a register holds.
struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}

/// One product.
struct Product<'a, S> {
    matrices: &'a Matrices,
    /// Of the matrix.
    index: usize,
    left: Rows<'a, S>,
    /// For each column, or none.
    bias: &'a [f32],
    /// Of the activation.
    range: [f32; 2],
    products: &'a mut [f32],
}

impl<S: Fn(usize) -> usize> WithSimd for Product<'_, S> {
    type Output = ();

    #[inline(always)]
    fn with_simd<V: Simd>(self, simd: V) {
        let Self { matrices: Matrices { panels, shape: [n, inside, columns] }, index, left, bias, range, products } =
            self;
        let mut panels = &panels[index * (panels.len() / n)..];
        let mut first = 0;
        while first < *columns {
            let wide = panel(columns - first, V::F32_LANES);
            let own;
            (own, panels) = panels.split_at(inside * wide);
            let bias = bias.get(first..(first + wide).min(*columns)).unwrap_or_default();
            let mut to = Columns { products: &mut *products, all: *columns, first, bias, range };
            if wide == V::F32_LANES {
                to.fill::<S, V, 1, HIGHER>(simd, &left, own);
            } else {
                to.fill::<S, V, WIDE, HIGH>(simd, &left, own);
            }
            first += wide;
        }
    }
}

/// Some columns of a product.
struct Columns<'a> {
    products: &'a mut [f32],
    /// Columns of the whole product.
    all: usize,
    /// The first of these.
    first: usize,
    /// For each of these, or none.
    bias: &'a [f32],
    /// Of the activation.
    range: [f32; 2],
}

impl Columns<'_> {
    /// All rows times a panel of `W` registers, `H` rows at a time.
    #[inline(always)]
    fn fill<S: Fn(usize) -> usize, V: Simd, const W: usize, const H: usize>(
        &mut self,
        simd: V,
        left: &Rows<S>,
        panel: &[f32],
    ) {
        let panel = V::as_simd_f32s(panel).0.as_chunks::<W>().0;
        let mut begin = [simd.splat_f32s(0.0); W];
        for (begin, bias) in begin.iter_mut().zip(self.bias.chunks(V::F32_LANES)) {
            *begin = simd.partial_load_f32s(bias);
        }
        let rows = self.products.len() / self.all;
        let mut row = 0;
        while row < rows {
            // Few rows that are left are not worth all sums.
            row += match rows - row {
                1 => self.block::<S, V, W, 1>(simd, left, panel, begin, row, 1),
                few @ 2..=3 => self.block::<S, V, W, 3>(simd, left, panel, begin, row, few),
                many => self.block::<S, V, W, H>(simd, left, panel, begin, row, many.min(H)),
            };
        }
    }

    /// So many of `H` rows, from `row` on, times a panel, added to `begin`; returns how many. Missing ones are the last one
    /// again.
    #[inline(always)]
    fn block<S: Fn(usize) -> usize, V: Simd, const W: usize, const H: usize>(
        &mut self,
        simd: V,
        left: &Rows<S>,
        panel: &[[V::f32s; W]],
        begin: [V::f32s; W],
        row: usize,
        taken: usize,
    ) -> usize {
        let mut starts = [0; H];
        for (index, start) in starts.iter_mut().enumerate() {
            *start = (left.starts)(row + index.min(taken - 1));
        }
        let mut sums = [begin; H];
        let length = panel.len() / left.pieces;
        for (piece, panel) in panel.chunks_exact(length).enumerate() {
            let mut rows = [[].as_slice(); H];
            for (row, start) in rows.iter_mut().zip(&starts) {
                *row = &left.values[start + piece * left.apart..][..panel.len()];
            }
            for (inside, weights) in panel.iter().enumerate() {
                for (sums, row) in sums.iter_mut().zip(&rows) {
                    let value = simd.splat_f32s(row[inside]);
                    for (sum, weight) in sums.iter_mut().zip(weights) {
                        *sum = simd.mul_add_e_f32s(value, *weight, *sum);
                    }
                }
            }
        }
        let products = &mut self.products[row * self.all..][..taken * self.all];
        for (index, sums) in sums.iter().enumerate() {
            // Not `take(taken)`: indices that the compiler does not know would keep the sums out of registers.
            if index < taken {
                let line = &mut products[index * self.all + self.first..(index + 1) * self.all];
                if let Some(whole) = V::as_mut_simd_f32s(line).0.first_chunk_mut::<W>() {
                    for (sum, to) in sums.iter().zip(whole) {
                        *to = bounded(simd, *sum, self.range);
                    }
                } else {
                    // Fewer columns are left than the panel has.
                    for (sum, to) in sums.iter().zip(line.chunks_mut(V::F32_LANES)) {
                        simd.partial_store_f32s(to, bounded(simd, *sum, self.range));
                    }
                }
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution, Tensor};

    use super::super::tests::assert_near;
    use super::*;

    #[test]
    fn products_are_burns() {
        let device = Device::flex();
        let _turn = crate::seeded(&device, 5);
        let random = |shape: [usize; 3]| Tensor::<3>::random(shape, Distribution::Normal(0.0, 1.0), &device);
        let numbers = |tensor: Tensor<3>| tensor.into_data().try_into_vec::<f32>().unwrap();
        for (n, rows, inside, columns) in [
            (1, 1, 1, 1),
            (2, 4, 3, 8),
            (3, 7, 16, 101),
            (36, 2, 32, 16),
            (1, 9, 147, 13),
            (1, 3, 5, 33),
            (1, 40, 8, 48),
        ] {
            let (values, weights) = (random([n, rows, inside]), random([n, inside, columns]));
            let own = Matrices::new(&numbers(weights.clone()), [n, inside, columns]);
            assert_eq!(own.shape(), [n, inside, columns]);
            assert_near(&own.multiplied(&numbers(values.clone()), rows), &numbers(values.matmul(weights)));
        }
    }

    #[test]
    fn rows_are_read_where_they_lie() {
        // Two pieces of three numbers, four numbers apart; rows begin at 0 and 2.
        let values: Vec<f32> = (0..9).map(|value| value as f32).collect();
        let weight: Vec<f32> = (0..6).map(|value| (value + 1) as f32).collect();
        let matrix = Matrices::new(&weight, [1, 6, 1]);
        let mut products = [0.0; 2];
        let rows = Rows { values: &values, starts: |row: usize| 2 * row, pieces: 2, apart: 4 };
        matrix.multiply(rows, &[], Activation::Linear, &mut products);
        // 0 1 2 4 5 6 and 2 3 4 6 7 8, times 1 2 3 4 5 6.
        assert_eq!(products, [85.0, 127.0]);
        matrix.multiply(rows, &[-100.0], Activation::Relu, &mut products);
        assert_eq!(products, [0.0, 27.0]);
    }
}
