use serde::{Deserialize, Serialize};

use crate::bootstrap::{Bootstrap, Intervals};
use crate::by_age::ByAge;
use crate::calibration::Calibration;
use crate::errors::epsilon_error;
use crate::join::Join;
use crate::predictions::Predictions;
use crate::problems::{ProblemKind, Problems};
use crate::report::Report;
use crate::routing::shares;
use crate::sample::Sample;
use crate::shots::Shots;
use crate::truth::Truth;

/// What a report is to hold besides the scores that need only ages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// What happens to images without a prediction.
    pub unpredicted: Unpredicted,
    /// Number of training images at each rounded age from 0, for many, medium and few shots. Empty: not known.
    pub training_counts: Vec<u32>,
    /// Bootstrap intervals, which take far longer than all the rest.
    pub intervals: Option<Bootstrap>,
}

/// What happens to images without a prediction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Unpredicted {
    /// They are a problem of the file; nothing is scored.
    #[default]
    Refused,
    /// They count 1 in the epsilon-error and are left out elsewhere (ChaLearn's rule).
    Counted,
}

/// Scores predictions against the truth, joined by id.
///
/// # Errors
/// Ids that are missing, unknown or predicted twice: all of them. Or nothing to average over.
pub fn score(truth: &Truth, predictions: &Predictions, options: &Options) -> Result<Report, Problems> {
    score_part(truth, predictions, options, |_| true)
}

/// Scores predictions on a part of the truth: the rows that `part` holds, in the order of the truth. Ids are checked
/// against the whole truth.
///
/// ```
/// # use glae_metrics::{Options, Predictions, Truth, score_part};
/// let truth = Truth::parse(b"id,age\na,30\nb,30\nc,70\n").unwrap();
/// let predictions = Predictions::parse(b"id,age\na,31\nb,30\nc,60\n").unwrap();
/// let report = score_part(&truth, &predictions, &Options::default(), |row| row < 2).unwrap();
/// assert_eq!((report.samples, report.mae), (2, 0.5));
/// ```
///
/// # Errors
/// As [`score`].
pub fn score_part(
    truth: &Truth,
    predictions: &Predictions,
    options: &Options,
    part: impl Fn(usize) -> bool,
) -> Result<Report, Problems> {
    let join = Join::new(truth, predictions, options.unpredicted)?;
    let inside = || join.samples(truth, predictions).filter(|(row, _)| part(*row));
    let samples: Vec<Sample> = inside().map(|(_, sample)| sample).collect();
    let mut report = Report::new(&samples).map_err(|error| Problems::one(ProblemKind::Empty, error.to_string()))?;
    report.samples = (0..truth.len()).filter(|row| part(*row)).count();
    report.epsilon = truth.has_sigma().then(|| {
        let with_sigma = inside().map(|(row, sample)| (sample, truth.sigma_of(row)));
        epsilon_error(with_sigma, report.samples - samples.len())
    });
    if !options.training_counts.is_empty() {
        report.shots = Some(Shots::new(&ByAge::new(&samples), &options.training_counts));
    }
    report.intervals = options.intervals.map(|bootstrap| Intervals::new(&samples, bootstrap));
    let pairs = || join.pairs().filter(|(row, _)| part(*row));
    let predicted = || pairs().map(|(row, prediction)| (truth.age_of(row), prediction));
    report.calibration =
        Calibration::new(predicted().filter_map(|(age, row)| Some((age, predictions.distribution(row)?))));
    let routes: Vec<_> = predicted().filter_map(|(age, row)| Some((age, predictions.route(row)?))).collect();
    report.routing = (!routes.is_empty()).then(|| shares(&routes));
    Ok(report)
}
