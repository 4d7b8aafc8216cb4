//! The layers that training spends its time in, quicker on the CPU than Burn computes them. On other devices they are
//! Burn's own.

mod convolution;
mod normalisation;

use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::ops::FloatTensorOps;
use burn::backend::{Autodiff, BackendTypes, Flex};
use burn::nn::BatchNorm;
use burn::nn::conv::Conv2d;
use burn::tensor::{Shape, Tensor, TensorData};
use glae_model::layers::{Burn, Layers};

type Cpu = Autodiff<Flex, NoCheckpointing>;
type Primitive = <Flex as BackendTypes>::FloatTensorPrimitive;

/// Layers for training.
#[derive(Clone, Copy, Debug)]
pub struct Quick;

impl Layers for Quick {
    fn convolve(&self, conv: &Conv2d, x: Tensor<4>) -> Tensor<4> {
        convolution::convolve(conv, &x).unwrap_or_else(|| Burn.convolve(conv, x))
    }

    fn normalise(&self, norm: &BatchNorm, x: Tensor<4>, activated: bool) -> Tensor<4> {
        normalisation::normalise(norm, &x, activated).unwrap_or_else(|| Burn.normalise(norm, x, activated))
    }
}

fn primitive(values: Vec<f32>, shape: impl Into<Shape>) -> Primitive {
    Flex::float_from_data(TensorData::new(values, shape.into()), &Default::default())
}

/// Sum of `term` over pairs, in lanes that the compiler can compute side by side.
fn sum(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    const LANES: usize = 16;
    let mut lanes = [0f32; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| term(*a, *b)).sum();
    for (a, b) in a.zip(b) {
        for lane in 0..LANES {
            lanes[lane] += term(a[lane], b[lane]);
        }
    }
    lanes.iter().sum::<f32>() + rest
}
