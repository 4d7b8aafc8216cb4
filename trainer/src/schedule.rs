//! OneCycle (Smith and Topin 2018) as a pure function of the step, with PyTorch's constants.

use std::f64::consts::PI;

/// Learning rate and momentum of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Steps of the cycle before this one.
    pub step: usize,
    /// Learning rate.
    pub learning_rate: f64,
    /// Momentum, which falls while the rate rises.
    pub momentum: f64,
}

/// The rates of step `step` of `steps`: the learning rate rises from 1/25 of `highest` during the first `warmup` share
/// and falls to 1/250,000 of it, both along a cosine; momentum runs from 0.95 to 0.85 and back.
pub fn one_cycle(step: usize, steps: usize, highest: f64, warmup: f64) -> Rates {
    let last = steps.saturating_sub(1).max(1) as f64;
    let turn = (warmup * steps as f64 - 1.0).max(0.0);
    let at = (step as f64).min(last);
    let initial = highest / 25.0;
    if at <= turn && turn > 0.0 {
        let share = at / turn;
        Rates { step, learning_rate: cosine(initial, highest, share), momentum: cosine(0.95, 0.85, share) }
    } else {
        let share = (at - turn) / (last - turn).max(1.0);
        Rates { step, learning_rate: cosine(highest, initial / 1e4, share), momentum: cosine(0.85, 0.95, share) }
    }
}

fn cosine(from: f64, to: f64, share: f64) -> f64 {
    to + (from - to) / 2.0 * (1.0 + (PI * share).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cycle_starts_peaks_and_ends_where_pytorchs_does() {
        // torch.optim.lr_scheduler.OneCycleLR(max_lr=0.1, total_steps=100): 0.004, peak at step 29, 4e-7 at the end.
        let at = |step| one_cycle(step, 100, 0.1, 0.3);
        assert!((at(0).learning_rate - 0.004).abs() < 1e-12 && (at(0).momentum - 0.95).abs() < 1e-12);
        assert!((at(29).learning_rate - 0.1).abs() < 1e-12 && (at(29).momentum - 0.85).abs() < 1e-12);
        assert!((at(99).learning_rate - 4e-7).abs() < 1e-15 && (at(99).momentum - 0.95).abs() < 1e-12);
        assert!((at(64).learning_rate - 0.05).abs() < 1e-6);
    }
}
