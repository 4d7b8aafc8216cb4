use std::fmt;

use serde::{Deserialize, Serialize};

/// Everything that is wrong with a file, with two that do not fit together, or with anything else that has kinds of problems.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problems<K = ProblemKind> {
    /// One entry for each kind that occurs, in the order of the kinds.
    pub groups: Vec<ProblemGroup<K>>,
}

/// All problems of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemGroup<K = ProblemKind> {
    /// What they have in common.
    pub kind: K,
    /// How many there are.
    pub count: u64,
    /// The first of them, at most [`Problems::LISTED`]: a sentence each, with line number and remedy. They quote the
    /// file, so they may hold markup: show them as text.
    pub first: Vec<String>,
}

/// A kind of problem, as it is said.
pub trait Heading: Copy + Ord + fmt::Debug {
    /// The line above so many problems of the kind.
    fn heading(self, count: u64) -> String;
}

impl Heading for ProblemKind {
    fn heading(self, count: u64) -> String {
        format!("{} ({count}): {}", self.label(), self.meaning())
    }
}

macro_rules! kinds {
    ($($kind:ident, $label:literal, $meaning:literal;)*) => {
        /// What can be wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum ProblemKind {
            $(#[doc = $meaning] $kind,)*
        }

        impl ProblemKind {
            /// All kinds, in the order in which they are reported.
            pub const ALL: &[ProblemKind] = &[$(ProblemKind::$kind,)*];

            /// The kind in a few words, as in "unknown id".
            pub fn label(self) -> &'static str {
                match self { $(ProblemKind::$kind => $label,)* }
            }

            /// What the kind means and what to do about it.
            pub fn meaning(self) -> &'static str {
                match self { $(ProblemKind::$kind => $meaning,)* }
            }
        }
    };
}

kinds! {
    Empty, "empty file", "There are no rows. Write a header line `id,age` and one line per image.";
    TooMany, "too many rows", "The file has more rows or bytes than are read. Upload only the rows of the test set.";
    TooLong, "line too long", "A line or an id is longer than is read. Check that lines end with a line break.";
    NotUtf8, "not UTF-8", "The file is not UTF-8 text. Save it as CSV with the encoding UTF-8, unpacked.";
    WrongSeparator, "wrong separator", "Columns are separated by something other than the header's comma, semicolon or tab. Use the same one on every line.";
    Header, "header", "The first line does not name the columns `id` and `age` once each. Put `id,age` on the first line.";
    Columns, "columns", "A line does not have the columns of the header. Put ids that hold a separator in double quotes.";
    Json, "JSON", "A line is not a flat JSON object. Write one object per line, as in {\"id\": \"a\", \"age\": 31.5}.";
    Id, "id", "An id is empty or holds control characters. Use the ids of the truth file.";
    DuplicateId, "duplicate id", "An id occurs more than once. Keep one row for each image.";
    OtherIds, "ids written another way", "All unknown ids would be known if they were written as in the truth. Write them so.";
    UnknownId, "unknown id", "An id is not in the truth. Use the ids of the truth file, letter by letter.";
    MissingId, "missing id", "An image of the truth has no prediction. Add a row for it.";
    NotANumber, "not a number", "A value is not a decimal number. Write it as in 31.5.";
    NotFinite, "not finite", "A value is NaN, infinite or too large to be a number. Find out why the model answers so.";
    OutOfRange, "out of range", "An age is outside 0 to 120 years, or a spread is below 0. Write ages in years.";
    Distribution, "distribution", "The columns p_0 to p_100 are not a distribution over ages. Give all 101 in every row or none, each 0 or more, with a sum between 0.98 and 1.02.";
    Route, "route", "A route is none of `vanilla`, `balanced` and `both`. Fill the column in every row, or leave it out.";
    Sigma, "sigma", "Some rows of the truth have a `sigma` and others have none. Fill the column in every row, or leave it out.";
}

impl<K> Default for Problems<K> {
    fn default() -> Self {
        Self { groups: Vec::new() }
    }
}

impl<K: Heading> Problems<K> {
    /// How many problems of each kind are listed; all are counted.
    pub const LISTED: usize = 20;

    /// Number of problems of all kinds together.
    pub fn count(&self) -> u64 {
        self.groups.iter().map(|group| group.count).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The problems of one kind.
    pub fn of(&self, kind: K) -> Option<&ProblemGroup<K>> {
        self.groups.iter().find(|group| group.kind == kind)
    }

    /// How many problems there are of one kind.
    pub fn count_of(&self, kind: K) -> u64 {
        self.of(kind).map_or(0, |group| group.count)
    }

    /// A single problem.
    pub(crate) fn one(kind: K, sentence: String) -> Self {
        Self { groups: vec![ProblemGroup { kind, count: 1, first: vec![sentence] }] }
    }

    /// Counts a problem, and lists it while there is room.
    pub fn add(&mut self, kind: K, sentence: impl FnOnce() -> String) {
        let group = self.group(kind);
        group.count += 1;
        if group.first.len() < Self::LISTED {
            group.first.push(sentence());
        }
    }

    /// Adds the problems of another, after its own.
    pub(crate) fn merge(&mut self, other: Self) {
        for other in other.groups {
            let group = self.group(other.kind);
            group.count += other.count;
            let room = Self::LISTED - group.first.len();
            group.first.extend(other.first.into_iter().take(room));
        }
    }

    /// Says in each sentence which file it is about.
    pub(crate) fn about(mut self, file: &str) -> Self {
        for sentence in self.groups.iter_mut().flat_map(|group| &mut group.first) {
            *sentence = format!("{file}: {sentence}");
        }
        self
    }

    /// `value`, if there are no problems.
    pub(crate) fn none_or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }

    fn group(&mut self, kind: K) -> &mut ProblemGroup<K> {
        let position = self.groups.binary_search_by_key(&kind, |group| group.kind).unwrap_or_else(|position| {
            self.groups.insert(position, ProblemGroup { kind, count: 0, first: Vec::new() });
            position
        });
        &mut self.groups[position]
    }
}

impl<K: Heading> fmt::Display for Problems<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, ProblemGroup { kind, count, first }) in self.groups.iter().enumerate() {
            let line_break = if number == 0 { "" } else { "\n" };
            write!(f, "{line_break}{}", kind.heading(*count))?;
            for sentence in first {
                write!(f, "\n  {sentence}")?;
            }
            let unlisted = count - first.len() as u64;
            if unlisted > 0 {
                write!(f, "\n  and {unlisted} more")?;
            }
        }
        Ok(())
    }
}

impl<K: Heading> std::error::Error for Problems<K> {}

/// A piece of a file as it can stand in a sentence: short, and without anything invisible.
pub(crate) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut short = String::new();
    for c in text.chars().take(LONGEST) {
        match c {
            '"' | '\'' | '\\' => short.push(c),
            _ => short.extend(c.escape_debug()),
        }
    }
    let more = if text.chars().nth(LONGEST).is_some() { "…" } else { "" };
    format!("\"{short}{more}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_are_listed_and_all_are_counted() {
        let mut problems = Problems::default();
        for line in 2..=31 {
            problems.add(ProblemKind::NotFinite, || format!("line {line}"));
        }
        problems.add(ProblemKind::Columns, || "line 5".to_owned());
        assert_eq!(
            problems.groups.iter().map(|g| g.kind).collect::<Vec<_>>(),
            [ProblemKind::Columns, ProblemKind::NotFinite]
        );
        let group = problems.of(ProblemKind::NotFinite).unwrap();
        assert_eq!((group.count, group.first.len(), problems.count()), (30, 20, 31));
        assert!(problems.to_string().ends_with("  line 21\n  and 10 more"), "{problems}");
    }

    #[test]
    fn merging_keeps_the_order_and_the_limit() {
        let many = |from: u32| {
            let mut problems = Problems::default();
            (from..from + 15).for_each(|n| problems.add(ProblemKind::Id, || n.to_string()));
            problems
        };
        let mut merged = many(0);
        merged.merge(many(15));
        assert_eq!((merged.groups[0].count, merged.groups[0].first.len()), (30, 20));
        assert_eq!(merged.groups[0].first[19], "19");
    }

    #[test]
    fn quotes_are_short_and_visible() {
        assert_eq!(quoted("a\0b\"c'\u{202e}"), r#""a\0b"c'\u{202e}""#);
        assert_eq!(quoted(&"ü".repeat(61)), format!("\"{}…\"", "ü".repeat(60)));
    }

    #[test]
    fn kinds_are_written_in_kebab_case() {
        assert_eq!(serde_json::to_string(&ProblemKind::NotUtf8).unwrap(), "\"not-utf8\"");
    }
}
