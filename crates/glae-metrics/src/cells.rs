use std::ops::ControlFlow;

use crate::fields::split;
use crate::lines::{Lines, ParserLimits};
use crate::problems::{ProblemKind, Problems, quoted};
use crate::text::names_separator;

/// The cells of a table with a header that is neither a truth nor predictions, read as those are: commas, semicolons or
/// tabs, whichever lets the header name the columns that are needed, and whatever spreadsheets put around them.
///
/// ```
/// use glae_metrics::Cells;
/// let cells = Cells::parse(b"sep=;\nfile;age_group\na.jpg;3-9\n", &[&["file", "id"], &["age_group"]]).unwrap();
/// let [file, group] = [0, 1].map(|column| cells.needed[column]);
/// let row = cells.rows().next().unwrap();
/// assert_eq!((row.line, row.cell(file), row.cell(group)), (3, "a.jpg", "3-9"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Cells {
    /// The names of the columns.
    pub header: Vec<String>,
    /// The column of each of the names that were asked for.
    pub needed: Vec<usize>,
    rows: Vec<(u64, Vec<String>)>,
}

/// One line of a table.
#[derive(Clone, Copy, Debug)]
pub struct CellRow<'a> {
    /// Counted from 1.
    pub line: u64,
    cells: &'a [String],
}

impl<'a> CellRow<'a> {
    /// A cell without the spaces around it.
    pub fn cell(&self, column: usize) -> &'a str {
        self.cells.get(column).map_or("", String::as_str)
    }
}

impl Cells {
    /// Reads a whole file. Each of `columns` is the names that a column may have, the best first, whatever the letters' case.
    ///
    /// # Errors
    /// Everything that is wrong with it: no text, a column that is missing, rows that have other columns than the header.
    pub fn parse(bytes: &[u8], columns: &[&[&str]]) -> Result<Self, Problems> {
        let (mut cells, mut problems) = (Self::default(), Problems::default());
        let (mut lines, mut separator, mut room) = (Lines::new(ParserLimits::default()), None, String::new());
        let mut each = |number: u64, line: &str, problems: &mut Problems| {
            let blank = line.bytes().all(|byte| byte == b' ' || byte == b'\t');
            match separator {
                _ if blank => {}
                Some(separator) => cells.row(number, line, separator, &mut room, problems),
                None if names_separator(line) => {}
                None => match cells.head(line, columns, &mut room) {
                    Some(found) => separator = Some(found),
                    None => {
                        let names: Vec<_> = columns.iter().map(|names| format!("`{}`", names.join("` or `"))).collect();
                        let names = names.join(", ");
                        problems.add(ProblemKind::Header, || {
                            format!("line {number}, {}, does not name the columns {names}", quoted(line))
                        });
                        return ControlFlow::Break(());
                    }
                },
            }
            ControlFlow::Continue(())
        };
        if lines.push(bytes, &mut problems, &mut each).is_continue() {
            let _ = lines.finish(&mut problems, &mut each);
        }
        if cells.rows.is_empty() && problems.is_empty() {
            problems.add(ProblemKind::Empty, || "there are no rows".to_owned());
        }
        problems.none_or(cells)
    }

    /// The rows below the header that are not empty.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = CellRow<'_>> {
        self.rows.iter().map(|(line, cells)| CellRow { line: *line, cells })
    }

    /// Takes a header. The separator, unless a column is missing.
    fn head(&mut self, line: &str, columns: &[&[&str]], room: &mut String) -> Option<u8> {
        [b',', b';', b'\t'].into_iter().find(|separator| {
            self.header.clear();
            let split = split(line, *separator, room, |_, name| self.header.push(name.to_owned()));
            let find = |name: &&str| self.header.iter().position(|own| own.eq_ignore_ascii_case(name));
            self.needed = columns.iter().filter_map(|names| names.iter().find_map(find)).collect();
            split.is_ok() && self.needed.len() == columns.len()
        })
    }

    fn row(&mut self, number: u64, line: &str, separator: u8, room: &mut String, problems: &mut Problems) {
        let mut row = Vec::with_capacity(self.header.len());
        match split(line, separator, room, |_, text| row.push(text.to_owned())) {
            Ok(count) if count == self.header.len() => self.rows.push((number, row)),
            Ok(count) => problems.add(ProblemKind::Columns, || {
                format!("line {number} has {count} columns, the header has {}", self.header.len())
            }),
            Err(reason) => problems.add(ProblemKind::Columns, || format!("line {number} {reason}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let parse = |text: &str| Cells::parse(text.as_bytes(), &[&["file", "id"], &["x"]]);
        let cells = parse("\u{feff}\"sep=,\"\n\nID , X\u{a0},more\na, 1 ,\n").unwrap();
        assert_eq!((cells.header.len(), &cells.needed), (3, &vec![0, 1]));
        assert_eq!(cells.rows().map(|row| (row.line, row.cell(1))).collect::<Vec<_>>(), [(4, "1")]);
        // The better name counts wherever it stands.
        assert_eq!(parse("id;file;x\n1;a;2\n").unwrap().needed, [1, 2]);
        let said = |text: &str| parse(text).unwrap_err().to_string();
        assert!(said("file,y\na,1\n").contains("line 1, \"file,y\", does not name the columns `file` or `id`, `x`"));
        assert!(said("file,x\na,1\nb\nc,\"2\n").contains("line 3 has 1 columns, the header has 2"));
        assert!(said("file,x\n").contains("there are no rows"));
        let utf16 = Cells::parse(b"\xff\xfef\0", &[]).unwrap_err().to_string();
        assert!(utf16.contains("UTF-16 text: save it as UTF-8"), "{utf16}");
    }
}
