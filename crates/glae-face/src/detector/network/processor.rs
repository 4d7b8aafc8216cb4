//! YuNet_n on the processor, by the layers of [`glae_model::cpu`].

use glae_model::cpu::{self, Depthwise, Finish, Map};

use super::folded::{Conv, Folded, FoldedUnit};

/// The folded network, in memory.
#[derive(Clone, Debug)]
pub(in crate::detector) struct Processor {
    stem: (cpu::Conv, Unit),
    stages: [[Unit; 2]; 5],
    laterals: Vec<Unit>,
    shared: Vec<Vec<Unit>>,
    heads: Vec<Unit>,
}

#[derive(Clone, Debug)]
struct Unit {
    point: cpu::Conv,
    depth: Depthwise,
    activated: bool,
}

impl Processor {
    /// Reads the weights back: for devices whose memory is the processor's.
    pub(in crate::detector) fn new(net: &Folded) -> Self {
        let all = |units: &Vec<FoldedUnit>| units.iter().map(Unit::new).collect::<Vec<_>>();
        Self {
            stem: (dense(&net.stem.0), Unit::new(&net.stem.1)),
            stages: net.stages.each_ref().map(|stage| stage.each_ref().map(Unit::new)),
            laterals: all(&net.laterals),
            shared: net.shared.iter().map(all).collect(),
            heads: all(&net.heads),
        }
    }

    /// Answers, `[batch, priors, 16]` row by row as [`super::YuNet::forward`] gives them, to pixels as blue, green and red,
    /// 0 to 255; sides are multiples of 32.
    pub(in crate::detector) fn forward(&self, input: &Map) -> Vec<f32> {
        let all = |units: &[Unit], x: Map| units.iter().fold(x, |x, unit| unit.forward(&x));
        let halve = |x: &Map| x.max_pool(2, 2, 0);
        let (stem, unit) = &self.stem;
        let x = unit.forward(&stem.forward(input, Finish { shortcut: None, activated: true }));
        let x = all(&self.stages[0], halve(&x));
        let x = all(&self.stages[1], x);
        let mut fine = all(&self.stages[2], halve(&x));
        let mut middle = all(&self.stages[3], halve(&fine));
        let coarse = all(&self.stages[4], halve(&middle));

        let coarse = self.laterals[2].forward(&coarse);
        middle.add_doubled(&coarse);
        let middle = self.laterals[1].forward(&middle);
        fine.add_doubled(&middle);
        let fine = self.laterals[0].forward(&fine);

        let levels = [fine, middle, coarse].into_iter().enumerate();
        let levels: Vec<Map> =
            levels.map(|(level, x)| self.heads[level].forward(&all(&self.shared[level], x))).collect();
        (0..input.batch).flat_map(|image| levels.iter().flat_map(move |map| image_of(map, image))).copied().collect()
    }
}

/// One image's numbers.
fn image_of(map: &Map, image: usize) -> &[f32] {
    let size = map.height * map.width * map.channels;
    &map.values[image * size..][..size]
}

impl Unit {
    fn new(unit: &FoldedUnit) -> Self {
        let (weight, bias, _) = unit.depth.read();
        Self { point: dense(&unit.point), depth: Depthwise::new(&weight, bias), activated: unit.activated }
    }

    fn forward(&self, x: &Map) -> Map {
        self.depth.forward(&self.point.forward(x, Finish::default()), self.activated)
    }
}

fn dense(conv: &Conv) -> cpu::Conv {
    let (weight, bias, shape) = conv.read();
    // Its only 3x3 convolution halves the map.
    cpu::Conv::new(&weight, bias, shape, conv.options.stride[0], 0, &conv.weight.device())
}
