//! Submissions: how a team's row gets onto a board.

use serde::{Deserialize, Deserializer, Serialize};

use crate::contest::Standing;
use crate::row::{ExternalData, Row, Tombstone, Visibility};
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
    /// The seed of the training run. A team's submissions of one method with different seeds and the same visibility
    /// stand on a board as one row, with mean and deviation; not in contests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u32>,
}

fn private() -> Visibility {
    Visibility::Private
}

/// `PATCH submissions/{id}`: the fields of [`Metadata`] that change; those it does not name stay as they are, and so do
/// the predictions. `null` takes a year, a number, an address or a seed away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct MetadataChange {
    /// See [`Metadata::method`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// See [`Metadata::authors`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authors: Option<String>,
    /// See [`Metadata::year`].
    #[serde(deserialize_with = "named", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u16>))]
    pub year: Option<Option<u16>>,
    /// See [`Metadata::backbone`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backbone: Option<String>,
    /// See [`Metadata::parameters_millions`].
    #[serde(deserialize_with = "named", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<f64>))]
    pub parameters_millions: Option<Option<f64>>,
    /// See [`Metadata::external_data`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_data: Option<ExternalData>,
    /// See [`Metadata::paper`].
    #[serde(deserialize_with = "named", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub paper: Option<Option<String>>,
    /// See [`Metadata::code`].
    #[serde(deserialize_with = "named", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub code: Option<Option<String>>,
    /// See [`Metadata::notes`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// See [`Metadata::visibility`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// See [`Metadata::seed`].
    #[serde(deserialize_with = "named", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u32>))]
    pub seed: Option<Option<u32>>,
}

impl From<Metadata> for MetadataChange {
    fn from(whole: Metadata) -> Self {
        Self {
            method: Some(whole.method),
            authors: Some(whole.authors),
            year: Some(whole.year),
            backbone: Some(whole.backbone),
            parameters_millions: Some(whole.parameters_millions),
            external_data: Some(whole.external_data),
            paper: Some(whole.paper),
            code: Some(whole.code),
            notes: Some(whole.notes),
            visibility: Some(whole.visibility),
            seed: Some(whole.seed),
        }
    }
}

/// A field that is there, be it `null`; one that is absent keeps its default, `None`.
fn named<'de, T: Deserialize<'de>, D: Deserializer<'de>>(field: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(field).map(Some)
}

impl MetadataChange {
    /// What is said after the change.
    #[must_use]
    pub fn applied(self, before: Metadata) -> Metadata {
        Metadata {
            method: self.method.unwrap_or(before.method),
            authors: self.authors.unwrap_or(before.authors),
            year: self.year.unwrap_or(before.year),
            backbone: self.backbone.unwrap_or(before.backbone),
            parameters_millions: self.parameters_millions.unwrap_or(before.parameters_millions),
            external_data: self.external_data.unwrap_or(before.external_data),
            paper: self.paper.unwrap_or(before.paper),
            code: self.code.unwrap_or(before.code),
            notes: self.notes.unwrap_or(before.notes),
            visibility: self.visibility.unwrap_or(before.visibility),
            seed: self.seed.unwrap_or(before.seed),
        }
    }
}

/// A team's submissions on all boards: `GET me/submissions`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OwnSubmissions {
    /// The newest first; at most 1,000.
    pub submissions: Vec<OwnSubmission>,
    /// Those that the team withdrew, the newest first; at most 1,000.
    pub withdrawn: Vec<Tombstone>,
}

/// A submission of the asking team.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OwnSubmission {
    /// Its board.
    pub board: String,
    /// The board's title.
    pub title: String,
    /// Its row.
    pub row: Row,
    /// What there is to say about the row beside its numbers.
    pub standing: Standing,
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_touches_only_what_it_names() {
        let text = r#"{"method":"M","external_data":"none","year":2020,"paper":"https://example.org/","notes":"n"}"#;
        let before: Metadata = serde_json::from_str(text).unwrap();
        let changed = |text: &str| serde_json::from_str::<MetadataChange>(text).unwrap().applied(before.clone());
        assert_eq!(changed("{}"), before);
        let published = changed(r#"{"visibility":"public"}"#);
        assert_eq!(published, Metadata { visibility: Visibility::Public, ..before.clone() });
        let cleared = changed(r#"{"year":null,"seed":7}"#);
        assert_eq!(cleared, Metadata { year: None, seed: Some(7), ..before.clone() });
        assert_eq!(changed(text), before, "a whole text is a change as well");
        assert_eq!(MetadataChange::from(before.clone()).applied(cleared), before);
        assert!(serde_json::from_str::<MetadataChange>(r#"{"team":"x"}"#).is_err());
    }
}
