//! Who computes the layers of a network.

use burn::nn::BatchNorm;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

/// Computes the layers of a network. Training has quicker ways for some devices.
pub trait Layers {
    /// `conv.forward(x)`.
    fn convolve(&self, conv: &Conv2d, x: Tensor<4>) -> Tensor<4> {
        conv.forward(x)
    }

    /// `norm.forward(x)`, and ReLU behind it if `activated`.
    fn normalise(&self, norm: &BatchNorm, x: Tensor<4>, activated: bool) -> Tensor<4> {
        let x = norm.forward(x);
        if activated { relu(x) } else { x }
    }
}

/// As Burn computes them.
#[derive(Clone, Copy, Debug)]
pub struct Burn;

impl Layers for Burn {}
