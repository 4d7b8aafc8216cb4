//! Exported weights on disk: a manifest and the file beside it, of the age network or of the detector.

use std::path::Path;

use anyhow::{Context, Result};
use burn::tensor::{Device, read_sync};
use glae_data::files::write_atomically;
use glae_estimate::Finder;
use glae_face::detector::Detector;
use glae_face::detector::manifest::DetectorManifest;
use glae_model::{Estimator, Manifest, StateDict};
use serde::Serialize;

const MANIFEST: &str = "manifest.json";

/// Writes weights and manifest into a folder, which is created.
///
/// # Errors
/// The manifest could not be read again, or the folder cannot be written.
pub fn write<M: Manifest + Serialize>(folder: &Path, manifest: &M, weights: &[u8]) -> Result<()> {
    manifest.check()?;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    write_atomically(&folder.join(&manifest.head().file), weights)?;
    write_atomically(&folder.join(MANIFEST), &serde_json::to_vec_pretty(manifest)?)
}

/// Reads exported weights, from their folder or their manifest file, and checks them against the manifest.
///
/// # Errors
/// A file is missing, damaged, or does not match.
pub fn read<M: Manifest>(path: &Path) -> Result<(M, StateDict)> {
    let path = if path.is_dir() { path.join(MANIFEST) } else { path.to_owned() };
    let json = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}: give a folder of exported weights", path.display()))?;
    let manifest = M::parse(&json).with_context(|| format!("cannot use {}", path.display()))?;
    let file = path.with_file_name(&manifest.head().file);
    let bytes = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let state =
        manifest.file(&bytes).and_then(|file| file.all()).with_context(|| format!("cannot use {}", file.display()))?;
    Ok((manifest, state))
}

/// An exported age network on a device.
///
/// # Errors
/// It cannot be read, or belongs to another architecture.
pub fn estimator(path: &Path, device: &Device) -> Result<Estimator> {
    let (manifest, state) = read(path)?;
    Estimator::new(manifest, &state, device).with_context(|| format!("cannot use {}", path.display()))
}

/// An exported detector on a device, which proves itself on the manifest's generated picture.
///
/// # Errors
/// It cannot be read, belongs to another network, or the device computes something else than it should.
pub fn finder(folder: &Path, device: &Device) -> Result<(DetectorManifest, Finder)> {
    let (manifest, state): (DetectorManifest, _) = read(folder)?;
    let detector = Detector::new(&state, device).with_context(|| format!("cannot use {}", folder.display()))?;
    read_sync(detector.golden_check(&manifest.golden))
        .with_context(|| format!("{} cannot be used on this device: try --device cpu", folder.display()))?;
    let finder = Finder::new(detector, manifest.settings);
    Ok((manifest, finder))
}

/// Exported weights for tests: a seeded network that was never trained, and two photographs of which it finds a face only
/// in the second one.
#[cfg(test)]
pub(crate) mod seeded {
    use super::*;
    use glae_face::RgbImage;
    use glae_face::detector::DetectorSettings;
    use glae_face::detector::golden::picture;
    use glae_face::detector::network::YuNet;
    use glae_model::{ManifestHead, Precision};

    /// Writes the weights into `folder`, and returns the two photographs.
    pub(crate) fn write_into(folder: &Path) -> [RgbImage; 2] {
        let device = crate::device::cpu();
        let _turn = crate::device::turn();
        device.seed(5);
        let state = calm(StateDict::of(&YuNet::new(&device)), &device);
        let bytes = state.to_safetensors(Precision::Full);
        let detector = Detector::new(&state, &device).unwrap();
        let golden = read_sync(detector.golden()).unwrap();
        let all = DetectorSettings { least_score: 0.0, ..DetectorSettings::default() };
        let best = |photo: &RgbImage| {
            let faces = read_sync(detector.detect(photo, all)).unwrap();
            faces.iter().map(|face| face.score).fold(0.0, f32::max)
        };
        let mut photos = [1, 2].map(|seed| picture(64, 64, seed));
        let mut scores = [best(&photos[0]), best(&photos[1])];
        if scores[0] > scores[1] {
            photos.reverse();
            scores.reverse();
        }
        assert!(scores[0] < scores[1], "{scores:?}");
        let settings =
            DetectorSettings { least_score: scores.iter().sum::<f32>() / 2.0, ..DetectorSettings::default() };
        let head = ManifestHead::new(1, "seeded", &bytes, "nothing", "MIT OR Apache-2.0");
        let manifest = DetectorManifest { head, settings, measured: Vec::new(), golden };
        write(folder, &manifest, &bytes).unwrap();
        photos
    }

    /// Nothing holds an untrained network's numbers down: its scores would all be 1. Makes the last convolutions weaker,
    /// so that answers lie within 2 of their biases.
    fn calm(mut state: StateDict, device: &Device) -> StateDict {
        let detector = Detector::new(&state, device).unwrap();
        let answers = read_sync(detector.golden()).unwrap().answers;
        let largest = answers.iter().map(|answer| answer.abs()).fold(1.0, f32::max);
        let heads = ["cls", "bbox", "obj", "kps"].map(|head| format!("bbox_head.multi_level_{head}."));
        for (name, array) in &mut state.0 {
            if heads.iter().any(|head| name.starts_with(head)) && name.ends_with("conv2.weight") {
                array.values.iter_mut().for_each(|weight| *weight *= 2.0 / largest);
            }
        }
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glae_face::detector::DetectorSettings;
    use glae_face::detector::network::YuNet;
    use glae_model::manifest::sha256;
    use glae_model::{ManifestHead, Precision};

    #[test]
    fn weights_that_answer_otherwise_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        seeded::write_into(folder.path());
        let (manifest, _): (DetectorManifest, _) = read(folder.path()).unwrap();
        // Other weights of the same shape, with their own checksum: only the known answer finds them out.
        let device = crate::device::cpu();
        let _turn = crate::device::turn();
        device.seed(6);
        let bytes = StateDict::of(&YuNet::new(&device)).to_safetensors(Precision::Full);
        let head = ManifestHead { sha256: sha256(&bytes), ..manifest.head.clone() };
        write(folder.path(), &DetectorManifest { head, ..manifest.clone() }, &bytes).unwrap();
        let error = format!("{:#}", finder(folder.path(), &device).unwrap_err());
        assert!(error.contains("--device cpu") && error.contains("off by"), "{error}");
        write(folder.path(), &manifest, &bytes).unwrap();
        assert!(
            format!("{:#}", read::<DetectorManifest>(folder.path()).unwrap_err())
                .contains("does not match its manifest")
        );
        let wild = DetectorSettings { longest_side: 1, ..manifest.settings };
        assert!(write(folder.path(), &DetectorManifest { settings: wild, ..manifest }, &bytes).is_err());
    }
}
