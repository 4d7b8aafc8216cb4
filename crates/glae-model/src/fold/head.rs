//! A folded classifier: rearrangement, its convolution, projection and, where there is one, the hidden layer.

use crate::AGES;
use crate::config::{NetworkConfig, Projection, Rearrange};
use crate::weights::{Arrays, WeightsError};

/// What classifiers compute with, image by image.
pub trait HeadEngine {
    /// The numbers of an image.
    type Numbers;

    /// The numbers at these places.
    fn gathered(&self, x: &Self::Numbers, places: &[usize]) -> Self::Numbers;

    /// The sum of as many rows as there are shares, each times its share.
    fn weighted(&self, x: &Self::Numbers, shares: &[f32]) -> Self::Numbers;

    /// Row by row, `[rows, from]` to `[rows, to]`.
    fn dense(&self, x: &Self::Numbers, layer: &Dense) -> Self::Numbers;

    /// So many rows become columns.
    fn turned(&self, x: &Self::Numbers, rows: usize) -> Self::Numbers;

    /// max(x, 0)
    fn relu(&self, x: Self::Numbers) -> Self::Numbers;
}

/// A folded classifier.
#[derive(Clone, Debug)]
pub struct Head {
    /// Where the rearrangement has to be done, the places of a backbone's map that each place of F' reads, one after the
    /// other; `None` where it is inside a 1x1 convolution.
    windows: Option<Vec<usize>>,
    pooling: Pooling,
    /// ReLU is between them. The last one gives 101 logits.
    layers: Vec<Dense>,
}

/// How the places of F' become one.
#[derive(Clone, Debug)]
enum Pooling {
    /// What each counts. The convolution comes behind: the sum of what places say is what the sum of the places says.
    Weighted(Vec<f32>),
    /// So many places, each through the convolution, one behind the other, output by output.
    Listed(usize, Dense),
}

impl Head {
    /// The vanilla and the balanced classifier of an age network.
    ///
    /// # Errors
    /// An array is missing or has another shape than the architecture.
    pub fn both(config: &NetworkConfig, state: &dyn Arrays) -> Result<[Self; 2], WeightsError> {
        Ok([Self::new(config, state, "vanilla")?, Self::new(config, state, "balanced")?])
    }

    fn new(config: &NetworkConfig, state: &dyn Arrays, name: &str) -> Result<Self, WeightsError> {
        let setting = config.rearrange;
        let (depth, places) = (config.channels() / (setting.r * setting.r), config.map_side().pow(2));
        let outputs = config.outputs();
        let shape = [outputs, depth, setting.kernel, setting.kernel];
        let (weight, bias) = state.folded(&format!("{name}.rearranged.conv"), None, shape)?;
        // With kernel = stride = r, each place of F' reads exactly one patch, and a patch is r^2 neighbouring channels of one
        // pixel of F in row order: the weights [101, C/r^2, r, r] already lie in memory as [101, C].
        let windows = (!setting.is_pointwise()).then(|| windows(setting, config.feature_side(), config.channels()));
        let conv = Dense { weight: turned(&weight, outputs), bias };
        let pooled = |shares: Vec<f32>, offset: f32| {
            let whole: f32 = shares.iter().sum();
            let bias = conv.bias.iter().map(|bias| bias * whole + offset).collect();
            (Pooling::Weighted(shares), vec![Dense { bias, ..conv.clone() }])
        };
        let part = format!("{name}.projection");
        let (pooling, mut layers) = match &config.projection {
            Projection::Average => pooled(vec![1.0 / places as f32; places], 0.0),
            Projection::Pool => {
                let Dense { weight, bias } = Dense::new(state, &format!("{part}.pool"), None, [places, 1])?;
                pooled(weight, bias[0])
            }
            Projection::Flatten { hidden } => {
                let mut width = AGES * places;
                let mut layers = Vec::new();
                for (index, &next) in hidden.iter().enumerate() {
                    let [linear, norm] = ["linear", "bn"].map(|end| format!("{part}.layers.{index}.{end}"));
                    layers.push(Dense::new(state, &linear, Some(&norm), [width, next])?);
                    width = next;
                }
                layers.push(Dense::new(state, &format!("{part}.last"), None, [width, AGES])?);
                (Pooling::Listed(places, conv), layers)
            }
        };
        if let Some(hidden) = config.hidden {
            layers.push(Dense::new(state, &format!("{name}.last"), None, [hidden, AGES])?);
        }
        Ok(Self { windows, pooling, layers })
    }

    /// 101 logits from one image's features, `[side, side, channels]`.
    pub fn forward<E: HeadEngine>(&self, on: &E, features: &E::Numbers) -> E::Numbers {
        let windows = self.windows.as_ref().map(|places| on.gathered(features, places));
        let seen = windows.as_ref().unwrap_or(features);
        let x = match &self.pooling {
            Pooling::Weighted(shares) => on.weighted(seen, shares),
            Pooling::Listed(places, conv) => on.turned(&on.dense(seen, conv), *places),
        };
        let (first, others) = self.layers.split_first().expect("a classifier has a layer");
        others.iter().fold(on.dense(&x, first), |x, layer| on.dense(&on.relu(x), layer))
    }
}

/// What a convolution without padding reads of a rearranged map, place by place, `channels / r^2 * kernel * kernel` numbers
/// each, as places of the map before, `[side, side, channels]`; see [`crate::rearrange::rearrange`].
fn windows(Rearrange { r, kernel, stride }: Rearrange, side: usize, channels: usize) -> Vec<usize> {
    let starts = || (0..=side * r - kernel).step_by(stride);
    let mut windows = Vec::new();
    for (top, left) in starts().flat_map(|top| starts().map(move |left| (top, left))) {
        for patch in 0..channels / (r * r) {
            for (y, x) in (top..top + kernel).flat_map(|y| (left..left + kernel).map(move |x| (y, x))) {
                let channel = (patch * r + y % r) * r + x % r;
                windows.push((y / r * side + x / r) * channels + channel);
            }
        }
    }
    windows
}

/// A dense layer.
#[derive(Clone, Debug)]
pub struct Dense {
    /// `[from, to]`
    pub weight: Vec<f32>,
    /// `[to]`
    pub bias: Vec<f32>,
}

impl Dense {
    /// The layer of this name, `[from, to]`, with the BatchNorm behind it folded in.
    fn new(state: &dyn Arrays, linear: &str, norm: Option<&str>, [from, to]: [usize; 2]) -> Result<Self, WeightsError> {
        let mut weight = state.shaped(&format!("{linear}.weight"), &[from, to])?.into_owned();
        let mut bias = state.shaped(&format!("{linear}.bias"), &[to])?.into_owned();
        if let Some(norm) = norm {
            let scale = state.fold_norm(norm, &mut bias)?;
            for row in weight.chunks_exact_mut(to) {
                row.iter_mut().zip(&scale).for_each(|(w, s)| *w *= s);
            }
        }
        Ok(Self { weight, bias })
    }

    /// Numbers that it reads of a row.
    pub fn inputs(&self) -> usize {
        self.weight.len() / self.bias.len()
    }
}

/// Classifiers on the host: what they read is small.
pub(super) struct OnHost;

impl HeadEngine for OnHost {
    type Numbers = Vec<f32>;

    fn gathered(&self, x: &Vec<f32>, places: &[usize]) -> Vec<f32> {
        places.iter().map(|place| x[*place]).collect()
    }

    fn weighted(&self, x: &Vec<f32>, shares: &[f32]) -> Vec<f32> {
        let mut sum = vec![0f32; x.len() / shares.len()];
        x.chunks_exact(sum.len()).zip(shares).for_each(|(row, share)| add(&mut sum, *share, row));
        sum
    }

    fn dense(&self, x: &Vec<f32>, layer: &Dense) -> Vec<f32> {
        let rows = x.chunks_exact(layer.inputs()).flat_map(|row| {
            let mut sums = layer.bias.clone();
            row.iter()
                .zip(layer.weight.chunks_exact(sums.len()))
                .for_each(|(value, weights)| add(&mut sums, *value, weights));
            sums
        });
        rows.collect()
    }

    fn turned(&self, x: &Vec<f32>, rows: usize) -> Vec<f32> {
        turned(x, rows)
    }

    fn relu(&self, mut x: Vec<f32>) -> Vec<f32> {
        x.iter_mut().for_each(|value| *value = value.max(0.0));
        x
    }
}

/// sums += factor * values
fn add(sums: &mut [f32], factor: f32, values: &[f32]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += factor * value);
}

/// Rows become columns.
fn turned(matrix: &[f32], rows: usize) -> Vec<f32> {
    let columns = matrix.len() / rows;
    (0..columns).flat_map(|column| matrix[column..].iter().step_by(columns).copied()).collect()
}
