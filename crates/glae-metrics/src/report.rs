use serde::{Deserialize, Serialize};

use crate::SCORER;
use crate::aar::Aar;
use crate::band::{BandReport, bands};
use crate::bootstrap::Intervals;
use crate::by_age::{AgeReport, ByAge};
use crate::calibration::Calibration;
use crate::errors::{bias, cumulative_scores, geometric_mean, median, rmse};
use crate::routing::RoutingShare;
use crate::sample::{MetricsError, Sample, check, mean_error};
use crate::shots::Shots;

/// The scores of a set of samples. Ages and errors in years, shares from 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Report {
    /// Name and version of what computed it: [`SCORER`].
    pub scorer: String,
    /// Number of images in the truth.
    pub samples: usize,
    /// Number of them that have a prediction; all averages but the epsilon-error are over these.
    pub predicted: usize,
    /// Number of different ages M in the truth of the predicted images.
    pub ages: usize,
    /// Whether a true age is not a whole number of years: "an age" then means ages rounded half up.
    pub fractional_labels: bool,
    /// Mean absolute error, `[GLAE] eq. (12)`.
    pub mae: f64,
    /// Class-wise mean absolute error, `[GLAE] eq. (13)`.
    pub cmae: f64,
    /// Root of the mean squared error.
    pub rmse: f64,
    /// Mean of prediction minus truth.
    pub bias: f64,
    /// Median of the absolute error.
    pub median: f64,
    /// Geometric mean of the absolute error; 0 as soon as there are exact hits.
    pub geometric_mean: f64,
    /// Number of predictions that are exactly right.
    pub exact_hits: usize,
    /// CS(1) to CS(10), the shares of errors of at most so many years: `cs[4]` is CS(5).
    pub cs: Vec<f64>,
    /// Epsilon-error, `[GLAE] eq. (14)`; absent when the truth does not say how far annotators agreed.
    pub epsilon: Option<f64>,
    /// Age accuracy and regularity, `[GLAE] eq. (15)-(16)`.
    pub aar: Aar,
    /// MAE and CMAE per age group; a group without samples is absent.
    pub bands: Vec<BandReport>,
    /// Scores by number of training images; absent when that is not known.
    pub shots: Option<Shots>,
    /// Each age that occurs in the truth, youngest first.
    pub by_age: Vec<AgeReport>,
    /// Bootstrap intervals, if they were asked for.
    pub intervals: Option<Intervals>,
    /// Present when distributions were uploaded.
    pub calibration: Option<Calibration>,
    /// Present when routes were uploaded: all ages first, then each age group that has samples.
    pub routing: Option<Vec<RoutingShare>>,
}

impl Report {
    /// Scores samples, all of them predicted, by true and predicted age alone.
    ///
    /// # Errors
    /// No samples, a number that is not finite, or an age outside 0..=120.
    pub fn new(samples: &[Sample]) -> Result<Self, MetricsError> {
        check(samples)?;
        let by_age = ByAge::new(samples);
        let (exact_hits, geometric_mean) = geometric_mean(samples);
        Ok(Self {
            scorer: SCORER.to_owned(),
            samples: samples.len(),
            predicted: samples.len(),
            ages: by_age.ages(|_| true).count(),
            fractional_labels: samples.iter().any(|sample| sample.age.fract() != 0.0),
            mae: mean_error(samples),
            cmae: by_age.cmae(|_| true).unwrap_or_default(),
            rmse: rmse(samples),
            bias: bias(samples),
            median: median(samples),
            geometric_mean,
            exact_hits,
            cs: cumulative_scores(samples),
            epsilon: None,
            aar: Aar::new(&by_age),
            bands: bands(&by_age),
            shots: None,
            by_age: by_age.reports(),
            intervals: None,
            calibration: None,
            routing: None,
        })
    }
}
