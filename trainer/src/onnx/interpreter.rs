//! Computes a graph number by number, as the ONNX specification of each operation reads: what tests compare with. Slow.

use std::collections::HashMap;

use super::graph::{Attribute, Graph, Node, Numbers, Value};

/// A tensor, row-major.
#[derive(Clone, Debug)]
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

impl Array {
    fn map(&self, f: impl Fn(f32) -> f32) -> Self {
        Self { shape: self.shape.clone(), values: self.values.iter().map(|value| f(*value)).collect() }
    }

    /// A tensor of this shape whose values are computed from their places.
    fn fill(shape: Vec<usize>, value: impl Fn(&[usize]) -> f32) -> Self {
        let values = (0..shape.iter().product()).map(|index| value(&place(index, &shape))).collect();
        Self { shape, values }
    }

    fn at(&self, place: &[usize]) -> f32 {
        self.values[place.iter().zip(&self.shape).fold(0, |index, (step, length)| index * length + step)]
    }
}

fn place(mut index: usize, shape: &[usize]) -> Vec<usize> {
    let mut place = vec![0; shape.len()];
    for (step, length) in place.iter_mut().zip(shape).rev() {
        (*step, index) = (index % length, index / length);
    }
    place
}

/// All tensors of the graph for these inputs, by name.
fn run(graph: &Graph, inputs: &[Vec<f32>]) -> HashMap<String, Array> {
    let mut known = HashMap::new();
    let parts = graph.parts.borrow();
    for (value, values) in parts.inputs.iter().zip(inputs) {
        known.insert(value.name.clone(), Array { shape: value.shape.clone(), values: values.clone() });
    }
    for (value, numbers) in &parts.constants {
        let values = match numbers {
            Numbers::Floats(values) => values.clone(),
            Numbers::Integers(values) => values.iter().map(|value| *value as f32).collect(),
        };
        known.insert(value.name.clone(), Array { shape: value.shape.clone(), values });
    }
    for node in &parts.nodes {
        let inputs: Vec<&Array> = node.inputs.iter().filter_map(|name| known.get(name)).collect();
        let result = compute(node, &inputs);
        assert_eq!(result.shape, node.output.shape, "the graph tells another shape for {}", node.output.name);
        let twin = known.insert(node.output.name.clone(), result);
        assert!(twin.is_none(), "two tensors are called {}", node.output.name);
    }
    known
}

/// One result of the graph.
pub(crate) fn result(graph: &Graph, inputs: &[Vec<f32>], value: &Value) -> Array {
    run(graph, inputs).remove(&value.name).expect("the value belongs to the graph")
}

fn compute(node: &Node, inputs: &[&Array]) -> Array {
    let x = inputs[0];
    match node.op {
        "Conv" => conv(node, x, inputs[1], inputs[2]),
        "MaxPool" => {
            let (size, stride) = (settings(node, "kernel_shape")[0], settings(node, "strides")[0]);
            windows(x, x.shape[1], size, stride, pads(node), |place, window| {
                window.map(|[_, _, row, column]| x.at(&[place[0], place[1], row, column])).fold(f32::MIN, f32::max)
            })
        }
        "Gemm" => {
            let (weight, bias) = (inputs[1], inputs[2]);
            Array::fill(vec![x.shape[0], weight.shape[1]], |place| {
                let terms = (0..weight.shape[0]).map(|k| x.at(&[place[0], k]) * weight.at(&[k, place[1]]));
                bias.values[place[1]] + terms.sum::<f32>()
            })
        }
        "Relu" => x.map(|value| value.max(0.0)),
        "Clip" => x.map(|value| value.max(inputs[1].values[0]).min(inputs[2].values[0])),
        "Sigmoid" => x.map(|value| 1.0 / (1.0 + (-value).exp())),
        "Add" => Array::fill(x.shape.clone(), |place| x.at(place) + inputs[1].at(place)),
        "Resize" => {
            let scales = &inputs[1].values;
            let shape = x.shape.iter().zip(scales).map(|(length, scale)| (*length as f32 * scale) as usize);
            Array::fill(shape.collect(), |place| {
                let source: Vec<usize> =
                    place.iter().zip(scales).map(|(at, scale)| (*at as f32 / scale) as usize).collect();
                x.at(&source)
            })
        }
        "Concat" => {
            let axis = settings(node, "axis")[0];
            let mut shape = x.shape.clone();
            shape[axis] = inputs.iter().map(|part| part.shape[axis]).sum();
            Array::fill(shape, |place| {
                let mut place = place.to_vec();
                for part in inputs {
                    if place[axis] < part.shape[axis] {
                        return part.at(&place);
                    }
                    place[axis] -= part.shape[axis];
                }
                unreachable!("the lengths add up")
            })
        }
        "Slice" => {
            let [start, end, axis] = [1, 2, 3].map(|input| inputs[input].values[0] as usize);
            let mut shape = x.shape.clone();
            shape[axis] = end - start;
            Array::fill(shape, |place| {
                let mut place = place.to_vec();
                place[axis] += start;
                x.at(&place)
            })
        }
        "Gather" => {
            let (axis, places) = (settings(node, "axis")[0], &inputs[1].values);
            let mut shape = x.shape.clone();
            shape[axis] = places.len();
            Array::fill(shape, |place| {
                let mut place = place.to_vec();
                place[axis] = places[place[axis]] as usize;
                x.at(&place)
            })
        }
        "Transpose" => {
            let order = settings(node, "perm");
            let shape = order.iter().map(|axis| x.shape[*axis]).collect();
            Array::fill(shape, |place| {
                let mut source = vec![0; place.len()];
                order.iter().zip(place).for_each(|(axis, step)| source[*axis] = *step);
                x.at(&source)
            })
        }
        "Reshape" => {
            Array { shape: inputs[1].values.iter().map(|length| *length as usize).collect(), values: x.values.clone() }
        }
        other => panic!("the interpreter does not know {other}"),
    }
}

fn conv(node: &Node, x: &Array, weight: &Array, bias: &Array) -> Array {
    let (stride, groups) = (settings(node, "strides")[0], settings(node, "group")[0]);
    let (out, per_group) = (weight.shape[0], weight.shape[1]);
    windows(x, out, weight.shape[2], stride, pads(node), |place, window| {
        let first = place[1] / (out / groups) * per_group;
        window.fold(bias.values[place[1]], |sum, [i, j, row, column]| {
            (0..per_group).fold(sum, |sum, channel| {
                sum + x.at(&[place[0], first + channel, row, column]) * weight.at(&[place[1], channel, i, j])
            })
        })
    })
}

/// A map of `channels` channels whose values are computed from windows: at each place, the window's rows and columns that
/// lie in `x`, first in the window and then in `x`.
fn windows(
    x: &Array,
    channels: usize,
    size: usize,
    stride: usize,
    [before, after]: [usize; 2],
    value: impl Fn(&[usize], &mut dyn Iterator<Item = [usize; 4]>) -> f32,
) -> Array {
    let (height, width) = (x.shape[2], x.shape[3]);
    let side = |length: usize| (length + before + after - size) / stride + 1;
    Array::fill(vec![x.shape[0], channels, side(height), side(width)], |place| {
        let (top, left) = (place[2] * stride, place[3] * stride);
        let inside = |at: usize, length: usize| at.checked_sub(before).filter(|at| *at < length);
        let mut window = (0..size * size).filter_map(|index| {
            let (i, j) = (index / size, index % size);
            Some([i, j, inside(top + i, height)?, inside(left + j, width)?])
        });
        value(place, &mut window)
    })
}

/// Zeros before and behind the map; all graphs here pad rows as columns.
fn pads(node: &Node) -> [usize; 2] {
    let [top, left, bottom, right] = settings(node, "pads").try_into().expect("a map has four sides");
    assert_eq!((top, bottom), (left, right));
    [top, bottom]
}

fn settings(node: &Node, name: &str) -> Vec<usize> {
    let (_, value) = node.attributes.iter().find(|(known, _)| *known == name).expect("the operation has this setting");
    match value {
        Attribute::Integer(value) => vec![*value as usize],
        Attribute::Integers(values) => values.iter().map(|value| *value as usize).collect(),
        Attribute::Text(_) => panic!("{name} is a text"),
    }
}
