//! When an age is not to be trusted.

use glae_face::RgbImage;
use glae_face::detector::decode::Face;
use glae_face::detector::trust::{self, Doubt};
use glae_model::Estimate;

/// From here on an age is doubted. This and the two weights below were chosen on UTKFace's validation split: of the ages
/// more than 15 years off 50 % carry a doubt, of those within 5 years 10 % (docs/detector.md).
const MOST: f32 = 6.7;

/// What a year between both classifiers' answers adds, in years of standard deviation.
const CLASSIFIERS: f32 = 0.25;

/// What sharpness takes away, up to [`SHARP`], where nothing more is seen of wrinkles.
const SHARPNESS: f32 = 0.2;
const SHARP: f32 = 8.0;

/// Years between both classifiers that are given as the reason.
const APART: f32 = 3.0;

/// Sum of both classifiers' mirror divergences that is given as the reason, in nats.
const DIVERGED: f32 = 0.25;

/// Sharpness below which blur is given as the reason; and below which an age is doubted for it alone.
const SOFT: f32 = 3.3;
const BLURRED: f32 = 2.4;

/// Mean brightness of a crop, 0 to 255, below which an age is doubted.
const DARK: f32 = 45.0;

/// Score of the detector below which a face may be covered: of the 1,162 faces of UTKFace's validation split two have less, all
/// others at least 0.93.
const COVERED: f32 = 0.86;

/// What speaks for an age being far off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DoubtScore {
    /// Standard deviation of the distribution that is shown, in years.
    pub deviation: f32,
    /// Between both classifiers' answers, in years.
    pub apart: f32,
    /// Sum of both mirror divergences, in nats.
    pub diverged: f32,
    /// Mean absolute response of the crop's brightness to the Laplacian (4, -1, -1, -1, -1), 0 to 1020.
    pub sharpness: f32,
    /// Mean brightness of the crop, 0 to 255.
    pub brightness: f32,
}

impl DoubtScore {
    /// Of a straightened face (RGB8) and its estimate.
    pub fn new(crop: &RgbImage, estimate: &Estimate) -> Self {
        let p = &estimate.distribution;
        let mean: f32 = p.iter().enumerate().map(|(age, p)| age as f32 * p).sum();
        let variance: f32 = p.iter().enumerate().map(|(age, p)| (age as f32 - mean).powi(2) * p).sum();
        let (sharpness, brightness) = light(crop);
        Self {
            deviation: variance.max(0.0).sqrt(),
            apart: (estimate.vanilla.years - estimate.balanced.years).abs(),
            diverged: estimate.kl_vanilla + estimate.kl_balanced,
            sharpness,
            brightness,
        }
    }

    /// In years of standard deviation.
    fn sum(&self) -> f32 {
        self.deviation + CLASSIFIERS * self.apart - SHARPNESS * self.sharpness.min(SHARP)
    }

    /// Why the age is doubted, if it is.
    pub fn doubt(&self) -> Option<Doubt> {
        if self.brightness < DARK {
            return Some(Doubt::Dark);
        }
        if self.sharpness < BLURRED {
            return Some(Doubt::Blurred);
        }
        if self.sum() <= MOST {
            return None;
        }
        Some(match self {
            _ if self.apart > APART => Doubt::Classifiers,
            _ if self.diverged > DIVERGED => Doubt::Mirror,
            _ if self.sharpness < SOFT => Doubt::Blurred,
            _ => Doubt::Wide,
        })
    }
}

/// Why the age of a face that was judged is not to be trusted, if so. Of a square chosen by hand there is no face.
pub fn caution(face: Option<&Face>, crop: &RgbImage, estimate: &Estimate) -> Option<Doubt> {
    let by_face =
        face.and_then(|face| trust::caution(face).or_else(|| (face.score < COVERED).then_some(Doubt::Covered)));
    by_face.or_else(|| DoubtScore::new(crop, estimate).doubt())
}

/// Sharpness and brightness of a crop; brightness of a pixel is 0.299 R + 0.587 G + 0.114 B.
fn light(crop: &RgbImage) -> (f32, f32) {
    let (width, height) = (crop.width() as usize, crop.height() as usize);
    let grey: Vec<f32> =
        crop.pixels().map(|p| 0.299 * f32::from(p[0]) + 0.587 * f32::from(p[1]) + 0.114 * f32::from(p[2])).collect();
    let brightness = grey.iter().sum::<f32>() / grey.len().max(1) as f32;
    if width < 3 || height < 3 {
        return (0.0, brightness);
    }
    let inner = (1..height - 1).flat_map(|y| (1..width - 1).map(move |x| y * width + x));
    let response =
        |at: usize| (4.0 * grey[at] - grey[at - 1] - grey[at + 1] - grey[at - width] - grey[at + width]).abs();
    let sum: f32 = inner.map(response).sum();
    (sum / ((width - 2) * (height - 2)) as f32, brightness)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glae_face::Rgb;
    use glae_model::{Answer, Route, Routing};

    /// A distribution of two ages, each with half, `deviation` years from 40.
    fn estimate(deviation: usize, apart: f32) -> Estimate {
        let mut distribution = vec![0.0; glae_model::AGES];
        distribution[40 - deviation] = 0.5;
        distribution[40 + deviation] += 0.5;
        let answer = |years| Answer { years, distribution: distribution.clone() };
        Estimate {
            years: 40.0,
            rule: Routing::Mixture { power: 0.0 },
            route: Route::Both,
            vanilla_share: 0.5,
            kl_vanilla: 0.01,
            kl_balanced: 0.02,
            vanilla: answer(40.0),
            balanced: answer(40.0 + apart),
            distribution: distribution.clone(),
        }
    }

    /// Columns that differ by `step`: the Laplacian of each is twice that.
    fn stripes(step: u8) -> RgbImage {
        RgbImage::from_fn(16, 16, |x, _| Rgb([100 + step * (x % 2) as u8; 3]))
    }

    #[test]
    fn a_score_worked_by_hand() {
        let score = DoubtScore::new(&stripes(3), &estimate(9, 2.0));
        assert!((score.deviation - 9.0).abs() < 1e-3 && (score.sharpness - 6.0).abs() < 1e-3, "{score:?}");
        // 9 + 0.25 * 2 - 0.2 * 6 = 8.3
        assert!((score.sum() - 8.3).abs() < 1e-3 && score.doubt() == Some(Doubt::Wide));
        assert_eq!(DoubtScore::new(&stripes(3), &estimate(7, 0.0)).doubt(), None);
        assert_eq!(DoubtScore::new(&stripes(3), &estimate(8, 4.0)).doubt(), Some(Doubt::Classifiers));
        assert_eq!(DoubtScore::new(&stripes(1), &estimate(2, 0.0)).doubt(), Some(Doubt::Blurred));
        assert_eq!(DoubtScore::new(&RgbImage::new(16, 16), &estimate(2, 0.0)).doubt(), Some(Doubt::Dark));
    }

    #[test]
    fn what_the_face_shows_comes_first() {
        let far = [[10.0, 20.0], [30.0, 20.0], [20.0, 30.0], [12.0, 40.0], [28.0, 40.0]];
        let face = Face { x: 0.0, y: 0.0, width: 40.0, height: 50.0, points: far, score: 0.9 };
        let doubt = |face: &Face| caution(Some(face), &stripes(3), &estimate(20, 0.0));
        assert_eq!(doubt(&face), Some(Doubt::FewPixels));
        let near = face.scaled(2.0);
        assert_eq!(doubt(&near), Some(Doubt::Wide));
        assert_eq!(doubt(&Face { score: 0.8, ..near }), Some(Doubt::Covered));
        assert_eq!(caution(None, &stripes(3), &estimate(20, 0.0)), Some(Doubt::Wide));
    }
}
