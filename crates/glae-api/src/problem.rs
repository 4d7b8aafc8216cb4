//! Errors as documents.

use glae_metrics::ProblemGroup;
use serde::{Deserialize, Serialize};

/// An error as a document (RFC 9457), sent as `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// What kind of problem: a path below `/api/v1/problems/`, the same for all of its kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened here, and the remedy.
    pub detail: String,
    /// Every problem of a predictions file; empty for other errors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<FileProblem>,
}

/// All problems of one kind in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FileProblem {
    /// What they have in common, as in "unknown id".
    pub kind: String,
    /// How many there are.
    pub count: u64,
    /// The first of them, in words, with line numbers.
    pub first: Vec<String>,
}

impl From<ProblemGroup> for FileProblem {
    fn from(ProblemGroup { kind, count, first }: ProblemGroup) -> Self {
        Self { kind: kind.label().to_owned(), count, first }
    }
}
