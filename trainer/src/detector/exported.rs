//! Detector weights on disk, and detection in many photographs.

use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;

use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, read_sync};
use glae_face::detector::decode::{Face, main_face};
use glae_face::detector::manifest::Manifest;
use glae_face::detector::{Detector, Settings};
use glae_face::photo::Photo;
use glae_model::StateDict;
use glae_model::manifest::sha256;
use rayon::prelude::*;

use crate::checkpoint::write_atomically;
use crate::data::photos;

/// Writes weights and manifest into a folder, which is created.
///
/// # Errors
/// The manifest could not be read again, or the folder cannot be written.
pub fn write(folder: &Path, manifest: &Manifest, weights: &[u8]) -> Result<()> {
    manifest.check()?;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    write_atomically(&folder.join(&manifest.file), weights)?;
    write_atomically(&folder.join("manifest.json"), &serde_json::to_vec_pretty(manifest)?)
}

/// Reads exported weights and checks them against their manifest.
///
/// # Errors
/// A file is missing, damaged, or does not match.
pub fn read(folder: &Path) -> Result<(Manifest, StateDict)> {
    let path = folder.join("manifest.json");
    let json = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}: is this a run or exported weights?", path.display()))?;
    let manifest = Manifest::parse(&json).with_context(|| format!("{} is no detector's manifest", path.display()))?;
    let file = folder.join(&manifest.file);
    let bytes = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    ensure!(sha256(&bytes) == manifest.sha256, "{} does not match its manifest: export it again", file.display());
    let state = StateDict::from_safetensors(&bytes).with_context(|| format!("cannot use {}", file.display()))?;
    Ok((manifest, state))
}

/// A detector with the settings its manifest names.
#[derive(Debug)]
pub struct Exported {
    detector: Detector,
    settings: Settings,
}

impl Exported {
    /// Reads weights from a folder onto a device, which proves itself on the manifest's generated picture.
    ///
    /// # Errors
    /// They cannot be read, belong to another network, or the device computes something else than it should.
    pub fn open(folder: &Path, device: &Device) -> Result<Self> {
        let (manifest, state) = read(folder)?;
        let detector = Detector::new(&state, device).with_context(|| format!("cannot use {}", folder.display()))?;
        read_sync(detector.golden_check(&manifest.golden))
            .with_context(|| format!("{} cannot be used on this device: try --device cpu", folder.display()))?;
        Ok(Self { detector, settings: manifest.settings })
    }

    /// Finds the main face of each photograph, in their order: `each` gets the photograph's path and either the reason why
    /// the file cannot be used, or the photograph and its face in its pixels, or `None` where no face is found. One that is
    /// cut off cannot be used unless that is allowed.
    ///
    /// Files are decoded in parallel, ahead of the network; only as many photographs are held as keep both busy, and of large
    /// ones two.
    ///
    /// # Errors
    /// The device fails, or `each` does.
    pub fn main_faces(
        &self,
        paths: &[PathBuf],
        allow_cut_off: bool,
        mut each: impl FnMut(&Path, Result<Option<(Photo, Face)>, String>) -> Result<()>,
    ) -> Result<()> {
        std::thread::scope(|scope| {
            // One group is looked at while the next is decoded and waits to be taken.
            let (sender, receiver) = sync_channel(0);
            scope.spawn(move || {
                // Ends with the files, or when nobody listens any more.
                photos::together(paths, rayon::current_num_threads()).all(|group| {
                    let photos: Vec<_> = group.par_iter().map(|path| photos::read(path, allow_cut_off)).collect();
                    sender.send(photos).is_ok()
                })
            });
            for (path, photo) in paths.iter().zip(receiver.into_iter().flatten()) {
                let found = match photo {
                    Ok(photo) => {
                        let faces = read_sync(self.detector.detect(&photo.pixels, self.settings))?;
                        Ok(main_face(&faces).map(|face| (photo, *face)))
                    }
                    Err(reason) => Err(reason),
                };
                each(path, found)?;
            }
            Ok(())
        })
    }
}

/// Exported weights for tests: a seeded network that was never trained, and two photographs of which it finds a face only
/// in the second one.
#[cfg(test)]
pub(crate) mod seeded {
    use super::*;
    use glae_face::RgbImage;
    use glae_face::detector::golden::picture;
    use glae_face::detector::network::YuNet;

    /// Writes the weights into `folder`, and returns the two photographs.
    pub(crate) fn write_into(folder: &Path) -> [RgbImage; 2] {
        let device = crate::device::cpu();
        let _turn = crate::device::turn();
        device.seed(5);
        let state = calm(StateDict::of(&YuNet::new(&device)), &device);
        let bytes = state.to_safetensors(false);
        let detector = Detector::new(&state, &device).unwrap();
        let golden = read_sync(detector.golden()).unwrap();
        let all = Settings { least_score: 0.0, ..Settings::default() };
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
        let settings = Settings { least_score: scores.iter().sum::<f32>() / 2.0, ..Settings::default() };
        let manifest = Manifest {
            format: 1,
            name: "seeded".to_owned(),
            file: "weights.safetensors".to_owned(),
            sha256: sha256(&bytes),
            bytes: bytes.len() as u64,
            settings,
            trained_on: "nothing".to_owned(),
            licence: "MIT OR Apache-2.0".to_owned(),
            measured: Vec::new(),
            golden,
        };
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
    use glae_face::detector::network::YuNet;

    #[test]
    fn photographs_come_in_order_however_they_are_decoded() {
        let folder = tempfile::tempdir().unwrap();
        let [without, with] = seeded::write_into(&folder.path().join("detector"));
        let paths: Vec<PathBuf> = (0..7).map(|index| folder.path().join(format!("{index}.png"))).collect();
        for (index, path) in paths.iter().enumerate() {
            match index % 3 {
                0 => with.save(path).unwrap(),
                1 => without.save(path).unwrap(),
                _ => std::fs::write(path, "no photograph").unwrap(),
            }
        }
        let detector = Exported::open(&folder.path().join("detector"), &crate::device::cpu()).unwrap();
        let mut seen = Vec::new();
        let mut visit = |path: &Path, found: Result<Option<(Photo, Face)>, String>| {
            seen.push((path.to_owned(), found.map(|face| face.map(|(photo, _)| photo.pixels))));
            Ok(())
        };
        detector.main_faces(&paths, false, &mut visit).unwrap();
        for (index, (path, found)) in seen.iter().enumerate() {
            assert_eq!(*path, paths[index]);
            match index % 3 {
                0 => assert_eq!(found.as_ref().unwrap().as_ref(), Some(&with)),
                1 => assert_eq!(*found, Ok(None)),
                _ => assert!(found.as_ref().unwrap_err().contains("not a photo"), "{found:?}"),
            }
        }
        assert_eq!(seen.len(), paths.len());
        // Whoever has seen enough is not kept waiting.
        let stopped = detector.main_faces(&paths, false, |path, _| anyhow::bail!("enough after {}", path.display()));
        assert!(stopped.unwrap_err().to_string().contains("0.png"));
    }

    #[test]
    fn weights_that_answer_otherwise_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        seeded::write_into(folder.path());
        let (manifest, _) = read(folder.path()).unwrap();
        // Other weights of the same shape, with their own checksum: only the known answer finds them out.
        let device = crate::device::cpu();
        let _turn = crate::device::turn();
        device.seed(6);
        let bytes = StateDict::of(&YuNet::new(&device)).to_safetensors(false);
        write(folder.path(), &Manifest { sha256: sha256(&bytes), ..manifest.clone() }, &bytes).unwrap();
        let error = format!("{:#}", Exported::open(folder.path(), &device).unwrap_err());
        assert!(error.contains("--device cpu") && error.contains("off by"), "{error}");
        write(folder.path(), &manifest, &bytes).unwrap();
        assert!(read(folder.path()).unwrap_err().to_string().contains("does not match its manifest"));
        let wild = Settings { longest_side: 1, ..manifest.settings };
        assert!(write(folder.path(), &Manifest { settings: wild, ..manifest }, &bytes).is_err());
    }
}
