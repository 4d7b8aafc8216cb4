//! The graph, operation by operation.

use std::cell::RefCell;
use std::ops::Range;

use glae_model::fold::Dense;
use glae_model::layers::{Padding, Step, same_padding};

/// A tensor of the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    pub(super) name: String,
    /// Its shape.
    pub shape: Vec<usize>,
}

/// Operations, the constants they use, and what goes in; it grows while a network is computed with it.
#[derive(Clone, Debug)]
pub struct Graph {
    pub(super) name: String,
    pub(super) parts: RefCell<Contents>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Contents {
    pub(super) inputs: Vec<Value>,
    pub(super) constants: Vec<(Value, Numbers)>,
    pub(super) nodes: Vec<Node>,
}

/// A convolution's numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Kernel {
    /// Weights, row-major.
    pub(super) weight: Vec<f32>,
    /// One number per output channel.
    pub(super) bias: Vec<f32>,
    /// `[out, in / groups, side, side]`
    pub(super) shape: [usize; 4],
    pub(super) step: Step,
    /// Groups of channels that do not see each other.
    pub(super) groups: usize,
}

/// An operation with one result.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) op: &'static str,
    /// Names of tensors; an empty one stands for an input left out.
    pub(super) inputs: Vec<String>,
    pub(super) attributes: Vec<(&'static str, Attribute)>,
    pub(super) output: Value,
}

/// A constant's numbers, row-major.
#[derive(Clone, Debug)]
pub(super) enum Numbers {
    Floats(Vec<f32>),
    Integers(Vec<i64>),
}

/// A setting of an operation.
#[derive(Clone, Debug)]
pub(super) enum Attribute {
    Integer(i64),
    Integers(Vec<i64>),
    Text(&'static str),
}

/// All operations panic if shapes do not fit together: that is a mistake in the code that builds the graph.
impl Graph {
    /// An empty graph.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), parts: RefCell::default() }
    }

    /// Something that is given at run time, as f32.
    pub fn input(&self, name: &str, shape: &[usize]) -> Value {
        let value = Value { name: name.to_owned(), shape: shape.to_vec() };
        self.parts.borrow_mut().inputs.push(value.clone());
        value
    }

    /// A convolution with bias: `[batch, in, height, width]` to `[batch, out, height', width']`.
    pub(super) fn convolution(&self, x: &Value, kernel: &Kernel) -> Value {
        let Kernel { weight, bias, shape, step, groups } = kernel;
        let ([batch, channels, height, width], [out, own, side, _]) = (four(x), *shape);
        assert_eq!(channels, own * groups, "the convolution takes other channels");
        let around = |length: usize| match step.padding {
            Padding::Half => [side / 2; 2],
            Padding::Same => same_padding(length, side, step.stride),
        };
        let ([top, bottom], [left, right]) = (around(height), around(width));
        let weight = self.constant("weight", shape, Numbers::Floats(weight.clone()));
        let bias = self.constant("bias", &[out], Numbers::Floats(bias.clone()));
        let attributes = vec![
            ("group", Attribute::Integer(*groups as i64)),
            ("kernel_shape", integers(&[side; 2])),
            ("pads", integers(&[top, left, bottom, right])),
            ("strides", integers(&[step.stride; 2])),
        ];
        let [height, width] = [height, width].map(|length| step.fit(length, side).places);
        self.node("Conv", &[x, &weight, &bias], attributes, &[batch, out, height, width])
    }

    /// A linear layer with bias: `[rows, in]` to `[rows, out]`.
    pub(super) fn linear(&self, x: &Value, layer: &Dense) -> Value {
        let (from, to) = (layer.inputs(), layer.bias.len());
        assert_eq!(x.shape[1..], [from], "the layer takes other rows");
        let weight = self.constant("weight", &[from, to], Numbers::Floats(layer.weight.clone()));
        let bias = self.constant("bias", &[to], Numbers::Floats(layer.bias.clone()));
        self.node("Gemm", &[x, &weight, &bias], Vec::new(), &[x.shape[0], to])
    }

    /// max(x, 0)
    pub fn relu(&self, x: &Value) -> Value {
        self.node("Relu", &[x], Vec::new(), &x.shape)
    }

    /// min(max(x, 0), 6)
    pub fn relu6(&self, x: &Value) -> Value {
        let [least, most] = [0.0, 6.0].map(|bound| self.constant("bound", &[], Numbers::Floats(vec![bound])));
        self.node("Clip", &[x, &least, &most], Vec::new(), &x.shape)
    }

    /// 1 / (1 + exp(-x))
    pub fn sigmoid(&self, x: &Value) -> Value {
        self.node("Sigmoid", &[x], Vec::new(), &x.shape)
    }

    /// The sum of two tensors of one shape.
    pub fn add(&self, a: &Value, b: &Value) -> Value {
        assert_eq!(a.shape, b.shape, "only equal shapes are added");
        self.node("Add", &[a, b], Vec::new(), &a.shape)
    }

    /// Every pixel of `[batch, channels, height, width]` twice in both directions.
    pub fn double(&self, x: &Value) -> Value {
        let [batch, channels, height, width] = four(x);
        let scales = self.constant("scales", &[4], Numbers::Floats(vec![1.0, 1.0, 2.0, 2.0]));
        let attributes = vec![
            ("coordinate_transformation_mode", Attribute::Text("asymmetric")),
            ("mode", Attribute::Text("nearest")),
            ("nearest_mode", Attribute::Text("floor")),
        ];
        let none = Value { name: String::new(), shape: Vec::new() };
        self.node("Resize", &[x, &none, &scales], attributes, &[batch, channels, 2 * height, 2 * width])
    }

    /// Tensors one after the other along an axis.
    pub fn concat(&self, parts: &[&Value], axis: usize) -> Value {
        let mut shape = parts[0].shape.clone();
        for part in &parts[1..] {
            let same = |(other, (length, wanted)): (usize, (&usize, &usize))| other == axis || length == wanted;
            assert!(part.shape.iter().zip(&parts[0].shape).enumerate().all(same), "the parts differ beside the axis");
            shape[axis] += part.shape[axis];
        }
        self.node("Concat", parts, vec![("axis", Attribute::Integer(axis as i64))], &shape)
    }

    /// A piece along an axis.
    pub fn slice(&self, x: &Value, axis: usize, piece: Range<usize>) -> Value {
        let mut shape = x.shape.clone();
        shape[axis] = piece.len();
        let [start, end, axis] = [piece.start, piece.end, axis]
            .map(|number| self.constant("slice", &[1], Numbers::Integers(vec![number as i64])));
        self.node("Slice", &[x, &start, &end, &axis], Vec::new(), &shape)
    }

    /// The numbers at these places of each row: `[rows, in]` to `[rows, places]`.
    pub fn gather(&self, x: &Value, places: &[usize]) -> Value {
        let numbers = Numbers::Integers(places.iter().map(|place| *place as i64).collect());
        let indices = self.constant("places", &[places.len()], numbers);
        self.node("Gather", &[x, &indices], vec![("axis", Attribute::Integer(1))], &[x.shape[0], places.len()])
    }

    /// Axes in another order: axis `order[i]` becomes axis `i`.
    pub fn transpose(&self, x: &Value, order: &[usize]) -> Value {
        let shape: Vec<usize> = order.iter().map(|axis| x.shape[*axis]).collect();
        self.node("Transpose", &[x], vec![("perm", integers(order))], &shape)
    }

    /// The same numbers in another shape.
    pub fn reshape(&self, x: &Value, shape: &[usize]) -> Value {
        if x.shape == shape {
            return x.clone();
        }
        let count = |shape: &[usize]| shape.iter().product::<usize>();
        assert_eq!(count(&x.shape), count(shape), "another number of numbers");
        let numbers = Numbers::Integers(shape.iter().map(|length| *length as i64).collect());
        let wanted = self.constant("shape", &[shape.len()], numbers);
        self.node("Reshape", &[x, &wanted], Vec::new(), shape)
    }

    fn constant(&self, what: &str, shape: &[usize], numbers: Numbers) -> Value {
        let constants = &mut self.parts.borrow_mut().constants;
        // Results of operations have an underscore, and never the same name.
        let value = Value { name: format!("{what}.{}", constants.len()), shape: shape.to_vec() };
        constants.push((value.clone(), numbers));
        value
    }

    pub(super) fn node(
        &self,
        op: &'static str,
        inputs: &[&Value],
        attributes: Vec<(&'static str, Attribute)>,
        shape: &[usize],
    ) -> Value {
        let nodes = &mut self.parts.borrow_mut().nodes;
        let name = format!("{}_{}", op.to_lowercase(), nodes.len());
        let output = Value { name, shape: shape.to_vec() };
        let inputs = inputs.iter().map(|value| value.name.clone()).collect();
        nodes.push(Node { op, inputs, attributes, output: output.clone() });
        output
    }
}

pub(super) fn four(x: &Value) -> [usize; 4] {
    x.shape.as_slice().try_into().expect("the operation takes [batch, channels, height, width]")
}

pub(super) fn integers(values: &[usize]) -> Attribute {
    Attribute::Integers(values.iter().map(|value| *value as i64).collect())
}
