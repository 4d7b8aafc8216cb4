//! One backbone, two classifiers.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use crate::AGES;
use crate::backbone::Backbone;
use crate::config::NetworkConfig;
use crate::projection::Projection;
use crate::rearrange::Rearranged;

/// The whole network, as trained.
#[derive(Module, Debug)]
pub struct AgeNet {
    /// f^b, trained in stage 1, frozen in stage 2.
    pub backbone: Backbone,
    /// Classifier of stage 1 (instance-balanced sampling).
    pub vanilla: Classifier,
    /// Classifier of stage 2 (class-balanced sampling).
    pub balanced: Classifier,
}

impl AgeNet {
    /// A freshly initialised network. Seed the device first for repeatable weights.
    pub fn new(config: &NetworkConfig, device: &Device) -> Self {
        Self {
            backbone: Backbone::new(config, device),
            vanilla: Classifier::new(config, device),
            balanced: Classifier::new(config, device),
        }
    }
}

/// Rearrangement, its convolution and the projection: one answer to "how old?".
#[derive(Module, Debug)]
pub struct Classifier {
    rearranged: Rearranged,
    projection: Projection,
    /// From hidden features to logits; `None` where the rearrangement's convolution writes logits.
    last: Option<Linear>,
}

/// What a classifier says before softmax.
pub struct Logits {
    /// Local branch F': `[batch, 101, h', w']`, `[GLAE] eq. (6)`.
    pub local: Tensor<4>,
    /// Holistic branch: `[batch, 101]`, `[GLAE] eq. (8)`.
    pub holistic: Tensor<2>,
}

impl Classifier {
    /// Freshly initialised.
    pub fn new(config: &NetworkConfig, device: &Device) -> Self {
        Self {
            rearranged: Rearranged::new(config, device),
            projection: Projection::new(config, device),
            last: config.hidden.map(|hidden| LinearConfig::new(hidden, AGES).init(device)),
        }
    }

    /// # Shapes
    /// - `features`: `[batch, channels, h, w]`
    pub fn forward(&self, features: Tensor<4>) -> Logits {
        let local = self.rearranged.forward(features);
        let holistic = self.projection.forward(local.clone());
        let Some(last) = &self.last else { return Logits { local, holistic } };
        let [batch, hidden, height, width] = local.dims();
        let places = relu(local).permute([0, 2, 3, 1]).reshape([batch * height * width, hidden]);
        Logits {
            local: last.forward(places).reshape([batch, height, width, AGES]).permute([0, 3, 1, 2]),
            holistic: last.forward(relu(holistic)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Projection, Rearrange};
    use crate::{backbone, config::Backbone};

    fn parameters(module: &impl Module, buffers: usize) -> usize {
        module.num_params() - buffers
    }

    #[test]
    fn backbones_have_their_published_sizes() {
        // num_params counts BatchNorm's running mean and variance too: 2 per channel of every BatchNorm.
        let device = Device::flex();
        let resnet18 = backbone::Backbone::new(&NetworkConfig::paper(Backbone::ResNet18), &device);
        assert_eq!(parameters(&resnet18, 2 * 4_800), 11_176_512);
        let resnet50 = backbone::Backbone::new(&NetworkConfig::paper(Backbone::ResNet50), &device);
        assert_eq!(parameters(&resnet50, 2 * 26_560), 23_508_032);
        // 3,185,088 weights of kernels (Howard et al. 2017 count 4.2 million with the dense layer behind) and a bias per channel.
        let config = NetworkConfig { width: 32, input_size: 112, ..NetworkConfig::paper(Backbone::MobileNetV1) };
        assert_eq!(backbone::Backbone::new(&config, &device).num_params(), 3_196_032);
    }

    #[test]
    fn a_hidden_layer_with_pooling_is_the_usual_head_of_two_dense_layers() {
        let device = Device::flex();
        let mut config = NetworkConfig { width: 8, ..NetworkConfig::paper(Backbone::MobileNetV1) };
        config.hidden = Some(12);
        config.check().unwrap();
        let classifier = Classifier::new(&config, &device);
        let _turn = crate::seeded(&device, 1);
        let features = Tensor::<4>::random([2, 256, 7, 7], burn::tensor::Distribution::Default, &device);
        let logits = classifier.forward(features.clone());
        assert_eq!((logits.local.dims(), logits.holistic.dims()), ([2, AGES, 7, 7], [2, AGES]));
        // The mean over all places through both layers.
        let pooled = features.mean_dims(&[2, 3]);
        let hidden = relu(classifier.rearranged.forward(pooled)).reshape([2, 12]);
        let expected = classifier.last.as_ref().unwrap().forward(hidden);
        let off: f32 = (logits.holistic - expected).abs().max().into_scalar();
        assert!(off < 1e-4, "{off}");
    }

    #[test]
    fn rearrangement_convolutions_have_their_published_sizes() {
        let device = Device::flex();
        for (backbone, kernel, expected) in [
            (Backbone::ResNet18, 16, 51_813),
            (Backbone::ResNet18, 32, 206_949),
            (Backbone::ResNet50, 16, 206_949),
            (Backbone::ResNet50, 32, 827_493),
        ] {
            let mut config = NetworkConfig::paper(backbone);
            config.rearrange = Rearrange { r: 16, kernel, stride: 16 };
            assert_eq!(Rearranged::new(&config, &device).num_params(), expected);
        }
    }

    #[test]
    fn depth_0_has_50_parameters_and_starts_as_average_pooling() {
        let device = Device::flex();
        let config = NetworkConfig::paper(Backbone::ResNet18);
        let projection = crate::projection::Projection::new(&config, &device);
        assert_eq!(projection.num_params(), 50);
        let _turn = crate::seeded(&device, 1);
        let map = Tensor::<4>::random([2, 101, 7, 7], burn::tensor::Distribution::Default, &device);
        let mean = map.clone().mean_dims(&[2, 3]).reshape([2, 101]);
        let difference: f32 = (projection.forward(map) - mean).abs().max().into_scalar();
        assert!(difference < 1e-6);
    }

    #[test]
    fn without_rearrangement_an_average_is_pooling_and_a_linear_classifier() {
        // DEX's and the base loss's classifier: logits = W GAP(F) + b.
        let device = Device::flex();
        let mut config = NetworkConfig::paper(Backbone::ResNet18);
        config.rearrange = Rearrange { r: 1, kernel: 1, stride: 1 };
        config.projection = Projection::Average;
        config.check().unwrap();
        let classifier = Classifier::new(&config, &device);
        assert_eq!(classifier.num_params(), 512 * 101 + 101);
        let state = crate::StateDict::of(&classifier);
        let (weight, bias) = (&state.0["rearranged.conv.weight"].values, &state.0["rearranged.conv.bias"].values);
        let _turn = crate::seeded(&device, 1);
        let features = Tensor::<4>::random([1, 512, 7, 7], burn::tensor::Distribution::Default, &device);
        let pooled: Vec<f32> = features.clone().mean_dims(&[2, 3]).into_data().try_to_vec().unwrap();
        let logits: Vec<f32> = classifier.forward(features).holistic.into_data().try_to_vec().unwrap();
        for (k, logit) in logits.iter().enumerate() {
            let row = &weight[k * 512..][..512];
            let expected = row.iter().zip(&pooled).map(|(w, f)| w * f).sum::<f32>() + bias[k];
            assert!((logit - expected).abs() < 1e-4, "class {k}: {logit} {expected}");
        }
    }

    #[test]
    fn all_depths_give_101_logits() {
        let device = Device::flex();
        for hidden in [vec![], vec![144], vec![256, 256]] {
            let mut config = NetworkConfig::paper(Backbone::ResNet18);
            config.projection = Projection::Flatten { hidden };
            let classifier = Classifier::new(&config, &device);
            let logits = classifier.forward(Tensor::zeros([2, 512, 7, 7], &device));
            assert_eq!(logits.local.dims(), [2, 101, 7, 7]);
            assert_eq!(logits.holistic.dims(), [2, 101]);
        }
    }
}
