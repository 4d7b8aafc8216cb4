//! Metrics over errors one by one, without regard to ages.

use crate::sample::Sample;

/// `[GLAE] eq. (14)`: epsilon = 1 - 1/N sum_i exp(-(p_i - y_i)^2 / (2 s_i^2)), between 0 and 1.
///
/// DIFFERENCE: the paper's formula lacks 1/N; without it the number is not the contest's. `unpredicted` images are among
/// the N and count 1 each. Where annotators agreed (s = 0), an exact prediction counts 0 and any other 1, which is the
/// limit of the formula. Not a number when there are neither samples nor unpredicted images.
///
/// ```
/// # use glae_metrics::{Sample, epsilon_error};
/// let at_one_sigma = (Sample { age: 30.0, prediction: 34.0 }, 4.0);
/// assert!((epsilon_error([at_one_sigma], 0) - (1.0 - (-0.5_f64).exp())).abs() < 1e-12);
/// ```
pub fn epsilon_error(samples: impl IntoIterator<Item = (Sample, f64)>, unpredicted: usize) -> f64 {
    let (mut count, mut likeness) = (unpredicted, 0.0);
    for (sample, sigma) in samples {
        count += 1;
        let error = sample.error();
        likeness += match (sigma == 0.0, error == 0.0) {
            (_, true) => 1.0,
            (true, false) => 0.0,
            (false, false) => libm::exp(-(error / sigma) * (error / sigma) / 2.0),
        };
    }
    1.0 - likeness / count as f64
}

/// Root of the mean squared error, in years.
pub(crate) fn rmse(samples: &[Sample]) -> f64 {
    mean(samples, |sample| sample.error() * sample.error()).sqrt()
}

/// Mean of prediction minus truth, in years: above 0, predictions are too old.
pub(crate) fn bias(samples: &[Sample]) -> f64 {
    mean(samples, |sample| sample.prediction - sample.age)
}

/// The error in the middle, or the mean of the two in the middle, in years.
pub(crate) fn median(samples: &[Sample]) -> f64 {
    let mut errors: Vec<f64> = samples.iter().map(Sample::error).collect();
    let middle = errors.len() / 2;
    let odd = errors.len() % 2 == 1;
    let (below, upper, _) = errors.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    if odd { upper } else { (below.iter().copied().fold(0.0, f64::max) + upper) / 2.0 }
}

/// Number of errors that are exactly 0, and the geometric mean of all errors in years, which is 0 as soon as there is
/// one of them.
pub(crate) fn geometric_mean(samples: &[Sample]) -> (usize, f64) {
    let exact = samples.iter().filter(|sample| sample.error() == 0.0).count();
    let mean = if exact > 0 { 0.0 } else { libm::exp(mean(samples, |sample| libm::log(sample.error()))) };
    (exact, mean)
}

/// CS(t), the share of errors of at most t years, for t = 1..=10.
pub(crate) fn cumulative_scores(samples: &[Sample]) -> Vec<f64> {
    // An error is counted once, at the first t that admits it; a running sum then gives "at most t".
    let mut first = [0_usize; 11];
    for sample in samples {
        first[(sample.error().ceil().max(1.0) - 1.0).min(10.0) as usize] += 1;
    }
    let share = |within: &mut usize, count: &usize| {
        *within += count;
        Some(*within as f64 / samples.len() as f64)
    };
    first[..10].iter().scan(0, share).collect()
}

fn mean(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    samples.iter().map(of).sum::<f64>() / samples.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(errors: &[f64]) -> Vec<Sample> {
        errors.iter().map(|error| Sample { age: 50.0, prediction: 50.0 + error }).collect()
    }

    #[test]
    fn eq_14_worked_by_hand() {
        // Errors of 0, one sigma and two sigma, and one image without prediction: 1 - (1 + e^-0.5 + e^-2) / 4.
        let rows = errors(&[0.0, 3.0, -4.0]).into_iter().zip([1.0, 3.0, 2.0]);
        let by_hand = 1.0 - (1.0 + 0.606_530_659_712_633_4 + 0.135_335_283_236_612_7) / 4.0;
        assert!((epsilon_error(rows, 1) - by_hand).abs() < 1e-12);
    }

    #[test]
    fn eq_14_without_spread_asks_for_exactness() {
        let rows = errors(&[0.0, 0.001]).into_iter().zip([0.0, 0.0]);
        assert_eq!(epsilon_error(rows, 0), 0.5);
        assert_eq!(epsilon_error(std::iter::empty(), 3), 1.0);
    }

    #[test]
    fn rmse_bias_and_median_worked_by_hand() {
        let rows = errors(&[3.0, -4.0, 0.0, 1.0]);
        assert!((rmse(&rows) - 6.5_f64.sqrt()).abs() < 1e-12);
        assert!(bias(&rows).abs() < 1e-12);
        assert!((median(&rows) - 2.0).abs() < 1e-12);
        assert!((median(&rows[..3]) - 3.0).abs() < 1e-12);
        assert!((median(&rows[..1]) - 3.0).abs() < 1e-12);
    }

    #[test]
    fn one_exact_hit_makes_the_geometric_mean_zero() {
        let (exact, mean) = geometric_mean(&errors(&[2.0, -8.0]));
        assert_eq!(exact, 0);
        assert!((mean - 4.0).abs() < 1e-12);
        assert_eq!(geometric_mean(&errors(&[2.0, 0.0, 0.0])), (2, 0.0));
    }

    #[test]
    fn cs_is_inclusive() {
        let cs = cumulative_scores(&errors(&[0.0, 1.0, 1.5, -5.0, 5.25, 10.0, 30.0, 10.5]));
        assert_eq!(cs, [2.0, 3.0, 3.0, 3.0, 4.0, 5.0, 5.0, 5.0, 5.0, 6.0].map(|count| count / 8.0));
    }
}
