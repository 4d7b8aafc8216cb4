//! `trainer prepare`: finds the main face of every image and writes its landmarks, for training and evaluation; and packs
//! the crops of a run into one file, so that no epoch and no later run decodes and straightens them again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::Device;
use glae_face::detector::decode::Face;
use glae_model::manifest::sha256;
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};

use super::train::{crops, settings};
use crate::checkpoint::write_atomically;
use crate::config::RunConfig;
use crate::data::packed::{self, Settings};
use crate::data::read_truth;
use crate::detector::exported::{self, Exported};
use crate::detector::labels::COLUMNS;

/// `trainer prepare`.
#[derive(Debug, Default, clap::Args)]
pub struct Arguments {
    /// Folder of the detector's exported weights; with --run only where its landmarks are to be found anew.
    #[arg(long, required_unless_present = "run")]
    pub detector: Option<PathBuf>,
    /// Folder of the images; folders in it are not searched.
    #[arg(long, required_unless_present = "run", conflicts_with = "run")]
    pub images: Option<PathBuf>,
    /// Landmarks file to write; beside it, ending in .toml, stands which weights found them.
    #[arg(long, required_unless_present = "run", conflicts_with = "run")]
    pub out: Option<PathBuf>,
    /// Pack the crops of this run's images, straightened, into the file it names as `data.cache`.
    #[arg(long, value_name = "RUN.toml")]
    pub run: Option<PathBuf>,
    /// Another value for a key of the run, e.g. data.cache=runs/faces.pack.
    #[arg(long, value_name = "KEY=VALUE", requires = "run")]
    pub set: Vec<String>,
}

/// Which weights found the landmarks of a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Account {
    /// The detector's name.
    detector: String,
    /// SHA-256 of its weights.
    weights: String,
    /// SHA-256 of the landmarks file this speaks of.
    landmarks: String,
    faces: usize,
    left_out: usize,
}

/// Finds landmarks, packs crops, or both.
///
/// # Errors
/// An image, a table of landmarks or the weights cannot be read, or the device fails.
pub fn run(arguments: &Arguments, device: &Device) -> Result<()> {
    if let Some(path) = &arguments.run {
        let config = RunConfig::read_with(path, &arguments.set)?;
        if let Some(detector) = &arguments.detector {
            let landmarks = config.data.landmarks.as_deref();
            let out =
                landmarks.with_context(|| format!("{} needs no landmarks: leave out --detector", path.display()))?;
            find(detector, &config.data.images, out, device)?;
        }
        return pack(&config);
    }
    let Arguments { detector: Some(detector), images: Some(images), out: Some(out), .. } = arguments else {
        bail!("give --detector, --images and --out, or --run");
    };
    find(detector, images, out, device)
}

/// Writes one row for every image with a face; every other file is named on standard error, with the reason.
///
/// # Errors
/// Weights or folder cannot be read, the device fails, the table cannot be written, or there is no face at all.
fn find(detector: &Path, images: &Path, out: &Path, device: &Device) -> Result<()> {
    let (manifest, _) = exported::read(detector)?;
    let detector = Exported::open(detector, device)?;
    let files = files(images)?;
    // Now, and not after all images have been looked at.
    if let Some(folder) = out.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let mut table = csv::Writer::from_writer(Vec::new());
    // As `data::read_landmarks` and `detector::labels::read_faces` read them.
    table.write_record(["file"].iter().chain(&COLUMNS))?;
    let (mut rows, mut without) = (0, Vec::new());
    let bar = ProgressBar::new(files.len() as u64);
    detector.main_faces(&files, |path, found| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match found {
            Ok(Some((_, face))) => {
                table.write_record(row(&name, &face))?;
                rows += 1;
            }
            Ok(None) => without.push(format!("{name}: no face was found")),
            Err(reason) => without.push(format!("{name}: {reason}")),
        }
        bar.inc(1);
        Ok(())
    })?;
    bar.finish_and_clear();
    without.iter().for_each(|line| eprintln!("left out: {line}"));
    ensure!(rows > 0, "no face was found in any of the {} files of {}", files.len(), images.display());
    let table = table.into_inner().context("cannot finish the table")?;
    write_atomically(out, &table)?;
    let account = Account {
        detector: manifest.name,
        weights: manifest.sha256,
        landmarks: sha256(&table),
        faces: rows,
        left_out: without.len(),
    };
    write_atomically(&account_of(out), toml::to_string_pretty(&account)?.as_bytes())?;
    println!("{rows} faces in {}; {} of {} files left out", out.display(), without.len(), files.len());
    Ok(())
}

/// Packs the crops of all images that a run names.
///
/// # Errors
/// The run names no file for them, a table cannot be read, or the file cannot be written.
fn pack(config: &RunConfig) -> Result<()> {
    let data = &config.data;
    let path = data.cache.as_deref().context(
        "the run names no file for its crops: add `cache = \"FILE\"` to its [data], or --set data.cache=FILE",
    )?;
    let (crops, settings) = (crops(config)?, settings(config)?);
    let detector = data.landmarks.as_deref().and_then(|file| detector_of(file, settings.landmarks.as_deref()));
    let mut ids = BTreeSet::new();
    for truth in [Some(&data.train), Some(&data.val), data.test.as_ref()].into_iter().flatten() {
        ids.extend(read_truth(truth)?.into_iter().map(|row| row.id));
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let (bar, began) = (ProgressBar::new(ids.len() as u64), Instant::now());
    let settings = Settings { detector, ..settings };
    let written = packed::write(path, &data.images, &ids, &crops, settings, || bar.inc(1))?;
    bar.finish_and_clear();
    let bytes = std::fs::metadata(path).map_or(0, |file| file.len());
    println!(
        "{} crops in {} ({:.1} MB), made at {:.0} images/s; {} images cannot be used",
        written.usable,
        path.display(),
        bytes as f64 / 1e6,
        ids.len() as f64 / began.elapsed().as_secs_f64(),
        written.unusable
    );
    Ok(())
}

/// Where it stands which weights found the landmarks.
fn account_of(landmarks: &Path) -> PathBuf {
    landmarks.with_extension("toml")
}

/// The weights that found the landmarks, if an account of them is there and speaks of this file.
fn detector_of(landmarks: &Path, sha256: Option<&str>) -> Option<String> {
    let account: Account = toml::from_str(&std::fs::read_to_string(account_of(landmarks)).ok()?).ok()?;
    (Some(account.landmarks.as_str()) == sha256).then_some(account.weights)
}

/// The files of a folder by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    files.retain(|path| path.is_file());
    files.sort();
    Ok(files)
}

/// Hundredths of a pixel are finer than any label.
fn row(name: &str, face: &Face) -> Vec<String> {
    let values = [face.x, face.y, face.width, face.height].into_iter().chain(face.points.into_iter().flatten());
    let values = values.map(|value| format!("{value:.2}"));
    std::iter::once(name.to_owned()).chain(values).chain([format!("{:.4}", face.score)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::read_landmarks;
    use crate::detector::exported::seeded;
    use crate::detector::labels::read_faces;

    #[test]
    fn a_face_becomes_one_row_and_is_read_again() {
        let face = Face {
            x: -1.5,
            y: 2.0,
            width: 30.25,
            height: 40.0,
            points: [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0], [9.0, -10.25]],
            score: 0.75,
        };
        let cells = row("a.png", &face);
        assert_eq!(
            cells.join(","),
            "a.png,-1.50,2.00,30.25,40.00,1.00,2.00,3.00,4.00,5.00,6.00,7.00,8.00,9.00,-10.25,0.7500"
        );
        assert_eq!(cells.len(), 1 + COLUMNS.len());
    }

    #[test]
    fn images_with_a_face_get_a_row_the_others_none() {
        let folder = tempfile::tempdir().unwrap();
        let [without, with] = seeded::write_into(&folder.path().join("detector"));
        let images = folder.path().join("images");
        std::fs::create_dir_all(images.join("inner")).unwrap();
        with.save(images.join("with, and a comma.png")).unwrap();
        without.save(images.join("without.png")).unwrap();
        std::fs::write(images.join("list.txt"), "no photograph").unwrap();
        // The folder of the table does not exist yet.
        let out = folder.path().join("runs/landmarks.csv");
        let detector = folder.path().join("detector");
        let arguments = Arguments {
            detector: Some(detector.clone()),
            images: Some(images.clone()),
            out: Some(out.clone()),
            ..Arguments::default()
        };
        run(&arguments, &crate::device::cpu()).unwrap();
        let landmarks = read_landmarks(&out).unwrap();
        assert_eq!(landmarks.keys().collect::<Vec<_>>(), ["with, and a comma.png"]);
        let faces = read_faces(&out).unwrap();
        assert_eq!(faces[0].1[0].points, landmarks["with, and a comma.png"]);

        let weights = exported::read(&detector).unwrap().0.sha256;
        let written = sha256(&std::fs::read(&out).unwrap());
        assert_eq!(detector_of(&out, Some(&written)), Some(weights));
        assert_eq!(detector_of(&out, Some("of another table")), None);

        std::fs::remove_file(images.join("with, and a comma.png")).unwrap();
        let error = run(&arguments, &crate::device::cpu()).unwrap_err().to_string();
        assert!(error.contains("any of the 2 files"), "{error}");
        // What an earlier run wrote is still there.
        assert_eq!(read_landmarks(&out).unwrap().len(), 1);
    }
}
