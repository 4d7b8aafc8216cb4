//! Submissions: how a team's row gets onto a board.

use serde::{Deserialize, Serialize};

use crate::row::{ExternalData, Row, Visibility};
use crate::team::Quota;

/// What a team says about its submission: the part `metadata` of `POST boards/{id}/submissions`, beside the part
/// `predictions`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// The method's name, 1 to 100 characters.
    pub method: String,
    /// Who made it, up to 300 characters.
    #[serde(default)]
    pub authors: String,
    /// Year, 1990 to 2100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year: Option<u16>,
    /// The network under it, up to 100 characters.
    #[serde(default)]
    pub backbone: String,
    /// Number of parameters in millions, more than 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters_millions: Option<f64>,
    /// Whether other faces than the board's were learned from.
    pub external_data: ExternalData,
    /// Address of the paper; http or https, up to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper: Option<String>,
    /// Address of the code; http or https, up to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Anything else, up to 2,000 characters.
    #[serde(default)]
    pub notes: String,
    /// Who may see it; private until the team says otherwise.
    #[serde(default = "private")]
    pub visibility: Visibility,
}

fn private() -> Visibility {
    Visibility::Private
}

/// `PATCH submissions/{id}`: a full new text; the predictions and the scores stay.
pub type MetadataChange = Metadata;

/// The answer to a submission that was scored and stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Submitted {
    /// The row as it stands on the board.
    pub row: Row,
    /// Its place by the board's primary column among the rows that the team sees, from 1.
    pub rank: u32,
    /// What the team has left.
    pub quota: Quota,
}
