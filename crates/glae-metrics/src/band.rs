use serde::{Deserialize, Serialize};

use crate::by_age::{ByAge, age_class};

/// The paper's three age groups (`[GLAE] Table IX`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Band {
    /// 0 to 17 years.
    Young,
    /// 18 to 65 years.
    Middle,
    /// 66 years and more.
    Old,
}

/// The scores of one age group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BandReport {
    /// Which group.
    pub band: Band,
    /// Number of samples in it.
    pub samples: usize,
    /// Number of different ages in it.
    pub ages: usize,
    /// Mean absolute error over its samples, in years.
    pub mae: f64,
    /// Class-wise mean absolute error over its ages, in years.
    pub cmae: f64,
}

impl Band {
    /// All bands, youngest first.
    pub const ALL: [Band; 3] = [Band::Young, Band::Middle, Band::Old];

    /// The band of an age in years; fractional ages are rounded half up first.
    pub fn of(age: f64) -> Self {
        match age_class(age) {
            ..=17 => Band::Young,
            18..=65 => Band::Middle,
            _ => Band::Old,
        }
    }

    /// The span in years, as a table heading.
    pub fn label(self) -> &'static str {
        match self {
            Band::Young => "0-17",
            Band::Middle => "18-65",
            Band::Old => "66-100",
        }
    }
}

/// The scores of each group that has samples, youngest first. A group without any is absent: 0 would be a perfect score.
pub(crate) fn bands(by_age: &ByAge) -> Vec<BandReport> {
    let report = |band: Band| {
        let inside = |age: usize| Band::of(age as f64) == band;
        Some(BandReport {
            band,
            samples: by_age.samples(inside),
            ages: by_age.ages(inside).count(),
            mae: by_age.mae(inside)?,
            cmae: by_age.cmae(inside)?,
        })
    };
    Band::ALL.into_iter().filter_map(report).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;

    #[test]
    fn halves_round_up_across_the_edges() {
        assert_eq!(Band::of(17.4), Band::Young);
        assert_eq!(Band::of(17.5), Band::Middle);
        assert_eq!(Band::of(65.0), Band::Middle);
        assert_eq!(Band::of(65.5), Band::Old);
        assert_eq!(Band::of(101.0), Band::Old);
    }

    #[test]
    fn a_group_averages_its_own_ages_and_an_empty_one_is_absent() {
        // Young: age 10 errors 2, 4 (mean 3), age 17 error 5: MAE 11/3, CMAE 4. Middle: no samples. Old: 1.
        let rows = [(10.0, 12.0), (10.0, 6.0), (17.0, 22.0), (66.0, 65.0)];
        let bands = bands(&ByAge::new(&rows.map(|(age, prediction)| Sample { age, prediction })));
        assert_eq!(
            bands.iter().map(|b| (b.band, b.samples, b.ages)).collect::<Vec<_>>(),
            [(Band::Young, 3, 2), (Band::Old, 1, 1)]
        );
        assert!((bands[0].mae - 11.0 / 3.0).abs() < 1e-12 && (bands[0].cmae - 4.0).abs() < 1e-12);
        assert!((bands[1].cmae - 1.0).abs() < 1e-12);
    }
}
