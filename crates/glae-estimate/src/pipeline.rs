//! Find, refuse, straighten, estimate, doubt.

use glae_face::RgbImage;
use glae_face::crop::{Square, crop_square};
use glae_face::detector::DetectError;
use glae_face::detector::decode::Face;
use glae_face::detector::trust::{Doubt, refusal};
use glae_face::detector::turn::Turn;
use glae_face::similarity::align;
use glae_model::manifest::Crop;
use glae_model::{Estimate, EstimateError, Estimator};
use serde::{Deserialize, Serialize};

use crate::caution::caution;
use crate::finder::{Finder, FoundFaces, main_face};
use crate::host::Host;

/// Faces that go through the age network together, each with its mirror image. More would need more memory than a phone
/// gives a tab.
pub const TOGETHER: usize = 8;

/// One face of a picture, or the square that was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Where it is, in pixels of the picture; `None` for a square.
    pub face: Option<Face>,
    /// Why there is no estimate, or why it is not to be trusted.
    pub doubt: Option<Doubt>,
    /// Both classifiers' answers and the one that is shown.
    pub estimate: Option<Box<Estimate>>,
}

/// What is seen in a picture.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// From left to right; for a square one entry without a face.
    pub seen: Vec<Seen>,
    /// Index of the face that the picture is of, whether or not it has an age.
    pub main: Option<usize>,
    /// By how much the picture was turned to find the faces.
    pub turn: Turn,
    /// The search for small faces was stopped.
    pub stopped: bool,
    /// Where the time went.
    pub times: Times,
}

impl Look {
    /// The face that the picture is of.
    pub fn main(&self) -> Option<&Seen> {
        self.seen.get(self.main?)
    }
}

/// Where the time of a look went, in milliseconds of the host's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// The detector, from the pixels to the faces; 0 for a square chosen by hand.
    pub detect: f64,
    /// Of that the first look at the whole picture: one pass of the detector's network, and reading what it says; 0 where it
    /// was not measured.
    pub first_look: f64,
    /// Cutting out and resampling.
    pub crop: f64,
    /// The age network on all crops and their mirror images, from upload to the answers read back.
    pub network: f64,
}

/// What becomes of a face that [`refusal`] refuses and that can be straightened all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Doubtful {
    /// It is estimated like any other.
    Keep,
    /// It gets no age.
    #[default]
    Drop,
}

/// Why nothing is known of a picture.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The detector failed.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// The age network failed.
    #[error(transparent)]
    Estimate(#[from] EstimateError),
}

/// An age network that would answer here and be wrong: it has learned from other crops.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the weights “{name}” were trained on whole squares, and here faces are straightened first: choose other weights"
)]
pub struct WholeSquares {
    /// The weights' name.
    pub name: String,
}

/// Finds faces, straightens them, estimates their ages.
#[derive(Debug)]
pub struct Pipeline {
    finder: Finder,
    estimator: Estimator,
    /// Where a straightened face has its five points, in shares of the crop's side; the manifest's.
    template: [[f32; 2]; 5],
}

impl Pipeline {
    /// Joins two networks.
    ///
    /// # Errors
    /// The age network was trained on whole squares.
    pub fn new(finder: Finder, estimator: Estimator) -> Result<Self, WholeSquares> {
        match estimator.manifest().input.crop {
            Crop::Landmarks(template) => Ok(Self { finder, estimator, template }),
            Crop::Square => Err(WholeSquares { name: estimator.manifest().head.name.clone() }),
        }
    }

    /// The detector.
    pub fn finder(&self) -> &Finder {
        &self.finder
    }

    /// The age network.
    pub fn estimator(&self) -> &Estimator {
        &self.estimator
    }

    /// Where a straightened face has its five points, in shares of the crop's side.
    pub fn template(&self) -> [[f32; 2]; 5] {
        self.template
    }

    /// All faces of a photograph, from left to right, each that can be judged with its age. Small faces are looked for, and
    /// a photograph on its side is turned.
    ///
    /// # Errors
    /// A device failed.
    pub async fn look(&self, photo: &RgbImage, host: &impl Host) -> Result<Look, LookError> {
        let begin = host.now();
        let found = self.finder.search(photo, host).await?;
        self.judge(photo, found, begin, host).await
    }

    /// The same of a live picture: one look.
    ///
    /// # Errors
    /// A device failed.
    pub async fn glance(&self, picture: &RgbImage, host: &impl Host) -> Result<Look, LookError> {
        let begin = host.now();
        let faces = self.finder.faces(picture).await?;
        let main = main_face(&faces, [picture.width(), picture.height()]);
        self.judge(picture, FoundFaces { faces, main, ..FoundFaces::default() }, begin, host).await
    }

    /// The ages of faces that were found since `begin`.
    async fn judge(
        &self,
        picture: &RgbImage,
        found: FoundFaces,
        begin: f64,
        host: &impl Host,
    ) -> Result<Look, LookError> {
        let detected = host.now();
        let FoundFaces { faces, main, turn, upended, stopped, first_look } = found;
        let mut seen = Vec::with_capacity(faces.len());
        let mut crops = Vec::new();
        for face in faces {
            let straight = self.straighten(picture, &face, Doubtful::Drop);
            seen.push(Seen { face: Some(face), doubt: straight.as_ref().err().copied(), estimate: None });
            crops.extend(straight);
        }
        let cropped = host.now();
        let estimates = self.ages(&crops, host).await?;
        let judged = seen.iter_mut().filter(|seen| seen.doubt.is_none());
        for ((estimate, crop), seen) in estimates.into_iter().zip(&crops).zip(judged) {
            seen.doubt = caution(seen.face.as_ref(), crop, &estimate);
            seen.estimate = Some(Box::new(estimate));
        }
        if let Some(main) = main.filter(|_| upended).map(|main| &mut seen[main]).filter(|main| main.estimate.is_some())
        {
            main.doubt = Some(Doubt::Upended);
        }
        let (detect, crop) = (detected - begin, cropped - detected);
        let times = Times { detect, first_look, crop, network: host.now() - cropped };
        Ok(Look { seen, main, turn, stopped, times })
    }

    /// The age in a square chosen by hand, which stands for the straightened face.
    ///
    /// # Errors
    /// The device failed.
    pub async fn square(&self, picture: &RgbImage, square: Square, host: &impl Host) -> Result<Look, EstimateError> {
        let begin = host.now();
        let crops = [crop_square(picture, square, self.size())];
        let cropped = host.now();
        let estimates = self.ages(&crops, host).await?;
        let seen = estimates.into_iter().zip(&crops).map(|(estimate, crop)| Seen {
            face: None,
            doubt: caution(None, crop, &estimate),
            estimate: Some(Box::new(estimate)),
        });
        let seen = seen.collect();
        let times = Times { crop: cropped - begin, network: host.now() - cropped, ..Times::default() };
        Ok(Look { seen, main: Some(0), times, ..Look::default() })
    }

    /// The crop that the age network looks at.
    ///
    /// # Errors
    /// Why this face gets no age. With [`Doubtful::Keep`] only [`Doubt::Degenerate`]: nothing can be straightened by points
    /// that coincide.
    pub fn straighten(&self, picture: &RgbImage, face: &Face, doubtful: Doubtful) -> Result<RgbImage, Doubt> {
        match refusal(face) {
            Some(doubt) if doubtful == Doubtful::Drop => Err(doubt),
            _ => align(picture, &face.points, &self.template, self.size()).ok_or(Doubt::Degenerate),
        }
    }

    /// The ages of straightened faces, in their order, [`TOGETHER`] at a time.
    ///
    /// # Errors
    /// A crop of another size than the manifest's, or a device that fails.
    pub async fn ages(&self, crops: &[RgbImage], host: &impl Host) -> Result<Vec<Estimate>, EstimateError> {
        let mut all = Vec::with_capacity(crops.len());
        for together in crops.chunks(TOGETHER) {
            let pixels: Vec<&[u8]> = together.iter().map(|crop| crop.as_raw().as_slice()).collect();
            all.extend(host.estimate(self.estimator.inference(), &pixels).await?);
        }
        Ok(all)
    }

    /// Side of a crop, in pixels.
    fn size(&self) -> u32 {
        self.estimator.manifest().input.size as u32
    }
}
