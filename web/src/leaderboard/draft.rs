//! What a team types about its submission, before it is [`Metadata`].

use std::borrow::Cow;

use glae_api::{ExternalData, Metadata, Row, Visibility};
use serde::{Deserialize, Serialize};

use super::format::web_address;

/// The fields of the form, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Draft {
    /// The method's name.
    pub method: String,
    /// Who made it.
    pub authors: String,
    /// Year.
    pub year: String,
    /// The network under it.
    pub backbone: String,
    /// Number of parameters in millions.
    pub parameters: String,
    /// Whether other faces were learned from; `None`: not said yet.
    pub external: Option<bool>,
    /// Address of the paper.
    pub paper: String,
    /// Address of the code.
    pub code: String,
    /// Anything else.
    pub notes: String,
    /// The seed of the training run.
    pub seed: String,
    /// Whether it is seen without the team's token.
    pub public: bool,
}

/// A field of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// The method's name.
    Method,
    /// Who made it.
    Authors,
    /// Year.
    Year,
    /// The network under it.
    Backbone,
    /// Number of parameters in millions.
    Parameters,
    /// Whether other faces were learned from.
    External,
    /// The seed of the training run.
    Seed,
    /// Address of the paper.
    Paper,
    /// Address of the code.
    Code,
    /// Anything else.
    Notes,
}

impl Field {
    /// The field that a sentence of the server is about: it begins with the name on the wire.
    pub fn named_in(sentence: &str) -> Option<Self> {
        let word = sentence.split(|c: char| !c.is_ascii_alphabetic() && c != '_').next()?;
        Some(match word {
            "method" => Self::Method,
            "authors" => Self::Authors,
            "year" => Self::Year,
            "backbone" => Self::Backbone,
            "parameters_millions" => Self::Parameters,
            "external_data" => Self::External,
            "seed" => Self::Seed,
            "paper" => Self::Paper,
            "code" => Self::Code,
            "notes" => Self::Notes,
            _ => return None,
        })
    }
}

impl Draft {
    /// What is on the board, to be changed.
    pub fn of(row: &Row) -> Self {
        Self {
            method: row.method.clone(),
            authors: row.authors.clone(),
            year: row.year.map(|year| year.to_string()).unwrap_or_default(),
            backbone: row.backbone.clone(),
            parameters: row.parameters_millions.map(|millions| millions.to_string()).unwrap_or_default(),
            external: Some(row.external_data == ExternalData::Used),
            paper: row.paper.clone().unwrap_or_default(),
            code: row.code.clone().unwrap_or_default(),
            notes: row.notes.clone(),
            seed: row.seed.map(|seed| seed.to_string()).unwrap_or_default(),
            public: row.visibility == Visibility::Public,
        }
    }

    /// The metadata, within the limits of [`Metadata`].
    ///
    /// # Errors
    /// Every field that cannot stay, in the order of the form, with the remedy.
    pub fn read(&self) -> Result<Metadata, Vec<(Field, Cow<'static, str>)>> {
        let mut wrong = Vec::new();
        let mut refuse = |field, remedy: &'static str, is_wrong: bool| {
            if is_wrong {
                wrong.push((field, Cow::Borrowed(remedy)));
            }
        };
        let longer = |text: &str, most: usize| text.trim().chars().count() > most;
        refuse(
            Field::Method,
            "Name the method, in 1 to 100 characters.",
            self.method.trim().is_empty() || longer(&self.method, 100),
        );
        refuse(Field::Authors, "Shorten the authors to 300 characters.", longer(&self.authors, 300));
        let year = optional(&self.year, |text| text.parse().ok().filter(|year| (1990..=2100).contains(year)));
        refuse(Field::Year, "Give a year from 1990 to 2100, or leave this empty.", year.is_err());
        refuse(Field::Backbone, "Shorten the backbone to 100 characters.", longer(&self.backbone, 100));
        let parameters = optional(&self.parameters, |text| {
            text.replace(',', ".").parse().ok().filter(|millions: &f64| *millions > 0.0 && *millions <= 1e8)
        });
        refuse(
            Field::Parameters,
            "Give a number of millions above 0, as in 11.7, or leave this empty.",
            parameters.is_err(),
        );
        refuse(Field::External, "Say whether the method learned from other faces.", self.external.is_none());
        let seed = optional(&self.seed, |text| text.parse().ok());
        refuse(Field::Seed, "Give a whole number from 0, or leave this empty.", seed.is_err());
        let address = |text: &str| {
            optional(text, |text| web_address(text).filter(|address| address.len() <= 500).map(str::to_owned))
        };
        let (paper, code) = (address(&self.paper), address(&self.code));
        refuse(Field::Paper, "Give an address that begins with https://, or leave this empty.", paper.is_err());
        refuse(Field::Code, "Give an address that begins with https://, or leave this empty.", code.is_err());
        refuse(Field::Notes, "Shorten the notes to 2,000 characters.", longer(&self.notes, 2000));
        match (year, parameters, self.external, seed, paper, code) {
            (Ok(year), Ok(parameters_millions), Some(external), Ok(seed), Ok(paper), Ok(code)) if wrong.is_empty() => {
                Ok(Metadata {
                    method: self.method.trim().into(),
                    authors: self.authors.trim().into(),
                    year,
                    backbone: self.backbone.trim().into(),
                    parameters_millions,
                    external_data: if external { ExternalData::Used } else { ExternalData::None },
                    paper,
                    code,
                    notes: self.notes.trim().into(),
                    visibility: if self.public { Visibility::Public } else { Visibility::Private },
                    seed,
                })
            }
            _ => Err(wrong),
        }
    }
}

/// Nothing for an empty text, what `read` makes of another one, or an error.
fn optional<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, ()> {
    let text = text.trim();
    if text.is_empty() { Ok(None) } else { read(text).map(Some).ok_or(()) }
}

/// What is wrong with a team's name, if anything.
pub fn team_name_problem(name: &str) -> Option<&'static str> {
    let length = name.trim().chars().count();
    (!(2..=60).contains(&length)).then_some("Choose a name of 2 to 60 characters.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaderboard::samples::row;

    fn least() -> Draft {
        Draft { method: " GLAE ".into(), external: Some(false), ..Draft::default() }
    }

    #[test]
    fn two_answers_are_enough() {
        let metadata = least().read().unwrap();
        assert_eq!((metadata.method.as_str(), metadata.year, metadata.paper), ("GLAE", None, None));
        assert_eq!((metadata.external_data, metadata.visibility), (ExternalData::None, Visibility::Private));
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
        let draft = Draft {
            method: " ".into(),
            authors: "a".repeat(301),
            year: "1989".into(),
            backbone: "b".repeat(101),
            parameters: "-3".into(),
            external: None,
            seed: "-1".into(),
            paper: "javascript:alert(1)".into(),
            code: "example.org".into(),
            notes: "n".repeat(2001),
            public: true,
        };
        let fields: Vec<Field> = draft.read().unwrap_err().into_iter().map(|(field, _)| field).collect();
        use Field::{Authors, Backbone, Code, External, Method, Notes, Paper, Parameters, Seed, Year};
        assert_eq!(fields, [Method, Authors, Year, Backbone, Parameters, External, Seed, Paper, Code, Notes]);
    }

    #[test]
    fn limits_count_characters_and_a_decimal_comma_is_understood() {
        let draft = Draft { method: "é".repeat(100), parameters: "11,7".into(), ..least() };
        assert_eq!(draft.read().unwrap().parameters_millions, Some(11.7));
        assert!(Draft { parameters: "inf".into(), ..least() }.read().is_err());
    }

    #[test]
    fn a_row_survives_editing_unchanged() {
        let row = Row {
            year: Some(2023),
            parameters_millions: Some(11.7),
            external_data: ExternalData::Used,
            paper: Some("https://example.org/p".into()),
            ..row("GLAE")
        };
        let metadata = Draft::of(&row).read().unwrap();
        assert_eq!((metadata.year, metadata.parameters_millions), (row.year, row.parameters_millions));
        assert_eq!(
            (metadata.external_data, metadata.paper, metadata.visibility),
            (row.external_data, row.paper, row.visibility)
        );
    }

    #[test]
    fn the_server_names_the_field_first() {
        assert_eq!(Field::named_in("year must lie between 1990 and 2100."), Some(Field::Year));
        assert_eq!(Field::named_in("parameters_millions must be more than 0."), Some(Field::Parameters));
        assert_eq!(Field::named_in("The board takes no submissions."), None);
    }

    #[test]
    fn team_names_have_a_length() {
        assert!(team_name_problem(" x ").is_some() && team_name_problem(&"x".repeat(61)).is_some());
        assert!(team_name_problem("Åsa").is_none());
    }
}
