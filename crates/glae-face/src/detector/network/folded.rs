//! YuNet_n for inference: BatchNorm folded into the convolutions before it, the four heads of a level run as one.

use burn::nn::BatchNorm;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
#[cfg(any(feature = "cpu", feature = "gpu"))]
use burn::tensor::TensorData;
use burn::tensor::activation::relu;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;

use super::{HALF, Heads, Stage, Unit, YuNet, doubled};

/// The network with as few operations as it needs; outside of training it answers as [`YuNet::forward`] does.
#[derive(Clone, Debug)]
pub(in crate::detector) struct Folded {
    pub(super) stem: (Conv, FoldedUnit),
    pub(super) stages: [[FoldedUnit; 2]; 5],
    /// Level by level, as all that follows.
    pub(super) laterals: Vec<FoldedUnit>,
    pub(super) shared: Vec<Vec<FoldedUnit>>,
    /// Class, box, objectness and points side by side.
    pub(super) heads: Vec<FoldedUnit>,
}

impl Folded {
    /// Folds on the device the network lies on; nothing is read back.
    pub(in crate::detector) fn new(net: &YuNet) -> Self {
        let YuNet { backbone, neck, bbox_head } = net;
        let stem = &backbone.model0;
        let stages = [&backbone.model1, &backbone.model2, &backbone.model3, &backbone.model4, &backbone.model5];
        let fold_all = |units: &Vec<Unit>| units.iter().map(FoldedUnit::new).collect::<Vec<_>>();
        Self {
            stem: (Conv::new(&stem.conv1).normalised(&stem.bn1), FoldedUnit::new(&stem.conv2)),
            stages: stages.map(|Stage { conv1, conv2 }| [conv1, conv2].map(FoldedUnit::new)),
            laterals: fold_all(&neck.lateral_convs),
            shared: bbox_head.multi_level_share_convs.iter().map(fold_all).collect(),
            heads: (0..neck.lateral_convs.len()).map(|level| FoldedUnit::side_by_side(bbox_head, level)).collect(),
        }
    }

    /// See [`YuNet::forward`]: the same shapes.
    pub(in crate::detector) fn forward(&self, input: Tensor<4>) -> Tensor<3> {
        let all = |units: &[FoldedUnit], x| units.iter().fold(x, |x, unit| unit.forward(x));
        let stage = |index: usize, x| all(&self.stages[index], x);
        let halve = |x| HALF.forward(x);
        let (stem, unit) = &self.stem;
        let x = stage(0, halve(unit.forward(relu(stem.forward(input)))));
        let fine = stage(2, halve(stage(1, x)));
        let middle = stage(3, halve(fine.clone()));
        let coarse = stage(4, halve(middle.clone()));

        let coarse = self.laterals[2].forward(coarse);
        let middle = self.laterals[1].forward(middle + doubled(coarse.clone()));
        let fine = self.laterals[0].forward(fine + doubled(middle.clone()));

        let levels = [fine, middle, coarse].into_iter().enumerate();
        let answers =
            levels.map(|(level, x)| self.heads[level].forward(all(&self.shared[level], x)).flatten::<3>(2, 3));
        Tensor::cat(answers.collect(), 2).swap_dims(1, 2)
    }
}

/// A [`Unit`], its BatchNorm inside the depthwise convolution.
#[derive(Clone, Debug)]
pub(super) struct FoldedUnit {
    pub(super) point: Conv,
    pub(super) depth: Conv,
    /// BatchNorm and ReLU come together. A head has neither: its answers may be negative.
    pub(super) activated: bool,
}

impl FoldedUnit {
    fn new(unit: &Unit) -> Self {
        let (point, depth) = (Conv::new(&unit.conv1), Conv::new(&unit.conv2));
        match &unit.bn {
            Some(bn) => Self { point, depth: depth.normalised(bn), activated: true },
            None => Self { point, depth, activated: false },
        }
    }

    /// The heads of one level as a single one. All read the same features, so their 1x1 convolutions stack; the depthwise
    /// ones keep channels apart anyway.
    fn side_by_side(heads: &Heads, level: usize) -> Self {
        let Heads { multi_level_cls, multi_level_bbox, multi_level_obj, multi_level_kps, .. } = heads;
        let own = [multi_level_cls, multi_level_bbox, multi_level_obj, multi_level_kps].map(|head| &head[level]);
        debug_assert!(own.iter().all(|head| head.bn.is_none()), "a head has neither BatchNorm nor ReLU");
        let point = Conv::stack(own.map(|head| Conv::new(&head.conv1)));
        let mut depth = Conv::stack(own.map(|head| Conv::new(&head.conv2)));
        depth.options.groups = depth.channels();
        Self { point, depth, activated: false }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.depth.forward(self.point.forward(x));
        if self.activated { relu(x) } else { x }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Conv {
    pub(super) weight: Tensor<4>,
    bias: Tensor<1>,
    pub(super) options: ConvOptions<2>,
}

impl Conv {
    fn new(conv: &Conv2d) -> Self {
        let weight = conv.weight.val();
        let [channels, ..] = weight.dims();
        let bias = conv.bias.as_ref().map_or_else(|| Tensor::zeros([channels], &weight.device()), |bias| bias.val());
        // Every convolution of this network pads so that only its stride changes the size.
        let padding = conv.kernel_size.map(|side| side / 2);
        Self { weight, bias, options: ConvOptions::new(conv.stride, padding, conv.dilation, conv.groups) }
    }

    fn channels(&self) -> usize {
        self.weight.dims()[0]
    }

    /// With BatchNorm behind it: w' = w g / sqrt(v + eps), b' = (b - m) g / sqrt(v + eps) + beta, per output channel.
    fn normalised(self, norm: &BatchNorm) -> Self {
        let scale = norm.gamma.val() / (norm.running_var.value() + norm.epsilon).sqrt();
        let bias = (self.bias.clone() - norm.running_mean.value()) * scale.clone() + norm.beta.val();
        let scale = scale.reshape([self.channels(), 1, 1, 1]);
        Self { weight: self.weight * scale, bias, options: self.options }
    }

    /// The output channels of all, in their order. They differ in nothing else.
    fn stack(convs: [Self; 4]) -> Self {
        let weight = Tensor::cat(convs.iter().map(|conv| conv.weight.clone()).collect(), 0);
        let bias = Tensor::cat(convs.iter().map(|conv| conv.bias.clone()).collect(), 0);
        let [first, ..] = convs;
        Self { weight, bias, options: first.options }
    }

    /// Weights, bias and shape, from a device that need not be waited for.
    #[cfg(any(feature = "cpu", feature = "gpu"))]
    pub(super) fn read(&self) -> (Vec<f32>, Vec<f32>, [usize; 4]) {
        let numbers = |data: TensorData| data.try_into_vec().expect("weights are f32");
        (numbers(self.weight.clone().into_data()), numbers(self.bias.clone().into_data()), self.weight.dims())
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        conv2d(x, self.weight.clone(), Some(self.bias.clone()), self.options.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::network::OUTPUTS;
    use burn::module::{Module, ModuleMapper, Param};
    use burn::tensor::{Device, Distribution};

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
        device.seed(11);
        let mut shake = Shake::default();
        let net = YuNet::new(&device).map(&mut shake);
        // Stem and its unit, five stages of two units, three laterals, three shared units; four arrays each.
        assert_eq!(shake.shaken, (2 + 10 + 3 + 3) * 4);
        let input = Tensor::random([2, 3, 64, 96], Distribution::Uniform(0.0, 255.0), &device);
        let unfolded = net.forward(input.clone());
        let folded = Folded::new(&net);
        let read = |answers: Tensor<3>| answers.into_data().try_to_vec::<f32>().unwrap();
        let unfolded = read(unfolded);
        assert_same(&read(folded.forward(input.clone())), &unfolded);
        #[cfg(feature = "cpu")]
        {
            let pixels = input.clone().into_data().try_to_vec::<f32>().unwrap();
            let quick = super::super::Quick::new(&folded, glae_model::cpu::Processor::new(&device));
            let levels = quick.forward(&pixels, input.dims());
            let answers: Vec<f32> =
                (0..2).flat_map(|image| levels.iter().flat_map(move |map| map.image(image))).copied().collect();
            assert_same(&answers, &unfolded);
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
