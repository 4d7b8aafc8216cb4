//! YuNet as an ONNX file, written by its folded pass.

use std::ops::Range;

use anyhow::{Result, ensure};
use glae_face::detector::network::{STRIDES, YuNet};
use glae_model::StateDict;
use glae_model::engine::Foldable;

use crate::onnx::{Graph, Value};

/// OpenCV's names of the parts of an answer, in the order in which it asks for them, and their places in it.
const PARTS: [(&str, Range<usize>); 4] = [("cls", 0..1), ("obj", 5..6), ("bbox", 1..5), ("kps", 6..16)];

/// What the file answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One output `answers`, `[1, priors, 16]`, as the network gives them: logits, in the order of
    /// [`glae_face::detector::decode::priors`].
    Answers,
    /// The twelve outputs that OpenCV's `FaceDetectorYN` reads: `cls_8` to `kps_32`, each `[1, priors of the level,
    /// numbers]`, classes and objectness between 0 and 1.
    OpenCv,
}

/// The file. Its input is `input`, `[1, 3, height, width]`: blue, green, red, 0 to 255.
///
/// # Errors
/// The sides are no multiples of 32, or the state dict is another network's.
pub fn yunet(state: &StateDict, width: usize, height: usize, layout: Layout) -> Result<Vec<u8>> {
    let (graph, outputs) = graph(state, width, height, layout)?;
    let outputs: Vec<(&str, &Value)> = outputs.iter().map(|(name, value)| (name.as_str(), value)).collect();
    Ok(graph.file(&outputs))
}

fn graph(state: &StateDict, width: usize, height: usize, layout: Layout) -> Result<(Graph, Vec<(String, Value)>)> {
    ensure!(
        width > 0 && height > 0 && width.is_multiple_of(32) && height.is_multiple_of(32),
        "{width} x {height}: both sides must be multiples of 32, the coarsest stride"
    );
    let graph = Graph::new("yunet_n");
    let net = YuNet::on(state, &graph)?;
    let maps = YuNet::maps(&net, &graph, &graph.input("input", &[1, 3, height, width]));
    // `[1, priors of the level, 16]`
    let levels: Vec<Value> = maps
        .iter()
        .map(|map| {
            let pixels = graph.transpose(map, &[0, 2, 3, 1]);
            graph.reshape(&pixels, &[1, map.shape[2] * map.shape[3], map.shape[1]])
        })
        .collect();
    let outputs = match layout {
        Layout::Answers => vec![("answers".to_owned(), graph.concat(&levels.iter().collect::<Vec<_>>(), 1))],
        Layout::OpenCv => PARTS
            .into_iter()
            .flat_map(|(part, place)| levels.iter().zip(STRIDES).map(move |level| (part, place.clone(), level)))
            .map(|(part, place, (level, stride))| {
                let numbers = graph.slice(level, 2, place);
                let share = matches!(part, "cls" | "obj");
                (format!("{part}_{stride}"), if share { graph.sigmoid(&numbers) } else { numbers })
            })
            .collect(),
    };
    Ok((graph, outputs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::interpreter;
    use burn::module::Module;
    use burn::tensor::{Device, Distribution, Tensor};
    use glae_face::detector::network::OUTPUTS;

    /// A seeded network whose BatchNorm statistics are not the initial 0 and 1, an input, and the network's answers to it.
    fn example(width: usize, height: usize) -> (StateDict, Vec<f32>, Vec<f32>) {
        let device: Device = crate::device::cpu();
        let _turn = crate::device::turn();
        device.seed(3);
        let training = device.clone().autodiff();
        let net = YuNet::new(&training);
        for _ in 0..4 {
            net.forward(Tensor::random([2, 3, 64, 64], Distribution::Uniform(0.0, 255.0), &training));
        }
        let net = net.valid();
        let input = Tensor::<4>::random([1, 3, height, width], Distribution::Uniform(0.0, 255.0), &device);
        let answers = net.forward(input.clone()).into_data().try_to_vec().unwrap();
        (StateDict::of(&net), input.into_data().try_to_vec().unwrap(), answers)
    }

    fn check(found: &[f32], expected: &[f32]) {
        let largest = expected.iter().fold(0f32, |largest, value| largest.max(value.abs()));
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() <= 1e-4 * largest, "{found} instead of {expected}");
        }
    }

    #[test]
    fn the_graph_answers_as_the_network() {
        let (state, input, expected) = example(64, 32);
        let (graph, outputs) = graph(&state, 64, 32, Layout::Answers).unwrap();
        let found = interpreter::result(&graph, &[input], &outputs[0].1);
        assert_eq!(found.shape, [1, 8 * 4 + 4 * 2 + 2, OUTPUTS]);
        check(&found.values, &expected);
    }

    #[test]
    fn opencvs_outputs_are_the_same_numbers() {
        let (state, input, answers) = example(64, 32);
        let (graph, outputs) = graph(&state, 64, 32, Layout::OpenCv).unwrap();
        let names: Vec<&str> = outputs.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names[..4], ["cls_8", "cls_16", "cls_32", "obj_8"]);
        assert_eq!(names.len(), 12);
        let output = |wanted: &str| {
            let (_, value) = outputs.iter().find(|(name, _)| name == wanted).unwrap();
            interpreter::result(&graph, std::slice::from_ref(&input), value)
        };
        // Stride 16 has the eight priors behind the 32 of stride 8; an answer is class, box, objectness, points.
        let column = |range: std::ops::Range<usize>| -> Vec<f32> {
            answers.chunks(OUTPUTS).skip(32).take(8).flat_map(|answer| answer[range.clone()].to_vec()).collect()
        };
        assert_eq!(output("kps_16").shape, [1, 8, 10]);
        check(&output("bbox_16").values, &column(1..5));
        check(&output("kps_16").values, &column(6..16));
        let sigmoid = |logits: Vec<f32>| logits.iter().map(|x| 1.0 / (1.0 + (-x).exp())).collect::<Vec<f32>>();
        check(&output("cls_16").values, &sigmoid(column(0..1)));
        check(&output("obj_16").values, &sigmoid(column(5..6)));
    }

    #[test]
    fn what_cannot_be_a_file_is_named() {
        let _turn = crate::device::turn();
        let state = StateDict::of(&YuNet::new(&crate::device::cpu()));
        let error = yunet(&state, 64, 48, Layout::Answers).unwrap_err().to_string();
        assert!(error.contains("64 x 48") && error.contains("multiples of 32"), "{error}");
        let error = yunet(&StateDict::default(), 64, 64, Layout::Answers).unwrap_err().to_string();
        assert!(error.contains("backbone.model0.conv1.weight"), "{error}");
    }
}
