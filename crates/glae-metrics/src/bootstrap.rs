use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::by_age::age_class;
use crate::random::Random;
use crate::sample::{MetricsError, Sample, check};

/// How a bootstrap is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// Number of resamples; 0 is taken for 1.
    pub resamples: u32,
    /// The same seed gives the same resamples on every machine.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 1000, seed: 20_240_101 }
    }
}

impl Bootstrap {
    /// The 95 % percentile interval of a metric that [`Intervals`] does not hold, from resamples of the whole sample. For
    /// [`crate::mae`] it is the interval of a report; without samples it is [0, 0].
    ///
    /// ```
    /// # use glae_metrics::{Bootstrap, Report, Sample};
    /// let samples: Vec<_> = (0..90).map(|i| Sample { age: f64::from(i), prediction: f64::from(i + i % 3) }).collect();
    /// let aar = |samples: &[Sample]| Report::new(samples).map_or(0.0, |report| report.aar.score);
    /// let [low, high] = Bootstrap::default().interval(&samples, aar);
    /// assert!(low < aar(&samples) && aar(&samples) < high);
    /// ```
    pub fn interval(self, samples: &[Sample], metric: impl Fn(&[Sample]) -> f64) -> [f64; 2] {
        let mut sorted = samples.to_vec();
        sorted.sort_unstable_by(|a, b| {
            age_class(a.age).cmp(&age_class(b.age)).then(a.error().total_cmp(&b.error())).then(a.age.total_cmp(&b.age))
        });
        self.interval_of_rows(&sorted, metric)
    }

    /// The 95 % percentile interval of any metric of rows: resamples draw whole rows, so that what stands in one row stays
    /// together, as the errors of two methods on one image. Depends on the order of the rows; without rows it is [0, 0].
    ///
    /// ```
    /// # use glae_metrics::Bootstrap;
    /// // Errors of two methods, image by image; the second is always worse by one year.
    /// let errors: Vec<(f64, f64)> = (0..50).map(|i| (f64::from(i % 7), f64::from(i % 7) + 1.0)).collect();
    /// let difference = |rows: &[(f64, f64)]| rows.iter().map(|(a, b)| a - b).sum::<f64>() / rows.len() as f64;
    /// assert_eq!(Bootstrap::default().interval_of_rows(&errors, difference), [-1.0, -1.0]);
    /// ```
    pub fn interval_of_rows<T: Copy>(self, rows: &[T], metric: impl Fn(&[T]) -> f64) -> [f64; 2] {
        if rows.is_empty() {
            return [0.0; 2];
        }
        let mut random = Random::new(self.seed);
        let mut drawn = Vec::with_capacity(rows.len() + 1);
        let resample = |_| {
            drawn.clear();
            while drawn.len() < rows.len() {
                let (a, b) = random.pair_below(rows.len());
                drawn.extend([rows[a], rows[b]]);
            }
            drawn.truncate(rows.len());
            metric(&drawn)
        };
        interval((0..self.resamples.max(1)).map(resample).collect())
    }
}

/// 95 % percentile bootstrap intervals, in years.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Intervals {
    /// Of the MAE, from resamples of the whole sample.
    pub mae: [f64; 2],
    /// Of the CMAE, from resamples within each age, so that every resample holds the same ages.
    pub cmae: [f64; 2],
    /// Number of resamples.
    pub resamples: u32,
    /// The seed they were drawn with.
    pub seed: u64,
}

impl Intervals {
    /// Intervals around MAE and CMAE of samples.
    ///
    /// # Errors
    /// There are no samples, or one holds a number that is no age.
    pub fn of(samples: &[Sample], bootstrap: Bootstrap) -> Result<Self, MetricsError> {
        check(samples)?;
        Ok(Self::new(samples, bootstrap))
    }

    /// Intervals around MAE and CMAE of samples; there is at least one.
    pub(crate) fn new(samples: &[Sample], bootstrap: Bootstrap) -> Self {
        let values = Resampler::new(samples.iter().map(|sample| (sample.age, sample.error())));
        Self {
            mae: interval(values.means(bootstrap)),
            cmae: interval(values.class_means(bootstrap)),
            resamples: bootstrap.resamples.max(1),
            seed: bootstrap.seed,
        }
    }
}

/// Values to resample, sorted by age and then by size: what is drawn does not depend on the order of rows in a file.
pub(crate) struct Resampler {
    values: Vec<f64>,
    classes: Vec<Range<usize>>,
}

impl Resampler {
    /// Values with the true age of each.
    pub(crate) fn new(values: impl Iterator<Item = (f64, f64)>) -> Self {
        let mut rows: Vec<(usize, f64)> = values.map(|(age, value)| (age_class(age), value)).collect();
        rows.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let mut start = 0;
        let range = |rows: &[(usize, f64)]| {
            let range = start..start + rows.len();
            start = range.end;
            range
        };
        let classes = rows.chunk_by(|a, b| a.0 == b.0).map(range).collect();
        Self { values: rows.into_iter().map(|(_, value)| value).collect(), classes }
    }

    /// The mean of each resample of all values.
    pub(crate) fn means(&self, bootstrap: Bootstrap) -> Vec<f64> {
        let mut random = Random::new(bootstrap.seed);
        (0..bootstrap.resamples.max(1)).map(|_| resampled_mean(&self.values, &mut random)).collect()
    }

    /// The mean over ages of the mean of each age, each resampled within itself.
    pub(crate) fn class_means(&self, bootstrap: Bootstrap) -> Vec<f64> {
        // Another stream than that of `means`: the two intervals then err independently of each other.
        let mut random = Random::new(!bootstrap.seed);
        let mut mean = |_| {
            let sum: f64 = self.classes.iter().map(|c| resampled_mean(&self.values[c.clone()], &mut random)).sum();
            sum / self.classes.len() as f64
        };
        (0..bootstrap.resamples.max(1)).map(&mut mean).collect()
    }
}

fn resampled_mean(values: &[f64], random: &mut Random) -> f64 {
    if let [only] = values {
        return *only;
    }
    let (mut even, mut odd) = (0.0, 0.0);
    for _ in 0..values.len() / 2 {
        let (a, b) = random.pair_below(values.len());
        even += values[a];
        odd += values[b];
    }
    if values.len() % 2 == 1 {
        even += values[random.pair_below(values.len()).0];
    }
    (even + odd) / values.len() as f64
}

/// The 2.5 % and 97.5 % quantiles, interpolated linearly between order statistics.
pub(crate) fn interval(mut resamples: Vec<f64>) -> [f64; 2] {
    resamples.sort_unstable_by(f64::total_cmp);
    [0.025, 0.975].map(|share| {
        let position = share * (resamples.len() - 1) as f64;
        let (low, high) = (position.floor() as usize, position.ceil() as usize);
        resamples[low] + (resamples[high] - resamples[low]) * (position - position.floor())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOTSTRAP: Bootstrap = Bootstrap { resamples: 2000, seed: 5 };

    #[test]
    fn quantiles_are_interpolated() {
        let [low, high] = interval((0..=100).rev().map(f64::from).collect());
        assert!((low - 2.5).abs() < 1e-12 && (high - 97.5).abs() < 1e-12);
        assert_eq!(interval(vec![4.0]), [4.0, 4.0]);
    }

    #[test]
    fn the_interval_of_a_mean_is_about_two_standard_errors_wide() {
        // 400 values 0..=3 at equal shares: standard error sqrt(1.25 / 400) = 0.0559.
        let values = Resampler::new((0..400).map(|i| (30.0, f64::from(i % 4))));
        let [low, high] = interval(values.means(BOOTSTRAP));
        assert!((low - (1.5 - 1.96 * 0.0559)).abs() < 0.015 && (high - (1.5 + 1.96 * 0.0559)).abs() < 0.015);
    }

    #[test]
    fn ages_are_resampled_within_themselves() {
        // Each age errs alike, so within an age there is nothing to draw; the whole sample still varies.
        let values = Resampler::new((0..60).map(|i| (f64::from(i % 3), f64::from(i % 3))));
        assert!(values.class_means(BOOTSTRAP).iter().all(|&mean| (mean - 1.0).abs() < 1e-12));
        let [low, high] = interval(values.means(BOOTSTRAP));
        assert!(low < 0.9 && high > 1.1);
    }

    #[test]
    fn any_metric_is_resampled_as_the_mean_is() {
        let sample = |i: u32| Sample { age: f64::from(i % 40), prediction: f64::from(i % 40) + f64::from(i * i % 11) };
        for count in [120, 121] {
            let samples: Vec<Sample> = (0..count).map(sample).collect();
            let own = BOOTSTRAP.interval(&samples, |drawn| crate::mae(drawn).unwrap());
            let expected = Intervals::new(&samples, BOOTSTRAP).mae;
            assert!(own.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{own:?} {expected:?}");
            let backwards: Vec<Sample> = samples.iter().rev().copied().collect();
            assert_eq!(own, BOOTSTRAP.interval(&backwards, |drawn| crate::mae(drawn).unwrap()));
        }
        assert_eq!(BOOTSTRAP.interval(&[], |_| 1.0), [0.0, 0.0]);
    }

    #[test]
    fn rows_are_drawn_whole() {
        assert_eq!(BOOTSTRAP.interval_of_rows(&[] as &[f64], |_| 1.0), [0.0, 0.0]);
        let twice: Vec<(f64, f64)> = (1..40).map(|i| (f64::from(i), 2.0 * f64::from(i))).collect();
        let ratio =
            |rows: &[(f64, f64)]| rows.iter().map(|row| row.1).sum::<f64>() / rows.iter().map(|row| row.0).sum::<f64>();
        assert_eq!(BOOTSTRAP.interval_of_rows(&twice, ratio), [2.0, 2.0]);
        let first = |rows: &[(f64, f64)]| rows.iter().map(|row| row.0).sum::<f64>() / rows.len() as f64;
        let [low, high] = BOOTSTRAP.interval_of_rows(&twice, first);
        assert!(low < 18.0 && high > 22.0, "{low} {high}");
    }

    #[test]
    fn intervals_of_no_samples_are_an_error() {
        assert_eq!(Intervals::of(&[], BOOTSTRAP), Err(MetricsError::Empty));
        let one = [Sample { age: 20.0, prediction: 24.0 }];
        assert_eq!(Intervals::of(&one, BOOTSTRAP).unwrap().cmae, [4.0, 4.0]);
    }

    #[test]
    fn the_order_of_rows_does_not_matter_and_the_seed_does() {
        let rows: Vec<_> = (0..50).map(|i| (f64::from(i % 7), f64::from(i * i % 11))).collect();
        let (there, back) = (Resampler::new(rows.iter().copied()), Resampler::new(rows.iter().rev().copied()));
        assert_eq!(there.means(BOOTSTRAP), back.means(BOOTSTRAP));
        assert_eq!(there.class_means(BOOTSTRAP), back.class_means(BOOTSTRAP));
        assert_ne!(there.means(BOOTSTRAP), there.means(Bootstrap { seed: 6, ..BOOTSTRAP }));
    }
}
