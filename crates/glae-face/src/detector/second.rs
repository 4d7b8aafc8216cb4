//! A second look at each face that was found: cut out upright and always as large, as it is and mirrored. Where all three
//! looks see the points, their mean is nearer than each; and what was no face seldom looks like one again.

use image::RgbImage;
use image::imageops::flip_horizontal;

use super::decode::{Face, LEAST_VOTE, decode, suppress};
use super::network::OUTPUTS;
use super::planes;
use crate::similarity::Similarity;

/// Side of what is cut out, in pixels.
pub(super) const SIDE: usize = 128;

/// Longer side of the face in it.
const FACE: f32 = 72.0;

/// What was looked at first with less than this is not looked at again.
pub(super) const LEAST_SCORE: f32 = 0.4;

/// At most so many faces are looked at again, the surest ones.
pub(super) const MOST_FACES: usize = 64;

/// So many faces go through the network together.
pub(super) const TOGETHER: usize = 8;

/// Boxes that overlap by less are another face's.
const SAME: f32 = 0.35;

/// Eyes, nose and corners of the mouth of an upright face.
const UPRIGHT: [[f32; 2]; 5] = [[0.31, 0.46], [0.69, 0.46], [0.5, 0.64], [0.35, 0.82], [0.65, 0.82]];

/// A face cut out.
pub(super) struct Sight {
    face: Face,
    /// From what was cut out to the photograph.
    back: Similarity,
    /// The planes of what was cut out, and of its mirror image.
    pub(super) planes: [Vec<f32>; 2],
    /// Where the face lies in it.
    expected: Face,
}

impl Sight {
    /// `None` where the face has no extent.
    pub(super) fn new(photo: &RgbImage, face: &Face) -> Option<Self> {
        let upright = Similarity::between(&face.points, &UPRIGHT)?;
        let (turn, size) = (upright.scale(), face.width.max(face.height));
        if !(turn > 0.0 && size > 0.0) {
            return None;
        }
        let scale = FACE / size / turn;
        let (a, b) = (upright.a * scale, upright.b * scale);
        let [x, y] = face.middle();
        let middle = SIDE as f32 / 2.0;
        let transform = Similarity { a, b, tx: middle - a * x + b * y, ty: middle - b * x - a * y };
        let back = transform.inverse()?;
        let cut = transform.warp(photo, SIDE as u32)?;
        let [width, height] = [face.width, face.height].map(|length| length * FACE / size);
        let points = face.points.map(|point| transform.apply(point));
        let expected =
            Face { x: middle - width / 2.0, y: middle - height / 2.0, width, height, points, score: face.score };
        Some(Self { face: *face, back, planes: [planes(&cut).0, planes(&flip_horizontal(&cut)).0], expected })
    }

    /// The face after all looks; `answers` are the network's to both planes.
    pub(super) fn seen(&self, answers: [&[f32]; 2], most_overlap: f32) -> Face {
        let mut face = self.face;
        let mut points = face.points.map(|point| point.map(|value| value * face.score));
        let (mut weight, mut score) = (face.score, face.score);
        for (answers, mirrored) in answers.into_iter().zip([false, true]) {
            debug_assert_eq!(answers.len() % OUTPUTS, 0);
            let found = suppress(decode(answers, SIDE, SIDE, LEAST_VOTE), most_overlap);
            let found = found.into_iter().map(|face| if mirrored { face.mirrored(SIDE as f32) } else { face });
            let overlap = |face: &Face| face.overlap(&self.expected);
            let best = found.max_by(|a, b| overlap(a).total_cmp(&overlap(b))).filter(|face| overlap(face) >= SAME);
            let Some(best) = best else { continue };
            score += best.score;
            weight += best.score;
            for (sum, point) in points.iter_mut().zip(best.points) {
                let point = self.back.apply(point);
                (0..2).for_each(|axis| sum[axis] += point[axis] * best.score);
            }
        }
        face.points = points.map(|point| point.map(|sum| sum / weight));
        // A look that saw no face counts as a score of zero.
        face.score = score / 3.0;
        face
    }
}
