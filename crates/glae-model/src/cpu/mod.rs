//! Layers for inference on the processor, quicker than through the tensors of a backend.
//!
//! Channels lie next to each other (`[batch, height, width, channels]`), so that everything but the matrix products runs
//! over neighbouring numbers; bias, shortcut and ReLU are one pass; 3x3 convolutions are Winograd's. The matrix products
//! are Burn's.

mod conv;
mod depthwise;
mod winograd;

use burn::tensor::{Device, Tensor, TensorData};

pub use conv::{Conv, Finish};
pub use depthwise::Depthwise;

/// Whether tensors of this device lie in memory that these layers work on.
pub fn serves(device: &Device) -> bool {
    *device == Device::flex()
}

/// Activations, `[batch, height, width, channels]` in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// Images.
    pub batch: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Numbers per pixel.
    pub channels: usize,
    /// `batch * height * width * channels` numbers.
    pub values: Vec<f32>,
}

impl Map {
    /// From planes, `[batch, channels, height, width]`.
    ///
    /// # Panics
    /// If there are more or fewer numbers than the shape says.
    pub fn from_planes(planes: &[f32], [batch, channels, height, width]: [usize; 4]) -> Self {
        let plane = height * width;
        assert_eq!(planes.len(), batch * channels * plane, "one number for each place");
        let mut values = vec![0f32; planes.len()];
        for (image, values) in values.chunks_exact_mut(channels * plane).enumerate() {
            for channel in 0..channels {
                let from = &planes[(image * channels + channel) * plane..][..plane];
                values[channel..].iter_mut().step_by(channels).zip(from).for_each(|(to, from)| *to = *from);
            }
        }
        Self { batch, height, width, channels, values }
    }

    /// As planes, `[batch, channels, height, width]`.
    pub fn to_planes(&self) -> Vec<f32> {
        let plane = self.height * self.width;
        let mut planes = Vec::with_capacity(self.values.len());
        for image in self.values.chunks_exact(plane * self.channels) {
            for channel in 0..self.channels {
                planes.extend(image[channel..].iter().step_by(self.channels));
            }
        }
        planes
    }

    /// Another map of the same batch, filled with zeros.
    fn zeros(&self, height: usize, width: usize, channels: usize) -> Self {
        Self { batch: self.batch, height, width, channels, values: vec![0.0; self.batch * height * width * channels] }
    }

    /// The largest of each `size` x `size` window; outside of the map nothing is large.
    pub fn max_pool(&self, size: usize, stride: usize, padding: usize) -> Self {
        let side = |length: usize| (length + 2 * padding - size) / stride + 1;
        let mut pooled = self.zeros(side(self.height), side(self.width), self.channels);
        let (rows, columns, channels) = (pooled.height, pooled.width, self.channels);
        each(&mut pooled.values, columns * channels, |index, line| {
            line.fill(f32::NEG_INFINITY);
            let (image, row) = (index / rows, index % rows);
            for y in (row * stride..row * stride + size).filter_map(|y| inside(y, padding, self.height)) {
                let from = &self.values[(image * self.height + y) * self.width * channels..][..self.width * channels];
                for (column, largest) in line.chunks_exact_mut(channels).enumerate() {
                    for x in (column * stride..column * stride + size).filter_map(|x| inside(x, padding, self.width)) {
                        let values = &from[x * channels..][..channels];
                        largest.iter_mut().zip(values).for_each(|(most, value)| *most = most.max(*value));
                    }
                }
            }
        });
        pooled
    }

    /// Adds a map of half the size, each of its pixels four times.
    ///
    /// # Panics
    /// If the other map is not half as high and wide, or has another depth.
    pub fn add_doubled(&mut self, half: &Self) {
        assert_eq!(
            (half.height * 2, half.width * 2, half.channels, half.batch),
            (self.height, self.width, self.channels, self.batch),
            "the maps do not fit"
        );
        let (channels, line) = (self.channels, self.width * self.channels);
        each(&mut self.values, line, |row, line| {
            // Rows of all images behind each other: an image has an even number of them.
            let from = &half.values[row / 2 * half.width * channels..][..half.width * channels];
            for (pair, from) in line.chunks_exact_mut(2 * channels).zip(from.chunks_exact(channels)) {
                let (left, right) = pair.split_at_mut(channels);
                for ((left, right), value) in left.iter_mut().zip(right).zip(from) {
                    *left += value;
                    *right += value;
                }
            }
        });
    }
}

/// A place counted from the edge of the padding, counted from the edge of the map; `None` outside.
fn inside(place: usize, padding: usize, length: usize) -> Option<usize> {
    place.checked_sub(padding).filter(|place| *place < length)
}

/// Does the same to each piece of so many numbers, with its index; on several cores where there are.
fn each(values: &mut [f32], length: usize, work: impl Fn(usize, &mut [f32]) + Send + Sync) {
    all(values.chunks_exact_mut(length).collect(), 4, work);
}

/// Does the same to each piece, with its index; on several cores where there are, each taking `least` pieces or more.
#[cfg(not(target_family = "wasm"))]
fn all(pieces: Vec<&mut [f32]>, least: usize, work: impl Fn(usize, &mut [f32]) + Send + Sync) {
    use rayon::prelude::*;
    pieces.into_par_iter().with_min_len(least).enumerate().for_each(|(index, piece)| work(index, piece));
}

#[cfg(target_family = "wasm")]
fn all(pieces: Vec<&mut [f32]>, _least: usize, work: impl Fn(usize, &mut [f32]) + Send + Sync) {
    pieces.into_iter().enumerate().for_each(|(index, piece)| work(index, piece));
}

/// Matrix products `[n, rows, inside] x [n, inside, columns]`.
fn product(values: Vec<f32>, rows: usize, weight: &Tensor<3>) -> Vec<f32> {
    let [n, inside, _] = weight.dims();
    let values = Tensor::<3>::from_data(TensorData::new(values, [n, rows, inside]), &weight.device());
    values.matmul(weight.clone()).into_data().try_into_vec().expect("a product of f32 is f32")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use burn::tensor::Distribution;

    /// A random map, also as a tensor of planes.
    pub(crate) fn random(shape: [usize; 4]) -> (Map, Tensor<4>) {
        let device = Device::flex();
        device.seed(7);
        let planes = Tensor::<4>::random(shape, Distribution::Normal(0.0, 1.0), &device);
        (Map::from_planes(&planes.clone().into_data().try_to_vec::<f32>().unwrap(), shape), planes)
    }

    /// Same shape, and same numbers but for rounding.
    pub(crate) fn assert_same(map: &Map, planes: Tensor<4>) {
        assert_eq!([map.batch, map.channels, map.height, map.width], planes.dims());
        let expected: Vec<f32> = planes.into_data().try_to_vec().unwrap();
        for (index, (own, expected)) in map.to_planes().iter().zip(expected).enumerate() {
            assert!((own - expected).abs() <= 2e-4 * expected.abs().max(1.0), "{index}: {own} instead of {expected}");
        }
    }

    #[test]
    fn planes_become_pixels_and_planes_again() {
        let map = Map::from_planes(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [1, 2, 2, 2]);
        assert_eq!(map.values, [1.0, 5.0, 2.0, 6.0, 3.0, 7.0, 4.0, 8.0]);
        assert_eq!(map.to_planes(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    }

    #[test]
    fn pooling_is_burns() {
        for (size, stride, padding) in [(3, 2, 1), (2, 2, 0)] {
            let (map, planes) = random([2, 5, 6, 8]);
            let pool = burn::nn::pool::MaxPool2dConfig::new([size, size])
                .with_strides([stride, stride])
                .with_padding(burn::nn::PaddingConfig2d::Explicit(padding, padding, padding, padding))
                .init();
            // All below zero: the padding must not win.
            let (map, planes) =
                (Map { values: map.values.iter().map(|value| value - 9.0).collect(), ..map }, planes - 9.0);
            assert_same(&map.max_pool(size, stride, padding), pool.forward(planes));
        }
    }

    #[test]
    fn a_half_map_is_added_to_four_pixels_each() {
        let mut map = Map { batch: 1, height: 2, width: 4, channels: 1, values: vec![0.0; 8] };
        let half = Map { batch: 1, height: 1, width: 2, channels: 1, values: vec![1.0, 2.0] };
        map.add_doubled(&half);
        assert_eq!(map.values, [1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0]);
    }
}
