//! Rows: the methods on a board, and their numbers.

use serde::{Deserialize, Serialize};

/// A method on a board.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Unique on the board: a short name in the board's file, or the submission's id.
    pub id: String,
    /// The method's name.
    pub method: String,
    /// Who made it.
    #[serde(default)]
    pub authors: String,
    /// Year of publication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year: Option<u16>,
    /// The network under it, as in "ResNet-18".
    #[serde(default)]
    pub backbone: String,
    /// Number of parameters, in millions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters_millions: Option<f64>,
    /// Whether it learned from faces outside the board's own training part.
    pub external_data: ExternalData,
    /// Address of the paper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper: Option<String>,
    /// Address of the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Anything else.
    #[serde(default)]
    pub notes: String,
    /// Where the numbers come from.
    pub origin: Origin,
    /// The numbers. Empty in a board's file where `predictions` is given: the server computes them.
    #[serde(default)]
    pub scores: Scores,
    /// In a board's file: the predictions beside it. On the wire: the address to fetch them from. Rows that have them
    /// can be compared pair by pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predictions: Option<String>,
    /// Who may see it.
    #[serde(default)]
    pub visibility: Visibility,
    /// The seed of the training run, if its team named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u32>,
    /// Where several seeds of one method are one row: then `scores` are the means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeds: Option<Seeds>,
}

/// Several seeds of one method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Seeds {
    /// How many, at least 2.
    pub count: u32,
    /// The standard deviation of each number between the seeds (divided by one less than their count).
    pub deviation: Scores,
}

/// What is left of a submission that was withdrawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Tombstone {
    /// The submission's id.
    pub id: String,
    /// Its board.
    pub board: String,
    /// The method's name; empty if its team has been removed since.
    pub method: String,
    /// The team's name; empty if the team has been removed since.
    pub team: String,
    /// When it came, in seconds since 1970.
    pub submitted: i64,
    /// When it was withdrawn, in seconds since 1970.
    pub withdrawn: i64,
}

/// Whether a method learned from faces outside the board's own training part (a star in the paper's tables).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ExternalData {
    /// Only the board's own training part (general pre-training such as ImageNet counts as none).
    None,
    /// Other faces or ages as well.
    Used,
}

/// Where a row's numbers come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Origin {
    /// Copied from a publication; nobody here checked them.
    Reported {
        /// As in "`[GLAE]` Table V".
        source: String,
    },
    /// Computed here from predictions that ship with the board.
    Computed {
        /// Name and version of what computed them; filled in by the server.
        #[serde(default)]
        scorer: String,
    },
    /// Computed here from a team's submission.
    Submitted {
        /// The team's name.
        team: String,
        /// When, in seconds since 1970.
        at: i64,
        /// Name and version of what computed them.
        scorer: String,
    },
}

/// The numbers of a row; those that nobody knows are absent. Ages in years, shares from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Scores {
    /// See [`crate::Column::Cmae`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmae: Option<f64>,
    /// See [`crate::Column::CmaeYoung`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmae_young: Option<f64>,
    /// See [`crate::Column::CmaeMiddle`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmae_middle: Option<f64>,
    /// See [`crate::Column::CmaeOld`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmae_old: Option<f64>,
    /// See [`crate::Column::Mae`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mae: Option<f64>,
    /// See [`crate::Column::MaeYoung`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mae_young: Option<f64>,
    /// See [`crate::Column::MaeMiddle`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mae_middle: Option<f64>,
    /// See [`crate::Column::MaeOld`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mae_old: Option<f64>,
    /// See [`crate::Column::Cs5`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cs5: Option<f64>,
    /// See [`crate::Column::Epsilon`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<f64>,
    /// See [`crate::Column::Aar`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aar: Option<f64>,
}

/// Who may see a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Everybody.
    #[default]
    Public,
    /// Only the team that submitted it.
    Private,
}
