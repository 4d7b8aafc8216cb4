//! `trainer bench report`: measurements as tables in a document.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::checkpoint::write_atomically;

/// `trainer bench report`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Measurements, as `trainer bench` and the browser's bench leave them.
    #[arg(required = true)]
    pub measurements: Vec<PathBuf>,
    /// The document; it has a place for each measurement between two markers.
    #[arg(long, default_value = "docs/performance.md")]
    pub into: PathBuf,
}

/// What one run has measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Measurement {
    /// Names its place in the document.
    pub(super) name: String,
    /// What was done.
    pub(super) title: String,
    /// What the reader must know: machine, versions, adapter.
    pub(super) facts: Vec<String>,
    /// Row by row of the table.
    pub(super) rows: Vec<Row>,
}

/// One engine at one work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    /// The work; engines that do the same work are compared.
    pub(super) group: String,
    /// Who does it.
    pub(super) engine: String,
    /// Whether the others are compared with this row.
    pub(super) ours: bool,
    /// Every run.
    pub(super) milliseconds: Vec<f64>,
}

/// Prints the tables and writes them between their markers.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let document = arguments.into.display();
    let mut text = std::fs::read_to_string(&arguments.into).with_context(|| format!("cannot read {document}"))?;
    for path in &arguments.measurements {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let measurement: Measurement =
            serde_json::from_slice(&bytes).with_context(|| format!("{} is no measurement", path.display()))?;
        let table = measurement.to_markdown();
        println!("{table}");
        let (begin, end) = markers(&measurement.name);
        text = replaced(&text, &begin, &end, &table)
            .with_context(|| format!("{document} has no place for the table: write {begin} and {end} into it"))?;
    }
    write_atomically(&arguments.into, text.as_bytes())?;
    println!("written into {document}");
    Ok(())
}

fn markers(name: &str) -> (String, String) {
    (format!("<!-- bench {name} -->"), format!("<!-- end of {name} -->"))
}

/// The text with something else between two markers; `None` if they are not there in this order.
fn replaced(text: &str, begin: &str, end: &str, content: &str) -> Option<String> {
    let (before, rest) = text.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}\n\n{content}\n{end}{after}"))
}

impl Measurement {
    /// Title, table and facts.
    pub(super) fn to_markdown(&self) -> String {
        let mut text = format!("{}, milliseconds:\n\n", self.title);
        text.push_str("| work | engine | median | middle half | fastest | against ours |\n");
        text.push_str("|---|---|---:|---:|---:|---:|\n");
        for row in &self.rows {
            let [low, middle, high] = [0.25, 0.5, 0.75].map(|share| quantile(&row.milliseconds, share));
            let fastest = quantile(&row.milliseconds, 0.0);
            let ours = self.rows.iter().find(|other| other.ours && other.group == row.group);
            let ratio = match ours {
                Some(ours) if !row.ours => format!("{:.2} x", middle / quantile(&ours.milliseconds, 0.5)),
                _ => String::new(),
            };
            text.push_str(&format!(
                "| {} | {} | {middle:.2} | {low:.2} to {high:.2} | {fastest:.2} | {ratio} |\n",
                row.group, row.engine
            ));
        }
        text.push('\n');
        self.facts.iter().for_each(|fact| text.push_str(&format!("- {fact}\n")));
        text
    }
}

/// The value below which this share of the values lies, between two of them in proportion; NaN of none.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = share * last as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measurement() -> Measurement {
        let row = |engine: &str, ours, milliseconds: &[f64]| Row {
            group: "forward".into(),
            engine: engine.into(),
            ours,
            milliseconds: milliseconds.to_vec(),
        };
        Measurement {
            name: "example".into(),
            title: "An example".into(),
            facts: vec!["two cores".into()],
            rows: vec![row("ours", true, &[4.0, 2.0, 3.0]), row("theirs", false, &[6.0, 9.0, 6.0, 5.0])],
        }
    }

    const TABLE: &str = "\
An example, milliseconds:

| work | engine | median | middle half | fastest | against ours |
|---|---|---:|---:|---:|---:|
| forward | ours | 3.00 | 2.50 to 3.50 | 2.00 |  |
| forward | theirs | 6.00 | 5.75 to 6.75 | 5.00 | 2.00 x |

- two cores
";

    #[test]
    fn a_measurement_becomes_a_table() {
        assert_eq!(measurement().to_markdown(), TABLE);
    }

    #[test]
    fn tables_go_between_their_markers_and_nothing_else_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (json, into) = (folder.path().join("example.json"), folder.path().join("performance.md"));
        std::fs::write(&json, serde_json::to_vec(&measurement()).unwrap()).unwrap();
        let arguments = Arguments { measurements: vec![json], into: into.clone() };
        std::fs::write(&into, "Before\n<!-- bench example -->\nold\n<!-- end of example -->\nafter\n").unwrap();
        run(&arguments).unwrap();
        let expected = format!("Before\n<!-- bench example -->\n\n{TABLE}\n<!-- end of example -->\nafter\n");
        assert_eq!(std::fs::read_to_string(&into).unwrap(), expected);
        // A second time replaces the first.
        run(&arguments).unwrap();
        assert_eq!(std::fs::read_to_string(&into).unwrap(), expected);
        std::fs::write(&into, "no place").unwrap();
        let error = run(&arguments).unwrap_err().to_string();
        assert!(error.contains("<!-- bench example -->"), "{error}");
    }
}
