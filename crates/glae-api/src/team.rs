//! Teams, their tokens and what they have left today.

use serde::{Deserialize, Serialize};

/// `POST teams`: a name, 2 to 60 characters, not yet taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewTeam {
    /// Shown on the boards.
    pub name: String,
}

/// A token, in full, this one time: only its hash is stored. It goes into `Authorization: Bearer ...`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Token {
    /// The team it speaks for.
    pub team: String,
    /// The secret.
    pub token: String,
    /// When it ends, in seconds since 1970.
    pub expires: i64,
}

/// `POST me/tokens`: one more token of the team.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for, as in "cluster", 1 to 60 characters.
    pub name: String,
}

/// What is known of a token beside its secret: `GET me/tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenEntry {
    /// The part of the token that is no secret.
    pub id: String,
    /// What it is for; empty for the first.
    pub name: String,
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// When it ends.
    pub expires: i64,
    /// Whether it came with this request.
    pub is_this: bool,
    /// The token that ends when this one is first used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
}

/// `GET me`: the team behind the token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Team {
    /// The team's name.
    pub name: String,
    /// When the token ends, in seconds since 1970.
    pub expires: i64,
}

/// What a team has left on a board today: `GET boards/{id}/quota`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Quota {
    /// Scored submissions left.
    pub submissions_left: u32,
    /// Files with problems that may still be sent; they do not count as submissions.
    pub failed_left: u32,
    /// When both start anew: the next midnight UTC, in seconds since 1970.
    pub resets: i64,
    /// Scored submissions left until the contest closes; absent where they are not limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_in_all: Option<u32>,
}
