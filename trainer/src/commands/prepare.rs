//! `trainer prepare`: finds the main face of every image and writes its landmarks, for training and evaluation; and packs
//! the crops of a run into one file, so that no epoch and no later run decodes and straightens them again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use burn::tensor::{Device, read_sync};
use glae_estimate::Alone;
use glae_face::detector::decode::Face;
use glae_face::detector::manifest::DetectorManifest;
use glae_face::detector::trust::refusal;
use glae_face::photo::Photo;
use glae_model::manifest::sha256;
use serde::{Deserialize, Serialize};

use super::cutter::Doubtful;
use super::photographs::each_photograph;
use super::row_file::{RowFile, progress};
use super::train::{crops, settings};
use crate::config::RunConfig;
use crate::detector::labels::COLUMNS;
use crate::exported;
use glae_data::files::write_atomically;
use glae_data::found::{self, FoundImages, Image};
use glae_data::packed::{self, PackSettings};
use glae_data::photos::Unusable;
use glae_data::read_truth;

/// `trainer prepare`.
#[derive(Debug, Default, clap::Args)]
pub struct Arguments {
    /// Folder of the detector's exported weights; with --run only where its landmarks are to be found anew.
    #[arg(long, required_unless_present = "run")]
    pub detector: Option<PathBuf>,
    /// Folder of the images, which is searched with all folders in it; a row's `file` is the path below it.
    #[arg(long, required_unless_present = "run", conflicts_with = "run")]
    pub images: Option<PathBuf>,
    /// Landmarks file to write; beside it, ending in .toml, stands which weights found them.
    #[arg(long, required_unless_present = "run", conflicts_with = "run")]
    pub out: Option<PathBuf>,
    /// What becomes of faces whose age cannot be told because they are too small or turned away.
    #[arg(long, value_enum, default_value_t = Doubtful::Keep, requires = "detector")]
    pub doubtful: Doubtful,
    /// Go on where the same command was interrupted.
    #[arg(long)]
    pub resume: bool,
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
            find(detector, &config.data.images, out, arguments, device)?;
        }
        return pack(&config);
    }
    let Arguments { detector: Some(detector), images: Some(images), out: Some(out), .. } = arguments else {
        bail!("give --detector, --images and --out, or --run");
    };
    find(detector, images, out, arguments, device)
}

/// Writes one row for every image with a face, in pixels of the file as it is stored, upright; every other file is named on
/// standard error, with the reason. One that is cut off counts as one that cannot be read. Rows are written as they come,
/// beside the table, and take its place when all are there.
///
/// # Errors
/// Weights or folder cannot be read, the device fails, the table cannot be written, or there is no face at all.
fn find(detector: &Path, images: &Path, out: &Path, arguments: &Arguments, device: &Device) -> Result<()> {
    let (DetectorManifest { head, .. }, finder) = exported::finder(detector, device)?;
    let FoundImages { images: files, passed } = found::find(&[images.to_owned()])?;
    eprint!("{passed}");
    // As `data::read_landmarks` and `detector::labels::read_faces` read them.
    let header: Vec<String> = ["file"].iter().chain(&COLUMNS).map(ToString::to_string).collect();
    let made_with = format!("{}{}", head.sha256, arguments.doubtful.suffix(Doubtful::Keep));
    let mut table = RowFile::open(out, &header, &made_with, arguments.resume)?;
    let refused = |file: &Image| file.refused.as_ref().map(|reason| format!("{}: {reason}", file.id));
    let mut without: Vec<String> = files.iter().filter_map(refused).collect();
    let waiting = files.iter().filter(|file| file.refused.is_none() && !table.has(&file.id));
    let (ids, paths): (Vec<String>, Vec<PathBuf>) = waiting.map(|file| (file.id.clone(), file.path.clone())).unzip();
    let (bar, mut next) = (progress(ids.len()), ids.iter());
    // The main face, or why there is none.
    let look = |photo: Result<Photo, Unusable>| -> Result<Result<Face, String>> {
        let photo = match photo {
            Ok(photo) => photo,
            Err(reason) => return Ok(Err(reason.to_string())),
        };
        let found = read_sync(finder.search(&photo.pixels, &Alone))?;
        Ok(match found.main.map(|main| found.faces[main]) {
            None => Err("no face was found".to_owned()),
            Some(face) => match refusal(&face).filter(|_| arguments.doubtful == Doubtful::Drop) {
                Some(doubt) => Err(doubt.reason().to_owned()),
                None => Ok(stored(face, photo.shrunk)),
            },
        })
    };
    each_photograph(&paths, false, look, |_, found| {
        let id = next.next().context("there are as many answers as images")?;
        match found? {
            Ok(face) => table.write(&row(id, &face))?,
            Err(reason) => without.push(format!("{id}: {reason}")),
        }
        bar.inc(1);
        table.flush()
    })?;
    bar.finish_and_clear();
    without.iter().for_each(|line| eprintln!("left out: {line}"));
    let rows = table.rows();
    if rows == 0 {
        table.discard();
        bail!("no face was found in any of the {} images of {}", files.len(), images.display());
    }
    table.finish()?;
    let written = std::fs::read(out).with_context(|| format!("cannot read {}", out.display()))?;
    let account = Account {
        detector: head.name,
        weights: head.sha256,
        landmarks: sha256(&written),
        faces: rows,
        left_out: without.len(),
    };
    write_atomically(&account_of(out), toml::to_string_pretty(&account)?.as_bytes())?;
    println!("{rows} faces in {}; {} of {} images left out", out.display(), without.len(), files.len());
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
    let (bar, began) = (progress(ids.len()), Instant::now());
    let settings = PackSettings { detector, ..settings };
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

/// A face in pixels of the file, where the photograph was shrunk while it was decoded.
fn stored(face: Face, shrunk: u32) -> Face {
    let larger = |value: f32| value * shrunk as f32;
    let points = face.points.map(|point| point.map(larger));
    Face {
        x: larger(face.x),
        y: larger(face.y),
        width: larger(face.width),
        height: larger(face.height),
        points,
        ..face
    }
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
    use crate::detector::labels::read_faces;
    use crate::exported::seeded;
    use glae_data::read_landmarks;

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
        let twice = stored(face, 2);
        assert_eq!((twice.x, twice.height, twice.points[4], twice.score), (-3.0, 80.0, [18.0, -20.5], 0.75));
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

        let weights = exported::read::<DetectorManifest>(&detector).unwrap().0.head.sha256;
        let written = sha256(&std::fs::read(&out).unwrap());
        assert_eq!(detector_of(&out, Some(&written)), Some(weights));
        assert_eq!(detector_of(&out, Some("of another table")), None);

        // Another run over the same and more images, people in folders of their own; one has no face and one is cut off.
        let whole = std::fs::read(images.join("with, and a comma.png")).unwrap();
        std::fs::write(images.join("inner/with.png"), &whole).unwrap();
        std::fs::write(images.join("inner/cut.png"), &whole[..whole.len() / 2]).unwrap();
        run(&arguments, &crate::device::cpu()).unwrap();
        let mut names: Vec<_> = read_landmarks(&out).unwrap().into_keys().collect();
        names.sort();
        assert_eq!(names, ["inner/with.png", "with, and a comma.png"]);
        let account: Account = toml::from_str(&std::fs::read_to_string(account_of(&out)).unwrap()).unwrap();
        assert_eq!((account.faces, account.left_out), (2, 2));

        std::fs::remove_file(images.join("with, and a comma.png")).unwrap();
        std::fs::remove_file(images.join("inner/with.png")).unwrap();
        let error = run(&arguments, &crate::device::cpu()).unwrap_err().to_string();
        assert!(error.contains("any of the 2 images"), "{error}");
        // What an earlier run wrote is still there.
        assert_eq!(read_landmarks(&out).unwrap().len(), 2);
    }
}
