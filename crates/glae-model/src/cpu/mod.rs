//! Layers on the processor, quicker than through the tensors of a backend.
//!
//! Channels lie next to each other (`[batch, height, width, channels]`), so that everything runs over neighbouring numbers;
//! bias, shortcut and ReLU are one pass; 3x3 convolutions of stride 1 are Winograd's.

mod conv;
mod cores;
mod depthwise;
#[cfg(all(feature = "loss", not(target_family = "wasm")))]
pub mod gradient;
mod memory;
#[cfg(all(feature = "loss", not(target_family = "wasm")))]
mod outer;
mod pair;
mod product;
mod winograd;

use burn::tensor::Device;
pub use pulp::{Arch, Simd, WithSimd};

use crate::engine::{DeviceEngine, DeviceError, Engine};
use crate::layers::{Activation, Pool, Step};
pub use conv::{Conv, Finish, finished};
pub use cores::together;
use cores::{all, cores, each};
pub use depthwise::Depthwise;
pub use memory::Buffer;

/// A function whose loops are compiled for several widths of registers; the widest that the processor has are chosen when it
/// is called. What it calls is compiled so too if it is inlined. (`pulp`'s own macro writes `unsafe`, which is forbidden
/// here, and closures are not inlined.)
#[macro_export]
macro_rules! wide {
    (
        $(#[$meta:meta])*
        $visible:vis fn $name:ident<'a>($($argument:ident: $type:ty),* $(,)?) -> $output:ty $body:block
    ) => {
        $(#[$meta])*
        $visible fn $name<'a>($($argument: $type),*) -> $output {
            struct Work<'a>($($type,)* std::marker::PhantomData<&'a ()>);
            impl<'a> $crate::cpu::WithSimd for Work<'a> {
                type Output = $output;
                #[inline(always)]
                fn with_simd<S: $crate::cpu::Simd>(self, _: S) -> $output {
                    let Self($($argument,)* _) = self;
                    $body
                }
            }
            $crate::cpu::widest(Work($($argument,)* std::marker::PhantomData))
        }
    };
}

/// Whether tensors of this device lie in memory that these layers work on.
pub fn serves(device: &Device) -> bool {
    *device == Device::flex()
}

/// These layers, to be used through [`Engine`].
#[derive(Clone, Debug)]
pub struct Processor(());

impl Processor {
    /// # Panics
    /// If the device is none of the processor ([`serves`]).
    pub fn new(device: &Device) -> Self {
        assert!(serves(device), "the device's memory is not the processor's");
        // A browser that runs a program with such instructions has them.
        #[cfg(all(feature = "relaxed", target_family = "wasm"))]
        pulp_wasm_simd_flag::enable_relaxed_simd();
        Self(())
    }
}

impl Engine for Processor {
    type Map = Map;
    type Conv = Conv;
    type Depthwise = Depthwise;

    fn conv(&self, weight: &[f32], bias: Vec<f32>, shape: [usize; 4], step: Step, map: usize) -> Conv {
        // A face and its mirror image.
        Conv::new(weight, bias, shape, step, (2, [map; 2]))
    }

    fn depthwise(&self, weight: &[f32], bias: Vec<f32>, stride: usize) -> Depthwise {
        Depthwise::new(weight, bias, stride)
    }

    fn convolve(&self, conv: &Conv, x: &Map, shortcut: Option<&Map>, then: Activation) -> Map {
        conv.forward(x, Finish { shortcut, then })
    }

    fn convolve_depthwise(&self, conv: &Depthwise, x: &Map, then: Activation) -> Map {
        conv.forward(x, then)
    }

    fn convolve_then_depthwise(&self, conv: &Conv, depthwise: &Depthwise, x: &Map, then: [Activation; 2]) -> Map {
        pair::conv_then_depthwise(conv, depthwise, x.view(), then, false)
    }

    fn convolve_then_depthwise_halved(
        &self,
        conv: &Conv,
        depthwise: &Depthwise,
        x: &Map,
        then: [Activation; 2],
    ) -> Map {
        pair::conv_then_depthwise(conv, depthwise, x.view(), then, true)
    }

    fn depthwise_then_convolve(&self, depthwise: &Depthwise, conv: &Conv, x: &Map, then: [Activation; 2]) -> Map {
        pair::depthwise_then_conv(depthwise, conv, x.view(), then)
    }

    fn max_pool(&self, x: &Map, pool: Pool) -> Map {
        x.max_pool(pool)
    }

    fn add_doubled(&self, mut x: Map, half: &Map) -> Map {
        x.add_doubled(half);
        x
    }
}

impl DeviceEngine for Processor {
    fn map(&self, planes: &[f32], shape: [usize; 4]) -> Map {
        Map::from_planes(planes, shape)
    }

    fn at_once<T>(&self, work: impl FnOnce() -> T) -> T {
        together(work)
    }

    async fn read(&self, maps: Vec<Map>) -> Result<Vec<Vec<f32>>, DeviceError> {
        Ok(maps.into_iter().map(|map| map.values.into_vec()).collect())
    }
}

/// Activations, `[batch, height, width, channels]` in row-major order, owned or borrowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Map<V = Buffer> {
    /// Images.
    pub batch: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Numbers per pixel.
    pub channels: usize,
    /// `batch * height * width * channels` numbers.
    pub values: V,
}

/// Borrowed activations.
pub type View<'a> = Map<&'a [f32]>;

impl<V: AsRef<[f32]>> Map<V> {
    /// The same map, borrowed.
    pub fn view(&self) -> View<'_> {
        let Self { batch, height, width, channels, .. } = *self;
        Map { batch, height, width, channels, values: self.values.as_ref() }
    }
}

impl<'a> View<'a> {
    /// A map of the same batch, all of which is still to be written.
    fn unwritten(&self, height: usize, width: usize, channels: usize) -> Map {
        let values = Buffer::unwritten(self.batch * height * width * channels);
        Map { batch: self.batch, height, width, channels, values }
    }

    /// A row of pixels, counted through all images.
    fn line(&self, row: usize) -> &'a [f32] {
        let length = self.width * self.channels;
        &self.values[row * length..][..length]
    }
}

impl Map {
    /// From planes, `[batch, channels, height, width]`.
    ///
    /// # Panics
    /// If there are more or fewer numbers than the shape says.
    pub fn from_planes(planes: &[f32], [batch, channels, height, width]: [usize; 4]) -> Self {
        let plane = height * width;
        assert_eq!(planes.len(), batch * channels * plane, "one number for each place");
        let mut values = Buffer::unwritten(planes.len());
        for (values, planes) in values.chunks_exact_mut(channels * plane).zip(planes.chunks_exact(channels * plane)) {
            if channels == 3 {
                // Pictures: read side by side, what is written is written in one go.
                let (first, rest) = planes.split_at(plane);
                let (second, third) = rest.split_at(plane);
                for (((pixel, a), b), c) in values.chunks_exact_mut(3).zip(first).zip(second).zip(third) {
                    pixel.copy_from_slice(&[*a, *b, *c]);
                }
                continue;
            }
            for (channel, from) in planes.chunks_exact(plane).enumerate() {
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

    /// The largest of each square; padding is -inf, so it never wins the maximum.
    pub fn max_pool(&self, pool: Pool) -> Self {
        let Pool { size, stride, padding } = pool;
        let mut pooled = self.view().unwritten(pool.output(self.height), pool.output(self.width), self.channels);
        let (rows, columns, channels) = (pooled.height, pooled.width, self.channels);
        each(&mut pooled.values, columns * channels, |index, line| {
            let (image, row) = (index / rows, index % rows);
            if (size, stride, padding) == (2, 2, 0) {
                let above = image * self.height + 2 * row;
                return halve(line, self.view().line(above), self.view().line(above + 1), channels);
            }
            line.fill(f32::NEG_INFINITY);
            for y in (row * stride..row * stride + size).filter_map(|y| inside(y, padding, self.height)) {
                raise(line, self.view().line(image * self.height + y), channels, pool);
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

wide! {
    /// The largest of each square of two by two pixels of two rows of a map.
    fn halve<'a>(line: &'a mut [f32], above: &'a [f32], below: &'a [f32], channels: usize) -> () {
        let pairs = above.chunks_exact(2 * channels).zip(below.chunks_exact(2 * channels));
        for (line, (above, below)) in line.chunks_exact_mut(channels).zip(pairs) {
            let ((a, b), (c, d)) = (above.split_at(channels), below.split_at(channels));
            for ((((most, a), b), c), d) in line.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                *most = at_least(*d, at_least(*c, at_least(*b, *a)));
            }
        }
    }
}

wide! {
    /// The larger of each pixel's numbers and of those of the row of a map that its square sees.
    fn raise<'a>(line: &'a mut [f32], from: &'a [f32], channels: usize, pool: Pool) -> () {
        let (Pool { size, stride, padding }, width) = (pool, from.len() / channels);
        for (column, largest) in line.chunks_exact_mut(channels).enumerate() {
            let first = (column * stride).saturating_sub(padding);
            let end = (column * stride + size).saturating_sub(padding).min(width);
            for values in from[first * channels..end * channels].chunks_exact(channels) {
                largest.iter_mut().zip(values).for_each(|(most, value)| *most = at_least(*value, *most));
            }
        }
    }
}

/// A place counted from the edge of the padding, counted from the edge of the map; `None` outside.
#[inline(always)]
fn inside(place: usize, padding: usize, length: usize) -> Option<usize> {
    place.checked_sub(padding).filter(|place| *place < length)
}

/// The larger of both; a plain comparison, because `f32::max` is a call of a library in browsers.
#[inline(always)]
fn at_least(value: f32, least: f32) -> f32 {
    if value < least { least } else { value }
}

/// The value, or the nearer end of the range; plain comparisons, as in [`at_least`].
#[inline(always)]
fn within(value: f32, [least, most]: [f32; 2]) -> f32 {
    let value = at_least(value, least);
    if value > most { most } else { value }
}

/// [`within`] for a register; NaN stays NaN.
#[cfg(not(target_family = "wasm"))]
#[inline(always)]
fn bounded<S: Simd>(simd: S, value: S::f32s, [least, most]: [f32; 2]) -> S::f32s {
    // Where two numbers cannot be compared, processors give the second.
    simd.min_f32s(simd.splat_f32s(most), simd.max_f32s(simd.splat_f32s(least), value))
}

/// [`within`] for a register; NaN stays NaN. `pulp`'s smallest and largest are `f32x4.min` and `max`, ten instructions of a
/// processor each, for signs of zero and kinds of NaN; `pmin` and `pmax` are one.
#[cfg(target_family = "wasm")]
#[inline(always)]
fn bounded<S: Simd>(_: S, value: S::f32s, [least, most]: [f32; 2]) -> S::f32s {
    use std::arch::wasm32::{f32x4_pmax, f32x4_pmin, f32x4_splat, i32x4, i32x4_extract_lane as lane};
    let [a, b, c, d] = pulp::bytemuck::cast(value);
    let value = f32x4_pmin(f32x4_pmax(i32x4(a, b, c, d), f32x4_splat(least)), f32x4_splat(most));
    pulp::bytemuck::cast([lane::<0>(value), lane::<1>(value), lane::<2>(value), lane::<3>(value)])
}

/// A pixel's channels from `first` on, as many as a register holds; zeros behind the last one.
#[inline(always)]
fn load<S: Simd>(simd: S, pixel: &[f32], first: usize) -> S::f32s {
    match S::as_simd_f32s(&pixel[first..]) {
        ([whole, ..], _) => *whole,
        ([], part) => simd.partial_load_f32s(part),
    }
}

/// Writes a register to a pixel's channels from `first` on, as many as there are.
#[inline(always)]
fn store<S: Simd>(simd: S, pixel: &mut [f32], first: usize, values: S::f32s) {
    match S::as_mut_simd_f32s(&mut pixel[first..]) {
        ([whole, ..], _) => *whole = values,
        ([], part) => simd.partial_store_f32s(part, values),
    }
}

/// Does work with the widest registers of the processor: what is inlined into it is compiled for these.
#[inline(always)]
pub fn widest<W: WithSimd>(work: W) -> W::Output {
    Arch::new().dispatch(work)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::layers::{Padding, same_padded};
    use burn::tensor::module::conv2d;
    use burn::tensor::ops::ConvOptions;
    use burn::tensor::{Distribution, Tensor};

    /// Kernels, strides and inputs, as a ResNet has them; the last two are smaller than a tile, and of a depth that no lane
    /// divides.
    pub(crate) const RESNET: [([usize; 4], usize, [usize; 4]); 6] = [
        ([16, 3, 7, 7], 2, [2, 3, 20, 22]),
        ([16, 8, 3, 3], 2, [2, 8, 9, 8]),
        ([16, 8, 1, 1], 2, [2, 8, 9, 8]),
        ([24, 8, 1, 1], 1, [2, 8, 3, 5]),
        ([8, 8, 3, 3], 1, [2, 8, 2, 3]),
        ([5, 6, 3, 3], 1, [1, 6, 9, 9]),
    ];

    /// A convolution by Burn, whatever its padding.
    pub(crate) fn burns(
        x: Tensor<4>,
        weight: Tensor<4>,
        bias: Option<Tensor<1>>,
        step: Step,
        groups: usize,
    ) -> Tensor<4> {
        let [.., side] = weight.dims();
        let Step { stride, padding } = step;
        let (x, padding) = match padding {
            Padding::Half => (x, side / 2),
            Padding::Same => (same_padded(x, side, stride), 0),
        };
        conv2d(x, weight, bias, ConvOptions::new([stride; 2], [padding; 2], [1, 1], groups))
    }

    /// A random map, also as a tensor of planes.
    pub(crate) fn random(shape: [usize; 4]) -> (Map, Tensor<4>) {
        let device = Device::flex();
        let _turn = crate::seeded(&device, 7);
        let planes = Tensor::<4>::random(shape, Distribution::Normal(0.0, 1.0), &device);
        (Map::from_planes(&planes.clone().into_data().try_to_vec::<f32>().unwrap(), shape), planes)
    }

    /// Same shape, and same numbers but for rounding.
    pub(crate) fn assert_same(map: &Map, planes: Tensor<4>) {
        assert_eq!([map.batch, map.channels, map.height, map.width], planes.dims());
        let expected: Vec<f32> = planes.into_data().try_to_vec().unwrap();
        assert_near(&map.to_planes(), &expected);
    }

    /// The same numbers but for rounding.
    pub(crate) fn assert_near(own: &[f32], expected: &[f32]) {
        assert_eq!(own.len(), expected.len());
        for (index, (own, expected)) in own.iter().zip(expected).enumerate() {
            assert!((own - expected).abs() <= 2e-4 * expected.abs().max(1.0), "{index}: {own} instead of {expected}");
        }
    }

    #[test]
    fn planes_become_pixels_and_planes_again() {
        let map = Map::from_planes(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [1, 2, 2, 2]);
        assert_eq!(map.values[..], [1.0, 5.0, 2.0, 6.0, 3.0, 7.0, 4.0, 8.0]);
        assert_eq!(map.to_planes(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    }

    #[test]
    fn pooling_is_burns() {
        for ((size, stride, padding), [height, width]) in
            [((3, 2, 1), [6, 8]), ((2, 2, 0), [6, 8]), ((2, 2, 0), [7, 9])]
        {
            let (map, planes) = random([2, 5, height, width]);
            let pool = Pool { size, stride, padding };
            // All below zero: the padding must not win.
            let (map, planes) = (
                Map { values: map.values.iter().map(|value| value - 9.0).collect::<Vec<_>>().into(), ..map },
                planes - 9.0,
            );
            assert_same(&map.max_pool(pool), pool.forward(planes));
        }
    }

    #[test]
    fn a_half_map_is_added_to_four_pixels_each() {
        let mut map = Map { batch: 1, height: 2, width: 4, channels: 1, values: vec![0.0; 8].into() };
        let half = Map { batch: 1, height: 1, width: 2, channels: 1, values: vec![1.0, 2.0].into() };
        map.add_doubled(&half);
        assert_eq!(map.values[..], [1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0]);
    }
}
