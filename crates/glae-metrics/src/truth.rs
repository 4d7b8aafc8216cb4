use std::collections::HashMap;
use std::fmt::Write;

use crate::by_age::age_class;
use crate::ids::{IdIndex, Ids};
use crate::lines::ParserLimits;
use crate::number::{finite, years};
use crate::parser::{accept, has_control, push_id};
use crate::predictions::push_field;
use crate::problems::{ProblemKind, Problems, quoted};
use crate::table::{AGE, ID, Rows, Table};

/// True ages by id, in the order of the file. Ids are neither empty nor longer than 1024 bytes, and all different; ages
/// are within 0..=120 years.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    ids: Ids,
    index: IdIndex,
    ages: Vec<f64>,
    /// One for each row, or none at all.
    sigmas: Vec<f64>,
    groups: Words,
    splits: Words,
}

/// One image of the truth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TruthRow<'a> {
    /// Its id.
    pub id: &'a str,
    /// The true age in years.
    pub age: f64,
    /// How far annotators' answers spread, as a standard deviation in years.
    pub sigma: Option<f64>,
    /// The column `group`, as it is written.
    pub group: Option<&'a str>,
    /// The part of the data set, as in "test".
    pub split: Option<&'a str>,
}

impl Truth {
    /// Reads a whole file with the default [`ParserLimits`]: `id,age` and optional `sigma`, `group`, `split`; CSV or JSON
    /// lines. A CSV without `id` may name it `file`, as the trainer's split files do.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, Problems> {
        let mut table = Table::new(TruthRows::default(), ParserLimits::default());
        table.push(bytes);
        table.finish();
        let Table { rows: TruthRows { truth, .. }, problems, .. } = table;
        problems.none_or(truth)
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are no images; a truth that was read has some.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The images in the order of the file.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = TruthRow<'_>> + Clone {
        (0..self.len()).map(|row| self.row(row))
    }

    /// One image; `row` is below [`Self::len`].
    pub fn row(&self, row: usize) -> TruthRow<'_> {
        TruthRow {
            id: self.ids.get(row),
            age: self.ages[row],
            sigma: self.sigmas.get(row).copied(),
            group: self.groups.get(row),
            split: self.splits.get(row),
        }
    }

    /// The row of an id.
    pub fn find(&self, id: &str) -> Option<usize> {
        self.index.find(&self.ids, id)
    }

    /// The rows of several ids.
    pub(crate) fn find_all<'a>(&self, ids: impl Iterator<Item = &'a str> + Clone, rows: &mut Vec<Option<usize>>) {
        self.index.find_all(&self.ids, ids, rows);
    }

    /// Number of images at each age from 0 to the oldest that occurs; fractional ages are rounded half up.
    pub fn counts(&self) -> Vec<u32> {
        let mut counts = Vec::new();
        for &age in &self.ages {
            let class = age_class(age);
            counts.resize(counts.len().max(class + 1), 0);
            counts[class] += 1;
        }
        counts
    }

    /// The same truth as CSV in its plainest form.
    pub fn to_csv(&self) -> String {
        let optional = [("sigma", !self.sigmas.is_empty()), ("group", self.groups.any()), ("split", self.splits.any())];
        let mut csv = String::from("id,age");
        for (name, _) in optional.iter().filter(|(_, there)| *there) {
            let _ = write!(csv, ",{name}");
        }
        for row in self.rows() {
            csv.push('\n');
            push_field(&mut csv, row.id);
            let _ = write!(csv, ",{}", row.age);
            if let Some(sigma) = row.sigma {
                let _ = write!(csv, ",{sigma}");
            }
            for word in [(row.group, self.groups.any()), (row.split, self.splits.any())] {
                if let (word, true) = word {
                    csv.push(',');
                    push_field(&mut csv, word.unwrap_or_default());
                }
            }
        }
        csv.push('\n');
        csv
    }

    /// Whether each row has the standard deviation of its annotators.
    pub fn has_sigma(&self) -> bool {
        !self.sigmas.is_empty()
    }

    pub(crate) fn id_of(&self, row: usize) -> &str {
        self.ids.get(row)
    }

    pub(crate) fn age_of(&self, row: usize) -> f64 {
        self.ages[row]
    }

    pub(crate) fn sigma_of(&self, row: usize) -> f64 {
        self.sigmas[row]
    }
}

/// A column of words, each kept once however often it occurs.
#[derive(Clone, Debug, Default)]
struct Words {
    known: HashMap<String, u32>,
    words: Vec<String>,
    /// For each row the position of its word plus one, or 0 for none. Shorter than the table where the rest has none.
    rows: Vec<u32>,
}

impl Words {
    fn any(&self) -> bool {
        !self.words.is_empty()
    }

    fn get(&self, row: usize) -> Option<&str> {
        let word = self.rows.get(row)?.checked_sub(1)?;
        Some(&self.words[word as usize])
    }

    fn set(&mut self, row: usize, word: &str) {
        if word.is_empty() {
            return;
        }
        let position = match self.known.get(word) {
            Some(&position) => position,
            None => {
                self.words.push(word.to_owned());
                self.known.insert(word.to_owned(), self.words.len() as u32);
                self.words.len() as u32
            }
        };
        self.rows.resize(row, 0);
        self.rows.push(position);
    }
}

const SIGMA: usize = 2;
const GROUP: usize = 3;
const SPLIT: usize = 4;

#[derive(Debug, Default)]
struct TruthRows {
    truth: Truth,
    age: f64,
    sigma: Option<f64>,
    /// The line of each row.
    lines: Vec<u64>,
    /// Whether the first row has a sigma, and all others must.
    first: Option<bool>,
}

impl Rows for TruthRows {
    const ID_TOO: Option<&str> = Some("file");

    fn column(name: &str) -> Option<usize> {
        ["id", "age", "sigma", "group", "split"].into_iter().position(|known| name.eq_ignore_ascii_case(known))
    }

    fn field(&mut self, column: usize, text: &str, line: u64, problems: &mut Problems) {
        let row = self.lines.len();
        match column {
            ID => push_id(&mut self.truth.ids, text, line, problems),
            AGE => self.age = accept(years(text), "age", line, problems).unwrap_or(f64::NAN),
            SIGMA if text.is_empty() => {}
            SIGMA => {
                self.sigma = Some(0.0);
                match accept(finite(text), "sigma", line, problems) {
                    Some(sigma) if sigma < 0.0 => problems
                        .add(ProblemKind::OutOfRange, || format!("line {line}: sigma {} is below 0", quoted(text))),
                    Some(sigma) => self.sigma = Some(sigma.abs()),
                    None => {}
                }
            }
            // A carriage return at the end of a line would not survive writing and reading.
            _ if has_control(text) => problems.add(ProblemKind::Columns, || {
                let name = if column == GROUP { "group" } else { "split" };
                format!("line {line}: the {name} {} holds a control character", quoted(text))
            }),
            GROUP => self.truth.groups.set(row, text),
            _ => {
                debug_assert_eq!(column, SPLIT);
                self.truth.splits.set(row, text);
            }
        }
    }

    fn end(&mut self, _: u128, whole: bool, line: u64, problems: &mut Problems) {
        let Truth { ids, index, ages, sigmas, .. } = &mut self.truth;
        self.lines.push(line);
        let row = self.lines.len() - 1;
        while ids.len() <= row {
            ids.push("");
        }
        ages.push(std::mem::replace(&mut self.age, f64::NAN));
        let sigma = self.sigma.take();
        if whole && *self.first.get_or_insert(sigma.is_some()) != sigma.is_some() {
            problems.add(ProblemKind::Sigma, || format!("line {line}: a sigma must be in every row or in none"));
        }
        sigmas.extend(sigma);
        let id = ids.get(row);
        if let Some(earlier) = index.add(ids, row).filter(|_| !id.is_empty()) {
            let earlier = self.lines[earlier];
            let sentence = || format!("line {line}: the id {} is already on line {earlier}", quoted(id));
            problems.add(ProblemKind::DuplicateId, sentence);
        }
    }

    fn len(&self) -> usize {
        self.lines.len()
    }
}
