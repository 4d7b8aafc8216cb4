//! The graph as an engine: what a folded network computes with it, it notes.

use glae_model::engine::Engine;
use glae_model::fold::{Dense, HeadEngine};
use glae_model::layers::{Activation, Pool, Step};

use super::graph::{Graph, Kernel, Value, four, integers};

impl Engine for Graph {
    type Map = Value;
    type Conv = Kernel;
    type Depthwise = Kernel;

    fn conv(&self, weight: &[f32], bias: Vec<f32>, shape: [usize; 4], step: Step, _map: usize) -> Kernel {
        Kernel { weight: weight.to_vec(), bias, shape, step, groups: 1 }
    }

    fn depthwise(&self, weight: &[f32], bias: Vec<f32>, stride: usize) -> Kernel {
        let channels = bias.len();
        Kernel { groups: channels, ..self.conv(weight, bias, [channels, 1, 3, 3], Step::same(stride), 0) }
    }

    fn convolve(&self, conv: &Kernel, x: &Value, shortcut: Option<&Value>, then: Activation) -> Value {
        let x = self.convolution(x, conv);
        let x = shortcut.map_or(x.clone(), |shortcut| self.add(&x, shortcut));
        match then {
            Activation::Linear => x,
            Activation::Relu => self.relu(&x),
            Activation::Relu6 => self.relu6(&x),
        }
    }

    fn convolve_depthwise(&self, conv: &Kernel, x: &Value, then: Activation) -> Value {
        self.convolve(conv, x, None, then)
    }

    fn max_pool(&self, x: &Value, pool: Pool) -> Value {
        let [batch, channels, height, width] = four(x);
        let attributes = vec![
            ("kernel_shape", integers(&[pool.size; 2])),
            ("pads", integers(&[pool.padding; 4])),
            ("strides", integers(&[pool.stride; 2])),
        ];
        self.node("MaxPool", &[x], attributes, &[batch, channels, pool.output(height), pool.output(width)])
    }

    fn add_doubled(&self, x: Value, half: &Value) -> Value {
        self.add(&x, &self.double(half))
    }
}

/// Numbers of an image are a row of `[batch, numbers]`.
impl HeadEngine for Graph {
    type Numbers = Value;

    fn gathered(&self, x: &Value, places: &[usize]) -> Value {
        self.gather(x, places)
    }

    fn weighted(&self, x: &Value, shares: &[f32]) -> Value {
        let sum = Dense { weight: shares.to_vec(), bias: vec![0.0] };
        self.dense(&self.turned(x, shares.len()), &sum)
    }

    fn dense(&self, x: &Value, layer: &Dense) -> Value {
        let rows = x.shape.iter().product::<usize>() / layer.inputs();
        let y = self.linear(&self.reshape(x, &[rows, layer.inputs()]), layer);
        self.reshape(&y, &[x.shape[0], rows / x.shape[0] * layer.bias.len()])
    }

    fn turned(&self, x: &Value, rows: usize) -> Value {
        let [batch, numbers] = [x.shape[0], x.shape[1]];
        let rows = self.reshape(x, &[batch, rows, numbers / rows]);
        self.reshape(&self.transpose(&rows, &[0, 2, 1]), &[batch, numbers])
    }

    fn relu(&self, x: Value) -> Value {
        Graph::relu(self, &x)
    }
}
