//! Label files as rows of cells: whatever separator, with or without a header, in any encoding that keeps ASCII.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use glae_metrics::text::{names_separator, other_than_text, trim};

use super::is_image;

/// One line of a label file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LabelLine {
    /// Counted from 1.
    pub line: u64,
    /// Its cells without surrounding spaces.
    pub cells: Vec<String>,
}

impl LabelLine {
    /// A cell; empty where the line is too short.
    pub(super) fn cell(&self, column: usize) -> &str {
        self.cells.get(column).map_or("", String::as_str)
    }
}

/// A label file.
#[derive(Clone, Debug)]
pub(super) struct LabelFile {
    /// Where it was read.
    pub path: PathBuf,
    /// Its first line, where that names the columns.
    pub header: Vec<String>,
    /// The lines below.
    pub rows: Vec<LabelLine>,
}

impl LabelFile {
    /// Reads a file whose first line names the columns.
    ///
    /// # Errors
    /// It cannot be read or is empty.
    pub(super) fn headed(path: &Path) -> Result<Self> {
        let mut file = Self::read(path)?;
        file.header = file.rows.remove(0).cells;
        Ok(file)
    }

    /// Reads a file whose first line names the columns or is a row: it is a row if the cell at `number` is a number, or
    /// the first names an image.
    ///
    /// # Errors
    /// It cannot be read or is empty.
    pub(super) fn plain(path: &Path, number: usize) -> Result<Self> {
        let mut file = Self::read(path)?;
        let first = &file.rows[0];
        if first.cell(number).parse::<f64>().is_err() && !is_image(Path::new(first.cell(0))) {
            file.header = file.rows.remove(0).cells;
        }
        Ok(file)
    }

    /// The column with one of these names, whatever their case.
    pub(super) fn column(&self, names: &[&str]) -> Option<usize> {
        self.header.iter().position(|column| names.iter().any(|name| column.eq_ignore_ascii_case(name)))
    }

    /// The column with this name.
    ///
    /// # Errors
    /// There is none; the message lists the columns.
    pub(super) fn need(&self, name: &str) -> Result<usize> {
        self.column(&[name]).with_context(|| {
            let columns = self.header.join(", ");
            format!("{} lacks the column `{name}`; its first line is: {columns}", self.path.display())
        })
    }

    /// Where a row stands, for messages.
    pub(super) fn place(&self, row: &LabelLine) -> String {
        format!("{}, line {}", self.path.display(), row.line)
    }

    fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        if let Some(sentence) = other_than_text(&bytes) {
            bail!("{}: {sentence}", path.display());
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
        let mut first = lines.next().unwrap_or_default();
        let for_excel = std::str::from_utf8(first).is_ok_and(names_separator);
        if for_excel {
            first = lines.next().unwrap_or_default();
        }
        let separator = [b';', b'\t', b','].into_iter().find(|separator| first.contains(separator));
        // Lists of `file age` have nothing but a space between them.
        let separator = separator.unwrap_or(b' ');
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(separator)
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(bytes);
        let mut rows = Vec::new();
        let (mut line, mut counted) = (1, 0);
        for record in reader.byte_records() {
            let record = record.with_context(|| format!("cannot read {}", path.display()))?;
            // The reader's own line is that of the last line break's end, before empty lines.
            let mut start = record.position().map_or(0, csv::Position::byte) as usize;
            start += bytes[start..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            line += bytes[counted..start].iter().filter(|byte| **byte == b'\n').count() as u64;
            counted = start;
            let cells: Vec<_> = record.iter().map(|cell| trim(&String::from_utf8_lossy(cell)).to_owned()).collect();
            if cells.iter().any(|cell| !cell.is_empty()) {
                rows.push(LabelLine { line, cells });
            }
        }
        if for_excel && !rows.is_empty() {
            rows.remove(0);
        }
        ensure!(!rows.is_empty(), "{} has no rows", path.display());
        Ok(Self { path: path.to_owned(), header: Vec::new(), rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn separators_headers_and_odd_bytes() {
        for text in
            ["a.jpg;30;2.5\r\n\r\nb.jpg;4;1\r\n", "a.jpg 30 2.5\n\nb.jpg 4 1", "a.jpg\t30\t2.5\n\nb.jpg\t4\t1\n"]
        {
            let rows = LabelFile::plain(file(text.as_bytes()).path(), 1).unwrap();
            assert_eq!(rows.rows[0].cells, ["a.jpg", "30", "2.5"], "{text:?}");
            assert_eq!((rows.rows[1].line, rows.rows[1].cell(2), rows.rows[1].cell(3)), (3, "1", ""));
            assert!(rows.header.is_empty());
        }
        let rows = LabelFile::plain(file(b"\xef\xbb\xbfimage,Mean, stdv\nn\xe9.jpg,30,1\n").path(), 1).unwrap();
        assert_eq!((rows.column(&["mean"]), rows.column(&["stdv"]), rows.rows.len()), (Some(1), Some(2), 1));
        assert_eq!(rows.rows[0].cell(0), "n\u{fffd}.jpg");
        // What Excel leaves: a line for itself, and spaces that do not break.
        let rows = LabelFile::headed(file("sep=;\r\nfile;age\r\na.jpg\u{a0};4\u{a0}\r\n".as_bytes()).path()).unwrap();
        assert_eq!(
            (&rows.header[..], &rows.rows[0].cells[..]),
            (&["file", "age"].map(str::to_owned)[..], &["a.jpg", "4"].map(str::to_owned)[..])
        );
        assert_eq!(rows.rows[0].line, 3);
        let error = LabelFile::headed(file(b"\xff\xfef\0").path()).unwrap_err().to_string();
        assert!(error.contains("UTF-16 text: save it as UTF-8"), "{error}");
        // A broken first row is a row, and not a header that nobody misses.
        assert_eq!(LabelFile::plain(file(b"a.jpg,old\nb.jpg,3\n").path(), 1).unwrap().rows.len(), 2);
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = LabelFile::headed(file(b"id,years\na,3\n").path()).unwrap().need("age").unwrap_err().to_string();
        assert!(error.contains("`age`") && error.contains("id, years"), "{error}");
        assert!(LabelFile::headed(file(b"\n\n").path()).unwrap_err().to_string().contains("no rows"));
        assert!(LabelFile::headed(Path::new("no-such-file.csv")).unwrap_err().to_string().contains("no-such-file.csv"));
    }
}
