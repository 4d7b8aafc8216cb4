//! `trainer bench accuracy`: ages by ours beside ages by packages of npm, on the same photographs.
//!
//! `estimate` lists the photographs and leaves our answers, `tests/bench/accuracy.mjs` adds those of the others, `report`
//! scores all of them.

mod fairface;
mod figure;
mod utkface;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::browser::Index;
use super::report::write_tables;
use crate::commands::cutter::Doubtful;
use crate::commands::predict;
use glae_data::files::write_atomically;
use glae_data::{read_groups, read_truth};

/// The median age of UTKFace's training split, in years: what is answered where nothing is known of a face.
const MISSING: f32 = 29.0;

/// `trainer bench accuracy`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the photographs of the data sets that are there, and estimate their ages as the page does.
    Estimate(EstimateArguments),
    /// Score the answers of ours and of the others, and write tables into a document.
    Report(ReportArguments),
}

/// `trainer bench accuracy estimate`.
#[derive(Debug, clap::Args)]
pub struct EstimateArguments {
    /// Folder of data sets: `fairface/` with `age_groups.csv`, `utkface/` with `splits/test.csv`, images in `images/` of each.
    #[arg(long, default_value = "../shared/data")]
    pub data: PathBuf,
    /// The page's public files: the weights that ship are in its `weights/`.
    #[arg(long, default_value = "public")]
    pub public: PathBuf,
    /// Folder for lists and answers.
    #[arg(long)]
    pub out: PathBuf,
}

/// `trainer bench accuracy report`.
#[derive(Debug, clap::Args)]
pub struct ReportArguments {
    /// What `estimate` and the others have left; `accuracy.json` with all figures goes there, too.
    #[arg(long)]
    pub files: PathBuf,
    /// The document; it has a place for each set between two markers.
    #[arg(long, default_value = "docs/accuracy.md")]
    pub into: PathBuf,
    /// Short figures for the page's About, as JSON.
    #[arg(long, default_value = "public/weights/accuracy.json")]
    pub page: PathBuf,
}

/// What About shows.
#[derive(Debug, Serialize)]
struct Shown {
    /// Whose figures the first row are.
    weights: String,
    /// FairFace's photographs.
    photographs: usize,
    rows: Vec<fairface::ShownRow>,
}

/// A data set: its name, its labels and its images, below the folder of all data.
const SETS: [[&str; 3]; 2] = [
    [fairface::NAME, "fairface/age_groups.csv", "fairface/images"],
    [utkface::NAME, "utkface/splits/test.csv", "utkface/images"],
];

/// A set of `photographs.json`, for the scripts that estimate.
#[derive(Debug, Serialize, Deserialize)]
struct Listing {
    name: String,
    /// Ages or age groups.
    labels: PathBuf,
    /// Folder of the images.
    images: PathBuf,
    /// File names of the images.
    files: Vec<String>,
}

/// `ours.json`: whose answers `ours.csv` are.
#[derive(Debug, Serialize, Deserialize)]
struct Ours {
    weights: String,
    detector: String,
}

/// `packages.json`: whose answers the others are.
#[derive(Debug, Deserialize)]
struct Packages {
    packages: Vec<Package>,
    /// What the reader must know of the machine.
    facts: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Package {
    /// Of its files.
    name: String,
    /// What it calls itself.
    version: String,
    /// How it was asked.
    how: String,
}

/// One set of answers.
#[derive(Debug)]
struct Method {
    name: String,
    /// Trained on images of UTKFace, of the test split perhaps: nothing is claimed from its errors there.
    has_seen_utkface: bool,
    /// Years, of those photographs in which it found a face.
    ages: BTreeMap<String, f32>,
}

impl Method {
    fn age(&self, file: &str) -> Option<f32> {
        self.ages.get(file).copied()
    }
}

/// Runs the command.
///
/// # Errors
/// No data set is there, a file cannot be read or written, or answers are not those to the listed photographs.
pub(super) fn run(command: &Command, device: &Device) -> Result<()> {
    match command {
        Command::Estimate(arguments) => estimate(arguments, device),
        Command::Report(arguments) => report(arguments),
    }
}

fn estimate(arguments: &EstimateArguments, device: &Device) -> Result<()> {
    let EstimateArguments { data, public, out } = arguments;
    let weights = public.join("weights");
    let Index { default, detector, .. } = Index::read(&weights)?;
    let mut sets = Vec::new();
    for [name, labels, images] in SETS {
        let (labels, images) = (data.join(labels), data.join(images));
        if !labels.exists() {
            println!("SKIPPED {name}: {} is not there (--data names the folder of data sets)", labels.display());
            continue;
        }
        let files = match name {
            fairface::NAME => read_groups(&labels)?.into_iter().map(|row| row.file).collect(),
            _ => read_truth(&labels)?.into_iter().map(|row| row.id).collect(),
        };
        // Scripts may be started elsewhere.
        let absolute =
            |path: &Path| std::fs::canonicalize(path).with_context(|| format!("cannot find {}", path.display()));
        sets.push(Listing { name: name.to_owned(), labels: absolute(&labels)?, images: absolute(&images)?, files });
    }
    ensure!(!sets.is_empty(), "there are no photographs to estimate in {}", data.display());
    for Listing { name, images, files, .. } in &sets {
        let folder = out.join(name);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        println!("{name}: {} photographs", files.len());
        let arguments = predict::Arguments {
            weights: weights.join(&default),
            detector: Some(weights.join(&detector)),
            // Every photograph is counted, those whose face the page refuses to judge as well.
            doubtful: Doubtful::Keep,
            skip_bad: true,
            out: folder.join("ours.csv"),
            images: files.iter().map(|file| images.join(file)).collect(),
            ..predict::Arguments::default()
        };
        predict::run(&arguments, device)?;
    }
    write_atomically(&out.join("photographs.json"), &serde_json::to_vec_pretty(&sets)?)?;
    let ours = Ours { weights: default, detector };
    write_atomically(&out.join("ours.json"), &serde_json::to_vec_pretty(&ours)?)
}

fn report(arguments: &ReportArguments) -> Result<()> {
    let ReportArguments { files, into, page } = arguments;
    let sets: Vec<Listing> = read(&files.join("photographs.json"))?;
    let ours: Ours = read(&files.join("ours.json"))?;
    let packages: Packages = read(&files.join("packages.json"))?;
    let facts = facts(&ours, &packages);
    let (mut tables, mut summaries, mut json) = (Vec::new(), Vec::new(), serde_json::Map::new());
    for set in &sets {
        let methods = methods(files, set, &packages)?;
        let (table, summary, figures) = match set.name.as_str() {
            fairface::NAME => {
                let scored = fairface::FairFace::new(&read_groups(&set.labels)?, &methods);
                let (photographs, rows) = scored.shown();
                let shown = Shown { weights: ours.weights.clone(), photographs, rows };
                write_atomically(page, &serde_json::to_vec_pretty(&shown)?)?;
                (scored.to_markdown(), scored.summary(), serde_json::to_value(&scored)?)
            }
            utkface::NAME => {
                let scored = utkface::UtkFace::new(&read_truth(&set.labels)?, &methods)?;
                (scored.to_markdown(), scored.summary(), serde_json::to_value(&scored)?)
            }
            other => bail!("photographs.json names a set that is not known: {other}"),
        };
        tables.push((format!("accuracy-{}", set.name), format!("{table}\n{facts}")));
        summaries.push(summary);
        json.insert(set.name.clone(), figures);
    }
    tables.push(("accuracy-summary".to_owned(), summaries.join("\n")));
    write_atomically(&files.join("accuracy.json"), &serde_json::to_vec_pretty(&json)?)?;
    write_tables(into, &tables)
}

/// What stands below each table.
fn facts(ours: &Ours, Packages { packages, facts }: &Packages) -> String {
    let mut lines = vec![format!("GLAE: weights {}, detector {}", ours.weights, ours.detector)];
    lines.extend(packages.iter().map(|Package { version, how, .. }| format!("{version}: {how}")));
    lines.push(format!("the others in {}, on TensorFlow.js's WebAssembly backend", facts.join("; ")));
    lines.push(figure::resamples());
    lines.iter().map(|line| format!("- {line}\n")).collect()
}

/// Ours, which comes first, the packages, and the answer that needs no photograph.
fn methods(folder: &Path, set: &Listing, packages: &Packages) -> Result<Vec<Method>> {
    let own = folder.join(&set.name);
    let method = |name: &str, ages| Method { name: name.to_owned(), has_seen_utkface: false, ages };
    // Our predictions leave out photographs without a face.
    let mut methods = vec![method("GLAE", answers(&own.join("ours.csv"), &set.files, false)?)];
    for Package { name, version, .. } in &packages.packages {
        let ages = answers(&own.join(format!("{name}.csv")), &set.files, true)?;
        // Its authors list UTKFace among the images that its age network was trained on.
        methods.push(Method { has_seen_utkface: name == "face-api", ..method(version, ages) });
    }
    let always = set.files.iter().map(|file| (file.clone(), MISSING)).collect();
    methods.push(method(&format!("always {MISSING}"), always));
    Ok(methods)
}

/// Reads `id,age`; an empty age means that there was no face.
///
/// # Errors
/// The file is unreadable, an age is no number, a row is of no listed photograph, or, if each photograph has its row, one is
/// missing.
pub(super) fn answers(path: &Path, files: &[String], each: bool) -> Result<BTreeMap<String, f32>> {
    let named = path.display();
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("cannot read {named}"))?;
    let header = reader.headers()?.clone();
    let find = |name: &str| header.iter().position(|column| column.trim() == name);
    let (Some(id), Some(age)) = (find("id"), find("age")) else { bail!("{named} needs the columns `id` and `age`") };
    let mut rows = BTreeMap::new();
    for record in reader.records() {
        let record = record.with_context(|| format!("cannot read {named}"))?;
        let line = record.position().map_or(0, csv::Position::line);
        let text = record.get(age).unwrap_or_default().trim();
        let years = match text {
            "" => None,
            text => Some(
                text.parse()
                    .ok()
                    .filter(|years: &f32| years.is_finite())
                    .with_context(|| format!("{named}, line {line}: the age {text:?} is not a number of years"))?,
            ),
        };
        rows.insert(record.get(id).unwrap_or_default().to_owned(), years);
    }
    if let Some(file) = files.iter().find(|file| each && !rows.contains_key(*file)) {
        bail!("{named} has no row for {file}: let the package estimate again");
    }
    let listed = files.iter().filter(|file| rows.contains_key(*file)).count();
    ensure!(listed == rows.len(), "{named} answers to other photographs than are listed: estimate again");
    Ok(rows.into_iter().filter_map(|(file, years)| Some((file, years?))).collect())
}

fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("cannot understand {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_those_to_the_listed_photographs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("package.csv");
        let read = |text: &str, each| {
            std::fs::write(&path, text).unwrap();
            let files = ["a.jpg", "b.jpg"].map(str::to_owned);
            answers(&path, &files, each).map_err(|error| error.to_string())
        };
        let found = read("age,id\n,a.jpg\n30.5,b.jpg\n", true).unwrap();
        assert_eq!(found, BTreeMap::from([("b.jpg".to_owned(), 30.5)]));
        assert_eq!(read("id,age\nb.jpg,30.5\n", false).unwrap(), found);
        assert!(read("id,age\nb.jpg,30.5\n", true).unwrap_err().contains("a.jpg"));
        assert!(read("id,age\nc.jpg,30.5\n", false).unwrap_err().contains("other photographs"));
        for age in ["NaN", "old"] {
            assert!(read(&format!("id,age\na.jpg,30\nb.jpg,{age}\n"), true).unwrap_err().contains("line 3"));
        }
        assert!(read("id,years\na.jpg,30\n", false).unwrap_err().contains("`age`"));
    }

    #[test]
    fn a_report_is_written_from_what_everybody_left() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            path
        };
        let labels = write("groups.csv", "file,age_group\na.jpg,3-9\nfairface_0013.jpg,70+\n");
        let files = ["a.jpg", "fairface_0013.jpg"].map(str::to_owned).to_vec();
        let set = Listing { name: fairface::NAME.to_owned(), labels, images: folder.path().to_owned(), files };
        write("photographs.json", &serde_json::to_string(&[set]).unwrap());
        write("ours.json", r#"{ "weights": "own", "detector": "finder" }"#);
        let package = r#"{ "name": "other", "version": "other 1.0", "how": "`ask()`" }"#;
        write("packages.json", &format!(r#"{{ "packages": [{package}], "facts": ["one core", "Chromium 1"] }}"#));
        write("fairface/ours.csv", "id,age,route\na.jpg,5,vanilla\nfairface_0013.jpg,68,vanilla\n");
        write("fairface/other.csv", "id,age\na.jpg,\nfairface_0013.jpg,71\n");
        let place = |name: &str| format!("<!-- bench accuracy-{name} -->\n<!-- end of accuracy-{name} -->\n");
        let into = write("accuracy.md", &["summary", "fairface"].map(place).concat());
        let arguments =
            ReportArguments { files: folder.path().to_owned(), into, page: folder.path().join("page.json") };
        report(&arguments).unwrap();
        let text = std::fs::read_to_string(&arguments.into).unwrap();
        // Inside: one of two each. Distances: 0 and 2, 19 (no age, as far off as 29) and 0.
        assert!(text.contains("| GLAE | 0 | 50.0 %") && text.contains("| other 1.0 | 1 | 50.0 %"), "{text}");
        assert!(text.contains("- GLAE: 50.0 % inside the group, 1.00 years from it\n"), "{text}");
        assert!(text.contains("| 1.00 [") && text.contains("| 9.50 ["), "{text}");
        assert!(text.contains("- other 1.0: `ask()`") && text.contains("weights own"), "{text}");
        let json: serde_json::Value = read(&folder.path().join("accuracy.json")).unwrap();
        assert_eq!(json["fairface"]["parts"][0]["rows"][1]["distance"]["value"], 9.5);
        let page: serde_json::Value = read(&arguments.page).unwrap();
        assert_eq!((&page["weights"], &page["photographs"]), (&"own".into(), &2.into()));
        assert_eq!(
            page["rows"][1],
            serde_json::json!({ "name": "other 1.0", "missing": 1, "inside": 0.5, "years": 9.5 })
        );
        // An interrupted run of the others is not scored.
        std::fs::remove_file(folder.path().join("packages.json")).unwrap();
        assert!(report(&arguments).unwrap_err().to_string().contains("packages.json"));
    }
}
