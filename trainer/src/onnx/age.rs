//! The age network as an ONNX file, written by its folded pass.

use anyhow::Result;
use glae_model::backbone::Backbone;
use glae_model::config::NetworkConfig;
use glae_model::engine::Foldable;
use glae_model::fold::Head;
use glae_model::{AGES, StateDict};

use super::{Graph, Value};

/// A face and its mirror image: the batch of an estimate.
pub const PAIR: usize = 2;

/// The file. Its input is `input`, normalised pixels `[batch, 3, size, size]`; its output `logits`, `[2, batch, 101]`, the
/// vanilla classifier first.
///
/// # Errors
/// The architecture does not fit together, or the state dict is another network's.
pub fn age(config: &NetworkConfig, state: &StateDict, batch: usize) -> Result<Vec<u8>> {
    let (graph, logits) = graph(config, state, batch)?;
    Ok(graph.file(&[("logits", &logits)]))
}

fn graph(config: &NetworkConfig, state: &StateDict, batch: usize) -> Result<(Graph, Value)> {
    let graph = Graph::new("glae");
    let backbone = Backbone::on((config, state), &graph)?;
    let input = graph.input("input", &[batch, 3, config.input_size, config.input_size]);
    let map = Backbone::maps(&backbone, &graph, &input).remove(0);
    let features = graph.reshape(&graph.transpose(&map, &[0, 2, 3, 1]), &[batch, map.shape[1..].iter().product()]);
    let logits = Head::both(config, state)?.map(|head| {
        let logits = head.forward(&graph, &features);
        graph.reshape(&logits, &[1, batch, AGES])
    });
    let logits = graph.concat(&logits.each_ref(), 0);
    Ok((graph, logits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::interpreter;
    use burn::module::Module;
    use burn::tensor::{Distribution, Tensor, read_sync};
    use glae_model::AgeNet;
    use glae_model::config::{Backbone, Projection, Rearrange};
    use glae_model::fold::FoldedNet;

    #[test]
    fn the_graph_answers_as_the_folded_network() {
        let device = crate::device::cpu();
        let _turn = crate::device::turn();
        device.seed(11);
        let flatten = Projection::Flatten { hidden: vec![7] };
        for (backbone, r, kernel, stride, projection, hidden) in [
            (Backbone::ResNet18, 4, 4, 4, Projection::Pool, None),
            (Backbone::ResNet50, 4, 8, 2, flatten, None),
            (Backbone::ResNet18, 1, 1, 1, Projection::Average, None),
            (Backbone::MobileNetV1, 4, 4, 4, Projection::Pool, Some(12)),
        ] {
            let rearrange = Rearrange { r, kernel, stride };
            let config =
                NetworkConfig { backbone, width: 8, input_size: 64, rearrange, projection, hidden, pairs: None };
            let training = device.clone().autodiff();
            let net = AgeNet::new(&config, &training);
            // BatchNorm statistics other than the initial 0 and 1.
            let seen = net.backbone.forward(Tensor::random([4, 3, 64, 64], Distribution::Normal(0.3, 1.5), &training));
            for head in [&net.vanilla, &net.balanced] {
                head.forward(seen.clone());
            }
            let state = StateDict::of(&net.valid());
            let input = Tensor::<4>::random([2, 3, 64, 64], Distribution::Normal(0.0, 1.0), &device);
            let folded = FoldedNet::new(&config, &state, &device).unwrap();
            let input: Vec<f32> = input.into_data().try_into_vec().unwrap();
            let expected = read_sync(folded.forward(&input, [2, 3, 64, 64])).unwrap();
            let (graph, logits) = graph(&config, &state, 2).unwrap();
            let found = interpreter::result(&graph, &[input], &logits);
            assert_eq!(found.shape, [2, 2, AGES]);
            let largest = expected.iter().fold(0f32, |largest, value| largest.max(value.abs()));
            for (found, expected) in found.values.iter().zip(&expected) {
                assert!((found - expected).abs() <= 1e-4 * largest, "{config:?}: {found} instead of {expected}");
            }
        }
    }

    #[test]
    fn another_networks_weights_are_refused() {
        let config = NetworkConfig::paper(Backbone::ResNet18);
        let error = age(&config, &StateDict::default(), 1).unwrap_err().to_string();
        assert!(error.contains("backbone.conv1.weight"), "{error}");
    }
}
