//! The graph, operation by operation.

use super::kernel::{Dense, Kernel};

/// A tensor of the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    pub(super) name: String,
    /// Its shape.
    pub shape: Vec<usize>,
}

/// Operations, the constants they use, and what goes in.
#[derive(Clone, Debug)]
pub struct Graph {
    pub(super) name: String,
    pub(super) inputs: Vec<Value>,
    pub(super) constants: Vec<(Value, Numbers)>,
    pub(super) nodes: Vec<Node>,
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
        Self { name: name.to_owned(), inputs: Vec::new(), constants: Vec::new(), nodes: Vec::new() }
    }

    /// Something that is given at run time, as f32.
    pub fn input(&mut self, name: &str, shape: &[usize]) -> Value {
        let value = Value { name: name.to_owned(), shape: shape.to_vec() };
        self.inputs.push(value.clone());
        value
    }

    /// A convolution with bias: `[batch, in, height, width]` to `[batch, out, height', width']`.
    pub fn conv(&mut self, x: &Value, kernel: Kernel) -> Value {
        let Kernel { weight, bias, shape, stride, padding, groups } = kernel;
        let [batch, channels, height, width] = four(x);
        assert_eq!(channels, shape[1] * groups, "the convolution takes other channels");
        let [before, after] = padding;
        let side = |length: usize, size: usize| (length + before + after - size) / stride + 1;
        let weight = self.constant("weight", &shape, Numbers::Floats(weight));
        let bias = self.constant("bias", &shape[..1], Numbers::Floats(bias));
        let attributes = vec![
            ("group", Attribute::Integer(groups as i64)),
            ("kernel_shape", integers(&shape[2..])),
            ("pads", integers(&[before, before, after, after])),
            ("strides", integers(&[stride; 2])),
        ];
        let shape = [batch, shape[0], side(height, shape[2]), side(width, shape[3])];
        self.node("Conv", &[x, &weight, &bias], attributes, &shape)
    }

    /// A linear layer with bias: `[rows, in]` to `[rows, out]`.
    pub fn dense(&mut self, x: &Value, layer: Dense) -> Value {
        let Dense { weight, bias, shape } = layer;
        assert_eq!(x.shape[1..], shape[..1], "the layer takes other rows");
        let weight = self.constant("weight", &shape, Numbers::Floats(weight));
        let bias = self.constant("bias", &shape[1..], Numbers::Floats(bias));
        self.node("Gemm", &[x, &weight, &bias], Vec::new(), &[x.shape[0], shape[1]])
    }

    /// max(x, 0)
    pub fn relu(&mut self, x: &Value) -> Value {
        self.node("Relu", &[x], Vec::new(), &x.shape)
    }

    /// min(max(x, 0), 6)
    pub fn relu6(&mut self, x: &Value) -> Value {
        let [least, most] = [0.0, 6.0].map(|bound| self.constant("bound", &[], Numbers::Floats(vec![bound])));
        self.node("Clip", &[x, &least, &most], Vec::new(), &x.shape)
    }

    /// 1 / (1 + exp(-x))
    pub fn sigmoid(&mut self, x: &Value) -> Value {
        self.node("Sigmoid", &[x], Vec::new(), &x.shape)
    }

    /// The largest of each square of `size` x `size` pixels, every `stride` pixels, padded by `padding`.
    pub fn max_pool(&mut self, x: &Value, size: usize, stride: usize, padding: usize) -> Value {
        let [batch, channels, height, width] = four(x);
        let side = |length: usize| (length + 2 * padding - size) / stride + 1;
        let attributes = vec![
            ("kernel_shape", integers(&[size; 2])),
            ("pads", integers(&[padding; 4])),
            ("strides", integers(&[stride; 2])),
        ];
        self.node("MaxPool", &[x], attributes, &[batch, channels, side(height), side(width)])
    }

    /// The sum of two tensors of one shape.
    pub fn add(&mut self, a: &Value, b: &Value) -> Value {
        assert_eq!(a.shape, b.shape, "only equal shapes are added");
        self.node("Add", &[a, b], Vec::new(), &a.shape)
    }

    /// Every pixel of `[batch, channels, height, width]` twice in both directions.
    pub fn double(&mut self, x: &Value) -> Value {
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
    pub fn concat(&mut self, parts: &[&Value], axis: usize) -> Value {
        let mut shape = parts[0].shape.clone();
        for part in &parts[1..] {
            let same = |(other, (length, wanted)): (usize, (&usize, &usize))| other == axis || length == wanted;
            assert!(part.shape.iter().zip(&parts[0].shape).enumerate().all(same), "the parts differ beside the axis");
            shape[axis] += part.shape[axis];
        }
        self.node("Concat", parts, vec![("axis", Attribute::Integer(axis as i64))], &shape)
    }

    /// Axes in another order: axis `order[i]` becomes axis `i`.
    pub fn transpose(&mut self, x: &Value, order: &[usize]) -> Value {
        let shape: Vec<usize> = order.iter().map(|axis| x.shape[*axis]).collect();
        self.node("Transpose", &[x], vec![("perm", integers(order))], &shape)
    }

    /// The same numbers in another shape.
    pub fn reshape(&mut self, x: &Value, shape: &[usize]) -> Value {
        let count = |shape: &[usize]| shape.iter().product::<usize>();
        assert_eq!(count(&x.shape), count(shape), "another number of numbers");
        let numbers = Numbers::Integers(shape.iter().map(|length| *length as i64).collect());
        let wanted = self.constant("shape", &[shape.len()], numbers);
        self.node("Reshape", &[x, &wanted], Vec::new(), shape)
    }

    fn constant(&mut self, what: &str, shape: &[usize], numbers: Numbers) -> Value {
        let value = Value { name: format!("{what}_{}", self.constants.len()), shape: shape.to_vec() };
        self.constants.push((value.clone(), numbers));
        value
    }

    fn node(
        &mut self,
        op: &'static str,
        inputs: &[&Value],
        attributes: Vec<(&'static str, Attribute)>,
        shape: &[usize],
    ) -> Value {
        let name = format!("{}_{}", op.to_lowercase(), self.nodes.len());
        let output = Value { name, shape: shape.to_vec() };
        let inputs = inputs.iter().map(|value| value.name.clone()).collect();
        self.nodes.push(Node { op, inputs, attributes, output: output.clone() });
        output
    }
}

fn four(x: &Value) -> [usize; 4] {
    x.shape.as_slice().try_into().expect("the operation takes [batch, channels, height, width]")
}

fn integers(values: &[usize]) -> Attribute {
    Attribute::Integers(values.iter().map(|value| *value as i64).collect())
}
