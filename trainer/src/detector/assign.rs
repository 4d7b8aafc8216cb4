//! SimOTA: which priors answer for which face (Ge et al., "YOLOX", 2021, with YuNet's constants).

use glae_face::detector::decode::{Face, Prior};

/// A prior counts as close to a face within this many strides of its middle, along both axes.
const RADIUS: f32 = 2.5;

/// So many of the best overlaps decide how many priors a face gets.
const CANDIDATES: usize = 10;

/// Weight of the overlap beside the score.
const OVERLAP_WEIGHT: f32 = 3.0;

/// Added for priors that are not both inside a face and close to its middle.
const FAR: f32 = 1e5;

/// A prior that answers for a face.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// Index of the prior.
    pub prior: usize,
    /// Index of the face.
    pub face: usize,
    /// Intersection over union of what the prior answered now and the face.
    pub overlap: f32,
}

/// Assigns priors to faces by what the network answers now (`answers[i]` is prior i's face, in pixels). In the order of
/// the priors.
pub fn assign(priors: &[Prior], answers: &[Face], faces: &[Face]) -> Vec<Match> {
    // For each prior the best offer so far, with its cost.
    let mut taken: Vec<Option<(f32, Match)>> = vec![None; priors.len()];
    for (index, face) in faces.iter().enumerate() {
        let mut offers: Vec<(f32, Match)> = priors
            .iter()
            .zip(answers)
            .enumerate()
            .filter_map(|(prior, (place, answer))| {
                let (inside, close) = standing(place, face);
                if !inside && !close {
                    return None;
                }
                let overlap = answer.overlap(face);
                // The score is the root of two probabilities: its cross entropy against 1.
                let score = -answer.score.max(1e-7).ln();
                let far = if inside && close { 0.0 } else { FAR };
                let cost = score - OVERLAP_WEIGHT * overlap.max(1e-7).ln() + far;
                Some((cost, Match { prior, face: index, overlap }))
            })
            .collect();
        let mut overlaps: Vec<f32> = offers.iter().map(|(_, offer)| offer.overlap).collect();
        overlaps.sort_by(|a, b| b.total_cmp(a));
        let wanted = (overlaps.iter().take(CANDIDATES).sum::<f32>() as usize).max(1);
        offers.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (cost, offer) in offers.into_iter().take(wanted) {
            let place = &mut taken[offer.prior];
            if place.is_none_or(|(other, _)| cost < other) {
                *place = Some((cost, offer));
            }
        }
    }
    taken.into_iter().flatten().map(|(_, offer)| offer).collect()
}

/// Whether the middle of the prior's cell lies in the face's box, and whether it is close to the middle of the box.
fn standing(prior: &Prior, face: &Face) -> (bool, bool) {
    let (x, y) = (prior.x + prior.stride / 2.0, prior.y + prior.stride / 2.0);
    let inside = x > face.x && x < face.x + face.width && y > face.y && y < face.y + face.height;
    let (dx, dy) = (x - face.x - face.width / 2.0, y - face.y - face.height / 2.0);
    let reach = RADIUS * prior.stride;
    (inside, dx.abs() < reach && dy.abs() < reach)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glae_face::detector::decode::priors;

    fn face(x: f32, y: f32, side: f32) -> Face {
        Face { x, y, width: side, height: side, points: [[0.0; 2]; 5], score: 0.5 }
    }

    #[test]
    fn a_face_gets_priors_at_its_middle_and_at_least_one() {
        let priors = priors(64, 64);
        // Every prior answers with a useless box: no overlap, so one prior per face.
        let answers = vec![face(500.0, 500.0, 1.0); priors.len()];
        let matches = assign(&priors, &answers, &[face(16.0, 16.0, 32.0)]);
        assert_eq!(matches.len(), 1);
        assert_eq!(standing(&priors[matches[0].prior], &face(16.0, 16.0, 32.0)), (true, true));
        assert_eq!(assign(&priors, &answers, &[]), []);
    }

    #[test]
    fn good_answers_bring_more_priors_and_the_best_ones() {
        let priors = priors(64, 64);
        let target = face(16.0, 16.0, 32.0);
        // Three priors near the middle answer perfectly.
        let middle: Vec<usize> =
            (0..priors.len()).filter(|p| standing(&priors[*p], &target) == (true, true)).take(3).collect();
        let mut answers = vec![face(500.0, 500.0, 1.0); priors.len()];
        middle.iter().for_each(|p| answers[*p] = target);
        let matches = assign(&priors, &answers, &[target]);
        assert_eq!(matches.iter().map(|m| m.prior).collect::<Vec<_>>(), middle);
        assert!(matches.iter().all(|m| m.overlap == 1.0));
    }

    #[test]
    fn two_faces_do_not_share_a_prior() {
        let priors = priors(64, 64);
        let faces = [face(8.0, 8.0, 40.0), face(12.0, 12.0, 40.0)];
        let answers = vec![face(10.0, 10.0, 40.0); priors.len()];
        let matches = assign(&priors, &answers, &faces);
        let mut own: Vec<usize> = matches.iter().map(|m| m.prior).collect();
        own.dedup();
        assert_eq!(own.len(), matches.len());
    }
}
