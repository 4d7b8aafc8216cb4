use std::ops::ControlFlow;

use memchr::memchr;

use crate::fields::{name, split};
use crate::header::Header;
use crate::json_line::{Value, read_object};
use crate::lines::{Lines, ParserLimits};
use crate::problems::{ProblemKind, Problems, quoted};
use crate::text::names_separator;

/// What is done with the rows of a table. Known columns are numbers below 128; 0 is `id` and 1 is `age`.
pub(crate) trait Rows {
    /// Another name of the column of ids in CSV, where none is called `id`.
    const ID_TOO: Option<&str> = None;
    /// The number of a column, if its name is known.
    fn column(name: &str) -> Option<usize>;
    /// Takes one field of the row at `line`.
    fn field(&mut self, column: usize, text: &str, line: u64, problems: &mut Problems);
    /// The row is over. Bit k of `seen` tells whether column k was there; unless `whole`, something is wrong with the line
    /// that is reported anyway, and nothing follows from what is missing.
    fn end(&mut self, seen: u128, whole: bool, line: u64, problems: &mut Problems);
    /// Number of rows that were ended.
    fn len(&self) -> usize;
}

pub(crate) const ID: usize = 0;
pub(crate) const AGE: usize = 1;

/// Reads a table, CSV or JSON lines, from a stream of chunks.
#[derive(Debug)]
pub(crate) struct Table<R> {
    pub(crate) rows: R,
    pub(crate) problems: Problems,
    lines: Lines,
    reader: LineReader,
    stopped: bool,
}

impl<R: Rows> Table<R> {
    pub(crate) fn new(rows: R, limits: ParserLimits) -> Self {
        let reader = LineReader { limit: limits.rows, format: Format::Unknown, room: Default::default() };
        Self { rows, problems: Problems::default(), lines: Lines::new(limits), reader, stopped: false }
    }

    /// Whether there is a point in reading on.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> bool {
        let Self { rows, problems, lines, reader, stopped } = self;
        *stopped = *stopped || lines.push(chunk, problems, |n, line, p| reader.line(rows, n, line, p)).is_break();
        !self.stopped
    }

    /// The end of the file. Whether all of it was read.
    pub(crate) fn finish(&mut self) -> bool {
        let Self { rows, problems, lines, reader, stopped } = self;
        *stopped = *stopped || lines.finish(problems, |n, line, p| reader.line(rows, n, line, p)).is_break();
        // Where reading stopped early, or lines were no text, the problem is not that there are no rows.
        if rows.len() == 0 && problems.is_empty() {
            problems.add(ProblemKind::Empty, || match reader.format {
                Format::Unknown => "the file is empty".to_owned(),
                _ => "there are no rows below the header".to_owned(),
            });
        }
        !self.stopped
    }
}

#[derive(Debug)]
struct LineReader {
    limit: usize,
    format: Format,
    room: [String; 2],
}

#[derive(Debug)]
enum Format {
    Unknown,
    Csv(Header),
    JsonLines,
}

impl LineReader {
    fn line<R: Rows>(&mut self, rows: &mut R, number: u64, line: &str, problems: &mut Problems) -> ControlFlow<()> {
        if line.bytes().all(|byte| byte == b' ' || byte == b'\t') {
            return ControlFlow::Continue(());
        }
        if matches!(self.format, Format::Unknown) {
            if names_separator(line) {
                return ControlFlow::Continue(());
            }
            self.format = if line.trim_start().starts_with('{') {
                Format::JsonLines
            } else {
                match Header::read::<R>(line, number, &mut self.room[0], problems) {
                    Some(header) => Format::Csv(header),
                    None => return ControlFlow::Break(()),
                }
            };
            if matches!(self.format, Format::Csv(_)) {
                return ControlFlow::Continue(());
            }
        }
        if rows.len() == self.limit {
            let sentence = || format!("line {number} is beyond the {} rows that are read", self.limit);
            problems.add(ProblemKind::TooMany, sentence);
            return ControlFlow::Break(());
        }
        match &self.format {
            Format::Csv(header) => csv_row(header, rows, number, line, &mut self.room[0], problems),
            _ => json_row(rows, number, line, &mut self.room, problems),
        }
        ControlFlow::Continue(())
    }
}

fn csv_row<R: Rows>(
    header: &Header,
    rows: &mut R,
    number: u64,
    line: &str,
    room: &mut String,
    problems: &mut Problems,
) {
    let Header { separator, columns } = header;
    let mut seen = 0_u128;
    let count = split(line, *separator, room, |position, text| {
        if let Some(&Some(column)) = columns.get(position) {
            seen |= 1 << column;
            rows.field(column, text, number, problems);
        }
    });
    rows.end(seen, count == Ok(columns.len()), number, problems);
    match count {
        Ok(count) if count == columns.len() => {}
        Ok(count) => {
            let other =
                [b',', b';', b'\t'].into_iter().find(|s| s != separator && memchr(*s, line.as_bytes()).is_some());
            match other {
                Some(other) if count == 1 => problems.add(ProblemKind::WrongSeparator, || {
                    let (other, separator) = (name(other), name(*separator));
                    format!("line {number} is separated by a {other}, the header by a {separator}")
                }),
                _ => problems.add(ProblemKind::Columns, || {
                    let hint = if count > columns.len() {
                        ": write decimal points, and quote ids with separators"
                    } else {
                        ""
                    };
                    format!("line {number} has {count} columns, the header has {}{hint}", columns.len())
                }),
            }
        }
        Err(reason) => problems.add(ProblemKind::Columns, || format!("line {number} {reason}")),
    }
}

fn json_row<R: Rows>(rows: &mut R, number: u64, line: &str, room: &mut [String; 2], problems: &mut Problems) {
    let mut seen = 0_u128;
    let result = read_object(line, room, |key, value| {
        let Some(column) = R::column(key) else { return };
        if seen & (1 << column) != 0 {
            problems.add(ProblemKind::Json, || format!("line {number} has {} twice", quoted(key)));
            return;
        }
        seen |= 1 << column;
        match value {
            Value::Text(text) => rows.field(column, text, number, problems),
            Value::Nested => problems.add(ProblemKind::Json, || {
                format!("line {number} has a list or an object for {}: write a number or a string", quoted(key))
            }),
        }
    });
    rows.end(seen, result.is_ok(), number, problems);
    match result {
        Err(reason) => problems.add(ProblemKind::Json, || format!("line {number} {reason}")),
        Ok(()) => {
            for (_, name) in [(ID, "id"), (AGE, "age")].into_iter().filter(|(column, _)| seen & (1 << column) == 0) {
                problems.add(ProblemKind::Columns, || format!("line {number} has no \"{name}\": give each object one"));
            }
        }
    }
}
