//! Weights to begin with, for a network of another input size or without the paper's parts.

use glae_model::StateDict;
use glae_model::weights::Array;

/// `start` in the shapes of `wanted`, where a classifier's own parts can begin with it:
/// - the convolution behind the rearrangement, where each output reads a whole column of the map: a patch of r x r neighbouring
///   channels lies in row order, so that its weights are those of a 1x1 convolution in the same order, for every r;
/// - the projection over another number of places, or one that `start` lacks: it begins as their mean, which no trained weights of
///   other places say anything about.
///
/// All else is as in `start`; loading it then says what is missing or of another shape.
pub fn fitted(start: &StateDict, wanted: &StateDict) -> StateDict {
    let mut state = start.clone();
    for (name, Array { shape, values }) in &wanted.0 {
        let found = start.0.get(name);
        if found.is_some_and(|found| found.shape == *shape) {
            continue;
        }
        let fitted = if name.ends_with("rearranged.conv.weight") {
            found.filter(|found| column(&found.shape) == column(shape)).map(|found| found.values.clone())
        } else if name.ends_with("projection.pool.weight") {
            Some(vec![1.0 / values.len() as f32; values.len()])
        } else if name.ends_with("projection.pool.bias") && found.is_none() {
            Some(vec![0.0; values.len()])
        } else {
            None
        };
        if let Some(values) = fitted {
            state.0.insert(name.clone(), Array { shape: shape.clone(), values });
        }
    }
    state
}

/// Outputs of a convolution `[out, in, r, r]`, and the channels of the map before rearrangement that each reads.
fn column(shape: &[usize]) -> Option<(usize, usize)> {
    let [out, channels, height, width] = *shape else { return None };
    Some((out, channels * height * width))
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Tensor;
    use glae_model::config::{Backbone, Projection, Rearrange};
    use glae_model::{AgeNet, NetworkConfig};

    fn network(input_size: usize) -> NetworkConfig {
        let rearrange = Rearrange { r: 8, kernel: 8, stride: 8 };
        let projection = Projection::Pool;
        NetworkConfig { width: 4, input_size, rearrange, projection, ..NetworkConfig::paper(Backbone::MobileNetV1) }
    }

    fn answer(state: &StateDict, config: &NetworkConfig) -> Vec<f32> {
        let device = crate::device::cpu();
        let net = state.load_into(AgeNet::new(config, &device)).unwrap();
        // Alike everywhere but for the borders, so that maps of another size have another mean as well.
        let image = Tensor::full([1, 3, config.input_size, config.input_size], 0.5, &device);
        net.vanilla.forward(net.backbone.forward(image)).holistic.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn a_network_without_the_papers_parts_begins_with_the_same_answers() {
        let _turn = crate::device::turn();
        let device = crate::device::cpu();
        let whole = network(112);
        let begun = StateDict::of(&AgeNet::new(&whole, &device));
        let mut start = begun.clone();
        for head in ["vanilla", "balanced"] {
            start.0.remove(&format!("{head}.projection.pool.weight"));
            start.0.remove(&format!("{head}.projection.pool.bias"));
        }
        // As if both had been trained with the mean.
        let start = fitted(&start, &begun);
        let plain = NetworkConfig {
            rearrange: Rearrange { r: 1, kernel: 1, stride: 1 },
            projection: Projection::Average,
            ..whole.clone()
        };
        let state = fitted(&start, &StateDict::of(&AgeNet::new(&plain, &device)));
        let (expected, found) = (answer(&start, &whole), answer(&state, &plain));
        assert!(expected.iter().any(|logit| *logit != expected[0]), "all logits are alike");
        for (expected, found) in expected.iter().zip(&found) {
            assert!((expected - found).abs() <= 1e-5 * expected.abs().max(1.0), "{expected} {found}");
        }
    }

    #[test]
    fn another_input_size_begins_with_the_mean_and_another_width_is_refused() {
        let _turn = crate::device::turn();
        let device = crate::device::cpu();
        let start = StateDict::of(&AgeNet::new(&network(112), &device));
        let smaller = StateDict::of(&AgeNet::new(&network(96), &device));
        let state = fitted(&start, &smaller);
        assert_eq!(state.get("vanilla.projection.pool.weight").unwrap().values, [1.0 / 9.0; 9]);
        assert_eq!(state.get("backbone.conv1.weight").unwrap(), start.get("backbone.conv1.weight").unwrap());
        assert!(state.load_into(AgeNet::new(&network(96), &device)).is_ok());
        let wider = AgeNet::new(&NetworkConfig { width: 8, ..network(112) }, &device);
        assert!(fitted(&start, &StateDict::of(&wider)).load_into(wider).is_err());
    }
}
