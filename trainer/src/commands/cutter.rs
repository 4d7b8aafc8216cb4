//! From image files to the crops that an age network looks at.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use burn::tensor::{Device, read_sync};
use glae_estimate::{Alone, Pipeline, caution};
use glae_face::RgbImage;
use glae_face::detector::decode::Face;
use glae_face::detector::trust::{Doubt, refusal};
use glae_face::photo::Photo;
use glae_model::manifest::{Crop, Input, sha256};
use glae_model::{Estimate, Estimator, Inference};
use rayon::prelude::*;

use super::evaluate::{crops, refuse_mismatch};
use super::photographs::each_photograph;
use crate::exported;
use glae_data::found::Image;
use glae_data::photos::{Unusable, together};
use glae_data::{Crops, Landmarks};

/// What becomes of a face whose age cannot be told, such as a profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Doubtful {
    /// It is used like any other.
    #[default]
    Keep,
    /// It is left out.
    Drop,
}

impl Doubtful {
    /// Part of what a table is made with; empty for what an older version did as well.
    pub(super) fn suffix(self, older: Self) -> &'static str {
        match self {
            _ if self == older => "",
            Self::Keep => " keep",
            Self::Drop => " drop",
        }
    }

    fn for_pipeline(self) -> glae_estimate::Doubtful {
        match self {
            Self::Keep => glae_estimate::Doubtful::Keep,
            Self::Drop => glae_estimate::Doubtful::Drop,
        }
    }
}

/// Where the faces of images are known from; one of the three.
#[derive(Clone, Copy, Debug)]
pub(super) struct CropSource<'a> {
    /// A table of `trainer prepare`.
    pub(super) landmarks: Option<&'a Path>,
    /// Exported weights of a detector.
    pub(super) detector: Option<&'a Path>,
    /// The largest square in the middle stands for the face; `None` where that is not offered.
    pub(super) unaligned: Option<bool>,
}

/// What became of an image.
pub(super) enum Cut {
    /// What the network looks at, and the face it shows, where a detector has found it.
    Crop(RgbImage, Option<Main>),
    /// There is no face, or none that can be used. Why.
    NoFace(&'static str),
    /// The file cannot be used. Why.
    Unusable(Unusable),
}

/// The main face of a photograph.
pub(super) struct Main {
    face: Face,
    /// What is known against it before it is judged.
    doubt: Option<Doubt>,
}

impl Main {
    /// Why its age is not to be trusted, if so.
    pub(super) fn doubt(&self, crop: &RgbImage, estimate: &Estimate) -> Option<Doubt> {
        self.doubt.or_else(|| caution(Some(&self.face), crop, estimate))
    }
}

/// Cuts out what the network shall look at.
pub(super) struct Cutter {
    how: How,
    doubtful: Doubtful,
    allow_cut_off: bool,
    /// Checksum of what decides where the crops lie.
    pub(super) made_with: String,
}

enum How {
    /// Finds the main face, as the page does.
    Detector(Box<Pipeline>),
    /// As the landmarks say; those without are no faces.
    Landmarks(Box<Estimator>, Crops),
    Square(Box<Estimator>, Crops),
}

impl Cutter {
    /// What is asked for, if it fits the weights.
    ///
    /// # Errors
    /// Which option to give or to leave out, or a file cannot be read.
    pub(super) fn new(
        source: CropSource,
        doubtful: Doubtful,
        allow_cut_off: bool,
        estimator: Estimator,
        device: &Device,
    ) -> Result<Self> {
        let CropSource { landmarks, detector, unaligned } = source;
        let options = [
            ("--landmarks", Some(landmarks.is_some())),
            ("--detector", Some(detector.is_some())),
            ("--unaligned", unaligned),
        ];
        let offered: Vec<_> = options.iter().filter_map(|(name, given)| Some((*name, (*given)?))).collect();
        let manifest = estimator.manifest();
        refuse_mismatch(manifest, &offered)?;
        let (how, made_with) = match (detector, landmarks) {
            (Some(folder), _) => {
                let (manifest, finder) = exported::finder(folder, device)?;
                let made_with = format!("{}{}", manifest.head.sha256, doubtful.suffix(Doubtful::Keep));
                (How::Detector(Box::new(Pipeline::new(finder, estimator)?)), made_with)
            }
            (_, Some(path)) => {
                let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
                let crops = Crops { allow_cut_off, ..crops(manifest, Some(path))? };
                (How::Landmarks(Box::new(estimator), crops), sha256(&bytes))
            }
            _ => {
                let input = Input { crop: Crop::Square, ..manifest.input };
                let crops = Crops { input, landmarks: Landmarks::new(), allow_cut_off };
                (How::Square(Box::new(estimator), crops), "square".to_owned())
            }
        };
        Ok(Self { how, doubtful, allow_cut_off, made_with })
    }

    /// The network that looks at the crops.
    pub(super) fn inference(&self) -> &Inference {
        match &self.how {
            How::Detector(pipeline) => pipeline.estimator().inference(),
            How::Landmarks(estimator, _) | How::Square(estimator, _) => estimator.inference(),
        }
    }

    /// Cuts image by image, in their order.
    ///
    /// # Errors
    /// The device fails, or `each` does.
    pub(super) fn each(&self, images: &[&Image], mut each: impl FnMut(&Image, Cut) -> Result<()>) -> Result<()> {
        let paths: Vec<PathBuf> = images.iter().map(|image| image.path.clone()).collect();
        let ids: Vec<String> = images.iter().map(|image| image.id.clone()).collect();
        let mut images = images.iter();
        let mut next = |cut: Cut| each(images.next().context("there are as many cuts as images")?, cut);
        match &self.how {
            How::Detector(pipeline) => {
                let look = |photo: Result<Photo, Unusable>| match photo {
                    Ok(photo) => self.main(pipeline, &photo),
                    Err(reason) => Ok(Cut::Unusable(reason)),
                };
                each_photograph(&paths, self.allow_cut_off, look, |_, cut| next(cut?))
            }
            How::Landmarks(_, crops) | How::Square(_, crops) => {
                let needs_landmarks = matches!(self.how, How::Landmarks(..));
                let one = |path: &PathBuf, id: &String| {
                    if needs_landmarks && !crops.landmarks.contains_key(id) {
                        return Cut::NoFace("it has no row in the landmarks file");
                    }
                    crops.read(path, id).map_or_else(Cut::Unusable, |crop| Cut::Crop(crop, None))
                };
                let mut begin = 0;
                for group in together(&paths, 4 * rayon::current_num_threads()) {
                    let ids = &ids[begin..begin + group.len()];
                    let cuts: Vec<Cut> = group.par_iter().zip(ids).map(|(path, id)| one(path, id)).collect();
                    cuts.into_iter().try_for_each(&mut next)?;
                    begin += group.len();
                }
                Ok(())
            }
        }
    }

    /// The main face of a photograph, straightened.
    fn main(&self, pipeline: &Pipeline, photo: &Photo) -> Result<Cut> {
        let picture = &photo.pixels;
        let found = read_sync(pipeline.finder().search(picture, &Alone))?;
        let Some(face) = found.main.map(|main| found.faces[main]) else {
            return Ok(Cut::NoFace("no face was found"));
        };
        let doubt = refusal(&face).or(found.upended.then_some(Doubt::Upended));
        let straight = pipeline.straighten(picture, &face, self.doubtful.for_pipeline());
        Ok(straight.map_or_else(|why| Cut::NoFace(why.reason()), |crop| Cut::Crop(crop, Some(Main { face, doubt }))))
    }
}
