//! The network for inference: BatchNorm folded into convolutions, rearrangement folded away where it can be.

use burn::tensor::activation::relu;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};

use crate::backbone::STEM_POOL;
use crate::config::{Backbone, NetworkConfig, Projection};
#[cfg(feature = "cpu")]
use crate::cpu;
#[cfg(all(feature = "gpu", target_family = "wasm"))]
use crate::gpu;
#[cfg(any(feature = "cpu", feature = "gpu"))]
use crate::layers::Kit;
use crate::rearrange::rearrange;
use crate::weights::{Array, StateDict, WeightsError};

/// BatchNorm's epsilon, as in torchvision and Burn.
const EPSILON: f32 = 1e-5;

/// Backbone and both classifiers with as few operations as they need.
#[derive(Clone, Debug)]
pub struct FoldedNet {
    trunk: Trunk,
    heads: [FoldedHead; 2],
    device: Device,
}

/// The backbone, its convolutions computed by whoever is quickest on the device.
#[derive(Clone, Debug)]
enum Trunk {
    Tensors(Layers<Conv>),
    #[cfg(feature = "cpu")]
    Processor(Layers<cpu::Conv>, cpu::Processor),
    #[cfg(all(feature = "gpu", target_family = "wasm"))]
    Graphics(Layers<gpu::Conv>, gpu::Graphics, Option<gpu::Classifiers>),
}

/// The backbone's convolutions.
#[derive(Clone, Debug)]
struct Layers<C> {
    stem: C,
    blocks: Vec<FoldedBlock<C>>,
}

#[derive(Clone, Debug)]
struct FoldedBlock<C> {
    convs: Vec<C>,
    downsample: Option<C>,
}

/// A convolution by the tensors of the device.
#[derive(Clone, Debug)]
struct Conv {
    weight: Tensor<4>,
    bias: Tensor<1>,
    stride: usize,
    padding: usize,
}

/// A convolution with BatchNorm folded into it.
struct Folded {
    weight: Vec<f32>,
    bias: Vec<f32>,
    shape: [usize; 4],
    stride: usize,
    /// Side of the maps it sees.
    #[cfg_attr(
        not(any(feature = "cpu", feature = "gpu")),
        expect(dead_code, reason = "only layers of our own choose by it")
    )]
    map: usize,
}

#[cfg(any(feature = "cpu", feature = "gpu"))]
impl Folded {
    fn of<K: Kit>(self, kit: &K) -> K::Conv {
        kit.conv(&self.weight, self.bias, self.shape, self.stride, self.map)
    }
}

#[derive(Clone, Debug)]
struct FoldedHead {
    /// `Some(r)` where the rearrangement has to be done; `None` where it is inside the 1x1 convolution.
    rearrange: Option<usize>,
    conv: Conv,
    projection: Vec<Dense>,
    pool: bool,
}

#[derive(Clone, Debug)]
struct Dense {
    /// `[in, out]`
    weight: Tensor<2>,
    /// `[1, out]`
    bias: Tensor<2>,
}

impl FoldedNet {
    /// Folds a state dict of [`crate::AgeNet`] and uploads it.
    ///
    /// # Errors
    /// A tensor is missing or has another shape than the architecture.
    pub fn new(config: &NetworkConfig, state: &StateDict, device: &Device) -> Result<Self, WeightsError> {
        config.check().map_err(|error| WeightsError::Manifest(error.to_string()))?;
        let folder = Folder { state, device };
        Ok(Self {
            trunk: folder.trunk(config)?,
            heads: [folder.head(config, "vanilla")?, folder.head(config, "balanced")?],
            device: device.clone(),
        })
    }

    /// Both classifiers' logits.
    ///
    /// # Shapes
    /// - `pixels`: normalised, `[batch, 3, size, size]` of this shape
    /// - output: `[2, batch, 101]`, vanilla first
    pub fn forward(&self, pixels: Vec<f32>, shape: [usize; 4]) -> Tensor<3> {
        let device = &self.device;
        let x = match &self.trunk {
            Trunk::Tensors(layers) => layers.forward(Tensor::from_data(TensorData::new(pixels, shape), device)),
            #[cfg(feature = "cpu")]
            Trunk::Processor(layers, kit) => {
                let x = layers.forward_with(kit.map(&pixels, shape), kit);
                Tensor::from_data(TensorData::new(x.to_planes(), [x.batch, x.channels, x.height, x.width]), device)
            }
            #[cfg(all(feature = "gpu", target_family = "wasm"))]
            Trunk::Graphics(layers, kit, classifiers) => {
                let features = layers.forward_with(kit.map(&pixels, shape), kit);
                if let Some(classifiers) = classifiers {
                    return classifiers.forward(&features, kit);
                }
                kit.pixels(features).permute([0, 3, 1, 2])
            }
        };
        let [vanilla, balanced] = &self.heads;
        Tensor::stack(vec![vanilla.forward(x.clone()), balanced.forward(x)], 0)
    }
}

impl Layers<Conv> {
    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let mut x = STEM_POOL.forward(relu(self.stem.forward(input)));
        for FoldedBlock { convs, downsample } in &self.blocks {
            let shortcut = downsample.as_ref().map_or_else(|| x.clone(), |conv| conv.forward(x.clone()));
            for (index, conv) in convs.iter().enumerate() {
                x = conv.forward(if index == 0 { x } else { relu(x) });
            }
            x = relu(x + shortcut);
        }
        x
    }
}

#[cfg(any(feature = "cpu", feature = "gpu"))]
impl<C> Layers<C> {
    fn forward_with<K: Kit<Conv = C>>(&self, input: K::Map, kit: &K) -> K::Map {
        let mut x = kit.max_pool(&kit.convolve(&self.stem, &input, None, true), STEM_POOL);
        for FoldedBlock { convs, downsample } in &self.blocks {
            let down = downsample.as_ref().map(|conv| kit.convolve(conv, &x, None, false));
            let (last, first) = convs.split_last().expect("a block has convolutions");
            let inner = first.iter().fold(None, |inner: Option<K::Map>, conv| {
                Some(kit.convolve(conv, inner.as_ref().unwrap_or(&x), None, true))
            });
            x = kit.convolve(last, inner.as_ref().unwrap_or(&x), Some(down.as_ref().unwrap_or(&x)), true);
        }
        x
    }
}

impl Conv {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let options = ConvOptions::new([self.stride; 2], [self.padding; 2], [1, 1], 1);
        conv2d(x, self.weight.clone(), Some(self.bias.clone()), options)
    }
}

impl FoldedHead {
    fn forward(&self, features: Tensor<4>) -> Tensor<2> {
        let features = match self.rearrange {
            Some(r) => rearrange(features, r),
            None => features,
        };
        let map = self.conv.forward(features);
        let [batch, ages, h, w] = map.dims();
        let mut x = if self.pool { map.reshape([batch * ages, h * w]) } else { map.reshape([batch, ages * h * w]) };
        for (index, dense) in self.projection.iter().enumerate() {
            x = if index == 0 { x } else { relu(x) };
            x = x.matmul(dense.weight.clone()) + dense.bias.clone();
        }
        x.reshape([batch, ages])
    }
}

/// Takes arrays out of a state dict, folds them on the host and uploads the result.
struct Folder<'a> {
    state: &'a StateDict,
    device: &'a Device,
}

impl Folder<'_> {
    fn trunk(&self, config: &NetworkConfig) -> Result<Trunk, WeightsError> {
        #[cfg(feature = "cpu")]
        if cpu::serves(self.device) {
            let kit = cpu::Processor::new(self.device);
            return Ok(Trunk::Processor(self.layers(config, |folded| folded.of(&kit))?, kit));
        }
        #[cfg(all(feature = "gpu", target_family = "wasm"))]
        if gpu::serves(self.device) && config.width.is_multiple_of(4) {
            let kit = gpu::Graphics::new(self.device);
            let classifiers = self.classifiers(config, &kit)?;
            return Ok(Trunk::Graphics(self.layers(config, |folded| folded.of(&kit))?, kit, classifiers));
        }
        Ok(Trunk::Tensors(self.layers(config, |folded| self.uploaded(folded))?))
    }

    /// The backbone; `conv` makes what computes a convolution.
    fn layers<C>(&self, config: &NetworkConfig, conv: impl Fn(Folded) -> C) -> Result<Layers<C>, WeightsError> {
        let (mut channels, width) = (config.width, config.width);
        let stem = self.conv("backbone.conv1", "backbone.bn1", [width, 3, 7, 7], 2, config.input_size)?;
        // Behind stem and pooling.
        let mut side = config.input_size / 4;
        let mut blocks = Vec::new();
        for (stage, count) in config.backbone.blocks().into_iter().enumerate() {
            for index in 0..count {
                let stride = if stage > 0 && index == 0 { 2 } else { 1 };
                let name = format!("backbone.layer{}.{index}", stage + 1);
                let block = self.block(config.backbone, &name, &mut channels, width << stage, stride, side)?;
                let convs = block.convs.into_iter().map(&conv).collect();
                blocks.push(FoldedBlock { convs, downsample: block.downsample.map(&conv) });
                side /= stride;
            }
        }
        Ok(Layers { stem: conv(stem), blocks })
    }

    fn block(
        &self,
        kind: Backbone,
        name: &str,
        channels: &mut usize,
        inner: usize,
        stride: usize,
        side: usize,
    ) -> Result<FoldedBlock<Folded>, WeightsError> {
        let (from, out) = (*channels, inner * kind.expansion());
        *channels = out;
        let conv = |index: usize, shape: [usize; 4], stride, side| {
            self.conv(&format!("{name}.conv{index}"), &format!("{name}.bn{index}"), shape, stride, side)
        };
        let small = side / stride;
        let convs = match kind {
            Backbone::ResNet18 => {
                vec![conv(1, [inner, from, 3, 3], stride, side)?, conv(2, [inner, inner, 3, 3], 1, small)?]
            }
            Backbone::ResNet50 => vec![
                conv(1, [inner, from, 1, 1], 1, side)?,
                conv(2, [inner, inner, 3, 3], stride, side)?,
                conv(3, [out, inner, 1, 1], 1, small)?,
            ],
        };
        let downsample = (stride != 1 || from != out)
            .then(|| {
                let name = format!("{name}.downsample");
                self.conv(&format!("{name}.0"), &format!("{name}.1"), [out, from, 1, 1], stride, side)
            })
            .transpose()?;
        Ok(FoldedBlock { convs, downsample })
    }

    /// w' = w g / sqrt(v + eps), b' = beta - m g / sqrt(v + eps), per output channel.
    fn conv(
        &self,
        conv: &str,
        norm: &str,
        shape: [usize; 4],
        stride: usize,
        map: usize,
    ) -> Result<Folded, WeightsError> {
        let weight = self.array(&format!("{conv}.weight"), &shape)?;
        let (scale, bias) = self.norm(norm, shape[0])?;
        let per_channel = shape[1] * shape[2] * shape[3];
        let values =
            weight.values.chunks_exact(per_channel).zip(&scale).flat_map(|(w, s)| w.iter().map(move |w| w * s));
        Ok(Folded { weight: values.collect(), bias, shape, stride, map })
    }

    fn uploaded(&self, Folded { weight, bias, shape, stride, .. }: Folded) -> Conv {
        Conv { weight: self.upload(weight, shape), bias: self.upload(bias, [shape[0]]), stride, padding: shape[2] / 2 }
    }

    /// BatchNorm as y = scale x + shift.
    fn norm(&self, name: &str, channels: usize) -> Result<(Vec<f32>, Vec<f32>), WeightsError> {
        let part = |field: &str| self.array(&format!("{name}.{field}"), &[channels]);
        let (gamma, beta) = (part("weight")?, part("bias")?);
        let (mean, variance) = (part("running_mean")?, part("running_var")?);
        let scale: Vec<f32> =
            gamma.values.iter().zip(&variance.values).map(|(g, v)| g / (v + EPSILON).sqrt()).collect();
        let shift = beta.values.iter().zip(&mean.values).zip(&scale).map(|((b, m), s)| b - m * s).collect();
        Ok((scale, shift))
    }

    /// Both heads as one program, where each is a 1x1 convolution and a weighted sum over pixels.
    #[cfg(all(feature = "gpu", target_family = "wasm"))]
    fn classifiers(
        &self,
        config: &NetworkConfig,
        graphics: &gpu::Graphics,
    ) -> Result<Option<gpu::Classifiers>, WeightsError> {
        let setting = config.rearrange;
        if !setting.is_pointwise() || matches!(config.projection, Projection::Flatten { .. }) {
            return Ok(None);
        }
        let pixels = config.map_side().pow(2);
        let shape = [crate::AGES, config.channels() / (setting.r * setting.r), setting.kernel, setting.kernel];
        let classifier = |name: &str| -> Result<gpu::Classifier, WeightsError> {
            let numbers =
                |part: &str, shape: &[usize]| Ok(self.array(&format!("{name}.{part}"), shape)?.values.clone());
            let (share, offset) = match &config.projection {
                Projection::Pool => {
                    (numbers("projection.pool.weight", &[pixels, 1])?, numbers("projection.pool.bias", &[1])?[0])
                }
                _ => (vec![1.0 / pixels as f32; pixels], 0.0),
            };
            let weight = numbers("rearranged.conv.weight", &shape)?;
            Ok(gpu::Classifier { weight, bias: numbers("rearranged.conv.bias", &[crate::AGES])?, share, offset })
        };
        Ok(gpu::Classifiers::new(&[classifier("vanilla")?, classifier("balanced")?], graphics))
    }

    fn head(&self, config: &NetworkConfig, name: &str) -> Result<FoldedHead, WeightsError> {
        let setting = config.rearrange;
        let (channels, square) = (config.channels(), setting.r * setting.r);
        let shape = [crate::AGES, channels / square, setting.kernel, setting.kernel];
        let weight = self.array(&format!("{name}.rearranged.conv.weight"), &shape)?.values.clone();
        let bias = self.array(&format!("{name}.rearranged.conv.bias"), &[crate::AGES])?.values.clone();
        // With kernel = stride = r, each output pixel reads exactly one patch, and a patch is r^2 neighbouring channels
        // of one pixel of F in row order: the weights [101, C/r^2, r, r] already lie in memory as [101, C, 1, 1].
        let whole = setting.is_pointwise();
        let shape = if whole { [crate::AGES, channels, 1, 1] } else { shape };
        let conv = Conv {
            weight: self.upload(weight, shape),
            bias: self.upload(bias, [crate::AGES]),
            stride: if whole { 1 } else { setting.stride },
            padding: 0,
        };
        let projection = self.projection(config, &format!("{name}.projection"))?;
        let pool = !matches!(config.projection, Projection::Flatten { .. });
        Ok(FoldedHead { rearrange: (!whole).then_some(setting.r), conv, projection, pool })
    }

    fn projection(&self, config: &NetworkConfig, name: &str) -> Result<Vec<Dense>, WeightsError> {
        let pixels = config.map_side().pow(2);
        let hidden = match &config.projection {
            Projection::Pool => return Ok(vec![self.dense(&format!("{name}.pool"), None, pixels, 1)?]),
            Projection::Average => {
                let weight = self.upload(vec![1.0 / pixels as f32; pixels], [pixels, 1]);
                return Ok(vec![Dense { weight, bias: self.upload(vec![0.0], [1, 1]) }]);
            }
            Projection::Flatten { hidden } => hidden,
        };
        let mut width = crate::AGES * pixels;
        let mut layers = Vec::new();
        for (index, &next) in hidden.iter().enumerate() {
            let layer = format!("{name}.layers.{index}");
            layers.push(self.dense(&format!("{layer}.linear"), Some(&format!("{layer}.bn")), width, next)?);
            width = next;
        }
        layers.push(self.dense(&format!("{name}.last"), None, width, crate::AGES)?);
        Ok(layers)
    }

    fn dense(&self, linear: &str, norm: Option<&str>, from: usize, to: usize) -> Result<Dense, WeightsError> {
        let mut weight = self.array(&format!("{linear}.weight"), &[from, to])?.values.clone();
        let mut bias = self.array(&format!("{linear}.bias"), &[to])?.values.clone();
        if let Some(norm) = norm {
            let (scale, shift) = self.norm(norm, to)?;
            for row in weight.chunks_exact_mut(to) {
                row.iter_mut().zip(&scale).for_each(|(w, s)| *w *= s);
            }
            bias.iter_mut().zip(scale.iter().zip(&shift)).for_each(|(b, (scale, shift))| *b = *b * scale + shift);
        }
        Ok(Dense { weight: self.upload(weight, [from, to]), bias: self.upload(bias, [1, to]) })
    }

    fn array(&self, name: &str, expected: &[usize]) -> Result<&Array, WeightsError> {
        let array = self.state.get(name)?;
        if array.shape == expected {
            return Ok(array);
        }
        Err(WeightsError::Shape { name: name.to_owned(), found: array.shape.clone(), expected: expected.to_vec() })
    }

    fn upload<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values, shape), self.device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AgeNet;
    use crate::config::Rearrange;
    use burn::module::Module;
    use burn::tensor::Distribution;

    /// A network whose BatchNorm statistics are not the initial 0 and 1: it has seen some training batches.
    fn used_network(config: &NetworkConfig, device: &Device) -> AgeNet {
        let training = device.clone().autodiff();
        let net = AgeNet::new(config, &training);
        for _ in 0..2 {
            let size = config.input_size;
            let x = Tensor::random([4, 3, size, size], Distribution::Normal(0.3, 1.5), &training);
            let features = net.backbone.forward(x);
            net.vanilla.forward(features.clone());
            net.balanced.forward(features);
        }
        net.valid()
    }

    #[test]
    fn folded_equals_unfolded() {
        let device = Device::flex();
        device.seed(7);
        let flatten = Projection::Flatten { hidden: vec![12, 9] };
        for (backbone, r, kernel, stride, projection) in [
            (Backbone::ResNet18, 4, 4, 4, Projection::Pool),
            (Backbone::ResNet50, 4, 4, 2, Projection::Pool),
            (Backbone::ResNet18, 4, 8, 4, flatten.clone()),
            (Backbone::ResNet18, 4, 8, 2, flatten),
            (Backbone::ResNet18, 1, 1, 1, Projection::Average),
        ] {
            let rearrange = Rearrange { r, kernel, stride };
            let config = NetworkConfig { backbone, width: 8, input_size: 64, rearrange, projection };
            let net = used_network(&config, &device);
            let folded = FoldedNet::new(&config, &StateDict::of(&net), &device).unwrap();
            let x = Tensor::random([3, 3, 64, 64], Distribution::Normal(0.0, 1.0), &device);
            let features = net.backbone.forward(x.clone());
            let unfolded = [&net.vanilla, &net.balanced].map(|head| head.forward(features.clone()).holistic);
            let unfolded = Tensor::stack::<3>(unfolded.to_vec(), 0);
            let largest: f32 = unfolded.clone().abs().max().into_scalar();
            let folded = folded.forward(x.to_data().try_into_vec().unwrap(), x.dims());
            let difference: f32 = (folded - unfolded).abs().max().into_scalar();
            assert!(difference <= 1e-4 * largest, "{config:?}: {difference} of {largest}");
        }
    }
}
