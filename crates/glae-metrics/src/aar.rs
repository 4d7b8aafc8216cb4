use serde::{Deserialize, Serialize};

use crate::by_age::ByAge;

/// Age accuracy and regularity, the score of the Guess The Age contest (`[GLAE] eq. (15)`): 0 to 10, more is better.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Aar {
    /// `mae_term` + `regularity_term`.
    pub score: f64,
    /// max(0, 7 - MAE).
    pub mae_term: f64,
    /// max(0, 3 - sigma).
    pub regularity_term: f64,
    /// `[GLAE] eq. (16)`: how far the groups' errors lie from the overall error, in years.
    pub sigma: f64,
    /// The contest's groups that have samples, youngest first.
    pub groups: Vec<AarGroup>,
}

/// One of the contest's groups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AarGroup {
    /// The span in years, as in "11-20".
    pub label: String,
    /// Number of samples in it.
    pub samples: usize,
    /// Mean absolute error over them, in years.
    pub mae: f64,
}

const GROUPS: [&str; 8] = ["1-10", "11-20", "21-30", "31-40", "41-50", "51-60", "61-70", "71+"];

impl Aar {
    /// `[GLAE] eq. (15)-(16)`: AAR = max(0, 7 - MAE) + max(0, 3 - sigma), where
    /// sigma = sqrt(1/n sum_j (MAE_j - MAE)^2) over the n groups that have samples, around the overall MAE.
    ///
    /// The contest's groups begin at one year; age 0 joins the first.
    pub(crate) fn new(by_age: &ByAge) -> Self {
        let mae = by_age.mae(|_| true).unwrap_or_default();
        let report = |(number, label): (usize, &&str)| {
            let inside = |age: usize| age.saturating_sub(1).min(70) / 10 == number;
            Some(AarGroup { label: (*label).to_owned(), samples: by_age.samples(inside), mae: by_age.mae(inside)? })
        };
        let groups: Vec<AarGroup> = GROUPS.iter().enumerate().filter_map(report).collect();
        let square = |group: &AarGroup| (group.mae - mae) * (group.mae - mae);
        let sigma = (groups.iter().map(square).sum::<f64>() / groups.len().max(1) as f64).sqrt();
        let (mae_term, regularity_term) = ((7.0 - mae).max(0.0), (3.0 - sigma).max(0.0));
        Self { score: mae_term + regularity_term, mae_term, regularity_term, sigma, groups }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;

    fn aar(rows: &[(f64, f64)]) -> Aar {
        let samples: Vec<_> = rows.iter().map(|&(age, error)| Sample { age, prediction: age + error }).collect();
        Aar::new(&ByAge::new(&samples))
    }

    #[test]
    fn eq_15_and_16_worked_by_hand() {
        // Groups 1-10: 1 and 3 (mean 2), 11-20: 5; MAE 3. sigma = sqrt(((2 - 3)^2 + (5 - 3)^2) / 2) = sqrt(2.5).
        let aar = aar(&[(1.0, 1.0), (10.0, -3.0), (11.0, 5.0)]);
        assert!((aar.sigma - 2.5_f64.sqrt()).abs() < 1e-12);
        assert!((aar.mae_term - 4.0).abs() < 1e-12);
        assert!((aar.score - (4.0 + 3.0 - 2.5_f64.sqrt())).abs() < 1e-12);
    }

    #[test]
    fn eq_15_clamps_each_term_by_itself() {
        // MAE 10 is beyond 7, but both groups err alike: sigma 0 keeps its 3.
        let even = aar(&[(5.0, 10.0), (15.0, 10.0)]);
        assert_eq!((even.mae_term, even.regularity_term, even.score), (0.0, 3.0, 3.0));
        // MAE 5 keeps its 2, but sigma 5 is beyond 3.
        let uneven = aar(&[(5.0, 10.0), (15.0, 0.0)]);
        assert_eq!((uneven.mae_term, uneven.regularity_term, uneven.score), (2.0, 0.0, 2.0));
    }

    #[test]
    fn eq_16_groups_are_the_contests_and_empty_ones_are_skipped() {
        let ages = [0.0, 10.0, 10.5, 20.0, 70.0, 71.0, 81.0, 120.0];
        let groups = aar(&ages.map(|age| (age, 1.0))).groups;
        let labels: Vec<_> = groups.iter().map(|group| (group.label.as_str(), group.samples)).collect();
        assert_eq!(labels, [("1-10", 2), ("11-20", 2), ("61-70", 1), ("71+", 3)]);
    }
}
