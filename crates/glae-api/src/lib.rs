#![doc = include_str!("../README.md")]
//!
//! Modules: [`board`], [`contest`], [`row`], [`submission`], [`team`], [`problem`]; the path of all of it is [`ROOT`].

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
