//! YuNet as an ONNX file, from a state dict. BatchNorm is folded away, so that other engines get the graph they like best.

use anyhow::{Result, ensure};
use glae_face::detector::network::STRIDES;
use glae_model::{StateDict, WeightsError};

use crate::onnx::{Graph, Kernel, Value};

/// Channels of the stem, and of everything behind the first stage.
const STEM: usize = 16;
const WIDTH: usize = 64;

/// Names of the heads in a state dict, and their channels, in the order of an answer.
const HEADS: [(&str, usize); 4] = [("cls", 1), ("bbox", 4), ("obj", 1), ("kps", 10)];

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
    let mut net = Net { state, graph: Graph::new("yunet_n") };
    let input = net.graph.input("input", &[1, 3, height, width]);
    let features = net.backbone(&input)?;
    let features = net.neck(features)?;
    let mut maps = Vec::new();
    for (level, x) in features.iter().enumerate() {
        maps.push(net.heads(level, x)?);
    }
    let outputs = match layout {
        Layout::Answers => vec![("answers".to_owned(), net.answers(&maps))],
        Layout::OpenCv => net.opencv(&maps),
    };
    Ok((net.graph, outputs))
}

/// The graph as far as it is built. Functions mirror those of [`glae_face::detector::network`].
struct Net<'a> {
    state: &'a StateDict,
    graph: Graph,
}

impl Net<'_> {
    fn backbone(&mut self, input: &Value) -> Result<[Value; 3], WeightsError> {
        let stem = Kernel::read(self.state, "backbone.model0.conv1", [STEM, 3, 3, 3], 1)?.with_stride(2);
        let stem = stem.folded(self.state, "backbone.model0.bn1")?;
        let x = self.graph.conv(input, stem);
        let x = self.graph.relu(&x);
        let x = self.unit("backbone.model0.conv2", &x, STEM)?;
        let x = self.halve(&x);
        let x = self.stage(1, &x)?;
        let x = self.stage(2, &x)?;
        let x = self.halve(&x);
        let fine = self.stage(3, &x)?;
        let x = self.halve(&fine);
        let middle = self.stage(4, &x)?;
        let x = self.halve(&middle);
        let coarse = self.stage(5, &x)?;
        Ok([fine, middle, coarse])
    }

    fn halve(&mut self, x: &Value) -> Value {
        self.graph.max_pool(x, 2, 2, 0)
    }

    fn stage(&mut self, index: usize, x: &Value) -> Result<Value, WeightsError> {
        let x = self.unit(&format!("backbone.model{index}.conv1"), x, x.shape[1])?;
        self.unit(&format!("backbone.model{index}.conv2"), &x, WIDTH)
    }

    /// A 1x1 convolution, a depthwise 3x3 one, BatchNorm and ReLU.
    fn unit(&mut self, name: &str, x: &Value, to: usize) -> Result<Value, WeightsError> {
        let [point, depth] = self.kernels(name, x.shape[1], to)?;
        let depth = depth.folded(self.state, &format!("{name}.bn"))?;
        let x = self.graph.conv(x, point);
        let x = self.graph.conv(&x, depth);
        Ok(self.graph.relu(&x))
    }

    /// The same without BatchNorm and ReLU.
    fn bare(&mut self, name: &str, x: &Value, to: usize) -> Result<Value, WeightsError> {
        let [point, depth] = self.kernels(name, x.shape[1], to)?;
        let x = self.graph.conv(x, point);
        Ok(self.graph.conv(&x, depth))
    }

    fn kernels(&self, name: &str, from: usize, to: usize) -> Result<[Kernel; 2], WeightsError> {
        let point = Kernel::read(self.state, &format!("{name}.conv1"), [to, from, 1, 1], 1)?;
        let depth = Kernel::read(self.state, &format!("{name}.conv2"), [to, 1, 3, 3], to)?;
        Ok([point, depth])
    }

    fn neck(&mut self, [fine, middle, coarse]: [Value; 3]) -> Result<[Value; 3], WeightsError> {
        let coarse = self.unit("neck.lateral_convs.2", &coarse, WIDTH)?;
        let middle = self.flow_into(&middle, &coarse);
        let middle = self.unit("neck.lateral_convs.1", &middle, WIDTH)?;
        let fine = self.flow_into(&fine, &middle);
        let fine = self.unit("neck.lateral_convs.0", &fine, WIDTH)?;
        Ok([fine, middle, coarse])
    }

    fn flow_into(&mut self, finer: &Value, coarser: &Value) -> Value {
        let doubled = self.graph.double(coarser);
        self.graph.add(finer, &doubled)
    }

    /// The maps of one level, head by head.
    fn heads(&mut self, level: usize, x: &Value) -> Result<Vec<Value>, WeightsError> {
        let x = self.unit(&format!("bbox_head.multi_level_share_convs.{level}.0"), x, WIDTH)?;
        let head =
            |(name, numbers): (&str, usize)| self.bare(&format!("bbox_head.multi_level_{name}.{level}"), &x, numbers);
        HEADS.into_iter().map(head).collect()
    }

    fn answers(&mut self, maps: &[Vec<Value>]) -> Value {
        let levels: Vec<Value> = maps
            .iter()
            .map(|maps| {
                let all = self.graph.concat(&maps.iter().collect::<Vec<_>>(), 1);
                let [batch, numbers, height, width] = [all.shape[0], all.shape[1], all.shape[2], all.shape[3]];
                let flat = self.graph.reshape(&all, &[batch, numbers, height * width]);
                self.graph.transpose(&flat, &[0, 2, 1])
            })
            .collect();
        self.graph.concat(&levels.iter().collect::<Vec<_>>(), 1)
    }

    fn opencv(&mut self, maps: &[Vec<Value>]) -> Vec<(String, Value)> {
        let mut outputs = Vec::new();
        // OpenCV asks for them head by head, in this order.
        for head in ["cls", "obj", "bbox", "kps"] {
            let index = HEADS.iter().position(|(name, _)| *name == head).expect("all four are heads");
            for (maps, stride) in maps.iter().zip(STRIDES) {
                let map = &maps[index];
                let last = self.graph.transpose(map, &[0, 2, 3, 1]);
                let list = self.graph.reshape(&last, &[1, map.shape[2] * map.shape[3], map.shape[1]]);
                let list = if matches!(head, "cls" | "obj") { self.graph.sigmoid(&list) } else { list };
                outputs.push((format!("{head}_{stride}"), list));
            }
        }
        outputs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::interpreter;
    use burn::module::Module;
    use burn::tensor::{Device, Distribution, Tensor};
    use glae_face::detector::network::{OUTPUTS, YuNet};

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
