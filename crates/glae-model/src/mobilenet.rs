//! MobileNet-v1 (Howard et al. 2017, "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications")
//! without its last layer and without batch normalisation: weights that were published with it folded in have a bias in its
//! place. Behind each convolution is ReLU6, and padding is TensorFlow's "SAME": see [`crate::layers::same_padding`].

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Initializer, PaddingConfig2d};
use burn::tensor::{Device, Tensor};

use crate::config::NetworkConfig;
use crate::layers::TrainingLayers;

/// Stride of the first convolution.
pub const STEM_STRIDE: usize = 2;

/// The backbone.
#[derive(Module, Debug)]
pub struct MobileNet {
    conv1: Conv2d,
    pairs: Vec<Pair>,
}

/// A depthwise 3x3 and a 1x1 convolution.
#[derive(Module, Debug)]
pub struct Pair {
    depth: Conv2d,
    point: Conv2d,
}

impl MobileNet {
    /// Freshly initialised: He-normal convolutions (fan out), no bias.
    pub(crate) fn new(config: &NetworkConfig, device: &Device) -> Self {
        let width = config.width;
        let mut channels = width;
        let pairs = config.pairs().iter().map(|&(factor, stride)| {
            let (from, to) = (channels, width * factor);
            channels = to;
            Pair { depth: conv([from, from], 3, stride, from, device), point: conv([from, to], 1, 1, 1, device) }
        });
        let pairs = pairs.collect();
        Self { conv1: conv([3, width], 3, STEM_STRIDE, 1, device), pairs }
    }

    pub(crate) fn forward_with(&self, input: Tensor<4>, layers: &dyn TrainingLayers) -> Tensor<4> {
        self.pairs.iter().fold(layers.convolve_relu6(&self.conv1, input), |x, pair| {
            layers.convolve_relu6(&pair.point, layers.convolve_relu6(&pair.depth, x))
        })
    }
}

fn conv(channels: [usize; 2], side: usize, stride: usize, groups: usize, device: &Device) -> Conv2d {
    let mut conv = Conv2dConfig::new(channels, [side, side])
        .with_stride([stride, stride])
        // The padding depends on the map's size, so that it is added where the map is known.
        .with_padding(PaddingConfig2d::Valid)
        .with_groups(groups)
        .with_initializer(Initializer::KaimingNormal { gain: f64::sqrt(2.0), fan_out_only: true })
        .init(device);
    conv.bias = Some(Initializer::Zeros.init([channels[1]], device));
    conv
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Backbone;
    use crate::layers::Burn;

    #[test]
    fn the_map_is_a_thirty_second_of_the_input_rounded_up() {
        let device = Device::flex();
        let all = NetworkConfig { width: 4, ..NetworkConfig::paper(Backbone::MobileNetV1) };
        let net = MobileNet::new(&all, &device);
        assert_eq!(net.pairs.len(), 13);
        for (size, side) in [(112, 4), (96, 3), (33, 2)] {
            let map = net.forward_with(Tensor::zeros([1, 3, size, size], &device), &Burn);
            assert_eq!(map.dims(), [1, 128, side, side]);
        }
        let short = MobileNet::new(&NetworkConfig { pairs: Some(12), ..all }, &device);
        let map = short.forward_with(Tensor::zeros([1, 3, 112, 112], &device), &Burn);
        assert_eq!((short.pairs.len(), map.dims()), (12, [1, 128, 4, 4]));
    }
}
