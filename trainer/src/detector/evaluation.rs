//! How well faces are found.

use anyhow::Result;
use burn::tensor::read_sync;
use glae_estimate::{Alone, Finder};
use glae_face::detector::decode::Face;
use glae_face::detector::manifest::DetectionRates;
use glae_face::detector::{Detector, DetectorSettings};

use super::labels::LabelledPhoto;

/// An answer counts as a face if the boxes overlap by at least this.
const SAME: f32 = 0.5;

/// Labels narrower than this many pixels are left out of recall, and answers that meet only such a label out of precision.
const LEAST_WIDTH: f32 = 20.0;

/// Least distance of the eyes in pixels where points are measured: the mesh's own are coarser in smaller faces.
const LEAST_APART: f64 = 24.0;

/// Eyes closer than this share of the box's width are those of a profile, and errors are divided by no less.
const PROFILE: f64 = 0.3;

/// Detects in every photograph.
///
/// # Errors
/// The device fails.
pub fn detect(detector: &Detector, photos: &[LabelledPhoto], settings: DetectorSettings) -> Result<Vec<Vec<Face>>> {
    photos.iter().map(|labelled| Ok(read_sync(detector.detect(&labelled.photo, settings))?)).collect()
}

/// Searches every photograph as the page does, in other turns and in tiles where that is called for.
///
/// # Errors
/// The device fails.
pub fn searched(finder: &Finder, photos: &[LabelledPhoto]) -> Result<Vec<Vec<Face>>> {
    photos.iter().map(|labelled| Ok(read_sync(finder.search(&labelled.photo, &Alone))?.faces)).collect()
}

/// Compares answers (of any score; those below `least_score` are left out) with labels.
pub fn compare(photos: &[LabelledPhoto], answers: &[Vec<Face>], least_score: f32) -> DetectionRates {
    let (mut main, mut hits, mut labels, mut right, mut wrong) = (0, 0, 0, 0, 0);
    let (mut frontal, mut profiles) = (Vec::new(), Vec::new());
    for (labelled, answers) in photos.iter().zip(answers) {
        let answers: Vec<&Face> = answers.iter().filter(|face| face.score >= least_score).collect();
        let best = |label: &Face| best(&answers, label);
        if let Some((label, answer)) = labelled.faces.first().and_then(|label| Some((label, best(label)?))) {
            main += 1;
            match distance(label, answer) {
                Some((error, false)) => frontal.push(error),
                Some((error, true)) => profiles.push(error),
                None => {}
            }
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
    let mean = |errors: &[f64]| errors.iter().fold(0.0, |sum, error| sum + error) / errors.len().max(1) as f64;
    DetectionRates {
        photos: photos.len(),
        main: share(main, photos.len()),
        landmark_error: mean(&frontal),
        landmark_median: median(&mut frontal),
        landmark_faces: frontal.len(),
        profile_error: mean(&profiles),
        profile_faces: profiles.len(),
        recall: share(hits, labels),
        precision: share(right, right + wrong),
        false_alarms: share(wrong, photos.len()),
    }
}

/// The photographs whose main face is not among the answers, and that face.
pub fn missed<'a>(photos: &'a [LabelledPhoto], answers: &[Vec<Face>], least_score: f32) -> Vec<(&'a str, &'a Face)> {
    let pairs = photos.iter().zip(answers).filter_map(|(labelled, answers)| {
        let label = labelled.faces.first()?;
        let answers: Vec<&Face> = answers.iter().filter(|face| face.score >= least_score).collect();
        best(&answers, label).is_none().then_some((labelled.file.as_str(), label))
    });
    pairs.collect()
}

/// The answer that meets a label best.
pub(super) fn best<'a>(answers: &[&'a Face], label: &Face) -> Option<&'a Face> {
    let same = answers.iter().copied().filter(|answer| answer.overlap(label) >= SAME);
    same.max_by(|a, b| a.overlap(label).total_cmp(&b.overlap(label)))
}

/// Mean distance of the points that are known, in shares of the label's eye distance or of [`PROFILE`] of its width, and
/// whether it is a profile. `None` where too little is known, or the face is too small.
fn distance(label: &Face, answer: &Face) -> Option<(f64, bool)> {
    let apart = |a: [f32; 2], b: [f32; 2]| f64::from((a[0] - b[0]).hypot(a[1] - b[1]));
    let (eyes, profile) = (apart(label.points[0], label.points[1]), PROFILE * f64::from(label.width));
    let known = label.points.iter().zip(answer.points).filter(|(point, _)| point[0].is_finite());
    let errors: Vec<f64> = known.map(|(a, b)| apart(*a, b)).collect();
    // An eye that is not known makes their distance NaN, which is not at least anything.
    (eyes >= LEAST_APART)
        .then(|| (errors.iter().sum::<f64>() / errors.len() as f64 / eyes.max(profile), eyes < profile))
}

/// The middle one, or the mean of both; 0 without any.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values {
        [] => 0.0,
        _ if values.len().is_multiple_of(2) => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glae_face::RgbImage;

    /// The eyes stand half of the side apart.
    fn face(x: f32, side: f32, score: f32) -> Face {
        let points = [[x, 0.0], [x + side / 2.0, 0.0], [x, 0.0], [x, 0.0], [x, 0.0]];
        Face { x, y: 0.0, width: side, height: side, points, score }
    }

    fn labelled(faces: Vec<Face>) -> LabelledPhoto {
        LabelledPhoto { file: "a".into(), photo: RgbImage::new(1, 1), faces }
    }

    #[test]
    fn every_number_worked_by_hand() {
        let photos = [
            labelled(vec![face(0.0, 80.0, 1.0), face(100.0, 30.0, 1.0), face(200.0, 10.0, 1.0)]),
            labelled(vec![face(0.0, 40.0, 1.0)]),
        ];
        // The main face 2 pixels off (eye distance 40), the small one, a false alarm; and a doubtful answer.
        let answers =
            [vec![face(2.0, 80.0, 0.9), face(200.0, 10.0, 0.8), face(300.0, 40.0, 0.7)], vec![face(0.0, 40.0, 0.2)]];
        let found = compare(&photos, &answers, 0.5);
        assert_eq!((found.photos, found.main, found.recall), (2, 0.5, 1.0 / 3.0));
        assert!((found.landmark_error - 0.05).abs() < 1e-6);
        assert_eq!((found.precision, found.false_alarms), (0.5, 0.5));
        let all = compare(&photos, &answers, 0.1);
        // The second main face's eyes stand 20 pixels apart: too few for its points to be measured.
        assert_eq!((all.main, all.landmark_faces, missed(&photos, &answers, 0.1)), (1.0, 1, vec![]));
        assert_eq!(missed(&photos, &answers, 0.5), [("a", &photos[1].faces[0])]);
    }

    #[test]
    fn unknown_points_do_not_count_and_profiles_stand_apart() {
        let mut half = face(0.0, 80.0, 1.0);
        half.points[2] = [f32::NAN; 2];
        let mut turned = face(0.0, 100.0, 1.0);
        turned.points[1] = [25.0, 0.0];
        let photos = [half, turned, face(0.0, 80.0, 1.0)].map(|face| labelled(vec![face]));
        let mut off = face(0.0, 80.0, 1.0);
        off.points[2] = [500.0, 0.0];
        off.points[3] = [8.0, 0.0];
        let found = compare(&photos, &[vec![off], vec![face(0.0, 100.0, 0.9)], vec![face(0.0, 80.0, 0.9)]], 0.5);
        // One of four known points is 8 of 40 pixels off; the other frontal face is right.
        assert_eq!((found.landmark_faces, found.landmark_error, found.landmark_median), (2, 0.025, 0.025));
        // One of five points is 25 pixels off, and 0.3 of the width are 30.
        assert!((found.profile_error - 5.0 / 30.0).abs() < 1e-6 && found.profile_faces == 1, "{found:?}");
    }
}
