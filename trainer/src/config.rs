//! One TOML file is one run. Unknown keys are refused.

pub mod facts;
mod settings;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use glae_data::Soft;
use glae_model::NetworkConfig;
use glae_model::loss::Objective;
use glae_model::manifest::{Crop, Input};
use serde::{Deserialize, Serialize};

use crate::augment::rand_augment::LARGEST;

/// Everything a run depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// Name of the run; part of its folder's name.
    pub name: String,
    /// Seeds initialisation, order and augmentation.
    pub seed: u64,
    /// Architecture.
    pub network: NetworkConfig,
    /// Subtracted from red, green and blue (0..=255) before they are divided by 128; by default the paper's 127.5.
    #[serde(default = "paper_mean")]
    pub mean: [f32; 3],
    /// Part of the photograph that is looked at.
    #[serde(default = "whole_square")]
    pub crop: Crop,
    /// Where images and truth are.
    pub data: Data,
    /// Standard deviation of the label distribution in years, `[GLAE] eq. (1)`.
    #[serde(default = "one")]
    pub sigma: f64,
    /// What is minimised, in both stages. Table II's ladder is `kl` and `base` on a network without rearrangement and with
    /// `projection = { kind = "average" }`, `base` on one with it, and `glae`: see `trainer table 2`.
    #[serde(default)]
    pub loss: Objective,
    /// Weight of the L1 term of `loss = "glae"` and `"base"`; the paper's is 1.
    #[serde(default = "one")]
    pub l1_weight: f64,
    /// Weight of the local branch of `loss = "glae"`, `[GLAE] eq. (10)`; the paper's is 1.
    #[serde(default = "one")]
    pub local_weight: f64,
    /// Standard deviation of the prediction's noise in years, for `loss = "balanced-mse"`.
    #[serde(default = "noise")]
    pub balanced_mse_noise: f64,
    /// Weigh images by the smoothed rarity of their age in stage 1, see [`crate::smoothing`]. Stage 2 draws all ages
    /// equally often: there is nothing left to weigh.
    #[serde(default)]
    pub label_distribution_smoothing: bool,
    /// Decay per step of the moving average of the weights, e.g. 0.999: what is evaluated and exported are then the averaged
    /// weights, and stage 2 builds on them.
    pub ema: Option<f64>,
    /// Weights to begin with in place of random ones: a file as `trainer import` writes it, with an array for each of the
    /// network's.
    pub start: Option<PathBuf>,
    /// What makes a step of a gradient.
    #[serde(default)]
    pub optimizer: OptimizerKind,
    /// Random changes to training images.
    #[serde(default)]
    pub augment: Augment,
    /// Backbone and vanilla classifier, images as they come.
    pub stage1: Stage,
    /// Balanced classifier on the frozen backbone, ages equally often.
    pub stage2: Stage,
}

/// What makes a step of a gradient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// SGD with Nesterov momentum, as in the paper.
    #[default]
    Sgd,
    /// AdamW: for networks that begin with published weights.
    AdamW,
}

/// Where images and truth are. Relative paths are relative to the working directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Folder of the images.
    pub images: PathBuf,
    /// Training truth: CSV with `file,age` (or `id,age`).
    pub train: PathBuf,
    /// Truth on which choices are made.
    pub val: PathBuf,
    /// Truth that is only touched for reported numbers.
    pub test: Option<PathBuf>,
    /// Landmarks of all images, for `crop = { landmarks = ... }`.
    pub landmarks: Option<PathBuf>,
    /// Added to both coordinates of every landmark, in pixels: 0.5 for files that count from the middle of the first pixel, 0
    /// for files that count from its corner, as `trainer prepare` does.
    #[serde(default)]
    pub landmarks_offset: f32,
    /// Age distributions beside the ages, and faces that have no age.
    pub soft: Option<Soft>,
    /// File of all crops, which `trainer prepare --run` writes: training reads it in place of the images.
    pub cache: Option<PathBuf>,
    /// What the data is, for the manifest.
    pub description: String,
    /// Terms under which weights trained on it may be used, for the manifest.
    pub licence: String,
    /// Largest share of unusable training images that is tolerated.
    #[serde(default = "one_percent")]
    pub max_bad_share: f64,
}

/// Which images a stage draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sampling {
    /// Each image once an epoch: the paper's stage 1.
    Instance,
    /// Half of the draws as likely for each image, half by the inverse root of the number of images of its age.
    Root,
    /// Each age as often: the paper's stage 2.
    Class,
}

/// Random changes to training images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augment {
    /// Mirror every other image. CHOICE: the paper does not name it, and routing's signal depends on it.
    pub flip: bool,
    /// Brightness, contrast and saturation change by up to this share.
    pub colour: f32,
    /// Hues turn by up to this share of the colour circle, at most 0.5; brightness, contrast, saturation and hue then come
    /// in random order. CHOICE: the paper names colour jitter with hue and no strength; off unless asked for.
    pub hue: f32,
    /// The crop moves by up to this share of its side.
    pub shift: f32,
    /// The crop's side changes by up to this share.
    pub scale: f32,
    /// What moves in with shift and scale is what the photograph shows around the crop; without, the crop's border repeats.
    /// Off unless asked for.
    pub surroundings: bool,
    /// RandAugment, off unless asked for; `rand_augment = {}` is the paper's.
    pub rand_augment: Option<RandAugment>,
    /// What cameras and files do to a face. Off unless asked for.
    pub world: World,
}

impl Default for Augment {
    fn default() -> Self {
        Self { flip: true, colour: 0.2, shift: 0.06, scale: 0.1, ..Self::none() }
    }
}

impl Augment {
    /// Images as they are.
    pub fn none() -> Self {
        Self {
            flip: false,
            colour: 0.0,
            hue: 0.0,
            shift: 0.0,
            scale: 0.0,
            surroundings: false,
            rand_augment: None,
            world: World::default(),
        }
    }

    /// Pixels that are needed on each side of a crop of `size` pixels: as far as shift, scale and turn reach together, and one
    /// for the filter.
    pub fn margin(&self, size: usize) -> u32 {
        let (sine, cosine) = self.world.turn.to_radians().sin_cos();
        // From the middle to the corner of a larger, turned square.
        let half = 0.5 * (1.0 + self.scale) * (sine + cosine);
        let reach = size as f32 * (self.shift + half - 0.5);
        if self.surroundings && reach > 0.0 { reach.ceil() as u32 + 1 } else { 0 }
    }
}

/// What cameras and files do to a face, see [`crate::augment::world`]: each a probability per image unless it names a unit; 0
/// leaves it out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct World {
    /// Turned by up to this many degrees; smaller turns are likelier.
    pub turn: f32,
    /// Shrunk to 0.2 to 0.9 of its size and enlarged again.
    pub shrink: f32,
    /// Out of focus, or moved while the shutter was open.
    pub blur: f32,
    /// Saved as JPEG of quality 10 to 95.
    pub jpeg: f32,
    /// Sensor noise with a standard deviation of up to 10 of 255.
    pub noise: f32,
    /// Bled towards grey by half to all.
    pub grey: f32,
    /// Exposed otherwise: gamma 0.6 to 1.6, gain 0.7 to 1.3, offset up to a tenth of the range.
    pub exposure: f32,
    /// Lit in another colour: each channel by 0.88 to 1.12.
    pub cast: f32,
    /// A square of 0.15 to 0.4 of the side in one colour lies on it.
    pub occlude: f32,
}

/// Strength of [`crate::augment::rand_augment`]; by default the paper's N = 2 and M = 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RandAugment {
    /// N: operations per image.
    pub operations: usize,
    /// M: magnitude of each, 0 to 30.
    pub magnitude: u32,
}

impl Default for RandAugment {
    fn default() -> Self {
        Self { operations: 2, magnitude: 9 }
    }
}

/// One stage of training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Passes over as many images as the training set has.
    pub epochs: usize,
    /// Images that go through the network at once.
    pub batch: usize,
    /// Batches per step: its gradient is their mean. BatchNorm sees each batch by itself, so that 2 batches of 16 are close to
    /// one of 32 and not the same.
    #[serde(default = "once")]
    pub accumulate: usize,
    /// Highest learning rate of OneCycle.
    pub learning_rate: f64,
    /// Which images are drawn; by default the paper's for the stage.
    pub sampling: Option<Sampling>,
    /// Whether the backbone stays as it is: stage 1 then trains the vanilla classifier alone, from a `start` that has learnt.
    /// Stage 2 always does so.
    #[serde(default)]
    pub frozen: bool,
    /// Share of the steps in which the rate rises.
    #[serde(default = "rising")]
    pub warmup: f64,
    /// Weight decay, added to the gradient.
    #[serde(default = "weight_decay")]
    pub weight_decay: f64,
    /// Largest norm of the gradient of all parameters together.
    #[serde(default = "clip")]
    pub clip: f64,
}

impl Stage {
    /// Images per step, whole batches all of them, for a training set of `images`.
    pub fn images_per_step(&self, images: usize) -> usize {
        let most = images.min(self.batch * self.accumulate);
        if most > self.batch { most / self.batch * self.batch } else { most }
    }
}

fn whole_square() -> Crop {
    Crop::Square
}
fn paper_mean() -> [f32; 3] {
    Input::paper(1).mean
}
fn one() -> f64 {
    1.0
}
/// CHOICE: where the authors' learnt noise starts in their experiments on ages.
fn noise() -> f64 {
    10.0
}
fn one_percent() -> f64 {
    0.01
}
fn once() -> usize {
    1
}
fn rising() -> f64 {
    0.3
}
fn weight_decay() -> f64 {
    5e-4
}
fn clip() -> f64 {
    5.0
}

impl RunConfig {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// The file is unreadable, a key is unknown or missing, or values do not fit together.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let config: Self = toml::from_str(&text).with_context(|| format!("{} is not a valid run", path.display()))?;
        config.check().with_context(|| format!("{} is not a valid run", path.display()))?;
        Ok(config)
    }

    /// The same with settings of the command line over those of the file, e.g. `stage1.epochs=3`.
    ///
    /// # Errors
    /// As for [`RunConfig::read`], or what is wrong with a setting; an unknown key is answered with the known ones.
    pub fn read_with(path: &Path, settings: &[String]) -> Result<Self> {
        if settings.is_empty() {
            return Self::read(path);
        }
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse_with(&text, settings).with_context(|| path.display().to_string())
    }

    /// A file's text with settings over it.
    ///
    /// # Errors
    /// As for [`RunConfig::read_with`].
    pub fn parse_with(text: &str, settings: &[String]) -> Result<Self> {
        let mut table: toml::Table = toml::from_str(text).context("it is not a valid run")?;
        for setting in settings {
            settings::apply(&mut table, setting)?;
        }
        let whole = || format!("it is not a valid run with --set {}", settings.join(" --set "));
        let config: Self = table.try_into().with_context(whole)?;
        config.check().with_context(whole)?;
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        self.network.check()?;
        ensure!(self.sigma > 0.0, "`sigma` must be positive");
        ensure!(self.l1_weight >= 0.0, "`l1_weight` must not be negative");
        ensure!(self.local_weight >= 0.0, "`local_weight` must not be negative");
        ensure!(self.balanced_mse_noise > 0.0, "`balanced_mse_noise` must be positive");
        ensure!(self.ema.is_none_or(|decay| decay > 0.0 && decay < 1.0), "`ema` must lie between 0 and 1");
        let Augment { colour, hue, rand_augment, world, .. } = &self.augment;
        ensure!((0.0..=45.0).contains(&world.turn), "`augment.world.turn` must lie in 0..=45 degrees");
        let World { turn: _, shrink, blur, jpeg, noise, grey, exposure, cast, occlude } = world;
        let likely = [shrink, blur, jpeg, noise, grey, exposure, cast, occlude];
        let probable = likely.into_iter().all(|value| (0.0..=1.0).contains(value));
        ensure!(probable, "`augment.world` holds probabilities, which lie in 0..=1, and `turn`");
        ensure!((0.0..=1.0).contains(colour), "`augment.colour` must lie in 0..=1");
        ensure!(
            (0.0..=0.5).contains(hue),
            "`augment.hue` must lie in 0..=0.5: half the circle either way is all of it"
        );
        let magnitude = rand_augment.map_or(0, |setting| setting.magnitude);
        ensure!(magnitude <= LARGEST, "`augment.rand_augment.magnitude` must lie in 0..={LARGEST}");
        for (name, stage) in [("stage1", &self.stage1), ("stage2", &self.stage2)] {
            ensure!(stage.batch >= 2, "`{name}.batch` must be at least 2: BatchNorm needs more than one image");
            ensure!(stage.accumulate >= 1, "`{name}.accumulate` must be at least 1");
            ensure!((0.0..1.0).contains(&stage.warmup), "`{name}.warmup` must lie in 0..1");
        }
        let aligned = matches!(self.crop, Crop::Landmarks(_));
        ensure!(aligned == self.data.landmarks.is_some(), "`crop` by landmarks and `data.landmarks` belong together");
        if let Some(soft) = &self.data.soft {
            ensure!((0.0..=1.0).contains(&soft.weight), "`data.soft.weight` must lie in 0..=1");
            ensure!(
                self.data.cache.is_none(),
                "`data.soft` and `data.cache` do not go together: leave out `data.cache`"
            );
            if let Some(faces) = &soft.faces {
                ensure!((0.0..1.0).contains(&faces.share), "`data.soft.faces.share` must lie in 0..1");
                ensure!(
                    aligned == faces.landmarks.is_some(),
                    "`crop` by landmarks and `data.soft.faces.landmarks` belong together"
                );
            }
        }
        Ok(())
    }

    /// How a photograph becomes an input.
    pub fn input(&self) -> Input {
        Input { crop: self.crop, mean: self.mean, ..Input::paper(self.network.input_size) }
    }

    /// Pixels around each training crop, see [`Augment::margin`].
    pub fn margin(&self) -> u32 {
        self.augment.margin(self.network.input_size)
    }

    /// The resolved configuration as TOML.
    ///
    /// # Errors
    /// Never for a configuration that was read.
    pub fn to_toml(&self) -> Result<String> {
        Ok(toml::to_string_pretty(self)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[&str]) -> Result<RunConfig, String> {
        // Set by Cargo when it runs a test: the path at compile time may be another clone's.
        let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("Cargo runs the tests"));
        let settings: Vec<String> = settings.iter().map(ToString::to_string).collect();
        let config = RunConfig::read_with(&package.join("configs/utkface.toml"), &settings);
        config.map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn settings_stand_over_the_file() {
        let file = read(&[]).unwrap();
        let settings = ["stage1.epochs=24", "loss=mean-variance", "augment.rand_augment={}", "data.test=", "ema=0.999"];
        let set = read(&settings).unwrap();
        assert_eq!((set.stage1.epochs, set.loss, set.ema), (24, Objective::MeanVariance, Some(0.999)));
        assert_eq!(set.augment.rand_augment, Some(RandAugment { operations: 2, magnitude: 9 }));
        assert!(file.data.test.is_some() && set.data.test.is_none());
        // All else is the file's; and what is saved is read as the same run.
        let mut back = set.clone();
        (back.stage1.epochs, back.loss, back.ema) = (file.stage1.epochs, file.loss, file.ema);
        (back.augment.rand_augment, back.data.test) = (None, file.data.test.clone());
        assert_eq!(back, file);
        assert_eq!(toml::from_str::<RunConfig>(&set.to_toml().unwrap()).unwrap(), set);
    }

    #[test]
    fn unknown_keys_are_answered_with_the_known_ones() {
        let error = read(&["stage1.epoch=3"]).unwrap_err();
        assert!(error.contains("--set stage1.epoch=3") && error.contains("unknown field `epoch`"), "{error}");
        assert!(error.contains("`epochs`") && error.contains("`learning_rate`"), "{error}");
        let error = read(&["stages=3"]).unwrap_err();
        assert!(error.contains("`stage1`") && error.contains("`label_distribution_smoothing`"), "{error}");
        let error = read(&["loss=mse"]).unwrap_err();
        assert!(error.contains("`balanced-mse`") && error.contains("`dex`"), "{error}");
        let error = read(&["stage1.epochs=many"]).unwrap_err();
        assert!(error.contains("invalid type: string \"many\""), "{error}");
        let error = read(&["stage2.batch=1"]).unwrap_err();
        assert!(error.contains("`stage2.batch` must be at least 2"), "{error}");
        assert!(read(&["ema=1.5"]).unwrap_err().contains("`ema`"));
        assert!(read(&["augment.rand_augment={magnitude=31}"]).unwrap_err().contains("magnitude"));
    }
}
