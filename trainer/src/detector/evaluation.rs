//! How well faces are found.

use anyhow::Result;
use burn::tensor::read_sync;
use glae_face::detector::decode::Face;
use glae_face::detector::manifest::Found;
use glae_face::detector::{Detector, Settings};

use super::labels::Labelled;

/// An answer counts as a face if the boxes overlap by at least this.
const SAME: f32 = 0.5;

/// Labels narrower than this many pixels are left out of recall, and answers that meet only such a label out of precision.
const LEAST_WIDTH: f32 = 20.0;

/// Detects in every photograph.
///
/// # Errors
/// The device fails.
pub fn detect(detector: &Detector, photos: &[Labelled], settings: Settings) -> Result<Vec<Vec<Face>>> {
    photos.iter().map(|labelled| Ok(read_sync(detector.detect(&labelled.photo, settings))?)).collect()
}

/// Compares answers (of any score; those below `least_score` are left out) with labels.
pub fn compare(photos: &[Labelled], answers: &[Vec<Face>], least_score: f32) -> Found {
    let (mut main, mut error, mut hits, mut labels, mut right, mut wrong) = (0, 0.0, 0, 0, 0, 0);
    for (labelled, answers) in photos.iter().zip(answers) {
        let answers: Vec<&Face> = answers.iter().filter(|face| face.score >= least_score).collect();
        let best = |label: &Face| {
            let same = answers.iter().copied().filter(|answer| answer.overlap(label) >= SAME);
            same.max_by(|a, b| a.overlap(label).total_cmp(&b.overlap(label)))
        };
        if let Some((label, answer)) = labelled.faces.first().and_then(|label| Some((label, best(label)?))) {
            main += 1;
            error += distance(label, answer);
        }
        let large = labelled.faces.iter().filter(|label| label.width >= LEAST_WIDTH);
        for label in large {
            labels += 1;
            hits += usize::from(best(label).is_some());
        }
        for answer in answers {
            let meets = labelled.faces.iter().filter(|label| answer.overlap(label) >= SAME);
            match meets.map(|label| label.width).reduce(f32::max) {
                Some(width) if width >= LEAST_WIDTH => right += 1,
                Some(_) => {}
                None => wrong += 1,
            }
        }
    }
    let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
    Found {
        photos: photos.len(),
        main: share(main, photos.len()),
        landmark_error: error / main.max(1) as f64,
        recall: share(hits, labels),
        precision: share(right, right + wrong),
        false_alarms: share(wrong, photos.len()),
    }
}

/// Mean distance of the points, in shares of the label's eye distance.
fn distance(label: &Face, answer: &Face) -> f64 {
    let apart = |a: [f32; 2], b: [f32; 2]| f64::from((a[0] - b[0]).hypot(a[1] - b[1]));
    let mean = label.points.iter().zip(answer.points).map(|(a, b)| apart(*a, b)).sum::<f64>() / 5.0;
    mean / apart(label.points[0], label.points[1]).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glae_face::RgbImage;

    fn face(x: f32, side: f32, score: f32) -> Face {
        let points = [[x, 0.0], [x + side / 2.0, 0.0], [x, 0.0], [x, 0.0], [x, 0.0]];
        Face { x, y: 0.0, width: side, height: side, points, score }
    }

    #[test]
    fn every_number_worked_by_hand() {
        let labelled = |faces| Labelled { file: "a".into(), photo: RgbImage::new(1, 1), faces };
        let photos = [
            labelled(vec![face(0.0, 40.0, 1.0), face(100.0, 30.0, 1.0), face(200.0, 10.0, 1.0)]),
            labelled(vec![face(0.0, 40.0, 1.0)]),
        ];
        // The main face 2 pixels off (eye distance 20), the small one, a false alarm; and a doubtful answer.
        let answers =
            [vec![face(2.0, 40.0, 0.9), face(200.0, 10.0, 0.8), face(300.0, 40.0, 0.7)], vec![face(0.0, 40.0, 0.2)]];
        let found = compare(&photos, &answers, 0.5);
        assert_eq!((found.photos, found.main, found.recall), (2, 0.5, 1.0 / 3.0));
        assert!((found.landmark_error - 0.1).abs() < 1e-6);
        assert_eq!((found.precision, found.false_alarms), (0.5, 0.5));
        assert_eq!(compare(&photos, &answers, 0.1).main, 1.0);
    }
}
