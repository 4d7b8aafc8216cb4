//! Scores of age estimation.
//!
//! Predictions are real numbers of years and are never rounded; ages in the truth may be fractional and are binned by
//! rounding half up where a metric speaks of "an age". This crate knows neither Burn nor files nor clocks.
//!
//! ```
//! use glae_metrics::{Report, Sample};
//! let samples = [
//!     Sample { age: 30.0, prediction: 31.0 },
//!     Sample { age: 30.0, prediction: 30.0 },
//!     Sample { age: 70.0, prediction: 60.0 },
//! ];
//! let report = Report::new(&samples).unwrap();
//! assert!((report.mae - 11.0 / 3.0).abs() < 1e-12);
//! assert!((report.cmae - 5.25).abs() < 1e-12); // (0.5 + 10) / 2: every age counts the same
//! ```

mod band;
mod report;

pub use band::Band;
pub use report::{BandReport, MetricsError, Report, Sample, cmae, mae};
