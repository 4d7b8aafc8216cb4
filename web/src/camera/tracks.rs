//! Faces followed from picture to picture, their ages smoothed over time.

use glae_estimate::Seen;
use glae_face::detector::decode::Face;
use glae_face::detector::trust::Doubt;
use glae_model::Route;

/// A new picture counts as much as all older ones together when it comes this many milliseconds after the last one, times
/// ln 2: the time constant of an exponential mean.
const MEMORY_MS: f64 = 1200.0;

/// Boxes that overlap by at least this (intersection over union) are one face.
const SAME: f32 = 0.25;

/// A face that was not seen for so long is gone.
const GONE_MS: f64 = 600.0;

/// A face in front of the camera.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// Names it for as long as it is followed.
    pub id: u32,
    /// Where it was seen last, in pixels of the picture.
    pub face: Face,
    /// Why there was no estimate in the last picture.
    pub doubt: Option<Doubt>,
    /// Smoothed over time.
    pub age: Option<Age>,
    /// When it was seen last, in milliseconds.
    seen_ms: f64,
}

/// An age that settles.
#[derive(Clone, Debug, PartialEq)]
pub struct Age {
    /// Mean of the smoothed distribution, in years.
    pub years: f32,
    /// The last picture's own estimate.
    pub raw_years: f32,
    /// The classifier that answered for the last picture.
    pub route: Route,
    /// Smoothed, ages 0 to 100.
    pub distribution: Vec<f32>,
    /// When the last estimate came, in milliseconds.
    at_ms: f64,
}

/// All faces that are followed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tracks {
    list: Vec<Track>,
    last_id: u32,
}

impl Tracks {
    /// Takes in what was seen at a time; answers with the faces in this picture, from left to right.
    pub fn update(&mut self, now_ms: f64, seen: &[Seen]) -> Vec<Track> {
        self.list.retain(|track| now_ms - track.seen_ms <= GONE_MS);
        let mut free: Vec<usize> = (0..self.list.len()).collect();
        let mut in_picture = Vec::new();
        for (face, seen) in seen.iter().filter_map(|seen| Some((seen.face?, seen))) {
            let overlap = |index: &usize| self.list[*index].face.overlap(&face);
            let best = (0..free.len()).max_by(|a, b| overlap(&free[*a]).total_cmp(&overlap(&free[*b])));
            let index = match best.filter(|best| overlap(&free[*best]) >= SAME) {
                Some(best) => free.swap_remove(best),
                None => {
                    self.last_id += 1;
                    self.list.push(Track { id: self.last_id, face, doubt: None, age: None, seen_ms: now_ms });
                    self.list.len() - 1
                }
            };
            let track = &mut self.list[index];
            let refused = seen.doubt.filter(|doubt| doubt.refuses());
            (track.face, track.doubt, track.seen_ms) = (face, refused, now_ms);
            if let Some(estimate) = &seen.estimate {
                let new = || Age {
                    years: estimate.years,
                    raw_years: estimate.years,
                    route: estimate.route,
                    distribution: estimate.distribution.clone(),
                    at_ms: now_ms,
                };
                match &mut track.age {
                    Some(age) => age.settle(now_ms, &estimate.distribution, estimate.years, estimate.route),
                    None => track.age = Some(new()),
                }
            }
            in_picture.push(track.clone());
        }
        in_picture.sort_by(|a, b| a.face.x.total_cmp(&b.face.x));
        in_picture
    }
}

impl Age {
    fn settle(&mut self, now_ms: f64, distribution: &[f32], years: f32, route: Route) {
        let share = 1.0 - (-(now_ms - self.at_ms).max(0.0) / MEMORY_MS).exp();
        for (old, new) in self.distribution.iter_mut().zip(distribution) {
            *old += share as f32 * (new - *old);
        }
        // The mean is linear in the distribution, so it may be smoothed by itself.
        self.years += share as f32 * (years - self.years);
        (self.raw_years, self.route, self.at_ms) = (years, route, now_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glae_model::{Answer, Estimate, Routing};

    fn seen(x: f32, years: f32) -> Seen {
        let face = Face { x, y: 0.0, width: 40.0, height: 50.0, points: [[x, 0.0]; 5], score: 0.9 };
        let mut distribution = vec![0.0; 101];
        distribution[years as usize] = 1.0;
        let answer = Answer { years, distribution: distribution.clone() };
        let estimate = Estimate {
            years,
            rule: Routing::Vanilla,
            route: Route::Vanilla,
            vanilla_share: 1.0,
            kl_vanilla: 0.1,
            kl_balanced: 0.2,
            vanilla: answer.clone(),
            balanced: answer,
            distribution,
        };
        Seen { face: Some(face), doubt: None, estimate: Some(Box::new(estimate)) }
    }

    #[test]
    fn an_age_settles_and_the_raw_one_stays_visible() {
        let mut tracks = Tracks::default();
        assert_eq!(tracks.update(0.0, &[seen(10.0, 30.0)])[0].age.as_ref().unwrap().years, 30.0);
        // After the time constant, a new value has 1 - 1/e of the weight: 30 + 10 * 0.632.
        let mut age = None;
        for step in 1..=2 {
            age = tracks.update(f64::from(step) * MEMORY_MS / 2.0, &[seen(11.0, 40.0)])[0].age.clone();
        }
        let age = age.unwrap();
        assert!((age.years - 36.32).abs() < 0.01, "{}", age.years);
        assert_eq!(age.raw_years, 40.0);
        let mean: f32 = age.distribution.iter().enumerate().map(|(year, p)| year as f32 * p).sum();
        assert!((mean - age.years).abs() < 1e-3);
    }

    #[test]
    fn faces_keep_their_names_while_they_move_and_come_from_left_to_right() {
        let mut tracks = Tracks::default();
        let first = tracks.update(0.0, &[seen(10.0, 30.0), seen(100.0, 60.0)]);
        let second = tracks.update(100.0, &[seen(95.0, 60.0), seen(15.0, 30.0)]);
        let ids = |list: &[Track]| list.iter().map(|track| track.id).collect::<Vec<_>>();
        assert_eq!(ids(&first), ids(&second));
        assert!(second[0].face.x < second[1].face.x);
    }

    #[test]
    fn a_face_that_left_starts_anew() {
        let mut tracks = Tracks::default();
        let first = tracks.update(0.0, &[seen(10.0, 30.0)])[0].id;
        assert_eq!(tracks.update(100.0, &[]), []);
        assert_eq!(tracks.update(500.0, &[seen(10.0, 30.0)])[0].id, first);
        let back = &tracks.update(2000.0, &[seen(10.0, 50.0)])[0];
        assert_ne!(back.id, first);
        assert_eq!(back.age.as_ref().unwrap().years, 50.0);
    }

    #[test]
    fn a_doubtful_picture_keeps_the_settled_age() {
        let mut tracks = Tracks::default();
        tracks.update(0.0, &[seen(10.0, 30.0)]);
        let turned = Seen { doubt: Some(Doubt::Turned), estimate: None, ..seen(10.0, 0.0) };
        let track = &tracks.update(100.0, &[turned])[0];
        assert_eq!((track.doubt, track.age.as_ref().unwrap().years), (Some(Doubt::Turned), 30.0));
    }
}
