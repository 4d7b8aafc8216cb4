//! Convolutions and linear layers out of a state dict.

use glae_model::weights::Array;
use glae_model::{StateDict, WeightsError};

/// BatchNorm's epsilon, as in PyTorch and Burn.
const EPSILON: f32 = 1e-5;

/// A convolution's numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Kernel {
    /// Weights, row-major.
    pub weight: Vec<f32>,
    /// One number per output channel.
    pub bias: Vec<f32>,
    /// `[out, in / groups, height, width]`
    pub shape: [usize; 4],
    /// Pixels from one result to the next.
    pub stride: usize,
    /// Zeros above and left of the map, and below and right of it.
    pub padding: [usize; 2],
    /// Groups of channels that do not see each other.
    pub groups: usize,
}

impl Kernel {
    /// Reads `NAME.weight` and, where there is one, `NAME.bias`: stride 1, and the padding that keeps the size of odd
    /// kernels.
    ///
    /// # Errors
    /// The weights are missing or have another shape.
    pub fn read(state: &StateDict, name: &str, shape: [usize; 4], groups: usize) -> Result<Self, WeightsError> {
        let weight = array(state, &format!("{name}.weight"), &shape)?.values.clone();
        let bias = match array(state, &format!("{name}.bias"), &shape[..1]) {
            Ok(array) => array.values.clone(),
            Err(WeightsError::Missing(_)) => vec![0.0; shape[0]],
            Err(error) => return Err(error),
        };
        Ok(Self { weight, bias, shape, stride: 1, padding: [shape[2] / 2; 2], groups })
    }

    /// The same with another stride.
    #[must_use]
    pub fn with_stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// With the BatchNorm that follows, in inference.
    ///
    /// # Errors
    /// Its arrays are missing or have another shape.
    pub fn folded(mut self, state: &StateDict, norm: &str) -> Result<Self, WeightsError> {
        let norm = Norm::read(state, norm, self.shape[0])?;
        let per_channel = self.shape[1] * self.shape[2] * self.shape[3];
        for (weights, scale) in self.weight.chunks_exact_mut(per_channel).zip(&norm.scale) {
            weights.iter_mut().for_each(|weight| *weight *= scale);
        }
        norm.apply(&mut self.bias);
        Ok(self)
    }
}

/// A linear layer's numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    /// Weights, row-major.
    pub weight: Vec<f32>,
    /// One number per output.
    pub bias: Vec<f32>,
    /// `[in, out]`
    pub shape: [usize; 2],
}

impl Dense {
    /// Reads `NAME.weight` and `NAME.bias`.
    ///
    /// # Errors
    /// They are missing or have another shape.
    pub fn read(state: &StateDict, name: &str, shape: [usize; 2]) -> Result<Self, WeightsError> {
        let weight = array(state, &format!("{name}.weight"), &shape)?.values.clone();
        let bias = array(state, &format!("{name}.bias"), &shape[1..])?.values.clone();
        Ok(Self { weight, bias, shape })
    }

    /// With the BatchNorm that follows, in inference.
    ///
    /// # Errors
    /// Its arrays are missing or have another shape.
    pub fn folded(mut self, state: &StateDict, norm: &str) -> Result<Self, WeightsError> {
        let norm = Norm::read(state, norm, self.shape[1])?;
        self.weight.chunks_exact_mut(self.shape[1]).for_each(|row| norm.scale(row));
        norm.apply(&mut self.bias);
        Ok(self)
    }
}

/// BatchNorm in inference, y = scale x + shift: scale = g / sqrt(v + eps), shift = beta - m scale.
struct Norm {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl Norm {
    fn read(state: &StateDict, name: &str, channels: usize) -> Result<Self, WeightsError> {
        let part = |field: &str| Ok(&array(state, &format!("{name}.{field}"), &[channels])?.values);
        let (gamma, beta) = (part("weight")?, part("bias")?);
        let (mean, variance) = (part("running_mean")?, part("running_var")?);
        let scale: Vec<f32> = gamma.iter().zip(variance).map(|(g, v)| g / (v + EPSILON).sqrt()).collect();
        let shift = beta.iter().zip(mean).zip(&scale).map(|((b, m), scale)| b - m * scale).collect();
        Ok(Self { scale, shift })
    }

    fn scale(&self, values: &mut [f32]) {
        values.iter_mut().zip(&self.scale).for_each(|(value, scale)| *value *= scale);
    }

    fn apply(&self, values: &mut [f32]) {
        self.scale(values);
        values.iter_mut().zip(&self.shift).for_each(|(value, shift)| *value += shift);
    }
}

fn array<'a>(state: &'a StateDict, name: &str, expected: &[usize]) -> Result<&'a Array, WeightsError> {
    let array = state.get(name)?;
    if array.shape == expected {
        return Ok(array);
    }
    Err(WeightsError::Shape { name: name.to_owned(), found: array.shape.clone(), expected: expected.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(arrays: &[(&str, &[usize], &[f32])]) -> StateDict {
        let array = |shape: &[usize], values: &[f32]| Array { shape: shape.to_vec(), values: values.to_vec() };
        StateDict(arrays.iter().map(|(name, shape, values)| ((*name).to_owned(), array(shape, values))).collect())
    }

    #[test]
    fn a_batch_norm_goes_into_the_convolution_before_it() {
        let variance = 4.0 - EPSILON;
        let state = state(&[
            ("conv.weight", &[1, 1, 1, 1], &[3.0]),
            ("conv.bias", &[1], &[5.0]),
            ("bn.weight", &[1], &[6.0]),
            ("bn.bias", &[1], &[-1.0]),
            ("bn.running_mean", &[1], &[7.0]),
            ("bn.running_var", &[1], &[variance]),
        ]);
        let kernel = Kernel::read(&state, "conv", [1, 1, 1, 1], 1).unwrap().folded(&state, "bn").unwrap();
        // (3 x + 5 - 7) * 6 / 2 - 1 = 9 x - 7
        assert_eq!((kernel.weight[0], kernel.bias[0]), (9.0, -7.0));
    }

    #[test]
    fn a_batch_norm_goes_into_the_columns_of_a_linear_layer() {
        let variance = 4.0 - EPSILON;
        let state = state(&[
            ("linear.weight", &[1, 2], &[3.0, 1.0]),
            ("linear.bias", &[2], &[5.0, 0.0]),
            ("bn.weight", &[2], &[6.0, 2.0]),
            ("bn.bias", &[2], &[-1.0, 0.5]),
            ("bn.running_mean", &[2], &[7.0, 0.0]),
            ("bn.running_var", &[2], &[variance, variance]),
        ]);
        let dense = Dense::read(&state, "linear", [1, 2]).unwrap().folded(&state, "bn").unwrap();
        assert_eq!((dense.weight, dense.bias), (vec![9.0, 1.0], vec![-7.0, 0.5]));
    }

    #[test]
    fn a_bias_may_be_absent_and_weights_may_not() {
        let state = state(&[("conv.weight", &[2, 1, 1, 1], &[1.0, 2.0])]);
        assert_eq!(Kernel::read(&state, "conv", [2, 1, 1, 1], 1).unwrap().bias, [0.0, 0.0]);
        let error = Kernel::read(&state, "conv", [3, 1, 1, 1], 1).unwrap_err();
        assert!(error.to_string().contains("[2, 1, 1, 1], the architecture needs [3, 1, 1, 1]"), "{error}");
        assert!(matches!(Kernel::read(&state, "other", [2, 1, 1, 1], 1), Err(WeightsError::Missing(_))));
    }
}
