//! From the network's numbers to faces: priors, boxes, points, and which of several answers to one face stays.

use serde::{Deserialize, Serialize};

use super::network::{OUTPUTS, STRIDES};

/// Least intersection over union of two boxes that vote on the same face.
const SAME: f32 = 0.5;

/// Answers with a lower score do not vote on where a face is; 0 to 1.
pub(super) const LEAST_VOTE: f32 = 0.3;

/// A face in a photograph, in its pixels. Parts may lie outside the photograph.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Face {
    /// Left edge of the box.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width of the box.
    pub width: f32,
    /// Height of the box.
    pub height: f32,
    /// Image-left eye, image-right eye, nose tip, image-left and image-right corner of the mouth.
    pub points: [[f32; 2]; 5],
    /// How sure the network is, 0 to 1.
    pub score: f32,
}

impl Face {
    /// The same face in a photograph `factor` times as large.
    pub fn scaled(&self, factor: f32) -> Self {
        Self {
            x: self.x * factor,
            y: self.y * factor,
            width: self.width * factor,
            height: self.height * factor,
            points: self.points.map(|point| point.map(|value| value * factor)),
            score: self.score,
        }
    }

    /// The middle of the box.
    pub fn middle(&self) -> [f32; 2] {
        [self.x + self.width / 2.0, self.y + self.height / 2.0]
    }

    /// The same face in the mirror image of a photograph that is `width` pixels wide.
    pub fn mirrored(&self, width: f32) -> Self {
        let [right_eye, left_eye, nose, right_mouth, left_mouth] = self.points.map(|[x, y]| [width - x, y]);
        let points = [left_eye, right_eye, nose, left_mouth, right_mouth];
        Self { x: width - self.x - self.width, points, ..*self }
    }

    /// Intersection over union of the two boxes, 0 to 1.
    pub fn overlap(&self, other: &Self) -> f32 {
        let shared = |from: f32, length: f32, other_from: f32, other_length: f32| {
            ((from + length).min(other_from + other_length) - from.max(other_from)).max(0.0)
        };
        let both =
            shared(self.x, self.width, other.x, other.width) * shared(self.y, self.height, other.y, other.height);
        let either = self.width * self.height + other.width * other.height - both;
        if either > 0.0 { both / either } else { 0.0 }
    }
}

/// A place the network answers for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    /// Pixels from the left: column times stride.
    pub x: f32,
    /// Pixels from the top: row times stride.
    pub y: f32,
    /// Pixels between neighbouring priors of its level: 8, 16 or 32.
    pub stride: f32,
}

/// All priors of an input of `width` x `height` pixels (multiples of 32), in the order of the network's answers: level by
/// level, row by row.
pub fn priors(width: usize, height: usize) -> Vec<Prior> {
    let level = |stride: usize| {
        (0..height / stride).flat_map(move |row| {
            (0..width / stride).map(move |column| Prior {
                x: (column * stride) as f32,
                y: (row * stride) as f32,
                stride: stride as f32,
            })
        })
    };
    STRIDES.into_iter().flat_map(level).collect()
}

/// Reads the answers (`[priors, 16]`, row-major) for an input of `width` x `height` pixels; faces with a score of at least
/// `least_score`, in the order of the priors.
///
/// # Panics
/// If there is not one answer for each prior.
pub fn decode(answers: &[f32], width: usize, height: usize, least_score: f32) -> Vec<Face> {
    let mut faces = read_all(answers, &priors(width, height));
    // A wild answer's box may be too large for a number.
    faces.retain(|face| face.score >= least_score && face.width.is_finite() && face.height.is_finite());
    faces
}

/// The face of each prior, whatever its score.
///
/// # Panics
/// If there is not one answer for each prior.
pub fn read_all(answers: &[f32], priors: &[Prior]) -> Vec<Face> {
    assert_eq!(answers.len(), priors.len() * OUTPUTS, "one answer for each prior");
    priors.iter().zip(answers.chunks_exact(OUTPUTS)).map(|(prior, answer)| face(prior, answer)).collect()
}

/// One prior's answer, 16 numbers. 0: logit of the class. 1 to 4: the box's middle (dx, dy from the prior, in strides),
/// then ln width and ln height (in strides). 5: logit of objectness. 6 to 15: five points, x and y from the prior, in
/// strides.
///
/// The score is the geometric mean of both probabilities, as published.
fn face(prior: &Prior, answer: &[f32]) -> Face {
    let Prior { x, y, stride } = *prior;
    let (width, height) = (answer[3].exp() * stride, answer[4].exp() * stride);
    Face {
        x: x + answer[1] * stride - width / 2.0,
        y: y + answer[2] * stride - height / 2.0,
        width,
        height,
        points: std::array::from_fn(|k| [x + answer[6 + 2 * k] * stride, y + answer[7 + 2 * k] * stride]),
        score: (sigmoid(answer[0]) * sigmoid(answer[5])).sqrt(),
    }
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// Non-maximum suppression with votes: from the surest face down, each stays unless it overlaps one that stayed by more
/// than `most_overlap`. What stays keeps its score; its box and points become the mean over all answers to the same face,
/// weighted by their scores (Bazarevsky et al., "BlazeFace", 2019): neighbouring priors err differently.
pub fn suppress(faces: Vec<Face>, most_overlap: f32) -> Vec<Face> {
    distinct(faces.clone(), most_overlap).iter().map(|face| voted(face, &faces)).collect()
}

/// From the surest face down, each stays unless it overlaps one that stayed by more than `most_overlap`.
pub(super) fn distinct(mut faces: Vec<Face>, most_overlap: f32) -> Vec<Face> {
    faces.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Face> = Vec::new();
    for face in faces {
        if kept.iter().all(|other| face.overlap(other) <= most_overlap) {
            kept.push(face);
        }
    }
    kept
}

/// The mean of all answers that vote on `face`, weighted by score. Without another vote `face` stays the same to the last
/// bit.
fn voted(face: &Face, answers: &[Face]) -> Face {
    let speaks = |answer: &&Face| answer.score >= LEAST_VOTE && answer.overlap(face) >= SAME;
    let votes: Vec<&Face> = answers.iter().filter(speaks).collect();
    if votes.len() < 2 {
        return *face;
    }
    let total: f32 = votes.iter().map(|vote| vote.score).sum();
    let mean = |value: &dyn Fn(&Face) -> f32| votes.iter().map(|vote| vote.score * value(vote)).sum::<f32>() / total;
    Face {
        x: mean(&|vote| vote.x),
        y: mean(&|vote| vote.y),
        width: mean(&|vote| vote.width),
        height: mean(&|vote| vote.height),
        points: std::array::from_fn(|k| [0, 1].map(|axis| mean(&|vote| vote.points[k][axis]))),
        score: face.score,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f32, score: f32) -> Face {
        Face { x, y: 0.0, width: 10.0, height: 10.0, points: [[x, 0.0]; 5], score }
    }

    #[test]
    fn priors_stand_level_by_level_and_row_by_row() {
        let priors = priors(64, 32);
        assert_eq!(priors.len(), 8 * 4 + 4 * 2 + 2);
        assert_eq!(priors[9], Prior { x: 8.0, y: 8.0, stride: 8.0 });
        assert_eq!(priors[32 + 4], Prior { x: 0.0, y: 16.0, stride: 16.0 });
        assert_eq!(priors[41], Prior { x: 32.0, y: 0.0, stride: 32.0 });
    }

    #[test]
    fn one_answer_is_read_as_published() {
        let mut answers = vec![-20.0; 21 * OUTPUTS];
        // The second prior of stride 16 in a 32 x 32 input: (16, 0).
        let own = &mut answers[17 * OUTPUTS..][..OUTPUTS];
        own.copy_from_slice(&[0.0, 0.5, 1.0, 2f32.ln(), 0.0, 0.0, 0.25, 1.0, 0., 0., 0., 0., 0., 0., -1.0, 2.0]);
        let faces = decode(&answers, 32, 32, 0.4);
        assert_eq!(faces.len(), 1);
        let Face { x, y, width, height, points, score } = faces[0];
        assert_eq!((x, y, width, height), (24.0 - 16.0, 16.0 - 8.0, 32.0, 16.0));
        assert_eq!((points[0], points[1], points[4]), ([20.0, 16.0], [16.0, 0.0], [0.0, 32.0]));
        assert!((score - 0.5).abs() < 1e-6);
    }

    #[test]
    fn a_box_of_infinite_size_is_no_face() {
        let mut answers = vec![-20.0; 21 * OUTPUTS];
        answers[..OUTPUTS].copy_from_slice(&[9.0, 0.0, 0.0, 900.0, 0.0, 9.0, 0., 0., 0., 0., 0., 0., 0., 0., 0., 0.]);
        assert_eq!(decode(&answers, 32, 32, 0.5), []);
    }

    #[test]
    fn the_surest_of_overlapping_faces_stays_where_all_say_it_is() {
        let kept = suppress(vec![at(0.0, 0.6), at(2.0, 0.9), at(30.0, 0.6)], 0.4);
        // (0 * 0.6 + 2 * 0.9) / 1.5; the other face has one answer only.
        assert!((kept[0].x - 1.2).abs() < 1e-6 && (kept[0].points[4][0] - 1.2).abs() < 1e-6);
        assert_eq!((kept[0].width, kept[0].score), (10.0, 0.9));
        assert_eq!(kept[1..], [at(30.0, 0.6)]);
        // Overlap by a third stays at 0.4 and goes at 0.3.
        assert_eq!(suppress(vec![at(0.0, 0.7), at(5.0, 0.9)], 0.4).len(), 2);
        assert_eq!(suppress(vec![at(0.0, 0.7), at(5.0, 0.9)], 0.3).len(), 1);
    }

    #[test]
    fn a_mirrored_face_keeps_the_order_of_its_points() {
        let points = [[2.0, 1.0], [6.0, 1.5], [4.0, 3.0], [3.0, 5.0], [5.0, 5.5]];
        let face = Face { points, ..at(1.0, 0.9) };
        let mirrored = face.mirrored(20.0);
        assert_eq!((mirrored.x, mirrored.points[0], mirrored.points[4]), (9.0, [14.0, 1.5], [17.0, 5.0]));
        assert_eq!(mirrored.mirrored(20.0), face);
    }

    #[test]
    fn boxes_without_area_overlap_nothing() {
        let point = Face { width: 0.0, height: 0.0, ..at(0.0, 1.0) };
        assert_eq!(point.overlap(&point), 0.0);
    }
}
