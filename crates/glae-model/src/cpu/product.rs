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

    use four::Four;

    /// Columns of a panel: two registers.
    const WIDE: usize = 8;

    /// Rows that are multiplied side by side; more sums than these would not stay in registers.
    const HIGH: usize = 4;

    #[derive(Clone, Debug)]
    pub(in super::super) struct Matrices {
        /// Eight columns next to each other, with zeros behind the last: `[n, columns / 8, inside, 8]`.
        panels: Vec<[Four; 2]>,
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
                        let [a, b, c, d, e, f, g, h] = wide;
                        [Four::new([a, b, c, d]), Four::new([e, f, g, h])]
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
            // Four rows next to each other, number by number; behind the last row are zeros.
            let mut packed = vec![[0f32; HIGH]; rows.div_ceil(HIGH) * inside];
            let matrices = self.panels.chunks_exact(inside * columns.div_ceil(WIDE));
            let pairs = values.chunks_exact(rows * inside).zip(products.chunks_exact_mut(rows * columns));
            for (panels, (values, products)) in matrices.zip(pairs) {
                for (row, values) in values.chunks_exact(inside).enumerate() {
                    let block = &mut packed[row / HIGH * inside..][..inside];
                    block.iter_mut().zip(values).for_each(|(to, value)| to[row % HIGH] = *value);
                }
                for (index, panel) in panels.chunks_exact(inside).enumerate() {
                    let first = index * WIDE;
                    let taken = WIDE.min(columns - first);
                    for (block, to) in packed.chunks_exact(inside).zip(products.chunks_mut(HIGH * columns)) {
                        for (row, sums) in to.chunks_exact_mut(columns).zip(sums(block, panel)) {
                            let sums = sums.map(Four::numbers);
                            row[first..][..taken].copy_from_slice(&sums.as_flattened()[..taken]);
                        }
                    }
                }
            }
            products
        }
    }

    /// Four rows times a panel.
    fn sums(block: &[[f32; HIGH]], panel: &[[Four; 2]]) -> [[Four; 2]; HIGH] {
        let mut sums = [[Four::of(0.0); 2]; HIGH];
        for (values, weights) in block.iter().zip(panel) {
            for (sums, value) in sums.iter_mut().zip(values) {
                let value = Four::of(*value);
                sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum = sum.plus_product(value, *weight));
            }
        }
        sums
    }

    /// Four numbers in a register of browsers.
    #[cfg(target_family = "wasm")]
    mod four {
        use std::arch::wasm32::{f32x4, f32x4_add, f32x4_extract_lane, f32x4_mul, f32x4_splat, v128};

        #[derive(Clone, Copy, Debug)]
        pub(super) struct Four(v128);

        impl Four {
            pub(super) fn new([a, b, c, d]: [f32; 4]) -> Self {
                Self(f32x4(a, b, c, d))
            }

            /// Four times the same.
            pub(super) fn of(value: f32) -> Self {
                Self(f32x4_splat(value))
            }

            pub(super) fn plus_product(self, a: Self, b: Self) -> Self {
                Self(f32x4_add(self.0, f32x4_mul(a.0, b.0)))
            }

            pub(super) fn numbers(self) -> [f32; 4] {
                let Self(four) = self;
                [
                    f32x4_extract_lane::<0>(four),
                    f32x4_extract_lane::<1>(four),
                    f32x4_extract_lane::<2>(four),
                    f32x4_extract_lane::<3>(four),
                ]
            }
        }
    }

    /// The same for tests.
    #[cfg(not(target_family = "wasm"))]
    mod four {
        #[derive(Clone, Copy, Debug)]
        pub(super) struct Four([f32; 4]);

        impl Four {
            pub(super) fn new(numbers: [f32; 4]) -> Self {
                Self(numbers)
            }

            pub(super) fn of(value: f32) -> Self {
                Self([value; 4])
            }

            pub(super) fn plus_product(mut self, a: Self, b: Self) -> Self {
                self.0.iter_mut().zip(a.0.iter().zip(b.0)).for_each(|(sum, (a, b))| *sum += a * b);
                self
            }

            pub(super) fn numbers(self) -> [f32; 4] {
                self.0
            }
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
        let _turn = crate::seeded(&device, 5);
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
