//! `trainer bench report`: measurements as tables in a document.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use glae_data::files::write_atomically;

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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Measurement {
    /// Names its place in the document.
    pub(super) name: String,
    /// What was done.
    pub(super) title: String,
    /// What the reader must know: machine, versions, adapter.
    pub(super) facts: Vec<String>,
    /// Row by row of the table.
    pub(super) rows: Vec<Timing>,
    /// What engines need until their first answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) needs: Vec<Need>,
    /// What we want to reach.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) aims: Vec<Aim>,
}

/// One engine at one work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Timing {
    /// The work; engines that do the same work are compared.
    pub(super) group: String,
    /// Who does it.
    pub(super) engine: String,
    /// Whether the others are compared with this row.
    pub(super) ours: bool,
    /// Every run.
    pub(super) milliseconds: Vec<f64>,
}

/// What an engine needs from an empty profile until its first answer, bytes. Downloads are counted as they travel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Need {
    /// The work.
    group: String,
    /// Who does it.
    engine: String,
    /// The page, until it can be used.
    shell: u64,
    /// What computes.
    program: u64,
    /// The networks.
    weights: u64,
    /// What is kept for later visits, as far as it has come.
    later: u64,
    /// The most memory; `None` where the system does not tell.
    memory: Option<u64>,
}

/// What we want to reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(super) enum Aim {
    /// In this group the quickest of the others takes at least this many times as long as ours.
    Ratio {
        /// The work.
        group: String,
        /// Times.
        least: f64,
    },
    /// These bytes are at most so many.
    Bytes {
        /// Of what.
        what: String,
        /// As measured.
        found: u64,
        /// As wanted.
        most: u64,
    },
}

/// Prints the tables and writes them between their markers.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let mut tables = Vec::new();
    for path in &arguments.measurements {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let measurement: Measurement =
            serde_json::from_slice(&bytes).with_context(|| format!("{} is no measurement", path.display()))?;
        let table = measurement.to_markdown();
        tables.push((measurement.name, table));
    }
    write_tables(&arguments.into, &tables)
}

/// Prints tables and writes each between the markers of its name.
///
/// # Errors
/// The document cannot be read or written, or has no place for a table; then it stays as it was.
pub(super) fn write_tables(into: &Path, tables: &[(String, String)]) -> Result<()> {
    let document = into.display();
    let mut text = std::fs::read_to_string(into).with_context(|| format!("cannot read {document}"))?;
    for (name, table) in tables {
        println!("{table}");
        let (begin, end) = markers(name);
        text = replaced(&text, &begin, &end, table)
            .with_context(|| format!("{document} has no place for the table: write {begin} and {end} into it"))?;
    }
    write_atomically(into, text.as_bytes())?;
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
    /// Title, tables and facts.
    pub(super) fn to_markdown(&self) -> String {
        let mut text = format!("{}, milliseconds:\n\n", self.title);
        text.push_str("| work | engine | median | middle half | fastest | against ours |\n");
        text.push_str("|---|---|---:|---:|---:|---:|\n");
        for row in &self.rows {
            let [fastest, low, high] = [0.0, 0.25, 0.75].map(|share| quantile(&row.milliseconds, share));
            let middle = row.median();
            let ratio = match self.ours(&row.group) {
                Some(ours) if !row.ours => format!("{:.2} x", middle / ours.median()),
                _ => String::new(),
            };
            text.push_str(&format!(
                "| {} | {} | {middle:.2} | {low:.2} to {high:.2} | {fastest:.2} | {ratio} |\n",
                row.group, row.engine
            ));
        }
        text.push('\n');
        if !self.needs.is_empty() {
            text.push_str("What is needed until the first answer from an empty profile, megabytes:\n\n");
            text.push_str(
                "| work | engine | page until it can be used | program | weights | for later | most memory |\n",
            );
            text.push_str("|---|---|---:|---:|---:|---:|---:|\n");
            self.needs.iter().for_each(|need| text.push_str(&need.to_markdown()));
            text.push('\n');
        }
        if !self.aims.is_empty() {
            text.push_str("How long the quickest of the others takes for each of our milliseconds, and downloads:\n\n");
            text.push_str("| aim | wanted | measured | |\n|---|---:|---:|---|\n");
            self.aims.iter().for_each(|aim| text.push_str(&self.judged(aim)));
            text.push('\n');
        }
        self.facts.iter().for_each(|fact| text.push_str(&format!("- {fact}\n")));
        text
    }

    /// The row that others of this group are compared with.
    fn ours(&self, group: &str) -> Option<&Timing> {
        self.rows.iter().find(|row| row.ours && row.group == group)
    }

    /// An aim as a row of its table.
    fn judged(&self, aim: &Aim) -> String {
        let (what, wanted, found, met) = match aim {
            Aim::Ratio { group, least } => {
                let others = self.rows.iter().filter(|row| !row.ours && row.group == *group).map(Timing::median);
                let ours = self.ours(group).map_or(f64::NAN, Timing::median);
                // NaN, where nobody was measured, is not reached.
                let ratio = others.reduce(f64::min).unwrap_or(f64::NAN) / ours;
                (group, format!("at least {least} x"), format!("{ratio:.2} x"), ratio >= *least)
            }
            Aim::Bytes { what, found, most } => {
                (what, format!("at most {} MB", megabytes(*most)), format!("{} MB", megabytes(*found)), found <= most)
            }
        };
        format!("| {what} | {wanted} | {found} | {} |\n", if met { "met" } else { "**missed**" })
    }
}

impl Timing {
    fn median(&self) -> f64 {
        quantile(&self.milliseconds, 0.5)
    }
}

impl Need {
    fn to_markdown(&self) -> String {
        let parts = [self.shell, self.program, self.weights, self.later].map(megabytes).join(" | ");
        let memory = self.memory.map_or_else(|| "unknown".to_owned(), |bytes| format!("{:.0}", bytes as f64 / 1e6));
        format!("| {} | {} | {parts} | {memory} |\n", self.group, self.engine)
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.2}", bytes as f64 / 1e6)
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
        let row = |engine: &str, ours, milliseconds: &[f64]| Timing {
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
            needs: Vec::new(),
            aims: Vec::new(),
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
    fn needs_and_aims_get_tables_of_their_own() {
        let mut measurement = measurement();
        // As the browser's script writes them.
        let json = r#"{
            "needs": [{ "group": "first", "engine": "ours", "shell": 250000, "program": 1500000, "weights": 6000000, "later": 0, "memory": null }],
            "aims": [
                { "kind": "ratio", "group": "forward", "least": 1.5 },
                { "kind": "ratio", "group": "forward", "least": 3 },
                { "kind": "ratio", "group": "nobody", "least": 0 },
                { "kind": "bytes", "what": "page", "found": 250000, "most": 300000 }
            ]
        }"#;
        let mut json: serde_json::Value = serde_json::from_str(json).unwrap();
        measurement.needs = serde_json::from_value(json["needs"].take()).unwrap();
        measurement.aims = serde_json::from_value(json["aims"].take()).unwrap();
        // A third engine that is quicker than the other one: we are compared with the best of them.
        let quick = Timing { engine: "quick".into(), milliseconds: vec![4.5], ..measurement.rows[1].clone() };
        measurement.rows.push(quick);
        let expected = "\
| forward | quick | 4.50 | 4.50 to 4.50 | 4.50 | 1.50 x |

What is needed until the first answer from an empty profile, megabytes:

| work | engine | page until it can be used | program | weights | for later | most memory |
|---|---|---:|---:|---:|---:|---:|
| first | ours | 0.25 | 1.50 | 6.00 | 0.00 | unknown |

How long the quickest of the others takes for each of our milliseconds, and downloads:

| aim | wanted | measured | |
|---|---:|---:|---|
| forward | at least 1.5 x | 1.50 x | met |
| forward | at least 3 x | 1.50 x | **missed** |
| nobody | at least 0 x | NaN x | **missed** |
| page | at most 0.30 MB | 0.25 MB | met |

- two cores
";
        let text = measurement.to_markdown();
        assert!(text.ends_with(expected), "{text}");
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
