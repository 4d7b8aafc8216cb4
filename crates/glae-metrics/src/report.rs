use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::band::{Band, rounded_age};

/// One image: its true age and what was predicted, both in years.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// The true age in years.
    pub age: f64,
    /// The predicted age in years.
    pub prediction: f64,
}

/// Why samples cannot be scored.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MetricsError {
    /// There is nothing to average over.
    #[error("there are no samples to score")]
    Empty,
    /// A NaN or an infinity among the numbers.
    #[error("sample {index} (counted from 0) holds {value}, which is not a finite number of years")]
    NotFinite {
        /// Position of the sample, from 0.
        index: usize,
        /// The offending number.
        value: f64,
    },
}

/// The scores of a set of samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Number of samples.
    pub samples: usize,
    /// Number of different ages M in the truth.
    pub ages: usize,
    /// Mean absolute error in years, `[GLAE] eq. (12)`.
    pub mae: f64,
    /// Class-wise mean absolute error in years, `[GLAE] eq. (13)`.
    pub cmae: f64,
    /// The same two per age group; a group without samples is absent.
    pub bands: Vec<BandReport>,
}

/// The scores of one age group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BandReport {
    /// Which group.
    pub band: Band,
    /// Number of samples in it.
    pub samples: usize,
    /// Mean absolute error over its samples.
    pub mae: f64,
    /// Class-wise mean absolute error over its ages.
    pub cmae: f64,
}

impl Report {
    /// Scores samples.
    ///
    /// # Errors
    /// No samples, or a number that is not finite.
    pub fn new(samples: &[Sample]) -> Result<Self, MetricsError> {
        let mae = mae(samples)?;
        let bands = Band::ALL
            .into_iter()
            .filter_map(|band| {
                let own: Vec<Sample> = samples.iter().copied().filter(|s| Band::of(s.age) == band).collect();
                let (mae, cmae) = (self::mae(&own).ok()?, cmae(&own).ok()?);
                Some(BandReport { band, samples: own.len(), mae, cmae })
            })
            .collect();
        Ok(Self { samples: samples.len(), ages: errors_by_age(samples).len(), mae, cmae: cmae(samples)?, bands })
    }
}

/// `[GLAE] eq. (12)`: MAE = 1/N sum_i |y_i - p_i|, in years.
///
/// # Errors
/// No samples, or a number that is not finite.
pub fn mae(samples: &[Sample]) -> Result<f64, MetricsError> {
    check(samples)?;
    Ok(samples.iter().map(error).sum::<f64>() / samples.len() as f64)
}

/// `[GLAE] eq. (13)`: CMAE = 1/M sum_k MAE_k over the M ages k that occur in the truth, in years.
///
/// # Errors
/// No samples, or a number that is not finite.
pub fn cmae(samples: &[Sample]) -> Result<f64, MetricsError> {
    check(samples)?;
    let by_age = errors_by_age(samples);
    let sum: f64 = by_age.values().map(|(sum, count)| sum / *count as f64).sum();
    Ok(sum / by_age.len() as f64)
}

fn error(sample: &Sample) -> f64 {
    (sample.age - sample.prediction).abs()
}

/// Age -> (sum of errors, number of samples).
fn errors_by_age(samples: &[Sample]) -> BTreeMap<i64, (f64, usize)> {
    let mut by_age = BTreeMap::new();
    for sample in samples {
        let entry: &mut (f64, usize) = by_age.entry(rounded_age(sample.age)).or_default();
        entry.0 += error(sample);
        entry.1 += 1;
    }
    by_age
}

fn check(samples: &[Sample]) -> Result<(), MetricsError> {
    if samples.is_empty() {
        return Err(MetricsError::Empty);
    }
    for (index, sample) in samples.iter().enumerate() {
        if let Some(value) = [sample.age, sample.prediction].into_iter().find(|v| !v.is_finite()) {
            return Err(MetricsError::NotFinite { index, value });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(rows: &[(f64, f64)]) -> Vec<Sample> {
        rows.iter().map(|&(age, prediction)| Sample { age, prediction }).collect()
    }

    #[test]
    fn eq_12_and_13_worked_by_hand() {
        // Errors: age 20 -> 1, 3 (mean 2); age 80 -> 10 (mean 10). MAE 14/3, CMAE 6.
        let rows = samples(&[(20.0, 21.0), (20.0, 17.0), (80.0, 70.0)]);
        assert!((mae(&rows).unwrap() - 14.0 / 3.0).abs() < 1e-12);
        assert!((cmae(&rows).unwrap() - 6.0).abs() < 1e-12);
    }

    #[test]
    fn one_sample_per_age_makes_them_equal() {
        let rows = samples(&[(1.0, 2.5), (40.0, 33.0), (90.0, 90.0)]);
        assert!((mae(&rows).unwrap() - cmae(&rows).unwrap()).abs() < 1e-12);
    }

    #[test]
    fn an_empty_band_is_absent_and_the_order_of_rows_does_not_matter() {
        let mut rows = samples(&[(10.0, 12.0), (30.0, 33.0), (30.0, 29.0)]);
        let report = Report::new(&rows).unwrap();
        assert_eq!(report.bands.iter().map(|b| b.band).collect::<Vec<_>>(), [Band::Young, Band::Middle]);
        assert_eq!((report.samples, report.ages), (3, 2));
        rows.reverse();
        assert!((Report::new(&rows).unwrap().cmae - report.cmae).abs() < 1e-12);
    }

    #[test]
    fn bad_numbers_are_named() {
        assert_eq!(mae(&[]), Err(MetricsError::Empty));
        let error = cmae(&samples(&[(3.0, 3.0), (4.0, f64::INFINITY)])).unwrap_err();
        assert_eq!(error, MetricsError::NotFinite { index: 1, value: f64::INFINITY });
    }
}
