//! `trainer bench browser`: what the page and other engines need to compute the same in one browser.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use burn::tensor::{Device, read_sync};
use glae_estimate::{Finder, main_face};
use glae_face::RgbImage;
use glae_face::detector::DetectorSettings;
use glae_face::detector::decode::Face;
use glae_face::detector::manifest::DetectorManifest;
use glae_face::similarity::align;
use glae_model::config::{Backbone, NetworkConfig};
use glae_model::fold::FoldedNet;
use glae_model::golden::picture;
use glae_model::manifest::{Crop, Input, sha256};
use glae_model::{AgeManifest, AgeNet, Inference, ManifestHead, Precision, Routing, Rules, StateDict};
use serde::{Deserialize, Serialize};

use super::detector::{self, Ours};
use super::turns::bytes;
use crate::commands::export::golden;
use crate::exported;
use crate::onnx::age::{PAIR, age};
use glae_data::files::write_atomically;
use glae_data::photos;

/// The paper's network with weights from a seed. They know nothing of ages, and take as long as any.
const DRAWN: &str = "resnet18-224-drawn";

/// One face, large enough to be trusted.
const FACE: detector::Drawn = (1, 0.5, 0.5, 0.3);

/// `trainer bench browser`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The page's public files: the weights that ship are in its `weights/`.
    #[arg(long, default_value = "public")]
    pub public: PathBuf,
    /// Folder for the files.
    #[arg(long)]
    pub out: PathBuf,
}

/// `weights/index.json`, as the page reads it.
#[derive(Serialize, Deserialize)]
pub(super) struct Index {
    pub(super) default: String,
    pub(super) detector: String,
    weights: Vec<String>,
}

impl Index {
    /// Of a folder of weights.
    pub(super) fn read(weights: &Path) -> Result<Self> {
        let path = weights.join("index.json");
        let json = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&json).with_context(|| format!("cannot understand {}", path.display()))
    }
}

/// `plan.json`: what is measured, for the scripts that do it.
#[derive(Debug, Serialize, Deserialize)]
struct BenchPlan {
    /// Side of the photograph and of the detector's input, in pixels.
    side: u32,
    networks: Vec<Network>,
}

/// An age network. Its folder holds `network.onnx`, and `picture.png`, which is `input.f32` as the network takes it (as it
/// is and mirrored) and becomes `logits.f32`.
#[derive(Debug, Serialize, Deserialize)]
struct Network {
    name: String,
    title: String,
    /// Side of its input in pixels.
    side: usize,
    /// What it answers to `picture.png`.
    years: f32,
    /// What it answers to the face in the photograph.
    face_years: f32,
}

/// Writes `public/` for the page, the detector's files into `detector/` (`picture.png` is a photograph of one face), a folder
/// for each age network, and `plan.json`. The networks are the one that ships, and the paper's.
///
/// # Errors
/// Weights cannot be read, the detector finds no face in the photograph, or a file cannot be written.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let Arguments { public, out } = arguments;
    let device = crate::device::cpu();
    let (from, to) = (public.join("weights"), out.join("public").join("weights"));
    let Index { default, detector, .. } = Index::read(&from)?;
    for name in [&default, &detector] {
        copy(&from.join(name), &to.join(name))?;
    }
    let crop = exported::read::<AgeManifest>(&to.join(&default))?.0.input.crop;
    write_drawn(&to.join(DRAWN), crop, &device)?;
    let index = Index { weights: vec![default.clone(), DRAWN.to_owned()], default, detector };
    write_atomically(&to.join("index.json"), &serde_json::to_vec_pretty(&index)?)?;

    let folder = to.join(&index.detector);
    let (manifest, state): (DetectorManifest, _) = exported::read(&folder)?;
    let DetectorSettings { longest_side: side, .. } = manifest.settings;
    let photograph = detector::picture(side, &[FACE]);
    let own = out.join("detector");
    std::fs::create_dir_all(&own).with_context(|| format!("cannot create {}", own.display()))?;
    Ours::new(&state, photograph.clone(), &device)?.write_files(&state, &own)?;
    let face = face(&exported::finder(&folder, &device)?.1, &own.join("picture.png"))?;
    let networks =
        index.weights.iter().map(|name| network(&to.join(name), &out.join(name), &photograph, &face, &device));
    let plan = BenchPlan { side, networks: networks.collect::<Result<_>>()? };
    write_atomically(&out.join("plan.json"), &serde_json::to_vec_pretty(&plan)?)?;
    println!("{}: {}", out.display(), plan.networks.iter().map(|n| n.title.as_str()).collect::<Vec<_>>().join("; "));
    Ok(())
}

/// All files of a folder of weights.
fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    for entry in std::fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let file = entry?;
        std::fs::copy(file.path(), to.join(file.file_name()))
            .with_context(|| format!("cannot copy {}", file.path().display()))?;
    }
    Ok(())
}

/// What weights that were drawn from a seed were trained on.
const NOTHING: &str = "nothing: drawn from a seed, to measure how long they take";

/// Weights of the paper's network from a seed, as they would be exported.
fn write_drawn(folder: &Path, crop: Crop, device: &Device) -> Result<()> {
    let network = NetworkConfig::paper(Backbone::ResNet18);
    device.seed(1);
    let bytes = StateDict::of(&AgeNet::new(&network, device)).to_safetensors(Precision::Half);
    let input = Input { crop, ..Input::paper(network.input_size) };
    let state = StateDict::from_safetensors(&bytes)?;
    let inference = Inference::new(&network, &state, input, Rules::default(), device)?;
    let manifest = AgeManifest {
        head: ManifestHead::new(4, DRAWN, &bytes, NOTHING, "MIT OR Apache-2.0"),
        golden: golden(&inference, network.input_size)?,
        network,
        input,
        routing: Routing::default(),
        readout: Default::default(),
        temperatures: Default::default(),
        began_with: String::new(),
        config_sha256: sha256(b""),
        training_median: 0.0,
        measured: Vec::new(),
    };
    exported::write(folder, &manifest, &bytes)
}

/// The main face that is found in the photograph.
fn face(finder: &Finder, photograph: &Path) -> Result<Face> {
    let photo = photos::read(photograph, false)?.pixels;
    let faces = read_sync(finder.faces(&photo))?;
    let main = main_face(&faces, [photo.width(), photo.height()]);
    let main = main.with_context(|| format!("the detector finds no face in {}", photograph.display()))?;
    Ok(faces[main])
}

/// Writes what other engines need to compute with these weights.
fn network(folder: &Path, out: &Path, photograph: &RgbImage, face: &Face, device: &Device) -> Result<Network> {
    let (manifest, state): (AgeManifest, _) = exported::read(folder)?;
    let inference = Inference::new(&manifest.network, &state, manifest.input, manifest.rules(), device)?;
    let AgeManifest { head: ManifestHead { name, .. }, network, input, golden, .. } = manifest;
    let side = input.size;
    let picture = picture(side, golden.seed);
    let mut planes = Vec::new();
    for mirrored in [false, true] {
        input.normalise(&picture, mirrored, &mut planes);
    }
    let folded = FoldedNet::new(&network, &state, device)?;
    let logits = read_sync(folded.forward(&planes, [PAIR, 3, side, side])).map_err(anyhow::Error::msg)?;
    let Crop::Landmarks(template) = input.crop else { anyhow::bail!("{name} was trained on whole squares") };
    let straight = align(photograph, &face.points, &template, side as u32).context("the face's points coincide")?;
    let estimates = read_sync(inference.estimate(&[&picture, straight.as_raw()]))?;
    let [years, face_years] = [0, 1].map(|index| estimates[index].years);

    std::fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    let image = RgbImage::from_raw(side as u32, side as u32, picture).context("the picture is RGB8")?;
    image.save(out.join("picture.png")).context("cannot write the picture")?;
    write_atomically(&out.join("network.onnx"), &age(&network, &state, PAIR)?)?;
    write_atomically(&out.join("input.f32"), &bytes(&planes))?;
    write_atomically(&out.join("logits.f32"), &bytes(&logits))?;
    Ok(Network { title: title(&network), name, side, years, face_years })
}

/// "ResNet-18, 224 x 224"; other widths than the published one are told.
fn title(network: &NetworkConfig) -> String {
    let (kind, side) = (network.backbone.title(), network.input_size);
    match network.width {
        width if width == network.backbone.published_width() => format!("{kind}, {side} x {side}"),
        width => format!("{kind} of width {width}, {side} x {side}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_networks_get_their_files_and_the_page_gets_weights_it_can_check() {
        let folder = tempfile::tempdir().unwrap();
        let public = Path::new(env!("CARGO_MANIFEST_DIR")).join("../public");
        let out = folder.path().join("bench");
        run(&Arguments { public, out: out.clone() }).unwrap();
        let plan: BenchPlan = serde_json::from_slice(&std::fs::read(out.join("plan.json")).unwrap()).unwrap();
        assert_eq!(plan.networks.iter().map(|n| n.title.as_str()).next_back(), Some("ResNet-18, 224 x 224"));
        let length = |path: PathBuf| std::fs::metadata(path).unwrap().len() as usize;
        for Network { name, side, years, face_years, .. } in &plan.networks {
            let folder = out.join("public/weights").join(name);
            let estimator = exported::estimator(&folder, &crate::device::cpu()).unwrap();
            let (manifest, inference) = (estimator.manifest(), estimator.inference());
            let picture = glae_model::golden::picture(*side, manifest.golden.seed);
            assert!((read_sync(inference.estimate(&[&picture])).unwrap()[0].years - years).abs() < 1e-3);
            // Another picture, another answer.
            assert!(face_years.is_finite() && face_years != years, "{face_years}");
            let own = out.join(name);
            assert_eq!(length(own.join("input.f32")), 4 * PAIR * 3 * side * side);
            assert_eq!(length(own.join("logits.f32")), 4 * 2 * PAIR * glae_model::AGES);
            // The same numbers in f32 instead of f16.
            assert!(length(own.join("network.onnx")) as u64 > manifest.head.bytes * 19 / 10);
            let written = image::open(own.join("picture.png")).unwrap().to_rgb8();
            assert_eq!(written.as_raw(), &picture);
        }
        assert_eq!(length(out.join("detector/input.f32")), 4 * 3 * (plan.side * plan.side) as usize);
        assert!(out.join("detector/detector.onnx").is_file());
    }

    #[test]
    fn titles_tell_what_is_unusual() {
        let paper = NetworkConfig::paper(Backbone::ResNet50);
        assert_eq!(title(&paper), "ResNet-50, 224 x 224");
        assert_eq!(title(&NetworkConfig { width: 32, input_size: 64, ..paper }), "ResNet-50 of width 32, 64 x 64");
    }
}
