//! Layers for inference by the tensors of a backend: for devices that have no quicker ones.

use burn::tensor::activation::relu;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};

use crate::engine::{DeviceEngine, DeviceError, Engine};
use crate::layers::{Activation, Padding, Pool, Step, doubled, same_padded};

/// These layers, to be used through [`Engine`]. Maps are `[batch, channels, height, width]`.
#[derive(Clone, Debug)]
pub struct Tensors {
    device: Device,
}

impl Tensors {
    /// On this device.
    pub fn new(device: &Device) -> Self {
        Self { device: device.clone() }
    }

    fn upload<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }
}

/// A convolution with its bias.
#[derive(Clone, Debug)]
pub struct Conv {
    weight: Tensor<4>,
    bias: Tensor<1>,
    step: Step,
    groups: usize,
}

impl Conv {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [.., side] = self.weight.dims();
        let Step { stride, padding } = self.step;
        let (x, padding) = match padding {
            Padding::Half => (x, side / 2),
            Padding::Same => (same_padded(x, side, stride), 0),
        };
        let options = ConvOptions::new([stride; 2], [padding; 2], [1, 1], self.groups);
        conv2d(x, self.weight.clone(), Some(self.bias.clone()), options)
    }
}

impl Engine for Tensors {
    type Map = Tensor<4>;
    type Conv = Conv;
    type Depthwise = Conv;

    fn conv(&self, weight: &[f32], bias: Vec<f32>, shape: [usize; 4], step: Step, _map: usize) -> Conv {
        let out = bias.len();
        Conv { weight: self.upload(weight.to_vec(), shape), bias: self.upload(bias, [out]), step, groups: 1 }
    }

    fn depthwise(&self, weight: &[f32], bias: Vec<f32>, stride: usize) -> Conv {
        let channels = bias.len();
        Conv { groups: channels, ..self.conv(weight, bias, [channels, 1, 3, 3], Step::same(stride), 0) }
    }

    fn convolve(&self, conv: &Conv, x: &Tensor<4>, shortcut: Option<&Tensor<4>>, then: Activation) -> Tensor<4> {
        let x = conv.forward(x.clone());
        let x = match shortcut {
            Some(shortcut) => x + shortcut.clone(),
            None => x,
        };
        match then {
            Activation::Linear => x,
            Activation::Relu => relu(x),
            Activation::Relu6 => x.clamp(0.0, 6.0),
        }
    }

    fn convolve_depthwise(&self, conv: &Conv, x: &Tensor<4>, then: Activation) -> Tensor<4> {
        self.convolve(conv, x, None, then)
    }

    fn max_pool(&self, x: &Tensor<4>, pool: Pool) -> Tensor<4> {
        pool.forward(x.clone())
    }

    fn add_doubled(&self, x: Tensor<4>, half: &Tensor<4>) -> Tensor<4> {
        x + doubled(half.clone())
    }
}

impl DeviceEngine for Tensors {
    fn map(&self, planes: &[f32], shape: [usize; 4]) -> Tensor<4> {
        self.upload(planes.to_vec(), shape)
    }

    async fn read(&self, maps: Vec<Tensor<4>>) -> Result<Vec<Vec<f32>>, DeviceError> {
        let mut all = Vec::new();
        for map in maps {
            let data = map
                .permute([0, 2, 3, 1])
                .into_data_async()
                .await
                .map_err(|error| DeviceError::Stopped(format!("{error:?}")))?;
            all.push(data.try_into_vec().map_err(|error| DeviceError::Garbled(format!("{error:?}")))?);
        }
        Ok(all)
    }
}
