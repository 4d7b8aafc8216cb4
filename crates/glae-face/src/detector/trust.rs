//! Faces that are seen and whose age cannot be told: too small, or turned too far.

use serde::{Deserialize, Serialize};

use super::decode::Face;

/// Least width and height of a face's box, in pixels of the photograph: smaller faces show too little.
pub const LEAST_WIDTH: f32 = 24.0;

/// How far the tip of the nose may stand from the middle between the eyes, in shares of their distance. In 99.5 % of UTKFace,
/// which the age network learned from, it is at most 0.41.
const MOST_ASIDE: f32 = 0.55;

/// Least distance of the eyes, in shares of the distance from eyes to mouth. In 99.5 % of UTKFace it is at least 0.78;
/// as a head turns, the eyes close up on each other.
const LEAST_APART: f32 = 0.45;

/// Least distance of the eyes at which an age is trusted, in pixels of the photograph.
pub const LEAST_EYES: f32 = 24.0;

/// The same as [`MOST_ASIDE`] and [`LEAST_APART`], where a face is judged and its age is doubted: hardly a face of UTKFace's
/// validation split is beyond these.
const ASIDE: f32 = 0.44;
const APART: f32 = 0.65;

/// Why there is no age, or why the age is not to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Doubt {
    /// Narrower or lower than [`LEAST_WIDTH`]: no age.
    Small,
    /// Turned so far that one side is hidden: no age.
    Turned,
    /// Its points coincide, so nothing says how to straighten it: no age.
    Degenerate,
    /// It looks more like a face when it is turned, and the photograph turned accordingly shows none.
    Upended,
    /// Its eyes are nearer to each other than [`LEAST_EYES`].
    FewPixels,
    /// One side is partly hidden.
    HalfTurned,
    /// The detector is less sure of it than of an open face.
    Covered,
    /// Too dark to see much.
    Dark,
    /// Blurred.
    Blurred,
    /// Both classifiers answer differently.
    Classifiers,
    /// The mirror image has another answer.
    Mirror,
    /// The answer spreads over many ages.
    Wide,
}

impl Doubt {
    /// All, in the order in which one that applies hides the others.
    pub const ALL: [Self; 12] = [
        Self::Small,
        Self::Turned,
        Self::Degenerate,
        Self::Upended,
        Self::FewPixels,
        Self::HalfTurned,
        Self::Covered,
        Self::Dark,
        Self::Blurred,
        Self::Classifiers,
        Self::Mirror,
        Self::Wide,
    ];

    /// The name in files and attributes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Turned => "turned",
            Self::Degenerate => "degenerate",
            Self::Upended => "upended",
            Self::FewPixels => "few pixels",
            Self::HalfTurned => "half turned",
            Self::Covered => "covered",
            Self::Dark => "dark",
            Self::Blurred => "blurred",
            Self::Classifiers => "classifiers",
            Self::Mirror => "mirror",
            Self::Wide => "wide",
        }
    }

    /// Whether a face gets no age because of it.
    pub fn refuses(self) -> bool {
        matches!(self, Self::Small | Self::Turned | Self::Degenerate)
    }

    /// The reason, as part of a sentence.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Small => "its face is too small",
            Self::Turned => "its face is turned away too far",
            Self::Degenerate => "its face's points coincide",
            Self::Upended => "its face seems to be turned",
            Self::FewPixels => "its face has few pixels",
            Self::HalfTurned => "its face is turned",
            Self::Covered => "its face may be covered",
            Self::Dark => "its face is dark",
            Self::Blurred => "its face is blurred",
            Self::Classifiers => "its classifiers disagree",
            Self::Mirror => "its mirror image has another age",
            Self::Wide => "its age is uncertain",
        }
    }
}

/// Why the age of this face cannot be told, if so.
pub fn refusal(face: &Face) -> Option<Doubt> {
    if face.width.min(face.height) < LEAST_WIDTH {
        return Some(Doubt::Small);
    }
    let Some(Pose { aside, apart, .. }) = Pose::of(face) else { return Some(Doubt::Degenerate) };
    // Eyes that coincide give NaN, which fails both comparisons.
    let frontal = aside <= MOST_ASIDE && apart >= LEAST_APART;
    (!frontal).then_some(Doubt::Turned)
}

/// Why an age of this face is not to be trusted, as far as its box and points tell.
pub fn caution(face: &Face) -> Option<Doubt> {
    let Pose { eyes, aside, apart } = Pose::of(face)?;
    if eyes < LEAST_EYES {
        return Some(Doubt::FewPixels);
    }
    (aside > ASIDE || apart < APART).then_some(Doubt::HalfTurned)
}

/// How a head is turned.
struct Pose {
    /// Distance of the eyes, in pixels.
    eyes: f32,
    /// How far the nose stands from the middle between the eyes, in shares of their distance.
    aside: f32,
    /// Distance of the eyes in shares of the distance from eyes to mouth.
    apart: f32,
}

impl Pose {
    /// `None` where the points coincide.
    fn of(face: &Face) -> Option<Self> {
        let [left, right, nose, mouth_left, mouth_right] = face.points;
        let between = |a: [f32; 2], b: [f32; 2]| [(a[0] + b[0]) / 2.0, (a[1] + b[1]) / 2.0];
        let from = |a: [f32; 2], b: [f32; 2]| [b[0] - a[0], b[1] - a[1]];
        let (eyes, mouth) = (between(left, right), between(mouth_left, mouth_right));
        let across = from(left, right);
        let squared = across[0] * across[0] + across[1] * across[1];
        let down = from(eyes, mouth);
        let length = down[0].hypot(down[1]);
        if !(squared > 0.0 || length > 0.0) {
            return None;
        }
        let to_nose = from(eyes, nose);
        let aside = ((to_nose[0] * across[0] + to_nose[1] * across[1]) / squared).abs();
        Some(Self { eyes: squared.sqrt(), aside, apart: squared.sqrt() / length })
    }
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
        assert_eq!(refusal(&face(FRONTAL)), None);
        let leaning = FRONTAL.map(|[x, y]| [0.6 * x - 0.8 * y, 0.8 * x + 0.6 * y]);
        assert_eq!(refusal(&face(leaning)), None);
    }

    #[test]
    fn a_profile_is_not() {
        // The nose stands beyond an eye: 23 of 40 pixels from the middle.
        let mut points = FRONTAL;
        points[2] = [53.0, 40.0];
        assert_eq!(refusal(&face(points)), Some(Doubt::Turned));
        // Both eyes close together: 12 pixels, the mouth 40 below.
        let points = [[24.0, 20.0], [36.0, 20.0], [31.0, 40.0], [26.0, 60.0], [36.0, 60.0]];
        assert_eq!(refusal(&face(points)), Some(Doubt::Turned));
        // One eye stands for both.
        let points = [[30.0, 20.0], [30.0, 20.0], [31.0, 40.0], [26.0, 60.0], [36.0, 60.0]];
        assert_eq!(refusal(&face(points)), Some(Doubt::Turned));
    }

    #[test]
    fn points_that_coincide_say_nothing() {
        assert_eq!(refusal(&face([[30.0, 30.0]; 5])), Some(Doubt::Degenerate));
        assert_eq!(refusal(&face([[f32::NAN; 2]; 5])), Some(Doubt::Degenerate));
    }

    #[test]
    fn a_small_face_is_not_either() {
        let small = face(FRONTAL).scaled(23.0 / 60.0);
        assert_eq!(refusal(&small), Some(Doubt::Small));
        assert_eq!(refusal(&face(FRONTAL).scaled(25.0 / 60.0)), None);
    }
}
