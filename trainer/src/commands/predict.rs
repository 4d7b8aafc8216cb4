//! `trainer predict`: a predictions file, as the leaderboard takes it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::Device;
use glae_face::RgbImage;
use glae_face::similarity::align;
use glae_model::manifest::{Crop, Input};
use glae_model::{Estimate, Manifest};
use indicatif::ProgressBar;
use rayon::prelude::*;

use super::evaluate::{crops, refuse_mismatch};
use crate::checkpoint::write_atomically;
use crate::data::protocols::images_below;
use crate::data::{Crops, Landmarks};
use crate::detector::exported::Exported;
use crate::evaluation::{estimates, load_weights};

/// `trainer predict`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder of exported weights.
    #[arg(long)]
    pub weights: PathBuf,
    /// For weights that were trained on aligned faces, one of three: straighten each image's face by its landmarks in this
    /// file, which `trainer prepare` writes.
    #[arg(long)]
    pub landmarks: Option<PathBuf>,
    /// Or: find the main face of each image with these exported weights of a detector, and straighten it.
    #[arg(long)]
    pub detector: Option<PathBuf>,
    /// Or: look at the largest square in the middle of each image instead of a straightened face. The comparison shows
    /// what alignment is worth.
    #[arg(long)]
    pub unaligned: bool,
    /// Write nothing if an image has no face, instead of leaving it out.
    #[arg(long)]
    pub strict: bool,
    /// Predictions file to write.
    #[arg(long)]
    pub out: PathBuf,
    /// Add the columns p_0 to p_100.
    #[arg(long)]
    pub distribution: bool,
    /// Image files, and folders that are searched for them.
    #[arg(required = true)]
    pub images: Vec<PathBuf>,
}

/// What became of an image.
enum Cut {
    /// What the network looks at.
    Crop(RgbImage),
    /// There is no face, or none that can be straightened. Why.
    NoFace(&'static str),
    /// The file cannot be used. Why.
    Unusable(String),
}

/// Writes `id,age,route,kl_vanilla,kl_balanced[,p_0,...,p_100]`; the id is the file's name. Images without a face are
/// named on standard error, counted and left out.
///
/// # Errors
/// Weights cannot be read, a folder has no images, two images have one name, or an image cannot be used, or, if strict, has
/// no face: all such images are named and nothing is written. Nothing is written either if no image has a face.
pub fn run(arguments: &Arguments, device: &Device) -> Result<()> {
    let images = images(&arguments.images)?;
    let (manifest, inference) = load_weights(&arguments.weights, device)?;
    let (mut ids, mut read) = (Vec::new(), Vec::new());
    let (mut unusable, mut faceless) = (Vec::new(), Vec::new());
    for (path, cut) in images.iter().zip(cut(arguments, &images, &manifest, device)?) {
        match cut {
            Cut::Crop(crop) => {
                ids.push(name(path));
                read.push(crop);
            }
            Cut::NoFace(reason) if arguments.strict => unusable.push(format!("{}: {reason}", path.display())),
            Cut::NoFace(reason) => faceless.push(format!("{}: {reason}", path.display())),
            Cut::Unusable(reason) => unusable.push(format!("{}: {reason}", path.display())),
        }
    }
    let all = images.len();
    if !unusable.is_empty() {
        bail!("{} of {all} images cannot be used, nothing was written:\n{}", unusable.len(), unusable.join("\n"));
    }
    faceless.iter().for_each(|line| eprintln!("left out: {line}"));
    ensure!(!read.is_empty(), "none of the {all} images has a face, nothing was written");
    let bar = ProgressBar::new(read.len() as u64);
    let answers = estimates(&inference, &read, |done| bar.inc(done as u64))?;
    bar.finish_and_clear();
    write_atomically(&arguments.out, &table(&ids, &answers, arguments.distribution)?)?;
    println!("{} predictions in {}", ids.len(), arguments.out.display());
    if !faceless.is_empty() {
        println!("{} of {all} images have no face and no prediction", faceless.len());
    }
    Ok(())
}

/// The files as given, and the images in and below the folders among them, each by a name of its own.
fn images(given: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut images = Vec::new();
    for path in given {
        if path.is_dir() {
            let inside = images_below(path, path)?;
            ensure!(!inside.is_empty(), "there are no images in {}", path.display());
            images.extend(inside.into_keys().map(|file| path.join(file)));
        } else {
            images.push(path.clone());
        }
    }
    let mut known = BTreeMap::new();
    for path in &images {
        if let Some(other) = known.insert(name(path), path) {
            let (path, other) = (path.display(), other.display());
            bail!("{other} and {path} have one name, and predictions go by name: rename one, or predict them apart");
        }
    }
    Ok(images)
}

/// Cuts out what the network shall look at, image by image.
fn cut(arguments: &Arguments, images: &[PathBuf], manifest: &Manifest, device: &Device) -> Result<Vec<Cut>> {
    let Arguments { landmarks, detector, unaligned, .. } = arguments;
    let options =
        [("--landmarks", landmarks.is_some()), ("--detector", detector.is_some()), ("--unaligned", *unaligned)];
    refuse_mismatch(manifest, &options)?;
    if let (Some(folder), Crop::Landmarks(template)) = (detector, manifest.input.crop) {
        return detected(&Exported::open(folder, device)?, images, &template, manifest.input.size as u32);
    }
    let crops = if *unaligned {
        Crops { input: Input { crop: Crop::Square, ..manifest.input }, landmarks: Landmarks::new() }
    } else {
        crops(manifest, landmarks.as_deref())?
    };
    let one = |path: &PathBuf| {
        let id = name(path);
        if landmarks.is_some() && !crops.landmarks.contains_key(&id) {
            return Cut::NoFace("it has no row in the landmarks file");
        }
        crops.read(path, &id).map_or_else(Cut::Unusable, Cut::Crop)
    };
    Ok(images.par_iter().map(one).collect())
}

/// Finds and straightens the main faces.
fn detected(detector: &Exported, images: &[PathBuf], template: &[[f32; 2]; 5], size: u32) -> Result<Vec<Cut>> {
    let mut cuts = Vec::with_capacity(images.len());
    let bar = ProgressBar::new(images.len() as u64);
    detector.main_faces(images, |_, found| {
        cuts.push(match found {
            Ok(Some((photo, face))) => {
                align(&photo, &face.points, template, size).map_or(Cut::NoFace("its points coincide"), Cut::Crop)
            }
            Ok(None) => Cut::NoFace("no face was found"),
            Err(reason) => Cut::Unusable(reason),
        });
        bar.inc(1);
        Ok(())
    })?;
    bar.finish_and_clear();
    Ok(cuts)
}

/// `id,age,route,kl_vanilla,kl_balanced[,p_0,...,p_100]`.
pub(super) fn table(ids: &[String], answers: &[Estimate], distribution: bool) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut header = ["id", "age", "route", "kl_vanilla", "kl_balanced"].map(str::to_owned).to_vec();
    if distribution {
        header.extend((0..glae_model::AGES).map(|age| format!("p_{age}")));
    }
    writer.write_record(&header)?;
    for (id, estimate) in ids.iter().zip(answers) {
        let mut row = vec![id.clone(), format!("{:.4}", estimate.years), estimate.route.as_str().to_owned()];
        row.extend([estimate.kl_vanilla, estimate.kl_balanced].map(|kl| format!("{kl:.6}")));
        if distribution {
            row.extend(estimate.distribution.iter().map(|p| format!("{p:.6}")));
        }
        writer.write_record(&row)?;
    }
    writer.into_inner().context("cannot finish the table")
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::evaluate::tiny;
    use super::*;
    use crate::detector::exported::seeded;
    use glae_metrics::Predictions;

    /// Weights of this crop, a detector, and two images; the detector finds a face only in `with.png`.
    fn arguments(folder: &Path, crop: Crop) -> Arguments {
        tiny::write_into(&folder.join("weights"), crop);
        let [without, with] = seeded::write_into(&folder.join("detector"));
        without.save(folder.join("without.png")).unwrap();
        with.save(folder.join("with.png")).unwrap();
        Arguments {
            weights: folder.join("weights"),
            landmarks: None,
            detector: None,
            unaligned: false,
            strict: false,
            out: folder.join("predictions.csv"),
            distribution: true,
            images: ["without.png", "with.png"].map(|name| folder.join(name)).to_vec(),
        }
    }

    /// Ids and ages as the leaderboard reads them.
    fn written(arguments: &Arguments) -> Vec<(String, f64)> {
        let file = Predictions::parse(&std::fs::read(&arguments.out).unwrap()).unwrap();
        assert!(file.distribution(0).is_some() && file.route(0).is_some());
        (0..file.len()).map(|row| (file.id(row).to_owned(), file.age(row))).collect()
    }

    #[test]
    fn images_without_a_face_are_left_out_unless_strict() {
        let folder = tempfile::tempdir().unwrap();
        let device = crate::device::cpu();
        let mut arguments = arguments(folder.path(), Crop::Landmarks(tiny::TEMPLATE));
        arguments.detector = Some(folder.path().join("detector"));
        arguments.strict = true;
        let error = run(&arguments, &device).unwrap_err().to_string();
        assert!(error.contains("1 of 2 images") && error.contains("without.png: no face was found"), "{error}");
        assert!(!arguments.out.exists());

        arguments.strict = false;
        run(&arguments, &device).unwrap();
        let found = written(&arguments);
        assert_eq!(found.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["with.png"]);

        // The same face by way of `trainer prepare`: the same crop but for hundredths of a pixel.
        let landmarks = folder.path().join("landmarks.csv");
        let images = folder.path().join("images");
        std::fs::create_dir(&images).unwrap();
        arguments.images.iter().for_each(|path| std::fs::copy(path, images.join(name(path))).map(|_| ()).unwrap());
        let prepare = super::super::prepare::Arguments {
            detector: Some(folder.path().join("detector")),
            images: Some(images),
            out: Some(landmarks.clone()),
            ..Default::default()
        };
        super::super::prepare::run(&prepare, &device).unwrap();
        let by_file = Arguments { detector: None, landmarks: Some(landmarks), ..arguments };
        run(&by_file, &device).unwrap();
        let again = written(&by_file);
        assert_eq!(again.len(), 1);
        assert!(again[0].0 == "with.png" && (again[0].1 - found[0].1).abs() < 1.0, "{found:?} {again:?}");

        let none = Arguments { images: vec![folder.path().join("without.png")], ..by_file };
        assert!(run(&none, &device).unwrap_err().to_string().contains("none of the 1 images has a face"));
        // The earlier file is untouched.
        assert_eq!(written(&none), again);
    }

    #[test]
    fn unaligned_is_what_weights_for_squares_see() {
        let folder = tempfile::tempdir().unwrap();
        let device = crate::device::cpu();
        let square = arguments(folder.path(), Crop::Square);
        run(&square, &device).unwrap();
        let expected = written(&square);
        assert_eq!(expected.len(), 2);
        tiny::write_into(&square.weights, Crop::Landmarks(tiny::TEMPLATE));
        let aligned = Arguments { unaligned: true, ..square };
        run(&aligned, &device).unwrap();
        assert_eq!(written(&aligned), expected);
    }

    #[test]
    fn a_folder_is_the_images_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut arguments = arguments(folder.path(), Crop::Square);
        let images = folder.path().join("images");
        std::fs::create_dir_all(images.join("more")).unwrap();
        let refused = |arguments: &Arguments| run(arguments, &crate::device::cpu()).unwrap_err().to_string();
        let files = std::mem::replace(&mut arguments.images, vec![images.clone()]);
        assert!(refused(&arguments).contains("there are no images in"));
        std::fs::rename(&files[0], images.join("without.png")).unwrap();
        std::fs::copy(&files[1], images.join("more/with.png")).unwrap();
        std::fs::write(images.join("list.txt"), "no photograph").unwrap();
        run(&arguments, &crate::device::cpu()).unwrap();
        let ids: Vec<_> = written(&arguments).into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids, ["with.png", "without.png"]);

        arguments.images.push(files[1].clone());
        assert!(refused(&arguments).contains("have one name"));
    }

    #[test]
    fn the_options_must_fit_the_weights() {
        let folder = tempfile::tempdir().unwrap();
        let device = crate::device::cpu();
        let refused = |arguments: &Arguments| run(arguments, &device).unwrap_err().to_string();
        let give = "golden-tiny looks at faces aligned by five points: give exactly one of --landmarks, --detector, --unaligned";
        let mut aligned = arguments(folder.path(), Crop::Landmarks(tiny::TEMPLATE));
        assert_eq!(refused(&aligned), give);
        aligned.detector = Some(folder.path().join("detector"));
        aligned.unaligned = true;
        assert_eq!(refused(&aligned), give);
        let mut square = arguments(folder.path(), Crop::Square);
        square.detector = Some(folder.path().join("detector"));
        square.unaligned = true;
        let leave = "golden-tiny looks at the whole square of an image: leave out --detector and --unaligned";
        assert_eq!(refused(&square), leave);
    }

    #[test]
    fn a_damaged_file_is_named_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut arguments = arguments(folder.path(), Crop::Landmarks(tiny::TEMPLATE));
        arguments.detector = Some(folder.path().join("detector"));
        std::fs::write(folder.path().join("text.png"), "no photograph").unwrap();
        arguments.images.push(folder.path().join("text.png"));
        let error = run(&arguments, &crate::device::cpu()).unwrap_err().to_string();
        assert!(error.contains("1 of 3 images") && error.contains("text.png"), "{error}");
        assert!(!arguments.out.exists());
    }
}
