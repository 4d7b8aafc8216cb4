//! YuNet_n by layers of [`glae_model`]'s own.

use glae_model::layers::Kit;

use super::HALF;
use super::folded::{Conv, Folded, FoldedUnit};

/// The folded network.
#[derive(Clone, Debug)]
pub(in crate::detector) struct Quick<K: Kit> {
    pub(in crate::detector) kit: K,
    stem: (K::Conv, Unit<K>),
    stages: [[Unit<K>; 2]; 5],
    laterals: Vec<Unit<K>>,
    shared: Vec<Vec<Unit<K>>>,
    heads: Vec<Unit<K>>,
}

#[derive(Clone, Debug)]
struct Unit<K: Kit> {
    point: K::Conv,
    depth: K::Depthwise,
    activated: bool,
}

impl<K: Kit> Quick<K> {
    /// Reads the weights back: for networks that lie in the processor's memory.
    pub(in crate::detector) fn new(net: &Folded, kit: K) -> Self {
        let unit = |unit: &FoldedUnit| {
            let (weight, bias, _) = unit.depth.read();
            Unit { point: dense(&unit.point, &kit), depth: kit.depthwise(&weight, bias), activated: unit.activated }
        };
        let all = |units: &Vec<FoldedUnit>| units.iter().map(unit).collect::<Vec<_>>();
        Self {
            stem: (dense(&net.stem.0, &kit), unit(&net.stem.1)),
            stages: net.stages.each_ref().map(|stage| stage.each_ref().map(unit)),
            laterals: all(&net.laterals),
            shared: net.shared.iter().map(all).collect(),
            heads: all(&net.heads),
            kit,
        }
    }

    /// Answers to pixels as blue, green and red, 0 to 255, in planes whose sides are multiples of 32: a map with 16 channels
    /// for each level, whose pixels are the level's priors.
    pub(in crate::detector) fn forward(&self, planes: &[f32], shape: [usize; 4]) -> [K::Map; 3] {
        let kit = &self.kit;
        let run = |unit: &Unit<K>, x: &K::Map| {
            kit.convolve_depthwise(&unit.depth, &kit.convolve(&unit.point, x, None, false), unit.activated)
        };
        let all = |units: &[Unit<K>], x: K::Map| units.iter().fold(x, |x, unit| run(unit, &x));
        let halve = |x: &K::Map| kit.max_pool(x, HALF);
        let (stem, unit) = &self.stem;
        let x = run(unit, &kit.convolve(stem, &kit.map(planes, shape), None, true));
        let x = all(&self.stages[0], halve(&x));
        let x = all(&self.stages[1], x);
        let fine = all(&self.stages[2], halve(&x));
        let middle = all(&self.stages[3], halve(&fine));
        let coarse = all(&self.stages[4], halve(&middle));

        let coarse = run(&self.laterals[2], &coarse);
        let middle = run(&self.laterals[1], &kit.add_doubled(middle, &coarse));
        let fine = run(&self.laterals[0], &kit.add_doubled(fine, &middle));

        let level = |level: usize, x: K::Map| run(&self.heads[level], &all(&self.shared[level], x));
        [level(0, fine), level(1, middle), level(2, coarse)]
    }
}

fn dense<K: Kit>(conv: &Conv, kit: &K) -> K::Conv {
    let (weight, bias, shape) = conv.read();
    // Its only 3x3 convolution halves the map.
    kit.conv(&weight, bias, shape, conv.options.stride[0], 0)
}
