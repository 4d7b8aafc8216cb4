//! YuNet_n. Field names are those of the published state dict (`backbone.model0.conv1`,
//! `bbox_head.multi_level_cls.0.conv2`, ...), so that public weights load by name.

mod folded;

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Initializer, PaddingConfig2d};
use burn::tensor::{Device, Tensor};
use glae_model::layers::{Burn, Pool, TrainingLayers, doubled};

pub use folded::Folded;
pub(super) use folded::answers;

/// Pixels between neighbouring priors, level by level.
pub const STRIDES: [usize; 3] = [8, 16, 32];

/// Numbers per prior: class, box (dx, dy, ln w, ln h), objectness, five points.
pub const OUTPUTS: usize = 16;

/// Channels of the first stage.
const STEM: usize = 16;

/// Channels of every stage behind it.
const WIDTH: usize = 64;

/// Logit of the share of priors that hold a face before anything is learnt (1 %).
const RARE: f32 = -4.595_12;

/// The detector network.
#[derive(Module, Debug)]
pub struct YuNet {
    backbone: Backbone,
    neck: Neck,
    bbox_head: Heads,
}

impl YuNet {
    /// A freshly initialised network.
    pub fn new(device: &Device) -> Self {
        let stage = |from, to| UnitPair { conv1: Unit::new(from, from, device), conv2: Unit::new(from, to, device) };
        let units = || STRIDES.iter().map(|_| Unit::new(WIDTH, WIDTH, device)).collect::<Vec<_>>();
        let heads = |out, bias| STRIDES.iter().map(|_| Unit::head(out, bias, device)).collect();
        Self {
            backbone: Backbone {
                model0: Stem {
                    conv1: conv(3, STEM, 3, 1).with_stride([2, 2]).init(device),
                    bn1: BatchNormConfig::new(STEM).init(device),
                    conv2: Unit::new(STEM, STEM, device),
                },
                model1: stage(STEM, WIDTH),
                model2: stage(WIDTH, WIDTH),
                model3: stage(WIDTH, WIDTH),
                model4: stage(WIDTH, WIDTH),
                model5: stage(WIDTH, WIDTH),
            },
            neck: Neck { lateral_convs: units() },
            bbox_head: Heads {
                multi_level_share_convs: units().into_iter().map(|unit| vec![unit]).collect(),
                multi_level_cls: heads(1, RARE),
                multi_level_bbox: heads(4, 0.0),
                multi_level_obj: heads(1, RARE),
                multi_level_kps: heads(10, 0.0),
            },
        }
    }

    /// Pixels to answers.
    ///
    /// # Shapes
    /// - `input`: `[batch, 3, height, width]`, blue, green, red, 0 to 255; sides are multiples of 32
    /// - output: `[batch, priors, 16]` in the order of [`super::decode::priors`]
    pub fn forward(&self, input: Tensor<4>) -> Tensor<3> {
        self.forward_with(input, &Burn)
    }

    /// [`Self::forward`] with another way to compute its layers, for training.
    pub fn forward_with(&self, input: Tensor<4>, layers: &dyn TrainingLayers) -> Tensor<3> {
        let features = self.backbone.forward(input, layers);
        self.bbox_head.forward(self.neck.forward(features, layers), layers)
    }
}

#[derive(Module, Debug)]
struct Backbone {
    model0: Stem,
    model1: UnitPair,
    model2: UnitPair,
    model3: UnitPair,
    model4: UnitPair,
    model5: UnitPair,
}

impl Backbone {
    fn forward(&self, input: Tensor<4>, layers: &dyn TrainingLayers) -> [Tensor<4>; 3] {
        let halve = |x| layers.max_pool(x, Pool::HALF);
        let x = self.model1.forward(halve(self.model0.forward(input, layers)), layers);
        let fine = self.model3.forward(halve(self.model2.forward(x, layers)), layers);
        let middle = self.model4.forward(halve(fine.clone()), layers);
        let coarse = self.model5.forward(halve(middle.clone()), layers);
        [fine, middle, coarse]
    }
}

#[derive(Module, Debug)]
struct Stem {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Unit,
}

impl Stem {
    fn forward(&self, input: Tensor<4>, layers: &dyn TrainingLayers) -> Tensor<4> {
        self.conv2.forward(layers.normalise(&self.bn1, layers.convolve(&self.conv1, input), true), layers)
    }
}

#[derive(Module, Debug)]
struct UnitPair {
    conv1: Unit,
    conv2: Unit,
}

impl UnitPair {
    fn forward(&self, x: Tensor<4>, layers: &dyn TrainingLayers) -> Tensor<4> {
        self.conv2.forward(self.conv1.forward(x, layers), layers)
    }
}

/// The published ConvDPUnit: a 1x1 convolution, a depthwise 3x3 one, and, except in heads, BatchNorm and ReLU.
#[derive(Module, Debug)]
struct Unit {
    conv1: Conv2d,
    conv2: Conv2d,
    bn: Option<BatchNorm>,
}

impl Unit {
    fn new(from: usize, to: usize, device: &Device) -> Self {
        let bn = Some(BatchNormConfig::new(to).init(device));
        Self { bn, ..Self::bare(from, to, device) }
    }

    fn head(to: usize, bias: f32, device: &Device) -> Self {
        let mut unit = Self::bare(WIDTH, to, device);
        unit.conv2.bias = Some(Param::from_tensor(Tensor::full([to], bias, device)));
        unit
    }

    /// Without BatchNorm and ReLU.
    fn bare(from: usize, to: usize, device: &Device) -> Self {
        let (point, depth) = (conv(from, to, 1, 1), conv(to, to, 3, to));
        Self { conv1: point.init(device), conv2: depth.init(device), bn: None }
    }

    fn forward(&self, x: Tensor<4>, layers: &dyn TrainingLayers) -> Tensor<4> {
        let x = layers.convolve(&self.conv2, layers.convolve(&self.conv1, x));
        match &self.bn {
            Some(bn) => layers.normalise(bn, x, true),
            None => x,
        }
    }
}

/// Coarse levels flow into finer ones.
#[derive(Module, Debug)]
struct Neck {
    lateral_convs: Vec<Unit>,
}

impl Neck {
    fn forward(&self, [fine, middle, coarse]: [Tensor<4>; 3], layers: &dyn TrainingLayers) -> [Tensor<4>; 3] {
        let coarse = self.lateral_convs[2].forward(coarse, layers);
        let middle = self.lateral_convs[1].forward(middle + doubled(coarse.clone()), layers);
        let fine = self.lateral_convs[0].forward(fine + doubled(middle.clone()), layers);
        [fine, middle, coarse]
    }
}

#[derive(Module, Debug)]
struct Heads {
    multi_level_share_convs: Vec<Vec<Unit>>,
    multi_level_cls: Vec<Unit>,
    multi_level_bbox: Vec<Unit>,
    multi_level_obj: Vec<Unit>,
    multi_level_kps: Vec<Unit>,
}

impl Heads {
    fn forward(&self, features: [Tensor<4>; 3], layers: &dyn TrainingLayers) -> Tensor<3> {
        let levels = features.into_iter().enumerate().map(|(level, mut x)| {
            for unit in &self.multi_level_share_convs[level] {
                x = unit.forward(x, layers);
            }
            let heads = [&self.multi_level_cls, &self.multi_level_bbox, &self.multi_level_obj, &self.multi_level_kps];
            let maps = heads.map(|head| head[level].forward(x.clone(), layers)).to_vec();
            Tensor::cat(maps, 1).flatten::<3>(2, 3).swap_dims(1, 2)
        });
        Tensor::cat(levels.collect(), 1)
    }
}

/// He-normal, with the padding that keeps the size.
fn conv(from: usize, to: usize, kernel: usize, groups: usize) -> Conv2dConfig {
    let pad = kernel / 2;
    Conv2dConfig::new([from, to], [kernel, kernel])
        .with_padding(PaddingConfig2d::Explicit(pad, pad, pad, pad))
        .with_groups(groups)
        .with_initializer(Initializer::KaimingNormal { gain: f64::sqrt(2.0), fan_out_only: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::decode::priors;

    #[test]
    fn it_has_the_published_number_of_parameters() {
        let running = 16 + 16 + (16 + 64) + 4 * 2 * 64 + 3 * 64 + 3 * 64;
        // Burn counts BatchNorm's running mean and variance, the publication does not.
        assert_eq!(YuNet::new(&Device::flex()).num_params(), 75_856 + 2 * running);
    }

    #[test]
    fn there_is_one_answer_for_each_prior() {
        let device = Device::flex();
        let answers = YuNet::new(&device).forward(Tensor::zeros([2, 3, 64, 96], &device));
        assert_eq!(answers.dims(), [2, priors(96, 64).len(), OUTPUTS]);
    }
}
