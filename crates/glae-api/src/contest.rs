//! Contests: boards whose truth is hidden, that open and close, and that tell little until then.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::board::Column;
use crate::row::Scores;

/// The rules of a contest: the table `[contest]` of a board's file, with times in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Contest {
    /// When submissions are first taken, in seconds since 1970.
    pub opens: i64,
    /// When they are last taken; then the private part decides.
    pub closes: i64,
    /// Scored submissions of a team until the contest closes.
    pub submissions_in_all: u32,
    /// Which teams may take part.
    pub admission: Admission,
    /// The share of the images that decides at the end, more than 0 and less than 1. Which images these are is known to
    /// the server alone.
    pub private_share: f64,
    /// The least step, in years, in which a number is told while the contest is open. The steps that are used are in
    /// [`ContestPage::steps`].
    pub step: Option<f64>,
}

/// Which teams may take part in a contest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Admission {
    /// Every team.
    #[default]
    Open,
    /// Teams that bring an invitation's code.
    Invited,
    /// Teams that the organiser has admitted.
    Approved,
}

/// Where a contest stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It takes no submissions yet.
    Before,
    /// It takes submissions; numbers are told in steps, of the public part, when a team's best improves.
    Open,
    /// The rows' numbers are those of the private part.
    Closed,
}

/// A contest as its page shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ContestPage {
    /// Its rules; `closes` is later or earlier than in the board's file if the organiser moved it.
    pub rules: Contest,
    /// Where it stands.
    pub phase: Phase,
    /// The steps in which numbers are told while it is open: years, or shares for `cs5` and `epsilon`. Columns that are
    /// absent are told when it has closed.
    pub steps: BTreeMap<Column, f64>,
    /// What the organiser has to say; empty if nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub announcement: String,
}

/// What there is to say about a row beside its numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Standing {
    /// How many images of how many it predicts, where that is not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<[u32; 2]>,
    /// Why it is not ranked: "equals-truth", "incomplete" or "hidden".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unranked: Option<String>,
    /// Why the organiser hid it; only its team sees this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether it is its team's final submission; only in contests that have closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_final: Option<bool>,
    /// Its place by the public part among the final submissions, from 1; only in contests that have closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_rank: Option<u32>,
    /// Its place by the private part, which counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_rank: Option<u32>,
    /// Its numbers on the public part, with three decimals; only in contests that have closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_scores: Option<Scores>,
}

/// The truth and the scorer behind the submitted rows of a board. All rows are of the same version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TruthVersion {
    /// From 1; a new truth starts a new one.
    pub version: i64,
    /// The beginning of the SHA-256 of the truth and the rules of scoring.
    pub fingerprint: String,
    /// When its rows were scored with it first, in seconds since 1970.
    pub since: i64,
}

/// `PUT boards/{id}/entry`: to take part in a contest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewEntry {
    /// The invitation's code, where one is needed.
    #[serde(default)]
    pub code: Option<String>,
}

/// Whether a team takes part in a contest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum EntryState {
    /// It has not asked.
    None,
    /// It waits for the organiser.
    Pending,
    /// It takes part.
    Admitted,
    /// The organiser refused it.
    Refused,
}

/// A team in a contest: `GET boards/{id}/entry`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Entry {
    /// Whether it takes part.
    pub state: EntryState,
    /// The submission that is to count at the end; nothing means its best on the public part.
    pub final_submission: Option<String>,
}

/// `PUT boards/{id}/final`: which submission counts at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FinalChoice {
    /// Its id; nothing for the best on the public part.
    pub submission: Option<String>,
}
