use serde::{Deserialize, Serialize};

use crate::sample::{OLDEST, Sample};

/// Number of age classes: 0 to 120.
const CLASSES: usize = OLDEST as usize + 1;

/// The scores at one age.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgeReport {
    /// The age in years, rounded half up.
    pub age: u32,
    /// Number of samples of that age.
    pub samples: usize,
    /// Mean absolute error over them, in years.
    pub mae: f64,
    /// Mean of prediction minus truth, in years.
    pub bias: f64,
}

/// The age class a (possibly fractional) age belongs to: rounding half up. Ages are within 0..=120.
pub(crate) fn age_class(age: f64) -> usize {
    (age + 0.5).floor() as usize
}

/// What the metrics that treat ages alike need to know about each age.
pub(crate) struct ByAge {
    classes: Vec<Class>,
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Class {
    pub(crate) samples: usize,
    pub(crate) absolute: f64,
    signed: f64,
}

impl ByAge {
    /// Sorts samples that were checked into their ages.
    pub(crate) fn new(samples: &[Sample]) -> Self {
        let mut classes = vec![Class::default(); CLASSES];
        for sample in samples {
            let class = &mut classes[age_class(sample.age)];
            class.samples += 1;
            class.absolute += sample.error();
            class.signed += sample.prediction - sample.age;
        }
        Self { classes }
    }

    /// The ages that occur and that `wanted` accepts, youngest first.
    pub(crate) fn ages(&self, wanted: impl Fn(usize) -> bool) -> impl Iterator<Item = (usize, &Class)> {
        self.classes.iter().enumerate().filter(move |(age, class)| class.samples > 0 && wanted(*age))
    }

    /// Number of samples of the wanted ages.
    pub(crate) fn samples(&self, wanted: impl Fn(usize) -> bool) -> usize {
        self.ages(wanted).map(|(_, class)| class.samples).sum()
    }

    /// Mean error over the samples of the wanted ages; nothing when there are none.
    pub(crate) fn mae(&self, wanted: impl Fn(usize) -> bool) -> Option<f64> {
        let add = |(samples, sum), (_, class): (usize, &Class)| (samples + class.samples, sum + class.absolute);
        let (samples, sum) = self.ages(wanted).fold((0, 0.0), add);
        (samples > 0).then(|| sum / samples as f64)
    }

    /// `[GLAE] eq. (13)` over the wanted ages; nothing when none of them occurs.
    pub(crate) fn cmae(&self, wanted: impl Fn(usize) -> bool) -> Option<f64> {
        let add = |(ages, sum), (_, class): (usize, &Class)| (ages + 1, sum + class.absolute / class.samples as f64);
        let (ages, sum) = self.ages(wanted).fold((0_usize, 0.0), add);
        (ages > 0).then(|| sum / ages as f64)
    }

    /// One report for each age that occurs, youngest first.
    pub(crate) fn reports(&self) -> Vec<AgeReport> {
        let report = |(age, class): (usize, &Class)| AgeReport {
            age: age as u32,
            samples: class.samples,
            mae: class.absolute / class.samples as f64,
            bias: class.signed / class.samples as f64,
        };
        self.ages(|_| true).map(report).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_age_has_its_error_and_bias() {
        let rows = [(20.0, 21.0), (20.4, 17.4), (80.0, 70.0)].map(|(age, prediction)| Sample { age, prediction });
        let reports = ByAge::new(&rows).reports();
        assert_eq!(reports.iter().map(|r| (r.age, r.samples)).collect::<Vec<_>>(), [(20, 2), (80, 1)]);
        assert!((reports[0].mae - 2.0).abs() < 1e-12 && (reports[0].bias + 1.0).abs() < 1e-12);
        assert!((reports[1].mae - 10.0).abs() < 1e-12 && (reports[1].bias + 10.0).abs() < 1e-12);
    }

    #[test]
    fn the_oldest_age_has_a_class() {
        let by_age = ByAge::new(&[Sample { age: 120.0, prediction: 100.0 }]);
        assert_eq!(by_age.reports()[0].age, 120);
        assert_eq!(by_age.cmae(|age| age < 100), None);
    }
}
