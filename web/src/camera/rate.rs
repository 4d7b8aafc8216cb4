//! How fast answers come.

/// Weight of the newest interval.
const NEWEST: f64 = 0.15;

/// Pictures per second and milliseconds of computation, both smoothed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rate {
    /// Answered pictures per second.
    pub per_second: f64,
    /// From the pixels to the answer, in the worker.
    pub compute_ms: f64,
    last_ms: Option<f64>,
}

impl Rate {
    /// An answer has come that took `compute_ms`.
    pub fn count(&mut self, now_ms: f64, compute_ms: f64) {
        let mix = |old: f64, new: f64| if old > 0.0 { old + NEWEST * (new - old) } else { new };
        if let Some(last) = self.last_ms.filter(|last| now_ms > *last) {
            // Intervals are averaged, not their inverses: a burst after a pause is no speed.
            let interval = mix(if self.per_second > 0.0 { 1000.0 / self.per_second } else { 0.0 }, now_ms - last);
            self.per_second = 1000.0 / interval;
        }
        self.compute_ms = mix(self.compute_ms, compute_ms);
        self.last_ms = Some(now_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::Rate;

    #[test]
    fn a_steady_rate_is_told_as_it_is() {
        let mut rate = Rate::default();
        (0..50).for_each(|picture| rate.count(f64::from(picture) * 40.0, 30.0));
        assert!((rate.per_second - 25.0).abs() < 1e-9 && (rate.compute_ms - 30.0).abs() < 1e-9);
    }

    #[test]
    fn one_picture_is_no_rate() {
        let mut rate = Rate::default();
        rate.count(5.0, 30.0);
        assert_eq!((rate.per_second, rate.compute_ms), (0.0, 30.0));
    }
}
