//! A result in Markdown: numbers, what was claimed, what differs from the paper, and which runs stand behind it.

use std::fmt::Write as _;

/// Markdown as it grows.
#[derive(Clone, Debug)]
pub struct Document(String);

impl Document {
    /// With a title.
    pub fn new(title: String) -> Self {
        Self(format!("# {title}\n"))
    }

    /// Adds a paragraph.
    pub fn paragraph(&mut self, text: &str) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "\n{text}\n");
    }

    /// Adds a table in Markdown.
    pub fn table(&mut self, table: &str) {
        let _ = write!(self.0, "\n{table}");
    }

    /// Adds a list below a heading; nothing if there is nothing to say.
    pub fn list(&mut self, heading: &str, items: &[String]) {
        if items.is_empty() {
            return;
        }
        let _ = write!(self.0, "\n## {heading}\n\n");
        for item in items {
            let _ = writeln!(self.0, "- {item}");
        }
    }

    /// All of it; `name` is that of the files.
    pub fn text(&self, name: &str) -> String {
        let (kind, number) = name.split_once('-').unwrap_or((name, ""));
        format!(
            "{}\nWritten by `trainer {kind} {number}`. Numbers as they were computed: [{name}.csv]({name}.csv); drawn: \
             [{name}.svg]({name}.svg).\n",
            self.0
        )
    }
}

/// A row of a table in Markdown.
pub fn line(cells: &[String]) -> String {
    let mut text = String::from("|");
    for cell in cells {
        // Writing to a string cannot fail.
        let _ = write!(text, " {} |", cell.replace('|', "\\|"));
    }
    text + "\n"
}
