//! `trainer evaluate`: MAE and CMAE of exported weights.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use burn::tensor::Device;
use glae_model::AgeManifest;
use glae_model::manifest::Crop;
use indicatif::ProgressBar;

use super::cutter::{CropSource, Cut, Cutter, Doubtful};
use super::doubted::Doubted;
use crate::evaluation::{WaysScored, estimates};
use crate::exported;
use glae_data::files::write_atomically;
use glae_data::found::Image;
use glae_data::photos::Unusable;
use glae_data::{Crops, LabelledFile, Landmarks, read_landmarks, read_truth, usable};

/// `trainer evaluate`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder of exported weights.
    #[arg(long)]
    pub weights: PathBuf,
    /// Folder of the images.
    #[arg(long)]
    pub images: PathBuf,
    /// Truth: CSV with `id,age` or `file,age`.
    #[arg(long)]
    pub truth: PathBuf,
    /// Landmarks as `trainer prepare` writes them, for weights that were trained on aligned faces.
    #[arg(long)]
    pub landmarks: Option<PathBuf>,
    /// Or: find the main face of each image with these exported weights of a detector, and straighten it, as the page does.
    #[arg(long)]
    pub detector: Option<PathBuf>,
    /// With --detector: what becomes of faces whose age cannot be told because they are too small or turned away. Those that
    /// are dropped count as images that cannot be used.
    #[arg(long, value_enum, default_value_t = Doubtful::Drop)]
    pub doubtful: Doubtful,
    /// Largest share of images that may be left out because they cannot be read or have no landmarks. What is left out
    /// is not scored: the figures then speak of the other images only.
    #[arg(long, default_value_t = 0.0)]
    pub max_bad_share: f64,
    /// Also write the scores to this file.
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// Prints the scores, how many images were left out, and, with a detector, how well doubt tells ages that are far off.
///
/// # Errors
/// Weights or truth cannot be read, or more images cannot be used than the arguments allow.
pub fn run(arguments: &Arguments, device: &Device) -> Result<()> {
    let estimator = exported::estimator(&arguments.weights, device)?;
    let truth = read_truth(&arguments.truth)?;
    let (name, median) = (estimator.manifest().head.name.clone(), estimator.manifest().training_median);
    let Arguments { landmarks, detector, doubtful, .. } = arguments;
    let source = CropSource { landmarks: landmarks.as_deref(), detector: detector.as_deref(), unaligned: None };
    let cutter = Cutter::new(source, *doubtful, false, estimator, device)?;
    let image = |row: &LabelledFile| Image { id: row.id.clone(), path: arguments.images.join(&row.id), refused: None };
    let images: Vec<Image> = truth.iter().map(image).collect();
    let mut cuts = Vec::with_capacity(images.len());
    cutter.each(&images.iter().collect::<Vec<_>>(), |_, cut| {
        cuts.push(match cut {
            Cut::Crop(crop, main) => Ok((crop, main)),
            Cut::NoFace(reason) => Err(Unusable::Noted(reason.to_owned())),
            Cut::Unusable(reason) => Err(reason),
        });
        Ok(())
    })?;
    let (_, ages, cut, problems) = usable(&arguments.images, &truth, cuts, arguments.max_bad_share)?;
    let (crops, mains): (Vec<_>, Vec<_>) = cut.into_iter().unzip();
    let bar = ProgressBar::new(crops.len() as u64);
    let answers = estimates(cutter.inference(), &crops, |done| bar.inc(done as u64))?;
    bar.finish_and_clear();
    let scores = WaysScored::new(&answers, &ages, median)?;
    println!("{name}: {scores}");
    if arguments.detector.is_some() {
        let mut doubted = Doubted::default();
        for (((main, crop), answer), age) in mains.iter().zip(&crops).zip(&answers).zip(&ages) {
            let doubt = main.as_ref().and_then(|main| main.doubt(crop, answer));
            doubted.add(f64::from((answer.years - age).abs()), doubt.map_or("", |doubt| doubt.as_str()));
        }
        println!("{doubted}");
    }
    if let Some(sentence) = left_out(problems.len(), truth.len()) {
        println!("{sentence}");
    }
    if let Some(path) = &arguments.json {
        write_atomically(path, &serde_json::to_vec_pretty(&scores)?)?;
    }
    Ok(())
}

/// How many images the figures do not speak of; `None` if they speak of all.
pub(super) fn left_out(count: usize, all: usize) -> Option<String> {
    (count > 0).then(|| format!("left out: {count} of {all} images, which cannot be read or have no landmarks or face"))
}

/// How images become crops for these weights.
///
/// # Errors
/// Landmarks are needed and not given, or the other way round.
pub(super) fn crops(manifest: &AgeManifest, landmarks: Option<&Path>) -> Result<Crops> {
    refuse_mismatch(manifest, &[("--landmarks", landmarks.is_some())])?;
    let landmarks = landmarks.map_or_else(|| Ok(Landmarks::new()), read_landmarks)?;
    Ok(Crops { input: manifest.input, landmarks, allow_cut_off: false })
}

/// Weights that look at aligned faces need exactly one of these options, and whether each was given; others none.
///
/// # Errors
/// Which option to give or to leave out.
pub(super) fn refuse_mismatch(manifest: &AgeManifest, options: &[(&str, bool)]) -> Result<()> {
    let given: Vec<&str> = options.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    let offered: Vec<&str> = options.iter().map(|(name, _)| *name).collect();
    match manifest.input.crop {
        Crop::Square => ensure!(
            given.is_empty(),
            "{} looks at the whole square of an image: leave out {}",
            manifest.head.name,
            given.join(" and ")
        ),
        Crop::Landmarks(_) => ensure!(
            given.len() == 1,
            "{} looks at faces aligned by five points: give {}{}",
            manifest.head.name,
            if offered.len() > 1 { "exactly one of " } else { "" },
            offered.join(", ")
        ),
    }
    Ok(())
}

/// Weights for tests.
#[cfg(test)]
pub(super) mod tiny {
    use super::*;
    use glae_model::Manifest;

    /// A template with the five points well inside the crop.
    pub(in crate::commands) const TEMPLATE: [[f32; 2]; 5] =
        [[0.35, 0.4], [0.65, 0.4], [0.5, 0.55], [0.4, 0.7], [0.6, 0.7]];

    /// The shipped tiny network in `folder`, as if it had been trained on the crop.
    pub(in crate::commands) fn write_into(folder: &Path, crop: Crop) {
        // Set by Cargo when it runs a test: the path at compile time may be another clone's.
        let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("Cargo runs the tests");
        let shipped = Path::new(&package).join("../public/weights/golden-tiny");
        std::fs::create_dir_all(folder).unwrap();
        let mut manifest =
            AgeManifest::parse(&std::fs::read_to_string(shipped.join("manifest.json")).unwrap()).unwrap();
        manifest.input.crop = crop;
        std::fs::copy(shipped.join(&manifest.head.file), folder.join(&manifest.head.file)).unwrap();
        std::fs::write(folder.join("manifest.json"), serde_json::to_string(&manifest).unwrap()).unwrap();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glae_face::RgbImage;

    /// The same images and landmarks for both kinds of weights: two images, landmarks of the first one only.
    fn arguments(folder: &Path, crop: Crop) -> Arguments {
        tiny::write_into(&folder.join("weights"), crop);
        for name in ["a.png", "b.png"] {
            RgbImage::from_fn(80, 80, |x, y| image::Rgb([x as u8, y as u8, 99])).save(folder.join(name)).unwrap();
        }
        std::fs::write(folder.join("truth.csv"), "file,age\na.png,30\nb.png,40\n").unwrap();
        let header = "file,x_eye_l,y_eye_l,x_eye_r,y_eye_r,x_nose,y_nose,x_mouth_l,y_mouth_l,x_mouth_r,y_mouth_r";
        let rows = format!("{header}\na.png,28,32,52,32,40,44,32,56,48,56\n");
        std::fs::write(folder.join("landmarks.csv"), rows).unwrap();
        Arguments {
            weights: folder.join("weights"),
            images: folder.to_owned(),
            truth: folder.join("truth.csv"),
            landmarks: None,
            detector: None,
            doubtful: Doubtful::Drop,
            max_bad_share: 0.0,
            json: Some(folder.join("scores.json")),
        }
    }

    #[test]
    fn images_without_landmarks_are_left_out_only_if_told() {
        let folder = tempfile::tempdir().unwrap();
        let device = crate::device::cpu();
        let arguments = arguments(folder.path(), Crop::Landmarks(tiny::TEMPLATE));
        let arguments = Arguments { landmarks: Some(folder.path().join("landmarks.csv")), ..arguments };
        let error = run(&arguments, &device).unwrap_err().to_string();
        assert!(error.contains("1 of 2 images") && error.contains("b.png: it has no row"), "{error}");
        run(&Arguments { max_bad_share: 0.5, ..arguments }, &device).unwrap();
        let scores: WaysScored =
            serde_json::from_slice(&std::fs::read(folder.path().join("scores.json")).unwrap()).unwrap();
        assert_eq!(scores.routed.samples, 1);
        assert_eq!(left_out(0, 2), None);
        assert!(left_out(1, 2).unwrap().starts_with("left out: 1 of 2 images"));
    }

    #[test]
    fn weights_and_landmarks_belong_together() {
        let folder = tempfile::tempdir().unwrap();
        let device = crate::device::cpu();
        let aligned = arguments(folder.path(), Crop::Landmarks(tiny::TEMPLATE));
        let error = run(&aligned, &device).unwrap_err().to_string();
        assert_eq!(
            error,
            "golden-tiny looks at faces aligned by five points: give exactly one of --landmarks, --detector"
        );
        let square = arguments(folder.path(), Crop::Square);
        run(&square, &device).unwrap();
        let error = run(&Arguments { landmarks: Some("landmarks.csv".into()), ..square }, &device).unwrap_err();
        assert_eq!(error.to_string(), "golden-tiny looks at the whole square of an image: leave out --landmarks");
    }
}
