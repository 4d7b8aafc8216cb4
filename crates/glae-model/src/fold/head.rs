//! A folded classifier: rearrangement, its convolution, projection and, where there is one, the hidden layer.

use crate::AGES;
use crate::config::{NetworkConfig, Projection, Rearrange};
use crate::weights::{StateDict, WeightsError};

/// A classifier, computed by the host: what it reads is small.
#[derive(Clone, Debug)]
pub(super) struct Head {
    /// Where the rearrangement has to be done; `None` where it is inside the 1x1 convolution.
    windows: Option<Windows>,
    /// 101 logits, or hidden features, from what one place of F' sees.
    conv: Dense,
    projection: Project,
    /// From hidden features, ReLU before it, to 101 logits; `None` where there are none.
    last: Option<Dense>,
}

#[derive(Clone, Debug)]
enum Project {
    /// What each place counts, and what is added.
    Pool { share: Vec<f32>, offset: f32 },
    /// All logits of all places through dense layers, ReLU between them.
    Flatten(Vec<Dense>),
}

impl Head {
    pub(super) fn new(config: &NetworkConfig, state: &StateDict, name: &str) -> Result<Self, WeightsError> {
        let setting = config.rearrange;
        let (depth, places) = (config.channels() / (setting.r * setting.r), config.map_side().pow(2));
        let outputs = config.outputs();
        let shape = [outputs, depth, setting.kernel, setting.kernel];
        let (weight, bias) = state.folded(&format!("{name}.rearranged.conv"), None, shape)?;
        // With kernel = stride = r, each place of F' reads exactly one patch, and a patch is r^2 neighbouring channels of one
        // pixel of F in row order: the weights [101, C/r^2, r, r] already lie in memory as [101, C].
        let windows = (!setting.is_pointwise()).then(|| Windows {
            setting,
            side: config.feature_side(),
            channels: config.channels(),
        });
        let last =
            config.hidden.map(|hidden| Dense::new(state, &format!("{name}.last"), None, [hidden, AGES])).transpose()?;
        let name = format!("{name}.projection");
        let projection = match &config.projection {
            Projection::Average => Project::Pool { share: vec![1.0 / places as f32; places], offset: 0.0 },
            Projection::Pool => {
                let Dense { weight, bias } = Dense::new(state, &format!("{name}.pool"), None, [places, 1])?;
                Project::Pool { share: weight, offset: bias[0] }
            }
            Projection::Flatten { hidden } => {
                let mut width = AGES * places;
                let mut layers = Vec::new();
                for (index, &next) in hidden.iter().enumerate() {
                    let [linear, norm] = ["linear", "bn"].map(|part| format!("{name}.layers.{index}.{part}"));
                    layers.push(Dense::new(state, &linear, Some(&norm), [width, next])?);
                    width = next;
                }
                layers.push(Dense::new(state, &format!("{name}.last"), None, [width, AGES])?);
                Project::Flatten(layers)
            }
        };
        Ok(Self { windows, conv: Dense { weight: turned(&weight, outputs), bias }, projection, last })
    }

    /// 101 logits from one image's features, `[side, side, channels]`.
    pub(super) fn forward(&self, features: &[f32]) -> Vec<f32> {
        let windows = self.windows.as_ref().map(|windows| windows.of(features));
        let seen = windows.as_deref().unwrap_or(features);
        match &self.projection {
            // The sum of what places say is what the sum of the places says.
            Project::Pool { share, offset } => {
                let mut sum = vec![0f32; seen.len() / share.len()];
                for (place, share) in seen.chunks_exact(sum.len()).zip(share) {
                    add(&mut sum, *share, place);
                }
                let whole: f32 = share.iter().sum();
                let mut logits: Vec<f32> = self.conv.bias.iter().map(|bias| bias * whole + offset).collect();
                self.conv.add_products(&sum, &mut logits);
                match &self.last {
                    Some(last) => last.forward(&relu(logits)),
                    None => logits,
                }
            }
            Project::Flatten(layers) => {
                let map = turned(&self.conv.forward(seen), seen.len() / self.conv.inputs());
                layers
                    .iter()
                    .enumerate()
                    .fold(map, |x, (index, layer)| layer.forward(&if index > 0 { relu(x) } else { x }))
            }
        }
    }
}

/// The places that a convolution without padding reads of a rearranged map; see [`crate::rearrange::rearrange`].
#[derive(Clone, Copy, Debug)]
struct Windows {
    setting: Rearrange,
    /// Of the map before, in pixels.
    side: usize,
    /// Of the map before.
    channels: usize,
}

impl Windows {
    /// Place by place, `channels / r^2 * kernel * kernel` numbers each.
    fn of(&self, features: &[f32]) -> Vec<f32> {
        let Self { setting: Rearrange { r, kernel, stride }, side, channels } = *self;
        let starts = || (0..=side * r - kernel).step_by(stride);
        let mut windows = Vec::new();
        for (top, left) in starts().flat_map(|top| starts().map(move |left| (top, left))) {
            for patch in 0..channels / (r * r) {
                for (y, x) in (top..top + kernel).flat_map(|y| (left..left + kernel).map(move |x| (y, x))) {
                    let channel = (patch * r + y % r) * r + x % r;
                    windows.push(features[(y / r * side + x / r) * channels + channel]);
                }
            }
        }
        windows
    }
}

/// A dense layer, computed by the host.
#[derive(Clone, Debug)]
struct Dense {
    /// `[in, out]`
    weight: Vec<f32>,
    /// `[out]`
    bias: Vec<f32>,
}

impl Dense {
    /// The layer of this name, `[from, to]`, with the BatchNorm behind it folded in.
    fn new(state: &StateDict, linear: &str, norm: Option<&str>, [from, to]: [usize; 2]) -> Result<Self, WeightsError> {
        let mut weight = state.shaped(&format!("{linear}.weight"), &[from, to])?.to_vec();
        let mut bias = state.shaped(&format!("{linear}.bias"), &[to])?.to_vec();
        if let Some(norm) = norm {
            let scale = state.fold_norm(norm, &mut bias)?;
            for row in weight.chunks_exact_mut(to) {
                row.iter_mut().zip(&scale).for_each(|(w, s)| *w *= s);
            }
        }
        Ok(Self { weight, bias })
    }

    fn inputs(&self) -> usize {
        self.weight.len() / self.bias.len()
    }

    /// Row by row, `[rows, from]` to `[rows, to]`.
    fn forward(&self, rows: &[f32]) -> Vec<f32> {
        let products = rows.chunks_exact(self.inputs()).flat_map(|row| {
            let mut products = self.bias.clone();
            self.add_products(row, &mut products);
            products
        });
        products.collect()
    }

    fn add_products(&self, row: &[f32], sums: &mut [f32]) {
        row.iter().zip(self.weight.chunks_exact(sums.len())).for_each(|(value, weights)| add(sums, *value, weights));
    }
}

/// max(x, 0)
fn relu(mut values: Vec<f32>) -> Vec<f32> {
    values.iter_mut().for_each(|value| *value = value.max(0.0));
    values
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
