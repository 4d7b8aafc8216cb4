#![doc = include_str!("../README.md")]
//!
//! Modules: [`board`], [`contest`], [`row`], [`submission`], [`team`], [`organise`], [`problem`], [`stranger`]; the path of all of
//! it is [`ROOT`].

pub mod board;
pub mod contest;
pub mod organise;
pub mod problem;
pub mod row;
pub mod stranger;
pub mod submission;
pub mod team;

pub use board::{Board, BoardPage, BoardSummary, COMPARED, Column, Dataset, TruthAccess};
pub use contest::{
    Admission, Contest, ContestPage, Entry, EntryState, FinalChoice, NewEntry, Phase, Standing, TruthVersion,
};
pub use glae_metrics::Unpredicted;
pub use organise::{
    Action, BoardOffice, Deed, Done, Entrant, Frozen, FrozenRanking, FrozenRow, Log, NewDeed, OrganisedBoard,
    OrganisedRow, Organiser,
};
pub use problem::{FileProblem, Problem};
pub use row::{ExternalData, Origin, Row, Scores, Seeds, Tombstone, Visibility};
pub use submission::{Metadata, MetadataChange, OwnSubmission, OwnSubmissions, Submitted};
pub use team::{NewTeam, NewToken, Quota, Team, Token, TokenEntry};

/// The path below which all of this is served.
pub const ROOT: &str = "/api/v1";
