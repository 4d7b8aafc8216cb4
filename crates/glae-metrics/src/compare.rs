use serde::{Deserialize, Serialize};

use crate::bootstrap::{Bootstrap, Resampler, interval};
use crate::join::Join;
use crate::predictions::Predictions;
use crate::problems::{ProblemKind, Problems};
use crate::sample::{MetricsError, Sample, cmae, mae};
use crate::score::Unpredicted;
use crate::truth::Truth;

/// Whether one set of predictions is better than another on the same images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Comparison {
    /// By mean absolute error.
    pub mae: Difference,
    /// By class-wise mean absolute error.
    pub cmae: Difference,
    /// Number of images that both predict; only these are compared.
    pub samples: usize,
    /// Number of resamples.
    pub resamples: u32,
    /// The seed they were drawn with.
    pub seed: u64,
}

/// One metric of two sets of predictions, in years.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Difference {
    /// The metric of the first.
    pub a: f64,
    /// The metric of the second.
    pub b: f64,
    /// a - b: below 0, the first is better.
    pub difference: f64,
    /// 95 % percentile bootstrap interval of the difference.
    pub interval: [f64; 2],
    /// Two-sided: twice the smaller share of resampled differences on either side of 0, counting 0 on both sides and
    /// the sample itself as one more resample; at most 1.
    pub p: f64,
}

/// Compares two sets of predictions by a paired bootstrap: each resample draws images, and takes both errors of each.
///
/// For MAE the whole sample is resampled, for CMAE each age within itself. Images that only one of them predicts are
/// left out.
///
/// # Errors
/// Ids that the truth does not have or that are predicted twice, or no image that both predict.
pub fn compare(truth: &Truth, a: &Predictions, b: &Predictions, bootstrap: Bootstrap) -> Result<Comparison, Problems> {
    let join = |predictions, name| {
        Join::new(truth, predictions, Unpredicted::Counted).map_err(|problems| problems.about(name))
    };
    let (join_a, join_b) = match (join(a, "A"), join(b, "B")) {
        (Ok(a), Ok(b)) => (a, b),
        (Err(mut a), Err(b)) => {
            a.merge(b);
            return Err(a);
        }
        (Err(problems), _) | (_, Err(problems)) => return Err(problems),
    };
    let both = (0..truth.len()).filter_map(|row| Some((row, join_a.of(row)?, join_b.of(row)?)));
    let sample = |row, prediction| Sample { age: truth.age_of(row), prediction };
    let (a, b): (Vec<Sample>, Vec<Sample>) =
        both.map(|(row, in_a, in_b)| (sample(row, a.age(in_a)), sample(row, b.age(in_b)))).unzip();
    Comparison::paired(&a, &b, bootstrap)
        .map_err(|_| Problems::one(ProblemKind::Empty, "there is no image that both predict".to_owned()))
}

impl Comparison {
    /// Compares two estimates of the same images, which stand in the same order in both; the ages are those of `a`.
    ///
    /// # Errors
    /// There are no samples, or one holds a number that is no age.
    ///
    /// # Panics
    /// One has more samples than the other.
    pub fn paired(a: &[Sample], b: &[Sample], bootstrap: Bootstrap) -> Result<Self, MetricsError> {
        assert_eq!(a.len(), b.len(), "samples to compare come in pairs");
        let pairs = Resampler::new(a.iter().zip(b).map(|(a, b)| (a.age, a.error() - b.error())));
        Ok(Self {
            mae: Difference::new((mae(a)?, mae(b)?), pairs.means(bootstrap)),
            cmae: Difference::new((cmae(a)?, cmae(b)?), pairs.class_means(bootstrap)),
            samples: a.len(),
            resamples: bootstrap.resamples.max(1),
            seed: bootstrap.seed,
        })
    }
}

impl Difference {
    fn new((a, b): (f64, f64), resampled: Vec<f64>) -> Self {
        let least = |above: fn(&&f64) -> bool| resampled.iter().filter(above).count() + 1;
        let smaller = least(|d| **d <= 0.0).min(least(|d| **d >= 0.0));
        let p = (2.0 * smaller as f64 / (resampled.len() + 1) as f64).min(1.0);
        Self { a, b, difference: a - b, interval: interval(resampled), p }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth() -> Truth {
        let rows: String = (0..60).map(|i| format!("{i},{}\n", 20 + i % 3)).collect();
        Truth::parse(format!("id,age\n{rows}").as_bytes()).unwrap()
    }

    fn predictions(error: impl Fn(u32) -> f64) -> Predictions {
        let rows: String = (0..60).map(|i| format!("{i},{}\n", f64::from(20 + i % 3) + error(i))).collect();
        Predictions::parse(format!("id,age\n{rows}").as_bytes()).unwrap()
    }

    #[test]
    fn p_counts_the_smaller_side_twice() {
        // Of 9 resampled differences 2 are at most 0: p = 2 (2 + 1) / (9 + 1).
        let d = Difference::new((3.0, 2.0), vec![1.0, 2.0, 0.0, 1.0, -1.0, 3.0, 1.0, 1.0, 1.0]);
        assert!((d.p - 0.6).abs() < 1e-12);
        assert_eq!(d.difference, 1.0);
    }

    #[test]
    fn a_file_is_as_good_as_itself() {
        let own = predictions(|i| f64::from(i % 5));
        let c = compare(&truth(), &own, &own, Bootstrap::default()).unwrap();
        assert_eq!((c.mae.difference, c.mae.interval, c.mae.p, c.cmae.p, c.samples), (0.0, [0.0, 0.0], 1.0, 1.0, 60));
    }

    #[test]
    fn pairing_sees_a_small_advantage_on_every_image() {
        // Errors vary by 9 years from image to image, and B is better by 0.1 on each.
        let (a, b) = (predictions(|i| f64::from(i % 10) + 0.1), predictions(|i| f64::from(i % 10)));
        let c = compare(&truth(), &a, &b, Bootstrap::default()).unwrap();
        assert!((c.mae.difference - 0.1).abs() < 1e-9 && c.mae.interval[0] > 0.09);
        assert!((c.mae.p - 2.0 / 1001.0).abs() < 1e-12 && (c.cmae.p - 2.0 / 1001.0).abs() < 1e-12);
    }

    #[test]
    fn only_images_that_both_predict_are_compared() {
        let half = Predictions::parse(b"id,age\n0,20\n1,22\n").unwrap();
        let c = compare(&truth(), &half, &predictions(|_| 2.0), Bootstrap::default()).unwrap();
        assert_eq!((c.samples, c.mae.a, c.mae.b), (2, 0.5, 2.0));
    }

    #[test]
    fn problems_name_the_file() {
        let stranger = Predictions::parse(b"id,age\nstranger,20\n").unwrap();
        let problems = compare(&truth(), &stranger, &stranger, Bootstrap::default()).unwrap_err();
        assert_eq!(problems.count(), 2);
        assert!(problems.groups[0].first[0].starts_with("A: line 2"), "{problems}");
        assert!(problems.groups[0].first[1].starts_with("B: line 2"), "{problems}");
    }
}
