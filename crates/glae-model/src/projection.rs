//! Holistic projection: a map of logits to one vector of logits, `[GLAE] eq. (8)`.

use burn::module::{Module, Param};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use crate::AGES;
use crate::config::{NetworkConfig, Projection as Config};

/// The projection of one classifier: either `pool` or `last`, with hidden layers before it; neither for an average.
#[derive(Module, Debug)]
pub struct Projection {
    pool: Option<Linear>,
    layers: Vec<Hidden>,
    last: Option<Linear>,
}

/// A hidden layer: linear, BatchNorm, ReLU.
#[derive(Module, Debug)]
pub struct Hidden {
    linear: Linear,
    bn: BatchNorm,
}

impl Projection {
    /// Freshly initialised; depth 0 starts as average pooling (weights 1/(H'W'), bias 0).
    pub fn new(config: &NetworkConfig, device: &Device) -> Self {
        let pixels = config.map_side().pow(2);
        match &config.projection {
            Config::Pool => {
                let mut pool = LinearConfig::new(pixels, 1).init(device);
                pool.weight = Param::from_tensor(Tensor::full([pixels, 1], 1.0 / pixels as f64, device));
                pool.bias = Some(Param::from_tensor(Tensor::zeros([1], device)));
                Self { pool: Some(pool), layers: Vec::new(), last: None }
            }
            Config::Average => Self { pool: None, layers: Vec::new(), last: None },
            Config::Flatten { hidden } => {
                let mut width = AGES * pixels;
                let layers = hidden
                    .iter()
                    .map(|&next| {
                        let linear = LinearConfig::new(width, next).init(device);
                        width = next;
                        Hidden { linear, bn: BatchNormConfig::new(next).init(device) }
                    })
                    .collect();
                Self { pool: None, layers, last: Some(LinearConfig::new(width, AGES).init(device)) }
            }
        }
    }

    /// # Shapes
    /// - `map`: F', `[batch, outputs, h', w']`, [`NetworkConfig::outputs`]
    /// - output: `[batch, outputs]`
    pub fn forward(&self, map: Tensor<4>) -> Tensor<2> {
        if let Some(pool) = &self.pool {
            return pool.forward(map.flatten::<3>(2, 3)).squeeze_dim(2);
        }
        let Some(last) = &self.last else {
            return map.flatten::<3>(2, 3).mean_dim(2).squeeze_dim(2);
        };
        let mut x = map.flatten::<2>(1, 3);
        for layer in &self.layers {
            x = relu(layer.bn.forward(layer.linear.forward(x)));
        }
        last.forward(x)
    }
}
