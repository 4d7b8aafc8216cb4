//! Finding faces: YuNet (Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023), the network in [`network`], its
//! answers read in [`mod@decode`], both together in [`Detector`].

pub mod decode;
pub mod golden;
pub mod manifest;
pub mod network;
mod resize;
pub mod second;
pub mod tiles;
pub mod trust;
pub mod turn;

use burn::tensor::Device;
use image::RgbImage;
use serde::{Deserialize, Serialize};

use decode::{Face, LEAST_VOTE, decode, distinct, suppress};
use glae_model::engine::{DeviceError, Placed};
use glae_model::{Arrays, StateDict, WeightsError};
use golden::{DetectorGolden, picture};
use network::{OUTPUTS, YuNet};
use resize::resize;
use second::CutOut;
use tiles::{Tile, one_each};
use turn::Turn;

/// How a photograph is searched for faces.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetectorSettings {
    /// Photographs are resized to this longer side, in pixels; small ones grow at most to twice their size.
    pub longest_side: u32,
    /// Faces with a lower score are left out; 0 to 1.
    pub least_score: f32,
    /// Of two faces that overlap by more than this (intersection over union), the one with the lower score goes.
    pub most_overlap: f32,
    /// Each face is looked at again, cut out upright and always as large, as it is and mirrored: points and score become
    /// means over the looks.
    #[serde(default)]
    pub second_look: bool,
}

impl Default for DetectorSettings {
    fn default() -> Self {
        Self { longest_side: 448, least_score: 0.6, most_overlap: 0.4, second_look: true }
    }
}

/// Why there is no answer about faces.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    /// The device gave no numbers.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The device does not repeat the golden answers.
    #[error(
        "the device computed wrong numbers when it looked for faces in a check with a known answer (off by {off:.4}, at most {tolerance} is allowed)"
    )]
    Wrong {
        /// Largest difference of an answer, relative to 1 or, where it is larger, to the known answer.
        off: f32,
        /// What the manifest allows.
        tolerance: f32,
    },
}

/// Before the names of the weights that the second look has of its own, where it has some.
pub const SECOND: &str = "second";

/// Finds faces on one device.
#[derive(Debug)]
pub struct Detector {
    first: Net,
    /// For the second look; without it the first look's weights look again.
    second: Option<Net>,
}

/// The network on the device's fastest engine.
#[derive(Debug)]
struct Net(Placed<YuNet>);

impl Detector {
    /// Folds the state of a [`YuNet`], and of another one for the second look where there is a part [`SECOND`], and puts them
    /// onto the device.
    ///
    /// # Errors
    /// An array of a network is missing or has another shape.
    pub fn new(state: &StateDict, device: &Device) -> Result<Self, WeightsError> {
        let net = |state: &dyn Arrays| Placed::new(state, device).map(Net);
        let own = state.part(SECOND);
        let second = if own.0.is_empty() { None } else { Some(net(&own)?) };
        Ok(Self { first: net(state)?, second })
    }

    /// All faces of an upright photograph, from left to right, in its pixels.
    ///
    /// # Errors
    /// A device that fails.
    pub async fn detect(&self, photo: &RgbImage, settings: DetectorSettings) -> Result<Vec<Face>, DetectError> {
        self.detect_turned(photo, settings, Turn::None).await
    }

    /// The same of a photograph that is turned first; the faces are in pixels of the photograph as it is.
    ///
    /// # Errors
    /// A device that fails.
    pub async fn detect_turned(
        &self,
        photo: &RgbImage,
        settings: DetectorSettings,
        turn: Turn,
    ) -> Result<Vec<Face>, DetectError> {
        let heard = self.first_look(photo, settings, turn).await?;
        let mut faces = self.confirmed(photo, heard, settings).await?;
        faces.sort_by(|a, b| a.x.total_cmp(&b.x));
        Ok(faces)
    }

    /// What one look at a photograph that is turned first takes for faces, in any order: some get no second look or do not
    /// pass it ([`Self::confirmed`]).
    ///
    /// # Errors
    /// A device that fails.
    pub async fn first_look(
        &self,
        photo: &RgbImage,
        settings: DetectorSettings,
        turn: Turn,
    ) -> Result<Vec<Face>, DetectError> {
        let level = Level::new(photo, settings.longest_side, turn);
        Ok(self.answered(&level.picture, settings).await?.into_iter().map(|face| level.back(face)).collect())
    }

    /// The faces of one tile of a level, in any order.
    ///
    /// # Errors
    /// A device that fails.
    pub async fn detect_in(
        &self,
        level: &Level,
        tile: &Tile,
        settings: DetectorSettings,
    ) -> Result<Vec<Face>, DetectError> {
        let faces = self.answered(&tile.of(&level.picture), settings).await?;
        Ok(faces.into_iter().filter_map(|face| Some(level.back(tile.whole(face)?))).collect())
    }

    /// What the second look confirms of the faces that all tiles of a level gave, joined with those that are known.
    ///
    /// # Errors
    /// A device that fails.
    pub async fn join(
        &self,
        photo: &RgbImage,
        mut known: Vec<Face>,
        found: Vec<Face>,
        settings: DetectorSettings,
    ) -> Result<Vec<Face>, DetectError> {
        known.extend(self.confirmed(photo, one_each(found), settings).await?);
        Ok(one_each(known))
    }

    /// Whether a face that was found looks most like one as its points say, and not turned by a quarter or a half: networks
    /// trained on upright faces see one upside down as well, with points where an upright face would have them. `None` where
    /// there is no face to be seen in any turn.
    ///
    /// # Errors
    /// A device that fails.
    pub async fn is_upright(
        &self,
        photo: &RgbImage,
        face: &Face,
        most_overlap: f32,
    ) -> Result<Option<bool>, DetectError> {
        let Some(sight) = CutOut::new(photo, face) else { return Ok(None) };
        let planes: Vec<f32> = sight.turned().concat();
        let answers = self.first.answers_to(&planes, [4, 3, second::SIDE, second::SIDE]).await?;
        let scores: Vec<f32> = answers
            .chunks_exact(answers.len() / 4)
            .enumerate()
            .map(|(quarters, answers)| sight.score(answers, quarters, most_overlap))
            .collect();
        let best = scores.iter().copied().fold(0.0, f32::max);
        Ok((best > 0.0).then_some(scores[0] >= best))
    }

    /// Faces of a picture as it is, in its pixels.
    async fn answered(&self, picture: &RgbImage, settings: DetectorSettings) -> Result<Vec<Face>, DetectError> {
        let (answers, width, height) = self.first.answers(picture).await?;
        let heard = decode(&answers, width, height, settings.least_score.min(LEAST_VOTE));
        Ok(suppress(heard, settings.most_overlap))
    }

    /// Those that are sure enough after the second look, where the settings ask for one, in any order.
    ///
    /// # Errors
    /// A device that fails.
    pub async fn confirmed(
        &self,
        photo: &RgbImage,
        mut faces: Vec<Face>,
        settings: DetectorSettings,
    ) -> Result<Vec<Face>, DetectError> {
        if settings.second_look {
            faces.retain(|face| face.score >= settings.least_score.min(second::LEAST_SCORE));
            faces.truncate(second::MOST_FACES);
            for faces in faces.chunks_mut(second::TOGETHER) {
                self.look_again(photo, faces, settings.most_overlap).await?;
            }
        }
        faces.retain(|face| face.score >= settings.least_score);
        // Weights of its own move boxes: two that the first look kept apart may have come to lie on one face.
        let moved = settings.second_look && self.second.is_some();
        Ok(if moved { distinct(faces, settings.most_overlap) } else { faces })
    }

    /// Looks at the generated picture of a manifest and compares with the known answers.
    ///
    /// # Errors
    /// The device fails or computes something else.
    pub async fn golden_check(&self, golden: &DetectorGolden) -> Result<(), DetectError> {
        let picture = picture(golden.width, golden.height, golden.seed);
        golden.compare(&self.first.answers(&picture).await?.0, &golden.answers)?;
        match &self.second {
            Some(second) => golden.compare(&second.answers(&picture).await?.0, &golden.second),
            None => Ok(()),
        }
    }

    /// The check that a manifest shall carry. What this device answers becomes the known answer: compute it on the CPU.
    ///
    /// # Errors
    /// The device fails.
    pub async fn golden(&self) -> Result<DetectorGolden, DetectError> {
        let plan = DetectorGolden::plan();
        let picture = picture(plan.width, plan.height, plan.seed);
        let answers = plan.spread(&self.first.answers(&picture).await?.0);
        let second = match &self.second {
            Some(second) => plan.spread(&second.answers(&picture).await?.0),
            None => Vec::new(),
        };
        Ok(DetectorGolden { answers, second, ..plan })
    }

    /// Replaces points and scores by their means over the first and the second look at each of these faces.
    async fn look_again(&self, photo: &RgbImage, faces: &mut [Face], most_overlap: f32) -> Result<(), DetectError> {
        let sights: Vec<(usize, CutOut)> =
            faces.iter().enumerate().filter_map(|(index, face)| Some((index, CutOut::new(photo, face)?))).collect();
        if sights.is_empty() {
            return Ok(());
        }
        let planes: Vec<f32> = sights.iter().flat_map(|(_, sight)| sight.planes.iter().flatten()).copied().collect();
        let net = self.second.as_ref().unwrap_or(&self.first);
        let answers = net.answers_to(&planes, [2 * sights.len(), 3, second::SIDE, second::SIDE]).await?;
        let size = answers.len() / (2 * sights.len());
        for ((index, sight), answers) in sights.iter().zip(answers.chunks_exact(2 * size)) {
            let (plain, mirrored) = answers.split_at(size);
            faces[*index] = sight.seen([plain, mirrored], self.second.is_some(), most_overlap);
        }
        Ok(())
    }
}

impl Net {
    /// The raw answers, `[batch, priors, 16]`, all finite, to planes of this shape.
    async fn answers_to(&self, planes: &[f32], shape: [usize; 4]) -> Result<Vec<f32>, DetectError> {
        let answers = network::answers(&self.0.forward(planes, shape).await?, shape[0]);
        debug_assert_eq!(answers.len() % OUTPUTS, 0);
        Ok(DeviceError::finite(answers)?)
    }

    /// The raw answers to a photograph as it is, `[priors, 16]` row by row, all finite; and its width and height with the
    /// padding.
    async fn answers(&self, photo: &RgbImage) -> Result<(Vec<f32>, usize, usize), DetectError> {
        let (planes, width, height) = planes(photo);
        Ok((self.answers_to(&planes, [1, 3, height, width]).await?, width, height))
    }
}

/// A photograph at the size at which it is searched, turned.
#[derive(Debug)]
pub struct Level {
    picture: RgbImage,
    turn: Turn,
    /// Pixels of the photograph for one of the picture.
    scale: f32,
    /// Of the photograph.
    size: [f32; 2],
}

impl Level {
    /// With a longer side of `longest_side` pixels; small photographs grow at most to twice their size.
    pub fn new(photo: &RgbImage, longest_side: u32, turn: Turn) -> Self {
        let picture = resized(photo, longest_side).unwrap_or_else(|| photo.clone());
        let scale = photo.width().max(photo.height()) as f32 / picture.width().max(picture.height()) as f32;
        let size = [photo.width() as f32, photo.height() as f32];
        Self { picture: turn.of(picture), turn, scale, size }
    }

    /// Tiles of at most `side` x `side` pixels that cover it.
    pub fn tiles(&self, side: u32) -> Vec<Tile> {
        Tile::all([self.picture.width(), self.picture.height()], side)
    }

    /// Pixels of the photograph for one of the level.
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// A face of the level in pixels of the photograph.
    fn back(&self, face: Face) -> Face {
        self.turn.back(face.scaled(self.scale), self.size)
    }
}

/// The photograph with a longer side of `longest_side`, unless it has that; small ones grow at most to twice their size.
fn resized(photo: &RgbImage, longest_side: u32) -> Option<RgbImage> {
    let longest = photo.width().max(photo.height());
    let wanted = longest_side.min(longest.saturating_mul(2));
    if longest == wanted {
        return None;
    }
    let side = |length: u32| {
        let rounded = (u64::from(length) * u64::from(wanted) + u64::from(longest) / 2) / u64::from(longest);
        rounded.max(1) as u32
    };
    Some(resize(photo, side(photo.width()), side(photo.height())))
}

/// The network's input: planes of blue, green and red, 0 to 255, with zeros to the right and below up to the next multiple
/// of 32. Returns values, width and height.
pub fn planes(photo: &RgbImage) -> (Vec<f32>, usize, usize) {
    let (columns, rows) = (photo.width() as usize, photo.height() as usize);
    let (width, height) = (columns.next_multiple_of(32), rows.next_multiple_of(32));
    let mut planes = vec![0f32; 3 * width * height];
    let (blue, rest) = planes.split_at_mut(width * height);
    let (green, red) = rest.split_at_mut(width * height);
    let lines = blue.chunks_exact_mut(width).zip(green.chunks_exact_mut(width)).zip(red.chunks_exact_mut(width));
    for (((blue, green), red), pixels) in lines.zip(photo.as_raw().chunks_exact(columns * 3)) {
        for (((blue, green), red), pixel) in blue.iter_mut().zip(green).zip(red).zip(pixels.as_chunks::<3>().0) {
            [*red, *green, *blue] = pixel.map(f32::from);
        }
    }
    (planes, width, height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photo_becomes_blue_green_red_and_is_padded_with_zeros() {
        let photo = RgbImage::from_pixel(33, 2, image::Rgb([1, 2, 3]));
        let (planes, width, height) = planes(&photo);
        assert_eq!((width, height), (64, 32));
        assert_eq!([planes[0], planes[64 * 32], planes[2 * 64 * 32]], [3.0, 2.0, 1.0]);
        assert_eq!([planes[32], planes[33], planes[64 + 32], planes[2 * 64]], [3.0, 0.0, 3.0, 0.0]);
    }

    #[test]
    fn a_photo_is_resized_and_keeps_its_shape() {
        let side = |width, height| resized(&RgbImage::new(width, height), 320).map(|photo| photo.dimensions());
        assert_eq!(side(1000, 500), Some((320, 160)));
        assert_eq!(side(3, 5000), Some((1, 320)));
        assert_eq!(side(320, 200), None);
        // Small faces are found in small photos too; more than twice as large shows nothing new.
        assert_eq!((side(200, 100), side(100, 60)), (Some((320, 160)), Some((200, 120))));
    }

    #[test]
    fn faces_come_from_left_to_right_and_in_the_pixels_of_the_photo() {
        let device = Device::flex();
        let detector = Detector::new(&StateDict::of(&YuNet::new(&device)), &device).unwrap();
        let all = DetectorSettings { longest_side: 96, least_score: 0.0, most_overlap: 1.0, second_look: false };
        let found = |width, height| pollster::block_on(detector.detect(&RgbImage::new(width, height), all)).unwrap();
        // A black photo stays black when it is shrunk to 96 x 64: the same answers, twice as large.
        let small = found(96, 64);
        assert!(small.len() > 1 && small.is_sorted_by(|a, b| a.x <= b.x));
        assert_eq!(found(192, 128), small.iter().map(|face| face.scaled(2.0)).collect::<Vec<_>>());
    }

    #[test]
    fn a_device_that_computes_another_network_is_found_out() {
        let device = Device::flex();
        let _turn = crate::seeded(&device, 3);
        let detector = Detector::new(&StateDict::of(&YuNet::new(&device)), &device).unwrap();
        let golden = pollster::block_on(detector.golden()).unwrap();
        assert_eq!(golden.problem(), None);
        // Answers that are all alike would prove little.
        let least = golden.answers.iter().copied().fold(f32::INFINITY, f32::min);
        let largest = golden.answers.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        assert!(largest - least > 1.0, "{least} to {largest}");
        assert!(pollster::block_on(detector.golden_check(&golden)).is_ok());
        let other = Detector::new(&StateDict::of(&YuNet::new(&device)), &device).unwrap();
        let error = pollster::block_on(other.golden_check(&golden)).unwrap_err();
        assert!(matches!(error, DetectError::Wrong { off, .. } if off > 0.01), "{error}");
        // A second look with weights of its own has answers of its own to repeat.
        let (first, second) = (YuNet::new(&device), StateDict::of(&YuNet::new(&device)));
        let both = |second: &StateDict| {
            let mut state = StateDict::of(&first);
            state.put(SECOND, second);
            Detector::new(&state, &device).unwrap()
        };
        let detector = both(&second);
        let golden = pollster::block_on(detector.golden()).unwrap();
        assert_eq!(golden.problem(), None);
        assert!(pollster::block_on(detector.golden_check(&golden)).is_ok());
        let other = both(&StateDict::of(&YuNet::new(&device)));
        assert!(pollster::block_on(other.golden_check(&golden)).is_err());
        let silent = DetectorGolden { second: Vec::new(), ..golden };
        assert!(pollster::block_on(detector.golden_check(&silent)).is_err());
    }
}
