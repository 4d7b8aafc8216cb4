//! Matrix products with weights that never change. Natively Burn's; in the browser, where Burn's are not laid out for
//! 128-bit registers, our own: the weights lie in panels of eight columns, and six rows of a panel are summed at a time.

use burn::tensor::Device;
#[cfg(not(target_family = "wasm"))]
use burn::tensor::{Tensor, TensorData};

/// `n` matrices of weights, `[inside, columns]` each.
#[derive(Clone, Debug)]
pub(super) struct Weight {
    shape: [usize; 3],
    #[cfg(not(target_family = "wasm"))]
    tensor: Tensor<3>,
    #[cfg(target_family = "wasm")]
    panels: panels::Panels,
}

impl Weight {
    /// From `[n, inside, columns]` in row-major order.
    #[cfg(not(target_family = "wasm"))]
    pub(super) fn new(values: Vec<f32>, shape: [usize; 3], device: &Device) -> Self {
        Self { shape, tensor: Tensor::from_data(TensorData::new(values, shape), device) }
    }

    #[cfg(target_family = "wasm")]
    pub(super) fn new(values: Vec<f32>, shape: [usize; 3], _: &Device) -> Self {
        Self { shape, panels: panels::Panels::new(&values, shape) }
    }

    /// n, inside, columns.
    pub(super) fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// `[n, rows, inside]` times the weights: `[n, rows, columns]`.
    #[cfg(not(target_family = "wasm"))]
    pub(super) fn times(&self, values: Vec<f32>, rows: usize) -> Vec<f32> {
        let [n, inside, _] = self.shape;
        let values = Tensor::<3>::from_data(TensorData::new(values, [n, rows, inside]), &self.tensor.device());
        values.matmul(self.tensor.clone()).into_data().try_into_vec().expect("a product of f32 is f32")
    }

    #[cfg(target_family = "wasm")]
    pub(super) fn times(&self, values: Vec<f32>, rows: usize) -> Vec<f32> {
        self.panels.times(&values, rows)
    }
}

#[cfg(any(test, target_family = "wasm"))]
mod panels {
    /// Columns of a panel: two registers of four numbers.
    const COLUMNS: usize = 8;

    /// Rows that are summed at a time: with two registers each, and the panel's, they fill the sixteen there are.
    const ROWS: usize = 6;

    /// So many numbers of a row are worked on at a time: they and their panels stay in the nearest cache.
    const DEPTH: usize = 256;

    #[derive(Clone, Debug)]
    pub(super) struct Panels {
        shape: [usize; 3],
        /// Matrix by matrix, panel by panel: `[inside, 8]`, zeros behind the last column.
        values: Vec<f32>,
    }

    impl Panels {
        pub(super) fn new(values: &[f32], shape: [usize; 3]) -> Self {
            let [n, inside, columns] = shape;
            assert_eq!(values.len(), n * inside * columns, "weights do not fit their shape");
            let mut all = Vec::with_capacity(n * inside * columns.next_multiple_of(COLUMNS));
            for matrix in values.chunks_exact(inside * columns) {
                for first in (0..columns).step_by(COLUMNS) {
                    let count = COLUMNS.min(columns - first);
                    for row in matrix.chunks_exact(columns) {
                        all.extend_from_slice(&row[first..first + count]);
                        all.extend([0.0; COLUMNS].iter().skip(count));
                    }
                }
            }
            Self { shape, values: all }
        }

        pub(super) fn times(&self, values: &[f32], rows: usize) -> Vec<f32> {
            let [n, inside, columns] = self.shape;
            assert_eq!(values.len(), n * rows * inside, "the matrices do not fit");
            let mut output = vec![0f32; n * rows * columns];
            let panels = self.values.chunks_exact(inside * columns.next_multiple_of(COLUMNS));
            let matrices = values.chunks_exact(rows * inside).zip(panels).zip(output.chunks_exact_mut(rows * columns));
            for ((values, panels), output) in matrices {
                for first in (0..inside).step_by(DEPTH) {
                    let depth = DEPTH.min(inside - first);
                    for (index, panel) in panels.chunks_exact(inside * COLUMNS).enumerate() {
                        let panel = &panel[first * COLUMNS..][..depth * COLUMNS];
                        let columns = Columns { all: columns, first: index * COLUMNS };
                        let mut row = 0;
                        while row + ROWS <= rows {
                            let values = |r: usize| &values[(row + r) * inside + first..][..depth];
                            columns.add::<ROWS>(std::array::from_fn(values), panel, &mut output[row * columns.all..]);
                            row += ROWS;
                        }
                        for row in row..rows {
                            let values = &values[row * inside + first..][..depth];
                            columns.add::<1>([values], panel, &mut output[row * columns.all..]);
                        }
                    }
                }
            }
            output
        }
    }

    /// The columns that a panel gives, of all.
    #[derive(Clone, Copy)]
    struct Columns {
        all: usize,
        first: usize,
    }

    impl Columns {
        /// Adds rows times a panel to the same rows of the output.
        #[inline(always)]
        fn add<const R: usize>(self, rows: [&[f32]; R], panel: &[f32], output: &mut [f32]) {
            let mut sums = [[0f32; COLUMNS]; R];
            let depth = panel.len() / COLUMNS;
            let rows = rows.map(|row| &row[..depth]);
            for (k, weights) in panel.chunks_exact(COLUMNS).enumerate() {
                for r in 0..R {
                    let value = rows[r][k];
                    for column in 0..COLUMNS {
                        sums[r][column] += value * weights[column];
                    }
                }
            }
            let count = COLUMNS.min(self.all - self.first);
            for (sums, output) in sums.iter().zip(output.chunks_mut(self.all)) {
                output[self.first..][..count].iter_mut().zip(sums).for_each(|(output, sum)| *output += sum);
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn panels_multiply_as_worked_out_number_by_number() {
            // Neither rows nor columns fill their blocks; deeper than what is worked on at a time.
            for [n, rows, inside, columns] in [[2, 13, 5, 11], [1, 6, 300, 8], [1, 1, 1, 1], [3, 7, 257, 16]] {
                let numbers = |count: usize, step: usize| -> Vec<f32> {
                    (0..count).map(|index| (index * step % 23) as f32 / 8.0 - 1.0).collect()
                };
                let (values, weights) = (numbers(n * rows * inside, 7), numbers(n * inside * columns, 5));
                let found = Panels::new(&weights, [n, inside, columns]).times(&values, rows);
                for (index, found) in found.iter().enumerate() {
                    let (matrix, row, column) = (index / (rows * columns), index / columns % rows, index % columns);
                    let expected: f32 = (0..inside)
                        .map(|k| {
                            values[(matrix * rows + row) * inside + k]
                                * weights[(matrix * inside + k) * columns + column]
                        })
                        .sum();
                    assert!((found - expected).abs() <= 1e-4 * expected.abs().max(1.0), "{found} is not {expected}");
                }
            }
        }
    }
}
