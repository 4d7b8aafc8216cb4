//! The faces of a picture, and which of them the picture is of.

use glae_face::RgbImage;
use glae_face::detector::decode::Face;
use glae_face::detector::turn::Turn;
use glae_face::detector::{DetectError, Detector, DetectorSettings, Level};
use serde::{Deserialize, Serialize};

use crate::host::Host;

/// A face that is narrower or lower than this where it was found, in pixels, calls for a closer look: beside it there may be
/// smaller ones. Between 12 and 24 pixels nearly all are found.
const SMALL: f32 = 24.0;

/// Closer looks at most; each doubles the size at which the photograph is searched.
const CLOSER: u32 = 3;

/// Least score of a face that is found only in an enlarged photograph: there false faces are more than twice as many. Of 1,066
/// photographs without faces 14 show one of at least 0.75 in enlarged tiles, and 6 do as a whole.
const LEAST_ENLARGED: f32 = 0.82;

/// Least score of a face in a photograph that has to be turned for it, where none was found without. Of 1,066 photographs
/// without faces four have one of at least that in another turn, one of them two people upside down; of 1,241 main faces of at
/// least 60 pixels 24 have less.
const LEAST_TURNED: f32 = 0.86;

/// A main face with a lower score may be something else in a photograph that lies on its side: the other turns are tried, too.
/// Of 3,960 copies of photographs turned by quarters 50 showed such a face, 46 of them below this, beside the right one of 0.95
/// in most.
const SURE: f32 = 0.9;

/// The detector, used as its manifest says.
#[derive(Debug)]
pub struct Finder {
    detector: Detector,
    settings: DetectorSettings,
}

/// The faces of a photograph, and how they were found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FoundFaces {
    /// From left to right, in pixels of the photograph as it is.
    pub faces: Vec<Face>,
    /// Index of the face that the photograph is of.
    pub main: Option<usize>,
    /// By how much the photograph was turned to find them.
    pub turn: Turn,
    /// The main face looks more like one when it is turned, and yet the photograph turned accordingly shows none.
    pub upended: bool,
    /// The search for small faces was stopped.
    pub stopped: bool,
    /// How long the first look at the whole photograph took, in milliseconds of the host's clock; 0 for a live picture.
    pub first_look: f64,
}

/// How far the closer look at a photograph is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Searched {
    /// Tiles that are done.
    pub done: u32,
    /// Tiles of this look.
    pub of: u32,
}

impl Finder {
    /// `settings` are those of the detector's manifest.
    pub fn new(detector: Detector, settings: DetectorSettings) -> Self {
        Self { detector, settings }
    }

    /// The detector, for looks of another kind.
    pub fn detector(&self) -> &Detector {
        &self.detector
    }

    /// All faces that one look at an upright picture shows, from left to right, in its pixels.
    ///
    /// # Errors
    /// The device failed.
    pub async fn faces(&self, picture: &RgbImage) -> Result<Vec<Face>, DetectError> {
        self.detector.detect(picture, self.settings).await
    }

    /// All faces of a photograph, which may lie on its side or upside down, and whose faces may be small.
    ///
    /// # Errors
    /// The device failed.
    pub async fn search(&self, photo: &RgbImage, host: &impl Host) -> Result<FoundFaces, DetectError> {
        let begin = host.now();
        let heard = self.detector.first_look(photo, self.settings, Turn::None).await?;
        let first_look = host.now() - begin;
        let faces = self.detector.confirmed(photo, heard, self.settings).await?;
        // Faces that are small where they were found hardly tell which way is up: those are looked at closer first.
        let is_small = main_face(&faces, size(photo)).is_some_and(|main| is_small(&faces[main], self.scale(photo)));
        let found = match is_small {
            true => FoundFaces { faces, ..FoundFaces::default() },
            false => self.turned(photo, faces).await?,
        };
        let mut found = self.closer(photo, found, host).await?;
        if is_small && !found.stopped {
            let turned = self.turned(photo, found.faces).await?;
            found = match turned.turn {
                Turn::None => turned,
                _ => self.closer(photo, turned, host).await?,
            };
        }
        found.first_look = first_look;
        found.faces.sort_by(|a, b| a.x.total_cmp(&b.x));
        found.main = main_face(&found.faces, size(photo));
        Ok(found)
    }

    /// Turns the photograph where there is no face, or where the main one is not sure or looks as if it were turned.
    async fn turned(&self, photo: &RgbImage, faces: Vec<Face>) -> Result<FoundFaces, DetectError> {
        let main = main_face(&faces, size(photo)).map(|main| faces[main]);
        let upended = match &main {
            Some(main) => self.is_upright(photo, main).await? == Some(false),
            None => false,
        };
        let mut best = FoundFaces { faces, upended, ..FoundFaces::default() };
        let mut least = match main {
            Some(main) if upended => main.score,
            Some(main) if main.score >= SURE => return Ok(best),
            Some(main) => main.score.max(LEAST_TURNED),
            None => LEAST_TURNED,
        };
        for turn in Turn::OTHERS {
            let faces = self.detector.detect_turned(photo, self.settings, turn).await?;
            let Some(main) = main_face(&faces, size(photo)).map(|main| faces[main]) else { continue };
            if main.score > least && self.is_upright(photo, &main).await? == Some(true) {
                best = FoundFaces { faces, turn, ..FoundFaces::default() };
                least = main.score;
            }
        }
        Ok(best)
    }

    /// Looks at tiles of the photograph for as long as faces are small where they were found, or none is.
    async fn closer(
        &self,
        photo: &RgbImage,
        mut found: FoundFaces,
        host: &impl Host,
    ) -> Result<FoundFaces, DetectError> {
        let (side, mut scale) = (self.settings.longest_side, self.scale(photo));
        for look in 1..=CLOSER {
            let longest = side << look;
            let pixels = photo.width().max(photo.height());
            let is_worth_it = found.faces.is_empty() || found.faces.iter().any(|face| is_small(face, scale));
            if !is_worth_it || !shows_more(pixels, side, look) {
                break;
            }
            let mut settings = self.settings;
            if longest > pixels {
                settings.least_score = settings.least_score.max(LEAST_ENLARGED);
            }
            let level = Level::new(photo, longest, found.turn);
            let tiles = level.tiles(side);
            let mut more = Vec::new();
            for (done, tile) in (0..).zip(&tiles) {
                if !host.goes_on(Searched { done, of: tiles.len() as u32 }).await {
                    found.stopped = true;
                    break;
                }
                more.extend(self.detector.detect_in(&level, tile, settings).await?);
            }
            found.faces = self.detector.join(photo, found.faces, more, settings).await?;
            scale = level.scale();
            if found.stopped {
                break;
            }
        }
        Ok(found)
    }

    /// Pixels of a photograph for one of the first look's.
    fn scale(&self, photo: &RgbImage) -> f32 {
        let longest = photo.width().max(photo.height());
        longest as f32 / self.settings.longest_side.min(2 * longest) as f32
    }

    async fn is_upright(&self, photo: &RgbImage, face: &Face) -> Result<Option<bool>, DetectError> {
        self.detector.is_upright(photo, face, self.settings.most_overlap).await
    }
}

/// Whether faces are larger at this closer look than at the one before, for a photograph of so many pixels: the first one
/// may enlarge it, because small faces are seen better so; the others would need far more tiles for that.
fn shows_more(pixels: u32, side: u32, look: u32) -> bool {
    if look == 1 { pixels.saturating_mul(2) > side } else { side << look <= pixels }
}

/// Whether a face is small where it was found: there a pixel is `scale` pixels of the photograph.
fn is_small(face: &Face, scale: f32) -> bool {
    face.width.min(face.height) / scale < SMALL
}

fn size(photo: &RgbImage) -> [u32; 2] {
    [photo.width(), photo.height()]
}

/// The face that a picture of `width` x `height` pixels is of: the one with the largest product of size and nearness. Size
/// is the root of the box's area; nearness falls from 1 in the middle of the picture to 0 in its corners. `None` without
/// faces.
pub fn main_face(faces: &[Face], [width, height]: [u32; 2]) -> Option<usize> {
    let middle = [width, height].map(|side| side as f32 / 2.0);
    let weight = |face: &Face| {
        let [x, y] = face.middle();
        let away = (x - middle[0]).hypot(y - middle[1]) / middle[0].hypot(middle[1]).max(1.0);
        (face.width * face.height).sqrt() * (1.0 - away).max(0.0)
    };
    (0..faces.len()).max_by(|a, b| weight(&faces[*a]).total_cmp(&weight(&faces[*b])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_closer_look_may_enlarge_a_photograph_and_the_others_may_not() {
        let looks = |pixels| [1, 2, 3].map(|look| shows_more(pixels, 320, look));
        // The first look has enlarged 160 pixels to 320, which is all.
        assert_eq!(looks(160), [false, false, false]);
        assert_eq!(looks(200), [true, false, false]);
        assert_eq!(looks(1279), [true, false, false]);
        assert_eq!(looks(1280), [true, true, false]);
        assert_eq!(looks(2560), [true, true, true]);
    }
}
