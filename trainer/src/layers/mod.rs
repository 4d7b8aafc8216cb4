//! The layers that training spends its time in, quicker on the CPU than Burn computes them. On other devices they are
//! Burn's own.
//!
//! What one layer leaves to the next are tensors of the usual shape, `[batch, channels, height, width]`, whose numbers lie
//! channels last: no layer turns a map, and all but matrix products run over neighbouring numbers. Burn's own operations
//! take such tensors too.

mod convolution;
pub(crate) mod descent;
mod joining;
mod normalisation;
mod pooling;

use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::ops::FloatTensorOps;
use burn::backend::{Autodiff, BackendTypes, Flex, TensorMetadata};
use burn::nn::BatchNorm;
use burn::nn::conv::Conv2d;
use burn::tensor::{Shape, Tensor, TensorData};
use glae_model::cpu::{Buffer, Map, View};
use glae_model::layers::{Burn, Pool, TrainingLayers};

type Cpu = Autodiff<Flex, NoCheckpointing>;
type Primitive = <Flex as BackendTypes>::FloatTensorPrimitive;

/// Layers for training.
#[derive(Clone, Copy, Debug)]
pub struct Quick;

impl TrainingLayers for Quick {
    fn convolve(&self, conv: &Conv2d, x: Tensor<4>) -> Tensor<4> {
        convolution::convolve(conv, &x).unwrap_or_else(|| Burn.convolve(conv, x))
    }

    fn convolve_relu6(&self, conv: &Conv2d, x: Tensor<4>) -> Tensor<4> {
        convolution::convolve_relu6(conv, &x).unwrap_or_else(|| Burn.convolve_relu6(conv, x))
    }

    fn normalise(&self, norm: &BatchNorm, x: Tensor<4>, activated: bool) -> Tensor<4> {
        normalisation::normalise(norm, &x, activated).unwrap_or_else(|| Burn.normalise(norm, x, activated))
    }

    fn join(&self, x: Tensor<4>, shortcut: Tensor<4>) -> Tensor<4> {
        joining::join(&x, &shortcut).unwrap_or_else(|| Burn.join(x, shortcut))
    }

    fn max_pool(&self, x: Tensor<4>, pool: Pool) -> Tensor<4> {
        pooling::max_pool(&x, pool).unwrap_or_else(|| Burn.max_pool(x, pool))
    }
}

/// A tensor's numbers, channels last.
#[derive(Clone, Debug)]
struct Pixels {
    /// `[batch, height, width, channels]`, contiguous.
    values: Primitive,
}

/// Memory that no other tensor holds goes to the next maps: to ask the system for all maps of a step, and to clear them, takes a
/// tenth of the step.
impl Drop for Pixels {
    fn drop(&mut self) {
        if self.values.is_unique() {
            let nothing = primitive(Vec::new(), [0]);
            if let Ok(piece) = std::mem::replace(&mut self.values, nothing).into_data().try_into_vec() {
                Buffer::give(piece);
            }
        }
    }
}

impl Pixels {
    /// Nothing is copied where the tensor came from one of these layers.
    fn of(planes: &Primitive) -> Self {
        Self { values: planes.permute(&[0, 2, 3, 1]).to_contiguous() }
    }

    fn numbers(&self) -> &[f32] {
        self.values.as_slice().expect("they are f32 and contiguous")
    }

    fn view(&self) -> View<'_> {
        let [batch, height, width, channels] = self.values.shape().dims();
        Map { batch, height, width, channels, values: self.numbers() }
    }

    /// All pixels as rows of one matrix, `[pixels, channels]`.
    fn rows(&self) -> Primitive {
        let View { batch, height, width, channels, .. } = self.view();
        self.values.reshape(Shape::new([batch * height * width, channels]))
    }
}

/// A map as a tensor, `[batch, channels, height, width]`.
fn planes(map: Map) -> Primitive {
    primitive(map.values.into_vec(), [map.batch, map.height, map.width, map.channels]).permute(&[0, 3, 1, 2])
}

/// A map of the same size.
fn like(map: &View, values: Buffer) -> Map {
    Map { values, batch: map.batch, height: map.height, width: map.width, channels: map.channels }
}

fn primitive(values: Vec<f32>, shape: impl Into<Shape>) -> Primitive {
    Flex::float_from_data(TensorData::new(values, shape.into()), &Default::default())
}

/// Numbers that one core works on before it takes more: they stay close to it.
const CHUNK: usize = 1 << 14;

/// So many whole pixels.
fn chunk(channels: usize) -> usize {
    (CHUNK / channels).max(16) * channels
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Distribution;

    /// Outputs of a layer and gradients towards its inputs, quick and by Burn, for tensors that differ from place to place.
    pub(super) fn compare<const N: usize>(
        shape: [usize; 4],
        layer: impl Fn(&dyn TrainingLayers, [Tensor<4>; N]) -> Tensor<4>,
    ) {
        let device = crate::device::cpu().autodiff();
        let _turn = crate::device::turn();
        device.seed(3);
        let inputs: [Tensor<4>; N] =
            std::array::from_fn(|_| Tensor::random(shape, Distribution::Normal(0.0, 1.0), &device));
        let outcome = |layers: &dyn TrainingLayers| {
            let inputs = inputs.each_ref().map(|input| input.clone().require_grad());
            let y = layer(layers, inputs.clone());
            let gradients = (y.clone() * (y.clone() + 0.7)).sum().backward();
            let mut all = vec![y.inner()];
            all.extend(inputs.iter().map(|input| input.grad(&gradients).unwrap()));
            all.into_iter().map(|tensor| tensor.into_data().try_to_vec::<f32>().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(outcome(&Quick), outcome(&Burn));
    }

    #[test]
    fn pixels_are_copied_only_where_they_lie_otherwise() {
        let map = Map { batch: 1, height: 1, width: 2, channels: 3, values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0].into() };
        let planes = planes(map.clone());
        assert_eq!(planes.shape(), Shape::new([1, 3, 1, 2]));
        let pixels = Pixels::of(&planes);
        assert_eq!(pixels.numbers().as_ptr(), planes.storage::<f32>().as_ptr());
        assert_eq!(pixels.view(), map.view());
        assert_eq!(Pixels::of(&planes.to_contiguous()).view(), map.view());
    }
}
