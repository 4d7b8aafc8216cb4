//! `trainer data`: data sets in the layouts in which they are distributed, checked and divided by their protocols.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

use glae_data::check::Examined;
use glae_data::protocols::{Protocol, Split};
use glae_data::split::{self, ACCOUNT, Division, SplitPlan};

/// `trainer data`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Say what is missing or odd in a data set; fails if it cannot be used.
    Check(Check),
    /// Write train.csv, val.csv and test.csv for a run and for the leaderboard.
    Split(SplitArguments),
}

/// `trainer data check`.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// The folder of the data set.
    pub dir: PathBuf,
    /// Which set and protocol it is.
    #[arg(long = "as", value_enum, value_name = "PROTOCOL")]
    pub protocol: Protocol,
}

/// `trainer data split`.
#[derive(Debug, clap::Args)]
pub struct SplitArguments {
    /// The folder of the data set.
    pub dir: PathBuf,
    /// Which set and protocol it is.
    #[arg(long = "as", value_enum, value_name = "PROTOCOL")]
    pub protocol: Protocol,
    /// Folder of the split files.
    #[arg(long)]
    pub out: PathBuf,
    /// Decides everything that is drawn.
    #[arg(long)]
    pub seed: u64,
    /// Share of the training part that validates, where the protocol has no validation part; 0 for none, as in the paper.
    #[arg(long, default_value_t = VAL_SHARE)]
    pub val_share: f64,
}

const VAL_SHARE: f64 = 0.05;

/// Runs one of them.
///
/// # Errors
/// The layout is unknown, the set cannot be used, or a file cannot be written.
pub fn run(command: &Command) -> Result<()> {
    match command {
        Command::Check(arguments) => check(arguments),
        Command::Split(arguments) => divide(arguments),
    }
}

fn check(arguments: &Check) -> Result<()> {
    // What is drawn depends on the seed, what is wrong does not.
    let plan = SplitPlan { protocol: arguments.protocol, seed: 1, val_share: VAL_SHARE };
    let judged = Judged::new(&arguments.dir, plan)?;
    println!("{}", judged.report());
    judged.usable()?;
    println!("this set can be used");
    Ok(())
}

fn divide(arguments: &SplitArguments) -> Result<()> {
    let SplitArguments { dir, protocol, out, seed, val_share } = arguments;
    ensure!((0.0..1.0).contains(val_share), "--val-share must lie in 0..1, and is {val_share}");
    let plan = SplitPlan { protocol: *protocol, seed: *seed, val_share: *val_share };
    let judged = Judged::new(dir, plan)?;
    println!("{}", judged.report());
    judged.usable()?;
    let written = split::write(out, &judged.examined, &judged.splits, &judged.images, plan)?;
    println!("[data]\nimages = {:?}", judged.images);
    for path in &written {
        println!("{} = {path:?}", path.file_stem().unwrap_or_default().to_string_lossy());
    }
    if judged.splits.part(Split::Val).is_empty() {
        println!("# val: a run needs one; draw it with --val-share, or name another file");
    }
    println!("# how it was drawn: {}", out.join(ACCOUNT).display());
    Ok(())
}

/// A data set with its division and everything against it.
#[derive(Debug)]
struct Judged {
    plan: SplitPlan,
    images: PathBuf,
    on_disk: usize,
    examined: Examined,
    splits: Division,
    reasons: Vec<String>,
}

impl Judged {
    fn new(dir: &Path, plan: SplitPlan) -> Result<Self> {
        let collection = plan.protocol.read(dir)?;
        let (images, on_disk) = (collection.images.clone(), collection.on_disk.len());
        let mut examined = Examined::new(plan.protocol, collection);
        let splits = split::split(&mut examined, plan);
        let reasons = examined.judge(plan.protocol, &splits);
        Ok(Self { plan, images, on_disk, examined, splits, reasons })
    }

    fn report(&self) -> String {
        let Examined { records, findings, labelled, .. } = &self.examined;
        let mut lines = vec![format!(
            "{} in {}: {labelled} labelled, {} images on disk, {} usable",
            self.plan.protocol,
            self.images.display(),
            self.on_disk,
            records.len()
        )];
        let parts = Split::ALL.map(|part| format!("{part} {}", self.splits.part(part).len()));
        lines.push(parts.join(", "));
        let left = records.len() - Split::ALL.iter().map(|part| self.splits.part(*part).len()).sum::<usize>();
        if left > 0 {
            lines.push(format!("{left} usable images are in no part by this protocol"));
        }
        if findings.is_empty() {
            lines.push("nothing is missing or odd".to_owned());
        } else {
            lines.push(findings.to_string().trim_end().to_owned());
        }
        lines.join("\n")
    }

    fn usable(&self) -> Result<()> {
        if !self.reasons.is_empty() {
            bail!("{} cannot be used: {}", self.images.display(), self.reasons.join("; "));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Data;
    use glae_data::read_truth;

    /// Writes a file and the folders above it.
    fn write(root: &Path, file: &str, content: impl AsRef<[u8]>) {
        let path = root.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Writes an image: not one that can be decoded. Different names give different contents.
    fn image(root: &Path, file: &str) {
        write(root, file, format!("picture of {file}"));
    }

    /// A small CACD as it is distributed.
    fn cacd() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let table = include_bytes!("../../../crates/glae-data/src/protocols/fixtures/celebrity2000_meta.mat");
        write(root.path(), "celebrity2000_meta.mat", table);
        for record in Protocol::Cacd.read(&with_folder(root.path())).unwrap().records {
            image(root.path(), &format!("CACD2000/{}", record.file));
        }
        root
    }

    fn with_folder(root: &Path) -> PathBuf {
        std::fs::create_dir_all(root.join("CACD2000")).unwrap();
        root.to_owned()
    }

    fn arguments(dir: &Path, out: &Path) -> SplitArguments {
        SplitArguments {
            dir: dir.to_owned(),
            protocol: Protocol::Cacd,
            out: out.to_owned(),
            seed: 3,
            val_share: VAL_SHARE,
        }
    }

    #[test]
    fn from_the_distributed_layout_to_a_run() {
        let (root, out) = (cacd(), tempfile::tempdir().unwrap());
        run(&Command::Check(Check { dir: root.path().to_owned(), protocol: Protocol::Cacd })).unwrap();
        run(&Command::Split(arguments(root.path(), out.path()))).unwrap();
        // As a run's configuration names them, and every file is where it says.
        let data = Data {
            images: root.path().join("CACD2000"),
            train: out.path().join("train.csv"),
            val: out.path().join("val.csv"),
            test: Some(out.path().join("test.csv")),
            landmarks: None,
            landmarks_offset: 0.0,
            soft: None,
            cache: None,
            description: String::new(),
            licence: String::new(),
            max_bad_share: 0.0,
        };
        for (path, count) in [(&data.train, 4), (&data.val, 4), (data.test.as_ref().unwrap(), 4)] {
            let rows = read_truth(path).unwrap();
            assert_eq!(rows.len(), count, "{}", path.display());
            assert!(rows.iter().all(|row| data.images.join(&row.id).is_file()));
        }
        let text = std::fs::read_to_string(&data.val).unwrap();
        assert!(text.starts_with("file,age,identity\n44_Ann_Alpha_0001.jpg,44,1\n"), "{text}");
    }

    #[test]
    fn the_report_says_everything_and_failure_writes_nothing() {
        let (root, out) = (cacd(), tempfile::tempdir().unwrap());
        std::fs::remove_file(root.path().join("CACD2000/44_Cy_Gamma_0001.jpg")).unwrap();
        image(root.path(), "CACD2000/99_Nobody_0001.jpg");
        let plan = SplitPlan { protocol: Protocol::Cacd, seed: 1, val_share: VAL_SHARE };
        let judged = Judged::new(root.path(), plan).unwrap();
        let report = judged.report();
        assert_eq!(
            report.lines().skip(1).collect::<Vec<_>>(),
            [
                "train 4, val 4, test 3",
                "labelled files that are not on disk: 1",
                "  44_Cy_Gamma_0001.jpg",
                "images on disk without a label: 1",
                "  99_Nobody_0001.jpg",
                "numbers that differ from the published ones: 2",
                "  images: 163446 published, 12 labelled here",
                "  people: 2000 published, 6 labelled here",
            ]
        );
        assert!(
            report.starts_with("cacd in ") && report.contains("12 labelled, 12 images on disk, 11 usable"),
            "{report}"
        );
        let target = out.path().join("split");
        let error = run(&Command::Split(arguments(root.path(), &target))).unwrap_err().to_string();
        assert!(error.contains("1 of 12 labelled images cannot be used (8.3 %"), "{error}");
        assert!(!target.exists());
    }

    #[test]
    fn every_protocol_divides_its_own_layout() {
        let numbers = 0..20;
        type Plant<'a> = (Protocol, Box<dyn Fn(&Path) + 'a>, [usize; 3]);
        let morph = |root: &Path| {
            let mut csv = "id_num,race,age,photo\n".to_owned();
            for n in numbers.clone() {
                let race = if n < 10 { 'W' } else { 'B' };
                csv += &format!("{n},{race},30,Album2/{n:06}_0M30.JPG\n");
                image(root, &format!("Album2/{n:06}_0M30.JPG"));
            }
            write(root, "morph_2008_nonCommercial.csv", csv);
        };
        let mivia = |root: &Path| {
            let csv: String = numbers.clone().map(|n| format!("{n}.jpg,31.0\n")).collect();
            write(root, "training_caip_contest.csv", csv);
            numbers.clone().for_each(|n| image(root, &format!("training_caip_contest/{n}.jpg")));
        };
        let chalearn = |root: &Path| {
            for (name, n) in [("Train", 1), ("Validation", 2), ("Test", 3)] {
                write(root, &format!("{name}.csv"), format!("image_{n}.jpg;30;2\n"));
                image(root, &format!("{name}/image_{n}.jpg"));
            }
        };
        let utkface = |root: &Path| numbers.clone().for_each(|n| image(root, &format!("UTKFace/{n}_0_0_2.jpg")));
        let imagenet = |root: &Path| {
            for n in numbers.clone() {
                image(root, &format!("{}/{}/{n}.JPEG", ["train", "val"][n % 2], ["cat", "dog"][n / 2 % 2]));
            }
        };
        let csv = |root: &Path| {
            let rows: String = numbers.clone().map(|n| format!("{n}.jpg,{n},person {}\n", n / 2)).collect();
            write(root, "labels.csv", format!("file,age,identity\n{rows}"));
            numbers.clone().for_each(|n| image(root, &format!("{n}.jpg")));
        };
        let plants: [Plant; 8] = [
            (Protocol::Morph2Random, Box::new(morph), [14, 2, 4]),
            (Protocol::Morph2Partial, Box::new(morph), [7, 1, 2]),
            (Protocol::Mivia, Box::new(mivia), [14, 2, 4]),
            (Protocol::MiviaLt, Box::new(mivia), [14, 2, 4]),
            (Protocol::Chalearn, Box::new(chalearn), [1, 1, 1]),
            (Protocol::Utkface, Box::new(utkface), [14, 2, 4]),
            (Protocol::Imagenet, Box::new(imagenet), [9, 1, 10]),
            (Protocol::Csv, Box::new(csv), [14, 2, 4]),
        ];
        for (protocol, plant, parts) in plants {
            let (root, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            plant(root.path());
            let arguments = SplitArguments { protocol, val_share: 0.1, ..arguments(root.path(), out.path()) };
            run(&Command::Split(arguments)).unwrap();
            let rows = Split::ALL.map(|part| read_truth(&out.path().join(format!("{part}.csv"))).unwrap().len());
            assert_eq!(rows, parts, "{protocol}");
        }
    }
}
