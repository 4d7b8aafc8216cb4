use serde::{Deserialize, Serialize};

use crate::MAX_AGE;
use crate::by_age::age_class;

/// How far uploaded distributions over ages can be believed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Calibration {
    /// Mean of -ln p(true age). A probability below 1e-12 counts as that, so that one impossible age does not make the
    /// number infinite.
    pub nll: f64,
    /// Expected calibration error of the likeliest age: 15 equally wide bins of confidence, absolute difference of mean
    /// confidence and share of hits, weighted by samples.
    pub ece: f64,
    /// Share of true ages within the central 90 % interval; 0.9 is ideal.
    pub coverage90: f64,
}

const CONFIDENCE_BINS: usize = 15;
const LEAST: f64 = 1e-12;
/// Sums of shares written with a few digits miss a quantile by less than this.
const ROUNDING: f64 = 1e-6;

impl Calibration {
    /// True ages in years, each with its distribution over the ages 0 to 100; nothing without samples.
    ///
    /// Distributions are divided by their sum first. A true age is rounded half up, and beyond 100 counts as 100.
    pub(crate) fn new<'a>(rows: impl Iterator<Item = (f64, &'a [f32])>) -> Option<Self> {
        let (mut count, mut nll, mut covered) = (0_usize, 0.0, 0_usize);
        let mut bins = [(0.0_f64, 0_usize); CONFIDENCE_BINS];
        for (age, distribution) in rows {
            let age = age_class(age).min(MAX_AGE);
            let sum: f64 = distribution.iter().map(|&p| f64::from(p)).sum();
            count += 1;
            nll -= libm::log((f64::from(distribution[age]) / sum).max(LEAST));
            covered += usize::from(central_90(distribution, sum).contains(&age));
            let (likeliest, confidence) = likeliest(distribution, sum);
            // Bins are closed above, so that a confidence of 1 belongs to the last.
            let bin = (confidence * CONFIDENCE_BINS as f64).ceil() as usize;
            let bin = &mut bins[bin.clamp(1, CONFIDENCE_BINS) - 1];
            bin.0 += confidence;
            bin.1 += usize::from(likeliest == age);
        }
        let gap: f64 = bins.iter().map(|&(confidence, hits)| (confidence - hits as f64).abs()).sum();
        let n = count as f64;
        (count > 0).then(|| Self { nll: nll / n, ece: gap / n, coverage90: covered as f64 / n })
    }
}

/// The youngest of the likeliest ages, and its share.
fn likeliest(distribution: &[f32], sum: f64) -> (usize, f64) {
    let larger = |best: (usize, f32), (age, &p): (usize, &f32)| if p > best.1 { (age, p) } else { best };
    let (age, p) = distribution.iter().enumerate().fold((0, 0.0), larger);
    (age, f64::from(p) / sum)
}

/// From the first age at which the cumulative share reaches 5 % to the first at which it reaches 95 %.
fn central_90(distribution: &[f32], sum: f64) -> std::ops::RangeInclusive<usize> {
    let (mut cumulative, mut low) = (0.0, None);
    for (age, &p) in distribution.iter().enumerate() {
        cumulative += f64::from(p) / sum;
        if low.is_none() && cumulative >= 0.05 - ROUNDING {
            low = Some(age);
        }
        if cumulative >= 0.95 - ROUNDING {
            return low.unwrap_or(age)..=age;
        }
    }
    low.unwrap_or(0)..=MAX_AGE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution(shares: &[(usize, f32)]) -> Vec<f32> {
        let mut all = vec![0.0; MAX_AGE + 1];
        shares.iter().for_each(|&(age, share)| all[age] = share);
        all
    }

    fn calibration(rows: &[(f64, &[(usize, f32)])]) -> Calibration {
        let rows: Vec<_> = rows.iter().map(|(age, shares)| (*age, distribution(shares))).collect();
        Calibration::new(rows.iter().map(|(age, shares)| (*age, shares.as_slice()))).unwrap()
    }

    #[test]
    fn nll_ece_and_coverage_worked_by_hand() {
        let shares: &[_] = &[(20, 0.75), (30, 0.25)];
        let c = calibration(&[(20.0, shares), (29.5, shares)]);
        assert!((c.nll - ((4.0_f64 / 3.0).ln() + 4.0_f64.ln()) / 2.0).abs() < 1e-12);
        // Both at confidence 0.75, one of two hits.
        assert!((c.ece - 0.25).abs() < 1e-12);
        assert_eq!(c.coverage90, 1.0);
    }

    #[test]
    fn confidences_of_different_bins_do_not_make_up_for_each_other() {
        // Sure and wrong at 1.0, unsure and right at 0.5: gaps 1 and 0.5.
        let c = calibration(&[(40.0, &[(20, 1.0)]), (50.0, &[(50, 0.5), (60, 0.5)])]);
        assert!((c.ece - 0.75).abs() < 1e-12);
    }

    #[test]
    fn the_interval_leaves_five_percent_on_each_side() {
        let shares: &[_] = &[(10, 0.04), (20, 0.02), (30, 0.89), (40, 0.04), (50, 0.01)];
        let covered = |age| calibration(&[(age, shares)]).coverage90 == 1.0;
        assert_eq!([10.0, 20.0, 25.0, 30.0, 40.0].map(covered), [false, true, true, true, false]);
    }

    #[test]
    fn an_impossible_age_and_one_beyond_100_stay_finite() {
        assert!((calibration(&[(20.0, &[(30, 1.0)])]).nll - 1e12_f64.ln()).abs() < 1e-9);
        assert!(calibration(&[(104.0, &[(100, 0.5)])]).nll.abs() < 1e-12);
    }
}
