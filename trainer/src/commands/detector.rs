//! `trainer detector`: trains, measures, exports and imports the face detector.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use glae_face::detector::manifest::{Manifest, Measured};
use glae_face::detector::network::YuNet;
use glae_face::detector::{Detector, Settings};
use glae_model::StateDict;
use glae_model::manifest::sha256;

use crate::checkpoint::{Checkpoint, write_atomically};
use crate::detector::evaluation::{compare, detect};
use crate::detector::labels::{Kept, Labelled, load, read_faces, read_names};
use crate::detector::scene::Stock;
use crate::detector::training::Plan;

/// One chip in so many of UTKFace's training split is blended into backgrounds: more add little and fill the memory.
const CHIP_EVERY: usize = 4;

/// Scores below this are not even looked at when the threshold is chosen.
const DOUBTFUL: f32 = 0.05;

/// `trainer detector`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Train; leaves a checkpoint every 100 steps.
    Train {
        /// Folder with `natural`, `fairface` and `utkface`.
        #[arg(long, default_value = "../shared/data")]
        data: PathBuf,
        /// Folder of the run.
        #[arg(long, default_value = "runs/detector")]
        out: PathBuf,
        /// Continue from the checkpoint in --out, with the same settings.
        #[arg(long)]
        resume: bool,
        /// How to train.
        #[command(flatten)]
        plan: Plan,
    },
    /// Measure a run or exported weights on the photographs that were set aside.
    Evaluate {
        /// Folder of a run, or of exported weights.
        weights: PathBuf,
        /// Folder with `natural` and `fairface`.
        #[arg(long, default_value = "../shared/data")]
        data: PathBuf,
        /// Least score of a face; without it several are shown.
        #[arg(long)]
        least_score: Option<f32>,
    },
    /// Turn a run into weights and manifest for the page.
    Export {
        /// Folder of the run.
        run: PathBuf,
        /// Folder to write, e.g. public/weights/detector-NAME.
        #[arg(long)]
        out: PathBuf,
        /// Folder with `natural` and `fairface`.
        #[arg(long, default_value = "../shared/data")]
        data: PathBuf,
        /// Least score of a face.
        #[arg(long, default_value_t = Settings::default().least_score)]
        least_score: f32,
    },
    /// Turn a public YuNet_n state dict (safetensors, names as published) into weights and manifest.
    Import {
        /// The safetensors file.
        file: PathBuf,
        /// Folder to write.
        #[arg(long)]
        out: PathBuf,
    },
}

/// Runs the command.
///
/// # Errors
/// Data or weights cannot be read, or a folder cannot be written.
pub fn run(command: &Command, device: &Device) -> Result<()> {
    match command {
        Command::Train { data, out, resume, plan } => train(data, out, *resume, plan, device),
        Command::Evaluate { weights, data, least_score } => evaluate(weights, data, *least_score, device),
        Command::Export { run, out, data, least_score } => export(run, out, data, *least_score),
        Command::Import { file, out } => import(file, out),
    }
}

fn train(data: &Path, out: &Path, resume: bool, plan: &Plan, device: &Device) -> Result<()> {
    let checkpoint = if resume { Some(Checkpoint::read(out)?) } else { None };
    ensure!(
        resume || !out.join(crate::checkpoint::FILE).exists(),
        "{} already holds a run: continue it with --resume, or give another --out",
        out.display()
    );
    std::fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    let stock = stock(data)?;
    eprintln!(
        "{} photographs with faces, {} without, {} chips; run in {}",
        stock.photos.len(),
        stock.backgrounds.len(),
        stock.chips.len(),
        out.display()
    );
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    // A second handler cannot be set; then the first one, of the same process, serves.
    let _ = ctrlc::set_handler(move || {
        eprintln!("stopping after this step");
        flag.store(true, Ordering::Relaxed);
    });
    match plan.train(&stock, out, checkpoint, device, &stop)? {
        Some(_) => println!("finished; measure it with: trainer detector evaluate {}", out.display()),
        None => println!("stopped; continue with the same command and --resume"),
    }
    Ok(())
}

/// Everything that training may see.
fn stock(data: &Path) -> Result<Stock> {
    let kept = Kept::shipped();
    let mut photos = Vec::new();
    for set in ["fairface", "natural"] {
        let mut rows = read_faces(&data.join(set).join("faces.csv"))?;
        rows.retain(|(file, _)| !kept.holds(file));
        photos.extend(load(&data.join(set).join("images"), rows)?);
    }
    let backgrounds = negatives(data, |file| !kept.holds(file))?;
    let chips = read_faces(&data.join("utkface/landmarks-train.csv"))?.into_iter().step_by(CHIP_EVERY).collect();
    Ok(Stock { photos, backgrounds, chips: load(&data.join("utkface/images"), chips)? })
}

fn negatives(data: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<Labelled>> {
    let mut names = read_names(&data.join("natural/negatives.txt"))?;
    names.retain(|file| wanted(file));
    load(&data.join("natural/images"), names.into_iter().map(|file| (file, Vec::new())).collect())
}

/// The photographs that training never saw: sets with faces, and the negatives.
fn kept(data: &Path) -> Result<Vec<(&'static str, Vec<Labelled>)>> {
    let kept = Kept::shipped();
    let mut sets = Vec::new();
    for set in ["fairface", "natural"] {
        let mut rows = read_faces(&data.join(set).join("faces.csv"))?;
        rows.retain(|(file, _)| kept.holds(file));
        sets.push((set, load(&data.join(set).join("images"), rows)?));
    }
    sets.push(("negatives", negatives(data, |file| kept.holds(file))?));
    Ok(sets)
}

fn evaluate(weights: &Path, data: &Path, least_score: Option<f32>, device: &Device) -> Result<()> {
    let run = weights.join(crate::checkpoint::FILE);
    let state = if run.exists() { Checkpoint::read(weights)?.network } else { exported(weights)?.1 };
    let scores = least_score.map_or_else(|| vec![0.3, 0.4, 0.5, 0.6, 0.7, 0.8], |score| vec![score]);
    for Measured { set, found } in measure(&state, data, &scores, device)? {
        println!(
            "{set}: main face {:.1} %, points {:.2} % of the eye distance, recall {:.1} %, precision {:.1} %, false alarms {:.3} per photo ({} photos)",
            100.0 * found.main,
            100.0 * found.landmark_error,
            100.0 * found.recall,
            100.0 * found.precision,
            found.false_alarms,
            found.photos
        );
    }
    Ok(())
}

/// Measures on every kept set, with every least score.
fn measure(state: &StateDict, data: &Path, scores: &[f32], device: &Device) -> Result<Vec<Measured>> {
    let detector = Detector::new(state.load_into(YuNet::new(device))?, device);
    let mut measured = Vec::new();
    for (set, photos) in kept(data)? {
        let answers = detect(&detector, &photos, Settings { least_score: DOUBTFUL, ..Settings::default() })?;
        for score in scores {
            measured.push(Measured { set: format!("{set} >= {score}"), found: compare(&photos, &answers, *score) });
        }
    }
    Ok(measured)
}

/// Reads exported weights and checks them against their manifest.
fn exported(folder: &Path) -> Result<(Manifest, StateDict)> {
    let path = folder.join("manifest.json");
    let text = std::fs::read(&path)
        .with_context(|| format!("cannot read {}: is this a run or exported weights?", path.display()))?;
    let manifest: Manifest =
        serde_json::from_slice(&text).with_context(|| format!("{} is no detector's manifest", path.display()))?;
    let file = folder.join(&manifest.file);
    let bytes = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    ensure!(sha256(&bytes) == manifest.sha256, "{} does not match its manifest: export it again", file.display());
    Ok((manifest, StateDict::from_safetensors(&bytes)?))
}

fn export(run: &Path, out: &Path, data: &Path, least_score: f32) -> Result<()> {
    let bytes = Checkpoint::read(run)?.network.to_safetensors(true);
    // What is measured is what is shipped: the weights after their way through f16.
    let measured = measure(&StateDict::from_safetensors(&bytes)?, data, &[least_score], &crate::device::cpu())?;
    let manifest = Manifest {
        format: 1,
        name: name(out)?,
        file: "weights.safetensors".to_owned(),
        sha256: sha256(&bytes),
        bytes: bytes.len() as u64,
        settings: Settings { least_score, ..Settings::default() },
        trained_on: "1,493 photographs of FairFace, Flickr8k, LFW, COCO, Caltech-101 and a CC0 clothing set, 1,066 without faces, and UTKFace chips; labels by YuNet".to_owned(),
        licence: "Non-commercial research only, as the data they were trained on".to_owned(),
        measured,
    };
    write(out, &manifest, &bytes)
}

fn import(file: &Path, out: &Path) -> Result<()> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let device = crate::device::cpu();
    let state = StateDict::from_safetensors(&bytes)
        .with_context(|| format!("{}: save the state dict with safetensors.torch.save_file first", file.display()))?;
    let net = state.load_into(YuNet::new(&device)).with_context(|| format!("{} is not YuNet_n", file.display()))?;
    let bytes = StateDict::of(&net).to_safetensors(false);
    let manifest = Manifest {
        format: 1,
        name: name(out)?,
        file: "weights.safetensors".to_owned(),
        sha256: sha256(&bytes),
        bytes: bytes.len() as u64,
        settings: Settings::default(),
        trained_on: "imported; see where the file came from".to_owned(),
        licence: "as the imported file's".to_owned(),
        measured: Vec::new(),
    };
    write(out, &manifest, &bytes)
}

fn name(out: &Path) -> Result<String> {
    Ok(out.file_name().context("--out needs a name")?.to_string_lossy().into_owned())
}

fn write(out: &Path, manifest: &Manifest, bytes: &[u8]) -> Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    write_atomically(&out.join(&manifest.file), bytes)?;
    write_atomically(&out.join("manifest.json"), &serde_json::to_vec_pretty(manifest)?)?;
    println!("{}: {} bytes of weights, {}", out.display(), manifest.bytes, manifest.sha256);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_imported_state_dict_answers_as_before() {
        let folder = tempfile::tempdir().unwrap();
        let device = crate::device::cpu();
        device.seed(7);
        let net = YuNet::new(&device);
        let state = StateDict::of(&net);
        // The names of the published file.
        for name in [
            "backbone.model0.bn1.running_mean",
            "neck.lateral_convs.2.bn.weight",
            "bbox_head.multi_level_share_convs.0.0.conv1.bias",
            "bbox_head.multi_level_kps.2.conv2.weight",
        ] {
            assert!(state.0.contains_key(name), "{name}");
        }
        let file = folder.path().join("yunet.safetensors");
        std::fs::write(&file, state.to_safetensors(false)).unwrap();
        let out = folder.path().join("detector-imported");
        import(&file, &out).unwrap();
        let (manifest, read) = exported(&out).unwrap();
        assert_eq!(manifest.name, "detector-imported");
        let again = read.load_into(YuNet::new(&device)).unwrap();
        let input = burn::tensor::Tensor::<4>::ones([1, 3, 32, 32], &device);
        let answers = |net: &YuNet| net.forward(input.clone()).into_data().try_to_vec::<f32>().unwrap();
        for (a, b) in answers(&net).iter().zip(answers(&again)) {
            assert_eq!(*a, b);
        }
        std::fs::write(&file, "text").unwrap();
        assert!(import(&file, &out).unwrap_err().to_string().contains("safetensors"));
    }
}
