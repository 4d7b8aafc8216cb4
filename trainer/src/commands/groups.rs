//! `trainer groups`: estimates against labelled age groups, for photographs whose exact ages nobody knows.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use glae_metrics::ids::{Repair, repair_by};
use glae_metrics::{CellRow, Predictions};

use crate::data::{file_problems, read_cells};

/// `trainer groups`.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Predictions file: `id,age`.
    #[arg(long)]
    pub predictions: PathBuf,
    /// CSV with `file,age_group`; a group is `3-9`, `more than 70` or `70+`.
    #[arg(long)]
    pub groups: PathBuf,
    /// Leave out this beginning of the predictions' ids, as in test-images/.
    #[arg(long, value_name = "TEXT")]
    pub strip_prefix: Option<String>,
    /// Leave out this end of the predictions' ids, as in .jpg.
    #[arg(long, value_name = "TEXT")]
    pub strip_suffix: Option<String>,
}

/// First and last year of a group, both in it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Group {
    first: f32,
    last: f32,
}

impl Group {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let year = |text: &str| text.trim().parse::<u8>().ok().map(f32::from);
        if let Some(first) = text.strip_suffix('+').or_else(|| text.strip_prefix("more than ")) {
            return Some(Self { first: year(first)?, last: f32::INFINITY });
        }
        let (first, last) = text.split_once('-')?;
        let group = Self { first: year(first)?, last: year(last)? };
        (group.first <= group.last).then_some(group)
    }

    /// Years from the group: 0 inside. A person is 9 until the tenth birthday.
    fn distance(self, age: f32) -> f32 {
        (self.first - age).max(age - (self.last + 1.0)).max(0.0)
    }
}

/// Prints the share of estimates inside their group and the mean distance to it, for each group and for all.
///
/// # Errors
/// A file cannot be read, or no id is in both.
pub fn run(arguments: &Arguments) -> Result<()> {
    let ages = ages(arguments)?;
    let groups = read(&arguments.groups)?;
    let compared = Compared::new(&groups, &ages);
    if compared.unpredicted == groups.len() {
        let rows: BTreeMap<&str, usize> =
            groups.iter().zip(0..).map(|(row, index)| (row.file.as_str(), index)).collect();
        let ids = ages.keys().map(String::as_str);
        let repair = repair_by(ids, &groups[0].file, groups.len(), |id| rows.get(id).copied());
        let hint = repair.map_or_else(String::new, |repair| format!(": {}", repair.sentence()));
        bail!("no id of {} is in {}{hint}", arguments.predictions.display(), arguments.groups.display());
    }
    print!("{compared}");
    Ok(())
}

/// The predicted ages by id, as the arguments say that ids are to be read.
fn ages(arguments: &Arguments) -> Result<BTreeMap<String, f32>> {
    let path = &arguments.predictions;
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let predictions = Predictions::parse(&bytes).map_err(|problems| file_problems(path, &problems))?;
    let prefix = arguments.strip_prefix.clone().map(Repair::Prefix);
    let suffix = arguments.strip_suffix.clone().map(Repair::Suffix);
    let id = |row: usize| {
        let steps = [&prefix, &suffix].into_iter().flatten();
        steps.fold(predictions.id(row).to_owned(), |id, step| step.apply(&id).unwrap_or(id))
    };
    Ok((0..predictions.len()).map(|row| (id(row), predictions.age(row) as f32)).collect())
}

/// Distances of estimates from their groups in years, by group, the youngest first.
#[derive(Debug)]
struct Compared<'a> {
    groups: BTreeMap<(u8, &'a str), Vec<f32>>,
    /// Labelled images without an estimate.
    unpredicted: usize,
}

impl<'a> Compared<'a> {
    fn new(labelled: &'a [Labelled], ages: &BTreeMap<String, f32>) -> Self {
        let mut compared = Self { groups: BTreeMap::new(), unpredicted: 0 };
        for Labelled { file, name, group } in labelled {
            match ages.get(file) {
                Some(age) => {
                    let key = (group.first as u8, name.as_str());
                    compared.groups.entry(key).or_default().push(group.distance(*age));
                }
                None => compared.unpredicted += 1,
            }
        }
        compared
    }
}

impl fmt::Display for Compared<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |distances: &[f32]| {
            let inside = distances.iter().filter(|distance| **distance == 0.0).count();
            let (share, mean) = (inside as f32 / distances.len() as f32, mean(distances));
            format!("{:.1} % inside, mean distance {mean:.2} years ({} images)", 100.0 * share, distances.len())
        };
        for ((_, name), distances) in &self.groups {
            writeln!(f, "{name}: {}", line(distances))?;
        }
        let all: Vec<f32> = self.groups.values().flatten().copied().collect();
        writeln!(f, "all: {}", line(&all))?;
        writeln!(f, "labelled images without an estimate: {}", self.unpredicted)
    }
}

fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len() as f32
}

/// One row of the groups file.
struct Labelled {
    file: String,
    name: String,
    group: Group,
}

fn read(path: &Path) -> Result<Vec<Labelled>> {
    let cells = read_cells(path, &[&["file", "id"], &["age_group"]])?;
    let row = |row: CellRow<'_>| {
        let name = row.cell(cells.needed[1]).to_owned();
        let group = Group::parse(&name).with_context(|| {
            format!("{}, line {}: {name:?} is no age group such as 3-9 or 70+", path.display(), row.line)
        })?;
        Ok(Labelled { file: row.cell(cells.needed[0]).to_owned(), name, group })
    };
    cells.rows().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_lasts_until_the_next_birthday() {
        let group = Group::parse("3-9").unwrap();
        assert_eq!([2.0, 3.0, 9.9, 12.0].map(|age| group.distance(age)), [1.0, 0.0, 0.0, 2.0]);
        assert_eq!(Group::parse("70+").unwrap().distance(101.0), 0.0);
        assert_eq!(Group::parse("more than 70").unwrap().distance(60.0), 10.0);
        for text in ["old", "9-3", "NaN-9", "-3", "3-", ""] {
            assert_eq!(Group::parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_number_worked_by_hand() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let arguments = Arguments {
            predictions: write(
                "predictions.csv",
                "id,age,route\nb,12.5,vanilla\na,5,vanilla\nc,68,balanced\nx,1,vanilla\n",
            ),
            groups: write("groups.csv", "file,age_group\nc,70+\na,3-9\nb,3-9\nd,20-29\n"),
            strip_prefix: None,
            strip_suffix: None,
        };
        run(&arguments).unwrap();
        let ages = ages(&arguments).unwrap();
        // 3-9: distances 0 and 2.5; 70+: 2; of d there is no estimate, and of x no group.
        let text = Compared::new(&read(&arguments.groups).unwrap(), &ages).to_string();
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            [
                "3-9: 50.0 % inside, mean distance 1.25 years (2 images)",
                "70+: 0.0 % inside, mean distance 2.00 years (1 images)",
                "all: 33.3 % inside, mean distance 1.50 years (3 images)",
                "labelled images without an estimate: 1",
            ]
        );
        let folder = write("folder.csv", "id,age\nx/b.jpg,12.5\nx/a.jpg,5\n");
        let labels = write("labels.csv", "sep=;\nfile;age_group\na.jpg;3-9\nb.jpg;3-9\n");
        let named = Arguments { predictions: folder, groups: labels, ..arguments.clone() };
        let error = run(&named).unwrap_err().to_string();
        assert!(error.ends_with("without `x/` all ids would match: --strip-prefix x/ leaves it out"), "{error}");
        run(&Arguments { strip_prefix: Some("x/".to_owned()), ..named }).unwrap();

        let strangers = Arguments { groups: write("others.csv", "file,age_group\nz,3-9\n"), ..arguments };
        assert!(run(&strangers).unwrap_err().to_string().contains("no id of"));
        let wrong = Arguments { groups: write("wrong.csv", "file,age_group\na,3-9\nb,old\n"), ..strangers };
        let error = run(&wrong).unwrap_err().to_string();
        assert!(error.contains("line 3") && error.contains("old"), "{error}");
    }
}
