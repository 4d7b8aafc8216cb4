//! The network before the classifiers: ResNet-18 and ResNet-50 without their last layer, or MobileNet-v1.
//!
//! Field names are torchvision's (`conv1`, `bn1`, `layer1.0.conv1`, ...), so that a state dict of either loads by name;
//! `weights` maps the few names that differ (`bn1.gamma` is `bn1.weight`, `downsample.conv` is `downsample.0`).

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Initializer, PaddingConfig2d};
use burn::tensor::{Device, Tensor};

use crate::config::{NetworkConfig, Residual};
use crate::layers::{Burn, Pool, TrainingLayers};
use crate::mobilenet::MobileNet;

/// The backbone f^b. In a state dict the variant is no part of a name: see [`crate::weights::Path`].
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "a network has one, and it lives as long as the network")]
pub enum Backbone {
    /// ResNet-18 or ResNet-50.
    ResNet(ResNet),
    /// MobileNet-v1.
    MobileNet(MobileNet),
}

impl Backbone {
    /// A freshly initialised backbone.
    pub fn new(config: &NetworkConfig, device: &Device) -> Self {
        match config.backbone.residual() {
            Some(residual) => Self::ResNet(ResNet::new(residual, config.width, device)),
            None => Self::MobileNet(MobileNet::new(config, device)),
        }
    }

    /// Normalised pixels to the last feature map F.
    ///
    /// # Shapes
    /// - `input`: `[batch, 3, size, size]`
    /// - output: `[batch, channels, side, side]`, [`NetworkConfig::channels`] and [`NetworkConfig::feature_side`]
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        self.forward_with(input, &Burn)
    }

    /// [`Self::forward`] with another way to compute its layers, for training.
    pub fn forward_with(&self, input: Tensor<4>, layers: &dyn TrainingLayers) -> Tensor<4> {
        match self {
            Self::ResNet(net) => net.forward_with(input, layers),
            Self::MobileNet(net) => net.forward_with(input, layers),
        }
    }
}

/// A residual network.
#[derive(Module, Debug)]
pub struct ResNet {
    conv1: Conv2d,
    bn1: BatchNorm,
    layer1: Vec<Block>,
    layer2: Vec<Block>,
    layer3: Vec<Block>,
    layer4: Vec<Block>,
}

impl ResNet {
    /// A freshly initialised network: He-normal convolutions (fan out), as in torchvision.
    fn new(residual: Residual, width: usize, device: &Device) -> Self {
        let mut channels = width;
        let mut layer = |stage: usize| -> Vec<Block> {
            let inner = width << stage;
            (0..residual.blocks[stage])
                .map(|index| {
                    let stride = if stage > 0 && index == 0 { 2 } else { 1 };
                    let block = Block::new(residual, channels, inner, stride, device);
                    channels = inner * residual.expansion();
                    block
                })
                .collect()
        };
        Self {
            conv1: conv(3, width, 7, 2, device),
            bn1: BatchNormConfig::new(width).init(device),
            layer1: layer(0),
            layer2: layer(1),
            layer3: layer(2),
            layer4: layer(3),
        }
    }

    fn forward_with(&self, input: Tensor<4>, layers: &dyn TrainingLayers) -> Tensor<4> {
        let mut x = layers.normalise(&self.bn1, layers.convolve(&self.conv1, input), true);
        x = layers.max_pool(x, STEM_POOL);
        for block in [&self.layer1, &self.layer2, &self.layer3, &self.layer4].into_iter().flatten() {
            x = block.forward(x, layers);
        }
        x
    }
}

/// The pooling behind the stem.
pub(crate) const STEM_POOL: Pool = Pool { size: 3, stride: 2, padding: 1 };

/// A residual block: basic (two 3x3) or bottleneck (1x1, 3x3, 1x1).
#[derive(Module, Debug)]
pub struct Block {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    conv3: Option<Conv2d>,
    bn3: Option<BatchNorm>,
    downsample: Option<Downsample>,
}

/// The shortcut where the shape changes.
#[derive(Module, Debug)]
pub struct Downsample {
    conv: Conv2d,
    bn: BatchNorm,
}

impl Block {
    fn new(residual: Residual, channels: usize, inner: usize, stride: usize, device: &Device) -> Self {
        let norm = |channels| BatchNormConfig::new(channels).init(device);
        let out = inner * residual.expansion();
        let (conv1, conv2, conv3) = if residual.bottleneck {
            (
                conv(channels, inner, 1, 1, device),
                conv(inner, inner, 3, stride, device),
                Some(conv(inner, out, 1, 1, device)),
            )
        } else {
            (conv(channels, inner, 3, stride, device), conv(inner, inner, 3, 1, device), None)
        };
        Self {
            conv1,
            bn1: norm(inner),
            conv2,
            bn2: norm(inner),
            bn3: conv3.is_some().then(|| norm(out)),
            conv3,
            downsample: (stride != 1 || channels != out)
                .then(|| Downsample { conv: conv(channels, out, 1, stride, device), bn: norm(out) }),
        }
    }

    fn forward(&self, input: Tensor<4>, layers: &dyn TrainingLayers) -> Tensor<4> {
        let shortcut = match &self.downsample {
            Some(down) => layers.normalise(&down.bn, layers.convolve(&down.conv, input.clone()), false),
            None => input.clone(),
        };
        let mut x = layers.normalise(&self.bn1, layers.convolve(&self.conv1, input), true);
        x = layers.normalise(&self.bn2, layers.convolve(&self.conv2, x), self.conv3.is_some());
        if let (Some(conv3), Some(bn3)) = (&self.conv3, &self.bn3) {
            x = layers.normalise(bn3, layers.convolve(conv3, x), false);
        }
        layers.join(x, shortcut)
    }
}

fn conv(from: usize, to: usize, kernel: usize, stride: usize, device: &Device) -> Conv2d {
    let pad = kernel / 2;
    Conv2dConfig::new([from, to], [kernel, kernel])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(pad, pad, pad, pad))
        .with_bias(false)
        .with_initializer(Initializer::KaimingNormal { gain: f64::sqrt(2.0), fan_out_only: true })
        .init(device)
}
