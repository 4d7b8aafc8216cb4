//! glae-metrics from outside: published values, other libraries, properties, and files of all kinds.

mod files;
mod hostile;
mod mutation;
mod oracles;
mod properties;
mod splitmix;
mod table_ix;

use glae_metrics::{Options, Predictions, Problems, Report, Truth, score};

/// Scores two files with the default options.
fn report(truth: &str, predictions: &str) -> Result<Report, Problems> {
    let truth = Truth::parse(truth.as_bytes())?;
    score(&truth, &Predictions::parse(predictions.as_bytes())?, &Options::default())
}
