//! A measured number with its interval, and how it is written.

use glae_metrics::Bootstrap;
use serde::Serialize;

/// How intervals are drawn.
pub(super) const BOOTSTRAP: Bootstrap = Bootstrap { resamples: 2000, seed: 20_240_101 };

/// The same as a sentence.
pub(super) fn resamples() -> String {
    let Bootstrap { resamples, seed } = BOOTSTRAP;
    format!("intervals from {resamples} resamples, seed {seed}")
}

/// A number and its 95 % bootstrap interval over photographs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Figure {
    pub(super) value: f64,
    pub(super) interval: [f64; 2],
}

impl Figure {
    /// The mean of one value for each photograph.
    pub(super) fn mean(values: &[f64]) -> Self {
        Self { value: mean(values), interval: BOOTSTRAP.interval_of_rows(values, mean) }
    }

    /// The mean difference of two values for each photograph, a - b: photographs are drawn with both.
    pub(super) fn difference(a: &[f64], b: &[f64]) -> Self {
        let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
        Self::mean(&differences)
    }

    /// `12.34 [12.00, 12.68]`.
    pub(super) fn years(self) -> String {
        let [low, high] = self.interval;
        format!("{:.2} [{low:.2}, {high:.2}]", self.value)
    }

    /// A share as `12.3 % [11.0, 13.6]`.
    pub(super) fn percent(self) -> String {
        let [low, high] = self.interval.map(|share| 100.0 * share);
        format!("{:.1} % [{low:.1}, {high:.1}]", 100.0 * self.value)
    }

    /// A difference with its sign, times `scale`; bold where the interval leaves out 0.
    pub(super) fn signed(self, scale: f64, digits: usize) -> String {
        let [value, low, high] =
            [self.value, self.interval[0], self.interval[1]].map(|number| format!("{:+.digits$}", scale * number));
        let text = format!("{value} [{low}, {high}]").replace('-', "−");
        if self.interval[0] > 0.0 || self.interval[1] < 0.0 { format!("**{text}**") } else { text }
    }
}

/// What a difference of errors, ours minus another's, says: its interval decides.
pub(super) fn verdict(difference: Figure) -> &'static str {
    match difference.interval {
        [_, high] if high < 0.0 => "better than",
        [low, _] if low > 0.0 => "worse than",
        _ => "not told apart from",
    }
}

/// NaN of nothing.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The cells of a row.
pub(super) fn row(cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<String> = cells.into_iter().collect();
    format!("| {} |\n", cells.join(" | "))
}

/// The head of a table: the first column to the left, numbers to the right.
pub(super) fn head(cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<String> = cells.into_iter().collect();
    format!("| {} |\n|---|{}\n", cells.join(" | "), "---:|".repeat(cells.len() - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_with_their_intervals() {
        let figure = Figure { value: -0.125, interval: [-0.2, -0.05] };
        assert_eq!(figure.signed(100.0, 1), "**−12.5 [−20.0, −5.0]**");
        assert_eq!(Figure { interval: [-0.2, 0.05], ..figure }.signed(1.0, 2), "−0.12 [−0.20, +0.05]");
        let figure = Figure { value: 0.5, interval: [0.25, 0.75] };
        assert_eq!((figure.years(), figure.percent()), ("0.50 [0.25, 0.75]".into(), "50.0 % [25.0, 75.0]".into()));
    }

    #[test]
    fn the_interval_decides_who_is_better() {
        let verdicts = [[-2.0, -1.0], [1.0, 2.0], [-1.0, 1.0]].map(|interval| verdict(Figure { value: 0.5, interval }));
        assert_eq!(verdicts, ["better than", "worse than", "not told apart from"]);
    }

    #[test]
    fn differences_are_of_the_same_photographs() {
        // Errors lie 0 to 6 years apart, and a is 1 year better on each photograph.
        let b: Vec<f64> = (0..70).map(|i| f64::from(i % 7)).collect();
        let a: Vec<f64> = b.iter().map(|error| error - 1.0).collect();
        assert_eq!(Figure::difference(&a, &b), Figure { value: -1.0, interval: [-1.0, -1.0] });
        let [low, high] = Figure::mean(&b).interval;
        assert!(low < 2.8 && high > 3.2, "{low} {high}");
    }
}
