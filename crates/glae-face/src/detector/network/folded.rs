//! YuNet_n for inference: BatchNorm folded into the convolutions before it, the four heads of a level run as one.

use glae_model::engine::{Engine, Foldable};
use glae_model::layers::{Activation, Pool, Step};
use glae_model::{Arrays, WeightsError};

use super::{OUTPUTS, STEM, WIDTH, YuNet};

/// The network on one engine with as few operations as it needs; it answers as [`YuNet::forward`] does outside of training.
#[derive(Clone, Debug)]
pub struct Folded<E: Engine> {
    stem: (E::Conv, Unit<E>),
    stages: [[Unit<E>; 2]; 5],
    /// Level by level, as all that follows.
    laterals: [Unit<E>; 3],
    shared: [Unit<E>; 3],
    /// Class, box, objectness and points side by side.
    heads: [Unit<E>; 3],
}

/// A [`super::Unit`], its BatchNorm inside the depthwise convolution.
#[derive(Clone, Debug)]
struct Unit<E: Engine> {
    point: E::Conv,
    depth: E::Depthwise,
    /// BatchNorm and ReLU come together. A head has neither: its answers may be negative.
    then: Activation,
}

impl Foldable for YuNet {
    type On<E: Engine> = Folded<E>;
    type Weights<'a> = &'a dyn Arrays;

    fn on<E: Engine>(state: &dyn Arrays, engine: &E) -> Result<Folded<E>, WeightsError> {
        let unit = |name: &str, from: usize, to: usize| {
            let (point, bias) = state.folded(&format!("{name}.conv1"), None, [to, from, 1, 1])?;
            let point = engine.conv(&point, bias, [to, from, 1, 1], Step::half(1), 0);
            let (depth, bias) = state.folded(&format!("{name}.conv2"), Some(&format!("{name}.bn")), [to, 1, 3, 3])?;
            Ok::<_, WeightsError>(Unit { point, depth: engine.depthwise(&depth, bias, 1), then: Activation::Relu })
        };
        // All heads of a level read the same features, so their 1x1 convolutions stack; the depthwise ones keep channels apart
        // anyway.
        let heads = |level: usize| {
            let (mut points, mut depths) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
            for (head, to) in [("cls", 1), ("bbox", 4), ("obj", 1), ("kps", 10)] {
                let name = format!("bbox_head.multi_level_{head}.{level}");
                let (point, bias) = state.folded(&format!("{name}.conv1"), None, [to, WIDTH, 1, 1])?;
                points.0.extend(point);
                points.1.extend(bias);
                let (depth, bias) = state.folded(&format!("{name}.conv2"), None, [to, 1, 3, 3])?;
                depths.0.extend(depth);
                depths.1.extend(bias);
            }
            let point = engine.conv(&points.0, points.1, [OUTPUTS, WIDTH, 1, 1], Step::half(1), 0);
            Ok::<_, WeightsError>(Unit {
                point,
                depth: engine.depthwise(&depths.0, depths.1, 1),
                then: Activation::Linear,
            })
        };
        let stage = |index: usize, from: usize, to: usize| {
            let name = format!("backbone.model{index}");
            Ok::<_, WeightsError>([
                unit(&format!("{name}.conv1"), from, from)?,
                unit(&format!("{name}.conv2"), from, to)?,
            ])
        };
        let lateral = |level: usize| unit(&format!("neck.lateral_convs.{level}"), WIDTH, WIDTH);
        let shared = |level: usize| unit(&format!("bbox_head.multi_level_share_convs.{level}.0"), WIDTH, WIDTH);
        let shape = [STEM, 3, 3, 3];
        let (stem, bias) = state.folded("backbone.model0.conv1", Some("backbone.model0.bn1"), shape)?;
        Ok(Folded {
            // The only 3x3 convolution of all channels halves the map.
            stem: (engine.conv(&stem, bias, shape, Step::half(2), 0), unit("backbone.model0.conv2", STEM, STEM)?),
            stages: [
                stage(1, STEM, WIDTH)?,
                stage(2, WIDTH, WIDTH)?,
                stage(3, WIDTH, WIDTH)?,
                stage(4, WIDTH, WIDTH)?,
                stage(5, WIDTH, WIDTH)?,
            ],
            laterals: [lateral(0)?, lateral(1)?, lateral(2)?],
            shared: [shared(0)?, shared(1)?, shared(2)?],
            heads: [heads(0)?, heads(1)?, heads(2)?],
        })
    }

    /// A map with 16 channels for each level, whose pixels are the level's priors.
    fn maps<E: Engine>(net: &Folded<E>, engine: &E, pixels: &E::Map) -> Vec<E::Map> {
        let run = |unit: &Unit<E>, x: &E::Map| {
            engine.convolve_then_depthwise(&unit.point, &unit.depth, x, [Activation::Linear, unit.then])
        };
        let stage = |index: usize, x: &E::Map| {
            let [first, second] = &net.stages[index];
            run(second, &run(first, x))
        };
        let halve = |x: &E::Map| engine.max_pool(x, Pool::HALF);
        let (stem, unit) = &net.stem;
        let run_halved = |unit: &Unit<E>, x: &E::Map| {
            engine.convolve_then_depthwise_halved(&unit.point, &unit.depth, x, [Activation::Linear, unit.then])
        };
        let x = run_halved(unit, &engine.convolve(stem, pixels, None, Activation::Relu));
        let x = stage(0, &x);
        let [first, second] = &net.stages[1];
        let fine = stage(2, &run_halved(second, &run(first, &x)));
        let middle = stage(3, &halve(&fine));
        let coarse = stage(4, &halve(&middle));

        let coarse = run(&net.laterals[2], &coarse);
        let middle = run(&net.laterals[1], &engine.add_doubled(middle, &coarse));
        let fine = run(&net.laterals[0], &engine.add_doubled(fine, &middle));

        let level = |level: usize, x: E::Map| run(&net.heads[level], &run(&net.shared[level], &x));
        vec![level(0, fine), level(1, middle), level(2, coarse)]
    }
}

/// Answers, `[batch, priors, 16]` in the order of [`crate::detector::decode::priors`], of the levels' maps.
pub(in crate::detector) fn answers(levels: &[Vec<f32>], batch: usize) -> Vec<f32> {
    let mut answers = Vec::with_capacity(levels.iter().map(Vec::len).sum());
    for image in 0..batch {
        for level in levels {
            let length = level.len() / batch;
            answers.extend_from_slice(&level[image * length..][..length]);
        }
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::network::answers;
    use burn::tensor::{Device, Distribution, Tensor};
    use glae_model::StateDict;
    use glae_model::engine::Placed;
    use glae_model::tensors::Tensors;
    use glae_model::weights::mapped;

    #[test]
    fn folded_equals_unfolded() {
        let device = Device::flex();
        let _turn = crate::seeded(&device, 11);
        // BatchNorm gets other numbers than its first ones, which would leave nothing to fold.
        let mut shaken = 0;
        let net = mapped(YuNet::new(&device), |parameter| {
            let distribution = match parameter.path.fields().rsplit('.').next() {
                Some("gamma" | "running_var") => Distribution::Uniform(0.4, 2.0),
                Some("beta" | "running_mean") => Distribution::Normal(0.0, 1.0),
                _ => return None,
            };
            shaken += 1;
            Some(parameter.value().random_like(distribution))
        });
        // Stem and its unit, five stages of two units, three laterals, three shared units; four arrays each.
        assert_eq!(shaken, (2 + 10 + 3 + 3) * 4);
        let input = Tensor::random([2, 3, 64, 96], Distribution::Uniform(0.0, 255.0), &device);
        let unfolded: Vec<f32> = net.forward(input.clone()).into_data().try_to_vec().unwrap();
        let (state, pixels) = (StateDict::of(&net), input.to_data().try_to_vec::<f32>().unwrap());
        let tensors = Tensors::new(&device);
        let by_tensors = Box::new(YuNet::on(&state, &tensors).unwrap());
        for net in [Placed::<YuNet>::Tensors(tensors, by_tensors), Placed::<YuNet>::new(&state, &device).unwrap()] {
            let levels = pollster::block_on(net.forward(&pixels, input.dims())).unwrap();
            assert_same(&answers(&levels, 2), &unfolded);
        }
    }

    fn assert_same(folded: &[f32], unfolded: &[f32]) {
        assert_eq!(folded.len(), unfolded.len());
        // Output by output, so that a quiet one is not drowned by a loud one.
        for output in 0..OUTPUTS {
            let own = || unfolded.iter().zip(folded).skip(output).step_by(OUTPUTS);
            let largest = own().map(|(a, _)| a.abs()).fold(0.0, f32::max);
            let off = own().map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(largest > 1e-3 && off <= 1e-4 * largest, "output {output}: off by {off} of {largest}");
        }
    }
}
