//! The network for inference: BatchNorm folded into convolutions, the rearrangement folded away where it can be.

mod head;

use burn::tensor::Device;

use crate::backbone::{Backbone, STEM_POOL};
use crate::config::{NetworkConfig, Residual};
#[cfg(all(feature = "gpu", target_family = "wasm"))]
use crate::engine::DeviceEngine;
use crate::engine::{DeviceError, Engine, Foldable, Placed};
#[cfg(all(feature = "gpu", target_family = "wasm"))]
use crate::gpu;
use crate::layers::{Activation, Step};
use crate::mobilenet::STEM_STRIDE;
use crate::weights::{Arrays, WeightsError};
use head::OnHost;
pub use head::{Dense, Head, HeadEngine};

/// BatchNorm's epsilon, as in torchvision and Burn.
const EPSILON: f32 = 1e-5;

/// Backbone and both classifiers with as few operations as they need.
#[derive(Clone, Debug)]
pub struct FoldedNet {
    backbone: Placed<Backbone>,
    heads: [Head; 2],
    /// Numbers of an image that the classifiers read.
    features: usize,
}

impl FoldedNet {
    /// Folds a state dict of [`crate::AgeNet`], and puts the backbone onto the device.
    ///
    /// # Errors
    /// A tensor is missing or has another shape than the architecture, or the device cannot compute the architecture.
    pub fn new(config: &NetworkConfig, state: &dyn Arrays, device: &Device) -> Result<Self, WeightsError> {
        let features = config.feature_side().pow(2) * config.channels();
        Ok(Self { backbone: Placed::new((config, state), device)?, heads: Head::both(config, state)?, features })
    }

    /// Both classifiers' logits, `[2, batch, 101]`, vanilla first, of normalised `pixels`, `[batch, 3, size, size]` of this
    /// shape. Of images smaller than the network's input the classifiers read the last map again and again.
    ///
    /// # Errors
    /// A device that fails.
    pub async fn forward(&self, pixels: &[f32], shape: [usize; 4]) -> Result<Vec<f32>, DeviceError> {
        let features = self.backbone.forward(pixels, shape).await?.concat();
        let whole = |image: &[f32]| image.iter().copied().cycle().take(self.features).collect();
        let images: Vec<Vec<f32>> = features.chunks_exact(features.len() / shape[0]).map(whole).collect();
        Ok(self.heads.iter().flat_map(|head| images.iter().flat_map(|image| head.forward(&OnHost, image))).collect())
    }
}

/// Lets a browser's GPU translate the programs of this network, which takes a tenth of a second and more for each, before the
/// weights are there: a backbone of zeros, as narrow as can be, sees a small image, and nobody waits for it.
#[cfg(all(feature = "gpu", target_family = "wasm"))]
pub fn rehearse(config: &NetworkConfig, device: &Device) {
    const SIDE: usize = 32;
    let Some(engine) = gpu::Graphics::new(device) else { return };
    let config = NetworkConfig { width: 4, input_size: SIDE, ..config.clone() };
    let zeros =
        |_: &str, _: Option<&str>, shape: [usize; 4]| Ok((vec![0.0; shape.iter().product()], vec![0.0; shape[0]]));
    if let Ok(net) = FoldedBackbone::with(&config, &engine, zeros) {
        net.map(&engine, &engine.map(&[0.0; 3 * SIDE * SIDE], [1, 3, SIDE, SIDE]));
        engine.flush();
    }
}

impl Foldable for Backbone {
    type On<E: Engine> = FoldedBackbone<E>;
    type Weights<'a> = (&'a NetworkConfig, &'a dyn Arrays);

    fn on<E: Engine>((config, state): Self::Weights<'_>, engine: &E) -> Result<FoldedBackbone<E>, WeightsError> {
        config.check().map_err(|error| WeightsError::Manifest(error.to_string()))?;
        let least = E::CHANNELS;
        if !config.width.is_multiple_of(least) {
            let text = format!("this device needs a `network.width` that is a multiple of {least}");
            return Err(WeightsError::Manifest(text));
        }
        FoldedBackbone::with(config, engine, |conv, norm, shape| {
            let norm = norm.map(|name| format!("backbone.{name}"));
            state.folded(&format!("backbone.{conv}"), norm.as_deref(), shape)
        })
    }

    fn maps<E: Engine>(net: &FoldedBackbone<E>, engine: &E, pixels: &E::Map) -> Vec<E::Map> {
        vec![net.map(engine, pixels)]
    }
}

/// The backbone on one engine.
#[derive(Clone, Debug)]
pub struct FoldedBackbone<E: Engine> {
    stem: E::Conv,
    blocks: Blocks<E>,
}

/// What is behind the stem.
#[derive(Clone, Debug)]
enum Blocks<E: Engine> {
    /// Pooling, then residual blocks.
    Residual(Vec<Block<E>>),
    /// Pairs of a depthwise and a 1x1 convolution.
    Separable(Vec<(E::Depthwise, E::Conv)>),
}

#[derive(Clone, Debug)]
struct Block<E: Engine> {
    convs: Vec<E::Conv>,
    downsample: Option<E::Conv>,
}

/// Kernel and bias of a convolution.
type Folded = Result<(Vec<f32>, Vec<f32>), WeightsError>;

impl<E: Engine> FoldedBackbone<E> {
    /// With `weights` giving kernel and bias of the convolution of this name, of this shape, with the BatchNorm of that name
    /// folded in.
    fn with(
        config: &NetworkConfig,
        engine: &E,
        weights: impl Fn(&str, Option<&str>, [usize; 4]) -> Folded,
    ) -> Result<Self, WeightsError> {
        match config.backbone.residual() {
            Some(residual) => Self::residual(config, residual, engine, weights),
            None => Self::separable(config, engine, weights),
        }
    }

    fn residual(
        config: &NetworkConfig,
        residual: Residual,
        engine: &E,
        weights: impl Fn(&str, Option<&str>, [usize; 4]) -> Folded,
    ) -> Result<Self, WeightsError> {
        let conv = |names: [&str; 2], shape: [usize; 4], stride, map| {
            let (weight, bias) = weights(names[0], Some(names[1]), shape)?;
            Ok::<_, WeightsError>(engine.conv(&weight, bias, shape, Step::half(stride), map))
        };
        let (mut from, width) = (config.width, config.width);
        let stem = conv(["conv1", "bn1"], [width, 3, 7, 7], 2, config.input_size)?;
        // Behind stem and pooling.
        let mut side = config.input_size / 4;
        let mut blocks = Vec::new();
        for (stage, count) in residual.blocks.into_iter().enumerate() {
            let inner = width << stage;
            let out = inner * residual.expansion();
            for index in 0..count {
                let stride = if stage > 0 && index == 0 { 2 } else { 1 };
                let small = side / stride;
                let name = format!("layer{}.{index}", stage + 1);
                let numbered = |index: usize, shape, stride, map| {
                    conv([&format!("{name}.conv{index}"), &format!("{name}.bn{index}")], shape, stride, map)
                };
                let convs = if residual.bottleneck {
                    vec![
                        numbered(1, [inner, from, 1, 1], 1, side)?,
                        numbered(2, [inner, inner, 3, 3], stride, side)?,
                        numbered(3, [out, inner, 1, 1], 1, small)?,
                    ]
                } else {
                    vec![numbered(1, [inner, from, 3, 3], stride, side)?, numbered(2, [inner, inner, 3, 3], 1, small)?]
                };
                let names = [&format!("{name}.downsample.0"), &format!("{name}.downsample.1")];
                let downsample = (stride != 1 || from != out)
                    .then(|| conv(names.map(String::as_str), [out, from, 1, 1], stride, side))
                    .transpose()?;
                blocks.push(Block { convs, downsample });
                (from, side) = (out, small);
            }
        }
        Ok(Self { stem, blocks: Blocks::Residual(blocks) })
    }

    fn separable(
        config: &NetworkConfig,
        engine: &E,
        weights: impl Fn(&str, Option<&str>, [usize; 4]) -> Folded,
    ) -> Result<Self, WeightsError> {
        let conv = |name: &str, shape: [usize; 4], stride| {
            let (weight, bias) = weights(name, None, shape)?;
            Ok::<_, WeightsError>(engine.conv(&weight, bias, shape, Step::same(stride), 0))
        };
        let stem = conv("conv1", [config.width, 3, 3, 3], STEM_STRIDE)?;
        let mut from = config.width;
        let pairs = config.pairs().iter().enumerate().map(|(index, &(factor, stride))| {
            let to = config.width * factor;
            let (weight, bias) = weights(&format!("pairs.{index}.depth"), None, [from, 1, 3, 3])?;
            let point = conv(&format!("pairs.{index}.point"), [to, from, 1, 1], 1)?;
            from = to;
            Ok((engine.depthwise(&weight, bias, stride), point))
        });
        let pairs = pairs.collect::<Result<_, WeightsError>>()?;
        Ok(Self { stem, blocks: Blocks::Separable(pairs) })
    }

    /// The last map.
    fn map(&self, engine: &E, pixels: &E::Map) -> E::Map {
        match &self.blocks {
            Blocks::Separable(pairs) => {
                let then = Activation::Relu6;
                pairs.iter().fold(engine.convolve(&self.stem, pixels, None, then), |x, (depth, point)| {
                    engine.depthwise_then_convolve(depth, point, &x, [then; 2])
                })
            }
            Blocks::Residual(blocks) => {
                let then = Activation::Relu;
                let mut x = engine.max_pool(&engine.convolve(&self.stem, pixels, None, then), STEM_POOL);
                for Block { convs, downsample } in blocks {
                    let down = downsample.as_ref().map(|conv| engine.convolve(conv, &x, None, Activation::Linear));
                    let (last, first) = convs.split_last().expect("a block has convolutions");
                    let inner = first.iter().fold(None, |inner: Option<E::Map>, conv| {
                        Some(engine.convolve(conv, inner.as_ref().unwrap_or(&x), None, then))
                    });
                    x = engine.convolve(last, inner.as_ref().unwrap_or(&x), Some(down.as_ref().unwrap_or(&x)), then);
                }
                x
            }
        }
    }
}

impl dyn Arrays + '_ {
    /// A convolution with what comes behind it folded in: its kernel, `[out, in, side, side]` of this shape, and its bias,
    /// `[out]`, zeros where it has none. With BatchNorm: w' = w g / sqrt(v + eps), b' = (b - m) g / sqrt(v + eps) + beta, per
    /// output channel.
    ///
    /// # Errors
    /// An array is missing or has another shape.
    pub fn folded(
        &self,
        conv: &str,
        norm: Option<&str>,
        shape: [usize; 4],
    ) -> Result<(Vec<f32>, Vec<f32>), WeightsError> {
        let [out, channels, side, _] = shape;
        let mut weight = self.shaped(&format!("{conv}.weight"), &shape)?.into_owned();
        let name = format!("{conv}.bias");
        let mut bias = if self.holds(&name) { self.shaped(&name, &[out])?.into_owned() } else { vec![0.0; out] };
        if let Some(norm) = norm {
            let scale = self.fold_norm(norm, &mut bias)?;
            for (kernel, scale) in weight.chunks_exact_mut(channels * side * side).zip(&scale) {
                kernel.iter_mut().for_each(|weight| *weight *= scale);
            }
        }
        Ok((weight, bias))
    }

    /// Folds the BatchNorm behind a layer into its bias, and gives what its weights are to be multiplied with, per output
    /// channel.
    fn fold_norm(&self, name: &str, bias: &mut [f32]) -> Result<Vec<f32>, WeightsError> {
        let part = |field: &str| self.shaped(&format!("{name}.{field}"), &[bias.len()]);
        let (gamma, beta) = (part("weight")?, part("bias")?);
        let (mean, variance) = (part("running_mean")?, part("running_var")?);
        let scale: Vec<f32> = gamma.iter().zip(&*variance).map(|(g, v)| g / (v + EPSILON).sqrt()).collect();
        for (((bias, mean), scale), beta) in bias.iter_mut().zip(&*mean).zip(&scale).zip(&*beta) {
            *bias = (*bias - mean) * scale + beta;
        }
        Ok(scale)
    }
}

#[cfg(test)]
#[cfg(feature = "tensors")]
mod tests {
    use super::*;
    use crate::backbone as modules;
    use crate::config::{Backbone, Projection, Rearrange};
    use crate::tensors::Tensors;
    use crate::{AgeNet, StateDict};
    use burn::module::Module;
    use burn::tensor::{Distribution, Tensor};

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
        let _turn = crate::seeded(&device, 7);
        let flatten = Projection::Flatten { hidden: vec![12, 9] };
        for (backbone, r, kernel, stride, projection, hidden) in [
            (Backbone::ResNet18, 4, 4, 4, Projection::Pool, None),
            (Backbone::ResNet50, 4, 4, 2, Projection::Pool, None),
            (Backbone::ResNet18, 4, 8, 4, flatten.clone(), None),
            (Backbone::ResNet18, 4, 8, 2, flatten, None),
            (Backbone::ResNet18, 1, 1, 1, Projection::Average, None),
            (Backbone::MobileNetV1, 4, 4, 4, Projection::Pool, Some(12)),
            (Backbone::MobileNetV1, 4, 8, 4, Projection::Average, Some(12)),
            (Backbone::MobileNetV1, 4, 4, 4, Projection::Pool, None),
        ] {
            let rearrange = Rearrange { r, kernel, stride };
            let config =
                NetworkConfig { backbone, width: 8, input_size: 64, rearrange, projection, hidden, pairs: None };
            let net = used_network(&config, &device);
            let folded = FoldedNet::new(&config, &StateDict::of(&net), &device).unwrap();
            let x = Tensor::random([3, 3, 64, 64], Distribution::Normal(0.0, 1.0), &device);
            let features = net.backbone.forward(x.clone());
            let unfolded = [&net.vanilla, &net.balanced].map(|head| head.forward(features.clone()).holistic);
            let unfolded: Vec<f32> = Tensor::stack::<3>(unfolded.to_vec(), 0).into_data().try_into_vec().unwrap();
            let largest = unfolded.iter().fold(0f32, |most, value| most.max(value.abs()));
            let pixels: Vec<f32> = x.to_data().try_into_vec().unwrap();
            // By the tensors of the device as well, as on GPUs of machines.
            let tensors = Tensors::new(&device);
            let backbone = Box::new(modules::Backbone::on((&config, &StateDict::of(&net)), &tensors).unwrap());
            let by_tensors = FoldedNet { backbone: Placed::Tensors(tensors, backbone), ..folded.clone() };
            for folded in [folded, by_tensors] {
                let answers = pollster::block_on(folded.forward(&pixels, x.dims())).unwrap();
                assert_eq!(answers.len(), unfolded.len());
                let off = answers.iter().zip(&unfolded).fold(0f32, |most, (a, b)| most.max((a - b).abs()));
                assert!(off <= 1e-4 * largest, "{config:?}: {off} of {largest}");
            }
        }
    }
}
