//! Every shipped network: complete, unchanged, loadable, and right on a known input.

use std::{collections::BTreeSet, fs, path::PathBuf};

use burn::tensor::Device;
use glae_face::detector::manifest::DetectorManifest;
use glae_model::{
    Estimator, StateDict,
    manifest::{AgeManifest, Crop, Manifest, sha256},
};
use tests::native;

/// What a visitor can be asked to download before the first answer.
const MOST_BYTES: u64 = 30_000_000;

/// The detector comes on top, and is small.
const MOST_DETECTOR_BYTES: u64 = 400_000;

/// Of both looks of the detector.
const DETECTOR_PARAMETERS: usize = 2 * 75_856;

fn folder() -> PathBuf {
    tests::root().join("public/weights")
}

/// All folders.
fn folders() -> BTreeSet<String> {
    let entries = fs::read_dir(folder()).unwrap().map(Result::unwrap);
    let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
    folders.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

fn detector_name() -> String {
    native::named(&folder(), "detector").unwrap_or_else(|error| panic!("{error:#}"))
}

/// The folders of age networks.
fn names() -> BTreeSet<String> {
    let mut names = folders();
    names.remove(&detector_name());
    names
}

fn manifest_text(name: &str) -> String {
    let path = folder().join(name).join("manifest.json");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn read(name: &str) -> (AgeManifest, Vec<u8>) {
    let manifest = AgeManifest::parse(&manifest_text(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let bytes = fs::read(folder().join(name).join(&manifest.head.file)).unwrap();
    (manifest, bytes)
}

fn read_detector() -> (DetectorManifest, Vec<u8>) {
    let name = detector_name();
    let manifest = DetectorManifest::parse(&manifest_text(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let bytes = fs::read(folder().join(&name).join(&manifest.head.file)).unwrap();
    (manifest, bytes)
}

/// One network, one file: whatever else lay here would travel unmentioned.
fn assert_nothing_else(name: &str) {
    let mut files: Vec<_> = fs::read_dir(folder().join(name)).unwrap().map(|e| e.unwrap().file_name()).collect();
    files.retain(|file| file != "README.md");
    assert_eq!(files.len(), 2, "{name}: {files:?}");
}

#[test]
fn the_index_names_exactly_the_folders() {
    let index = native::index(&folder()).unwrap();
    let listed: BTreeSet<String> =
        index["weights"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    assert_eq!(listed, names());
    assert!(folders().contains(&detector_name()), "the index names a detector that is not there");
    assert!(listed.contains(index["default"].as_str().unwrap()));
    assert!(listed.contains("golden-tiny"), "the tests need the tiny network");
}

/// Both come from one run of `cargo xtask bench accuracy`, over the weights that are the default.
#[test]
fn the_figures_on_about_are_those_of_the_document() {
    let text = fs::read_to_string(folder().join("accuracy.json")).unwrap();
    let figures: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(figures["weights"], native::index(&folder()).unwrap()["default"], "run cargo xtask bench accuracy");
    let document = fs::read_to_string(tests::root().join("docs/accuracy.md")).unwrap();
    let rows = figures["rows"].as_array().unwrap();
    assert!(rows.len() > 1);
    for row in rows {
        let [inside, years] = ["inside", "years"].map(|key| row[key].as_f64().unwrap());
        let name = row["name"].as_str().unwrap();
        let line = format!("- {name}: {:.1} % inside the group, {years:.2} years from it", 100.0 * inside);
        assert!(document.contains(&line), "docs/accuracy.md lacks {line:?}");
    }
}

#[test]
fn each_file_is_the_one_its_manifest_speaks_of() {
    for name in names() {
        let (manifest, bytes) = read(&name);
        assert_eq!(manifest.head.name, name);
        assert_eq!(manifest.head.bytes, bytes.len() as u64, "{name}: size");
        assert!(manifest.head.bytes < MOST_BYTES, "{name} is too large for a page: {} bytes", manifest.head.bytes);
        manifest.file(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(
            !manifest.head.licence.is_empty() && !manifest.head.trained_on.is_empty(),
            "{name} does not say where it is from"
        );
        assert_nothing_else(&name);
    }
}

#[test]
fn each_age_network_learned_from_straightened_faces() {
    for name in names() {
        let (manifest, _) = read(&name);
        let Crop::Landmarks(template) = manifest.input.crop else {
            panic!("{name} learned from whole squares; the page straightens faces and refuses it");
        };
        assert!(template.as_flattened().iter().all(|share| (0.0..1.0).contains(share)), "{name}: {template:?}");
        let [left, right, nose, ..] = template;
        assert!(left[0] < nose[0] && nose[0] < right[0] && nose[1] > left[1], "{name}: {template:?}");
    }
}

#[tokio::test]
async fn each_network_gives_its_golden_answer() {
    for name in names() {
        let (manifest, bytes) = read(&name);
        let estimator =
            Estimator::load(manifest, &bytes, &Device::flex()).unwrap_or_else(|error| panic!("{name}: {error}"));
        estimator.golden_check().await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn the_detector_is_the_one_its_manifest_speaks_of() {
    let (manifest, bytes) = read_detector();
    assert_eq!(manifest.head.name, detector_name());
    assert_eq!(manifest.head.bytes, bytes.len() as u64, "size");
    assert!(manifest.head.bytes < MOST_DETECTOR_BYTES, "too large for what it is: {} bytes", manifest.head.bytes);
    assert_eq!(manifest.head.sha256, sha256(&bytes));
    assert!(
        !manifest.head.licence.is_empty() && !manifest.head.trained_on.is_empty(),
        "it does not say where it is from"
    );
    assert!(!manifest.measured.is_empty(), "it does not say how good it is");
    assert_nothing_else(&manifest.head.name);
    let state = StateDict::from_safetensors(&bytes).unwrap();
    // Running means and variances are no parameters.
    let is_statistic = |name: &str| name.ends_with("running_mean") || name.ends_with("running_var");
    let arrays = state.0.iter().filter(|(name, _)| !is_statistic(name));
    assert_eq!(arrays.map(|(_, array)| array.values.len()).sum::<usize>(), DETECTOR_PARAMETERS);
}

#[tokio::test]
async fn the_detector_gives_its_golden_answer() {
    let (detector, manifest) = native::detector(&folder()).unwrap_or_else(|error| panic!("{error:#}"));
    detector.golden_check(&manifest.golden).await.unwrap_or_else(|error| panic!("{error}"));
}
