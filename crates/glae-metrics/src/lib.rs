//! Scores of age estimation: what a predictions file is worth against a truth file.
//!
//! [`Truth::parse`] and [`Predictions::parse`] read files, [`score`] joins them by id and gives a [`Report`], and
//! [`compare`] says whether one set of predictions is better than another. A file that is wrong anywhere is not scored:
//! all its [`Problems`] come back at once, with line numbers. The trainer, the command line, the page and the server
//! all compute with this crate, so that a number means the same wherever it is seen; `docs/scoring.md` defines each.
//!
//! Predictions are real numbers of years and are never rounded. Ages in the truth may be fractional and are binned by
//! rounding half up where a metric speaks of "an age". Results do not depend on the machine: sums run in the order of
//! the truth, logarithms and exponentials come from `libm`, and random numbers from a seeded generator of our own.
//!
//! This crate knows neither Burn nor files nor clocks nor the network.
//!
//! ```
//! use glae_metrics::{Options, Predictions, Truth, score};
//! let truth = Truth::parse(b"id,age\na,30\nb,30\nc,70\n").unwrap();
//! let predictions = Predictions::parse(b"id;age\nc;60\na;31\nb;30\n").unwrap();
//! let report = score(&truth, &predictions, &Options::default()).unwrap();
//! assert!((report.mae - 11.0 / 3.0).abs() < 1e-12);
//! assert!((report.cmae - 5.25).abs() < 1e-12); // (0.5 + 10) / 2: every age counts the same
//!
//! let problems = Predictions::parse(b"id,age\na,thirty\nb,inf\n").unwrap_err();
//! assert_eq!(problems.count(), 2);
//! ```

mod aar;
mod band;
mod bootstrap;
mod by_age;
mod calibration;
mod compare;
mod errors;
mod fields;
mod header;
mod ids;
mod join;
mod json_line;
mod lines;
mod number;
mod parser;
mod predictions;
mod problems;
mod random;
mod report;
mod routing;
mod sample;
mod score;
mod shots;
mod table;
mod truth;
mod worst;

pub use aar::{Aar, AarGroup};
pub use band::{Band, BandReport};
pub use bootstrap::{Bootstrap, Intervals};
pub use by_age::AgeReport;
pub use calibration::Calibration;
pub use compare::{Comparison, Difference, compare};
pub use errors::epsilon_error;
pub use parser::{Limits, Parser};
pub use predictions::{Predictions, Route};
pub use problems::{ProblemGroup, ProblemKind, Problems};
pub use report::Report;
pub use routing::RoutingShare;
pub use sample::{MetricsError, Sample, cmae, mae};
pub use score::{Options, Unpredicted, score, score_part};
pub use shots::{Shot, Shots};
pub use truth::{Truth, TruthRow};
pub use worst::{Worst, worst};

/// Name and version of what computed a report.
pub const SCORER: &str = concat!("glae-metrics ", env!("CARGO_PKG_VERSION"));

/// The last age with a bin of its own: distributions run over `p_0..p_100`.
pub const MAX_AGE: usize = 100;
