//! Products with matrices of weights, which are laid out once for all that will be multiplied with them.
//!
//! Natively the products are Burn's, whose kernels are chosen by what the processor can do. In browsers there are 128-bit
//! registers and no choice, and Burn lays a matrix out anew in every product: there they are computed here.

/// A batch of matrices, `[n, inside, columns]`.
#[cfg(not(target_family = "wasm"))]
pub(super) type Matrices = burns::Matrices;
#[cfg(target_family = "wasm")]
pub(super) type Matrices = panels::Matrices;

/// By Burn.
#[cfg(not(target_family = "wasm"))]
pub(super) mod burns {
    use burn::tensor::{Device, Tensor, TensorData};

    #[derive(Clone, Debug)]
    pub(in super::super) struct Matrices(Tensor<3>);

    impl Matrices {
        /// # Panics
        /// If there are more or fewer numbers than the shape says.
        pub(in super::super) fn new(values: Vec<f32>, shape: [usize; 3], device: &Device) -> Self {
            Self(tensor(values, shape, device))
        }

        /// `[n, inside, columns]`
        pub(in super::super) fn shape(&self) -> [usize; 3] {
            self.0.dims()
        }

        /// `[n, rows, inside] x [n, inside, columns]`
        pub(in super::super) fn multiplied(&self, values: Vec<f32>, rows: usize) -> Vec<f32> {
            product(values, rows, &self.0)
        }
    }

    /// Matrix products `[n, rows, inside] x [n, inside, columns]`.
    pub(in super::super) fn product(values: Vec<f32>, rows: usize, weight: &Tensor<3>) -> Vec<f32> {
        let [n, inside, _] = weight.dims();
        numbers(tensor(values, [n, rows, inside], &weight.device()).matmul(weight.clone()))
    }

    pub(in super::super) fn tensor(values: Vec<f32>, shape: [usize; 3], device: &Device) -> Tensor<3> {
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    pub(in super::super) fn numbers(tensor: Tensor<3>) -> Vec<f32> {
        tensor.into_data().try_into_vec().expect("a product of f32 is f32")
    }
}

/// By ourselves.
#[cfg(any(test, target_family = "wasm"))]
mod panels {
    use burn::tensor::Device;

    /// Columns of a panel: two registers.
    const WIDE: usize = 8;

    /// Rows that are multiplied side by side: with as many sums as fit into sixteen registers.
    const HIGH: usize = 4;

    #[derive(Clone, Debug)]
    pub(in super::super) struct Matrices {
        /// Eight columns next to each other, with zeros behind the last: `[n, columns / 8, inside, 8]`.
        panels: Vec<[f32; WIDE]>,
        shape: [usize; 3],
    }

    impl Matrices {
        /// # Panics
        /// If there are more or fewer numbers than the shape says.
        pub(in super::super) fn new(values: Vec<f32>, shape: [usize; 3], _device: &Device) -> Self {
            let [n, inside, columns] = shape;
            assert_eq!(values.len(), n * inside * columns, "one number for each place");
            let mut panels = Vec::with_capacity(n * inside * columns.div_ceil(WIDE));
            for matrix in values.chunks_exact(inside * columns) {
                for first in (0..columns).step_by(WIDE) {
                    let taken = WIDE.min(columns - first);
                    panels.extend(matrix.chunks_exact(columns).map(|row| {
                        let mut wide = [0f32; WIDE];
                        wide[..taken].copy_from_slice(&row[first..][..taken]);
                        wide
                    }));
                }
            }
            Self { panels, shape }
        }

        /// `[n, inside, columns]`
        pub(in super::super) fn shape(&self) -> [usize; 3] {
            self.shape
        }

        /// `[n, rows, inside] x [n, inside, columns]`
        pub(in super::super) fn multiplied(&self, values: Vec<f32>, rows: usize) -> Vec<f32> {
            let [n, inside, columns] = self.shape;
            assert_eq!(values.len(), n * rows * inside, "one number for each place");
            let mut products = vec![0f32; n * rows * columns];
            let matrices = self.panels.chunks_exact(inside * columns.div_ceil(WIDE));
            let pairs = values.chunks_exact(rows * inside).zip(products.chunks_exact_mut(rows * columns));
            for (panels, (values, products)) in matrices.zip(pairs) {
                for (index, panel) in panels.chunks_exact(inside).enumerate() {
                    let mut to = products.chunks_mut(HIGH * columns);
                    for (values, to) in values.chunks(HIGH * inside).zip(&mut to) {
                        let to = Target { values: to, columns, first: index * WIDE };
                        match values.len() / inside {
                            HIGH => block::<HIGH>(values, panel, to),
                            3 => block::<3>(values, panel, to),
                            2 => block::<2>(values, panel, to),
                            _ => block::<1>(values, panel, to),
                        }
                    }
                }
            }
            products
        }
    }

    /// Where the sums of a block belong.
    struct Target<'a> {
        /// Whole rows.
        values: &'a mut [f32],
        columns: usize,
        /// The panel's first column.
        first: usize,
    }

    /// So many rows times a panel.
    fn block<const ROWS: usize>(values: &[f32], panel: &[[f32; WIDE]], to: Target) {
        let rows: [&[f32]; ROWS] = std::array::from_fn(|row| &values[row * panel.len()..][..panel.len()]);
        let mut sums = [[0f32; WIDE]; ROWS];
        for (index, wide) in panel.iter().enumerate() {
            for (sums, row) in sums.iter_mut().zip(rows) {
                let value = row[index];
                sums.iter_mut().zip(wide).for_each(|(sum, weight)| *sum += value * weight);
            }
        }
        let taken = WIDE.min(to.columns - to.first);
        for (row, sums) in to.values.chunks_exact_mut(to.columns).zip(sums) {
            row[to.first..][..taken].copy_from_slice(&sums[..taken]);
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution, Tensor};

    use super::super::tests::assert_near;
    use super::*;

    #[test]
    fn both_ways_give_the_same_products() {
        let device = Device::flex();
        device.seed(5);
        let random = |shape: [usize; 3]| -> Vec<f32> {
            Tensor::<3>::random(shape, Distribution::Normal(0.0, 1.0), &device).into_data().try_into_vec().unwrap()
        };
        for (n, rows, inside, columns) in
            [(1, 1, 1, 1), (2, 4, 3, 8), (3, 7, 16, 101), (36, 2, 32, 16), (1, 9, 147, 13)]
        {
            let (values, weights) = (random([n, rows, inside]), random([n, inside, columns]));
            let own = panels::Matrices::new(weights.clone(), [n, inside, columns], &device);
            let burns = Matrices::new(weights, [n, inside, columns], &device);
            assert_eq!(own.shape(), burns.shape());
            assert_near(&own.multiplied(values.clone(), rows), &burns.multiplied(values, rows));
        }
    }
}
