//! A paired comparison as a sentence.

use glae_metrics::Difference;

use super::format::{interval, p_value, years};

/// "A is better than B by 0.42 years CMAE [0.30, 0.55], p = 0.002", or that nothing of the kind can be said: a
/// difference counts as one when p is below 0.05. Smaller errors are better.
pub fn sentence(metric: &str, a: &str, b: &str, difference: &Difference) -> String {
    let gain = -difference.difference;
    let (better, worse, gain, [low, high]) = if gain >= 0.0 {
        (a, b, gain, [-difference.interval[1], -difference.interval[0]])
    } else {
        (b, a, -gain, difference.interval)
    };
    let numbers = format!("{} years {metric} {}, {}", years(gain), interval([low, high]), p_value(difference.p));
    if difference.p < 0.05 {
        format!("{better} is better than {worse} by {numbers}.")
    } else {
        format!("No clear difference in {metric}: {better} is ahead of {worse} by {numbers}.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(difference: f64, interval: [f64; 2], p: f64) -> Difference {
        Difference { a: 5.0 + difference, b: 5.0, difference, interval, p }
    }

    #[test]
    fn the_smaller_error_is_better_whichever_comes_first() {
        let a = sentence("CMAE", "A", "B", &difference(-0.42, [-0.55, -0.3], 0.002));
        assert_eq!(a, "A is better than B by 0.42 years CMAE [0.30, 0.55], p = 0.002.");
        let b = sentence("MAE", "A", "B", &difference(0.42, [0.3, 0.55], 0.0005));
        assert_eq!(b, "B is better than A by 0.42 years MAE [0.30, 0.55], p < 0.001.");
    }

    #[test]
    fn luck_is_not_called_better() {
        let text = sentence("CMAE", "A", "B", &difference(-0.02, [-0.14, 0.1], 0.41));
        assert_eq!(text, "No clear difference in CMAE: A is ahead of B by 0.02 years CMAE [-0.10, 0.14], p = 0.410.");
    }
}
