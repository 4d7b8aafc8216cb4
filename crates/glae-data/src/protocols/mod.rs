//! The data sets of `[GLAE] IV-A`, each read in the layout in which it is distributed.
//!
//! [`Protocol::read`] turns a folder into a [`Collection`]: what its label files say, and which images lie there. Nothing is
//! left out silently; [`super::check`] compares the two and [`super::split`] divides what can be used.

mod cacd;
mod chalearn;
mod imagenet;
mod inflate;
mod mat;
mod mivia;
mod morph2;
mod plain;
mod rows;
mod utkface;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde::Serialize;

use super::check::{FindingKind, Findings};

pub(super) use mivia::{LT as MIVIA_LT, PAPER as MIVIA_PAPER};
pub(super) use morph2::PARTIAL as MORPH2_PARTIAL;

/// A data set and the rule by which it is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Morph II, 5,493 images of people of Caucasian descent, 80-20.
    Morph2Partial,
    /// Morph II, all 55,134 images, 80-20.
    #[value(alias = "morph2")]
    Morph2Random,
    /// CACD by celebrities: 1,800 train, 80 validate, 120 test.
    Cacd,
    /// ChaLearn LAP 2015, the official parts.
    Chalearn,
    /// MIVIA, 4:1.
    Mivia,
    /// MIVIA, with ten images of each age from its test part.
    MiviaLt,
    /// UTKFace, by split files where it has some.
    Utkface,
    /// Folders of classes, as ImageNet's.
    Imagenet,
    /// A table `file,age[,sigma,identity,split]`.
    Csv,
}

/// A part of a divided set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Learned from.
    Train,
    /// Choices are made on it.
    Val,
    /// Reported on.
    Test,
}

impl Split {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// Its name, as in the name of its file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }

    /// The part of a word that label files use for it.
    pub fn parse(word: &str) -> Option<Self> {
        match word.trim().to_ascii_lowercase().as_str() {
            "train" | "training" => Some(Self::Train),
            "val" | "valid" | "validation" => Some(Self::Val),
            "test" | "testing" => Some(Self::Test),
            _ => None,
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One labelled image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Path below [`Collection::images`], with `/` between folders.
    pub file: String,
    /// Age in years; for class folders the number of the class, counted from 0.
    pub age: f32,
    /// Standard deviation of annotators' answers in years.
    pub sigma: Option<f32>,
    /// Who it is, where the set says so.
    pub identity: Option<String>,
    /// The folder of the class, for class folders.
    pub class: Option<String>,
    /// The part it belongs to, where the set itself says so.
    pub part: Option<Split>,
    /// Labelled, but no part of the protocol: Morph II's other groups of people.
    pub outside: bool,
}

/// What a folder holds.
#[derive(Clone, Debug, Default)]
pub struct Collection {
    /// The folder below which all images lie: `data.images` of a run.
    pub images: PathBuf,
    /// All labels that could be read, in the order of the label files.
    pub records: Vec<Record>,
    /// All image files on disk with their sizes in bytes, whether labelled or not.
    pub on_disk: BTreeMap<String, u64>,
    /// What was wrong with the label files.
    pub findings: Findings,
}

/// What was published about a set, to notice another version of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Published {
    /// Labelled images.
    pub images: Option<usize>,
    /// Different people.
    pub identities: Option<usize>,
    /// Youngest and oldest age in years.
    pub ages: Option<RangeInclusive<f32>>,
    /// Images of each part, in the order of [`Split::ALL`].
    pub parts: Option<[usize; 3]>,
}

impl Protocol {
    /// Reads a folder in the set's own layout.
    ///
    /// # Errors
    /// It is in no layout that is known: the message names the files that are missing and what was expected.
    pub fn read(self, dir: &Path) -> Result<Collection> {
        ensure!(dir.exists(), "{} does not exist", dir.display());
        let mut collection = match self {
            Self::Morph2Partial => morph2::read(dir, true)?,
            Self::Morph2Random => morph2::read(dir, false)?,
            Self::Cacd => cacd::read(dir)?,
            Self::Chalearn => chalearn::read(dir)?,
            Self::Mivia | Self::MiviaLt => mivia::read(dir)?,
            Self::Utkface => utkface::read(dir)?,
            Self::Imagenet => imagenet::read(dir)?,
            Self::Csv => plain::read(dir)?,
        };
        for record in &mut collection.records {
            // Windows writes backslashes; a leading `./` means nothing.
            record.file = record.file.replace('\\', "/").trim_start_matches("./").to_owned();
        }
        Ok(collection)
    }

    /// What was published about the set.
    pub fn published(self) -> Published {
        match self {
            Self::Morph2Partial | Self::Morph2Random => morph2::published(),
            Self::Cacd => cacd::published(),
            Self::Chalearn => chalearn::published(),
            Self::Mivia | Self::MiviaLt => mivia::published(),
            Self::Utkface | Self::Imagenet | Self::Csv => Published::default(),
        }
    }

    /// Whether nobody may be in two parts. By Morph II's protocols nearly everybody is.
    pub fn keeps_identities_apart(self) -> bool {
        matches!(self, Self::Cacd | Self::Csv)
    }

    /// Whether the same picture in two parts is a mistake of whoever divided the set, and can be mended. The published
    /// parts of the other sets are what they are.
    pub fn keeps_pictures_apart(self) -> bool {
        matches!(self, Self::Utkface | Self::Csv)
    }

    /// Whether the labels are numbers of classes and not years.
    pub fn is_classes(self) -> bool {
        self == Self::Imagenet
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value().expect("no protocol is hidden");
        f.write_str(value.get_name())
    }
}

/// An age in years from a cell; what is none is noted. `place` says where it stands.
fn read_age(findings: &mut Findings, text: &str, place: impl Fn() -> String) -> Option<f32> {
    match text.trim().parse::<f32>().ok().filter(|age| age.is_finite()) {
        None => {
            let comma = text.contains(',') && text.replacen(',', ".", 1).trim().parse::<f32>().is_ok();
            let remedy = if comma { ": write the decimal comma as a point" } else { "" };
            findings.add(FindingKind::Row, || format!("{}: the age {text:?} is not a number{remedy}", place()));
            None
        }
        Some(age) if !(0.0..=120.0).contains(&age) => {
            findings.add(FindingKind::Age, || format!("{}: {age} years", place()));
            None
        }
        Some(age) => Some(age),
    }
}

/// A standard deviation in years from a cell that may be empty.
fn read_sigma(findings: &mut Findings, text: &str, place: impl Fn() -> String) -> Option<f32> {
    if text.trim().is_empty() {
        return None;
    }
    let sigma = text.trim().parse::<f32>().ok().filter(|sigma| sigma.is_finite() && *sigma >= 0.0);
    if sigma.is_none() {
        findings.add(FindingKind::Sigma, || format!("{}: the deviation {text:?} is not a number from 0 up", place()));
    }
    sigma
}

/// Notes a label that says another age than the file's name.
fn compare_with_name(findings: &mut Findings, file: &str, age: f32, by_name: Option<f32>) {
    if let Some(by_name) = by_name.filter(|by_name| *by_name != age) {
        findings.add(FindingKind::Name, || format!("{file}: its label says {age}, its name {by_name}"));
    }
}

/// The first of `names` that is in `dir`, whatever the letters' case.
fn find(dir: &Path, names: &[&str]) -> Option<PathBuf> {
    let entries: Vec<_> = std::fs::read_dir(dir).ok()?.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
    names.iter().find_map(|name| {
        // The exact name goes first: on some disks `Train` and `train` are two folders.
        let exact = entries.iter().find(|entry| *entry == name);
        let entry = exact.or_else(|| entries.iter().find(|entry| entry.eq_ignore_ascii_case(name)))?;
        Some(dir.join(entry))
    })
}

/// [`find`] for folders.
fn find_folder(dir: &Path, names: &[&str]) -> Option<PathBuf> {
    find(dir, names).filter(|path| path.is_dir())
}

/// The name of a path's last part.
fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

const EXTENSIONS: [&str; 10] = ["jpg", "jpeg", "jpe", "jfif", "png", "webp", "bmp", "gif", "tif", "tiff"];

/// Folders nest this deep at most: a link that leads back into its own folder ends here.
const DEPTH: usize = 8;

/// All image files in `folder` and below, by their path below `root`, with their sizes.
///
/// # Errors
/// A folder cannot be read.
pub(crate) fn images_below(root: &Path, folder: &Path) -> Result<BTreeMap<String, u64>> {
    let mut images = BTreeMap::new();
    let mut open = vec![(folder.to_owned(), DEPTH)];
    while let Some((folder, depth)) = open.pop() {
        let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
            // Hidden files are what archivers and file managers leave behind.
            if name_of(&path).starts_with('.') || name_of(&path) == "__MACOSX" {
                continue;
            }
            let Ok(about) = std::fs::metadata(&path) else { continue };
            if about.is_dir() && depth > 0 {
                open.push((path, depth - 1));
            } else if about.is_file() && is_image(&path) {
                let below = path.strip_prefix(root).unwrap_or(&path);
                let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
                images.insert(parts.join("/"), about.len());
            }
        }
    }
    Ok(images)
}

fn is_image(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

#[cfg(test)]
pub(crate) mod trees {
    //! Made-up folders in the layouts of the sets.

    use std::path::Path;

    /// Writes a file and the folders above it.
    pub(crate) fn write(root: &Path, file: &str, content: impl AsRef<[u8]>) {
        let path = root.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Writes an image: not one that can be decoded, which reading labels and comparing contents do not need. Different
    /// names give different contents.
    pub(crate) fn image(root: &Path, file: &str) {
        write(root, file, format!("picture of {file}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_command_line() {
        let names: Vec<_> = Protocol::value_variants().iter().map(ToString::to_string).collect();
        assert_eq!(
            names,
            ["morph2-partial", "morph2-random", "cacd", "chalearn", "mivia", "mivia-lt", "utkface", "imagenet", "csv"]
        );
        for (protocol, name) in Protocol::value_variants().iter().zip(&names) {
            assert_eq!(serde_json::to_value(protocol).unwrap(), *name.as_str());
        }
        assert_eq!(Protocol::from_str("morph2", false), Ok(Protocol::Morph2Random));
    }

    #[test]
    fn only_images_are_listed_and_with_their_folders() {
        let root = tempfile::tempdir().unwrap();
        for file in ["a.jpg", "inner/b.JPEG", "inner/list.txt", ".hidden.jpg", "__MACOSX/._a.jpg", "inner/deeper/c.png"]
        {
            trees::write(root.path(), file, "12345");
        }
        let images = images_below(root.path(), root.path()).unwrap();
        assert_eq!(
            images.into_iter().collect::<Vec<_>>(),
            [("a.jpg".to_owned(), 5), ("inner/b.JPEG".to_owned(), 5), ("inner/deeper/c.png".to_owned(), 5)]
        );
        let inner = images_below(root.path(), &root.path().join("inner")).unwrap();
        assert_eq!(inner.keys().collect::<Vec<_>>(), ["inner/b.JPEG", "inner/deeper/c.png"]);
        assert_eq!(find(root.path(), &["none", "A.JPG"]), Some(root.path().join("a.jpg")));
        assert_eq!(find_folder(root.path(), &["A.JPG", "INNER"]), None);
        assert_eq!(find_folder(root.path(), &["INNER"]), Some(root.path().join("inner")));
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        for protocol in Protocol::value_variants() {
            let error = protocol.read(Path::new("no-such-folder")).unwrap_err().to_string();
            assert!(error.contains("no-such-folder"), "{protocol}: {error}");
        }
    }

    #[test]
    fn an_unknown_layout_is_refused_with_what_was_expected() {
        let expected = [
            (Protocol::Morph2Random, "morph_2008_nonCommercial.csv"),
            (Protocol::Cacd, "celebrity2000_meta.mat"),
            (Protocol::Chalearn, "Train.csv"),
            (Protocol::Mivia, "training_caip_contest.csv"),
            (Protocol::Utkface, "[age]_[gender]_[race]"),
            (Protocol::Imagenet, "train"),
            (Protocol::Csv, "labels.csv"),
        ];
        let root = tempfile::tempdir().unwrap();
        trees::image(root.path(), "photo.jpg");
        for (protocol, name) in expected {
            let error = format!("{:#}", protocol.read(root.path()).unwrap_err());
            assert!(error.contains(name) && error.contains(&root.path().display().to_string()), "{protocol}: {error}");
        }
    }
}
