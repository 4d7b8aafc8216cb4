//! A second look at each face that was found: cut out upright and always as large, as it is and mirrored. Where all three
//! looks see the points, their mean is nearer than each; and what was no face seldom looks like one again. Weights of its
//! own, which have learned such cut-outs alone, see the points better than the first look: then theirs count alone.

use image::RgbImage;
use image::imageops::{flip_horizontal, rotate90, rotate180, rotate270};

use super::decode::{Face, LEAST_VOTE, decode, suppress};
use super::network::OUTPUTS;
use super::planes;
use crate::similarity::Similarity;

/// Side of the square that is cut out, in pixels.
pub const SIDE: usize = 128;

/// Longer side of the face's box in that square, in pixels.
pub const FACE: f32 = 72.0;

/// Faces with a lower score at the first look get no second one; 0 to 1.
pub(super) const LEAST_SCORE: f32 = 0.4;

/// Most faces that are looked at again, those with the highest scores.
pub(super) const MOST_FACES: usize = 64;

/// Faces in one forward pass, each as two images.
pub(super) const TOGETHER: usize = 8;

/// Least intersection over union of an answer with the box where the face is expected.
const SAME: f32 = 0.35;

/// How much the first look's points weigh beside those of a second look with weights of its own.
const BESIDE_OWN: f32 = 1e-3;

/// How much the first look's box weighs beside those of a second look with weights of its own: it counts less, because the
/// second look sees every face at the size that its weights have learned.
const BOX_BESIDE_OWN: f32 = 0.5;

/// Eyes, nose and corners of the mouth of an upright face, in shares of its box; only their direction is used.
pub(super) const UPRIGHT: [[f32; 2]; 5] = [[0.31, 0.46], [0.69, 0.46], [0.5, 0.64], [0.35, 0.82], [0.65, 0.82]];

/// From pixels of a photograph to those of the square that is cut out around a face. `None` where the face has no extent.
pub fn cut_out(face: &Face) -> Option<Similarity> {
    let upright = Similarity::between(&face.points, &UPRIGHT)?;
    let (turn, size) = (upright.scale(), face.width.max(face.height));
    if !(turn > 0.0 && size > 0.0) {
        return None;
    }
    let scale = FACE / size / turn;
    let (a, b) = (upright.a * scale, upright.b * scale);
    let [x, y] = face.middle();
    let middle = SIDE as f32 / 2.0;
    Some(Similarity { a, b, tx: middle - a * x + b * y, ty: middle - b * x - a * y })
}

/// A face cut out.
pub(super) struct CutOut {
    face: Face,
    /// From pixels of the cut-out square to pixels of the photograph.
    back: Similarity,
    /// The network's input, `[3, SIDE, SIDE]`: the square that was cut out, and its mirror image.
    pub(super) planes: [Vec<f32>; 2],
    /// The face in pixels of that square.
    expected: Face,
    /// That square.
    cut: RgbImage,
}

impl CutOut {
    /// `None` where the face has no extent.
    pub(super) fn new(photo: &RgbImage, face: &Face) -> Option<Self> {
        let transform = cut_out(face)?;
        let back = transform.inverse()?;
        let cut = transform.warp(photo, SIDE as u32)?;
        let size = face.width.max(face.height);
        let [width, height] = [face.width, face.height].map(|length| length * FACE / size);
        let middle = SIDE as f32 / 2.0;
        let points = face.points.map(|point| transform.apply(point));
        let expected =
            Face { x: middle - width / 2.0, y: middle - height / 2.0, width, height, points, score: face.score };
        let planes = [planes(&cut).0, planes(&flip_horizontal(&cut)).0];
        Some(Self { face: *face, back, planes, expected, cut })
    }

    /// The network's input for the square turned clockwise by no, one, two and three quarters.
    pub(super) fn turned(&self) -> [Vec<f32>; 4] {
        let cut = &self.cut;
        [planes(cut).0, planes(&rotate90(cut)).0, planes(&rotate180(cut)).0, planes(&rotate270(cut)).0]
    }

    /// How sure the network is, 0 to 1, of a face where this one lies in the square turned by so many quarters; `answers` are
    /// its to that.
    pub(super) fn score(&self, answers: &[f32], quarters: usize, most_overlap: f32) -> f32 {
        let Face { width, height, .. } = self.expected;
        let [width, height] = if quarters.is_multiple_of(2) { [width, height] } else { [height, width] };
        let middle = SIDE as f32 / 2.0;
        let expected = Face { x: middle - width / 2.0, y: middle - height / 2.0, width, height, ..self.expected };
        let found = suppress(decode(answers, SIDE, SIDE, LEAST_VOTE), most_overlap);
        let there = found.iter().filter(|face| face.overlap(&expected) >= SAME);
        there.map(|face| face.score).fold(0.0, f32::max)
    }

    /// The face after all looks; `answers` are the network's to both planes, by weights of the second look's `own` or by
    /// those of the first look.
    pub(super) fn seen(&self, answers: [&[f32]; 2], own: bool, most_overlap: f32) -> Face {
        let mut face = self.face;
        // Small enough to be outvoted by any second look, and what is left where there is none.
        let first = if own { face.score * BESIDE_OWN } else { face.score };
        let mut points = face.points.map(|point| point.map(|value| value * first));
        let (mut weight, mut score) = (first, face.score);
        // Middle, width and height.
        let [x, y] = face.middle();
        let mut frame = [x, y, face.width, face.height].map(|value| value * face.score * BOX_BESIDE_OWN);
        let mut frame_weight = face.score * BOX_BESIDE_OWN;
        for (answers, mirrored) in answers.into_iter().zip([false, true]) {
            debug_assert_eq!(answers.len() % OUTPUTS, 0);
            let found = suppress(decode(answers, SIDE, SIDE, LEAST_VOTE), most_overlap);
            let found = found.into_iter().map(|face| if mirrored { face.mirrored(SIDE as f32) } else { face });
            let overlap = |face: &Face| face.overlap(&self.expected);
            let best = found.max_by(|a, b| overlap(a).total_cmp(&overlap(b))).filter(|face| overlap(face) >= SAME);
            let Some(best) = best else { continue };
            score += best.score;
            weight += best.score;
            let ([x, y], scale) = (self.back.apply(best.middle()), self.back.scale());
            // Of a face that lies on its side in the photograph the box does, too.
            let lies = self.back.b.abs() > self.back.a.abs();
            let [width, height] = if lies { [best.height, best.width] } else { [best.width, best.height] };
            let seen = [x, y, width * scale, height * scale];
            frame.iter_mut().zip(seen).for_each(|(sum, value)| *sum += value * best.score);
            frame_weight += best.score;
            for (sum, point) in points.iter_mut().zip(best.points) {
                let point = self.back.apply(point);
                (0..2).for_each(|axis| sum[axis] += point[axis] * best.score);
            }
        }
        face.points = points.map(|point| point.map(|sum| sum / weight));
        if own && frame_weight > 0.0 {
            let [x, y, width, height] = frame.map(|sum| sum / frame_weight);
            (face.x, face.y, face.width, face.height) = (x - width / 2.0, y - height / 2.0, width, height);
        }
        // A look that saw no face counts as a score of zero.
        face.score = score / 3.0;
        face
    }
}

#[cfg(test)]
mod tests {
    use super::super::decode::priors;
    use super::*;

    /// A face that leans, in a photograph of 300 x 200 pixels.
    fn face() -> Face {
        let lean = Similarity { a: 57.0, b: 18.0, tx: 120.0, ty: 40.0 };
        Face { x: 105.0, y: 45.0, width: 60.0, height: 75.0, points: UPRIGHT.map(|p| lean.apply(p)), score: 0.9 }
    }

    fn sight() -> CutOut {
        CutOut::new(&RgbImage::new(300, 200), &face()).unwrap()
    }

    /// What the network answers when it sees this face with a score of 0.9, and nothing else.
    fn answers(face: Option<&Face>) -> Vec<f32> {
        let priors = priors(SIDE, SIDE);
        let mut all = vec![0f32; priors.len() * OUTPUTS];
        all.chunks_exact_mut(OUTPUTS).for_each(|answer| (answer[0], answer[5]) = (-20.0, -20.0));
        let Some(face) = face else { return all };
        let index = priors.iter().position(|prior| (prior.x, prior.y, prior.stride) == (64.0, 64.0, 16.0)).unwrap();
        let (prior, answer) = (priors[index], &mut all[index * OUTPUTS..][..OUTPUTS]);
        let logit = (0.9f32 / 0.1).ln();
        let [x, y] = face.middle();
        let numbers = [
            logit,
            (x - prior.x) / prior.stride,
            (y - prior.y) / prior.stride,
            (face.width / prior.stride).ln(),
            (face.height / prior.stride).ln(),
            logit,
        ];
        answer[..6].copy_from_slice(&numbers);
        for (pair, point) in answer[6..].chunks_exact_mut(2).zip(face.points) {
            pair.copy_from_slice(&[(point[0] - prior.x) / prior.stride, (point[1] - prior.y) / prior.stride]);
        }
        all
    }

    fn assert_near(a: [[f32; 2]; 5], b: [[f32; 2]; 5]) {
        for (a, b) in a.as_flattened().iter().zip(b.as_flattened()) {
            assert!((a - b).abs() < 1e-3, "{a} instead of {b}");
        }
    }

    #[test]
    fn what_is_cut_out_is_upright_and_always_as_large() {
        let CutOut { expected, back, .. } = sight();
        let [left, right, ..] = expected.points;
        assert!((left[1] - right[1]).abs() < 1e-3 && left[0] < right[0], "the eyes do not stand level");
        assert_eq!((expected.height, expected.middle()), (FACE, [64.0, 64.0]));
        assert_near(expected.points.map(|point| back.apply(point)), face().points);
    }

    #[test]
    fn three_looks_that_agree_change_nothing() {
        let sight = sight();
        let mirrored = sight.expected.mirrored(SIDE as f32);
        let seen = sight.seen([&answers(Some(&sight.expected)), &answers(Some(&mirrored))], false, 0.4);
        assert_near(seen.points, face().points);
        assert!((seen.score - 0.9).abs() < 1e-4);
        assert_eq!((seen.x, seen.width), (face().x, face().width));
    }

    #[test]
    fn the_points_are_the_mean_of_the_looks() {
        let sight = sight();
        let aside = Face { points: sight.expected.points.map(|[x, y]| [x + 3.0, y]), ..sight.expected };
        let seen = sight.seen([&answers(Some(&aside)), &answers(None)], false, 0.4);
        // Half of three pixels along the turned axis.
        let off = (sight.back.a * 1.5, sight.back.b * 1.5);
        assert_near(seen.points, face().points.map(|[x, y]| [x + off.0, y + off.1]));
        assert!((seen.score - 0.6).abs() < 1e-4, "{}", seen.score);
    }

    #[test]
    fn weights_of_its_own_place_the_points_alone() {
        let sight = sight();
        let aside = Face { points: sight.expected.points.map(|[x, y]| [x + 3.0, y]), ..sight.expected };
        let seen = sight.seen([&answers(Some(&aside)), &answers(None)], true, 0.4);
        let off = (sight.back.a * 3.0, sight.back.b * 3.0);
        let expected = face().points.map(|[x, y]| [x + off.0, y + off.1]);
        assert!(seen.points.as_flattened().iter().zip(expected.as_flattened()).all(|(a, b)| (a - b).abs() < 0.02));
        // One answer of 0.9 three pixels aside is not outvoted by the first look's box at half its score.
        let box_aside = Face { x: sight.expected.x + 3.0, ..sight.expected };
        let moved = sight.seen([&answers(Some(&box_aside)), &answers(None)], true, 0.4).middle();
        for (moved, (from, by)) in moved.iter().zip(face().middle().into_iter().zip([off.0, off.1])) {
            assert!((moved - from - by / 1.5).abs() < 1e-3, "{moved} instead of {}", from + by / 1.5);
        }
        // Where neither look saw a face, the first one's points are left.
        assert_near(sight.seen([&answers(None), &answers(None)], true, 0.4).points, face().points);
    }

    #[test]
    fn the_box_of_a_face_on_its_side_lies_on_its_side_too() {
        let side = Similarity { a: 0.0, b: 60.0, tx: 180.0, ty: 60.0 };
        let face = Face { width: 75.0, height: 60.0, points: UPRIGHT.map(|p| side.apply(p)), ..face() };
        let sight = CutOut::new(&RgbImage::new(300, 200), &face).unwrap();
        let [width, height] = [sight.expected.height, sight.expected.width];
        let middle = SIDE as f32 / 2.0;
        let upright = Face { x: middle - width / 2.0, y: middle - height / 2.0, width, height, ..sight.expected };
        let mirrored = upright.mirrored(SIDE as f32);
        let seen = sight.seen([&answers(Some(&upright)), &answers(Some(&mirrored))], true, 0.4);
        for (seen, was) in [(seen.x, face.x), (seen.y, face.y), (seen.width, 75.0), (seen.height, 60.0)] {
            assert!((seen - was).abs() < 1e-2, "{seen} instead of {was}");
        }
    }

    #[test]
    fn what_is_not_seen_again_loses_its_score_and_another_face_does_not_count() {
        let sight = sight();
        let elsewhere = Face { x: sight.expected.x + 45.0, ..sight.expected };
        for other in [None, Some(&elsewhere)] {
            let seen = sight.seen([&answers(other), &answers(None)], false, 0.4);
            assert_near(seen.points, face().points);
            assert!((seen.score - 0.3).abs() < 1e-6);
        }
    }

    #[test]
    fn a_face_without_extent_is_not_looked_at_again() {
        let point = Face { points: [[5.0, 5.0]; 5], ..face() };
        assert!(CutOut::new(&RgbImage::new(10, 10), &point).is_none());
    }
}
