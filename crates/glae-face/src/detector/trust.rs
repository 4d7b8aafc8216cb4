//! Faces that are seen and whose age cannot be told: too small, or turned too far.

use serde::{Deserialize, Serialize};

use super::decode::Face;

/// Least width and height of a face's box, in pixels of the photograph: smaller faces show too little.
pub const LEAST_WIDTH: f32 = 24.0;

/// How far the nose may stand from the middle between the eyes, in shares of their distance. In 99.5 % of UTKFace, which
/// the age network learned from, it is at most 0.30; in profile it passes 0.5, the eye itself.
const MOST_ASIDE: f32 = 0.42;

/// Least distance of the eyes, in shares of the distance from eyes to mouth. In 99.5 % of UTKFace it is at least 0.76;
/// as a head turns, the eyes close up on each other.
const LEAST_APART: f32 = 0.45;

/// Why an age would be a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Doubt {
    /// Narrower or lower than [`LEAST_WIDTH`].
    Small,
    /// Turned so far that one side is hidden.
    Turned,
    /// Its points coincide, so nothing says how to straighten it.
    Degenerate,
}

impl Doubt {
    /// The name in files and attributes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Turned => "turned",
            Self::Degenerate => "degenerate",
        }
    }

    /// The reason, as part of a sentence.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Small => "its face is too small",
            Self::Turned => "its face is turned away too far",
            Self::Degenerate => "its face's points coincide",
        }
    }
}

/// Why the age of this face cannot be told, if so.
pub fn doubt(face: &Face) -> Option<Doubt> {
    if face.width.min(face.height) < LEAST_WIDTH {
        return Some(Doubt::Small);
    }
    let [left, right, nose, mouth_left, mouth_right] = face.points;
    let between = |a: [f32; 2], b: [f32; 2]| [(a[0] + b[0]) / 2.0, (a[1] + b[1]) / 2.0];
    let from = |a: [f32; 2], b: [f32; 2]| [b[0] - a[0], b[1] - a[1]];
    let (eyes, mouth) = (between(left, right), between(mouth_left, mouth_right));
    let across = from(left, right);
    let squared = across[0] * across[0] + across[1] * across[1];
    let down = from(eyes, mouth);
    if !(squared > 0.0 || down[0].hypot(down[1]) > 0.0) {
        return Some(Doubt::Degenerate);
    }
    let to_nose = from(eyes, nose);
    let aside = ((to_nose[0] * across[0] + to_nose[1] * across[1]) / squared).abs();
    let apart = squared.sqrt() / down[0].hypot(down[1]);
    // Eyes that coincide give NaN, which fails both comparisons.
    let frontal = aside <= MOST_ASIDE && apart >= LEAST_APART;
    (!frontal).then_some(Doubt::Turned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(points: [[f32; 2]; 5]) -> Face {
        Face { x: 0.0, y: 0.0, width: 60.0, height: 70.0, points, score: 0.9 }
    }

    const FRONTAL: [[f32; 2]; 5] = [[10.0, 20.0], [50.0, 20.0], [31.0, 40.0], [15.0, 60.0], [45.0, 60.0]];

    #[test]
    fn a_frontal_face_is_trusted_however_the_head_leans() {
        assert_eq!(doubt(&face(FRONTAL)), None);
        let leaning = FRONTAL.map(|[x, y]| [0.6 * x - 0.8 * y, 0.8 * x + 0.6 * y]);
        assert_eq!(doubt(&face(leaning)), None);
    }

    #[test]
    fn a_profile_is_not() {
        // The nose stands at an eye: 20 of 40 pixels from the middle.
        let mut points = FRONTAL;
        points[2] = [50.0, 40.0];
        assert_eq!(doubt(&face(points)), Some(Doubt::Turned));
        // Both eyes close together: 12 pixels, the mouth 40 below.
        let points = [[24.0, 20.0], [36.0, 20.0], [31.0, 40.0], [26.0, 60.0], [36.0, 60.0]];
        assert_eq!(doubt(&face(points)), Some(Doubt::Turned));
        // One eye stands for both.
        let points = [[30.0, 20.0], [30.0, 20.0], [31.0, 40.0], [26.0, 60.0], [36.0, 60.0]];
        assert_eq!(doubt(&face(points)), Some(Doubt::Turned));
    }

    #[test]
    fn points_that_coincide_say_nothing() {
        assert_eq!(doubt(&face([[30.0, 30.0]; 5])), Some(Doubt::Degenerate));
        assert_eq!(doubt(&face([[f32::NAN; 2]; 5])), Some(Doubt::Degenerate));
    }

    #[test]
    fn a_small_face_is_not_either() {
        let small = face(FRONTAL).scaled(23.0 / 60.0);
        assert_eq!(doubt(&small), Some(Doubt::Small));
        assert_eq!(doubt(&face(FRONTAL).scaled(25.0 / 60.0)), None);
    }
}
