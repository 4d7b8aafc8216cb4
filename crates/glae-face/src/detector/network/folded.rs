//! YuNet_n for inference: BatchNorm folded into the convolutions before it, the four heads of a level run as one.

use glae_model::layers::{Activation, DeviceError, Kit, Step};
use glae_model::{StateDict, WeightsError};

use super::{HALF, OUTPUTS, STEM, WIDTH};

/// The network with as few operations as it needs; it answers as [`super::YuNet::forward`] does outside of training.
#[derive(Clone, Debug)]
pub(in crate::detector) struct Folded<K: Kit> {
    kit: K,
    stem: (K::Conv, Unit<K>),
    stages: [[Unit<K>; 2]; 5],
    /// Level by level, as all that follows.
    laterals: [Unit<K>; 3],
    shared: [Unit<K>; 3],
    /// Class, box, objectness and points side by side.
    heads: [Unit<K>; 3],
}

/// A [`super::Unit`], its BatchNorm inside the depthwise convolution.
#[derive(Clone, Debug)]
struct Unit<K: Kit> {
    point: K::Conv,
    depth: K::Depthwise,
    /// BatchNorm and ReLU come together. A head has neither: its answers may be negative.
    then: Activation,
}

impl<K: Kit> Folded<K> {
    /// # Errors
    /// An array of the network is missing or has another shape.
    pub(in crate::detector) fn new(state: &StateDict, kit: K) -> Result<Self, WeightsError> {
        let unit = |name: &str, from: usize, to: usize| {
            let (point, bias) = state.folded(&format!("{name}.conv1"), None, [to, from, 1, 1])?;
            let point = kit.conv(&point, bias, [to, from, 1, 1], Step::half(1), 0);
            let (depth, bias) = state.folded(&format!("{name}.conv2"), Some(&format!("{name}.bn")), [to, 1, 3, 3])?;
            Ok::<_, WeightsError>(Unit { point, depth: kit.depthwise(&depth, bias, 1), then: Activation::Relu })
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
            let point = kit.conv(&points.0, points.1, [OUTPUTS, WIDTH, 1, 1], Step::half(1), 0);
            Ok::<_, WeightsError>(Unit {
                point,
                depth: kit.depthwise(&depths.0, depths.1, 1),
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
        Ok(Self {
            // The only 3x3 convolution of all channels halves the map.
            stem: (kit.conv(&stem, bias, shape, Step::half(2), 0), unit("backbone.model0.conv2", STEM, STEM)?),
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
            kit,
        })
    }

    /// Answers, `[batch, priors, 16]` in the order of [`crate::detector::decode::priors`], to pixels as blue, green and red, 0
    /// to 255, in planes whose sides are multiples of 32, `[batch, 3, height, width]`.
    ///
    /// # Errors
    /// A device that fails.
    pub(in crate::detector) async fn forward(
        &self,
        planes: &[f32],
        shape: [usize; 4],
    ) -> Result<Vec<f32>, DeviceError> {
        let levels = self.kit.read(self.levels(planes, shape)).await?;
        let batch = shape[0];
        let image = |image: usize| {
            levels.iter().flat_map(move |level| &level[image * level.len() / batch..][..level.len() / batch])
        };
        Ok((0..batch).flat_map(image).copied().collect())
    }

    /// A map with 16 channels for each level, whose pixels are the level's priors.
    fn levels(&self, planes: &[f32], shape: [usize; 4]) -> Vec<K::Map> {
        let kit = &self.kit;
        let run = |unit: &Unit<K>, x: &K::Map| {
            kit.convolve_depthwise(&unit.depth, &kit.convolve(&unit.point, x, None, Activation::Linear), unit.then)
        };
        let stage = |index: usize, x: &K::Map| {
            let [first, second] = &self.stages[index];
            run(second, &run(first, x))
        };
        let halve = |x: &K::Map| kit.max_pool(x, HALF);
        let (stem, unit) = &self.stem;
        let x = run(unit, &kit.convolve(stem, &kit.map(planes, shape), None, Activation::Relu));
        let x = stage(1, &stage(0, &halve(&x)));
        let fine = stage(2, &halve(&x));
        let middle = stage(3, &halve(&fine));
        let coarse = stage(4, &halve(&middle));

        let coarse = run(&self.laterals[2], &coarse);
        let middle = run(&self.laterals[1], &kit.add_doubled(middle, &coarse));
        let fine = run(&self.laterals[0], &kit.add_doubled(fine, &middle));

        let level = |level: usize, x: K::Map| run(&self.heads[level], &run(&self.shared[level], &x));
        vec![level(0, fine), level(1, middle), level(2, coarse)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::network::YuNet;
    use burn::module::{Module, ModuleMapper, Param};
    use burn::tensor::{Device, Distribution, Tensor};
    use glae_model::tensors::Tensors;

    /// Gives BatchNorm other numbers than its first ones, which would leave nothing to fold.
    #[derive(Default)]
    struct Shake {
        path: Vec<String>,
        shaken: usize,
    }

    impl ModuleMapper for Shake {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.push(name.to_owned());
        }

        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.pop();
        }

        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let distribution = match self.path.last().map(String::as_str) {
                Some("gamma" | "running_var") => Distribution::Uniform(0.4, 2.0),
                Some("beta" | "running_mean") => Distribution::Normal(0.0, 1.0),
                _ => return param,
            };
            self.shaken += 1;
            let value = param.val().random_like(distribution);
            Param::initialized(param.id, value)
        }
    }

    #[test]
    fn folded_equals_unfolded() {
        let device = Device::flex();
        let _turn = crate::seeded(&device, 11);
        let mut shake = Shake::default();
        let net = YuNet::new(&device).map(&mut shake);
        // Stem and its unit, five stages of two units, three laterals, three shared units; four arrays each.
        assert_eq!(shake.shaken, (2 + 10 + 3 + 3) * 4);
        let input = Tensor::random([2, 3, 64, 96], Distribution::Uniform(0.0, 255.0), &device);
        let unfolded: Vec<f32> = net.forward(input.clone()).into_data().try_to_vec().unwrap();
        let (state, pixels) = (StateDict::of(&net), input.to_data().try_to_vec::<f32>().unwrap());
        let by_tensors = Folded::new(&state, Tensors::new(&device)).unwrap();
        assert_same(&pollster::block_on(by_tensors.forward(&pixels, input.dims())).unwrap(), &unfolded);
        #[cfg(feature = "cpu")]
        {
            let quick = Folded::new(&state, glae_model::cpu::Processor::new(&device)).unwrap();
            assert_same(&pollster::block_on(quick.forward(&pixels, input.dims())).unwrap(), &unfolded);
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
