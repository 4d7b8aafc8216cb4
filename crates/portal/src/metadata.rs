//! What a team says about its submission, checked field by field.

use glae_api::Metadata;

use crate::{
    problem::{ApiError, ApiResult},
    text,
};

/// The metadata in the form in which it is stored.
///
/// # Errors
/// A problem that names the first field that is not allowed.
pub fn checked(given: Metadata) -> ApiResult<Metadata> {
    let numbers = numbers(&given);
    let texts = || -> Result<Metadata, String> {
        numbers?;
        let link = |field, address: Option<String>| {
            address.filter(|text| !text.trim().is_empty()).map(|text| text::address(field, &text)).transpose()
        };
        Ok(Metadata {
            method: text::line("method", &given.method, 1..=100)?,
            authors: text::line("authors", &given.authors, 0..=300)?,
            year: given.year,
            backbone: text::line("backbone", &given.backbone, 0..=100)?,
            parameters_millions: given.parameters_millions,
            external_data: given.external_data,
            paper: link("paper", given.paper)?,
            code: link("code", given.code)?,
            notes: text::lines("notes", &given.notes, 0..=2000)?,
            visibility: given.visibility,
            seed: given.seed,
        })
    };
    texts().map_err(ApiError::metadata)
}

fn numbers(given: &Metadata) -> Result<(), String> {
    if given.year.is_some_and(|year| !(1990..=2100).contains(&year)) {
        return Err("year must lie between 1990 and 2100.".to_owned());
    }
    // A hundred million millions is beyond any network, and keeps the table's column narrow.
    if given.parameters_millions.is_some_and(|millions| !(millions > 0.0 && millions <= 1e8)) {
        return Err("parameters_millions must be more than 0 and at most 100000000.".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use glae_api::{ExternalData, Visibility};

    use super::*;

    fn metadata() -> Metadata {
        Metadata {
            method: "M".to_owned(),
            authors: String::new(),
            year: None,
            backbone: String::new(),
            parameters_millions: None,
            external_data: ExternalData::None,
            paper: None,
            code: None,
            notes: String::new(),
            visibility: Visibility::Private,
            seed: None,
        }
    }

    #[test]
    fn each_field_has_its_bounds() {
        assert!(checked(metadata()).is_ok());
        for (field, wrong) in [
            ("method", Metadata { method: " ".to_owned(), ..metadata() }),
            ("authors", Metadata { authors: "x".repeat(301), ..metadata() }),
            ("year", Metadata { year: Some(1989), ..metadata() }),
            ("year", Metadata { year: Some(2101), ..metadata() }),
            ("parameters", Metadata { parameters_millions: Some(0.0), ..metadata() }),
            ("parameters", Metadata { parameters_millions: Some(f64::NAN), ..metadata() }),
            ("parameters", Metadata { parameters_millions: Some(f64::INFINITY), ..metadata() }),
            ("paper", Metadata { paper: Some("javascript:x".to_owned()), ..metadata() }),
            ("code", Metadata { code: Some("x".repeat(501)), ..metadata() }),
            ("notes", Metadata { notes: "\u{202e}".to_owned(), ..metadata() }),
        ] {
            let problem = checked(wrong).unwrap_err().document();
            assert!(problem.status == 422 && problem.detail.starts_with(field), "{field}: {}", problem.detail);
        }
    }

    #[test]
    fn an_empty_address_is_none() {
        let empty = Metadata { paper: Some(" ".to_owned()), ..metadata() };
        assert_eq!(checked(empty).unwrap().paper, None);
    }
}
