//! The boards that ship with the project: files in `public/boards`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use glae_api::{Board, Column, ExternalData, Origin, Row, TruthAccess, Visibility};
use glae_metrics::{Sample, cmae, mae};

/// The boards that the project promises, in the order of their files.
const BOARDS: [&str; 7] =
    ["cacd", "chalearn-lap-2015", "mivia", "mivia-lt", "morph2-partial", "morph2-random", "utkface-lt"];

/// `[GLAE] Table IX`: how many ages lie in each group of a test set, and the rows whose printed CMAE follows from the
/// printed groups. Where one does not, the row's notes say so. Morph II is absent: its ages are not published.
const WHOLES: [(&str, [f64; 3], &[&str]); 3] = [
    ("cacd", [4.0, 45.0, 0.0], &["glae-vanilla-cmae", "glae-balanced-cmae", "glae-bigger-cmae", "glae-routed-cmae"]),
    (
        "mivia",
        [17.0, 48.0, 16.0],
        &["l-base-cmae", "glae-vanilla-cmae", "glae-balanced-cmae", "glae-bigger-cmae", "glae-routed-cmae"],
    ),
    ("mivia-lt", [17.0, 48.0, 16.0], &["l-base-cmae", "glae-vanilla-cmae", "glae-balanced-cmae", "glae-bigger-cmae"]),
];

fn folder() -> PathBuf {
    tests::root().join("public/boards")
}

fn board(id: &str) -> Board {
    let path = folder().join(format!("{id}.toml"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Names of the files in the folder of boards that end so, without the ending, in order.
fn names(ending: &str) -> Vec<String> {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: BTreeSet<String> = entries.filter_map(|name| name.strip_suffix(ending).map(str::to_owned)).collect();
    names.into_iter().collect()
}

/// The columns `id` and `age` of a file in the folder of boards. Its names hold no commas or quotes, so that splitting
/// lines reads it; an id that occurs twice is an error of the file.
fn ages(file: &str) -> BTreeMap<String, f64> {
    let text = fs::read_to_string(folder().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    assert_eq!(header[..2], ["id", "age"], "{file}");
    let mut ages = BTreeMap::new();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells.len(), header.len(), "{file}: {line}");
        let age: f64 = cells[1].parse().unwrap_or_else(|error| panic!("{file}: {line}: {error}"));
        assert!((0.0..=120.0).contains(&age), "{file}: {line}");
        assert!(ages.insert(cells[0].to_owned(), age).is_none(), "{file}: {} twice", cells[0]);
    }
    ages
}

/// The columns in which a row has a number.
fn numbers(row: &Row) -> impl Iterator<Item = (Column, f64)> {
    Column::ALL.into_iter().filter_map(|column| column.of(&row.scores).map(|number| (column, number)))
}

#[test]
fn the_promised_boards_are_there() {
    assert_eq!(names(".toml"), BOARDS);
}

#[test]
fn a_board_says_what_it_is() {
    for id in BOARDS {
        let board = board(id);
        assert_eq!(board.id, id, "the id is the name of the file");
        assert!(board.columns.contains(&board.primary), "{id}: the ranking goes by a column that is not shown");
        let distinct: BTreeSet<&str> = board.columns.iter().map(|column| column.label()).collect();
        assert_eq!(distinct.len(), board.columns.len(), "{id}: a column twice");
        let dataset = &board.dataset;
        for text in [&board.title, &board.measures, &board.protocol, &dataset.name, &dataset.licence, &dataset.source] {
            assert!(!text.trim().is_empty() && text == text.trim(), "{id}: {text:?}");
        }
        assert!((1..=100).contains(&board.submissions_per_day), "{id}");
        assert!(!board.rows.is_empty(), "{id} has nothing to compare with");
    }
}

#[test]
fn rows_are_plausible() {
    for board in BOARDS.map(board) {
        let mut ids = BTreeSet::new();
        for row in &board.rows {
            let name = format!("{}/{}", board.id, row.id);
            assert!(ids.insert(&row.id), "{name} twice");
            let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(!row.id.is_empty() && row.id.chars().all(is_plain), "{name}: not fit for an address");
            assert!(!row.method.is_empty() && !row.authors.is_empty(), "{name}");
            assert!(row.year.is_some_and(|year| (2010..=2026).contains(&year)), "{name}: {:?}", row.year);
            assert!(row.parameters_millions.is_none_or(|p| (0.1..1000.0).contains(&p)), "{name}");
            assert!([&row.paper, &row.code].into_iter().flatten().all(|url| url.starts_with("https://")), "{name}");
            assert_eq!(row.visibility, Visibility::Public, "{name}");
            for (column, number) in numbers(row) {
                assert!(board.columns.contains(&column), "{name}: {} is not shown", column.label());
                let range = match column {
                    Column::Cs5 | Column::Epsilon => 0.0..1.0,
                    Column::Aar => 0.0..10.0,
                    _ => 0.0..30.0,
                };
                assert!(number > 0.0 && range.contains(&number), "{name}: {} of {number}", column.label());
            }
        }
    }
}

#[test]
fn a_number_is_reported_or_computed_and_never_both() {
    for board in BOARDS.map(board) {
        for row in &board.rows {
            let name = format!("{}/{}", board.id, row.id);
            match &row.origin {
                Origin::Reported { source } => {
                    assert!(source.starts_with('[') && source.contains("] Table "), "{name}: {source}");
                    assert!(numbers(row).count() > 0, "{name} reports nothing");
                    assert!(row.predictions.is_none(), "{name} has predictions and would not be scored");
                }
                Origin::Computed { scorer } => {
                    assert!(scorer.is_empty() && numbers(row).count() == 0, "{name}: the server fills these in");
                    let file = row.predictions.as_deref().unwrap_or_default();
                    assert_eq!(file, format!("{}/{}.csv", board.id, row.id), "{name}");
                    assert_eq!(board.truth, TruthAccess::Public, "{name} cannot be scored");
                }
                Origin::Submitted { .. } => panic!("{name}: submissions live in the portal's database"),
            }
        }
    }
}

#[test]
fn truth_ships_with_public_boards_only() {
    let boards = BOARDS.map(board);
    let public: Vec<&str> = boards.iter().filter(|b| b.truth == TruthAccess::Public).map(|b| b.id.as_str()).collect();
    assert_eq!(names(".truth.csv"), public);
    for board in boards.iter().filter(|board| board.truth == TruthAccess::Public) {
        let truth = ages(&format!("{}.truth.csv", board.id));
        assert_eq!(board.dataset.test_images.map(|images| images as usize), Some(truth.len()), "{}", board.id);
        assert!(truth.keys().all(|id| !id.contains(['/', '\\'])), "{}: ids are names, not paths", board.id);
        let trained = |age: &f64| board.training_counts.get(*age as usize).is_some_and(|&images| images > 0);
        assert!(truth.values().any(trained), "{}: no training counts for its ages", board.id);
    }
}

#[test]
fn computed_rows_answer_every_image() {
    for board in BOARDS.map(board) {
        for (row, file) in board.rows.iter().filter_map(|row| row.predictions.as_ref().map(|file| (row, file))) {
            let truth = ages(&format!("{}.truth.csv", board.id));
            assert!(ages(file).keys().eq(truth.keys()), "{}/{}: other ids than the truth's", board.id, row.id);
        }
    }
}

/// The predictions are those of the weights that ship: they give the errors which training wrote down for them.
#[test]
fn our_rows_repeat_the_recorded_errors() {
    let truth = ages("utkface-lt.truth.csv");
    let results = fs::read_to_string(tests::root().join("docs/results.csv")).unwrap();
    let weights = tests::native::named(&tests::root().join("public/weights"), "default").unwrap();
    for row in board("utkface-lt").rows {
        let predictions = ages(row.predictions.as_deref().unwrap());
        let samples: Vec<Sample> = truth.iter().map(|(id, &age)| Sample { age, prediction: predictions[id] }).collect();
        let recorded = results
            .lines()
            .map(|line| line.split(',').collect::<Vec<_>>())
            .find(|cells| [cells[0], cells[3], cells[4], cells[6]] == [&weights, "test", "2316", &row.id])
            .unwrap_or_else(|| panic!("docs/results.csv has no test errors of {}", row.id));
        let [recorded_mae, recorded_cmae] = [recorded[7], recorded[8]].map(|cell| cell.parse::<f64>().unwrap());
        // Three decimals are recorded and four predicted.
        assert!((mae(&samples).unwrap() - recorded_mae).abs() < 1e-3, "{}", row.id);
        assert!((cmae(&samples).unwrap() - recorded_cmae).abs() < 1e-3, "{}", row.id);
    }
}

#[test]
fn printed_wholes_follow_from_printed_groups() {
    for (id, ages, agreeing) in WHOLES {
        let board = board(id);
        let mut found = Vec::new();
        for row in &board.rows {
            let scores = &row.scores;
            let (Some(whole), Some(young), Some(middle)) = (scores.cmae, scores.cmae_young, scores.cmae_middle) else {
                continue;
            };
            assert_eq!(scores.cmae_old.is_some(), ages[2] > 0.0, "{id}/{}: the group over 65", row.id);
            let groups = [young, middle, scores.cmae_old.unwrap_or_default()];
            let sum: f64 = groups.iter().zip(ages).map(|(group, ages)| group * ages).sum();
            if (sum / ages.iter().sum::<f64>() - whole).abs() <= 0.01 {
                found.push(row.id.as_str());
            } else {
                assert!(row.notes.contains("does not follow"), "{id}/{}: {whole} is not explained", row.id);
            }
        }
        assert_eq!(found, agreeing, "{id}");
    }
}

#[test]
fn external_data_sets_rows_of_one_method_apart() {
    for board in BOARDS.map(board) {
        for row in board.rows.iter().filter(|row| row.id.ends_with("-external")) {
            assert_eq!(row.external_data, ExternalData::Used, "{}/{}", board.id, row.id);
            let plain = board.rows.iter().find(|other| row.id.strip_suffix("-external") == Some(&other.id));
            assert!(plain.is_none_or(|plain| plain.external_data == ExternalData::None), "{}/{}", board.id, row.id);
        }
    }
}
