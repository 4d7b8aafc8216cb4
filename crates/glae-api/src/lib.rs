//! What travels between the leaderboard's page and its server, and nothing else.
//!
//! All paths are below [`ROOT`]. Bodies are JSON except predictions and truth (CSV) and the two-part form that submits.
//! Errors are [`Problem`] documents (RFC 9457, `application/problem+json`). Ages are years; times are seconds since
//! 1970-01-01T00:00Z. Full reports and comparisons travel as `glae_metrics::Report` and `glae_metrics::Comparison`:
//! what they hold is defined there, once.
//!
//! Reading order: [`board`] (what is compared, and how), [`contest`] (a board that opens and closes), [`row`] (the methods on a board), [`submission`] (how a row
//! gets there), [`team`] (who may), [`problem`] (what went wrong).

pub mod board;
pub mod contest;
pub mod problem;
pub mod row;
pub mod submission;
pub mod team;

pub use board::{Board, BoardPage, BoardSummary, Column, Dataset, Truth, Unpredicted};
pub use contest::{
    Admission, Contest, ContestPage, Entry, EntryState, FinalChoice, NewEntry, Phase, Standing, TruthVersion,
};
pub use problem::{FileProblem, Problem};
pub use row::{ExternalData, Origin, Row, Scores, Visibility};
pub use submission::{Metadata, MetadataChange, Submitted};
pub use team::{NewTeam, Quota, Team, Token};

/// The path below which all of this is served.
pub const ROOT: &str = "/api/v1";
