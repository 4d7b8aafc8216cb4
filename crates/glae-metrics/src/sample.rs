use crate::by_age::ByAge;

/// The oldest age that truth or prediction may name, in years.
pub(crate) const OLDEST: f64 = 120.0;

/// One image: its true age and what was predicted, both in years.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// The true age in years.
    pub age: f64,
    /// The predicted age in years.
    pub prediction: f64,
}

impl Sample {
    /// e = |y - p|, in years.
    pub fn error(&self) -> f64 {
        (self.age - self.prediction).abs()
    }
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
    /// A true age outside 0..=120 years.
    #[error("sample {index} (counted from 0) has a true age of {age} years, which is outside 0..=120")]
    OutOfRange {
        /// Position of the sample, from 0.
        index: usize,
        /// The offending age.
        age: f64,
    },
}

/// `[GLAE] eq. (12)`: MAE = 1/N sum_i |y_i - p_i|, in years.
///
/// ```
/// # use glae_metrics::{Sample, mae};
/// assert_eq!(mae(&[Sample { age: 20.0, prediction: 21.0 }, Sample { age: 80.0, prediction: 70.0 }]), Ok(5.5));
/// ```
///
/// # Errors
/// No samples, a number that is not finite, or an age outside 0..=120.
pub fn mae(samples: &[Sample]) -> Result<f64, MetricsError> {
    check(samples)?;
    Ok(mean_error(samples))
}

/// `[GLAE] eq. (13)`: CMAE = 1/M sum_k MAE_k over the M ages k that occur in the truth, in years.
///
/// The same as bMAE of imbalanced regression, and as macro-averaged MAE when ages are whole years.
///
/// # Errors
/// No samples, a number that is not finite, or an age outside 0..=120.
pub fn cmae(samples: &[Sample]) -> Result<f64, MetricsError> {
    check(samples)?;
    Ok(ByAge::new(samples).cmae(|_| true).unwrap_or_default())
}

/// [`mae`] of samples that were checked.
pub(crate) fn mean_error(samples: &[Sample]) -> f64 {
    samples.iter().map(Sample::error).sum::<f64>() / samples.len() as f64
}

pub(crate) fn check(samples: &[Sample]) -> Result<(), MetricsError> {
    if samples.is_empty() {
        return Err(MetricsError::Empty);
    }
    for (index, &Sample { age, prediction }) in samples.iter().enumerate() {
        if let Some(value) = [age, prediction].into_iter().find(|v| !v.is_finite()) {
            return Err(MetricsError::NotFinite { index, value });
        }
        if !(0.0..=OLDEST).contains(&age) {
            return Err(MetricsError::OutOfRange { index, age });
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
    fn eq_13_bins_fractional_ages_by_rounding_half_up() {
        // 19.5 and 20.49 are both "20": errors 1 and 2, mean 1.5; 20.5 is "21": error 4. CMAE 2.75.
        let rows = samples(&[(19.5, 20.5), (20.49, 18.49), (20.5, 24.5)]);
        assert!((cmae(&rows).unwrap() - 2.75).abs() < 1e-12);
    }

    #[test]
    fn bad_numbers_are_named() {
        assert_eq!(mae(&[]), Err(MetricsError::Empty));
        let error = cmae(&samples(&[(3.0, 3.0), (4.0, f64::INFINITY)])).unwrap_err();
        assert_eq!(error, MetricsError::NotFinite { index: 1, value: f64::INFINITY });
        let error = mae(&samples(&[(121.0, 3.0)])).unwrap_err();
        assert_eq!(error, MetricsError::OutOfRange { index: 0, age: 121.0 });
    }
}
