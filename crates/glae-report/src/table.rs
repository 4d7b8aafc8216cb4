//! What a table of the paper is made of.

use glae_model::Routing;

use crate::answers::Metric;
use crate::claims::Claims;

/// A table of the paper.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its number in the paper, as in "IX".
    pub number: &'static str,
    /// What it shows.
    pub title: &'static str,
    /// Data and backbone of the paper's table.
    pub paper: (&'static str, &'static str),
    /// Heads of the columns of words.
    pub words: Vec<&'static str>,
    /// Heads of the columns of numbers.
    pub columns: Vec<String>,
    /// Its rows.
    pub rows: Vec<TableRow>,
    /// What a reader has to know about this table, a sentence each.
    pub notes: Vec<String>,
    /// What the paper claims of these runs.
    pub claims: Vec<Claims>,
}

/// One row.
#[derive(Clone, Debug)]
pub struct TableRow {
    /// What its first column says.
    pub name: String,
    /// Columns of words between the name and the numbers.
    pub words: Vec<String>,
    /// Number of the run that answers.
    pub run: usize,
    /// For each column by which rule is answered and what is computed.
    pub cells: Vec<(Routing, Metric)>,
    /// What the paper prints; nothing where it prints nothing, or our copy cannot be read.
    pub paper: Vec<Option<f64>>,
}

impl TableRow {
    /// A row without words, of which the paper prints these numbers.
    pub fn new(name: &str, run: usize, cells: &[(Routing, Metric)], paper: &[f64]) -> Self {
        let paper = paper.iter().map(|value| Some(*value)).collect();
        Self { name: name.to_owned(), words: Vec::new(), run, cells: cells.to_vec(), paper }
    }
}
