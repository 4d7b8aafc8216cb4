use serde::{Deserialize, Serialize};

use crate::by_age::ByAge;

/// Scores by how often an age was seen in training, as in deep imbalanced regression (DIR).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Shots {
    /// Ages with more than 100 training images; absent when the test set has none of them.
    pub many: Option<Shot>,
    /// Ages with 20 to 100 training images.
    pub medium: Option<Shot>,
    /// Ages with fewer than 20 training images, those never seen in training among them.
    pub few: Option<Shot>,
}

/// The scores of the ages with many, medium or few training images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Shot {
    /// Number of test samples of these ages.
    pub samples: usize,
    /// Number of these ages in the test set.
    pub ages: usize,
    /// Mean absolute error where every sample counts the same (DIR), in years.
    pub mae: f64,
    /// Mean absolute error where every age counts the same (bMAE), in years.
    pub bmae: f64,
}

impl Shots {
    /// `training_counts[k]` is the number of training images of rounded age k; ages beyond its end were never seen.
    pub(crate) fn new(by_age: &ByAge, training_counts: &[u32]) -> Self {
        let shot = |from: u32, to: u32| {
            let inside = |age: usize| (from..=to).contains(&training_counts.get(age).copied().unwrap_or(0));
            Some(Shot {
                samples: by_age.samples(inside),
                ages: by_age.ages(inside).count(),
                mae: by_age.mae(inside)?,
                bmae: by_age.cmae(inside)?,
            })
        };
        Self { many: shot(101, u32::MAX), medium: shot(20, 100), few: shot(0, 19) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;

    #[test]
    fn the_edges_are_20_and_100_and_unseen_ages_are_few() {
        let rows = [(0.0, 1.0), (1.0, 2.0), (1.0, 4.0), (2.0, 8.0), (3.0, 3.0), (50.0, 7.0)];
        let samples = rows.map(|(age, error)| Sample { age, prediction: age + error });
        let shots = Shots::new(&ByAge::new(&samples), &[101, 100, 20, 19]);
        assert_eq!(shots.many, Some(Shot { samples: 1, ages: 1, mae: 1.0, bmae: 1.0 }));
        // Medium: age 1 errors 2, 4, age 2 error 8: mean over samples 14/3, over ages (3 + 8) / 2.
        assert_eq!(shots.medium, Some(Shot { samples: 3, ages: 2, mae: 14.0 / 3.0, bmae: 5.5 }));
        assert_eq!(shots.few, Some(Shot { samples: 2, ages: 2, mae: 5.0, bmae: 5.0 }));
    }

    #[test]
    fn an_empty_part_is_absent() {
        let shots = Shots::new(&ByAge::new(&[Sample { age: 1.0, prediction: 3.0 }]), &[0, 500]);
        assert!(shots.many.is_some() && shots.medium.is_none() && shots.few.is_none());
    }
}
