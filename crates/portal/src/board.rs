//! The boards: files read once at start, each with its truth and its shipped predictions.
//!
//! `PUBLIC/boards/ID.toml` holds a board, `PUBLIC/boards/ID.truth.csv` a public truth. `DATA/boards/` holds the same
//! for boards added by the operator (they replace a public one of the same id) and is the only place for hidden truth.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail, ensure};
use glae_api::{Board, BoardSummary, Column, Contest, Origin, ROOT, Row, TruthAccess, Unpredicted};
use glae_metrics::{Bootstrap, Options, Predictions, Problems, Report, SCORER, score};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{contest, random, scoring};

/// All boards, by id.
pub type Boards = BTreeMap<String, Arc<Loaded>>;

/// A board with what the server needs to score on it.
#[derive(Debug)]
pub struct Loaded {
    /// The board; the scores of its computed rows are filled in.
    pub board: Board,
    /// The truth, if the server has it.
    pub truth: Option<Arc<glae_metrics::Truth>>,
    /// Its rules as a contest, if it is one.
    pub contest: Option<Contest>,
    /// Changes whenever scores of the same predictions would: it names the truth and the board's rules.
    pub fingerprint: String,
    shipped: BTreeMap<String, Shipped>,
}

/// Predictions that came with the board.
#[derive(Clone, Debug)]
pub struct Shipped {
    /// SHA-256 of the file.
    pub hash: String,
    /// The predictions.
    pub predictions: Arc<Predictions>,
    /// Their scores, without intervals.
    pub report: Arc<Report>,
}

/// Reads the boards of both folders.
///
/// # Errors
/// Names the file that is wrong, and how.
pub fn load(public: &Path, data: &Path) -> Result<Boards> {
    let (public, data) = (public.join("boards"), data.join("boards"));
    let mut boards = Boards::new();
    for folder in [&public, &data] {
        for path in board_files(folder)? {
            let (board, contest) = read(&path)?;
            if !counts_missing(&board) {
                tracing::warn!(
                    board = board.id,
                    "missing images are counted, but not by the number that ranks: rows that lack some are not ranked"
                );
            }
            let truth = match board.truth {
                TruthAccess::Yours => None,
                TruthAccess::Public => Some(folder.join(truth_name(&board.id))),
                TruthAccess::Hidden => {
                    let exposed = public.join(truth_name(&board.id));
                    ensure!(
                        !exposed.exists(),
                        "the truth of {} is hidden, but lies in the public folder: move {} into {}",
                        board.id,
                        exposed.display(),
                        data.display()
                    );
                    // Without it the board is shown and takes no submissions.
                    Some(data.join(truth_name(&board.id))).filter(|path| path.exists())
                }
            };
            let loaded = Loaded::new(board, contest, truth.as_deref(), folder)
                .with_context(|| format!("cannot use the board {}", path.display()))?;
            boards.insert(loaded.board.id.clone(), Arc::new(loaded));
        }
    }
    Ok(boards)
}

/// Reads and checks a board's file.
///
/// # Errors
/// Says what is wrong with it.
pub fn read(path: &Path) -> Result<(Board, Option<Contest>)> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let understand = || format!("cannot understand {}", path.display());
    // Without a contest the text itself is read, so that messages name lines.
    let table: toml::Table = toml::from_str(&text).with_context(understand)?;
    let (board, contest) = match table.get("contest").cloned() {
        None => (toml::from_str(&text).with_context(understand)?, None),
        Some(rules) => {
            let rest: toml::Table = table.into_iter().filter(|(name, _)| name != "contest").collect();
            let board: Board = rest.try_into().with_context(understand)?;
            (board, Some(contest::read(rules).with_context(understand)?))
        }
    };
    let invalid = || format!("{} is not a valid board", path.display());
    check(&board, path).with_context(invalid)?;
    if contest.is_some() {
        contest::check(&board).with_context(invalid)?;
    }
    Ok((board, contest))
}

/// Whether the number that ranks counts missing images, where files may lack some.
pub fn counts_missing(board: &Board) -> bool {
    board.unpredicted == Unpredicted::Refused || board.primary == Column::Epsilon
}

/// The name of a board's truth file.
pub fn truth_name(id: &str) -> String {
    format!("{id}.truth.csv")
}

/// The problems of a file from the operator's disk, as an error.
pub fn file_problems(path: &Path, problems: &Problems) -> anyhow::Error {
    anyhow::anyhow!("{} has problems:\n{problems}", path.display())
}

impl Loaded {
    fn new(mut board: Board, contest: Option<Contest>, truth_path: Option<&Path>, folder: &Path) -> Result<Self> {
        let (truth, truth_bytes) = match truth_path {
            Some(path) => {
                let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
                let truth = glae_metrics::Truth::parse(&bytes).map_err(|problems| file_problems(path, &problems))?;
                (Some(Arc::new(truth)), bytes)
            }
            None => (None, Vec::new()),
        };
        let mut rules = format!("{:?} {:?}", board.unpredicted, board.training_counts);
        if let Some(contest) = &contest {
            rules.push_str(&format!(" {}", contest.private_share));
        }
        let fingerprint = random::encode(&Sha256::new().chain_update(truth_bytes).chain_update(rules).finalize());
        let options = options(&board, None);
        let mut shipped = BTreeMap::new();
        for row in &mut board.rows {
            let (Origin::Computed { scorer }, Some(name)) = (&mut row.origin, &row.predictions) else { continue };
            let Some(truth) = &truth else { bail!("row {} has predictions, but the board has no truth", row.id) };
            let path = inside(folder, name)?;
            let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let predictions = Predictions::parse(&bytes).map_err(|problems| file_problems(&path, &problems))?;
            let report = score(truth, &predictions, &options).map_err(|problems| file_problems(&path, &problems))?;
            *scorer = SCORER.to_owned();
            row.scores = scoring::scores(&report);
            let hash = random::encode(&Sha256::digest(&bytes));
            row.predictions = Some(predictions_address(&board.id, &row.id));
            shipped
                .insert(row.id.clone(), Shipped { hash, predictions: Arc::new(predictions), report: Arc::new(report) });
        }
        Ok(Self { board, contest, truth, fingerprint, shipped })
    }

    /// How predictions are scored on this board.
    pub fn options(&self, intervals: Option<Bootstrap>) -> Options {
        options(&self.board, intervals)
    }

    /// What the board does with submissions, in two words.
    pub fn kind(&self) -> &'static str {
        match (self.board.truth, &self.truth) {
            (_, Some(_)) if self.contest.is_some() => "contest",
            (TruthAccess::Public, Some(_)) => "public truth",
            (TruthAccess::Hidden, Some(_)) => "hidden truth",
            _ => "no truth",
        }
    }

    /// Whether everybody may read the truth.
    pub fn is_public(&self) -> bool {
        self.board.truth == TruthAccess::Public && self.truth.is_some()
    }

    /// The number of test images at each age; empty where that is not public.
    pub fn test_counts(&self) -> Vec<u32> {
        match &self.truth {
            Some(truth) if self.is_public() => truth.counts(),
            _ => Vec::new(),
        }
    }

    /// The predictions that came with the board for this row.
    pub fn shipped(&self, row: &str) -> Option<&Shipped> {
        self.shipped.get(row)
    }

    /// Leaves in a report only what may leave the server. Of hidden truth that is nothing by age, no counts of narrow
    /// groups, from which single ages could be worked out, and three decimals of each number: predictions that differ
    /// by powers of two from a guess would otherwise read one bit of the truth from each binary digit of their MAE.
    ///
    /// # Errors
    /// None in practice: a report is always JSON.
    pub fn disclosed(&self, mut report: Report) -> serde_json::Result<Report> {
        if self.board.truth != TruthAccess::Hidden {
            return Ok(report);
        }
        report.by_age.clear();
        report.aar.groups.clear();
        self.rounded(&report)
    }

    /// On boards with hidden truth, numbers with three decimals; elsewhere as they are.
    ///
    /// # Errors
    /// If `numbers` is not JSON.
    pub fn rounded<T: Serialize + DeserializeOwned>(&self, numbers: &T) -> serde_json::Result<T> {
        let mut value = serde_json::to_value(numbers)?;
        if self.board.truth == TruthAccess::Hidden {
            round(&mut value);
        }
        serde_json::from_value(value)
    }

    /// The board's file rows and `submitted`, best first.
    pub fn ranked(&self, submitted: Vec<Row>) -> Board {
        let mut board = self.board.clone();
        board.rows.extend(submitted);
        let primary = board.primary;
        board.rows.sort_by(|a, b| primary.compare(&a.scores, &b.scores));
        board
    }

    /// The board in the list, with `submitted` public rows.
    pub fn summary(&self, submitted: Vec<Row>) -> BoardSummary {
        let ranked = self.ranked(submitted);
        BoardSummary {
            best: ranked.rows.first().and_then(|row| ranked.primary.of(&row.scores)),
            rows: u32::try_from(ranked.rows.len()).unwrap_or(u32::MAX),
            id: ranked.id,
            title: ranked.title,
            measures: ranked.measures,
            truth: ranked.truth,
            primary: ranked.primary,
            contest: None,
        }
    }
}

/// Rounds each number that is not whole to three decimals.
fn round(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            *value = number.as_f64().map(|number| (number * 1e3).round() / 1e3).into();
        }
        Value::Array(values) => values.iter_mut().for_each(round),
        Value::Object(fields) => fields.values_mut().for_each(round),
        _ => {}
    }
}

/// The address of a row's predictions.
fn predictions_address(board: &str, row: &str) -> String {
    format!("{ROOT}/boards/{board}/rows/{row}/predictions")
}

fn options(board: &Board, intervals: Option<Bootstrap>) -> Options {
    Options { unpredicted: board.unpredicted, training_counts: board.training_counts.clone(), intervals }
}

/// The `*.toml` files of a folder in order of their names; none if there is no folder.
fn board_files(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn check(board: &Board, path: &Path) -> Result<()> {
    let word = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    ensure!(word(&board.id), "the id {:?} is not made of lower-case letters, digits and hyphens", board.id);
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    ensure!(stem == Some(&board.id), "the id {:?} is not the file's name", board.id);
    let primary: Column = board.primary;
    ensure!(board.columns.contains(&primary), "the primary column is not among the columns");
    for (number, row) in board.rows.iter().enumerate() {
        ensure!(word(&row.id), "the row id {:?} is not made of lower-case letters, digits and hyphens", row.id);
        ensure!(board.rows[..number].iter().all(|other| other.id != row.id), "the row id {:?} is there twice", row.id);
    }
    Ok(())
}

/// `name` below `folder`, refused if it leads elsewhere.
fn inside(folder: &Path, name: &str) -> Result<PathBuf> {
    let plain = Path::new(name).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    ensure!(plain, "{name:?} does not lie beside the board");
    Ok(folder.join(name))
}
