//! Feature rearrangement, `[GLAE] III-B`.

use burn::module::Module;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::tensor::{Device, Tensor};

use crate::config::NetworkConfig;

/// r^2 neighbouring channels become one r x r patch, row by row: `out[c, h*r+i, w*r+j] = in[c*r^2 + i*r + j, h, w]`.
///
/// # Shapes
/// - `features`: `[batch, channels, h, w]`, channels a multiple of r^2
/// - output: `[batch, channels / r^2, h*r, w*r]`
pub fn rearrange(features: Tensor<4>, r: usize) -> Tensor<4> {
    let [batch, channels, h, w] = features.dims();
    features.reshape([batch, channels / (r * r), r, r, h, w]).permute([0, 1, 4, 2, 5, 3]).reshape([
        batch,
        channels / (r * r),
        h * r,
        w * r,
    ])
}

/// Rearrangement and the convolution that reads the patches: 101 logits, or hidden features, per pixel of the map F'.
#[derive(Module, Debug)]
pub struct Rearranged {
    conv: Conv2d,
    r: usize,
}

impl Rearranged {
    /// Freshly initialised; no padding, with bias.
    pub fn new(config: &NetworkConfig, device: &Device) -> Self {
        let setting = config.rearrange;
        let conv = Conv2dConfig::new([config.channels() / setting.r.pow(2), config.outputs()], [setting.kernel; 2])
            .with_stride([setting.stride; 2])
            .with_padding(PaddingConfig2d::Valid)
            .init(device);
        Self { conv, r: setting.r }
    }

    /// # Shapes
    /// - `features`: `[batch, channels, h, w]`
    /// - output F': `[batch, outputs, h', w']`, [`NetworkConfig::outputs`]
    pub fn forward(&self, features: Tensor<4>) -> Tensor<4> {
        self.conv.forward(rearrange(features, self.r))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Int;

    #[test]
    fn four_channels_become_one_patch_row_by_row() {
        // [GLAE] III-B with r = 2: channel i*2+j lands at row i, column j.
        let features = Tensor::<1, Int>::arange(0..8, &Device::flex()).float().reshape([1, 8, 1, 1]);
        let patches: Vec<f32> = rearrange(features, 2).into_data().try_to_vec().unwrap();
        assert_eq!(patches, [0., 1., 2., 3., 4., 5., 6., 7.]);
        let features = Tensor::<1, Int>::arange(0..8, &Device::flex()).float().reshape([1, 4, 1, 2]);
        let patches: Vec<f32> = rearrange(features, 2).into_data().try_to_vec().unwrap();
        // Channels hold (0,1), (2,3), (4,5), (6,7) along w; the map is 2 x 4.
        assert_eq!(patches, [0., 2., 1., 3., 4., 6., 5., 7.]);
    }
}
