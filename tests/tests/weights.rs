//! Every shipped network: complete, unchanged, loadable, and right on a known input.

use std::{collections::BTreeSet, fs, path::PathBuf};

use burn::tensor::Device;
use glae_model::{Estimator, manifest::Manifest};
use serde_json::Value;

/// What a visitor can be asked to download before the first answer.
const MOST_BYTES: u64 = 30_000_000;

fn folder() -> PathBuf {
    tests::root().join("public/weights")
}

fn names() -> BTreeSet<String> {
    let entries = fs::read_dir(folder()).unwrap().map(Result::unwrap);
    let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
    folders.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

fn read(name: &str) -> (Manifest, Vec<u8>) {
    let path = folder().join(name).join("manifest.json");
    let json = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let manifest = Manifest::parse(&json).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let bytes = fs::read(folder().join(name).join(&manifest.file)).unwrap();
    (manifest, bytes)
}

#[test]
fn the_index_names_exactly_the_folders() {
    let index: Value = serde_json::from_str(&fs::read_to_string(folder().join("index.json")).unwrap()).unwrap();
    let listed: BTreeSet<String> =
        index["weights"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    assert_eq!(listed, names());
    assert!(listed.contains(index["default"].as_str().unwrap()));
    assert!(listed.contains("golden-tiny"), "the tests need the tiny network");
}

#[test]
fn each_file_is_the_one_its_manifest_speaks_of() {
    for name in names() {
        let (manifest, bytes) = read(&name);
        assert_eq!(manifest.name, name);
        assert_eq!(manifest.bytes, bytes.len() as u64, "{name}: size");
        assert!(manifest.bytes < MOST_BYTES, "{name} is too large for a page: {} bytes", manifest.bytes);
        manifest.verify(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(
            !manifest.licence.is_empty() && !manifest.trained_on.is_empty(),
            "{name} does not say where it is from"
        );
        // One network, one file: whatever else lay here would travel unmentioned.
        let mut files: Vec<_> = fs::read_dir(folder().join(&name)).unwrap().map(|e| e.unwrap().file_name()).collect();
        files.retain(|file| file != "README.md");
        assert_eq!(files.len(), 2, "{name}: {files:?}");
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
