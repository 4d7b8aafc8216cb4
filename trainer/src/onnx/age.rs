//! The age network as an ONNX file, folded as [`glae_model::fold`] folds it.

use anyhow::{Context, Result};
use glae_model::config::{NetworkConfig, Projection, Residual};
use glae_model::layers::same_padding;
use glae_model::mobilenet::STEM_STRIDE;
use glae_model::{AGES, StateDict, WeightsError};

use super::{Dense, Graph, Kernel, Value};

/// A face and its mirror image: the batch of an estimate.
pub const PAIR: usize = 2;

/// The file. Its input is `input`, normalised pixels `[batch, 3, size, size]`; its output `logits`, `[2, batch, 101]`, the
/// vanilla classifier first.
///
/// # Errors
/// The architecture does not fit together, or the state dict is another network's.
pub fn age(config: &NetworkConfig, state: &StateDict, batch: usize) -> Result<Vec<u8>> {
    let (graph, logits) = graph(config, state, batch)?;
    Ok(graph.file(&[("logits", &logits)]))
}

fn graph(config: &NetworkConfig, state: &StateDict, batch: usize) -> Result<(Graph, Value)> {
    config.check().context("the architecture cannot be built")?;
    let mut net = Net { config, state, graph: Graph::new("glae") };
    let input = net.graph.input("input", &[batch, 3, config.input_size, config.input_size]);
    let features = net.backbone(&input)?;
    let heads = [net.head("vanilla", &features)?, net.head("balanced", &features)?];
    let logits = net.graph.concat(&heads.each_ref(), 0);
    Ok((net.graph, logits))
}

/// The graph as far as it is built.
struct Net<'a> {
    config: &'a NetworkConfig,
    state: &'a StateDict,
    graph: Graph,
}

impl Net<'_> {
    fn backbone(&mut self, input: &Value) -> Result<Value, WeightsError> {
        match self.config.backbone.residual() {
            Some(residual) => self.residual(residual, input),
            None => self.separable(input),
        }
    }

    fn residual(&mut self, residual: Residual, input: &Value) -> Result<Value, WeightsError> {
        let width = self.config.width;
        let x = self.conv("backbone.conv1", "backbone.bn1", input, [width, 7], 2)?;
        let x = self.graph.relu(&x);
        let mut x = self.graph.max_pool(&x, 3, 2, 1);
        for (stage, count) in residual.blocks.into_iter().enumerate() {
            for index in 0..count {
                let stride = if stage > 0 && index == 0 { 2 } else { 1 };
                x =
                    self.block(&format!("backbone.layer{}.{index}", stage + 1), residual, &x, width << stage, stride)?;
            }
        }
        Ok(x)
    }

    fn separable(&mut self, input: &Value) -> Result<Value, WeightsError> {
        let width = self.config.width;
        let mut x = self.conv_relu6("backbone.conv1", input, [width, 3], STEM_STRIDE, 1)?;
        for (index, &(factor, stride)) in self.config.pairs().iter().enumerate() {
            let (name, channels) = (format!("backbone.pairs.{index}"), x.shape[1]);
            x = self.conv_relu6(&format!("{name}.depth"), &x, [channels, 3], stride, channels)?;
            x = self.conv_relu6(&format!("{name}.point"), &x, [width * factor, 1], 1, 1)?;
        }
        Ok(x)
    }

    /// A convolution padded as TensorFlow pads, and ReLU6.
    fn conv_relu6(
        &mut self,
        name: &str,
        x: &Value,
        [out, side]: [usize; 2],
        stride: usize,
        groups: usize,
    ) -> Result<Value, WeightsError> {
        let kernel = Kernel::read(self.state, name, [out, x.shape[1] / groups, side, side], groups)?;
        let padding = same_padding(x.shape[2], side, stride);
        let x = self.graph.conv(x, Kernel { padding, ..kernel.with_stride(stride) });
        Ok(self.graph.relu6(&x))
    }

    fn block(
        &mut self,
        name: &str,
        residual: Residual,
        x: &Value,
        inner: usize,
        stride: usize,
    ) -> Result<Value, WeightsError> {
        let out = inner * residual.expansion();
        // Channels, kernel and stride of each convolution.
        let convs = if residual.bottleneck {
            vec![([inner, 1], 1), ([inner, 3], stride), ([out, 1], 1)]
        } else {
            vec![([inner, 3], stride), ([inner, 3], 1)]
        };
        let shortcut = if stride != 1 || x.shape[1] != out {
            let name = format!("{name}.downsample");
            self.conv(&format!("{name}.0"), &format!("{name}.1"), x, [out, 1], stride)?
        } else {
            x.clone()
        };
        let mut x = x.clone();
        for (index, (size, stride)) in (1..).zip(convs) {
            x = if index == 1 { x } else { self.graph.relu(&x) };
            x = self.conv(&format!("{name}.conv{index}"), &format!("{name}.bn{index}"), &x, size, stride)?;
        }
        let sum = self.graph.add(&x, &shortcut);
        Ok(self.graph.relu(&sum))
    }

    /// A convolution to `out` channels with a square kernel of `side`, and its BatchNorm.
    fn conv(
        &mut self,
        name: &str,
        norm: &str,
        x: &Value,
        [out, side]: [usize; 2],
        stride: usize,
    ) -> Result<Value, WeightsError> {
        let kernel = Kernel::read(self.state, name, [out, x.shape[1], side, side], 1)?.with_stride(stride);
        let kernel = kernel.folded(self.state, norm)?;
        Ok(self.graph.conv(x, kernel))
    }

    /// One classifier: `[1, batch, 101]`.
    fn head(&mut self, name: &str, features: &Value) -> Result<Value, WeightsError> {
        let setting = self.config.rearrange;
        let [batch, channels, height, width] = [0, 1, 2, 3].map(|axis| features.shape[axis]);
        let square = setting.r * setting.r;
        let outputs = self.config.outputs();
        let shape = [outputs, channels / square, setting.kernel, setting.kernel];
        let mut kernel = Kernel::read(self.state, &format!("{name}.rearranged.conv"), shape, 1)?;
        kernel.padding = [0, 0];
        let mut x = features.clone();
        if setting.kernel == setting.r && setting.stride == setting.r {
            // Each result reads one patch, which is neighbouring channels of one pixel: see `glae_model::fold`.
            kernel.shape = [outputs, channels, 1, 1];
        } else {
            kernel.stride = setting.stride;
            x = self.graph.reshape(&x, &[batch, channels / square, setting.r, setting.r, height, width]);
            x = self.graph.transpose(&x, &[0, 1, 4, 2, 5, 3]);
            x = self.graph.reshape(&x, &[batch, channels / square, height * setting.r, width * setting.r]);
        }
        let map = self.graph.conv(&x, kernel);
        let pixels = map.shape[2] * map.shape[3];
        let mut x = match &self.config.projection {
            Projection::Pool => {
                let layer = Dense::read(self.state, &format!("{name}.projection.pool"), [pixels, 1])?;
                let rows = self.graph.reshape(&map, &[batch * outputs, pixels]);
                self.graph.dense(&rows, layer)
            }
            Projection::Average => {
                let weight = vec![1.0 / pixels as f32; pixels];
                let rows = self.graph.reshape(&map, &[batch * outputs, pixels]);
                self.graph.dense(&rows, Dense { weight, bias: vec![0.0], shape: [pixels, 1] })
            }
            Projection::Flatten { hidden } => {
                let mut x = self.graph.reshape(&map, &[batch, AGES * pixels]);
                for (index, width) in hidden.iter().enumerate() {
                    let layer = format!("{name}.projection.layers.{index}");
                    let dense = Dense::read(self.state, &format!("{layer}.linear"), [x.shape[1], *width])?;
                    x = self.graph.dense(&x, dense.folded(self.state, &format!("{layer}.bn"))?);
                    x = self.graph.relu(&x);
                }
                let last = Dense::read(self.state, &format!("{name}.projection.last"), [x.shape[1], AGES])?;
                self.graph.dense(&x, last)
            }
        };
        if let Some(hidden) = self.config.hidden {
            let features = self.graph.reshape(&x, &[batch, hidden]);
            let features = self.graph.relu(&features);
            let last = Dense::read(self.state, &format!("{name}.last"), [hidden, AGES])?;
            x = self.graph.dense(&features, last);
        }
        Ok(self.graph.reshape(&x, &[1, batch, AGES]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::interpreter;
    use burn::module::Module;
    use burn::tensor::{Distribution, Tensor, read_sync};
    use glae_model::AgeNet;
    use glae_model::config::{Backbone, Rearrange};
    use glae_model::fold::FoldedNet;

    #[test]
    fn the_graph_answers_as_the_folded_network() {
        let device = crate::device::cpu();
        let _turn = crate::device::turn();
        device.seed(11);
        let flatten = Projection::Flatten { hidden: vec![7] };
        for (backbone, r, kernel, stride, projection, hidden) in [
            (Backbone::ResNet18, 4, 4, 4, Projection::Pool, None),
            (Backbone::ResNet50, 4, 8, 2, flatten, None),
            (Backbone::ResNet18, 1, 1, 1, Projection::Average, None),
            (Backbone::MobileNetV1, 4, 4, 4, Projection::Pool, Some(12)),
        ] {
            let rearrange = Rearrange { r, kernel, stride };
            let config =
                NetworkConfig { backbone, width: 8, input_size: 64, rearrange, projection, hidden, pairs: None };
            let training = device.clone().autodiff();
            let net = AgeNet::new(&config, &training);
            // BatchNorm statistics other than the initial 0 and 1.
            let seen = net.backbone.forward(Tensor::random([4, 3, 64, 64], Distribution::Normal(0.3, 1.5), &training));
            for head in [&net.vanilla, &net.balanced] {
                head.forward(seen.clone());
            }
            let state = StateDict::of(&net.valid());
            let input = Tensor::<4>::random([2, 3, 64, 64], Distribution::Normal(0.0, 1.0), &device);
            let folded = FoldedNet::new(&config, &state, &device).unwrap();
            let input: Vec<f32> = input.into_data().try_into_vec().unwrap();
            let expected = read_sync(folded.forward(&input, [2, 3, 64, 64])).unwrap();
            let (graph, logits) = graph(&config, &state, 2).unwrap();
            let found = interpreter::result(&graph, &[input], &logits);
            assert_eq!(found.shape, [2, 2, AGES]);
            let largest = expected.iter().fold(0f32, |largest, value| largest.max(value.abs()));
            for (found, expected) in found.values.iter().zip(&expected) {
                assert!((found - expected).abs() <= 1e-4 * largest, "{config:?}: {found} instead of {expected}");
            }
        }
    }

    #[test]
    fn another_networks_weights_are_refused() {
        let config = NetworkConfig::paper(Backbone::ResNet18);
        let error = age(&config, &StateDict::default(), 1).unwrap_err().to_string();
        assert!(error.contains("backbone.conv1.weight"), "{error}");
    }
}
