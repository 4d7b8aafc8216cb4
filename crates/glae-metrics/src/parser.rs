pub use crate::lines::ParserLimits;

use crate::join::Join;
use crate::number::{Refusal, share, years};
use crate::predictions::{BINS, Predictions, Route};
use crate::problems::{ProblemKind, Problems, quoted};
use crate::score::Unpredicted;
use crate::table::{AGE, ID, Rows, Table};
use crate::truth::Truth;

/// Reads predictions from a stream of chunks: CSV or JSON lines, told apart by the first character.
///
/// Memory is bounded by [`ParserLimits`], whatever is pushed. However the bytes are cut into chunks, the result is the same.
///
/// ```
/// use glae_metrics::{ParserLimits, Parser};
/// let mut parser = Parser::new(ParserLimits::default());
/// for chunk in [&b"id,age\nface-1,3"[..], b"1.5\n"] {
///     parser.push(chunk).unwrap();
/// }
/// assert_eq!(parser.finish().unwrap().age(0), 31.5);
/// ```
#[derive(Debug)]
pub struct Parser {
    table: Table<PredictionRows>,
}

impl Parser {
    /// A parser that has read nothing yet.
    pub fn new(limits: ParserLimits) -> Self {
        Self { table: Table::new(PredictionRows::default(), limits) }
    }

    /// Reads on.
    ///
    /// # Errors
    /// Only when there is no point in reading on: a limit is passed, or the file is no table of predictions at all. All
    /// problems so far come along.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), Problems> {
        if self.table.push(chunk) { Ok(()) } else { Err(self.table.problems.clone()) }
    }

    /// Number of rows so far.
    pub fn rows(&self) -> usize {
        self.table.rows.len()
    }

    /// The end of the file.
    ///
    /// # Errors
    /// Everything that is wrong with it by itself.
    pub fn finish(mut self) -> Result<Predictions, Problems> {
        self.table.finish();
        self.table.problems.none_or(self.table.rows.predictions)
    }

    /// The end of a file that is meant for `truth`.
    ///
    /// # Errors
    /// Everything that is wrong with it, unknown, missing and repeated ids among them. Missing ids are not reported
    /// where not all of the file could be read.
    pub fn finish_for(mut self, truth: &Truth, unpredicted: Unpredicted) -> Result<Predictions, Problems> {
        let whole = self.table.finish();
        let unpredicted = if whole { unpredicted } else { Unpredicted::Counted };
        let predictions = self.table.rows.predictions;
        if let (false, Err(problems)) = (predictions.is_empty(), Join::new(truth, &predictions, unpredicted)) {
            self.table.problems.merge(problems);
        }
        self.table.problems.none_or(predictions)
    }
}

const ROUTE: usize = 2;
const FIRST_BIN: usize = 3;
const ALL_BINS: u128 = ((1 << BINS) - 1) << FIRST_BIN;
/// An id of more bytes is no id: the longest path that common file systems allow is four times this.
const LONGEST_ID: usize = 1024;

/// Rows in the order of the file. A row with a problem stays, without id or with an age that is no number, so that the ids
/// after it are checked as well; a file with problems is never returned.
#[derive(Debug, Default)]
struct PredictionRows {
    predictions: Predictions,
    age: f64,
    route: Option<Route>,
    shares: Vec<f32>,
    /// Whether the first row has distributions and routes, and all others must.
    first: Option<(bool, bool)>,
}

impl Rows for PredictionRows {
    fn column(name: &str) -> Option<usize> {
        match name {
            _ if name.eq_ignore_ascii_case("id") => Some(ID),
            _ if name.eq_ignore_ascii_case("age") => Some(AGE),
            _ if name.eq_ignore_ascii_case("route") => Some(ROUTE),
            _ => {
                let digits = name.strip_prefix("p_").or_else(|| name.strip_prefix("P_"))?;
                let canonical = digits == "0" || !digits.starts_with(['0', '+']);
                digits.parse().ok().filter(|&age: &usize| canonical && age < BINS).map(|age| FIRST_BIN + age)
            }
        }
    }

    fn field(&mut self, column: usize, text: &str, line: u64, problems: &mut Problems) {
        match column {
            ID => push_id(&mut self.predictions.ids, text, line, problems),
            AGE => self.age = accept(years(text), "age", line, problems).unwrap_or(f64::NAN),
            ROUTE => {
                self.route = [Route::Vanilla, Route::Balanced, Route::Both]
                    .into_iter()
                    .find(|r| text.eq_ignore_ascii_case(r.label()));
                if self.route.is_none() {
                    let sentence =
                        || format!("line {line}: route {} is none of vanilla, balanced and both", quoted(text));
                    problems.add(ProblemKind::Route, sentence);
                }
            }
            bin => {
                self.shares.resize(BINS, 0.0);
                let name = || format!("p_{}", bin - FIRST_BIN);
                match share(text) {
                    Ok(share) => self.shares[bin - FIRST_BIN] = share,
                    // A sum over a share that is missing says nothing: mark it as not to be judged.
                    Err(refusal) => {
                        self.shares[bin - FIRST_BIN] = f32::NAN;
                        let _ = accept::<f32>(Err(refusal), &name(), line, problems);
                    }
                }
            }
        }
    }

    fn end(&mut self, seen: u128, whole: bool, line: u64, problems: &mut Problems) {
        let Predictions { ids, ages, routes, shares, lines } = &mut self.predictions;
        ages.push(std::mem::replace(&mut self.age, f64::NAN));
        lines.push(u32::try_from(line).unwrap_or(u32::MAX));
        while ids.len() < ages.len() {
            ids.push("");
        }
        routes.extend(self.route.take());
        if seen & ALL_BINS != 0 {
            if whole {
                check_distribution(seen, &self.shares, line, problems);
            }
            shares.append(&mut self.shares);
        }
        if !whole {
            return;
        }
        let own = (seen & ALL_BINS != 0, seen & (1 << ROUTE) != 0);
        let first = *self.first.get_or_insert(own);
        let mut differs = |kind, differs: bool, what: &str| {
            if differs {
                let sentence = || format!("line {line}: {what} must be in every row or in none");
                problems.add(kind, sentence);
            }
        };
        differs(ProblemKind::Distribution, own.0 != first.0, "the columns p_0 to p_100");
        differs(ProblemKind::Route, own.1 != first.1, "a route");
    }

    fn len(&self) -> usize {
        self.predictions.ages.len()
    }
}

fn check_distribution(seen: u128, shares: &[f32], line: u64, problems: &mut Problems) {
    if seen & ALL_BINS != ALL_BINS {
        let missing = (seen >> FIRST_BIN).trailing_ones();
        let sentence = || format!("line {line} has no p_{missing}: give all of p_0 to p_100 or none");
        return problems.add(ProblemKind::Distribution, sentence);
    }
    let sum: f64 = shares.iter().map(|&share| f64::from(share)).sum();
    if (sum - 1.0).abs() > 0.02 {
        problems
            .add(ProblemKind::Distribution, || format!("line {line}: p_0 to p_100 add up to {sum:.4} instead of 1"));
    }
}

/// Appends an id that can be used, or an empty one in its place.
pub(crate) fn push_id(ids: &mut crate::ids::Ids, id: &str, line: u64, problems: &mut Problems) {
    let refusal = if id.is_empty() {
        Some((ProblemKind::Id, "is empty: every image needs one".to_owned()))
    } else if id.len() > LONGEST_ID {
        Some((ProblemKind::TooLong, format!("is longer than {LONGEST_ID} bytes")))
    } else if has_control(id) {
        Some((ProblemKind::Id, format!("{} holds a control character", quoted(id))))
    } else {
        None
    };
    ids.push(if refusal.is_none() { id } else { "" });
    if let Some((kind, end)) = refusal {
        problems.add(kind, || format!("line {line}: the id {end}"));
    }
}

/// Looks at all bytes even if the first is a control character, so that the compiler can look at many at a time.
pub(crate) fn has_control(id: &str) -> bool {
    id.bytes().fold(false, |found, byte| found | (byte < b' ') | (byte == 0x7f))
}

/// The value, or a problem.
pub(crate) fn accept<T>(value: Result<T, Refusal>, column: &str, line: u64, problems: &mut Problems) -> Option<T> {
    value.map_err(|(kind, end)| problems.add(kind, || format!("line {line}, {column}: {end}"))).ok()
}
