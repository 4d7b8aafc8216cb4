//! `trainer groups`: estimates against labelled age groups, for photographs whose exact ages nobody knows.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use glae_metrics::Predictions;
use glae_metrics::ids::{Repair, repair_by};

use super::cutter::Doubtful;
use super::doubted::Doubted;
use glae_data::{Judged, Labelled, read_groups, read_table};

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
    /// What becomes of ages that the column `doubt` says are not to be trusted: with drop they count as missing.
    #[arg(long, value_enum, default_value_t = Doubtful::Keep)]
    pub doubtful: Doubtful,
    /// Count labelled images without an estimate, too: as outside, and as far from the group as this age.
    #[arg(long, value_name = "AGE")]
    pub missing: Option<f32>,
}

/// Prints the share of estimates inside their group and the mean distance to it, for each group and for all.
///
/// # Errors
/// A file cannot be read, or no id is in both.
pub fn run(arguments: &Arguments) -> Result<()> {
    let mut ages = ages(arguments)?;
    let groups = read_groups(&arguments.groups)?;
    let doubts = doubts(arguments)?;
    if arguments.doubtful == Doubtful::Drop {
        ages.retain(|id, _| !doubts.contains_key(id));
    }
    let compared = Compared::new(&groups, &ages, arguments.missing);
    if compared.unpredicted == groups.len() {
        let rows: BTreeMap<&str, usize> =
            groups.iter().zip(0..).map(|(row, index)| (row.file.as_str(), index)).collect();
        let ids = ages.keys().map(String::as_str);
        let repair = repair_by(ids, &groups[0].file, groups.len(), |id| rows.get(id).copied());
        let hint = repair.map_or_else(String::new, |repair| format!(": {}", repair.sentence()));
        bail!("no id of {} is in {}{hint}", arguments.predictions.display(), arguments.groups.display());
    }
    print!("{compared}");
    if !doubts.is_empty() && arguments.doubtful == Doubtful::Keep {
        let mut doubted = Doubted::default();
        for Labelled { file, group, .. } in &groups {
            if let Some(years) = ages.get(file) {
                let distance = group.judge(Some(*years), *years).distance;
                doubted.add(f64::from(distance), doubts.get(file).map_or("", String::as_str));
            }
        }
        println!("{doubted}");
    }
    Ok(())
}

/// Ids whose column `doubt` says something, with that; none where there is no such column.
fn doubts(arguments: &Arguments) -> Result<BTreeMap<String, String>> {
    let path = &arguments.predictions;
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_path(path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let header = reader.headers()?.clone();
    let column = |name: &str| header.iter().position(|word| word == name);
    let (Some(id), Some(doubt)) = (column("id"), column("doubt")) else { return Ok(BTreeMap::new()) };
    let mut doubts = BTreeMap::new();
    for row in reader.records() {
        let row = row?;
        if let (Some(own), Some(doubt)) = (row.get(id), row.get(doubt).filter(|doubt| !doubt.is_empty())) {
            doubts.insert(arguments.id(own), doubt.to_owned());
        }
    }
    Ok(doubts)
}

impl Arguments {
    /// An id as it is to be read.
    fn id(&self, id: &str) -> String {
        let prefix = self.strip_prefix.clone().map(Repair::Prefix);
        let suffix = self.strip_suffix.clone().map(Repair::Suffix);
        let steps = [prefix, suffix].into_iter().flatten();
        steps.fold(id.to_owned(), |id, step| step.apply(&id).unwrap_or(id))
    }
}

/// The predicted ages by id, as the arguments say that ids are to be read.
fn ages(arguments: &Arguments) -> Result<BTreeMap<String, f32>> {
    let predictions = read_table(&arguments.predictions, Predictions::parse)?;
    Ok((0..predictions.len()).map(|row| (arguments.id(predictions.id(row)), predictions.age(row) as f32)).collect())
}

/// Estimates held against their groups, by group, the youngest first.
#[derive(Debug)]
struct Compared<'a> {
    groups: BTreeMap<(u8, &'a str), Vec<Judged>>,
    /// Labelled images without an estimate.
    unpredicted: usize,
    /// What they count as, in years.
    missing: Option<f32>,
}

impl<'a> Compared<'a> {
    fn new(labelled: &'a [Labelled], ages: &BTreeMap<String, f32>, missing: Option<f32>) -> Self {
        let mut compared = Self { groups: BTreeMap::new(), unpredicted: 0, missing };
        for Labelled { file, name, group } in labelled {
            let age = ages.get(file).copied();
            compared.unpredicted += usize::from(age.is_none());
            if let Some(years) = age.or(missing) {
                let key = (group.first as u8, name.as_str());
                compared.groups.entry(key).or_default().push(group.judge(age, years));
            }
        }
        compared
    }
}

impl fmt::Display for Compared<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |judged: &[Judged]| {
            let inside = judged.iter().filter(|judged| judged.inside).count();
            let share = inside as f32 / judged.len() as f32;
            let mean = judged.iter().map(|judged| judged.distance).sum::<f32>() / judged.len() as f32;
            format!("{:.1} % inside, mean distance {mean:.2} years ({} images)", 100.0 * share, judged.len())
        };
        for ((_, name), judged) in &self.groups {
            writeln!(f, "{name}: {}", line(judged))?;
        }
        let all: Vec<Judged> = self.groups.values().flatten().copied().collect();
        writeln!(f, "all: {}", line(&all))?;
        write!(f, "labelled images without an estimate: {}", self.unpredicted)?;
        match self.missing {
            Some(years) => writeln!(f, ", counted as outside and as far off as {years} years"),
            None => writeln!(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            doubtful: Doubtful::Keep,
            missing: None,
        };
        run(&arguments).unwrap();
        let ages = ages(&arguments).unwrap();
        let groups = read_groups(&arguments.groups).unwrap();
        // 3-9: distances 0 and 2.5; 70+: 2; of d there is no estimate, and of x no group.
        let text = Compared::new(&groups, &ages, None).to_string();
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

        // With d as 29 years: outside all the same, and 0 years off.
        let text = Compared::new(&groups, &ages, Some(29.0)).to_string();
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            [
                "3-9: 50.0 % inside, mean distance 1.25 years (2 images)",
                "20-29: 0.0 % inside, mean distance 0.00 years (1 images)",
                "70+: 0.0 % inside, mean distance 2.00 years (1 images)",
                "all: 25.0 % inside, mean distance 1.12 years (4 images)",
                "labelled images without an estimate: 1, counted as outside and as far off as 29 years",
            ]
        );
        // Of three ages one is doubted: it counts as missing where that is asked for.
        let doubted = Arguments {
            predictions: write("doubted.csv", "id,age,doubt\nb,12.5,\na,5,wide\nc,68,\n"),
            doubtful: Doubtful::Drop,
            ..arguments.clone()
        };
        run(&doubted).unwrap();
        assert_eq!(doubts(&doubted).unwrap().into_iter().collect::<Vec<_>>(), [("a".to_owned(), "wide".to_owned())]);

        let strangers = Arguments { groups: write("others.csv", "file,age_group\nz,3-9\n"), ..arguments };
        assert!(run(&strangers).unwrap_err().to_string().contains("no id of"));
        let wrong = Arguments { groups: write("wrong.csv", "file,age_group\na,3-9\nb,old\n"), ..strangers };
        let error = run(&wrong).unwrap_err().to_string();
        assert!(error.contains("line 3") && error.contains("old"), "{error}");
    }
}
