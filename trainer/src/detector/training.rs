//! The detector's training loop.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;

use anyhow::{Result, ensure};
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use glae_face::detector::decode::{Face, priors};
use glae_face::detector::network::YuNet;
use glae_face::detector::{planes, second};
use glae_model::StateDict;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::loss::DetectorLoss;
use super::scene::{Stock, WhichLook};
use crate::adamw::AdamW;
use crate::checkpoint::{Checkpoint, Progress};
use crate::device::{awaited, seeded};
use crate::layers::Quick;
use crate::schedule::one_cycle;

/// Longest gradient; the first steps of box regression are steep.
const CLIP: f64 = 10.0;

/// How to train.
#[derive(Clone, Copy, Debug, PartialEq, clap::Args)]
pub struct Plan {
    /// Scenes in all.
    #[arg(long, default_value_t = 48_000)]
    pub scenes: usize,
    /// Scenes per step.
    #[arg(long, default_value_t = 16)]
    pub batch: usize,
    /// Which look learns: each face at its second look is cut out upright in 128 x 128 pixels.
    #[arg(long, value_enum, default_value_t)]
    pub look: WhichLook,
    /// Side of a scene in pixels, a multiple of 32; a second look's are always 128.
    #[arg(long, default_value_t = 256)]
    pub side: u32,
    /// Highest learning rate of OneCycle.
    #[arg(long, default_value_t = 0.004)]
    pub learning_rate: f64,
    /// Weight decay of AdamW.
    #[arg(long, default_value_t = 0.01)]
    pub weight_decay: f64,
    /// Weight of the points' loss beside the others. CHOICE: the publication's 0.1 leaves points coarse when training is
    /// short.
    #[arg(long, default_value_t = 1.0)]
    pub point_weight: f64,
    /// Seeds initialisation and scenes.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Scenes of one step, ready for the device.
struct SceneBatch {
    planes: Vec<f32>,
    faces: Vec<Vec<Face>>,
}

impl Plan {
    /// Steps in all.
    pub fn steps(&self) -> usize {
        self.scenes / self.batch
    }

    /// Trains from the start, from the weights of another run (a new cycle), or from a checkpoint; leaves one in `folder`
    /// every 100 steps and at the end. Returns `None` if `stop` was set first.
    ///
    /// # Errors
    /// The loss is no longer finite, or the folder cannot be written; the last checkpoint stays.
    pub fn train(
        &self,
        stock: &Stock,
        folder: &Path,
        from: Option<&StateDict>,
        resumed: Option<Checkpoint>,
        device: &Device,
        stop: &AtomicBool,
    ) -> Result<Option<StateDict>> {
        ensure!(self.side.is_multiple_of(32) && self.side > 0, "--side must be a multiple of 32");
        ensure!(self.batch > 1 && self.steps() > 0, "--batch must be at least 2, and --scenes at least --batch");
        let training = device.clone().autodiff();
        let mut net = seeded(device, self.seed, || YuNet::new(&training));
        if let Some(weights) = from {
            net = weights.load_into(net)?;
        }
        let (mut optimizer, mut first) = (AdamW::default(), 0);
        if let Some(checkpoint) = resumed {
            net = checkpoint.network.load_into(net)?;
            optimizer = AdamW::restore(&checkpoint.optimizer, device);
            first = checkpoint.progress.step;
        }
        let side = self.side() as usize;
        let priors = priors(side, side);
        let save = |net: &YuNet, optimizer: &AdamW, step| -> Result<StateDict> {
            let network = StateDict::of(&net.clone().valid());
            let progress = Progress { step, ..Progress::default() };
            let own = Checkpoint { network: network.clone(), optimizer: optimizer.state(), ..Checkpoint::default() };
            Checkpoint { progress, ..own }.write(folder)?;
            Ok(network)
        };
        std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel(2);
            scope.spawn(move || {
                // Ends with the steps, or when nobody listens any more.
                (first..self.steps()).all(|step| sender.send(self.batch(stock, step)).is_ok())
            });
            let (mut sum, mut since) = ([0f64; 4], std::time::Instant::now());
            for step in first..self.steps() {
                let batch: SceneBatch = awaited(&receiver)?;
                let input = TensorData::new(batch.planes, [self.batch, 3, side, side]);
                let answers = net.forward_with(Tensor::from_data(input, &training), &Quick);
                let loss = DetectorLoss::new(answers, &priors, &batch.faces, self.point_weight, &training);
                let parts = [&loss.class, &loss.objectness, &loss.boxes, &loss.points]
                    .map(|part| f64::from(part.clone().into_scalar::<f32>()));
                ensure!(
                    parts.iter().all(|part| part.is_finite()),
                    "the loss became {parts:?} at step {step}: lower --learning-rate; the last checkpoint in {} is good",
                    folder.display()
                );
                let gradients = loss.total().backward();
                let rates = one_cycle(step, self.steps(), self.learning_rate, 0.15);
                net = optimizer.step(net, gradients, rates, self.weight_decay, CLIP);
                sum.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
                let done = step + 1;
                if done.is_multiple_of(100) {
                    let [class, objectness, boxes, points] = sum.map(|sum| sum / 100.0);
                    let rate = (100 * self.batch) as f64 / since.elapsed().as_secs_f64();
                    eprintln!(
                        "step {done}/{}: class {class:.3}, objectness {objectness:.3}, boxes {boxes:.3}, points {points:.3}; {rate:.1} scenes/s",
                        self.steps()
                    );
                    (sum, since) = ([0.0; 4], std::time::Instant::now());
                    save(&net, &optimizer, done)?;
                }
                if stop.load(Ordering::Relaxed) {
                    save(&net, &optimizer, done)?;
                    return Ok(None);
                }
            }
            save(&net, &optimizer, self.steps()).map(Some)
        })
    }

    fn side(&self) -> u32 {
        if self.look == WhichLook::Second { second::SIDE as u32 } else { self.side }
    }

    fn batch(&self, stock: &Stock, step: usize) -> SceneBatch {
        let scenes: Vec<_> = (0..self.batch)
            .into_par_iter()
            .map(|index| {
                let mut random = ChaCha8Rng::seed_from_u64(self.seed);
                random.set_stream((step * self.batch + index) as u64);
                let scene = stock.scene(self.look, self.side(), &mut random);
                (planes(&scene.image).0, scene.faces)
            })
            .collect();
        let (planes, faces): (Vec<_>, Vec<_>) = scenes.into_iter().unzip();
        SceneBatch { planes: planes.concat(), faces }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::labels::LabelledPhoto;
    use glae_face::RgbImage;

    #[test]
    fn a_broken_run_ends_as_an_unbroken_one() {
        let face = Face {
            x: 20.0,
            y: 16.0,
            width: 40.0,
            height: 48.0,
            points: [[30.0, 34.0], [50.0, 34.0], [40.0, 44.0], [32.0, 54.0], [48.0, 54.0]],
            score: 1.0,
        };
        let mut photo = RgbImage::from_pixel(80, 80, image::Rgb([60, 90, 60]));
        for (x, y) in (20..60).flat_map(|x| (16..64).map(move |y| (x, y))) {
            photo.put_pixel(x, y, image::Rgb([220, 180, 160]));
        }
        let photos = vec![LabelledPhoto { file: "a".into(), photo, faces: vec![face] }];
        let stock = Stock { photos, backgrounds: Vec::new(), chips: Vec::new(), decoys: Vec::new() };
        let device = crate::device::cpu();
        let plan = Plan {
            scenes: 12,
            batch: 2,
            look: WhichLook::First,
            side: 64,
            learning_rate: 0.01,
            weight_decay: 5e-4,
            point_weight: 1.0,
            seed: 1,
        };
        let (whole, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let go = AtomicBool::new(false);
        let unbroken = plan.train(&stock, whole.path(), None, None, &device, &go).unwrap().unwrap();
        // Stopped after its first step, then resumed.
        let stopped = plan.train(&stock, broken.path(), None, None, &device, &AtomicBool::new(true)).unwrap();
        assert!(stopped.is_none());
        let checkpoint = Checkpoint::read(broken.path()).unwrap();
        assert_eq!(checkpoint.progress.step, 1);
        let resumed = plan.train(&stock, broken.path(), None, Some(checkpoint), &device, &go).unwrap().unwrap();
        assert_eq!(resumed, unbroken);
    }
}
