//! Axes that end on round numbers.

/// The smallest of 1, 2 or 5 times a power of ten that a positive number does not exceed, but for a thousandth.
pub fn round_up(value: f64) -> f64 {
    let decade = 10f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|step| step * decade).into_iter().find(|step| *step >= value * 0.999).unwrap_or(value)
}

/// An axis with round steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// Between two ticks.
    pub step: f64,
}

impl Axis {
    /// From `low` or the next round number below to `high` or the next one above, in about `ticks` steps.
    pub fn between(low: f64, high: f64, ticks: usize) -> Self {
        let high = if high > low && high.is_finite() { high } else { low + 1.0 };
        let step = round_up((high - low) / ticks.max(1) as f64);
        // A hair of tolerance, or a value on a tick would push the end to the next one.
        Self { low: (low / step + 1e-9).floor() * step, high: (high / step - 1e-9).ceil() * step, step }
    }

    /// From 0 to at least `top`.
    pub fn from_zero(top: f64, ticks: usize) -> Self {
        Self::between(0.0, top, ticks)
    }

    /// The shortest one that holds all finite values with room around them; it does not go below 0 unless a value does.
    pub fn around(values: impl Iterator<Item = f64>, ticks: usize) -> Self {
        let (low, high) = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        let room = if high > low { (high - low) * 0.06 } else { (high.abs() * 0.1).max(0.5) };
        Self::between((low - room).max(if low >= 0.0 { 0.0 } else { f64::NEG_INFINITY }), high + room, ticks)
    }

    /// From 0 to exactly `end`, with ticks at whole numbers alone.
    pub fn counting(end: usize, ticks: usize) -> Self {
        let Self { step, .. } = Self::from_zero(end as f64, ticks);
        Self { low: 0.0, high: end.max(1) as f64, step: step.max(1.0) }
    }

    /// The values that get a number.
    pub fn ticks(&self) -> impl Iterator<Item = f64> + use<> {
        let Self { low, high, step } = *self;
        (0..=((high - low) / step + 1e-9) as usize).map(move |number| low + number as f64 * step)
    }

    /// Where a value lies, if `low` is at `from` and `high` at `to`.
    pub fn place(&self, value: f64, from: f64, to: f64) -> f64 {
        from + (value - self.low) / (self.high - self.low) * (to - from)
    }

    /// A tick's number, with as many decimals as the steps need.
    pub fn label(&self, value: f64) -> String {
        let decimals = (-self.step.log10().floor()).max(0.0) as usize;
        format!("{value:.decimals$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_on_round_steps() {
        let labels = |low, high| {
            let axis = Axis::between(low, high, 5);
            axis.ticks().map(|tick| axis.label(tick)).collect::<Vec<_>>()
        };
        assert_eq!(labels(0.0, 8.9), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(labels(0.0, 0.05), ["0.00", "0.01", "0.02", "0.03", "0.04", "0.05"]);
        assert_eq!(labels(6.31, 6.98), ["6.2", "6.4", "6.6", "6.8", "7.0"]);
        assert_eq!(labels(0.0, 0.0), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(Axis::between(0.0, 10.0, 5).place(5.0, 100.0, 0.0), 50.0);
        let around = Axis::around([4.6, 8.9].into_iter(), 5);
        assert_eq!((around.low, around.high, around.step), (4.0, 10.0, 1.0));
        let on_a_tick = Axis::from_zero(0.3, 3);
        assert!((on_a_tick.high - 0.3).abs() < 1e-12 && on_a_tick.label(0.1) == "0.1", "{on_a_tick:?}");
    }

    #[test]
    fn whole_numbers_are_counted_to_the_last() {
        let ticks = |end| Axis::counting(end, 10).ticks().collect::<Vec<_>>();
        assert_eq!(ticks(3), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(ticks(17), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0]);
        assert_eq!(Axis::counting(17, 10).place(17.0, 0.0, 1.0), 1.0);
    }

    #[test]
    fn an_axis_holds_whatever_comes() {
        for values in [vec![], vec![3.0], vec![0.0], vec![f64::NAN, 2.0], vec![1e-9, 2e9]] {
            let axis = Axis::around(values.iter().copied(), 5);
            assert!(axis.high > axis.low && axis.step > 0.0 && axis.ticks().count() < 50, "{values:?}: {axis:?}");
            assert!(values.iter().all(|v| v.is_nan() || (axis.low..=axis.high).contains(v)), "{values:?}: {axis:?}");
        }
    }
}
