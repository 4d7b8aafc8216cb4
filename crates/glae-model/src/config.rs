//! What a network looks like, as written in a run's TOML and in the weights' manifest.

use serde::{Deserialize, Serialize};

/// Architecture of backbone and classifiers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// The convolutional network before the classifiers.
    pub backbone: Backbone,
    /// Channels behind the first convolution: torchvision's ResNets have 64, MobileNet-v1 has 32. Smaller is quicker.
    #[serde(default = "default_width")]
    pub width: usize,
    /// Side of the square input in pixels.
    pub input_size: usize,
    /// Feature rearrangement and its convolution.
    #[serde(default)]
    pub rearrange: Rearrange,
    /// From a map of logits to one vector of logits.
    #[serde(default)]
    pub projection: Projection,
    /// Features of a hidden layer in each classifier: the rearrangement's convolution then writes this many features in place
    /// of 101 logits, the projection pools them, and ReLU and one dense layer behind make logits, for both branches alike.
    /// The paper has none; published age networks have one, and with it a run can begin from theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<usize>,
    /// MobileNet's pairs of a depthwise and a 1x1 convolution, 12 or 13; 13, as published, where it is left out. The last
    /// one has more than a quarter of all weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairs: Option<usize>,
}

/// The kind of convolutional network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Backbone {
    /// 2, 2, 2, 2 basic blocks.
    #[serde(rename = "resnet18")]
    ResNet18,
    /// 3, 4, 6, 3 bottleneck blocks, stride on the 3x3 convolution.
    #[serde(rename = "resnet50")]
    ResNet50,
    /// MobileNet-v1 (Howard et al. 2017) without batch normalisation: see [`crate::mobilenet`].
    #[serde(rename = "mobilenet-v1")]
    MobileNetV1,
}

/// Output channels in multiples of the first convolution's, and stride, of each of MobileNet's pairs of a depthwise 3x3 and
/// a 1x1 convolution.
const PAIRS: [(usize, usize); 13] =
    [(2, 1), (4, 2), (4, 1), (8, 2), (8, 1), (16, 2), (16, 1), (16, 1), (16, 1), (16, 1), (16, 1), (32, 2), (32, 1)];

/// What a residual network is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Residual {
    /// Blocks in each of the four stages.
    pub blocks: [usize; 4],
    /// Whether a block is 1x1, 3x3, 1x1 in place of two 3x3.
    pub bottleneck: bool,
}

impl Residual {
    /// Output channels of a block per inner channel.
    pub fn expansion(self) -> usize {
        if self.bottleneck { 4 } else { 1 }
    }
}

impl Backbone {
    /// What it is called in a sentence.
    pub fn title(self) -> &'static str {
        match self {
            Backbone::ResNet18 => "ResNet-18",
            Backbone::ResNet50 => "ResNet-50",
            Backbone::MobileNetV1 => "MobileNet-v1",
        }
    }

    /// The width that was published.
    pub fn published_width(self) -> usize {
        if self == Backbone::MobileNetV1 { 32 } else { 64 }
    }

    /// The residual network of this name; `None` for MobileNet.
    pub fn residual(self) -> Option<Residual> {
        match self {
            Backbone::ResNet18 => Some(Residual { blocks: [2, 2, 2, 2], bottleneck: false }),
            Backbone::ResNet50 => Some(Residual { blocks: [3, 4, 6, 3], bottleneck: true }),
            Backbone::MobileNetV1 => None,
        }
    }
}

/// Feature rearrangement: r^2 neighbouring channels become one r x r patch, then a convolution reads the patches.
/// `[GLAE] III-B, Table III`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rearrange {
    /// Side r of the patch.
    pub r: usize,
    /// Side of the convolution's kernel: r or 2r.
    pub kernel: usize,
    /// Stride of the convolution: r or r/2.
    pub stride: usize,
}

impl Rearrange {
    /// Whether each output pixel reads exactly one patch: rearrangement and convolution together are a 1x1 convolution.
    pub fn is_pointwise(&self) -> bool {
        self.kernel == self.r && self.stride == self.r
    }
}

impl Default for Rearrange {
    fn default() -> Self {
        Self { r: 16, kernel: 16, stride: 16 }
    }
}

/// Holistic projection, `[GLAE] eq. (8)`, in place of global average pooling.
///
/// CHOICE: the paper does not publish widths. Depth 0 is `pool`; depths 1 and 2 are `flatten` with one and two hidden
/// layers, whose widths 144 and 256 come closest to Table IV's parameter counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Projection {
    /// One linear map H'W' -> 1 shared by all classes; starts as average pooling.
    #[default]
    Pool,
    /// Global average pooling: no parameters. With `r = kernel = stride = 1` the network is the usual backbone, pooling and
    /// linear classifier: averaging the logits of all pixels is the same as classifying the averaged pixel.
    Average,
    /// The flattened map through hidden layers with BatchNorm and ReLU.
    Flatten {
        /// Widths of the hidden layers; their number is the depth.
        hidden: Vec<usize>,
    },
}

fn default_width() -> usize {
    64
}

/// Why an architecture cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl NetworkConfig {
    /// The paper's network at 224 x 224: (16, 16) rearrangement, projection depth 0.
    pub fn paper(backbone: Backbone) -> Self {
        Self {
            backbone,
            width: default_width(),
            input_size: 224,
            rearrange: Rearrange::default(),
            projection: Projection::default(),
            hidden: None,
            pairs: None,
        }
    }

    /// Channels of the backbone's last feature map.
    pub fn channels(&self) -> usize {
        self.backbone.residual().map_or(self.width * 32, |residual| self.width * 8 * residual.expansion())
    }

    /// Output channels in multiples of `width`, and stride, of each of MobileNet's pairs.
    pub fn pairs(&self) -> &'static [(usize, usize)] {
        &PAIRS[..self.pairs.unwrap_or(PAIRS.len())]
    }

    /// Numbers that the rearrangement's convolution writes per place: hidden features, or logits.
    pub fn outputs(&self) -> usize {
        self.hidden.unwrap_or(crate::AGES)
    }

    /// Side of the backbone's last feature map: five halvings, each rounded up.
    pub fn feature_side(&self) -> usize {
        (0..5).fold(self.input_size, |side, _| side.div_ceil(2))
    }

    /// Side of the map of logits F' behind the rearrangement's convolution.
    pub fn map_side(&self) -> usize {
        let Rearrange { r, kernel, stride } = self.rearrange;
        (self.feature_side() * r - kernel) / stride + 1
    }

    /// Checks that the parts fit together.
    ///
    /// # Errors
    /// Names the field that does not fit, and what would.
    pub fn check(&self) -> Result<(), ConfigError> {
        let Rearrange { r, kernel, stride } = self.rearrange;
        let problem = if r == 0 || stride == 0 || self.width == 0 || self.input_size < 32 {
            Some("`r`, `stride` and `width` must be at least 1 and `input_size` at least 32".to_owned())
        } else if !self.channels().is_multiple_of(r * r) {
            let channels = self.channels();
            Some(format!("r = {r} needs a multiple of {} channels, the backbone has {channels}: change `width`", r * r))
        } else if ![r, 2 * r].contains(&kernel) || !(stride == r || stride * 2 == r) {
            Some(format!("kernel {kernel} and stride {stride} are not of Table III: kernel r or 2r, stride r or r/2"))
        } else if kernel > self.feature_side() * r {
            Some(format!("kernel {kernel} is larger than the rearranged map: raise `input_size`"))
        } else if matches!(&self.projection, Projection::Flatten { hidden } if hidden.contains(&0)) {
            Some("a hidden layer of `projection` has width 0".to_owned())
        } else if self.hidden == Some(0) {
            Some("`hidden` has width 0: leave it out for a classifier without hidden layer".to_owned())
        } else if self.pairs.is_some_and(|pairs| self.backbone != Backbone::MobileNetV1 || !(12..=13).contains(&pairs))
        {
            Some("`pairs` is for mobilenet-v1, and 12 or 13: the last halving of the map is in the twelfth".to_owned())
        } else if self.hidden.is_some() && matches!(self.projection, Projection::Flatten { .. }) {
            Some("`hidden` needs a `projection` that pools: `pool` or `average`, not `flatten`".to_owned())
        } else {
            None
        };
        problem.map_or(Ok(()), |text| Err(ConfigError(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_iii_settings_give_their_map_sides() {
        for (kernel, stride, side) in [(16, 16, 7), (16, 8, 13), (32, 16, 6), (32, 8, 11)] {
            let mut config = NetworkConfig::paper(Backbone::ResNet18);
            config.rearrange = Rearrange { r: 16, kernel, stride };
            config.check().unwrap();
            assert_eq!(config.map_side(), side);
        }
    }

    #[test]
    fn mobilenet_ends_with_1024_channels_on_4_by_4_places_at_112_pixels() {
        let config = NetworkConfig { width: 32, input_size: 112, ..NetworkConfig::paper(Backbone::MobileNetV1) };
        config.check().unwrap();
        assert_eq!((config.channels(), config.feature_side(), config.map_side()), (1024, 4, 4));
    }

    #[test]
    fn parts_that_do_not_fit_are_named() {
        let mut config = NetworkConfig::paper(Backbone::ResNet18);
        config.width = 24;
        assert!(config.check().unwrap_err().to_string().contains("`width`"));
        config.width = 64;
        config.hidden = Some(256);
        config.check().unwrap();
        config.projection = Projection::Flatten { hidden: vec![8] };
        assert!(config.check().unwrap_err().to_string().contains("`hidden`"));
        config.projection = Projection::Pool;
        config.pairs = Some(12);
        assert!(config.check().unwrap_err().to_string().contains("`pairs`"));
        config.pairs = None;
        config.rearrange.stride = 5;
        assert!(config.check().unwrap_err().to_string().contains("Table III"));
    }
}
