//! Label distribution smoothing: Yang et al., "Delving into Deep Imbalanced Regression", ICML 2021.
//!
//! Ages that are rare, and whose neighbours are rare, count more.

use glae_model::AGES;

/// Weights of the neighbours up to two years away: a Gaussian with a standard deviation of 2 years, cut to five ages, as in
/// the authors' experiments on ages. DIFFERENCE: their code reflects the tails of the Gaussian into the five ages.
fn kernel(distance: usize) -> f64 {
    (-((distance * distance) as f64) / (2.0 * 2.0 * 2.0)).exp()
}

/// One weight per image, 1 on average: the inverse of the smoothed root of the number of images of its age (`sqrt_inv`, which
/// the authors use for ages). Ages are in years and count as the nearest of 0 to 100.
pub fn weights(ages: &[f32]) -> Vec<f32> {
    let class = |age: f32| (age.round().max(0.0) as usize).min(AGES - 1);
    let mut counts = [0f64; AGES];
    ages.iter().for_each(|age| counts[class(*age)] += 1.0);
    let density = |age: usize| -> f64 {
        let near = age.saturating_sub(2)..=(age + 2).min(AGES - 1);
        near.map(|other| kernel(other.abs_diff(age)) * counts[other].sqrt()).sum()
    };
    let inverse: Vec<f64> = ages.iter().map(|age| 1.0 / density(class(*age))).collect();
    let mean = inverse.iter().sum::<f64>() / inverse.len() as f64;
    inverse.iter().map(|weight| (weight / mean) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_ages_weigh_more_and_borrow_from_their_neighbours() {
        // Four images of 30, one of 32. Roots 2 and 1, e^-0.5 = 0.606531: densities 2.606531 and 2.213061, inverses
        // 0.383652 and 0.451863, whose mean over the five images is 0.397294.
        let found = weights(&[30.0, 30.0, 32.0, 30.0, 30.0]);
        for (found, expected) in found.iter().zip([0.965_662, 0.965_662, 1.137_351, 0.965_662, 0.965_662]) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
        // Three years away nothing is borrowed: roots 2 and 1.
        let found = weights(&[30.0, 30.0, 33.0, 30.0, 30.0]);
        assert!((found[2] / found[0] - 2.0).abs() < 1e-5);
    }

    #[test]
    fn every_age_has_a_weight_and_an_even_set_has_none_but_one() {
        let even: Vec<f32> = (10..60).map(|age| age as f32).collect();
        let found = weights(&even);
        // The ends have fewer neighbours.
        assert!((found[10] - found[30]).abs() < 1e-6 && found[0] > found[10]);
        assert!((found.iter().sum::<f32>() - 50.0).abs() < 1e-3);
        assert!(weights(&[0.0, 100.0, 116.0]).iter().all(|weight| weight.is_finite()));
    }
}
