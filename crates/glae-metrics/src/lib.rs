#![doc = include_str!("../README.md")]

mod aar;
mod band;
mod bootstrap;
mod by_age;
mod calibration;
mod cells;
mod compare;
mod errors;
mod fields;
mod header;
pub mod ids;
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
pub mod text;
mod truth;
pub mod words;
mod worst;

pub use aar::{Aar, AarGroup};
pub use band::{Band, BandReport};
pub use bootstrap::{Bootstrap, Intervals};
pub use by_age::AgeReport;
pub use calibration::Calibration;
pub use cells::{CellRow, Cells};
pub use compare::{Comparison, Difference, compare};
pub use errors::epsilon_error;
pub use parser::{Parser, ParserLimits};
pub use predictions::{Predictions, Route};
pub use problems::{Heading, ProblemGroup, ProblemKind, Problems};
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
