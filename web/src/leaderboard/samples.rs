//! Boards, rows and reports for the tests of this folder.

use glae_api::{Board, Column, Dataset, ExternalData, Origin, Row, Scores, TruthAccess, Unpredicted, Visibility};
use glae_metrics::{Report, Sample};

pub(crate) fn row(name: &str) -> Row {
    Row {
        id: name.to_lowercase(),
        method: name.into(),
        authors: String::new(),
        year: None,
        backbone: String::new(),
        parameters_millions: None,
        external_data: ExternalData::None,
        paper: None,
        code: None,
        notes: String::new(),
        origin: Origin::Reported { source: "a table".into() },
        scores: Scores::default(),
        predictions: None,
        visibility: Visibility::Public,
        seed: None,
        seeds: None,
    }
}

pub(crate) fn board() -> Board {
    Board {
        id: "drawn".into(),
        title: "Drawn faces".into(),
        measures: "Error on drawn faces.".into(),
        protocol: "Learn nothing, draw everything.".into(),
        dataset: Dataset {
            name: "Drawn".into(),
            test_images: Some(3),
            licence: "CC0".into(),
            source: "https://example.org".into(),
        },
        truth: TruthAccess::Public,
        primary: Column::Cmae,
        columns: vec![Column::Cmae, Column::Mae, Column::Cs5],
        unpredicted: Unpredicted::Refused,
        training_counts: Vec::new(),
        submissions_per_day: 5,
        rows: Vec::new(),
    }
}

/// Of three images: errors of 1 and 0 at age 30, of 10 at age 70.
pub(crate) fn report() -> Report {
    let sample = |age, prediction| Sample { age, prediction };
    Report::new(&[sample(30.0, 31.0), sample(30.0, 30.0), sample(70.0, 60.0)]).unwrap()
}
