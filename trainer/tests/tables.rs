//! `trainer table`, `figure` and `report`, the program itself, on drawn faces.

mod small;

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;

use glae_data::faces;
use glae_metrics::{Bootstrap, Options, Predictions, Report, Truth, Unpredicted, score};
use small::{config, trainer};

/// A folder with drawn faces and the commands that use them.
struct Place(tempfile::TempDir);

/// Small enough for a test: the ladder's networks at a quarter of their width would have no r of 16.
const SMALL: [&str; 6] = ["--set", "network.input_size=32", "--set", "stage1.batch=8", "--set", "stage2.batch=8"];

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        faces::write_set(&folder.path().join("data"), 60, 5).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `trainer --device cpu ARGUMENTS` with this place's data, runs and results.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trainer"));
        command.args(["--device", "cpu"]).args(arguments).args(SMALL);
        for name in ["data", "runs", "out"] {
            command.arg(format!("--{name}")).arg(self.path(name));
        }
        command
    }

    fn run(&self, arguments: &[&str]) -> (String, String) {
        said(self.command(arguments).output().unwrap())
    }

    /// Names of the runs' folders with when their checkpoints were written.
    fn runs(&self) -> HashMap<String, SystemTime> {
        let entries = fs::read_dir(self.path("runs")).unwrap().map(|entry| entry.unwrap().path());
        let of = |path: PathBuf| {
            let written = fs::metadata(path.join("checkpoint.safetensors")).unwrap().modified().unwrap();
            (path.file_name().unwrap().to_string_lossy().into_owned(), written)
        };
        entries.map(of).collect()
    }

    /// The report of the predictions that a run has left, computed here.
    fn scored(&self, run: &Path, answer: &str) -> Report {
        let truth = Truth::parse(&fs::read(self.path("data/test.csv")).unwrap()).unwrap();
        let file = fs::read(run.join(format!("predictions/test-{answer}.csv"))).unwrap();
        let predictions = Predictions::parse_for(&file, &truth, Unpredicted::Refused).unwrap();
        let options = Options { intervals: Some(Bootstrap::default()), ..Options::default() };
        score(&truth, &predictions, &options).unwrap()
    }

    /// The folder of the run whose name begins so.
    fn folder(&self, name: &str) -> PathBuf {
        let runs = self.runs();
        let found: Vec<_> = runs.keys().filter(|own| own.starts_with(name)).collect();
        assert_eq!(found.len(), 1, "{name}: {:?}", runs.keys());
        self.path("runs").join(found[0])
    }
}

fn said(output: Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, problems) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}\n{problems}");
    (out, problems)
}

/// value, low, high by row, column and seed.
fn numbers(path: &Path) -> HashMap<(String, String, String), [f64; 3]> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let header = reader.headers().unwrap().clone();
    let at = |name: &str| header.iter().position(|column| column == name).unwrap();
    let (column, seed, value) = (at("column"), at("seed"), at("value"));
    let of = |record: csv::StringRecord| {
        let number = |place: usize| record[place].parse::<f64>().unwrap_or(f64::NAN);
        let key = (record[0].to_owned(), record[column].to_owned(), record[seed].to_owned());
        (key, [value, value + 1, value + 2].map(number))
    };
    reader.records().map(|record| of(record.unwrap())).collect()
}

/// No element is left open, as XML has it.
fn well_formed(text: &str, open_ended: &[&str]) {
    let mut open: Vec<&str> = Vec::new();
    for piece in text.split('<').skip(1) {
        let (tag, _) = piece.split_once('>').unwrap_or_else(|| panic!("a tag is not closed: {piece}"));
        let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap();
        if tag.starts_with('!') || tag.ends_with('/') || open_ended.contains(&name) {
            continue;
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "in {piece}");
        } else {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_table_trains_what_is_missing_and_its_numbers_are_those_of_its_predictions() {
    let place = Place::new();
    let (out, _) = place.run(&["table", "9", "--epochs", "1,1", "--dry-run"]);
    assert!(out.contains("ladder-base, seed 1, 1 + 1 epochs: trained: "), "{out}");
    assert!(!place.path("runs").exists() && !place.path("out").exists());

    let (out, _) = place.run(&["table", "9", "--epochs", "1,1"]);
    let (base, whole) = (place.folder("ladder-base"), place.folder("ladder-fr-pa"));
    let numbers = numbers(&place.path("out/table-9.csv"));
    for (row, run, answer) in [
        ("ℓ_base", &base, "vanilla"),
        ("vanilla", &whole, "vanilla"),
        ("balanced", &whole, "balanced"),
        ("bigger divergence", &whole, "bigger"),
        ("smaller divergence (routing)", &whole, "routed"),
    ] {
        let report = place.scored(run, answer);
        let own = |column: &str| numbers[&(row.to_owned(), column.to_owned(), "1".to_owned())];
        let [value, low, high] = own("all");
        let intervals = report.intervals.as_ref().unwrap();
        assert_eq!((value, [low, high]), (report.cmae, intervals.cmae), "{row}");
        for band in &report.bands {
            let [value, low, high] = own(band.band.label());
            assert!((value - band.cmae).abs() < 1e-12 && low <= value && value <= high, "{row} {band:?}");
        }
    }
    // What is printed is what is written, and says what has to be said.
    let text = fs::read_to_string(place.path("out/table-9.md")).unwrap();
    assert!(out.contains(text.trim()), "{out}");
    for part in
        ["aim: 15 % lower", "Routed MAE minus vanilla's", "The smaller divergence beats", "paper: all", "2.62", "MIVIA"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains(place.0.path().to_str().unwrap()), "{text}");
    well_formed(&fs::read_to_string(place.path("out/table-9.svg")).unwrap(), &[]);

    // Table VIII needs one run more, Fig. 4 none; nothing is trained or estimated twice.
    let before = place.runs();
    let (out, problems) = place.run(&["table", "8", "--epochs", "1,1"]);
    assert_eq!(problems.matches("run in ").count(), 1, "{problems}");
    assert!(
        out.contains("ladder-kl, seed 1, 1 + 1 epochs: trained: ")
            && out.contains("ladder-base, seed 1, 1 + 1 epochs: there: ")
    );
    let after = place.runs();
    assert!(after.len() == before.len() + 1 && before.iter().all(|(name, written)| after[name] == *written));
    let (_, problems) = place.run(&["figure", "4", "--epochs", "1,1"]);
    assert!(!problems.contains("run in ") && !problems.contains("estimating"), "{problems}");
    let routed = place.scored(&whole, "routed").routing.unwrap();
    let figure = fs::read_to_string(place.path("out/figure-4.csv")).unwrap();
    let all: Vec<&str> = figure.lines().nth(1).unwrap().split(',').collect();
    assert_eq!((all[0], all[2].parse::<f64>().unwrap()), ("all ages", routed[0].vanilla));
    // Other epochs are other runs.
    let (out, _) = place.run(&["table", "9", "--epochs", "2,1", "--dry-run"]);
    assert!(!out.contains("there: "), "{out}");
    // With what is there: DEX and mean-variance are left out.
    let (out, _) = place.run(&["figure", "1", "--epochs", "1,1", "--finished"]);
    let figure = fs::read_to_string(place.path("out/figure-1.csv")).unwrap();
    assert!(
        figure.starts_with("age,training images,images,ℓ_base,GLAE\n") && out.contains("figure-1-dex"),
        "{figure}{out}"
    );
    assert_eq!(place.runs(), after);
}

#[cfg(unix)]
#[test]
fn a_table_that_was_stopped_goes_on_where_it_was() {
    let place = Place::new();
    let arguments = ["table", "2", "--epochs", "8,1", "--split", "val"];
    let mut child = place.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    // In the first stage of the second run.
    let begun = |line: &String| line.starts_with("run in ") && line.contains("ladder-base");
    assert!(lines.by_ref().map_while(Result::ok).any(|line| begun(&line)), "the second run never began");
    assert!(lines.by_ref().map_while(Result::ok).any(|line| line.starts_with("stage 1 epoch 1:")));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{rest:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("the same command again"));
    assert!(!place.path("out").exists());
    let before = place.runs();
    assert_eq!(before.len(), 2);

    let (out, problems) = place.run(&arguments);
    assert!(out.contains("ladder-kl, seed 1, 8 + 1 epochs: there: "), "{out}");
    assert!(out.contains("ladder-base, seed 1, 8 + 1 epochs: continued at stage "), "{out}");
    assert_eq!(problems.matches("run in ").count(), 3, "{problems}");
    let kl = place.folder("ladder-kl").file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(place.runs()[&kl], before[&kl]);
    let log = fs::read_to_string(place.folder("ladder-base").join("metrics.jsonl")).unwrap();
    assert_eq!(log.lines().count(), 9, "{log}");
    let text = fs::read_to_string(place.path("out/table-2.md")).unwrap();
    assert!(text.contains("ladder-fr-pa after ladder-fr: MAE") && text.contains("12 validation images"), "{text}");
}

#[test]
fn runs_are_known_whatever_they_are_called_and_seeds_have_mean_and_deviation() {
    let place = Place::new();
    // As `trainer train --seeds` leaves them: other names, other paths to the same data, no test images.
    let (data, file) = (place.path("data"), place.path("run.toml"));
    fs::write(&file, include_str!("../configs/utkface.toml")).unwrap();
    let own = |key: &str, value: &str| format!("data.{key}={:?}", data.join("images/..").join(value));
    let settings = [
        "name=mine".to_owned(),
        // The ladder's first step.
        "loss=kl".to_owned(),
        "network.rearrange={r=1,kernel=1,stride=1}".to_owned(),
        "network.projection={kind=\"average\"}".to_owned(),
        "stage1.epochs=1".to_owned(),
        "stage2.epochs=1".to_owned(),
        own("images", "images"),
        own("train", "train.csv"),
        own("val", "val.csv"),
        "data.test=".to_owned(),
    ];
    let mut command = trainer();
    command.arg(&file).args(["--seeds", "2"]).args(SMALL).arg("--out").arg(place.path("runs/mine"));
    for setting in &settings {
        command.args(["--set", setting]);
    }
    said(command.output().unwrap());

    let (out, problems) = place.run(&["table", "2", "--epochs", "1,1", "--seeds", "2", "--finished"]);
    assert!(
        out.contains("ladder-kl, seed 2, 1 + 1 epochs: there: ") && out.contains("left out: it is not finished"),
        "{out}"
    );
    assert!(!problems.contains("run in "), "{problems}");
    let csv = fs::read_to_string(place.path("out/table-2.csv")).unwrap();
    let maes = [1, 2].map(|seed| place.scored(&place.path(&format!("runs/mine/seed-{seed}")), "vanilla").mae);
    let mean = (maes[0] + maes[1]) / 2.0;
    let deviation = (maes[0] - maes[1]).abs() / 2f64.sqrt();
    let line = csv.lines().find(|line| line.starts_with("ℓ_kl,MAE,mean,")).unwrap();
    let found: Vec<f64> = line.split(',').filter_map(|word| word.parse().ok()).collect();
    assert!((found[0] - mean).abs() < 1e-9 && (found[1] - deviation).abs() < 1e-9 && found[2] == 1.74, "{line}");
    let text = fs::read_to_string(place.path("out/table-2.md")).unwrap();
    assert!(text.contains(&format!("**{mean:.2} ± {deviation:.2}**")), "{text}");
    assert!(text.contains("| ℓ_base | – | – |") && text.contains("| seed-2 |"), "{text}");
}

#[test]
fn a_report_is_one_page_that_needs_nothing_and_says_the_predictions_numbers() {
    let place = Place::new();
    let (data, run, file) = (place.path("data"), place.path("run"), place.path("run.toml"));
    let text = config(&data, 2).replace("[data]", &format!("[data]\ntest = {:?}", data.join("test.csv")));
    fs::write(&file, text).unwrap();
    said(trainer().arg(&file).arg("--out").arg(&run).output().unwrap());
    let report = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trainer"));
        said(command.args(["--device", "cpu", "report"]).arg(&run).args(arguments).output().unwrap())
    };
    let (out, problems) = report(&["--split", "test"]);
    assert!(out.contains("report.html") && problems.contains("estimating 12 test images"), "{out}{problems}");
    let html = fs::read_to_string(run.join("report.html")).unwrap();
    for outside in ["http", "src=", "href=", "url(", "<script", "<img", "@import"] {
        assert!(!html.contains(outside), "{outside}");
    }
    well_formed(&html, &["meta"]);
    let scored = place.scored(&run, "routed");
    let intervals = scored.intervals.as_ref().unwrap();
    for part in [
        format!("<dd>{:.2}<small>[{:.2}, {:.2}]</small>", scored.mae, intervals.mae[0], intervals.mae[1]),
        format!("<dd>{:.2}<small>[{:.2}, {:.2}]</small>", scored.cmae, intervals.cmae[0], intervals.cmae[1]),
        format!("{:.3}</td>", scored.calibration.unwrap().nll),
        "12 test images".to_owned(),
        "drawn faces".to_owned(),
        "Training data, SHA-256".to_owned(),
        "always ".to_owned(),
    ] {
        assert!(html.contains(&part), "{part}: {html}");
    }
    let curves = fs::read_to_string(run.join("curves.svg")).unwrap();
    well_formed(&curves, &[]);
    assert!(curves.contains("CMAE on the validation images"), "{curves}");

    // The predictions are there now; with another checkpoint they would not count.
    let (_, problems) = report(&["--split", "test", "--out", place.path("again.html").to_str().unwrap()]);
    assert!(!problems.contains("estimating"), "{problems}");
    assert_eq!(fs::read_to_string(place.path("again.html")).unwrap(), html);
    let stamp = fs::read_to_string(run.join("predictions/test.json")).unwrap();
    let other = stamp.replacen("\"checkpoint\": \"", "\"checkpoint\": \"0", 1);
    assert_ne!(stamp, other);
    fs::write(run.join("predictions/test.json"), other).unwrap();
    let (_, problems) = report(&["--split", "test"]);
    assert!(problems.contains("estimating 12 test images"), "{problems}");
    assert_eq!(fs::read_to_string(run.join("predictions/test.json")).unwrap(), stamp);
}

#[test]
fn classes_are_taken_as_they_come_and_what_is_missing_is_said() {
    let place = Place::new();
    let fails = |arguments: &[&str]| {
        let output = place.command(arguments).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let problems = fails(&["table", "10"]);
    assert!(
        problems.contains("trainer data split DIR --as imagenet") && problems.contains("101 classes"),
        "{problems}"
    );
    // Dark and light pictures, as an ImageNet of two classes.
    for (class, level) in [("dark", 40), ("light", 200)] {
        for (part, count) in [("train", 12), ("val", 4)] {
            let folder = place.path("classes").join(part).join(class);
            fs::create_dir_all(&folder).unwrap();
            for number in 0..count {
                let picture = glae_face::RgbImage::from_pixel(32, 32, image::Rgb([level + number, level, level]));
                picture.save(folder.join(format!("{class}-{part}-{number}.png"))).unwrap();
            }
        }
    }
    fs::remove_dir_all(place.path("data")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_trainer"));
    command.args(["data", "split"]).arg(place.path("classes")).args([
        "--as",
        "imagenet",
        "--seed",
        "1",
        "--val-share",
        "0.2",
    ]);
    said(command.arg("--out").arg(place.path("data")).output().unwrap());
    let (out, _) = place.run(&["table", "10", "--epochs", "1,1", "--set", "stage1.batch=4"]);
    assert!(out.contains("top-1 accuracy, %") && out.contains("Missing: PA's local branch"), "{out}");
    let whole = place.folder("table-10-fr-projection");
    let [value, low, high] = numbers(&place.path("out/table-10.csv"))
        [&("rearrangement and projection".into(), "top-1 accuracy, %".into(), "1".into())];
    let truth = Truth::parse(&fs::read(place.path("data/test.csv")).unwrap()).unwrap();
    let predictions = Predictions::parse(&fs::read(whole.join("predictions/test-vanilla.csv")).unwrap()).unwrap();
    let right = predictions.rows_of(&truth).into_iter().zip(truth.rows()).filter(|(row, truth)| {
        let shares = predictions.distribution(row.unwrap()).unwrap();
        shares.iter().all(|share| *share <= shares[truth.age as usize])
    });
    assert_eq!(value, right.count() as f64 / 8.0);
    assert!(low <= value && value <= high);
}
