use std::ops::ControlFlow;

use memchr::{memchr, memchr_iter};

use crate::json_line::{Value, read_object};
use crate::lines::{Limits, Lines};
use crate::problems::{ProblemKind, Problems, quoted};

/// What is done with the rows of a table. Known columns are numbers below 128; 0 is `id` and 1 is `age`.
pub(crate) trait Rows {
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
    pub(crate) fn new(rows: R, limits: Limits) -> Self {
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

#[derive(Debug)]
struct Header {
    separator: u8,
    columns: Vec<Option<usize>>,
}

impl LineReader {
    fn line<R: Rows>(&mut self, rows: &mut R, number: u64, line: &str, problems: &mut Problems) -> ControlFlow<()> {
        if line.bytes().all(|byte| byte == b' ' || byte == b'\t') {
            return ControlFlow::Continue(());
        }
        if matches!(self.format, Format::Unknown) {
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

impl Header {
    fn read<R: Rows>(line: &str, number: u64, room: &mut String, problems: &mut Problems) -> Option<Self> {
        for separator in [b',', b';', b'\t'] {
            let (mut columns, mut names) = (Vec::new(), Vec::new());
            let split = split(line, separator, room, |_, text| {
                columns.push(R::column(text));
                names.push(text.to_owned());
            });
            if split.is_err() || !columns.contains(&Some(ID)) || !columns.contains(&Some(AGE)) {
                continue;
            }
            let repeated = columns.iter().enumerate().filter(|(i, c)| c.is_some() && columns[..*i].contains(c));
            let mut unique = true;
            for (position, _) in repeated {
                unique = false;
                let name = quoted(&names[position]);
                problems.add(ProblemKind::Header, || format!("line {number} names the column {name} more than once"));
            }
            return unique.then_some(Self { separator, columns });
        }
        let (kind, sentence) = header_problem::<R>(line, number, room);
        problems.add(kind, || sentence);
        None
    }
}

/// Why a first line is no header.
fn header_problem<R: Rows>(line: &str, number: u64, room: &mut String) -> (ProblemKind, String) {
    let has_both = |separator: u8, room: &mut String| {
        let mut found = [false; 2];
        let _ = split(line, separator, room, |_, text| {
            if let Some(column @ (ID | AGE)) = R::column(text) {
                found[column] = true;
            }
        });
        found == [true; 2]
    };
    if line.trim_start().starts_with('[') {
        let advice = "write one object per line, as pandas does with to_json(orient=\"records\", lines=True)";
        return (ProblemKind::Json, format!("line {number} begins a JSON list: {advice}"));
    }
    if line.contains('\r') {
        let sentence = "lines end with a carriage return alone: save the file with LF or CRLF line breaks";
        return (ProblemKind::Header, sentence.to_owned());
    }
    if let Some(other) = [b'|', b' ', b':', b'/'].into_iter().find(|&other| has_both(other, room)) {
        let sentence = format!("the header on line {number} is separated by a {}: use a comma", name(other));
        return (ProblemKind::WrongSeparator, sentence);
    }
    let looks_like_data = line.split([',', ';', '\t']).skip(1).any(|field| field.trim().parse::<f64>().is_ok());
    let advice = if looks_like_data {
        "it looks like data: put `id,age` on a line before it"
    } else {
        "name the column of ids `id` and the column of ages in years `age`"
    };
    (ProblemKind::Header, format!("line {number}, {}, is no header with `id` and `age`: {advice}", quoted(line)))
}

/// Calls `each` with the position and text of every field, and returns their number. Spaces around a field that is not
/// quoted do not count. A quoted field may hold separators, and quotes by doubling them, but no line break: every line
/// is a row, so that a forgotten quote spoils one line and not the rest of the file.
fn split(
    line: &str,
    separator: u8,
    room: &mut String,
    mut each: impl FnMut(usize, &str),
) -> Result<usize, &'static str> {
    let bytes = line.as_bytes();
    let (mut start, mut count) = (0, 0);
    if memchr(b'"', bytes).is_none() {
        for end in memchr_iter(separator, bytes).chain(std::iter::once(bytes.len())) {
            each(count, trim(&line[start..end]));
            (start, count) = (end + 1, count + 1);
        }
        return Ok(count);
    }
    loop {
        let spaces = bytes[start..].iter().take_while(|&&byte| byte == b' ').count();
        if bytes.get(start + spaces) == Some(&b'"') {
            start = unquote(line, start + spaces + 1, room)?;
            each(count, room);
            start += bytes[start..].iter().take_while(|&&byte| byte == b' ').count();
            if bytes.get(start).is_some_and(|&byte| byte != separator) {
                return Err("has text after a closing quote: double the quotes inside a quoted field");
            }
        } else {
            let end = memchr(separator, &bytes[start..]).map_or(bytes.len(), |found| start + found);
            each(count, trim(&line[start..end]));
            start = end;
        }
        count += 1;
        if start == bytes.len() {
            return Ok(count);
        }
        start += 1;
    }
}

/// Puts the field whose opening quote is before `start` into `room`; returns the position behind its closing quote.
fn unquote(line: &str, mut start: usize, room: &mut String) -> Result<usize, &'static str> {
    let bytes = line.as_bytes();
    room.clear();
    loop {
        let Some(found) = memchr(b'"', &bytes[start..]) else {
            return Err("opens a quote that is not closed on the same line");
        };
        room.push_str(&line[start..start + found]);
        start += found + 1;
        if bytes.get(start) != Some(&b'"') {
            return Ok(start);
        }
        room.push('"');
        start += 1;
    }
}

fn trim(field: &str) -> &str {
    // Nearly all fields have no spaces around them, and two bytes say so.
    let space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    let bytes = field.as_bytes();
    if space(bytes.first()) || space(bytes.last()) { field.trim_matches([' ', '\t']) } else { field }
}

fn name(separator: u8) -> &'static str {
    match separator {
        b',' => "comma",
        b';' => "semicolon",
        b'\t' => "tab",
        b' ' => "space",
        b'|' => "vertical bar",
        b':' => "colon",
        _ => "slash",
    }
}
