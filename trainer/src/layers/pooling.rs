//! Max-pooling that remembers where the largest numbers were.

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::tensor::Tensor;
use glae_model::cpu::{Buffer, Map, View};
use glae_model::layers::Pool;
use glae_model::wide;
use rayon::prelude::*;

use super::{Cpu, Pixels, planes};

/// The largest of each square. `None` where that is not ours.
pub(super) fn max_pool(x: &Tensor<4>, pool: Pool) -> Option<Tensor<4>> {
    // Places of a square are counted in a byte.
    if pool.size > 15 {
        return None;
    }
    let input = x.clone().try_into_primitive::<Cpu>().ok()?;
    let pixels = Pixels::of(input.primitive());
    let (map, places) = forward(&pixels.view(), pool);
    let [_, channels, height, width] = x.dims();
    let state = State { places, pool, size: [height, width, channels] };
    let output = planes(map);
    let output = match Pooled.prepare::<NoCheckpointing>([input.node()]).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish(state, output),
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    };
    Some(Tensor::from_primitive::<Cpu>(output))
}

/// The largest numbers, and at which place of its square each was found: the first one where several are equal.
fn forward(x: &View, pool: Pool) -> (Map, Vec<u8>) {
    let (height, width, channels) = (pool.output(x.height), pool.output(x.width), x.channels);
    let line = width * channels;
    let mut values = Buffer::unwritten(x.batch * height * line);
    let mut places = vec![0u8; values.len()];
    let rows = values.par_chunks_exact_mut(line).zip(places.par_chunks_exact_mut(line));
    rows.enumerate().for_each(|(index, (values, places))| of_row(*x, pool, height, index, values, places));
    (Map { batch: x.batch, height, width, channels, values }, places)
}

wide! {
    /// A row of the output, counted through all images, of `height` rows each.
    fn of_row<'a>(
        x: View<'a>,
        pool: Pool,
        height: usize,
        index: usize,
        values: &'a mut [f32],
        places: &'a mut [u8],
    ) -> () {
        let (image, row, channels) = (index / height, index % height, x.channels);
        values.fill(f32::NEG_INFINITY);
        for place in 0..pool.size * pool.size {
            let Some(y) = inside(row, place / pool.size, pool, x.height) else { continue };
            let from = &x.values[(image * x.height + y) * x.width * channels..][..x.width * channels];
            let pixels = values.chunks_exact_mut(channels).zip(places.chunks_exact_mut(channels));
            for (column, (values, places)) in pixels.enumerate() {
                let Some(x) = inside(column, place % pool.size, pool, x.width) else { continue };
                for ((value, at), new) in values.iter_mut().zip(places).zip(&from[x * channels..][..channels]) {
                    let larger = *new > *value;
                    *value = if larger { *new } else { *value };
                    *at = if larger { place as u8 } else { *at };
                }
            }
        }
    }
}

/// Where the tap of a square lies in the map; `None` outside.
fn inside(square: usize, tap: usize, pool: Pool, length: usize) -> Option<usize> {
    (square * pool.stride + tap).checked_sub(pool.padding).filter(|place| *place < length)
}

#[derive(Clone, Debug)]
struct State {
    places: Vec<u8>,
    pool: Pool,
    /// Height, width and channels of the input.
    size: [usize; 3],
}

#[derive(Debug)]
struct Pooled;

impl Backward<Flex, 1> for Pooled {
    type State = State;

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [Some(node)] = ops.parents else { return };
        let upstream = Pixels::of(&gradients.consume::<Flex>(&ops.node));
        let upstream = upstream.view();
        let State { places, pool, size: [height, width, channels] } = ops.state;
        let mut values = Buffer::unwritten(upstream.batch * height * width * channels);
        let line = upstream.width * channels;
        let image = upstream.height * line;
        let images = upstream.values.par_chunks_exact(image).zip(places.par_chunks_exact(image));
        values.par_chunks_exact_mut(height * width * channels).zip(images).for_each(|(values, (upstream, places))| {
            values.fill(0.0);
            for (square, (upstream, places)) in
                upstream.chunks_exact(channels).zip(places.chunks_exact(channels)).enumerate()
            {
                let (row, column) = (square * channels / line, square * channels % line / channels);
                for (channel, (gradient, place)) in upstream.iter().zip(places).enumerate() {
                    let place = usize::from(*place);
                    let y = inside(row, place / pool.size, pool, height);
                    let x = inside(column, place % pool.size, pool, width);
                    if let (Some(y), Some(x)) = (y, x) {
                        values[(y * width + x) * channels + channel] += gradient;
                    }
                }
            }
        });
        let map = Map { batch: upstream.batch, height, width, channels, values };
        gradients.register::<Flex>(node.id, planes(map));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::compare;
    use glae_model::layers::Pool;

    #[test]
    fn values_and_gradients_are_those_of_burn() {
        for (size, stride, padding) in [(3, 2, 1), (2, 2, 0), (3, 1, 1)] {
            compare([2, 5, 6, 9], |layers, [x]| layers.max_pool(x, Pool { size, stride, padding }));
        }
    }
}
