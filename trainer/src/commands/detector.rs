//! `trainer detector`: trains, measures, exports and imports the face detector.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, read_sync};
use glae_face::detector::manifest::{Found, LONGEST_SIDES, Manifest, Measured};
use glae_face::detector::network::YuNet;
use glae_face::detector::{Detector, Settings};
use glae_model::manifest::sha256;
use glae_model::{Precision, StateDict};

use crate::checkpoint::Checkpoint;
use crate::detector::evaluation::{compare, detect};
use crate::detector::exported;
use crate::detector::labels::{Kept, Labelled, load, read_faces, read_names};
use crate::detector::scene::Stock;
use crate::detector::training::Plan;

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
        /// Begin with the weights of this run or of exported weights: another cycle, with a fresh optimizer.
        #[arg(long, conflicts_with = "resume")]
        from: Option<PathBuf>,
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
        #[arg(long, value_parser = share)]
        least_score: Option<f32>,
        /// Photographs are resized to this longer side; default: as the manifest says.
        #[arg(long, value_parser = longest_side)]
        longest_side: Option<u32>,
    },
    /// Turn a run into weights and manifest for the page.
    Export {
        /// Folder of the run, or of exported weights that are to look at photographs in another way.
        run: PathBuf,
        /// Folder to write, e.g. public/weights/detector-NAME.
        #[arg(long)]
        out: PathBuf,
        /// Folder with `natural` and `fairface`.
        #[arg(long, default_value = "../shared/data")]
        data: PathBuf,
        /// Least score of a face.
        #[arg(long, value_parser = share, default_value_t = Settings::default().least_score)]
        least_score: f32,
        /// Photographs are resized to this longer side.
        #[arg(long, value_parser = longest_side, default_value_t = Settings::default().longest_side)]
        longest_side: u32,
    },
    /// Turn a public YuNet_n state dict (safetensors, names as published) into weights and manifest.
    Import {
        /// The safetensors file.
        file: PathBuf,
        /// Folder to write.
        #[arg(long)]
        out: PathBuf,
    },
    /// Turn weights into an ONNX file for other engines.
    Onnx(super::onnx::Arguments),
}

/// Runs the command.
///
/// # Errors
/// Data or weights cannot be read, or a folder cannot be written.
pub fn run(command: &Command, device: &Device) -> Result<()> {
    match command {
        Command::Train { data, out, resume, from, plan } => train(data, out, *resume, from.as_deref(), plan, device),
        Command::Evaluate { weights, data, least_score, longest_side } => {
            evaluate(weights, data, *least_score, *longest_side, device)
        }
        Command::Export { run, out, data, least_score, longest_side } => {
            let settings = Settings { least_score: *least_score, longest_side: *longest_side, ..Settings::default() };
            export(run, out, data, settings)
        }
        Command::Import { file, out } => import(file, out),
        Command::Onnx(arguments) => super::onnx::run(arguments),
    }
}

/// Reads a share from the command line.
fn share(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| "give a number from 0 to 1".to_owned())
}

/// Reads a longer side from the command line.
fn longest_side(text: &str) -> Result<u32, String> {
    let (least, most) = (LONGEST_SIDES.start(), LONGEST_SIDES.end());
    let side = text.parse().ok().filter(|side| LONGEST_SIDES.contains(side));
    side.ok_or_else(|| format!("give a number of pixels from {least} to {most}"))
}

fn train(data: &Path, out: &Path, resume: bool, from: Option<&Path>, plan: &Plan, device: &Device) -> Result<()> {
    let from = from.map(weights).transpose()?.map(|(state, _)| state);
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
    match plan.train(&stock, out, from.as_ref(), checkpoint, device, &stop)? {
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
    let chips = read_faces(&data.join("utkface/landmarks-train.csv"))?;
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

fn evaluate(
    folder: &Path,
    data: &Path,
    least_score: Option<f32>,
    longest_side: Option<u32>,
    device: &Device,
) -> Result<()> {
    let (state, mut settings) = weights(folder)?;
    settings.longest_side = longest_side.unwrap_or(settings.longest_side);
    let scores = least_score.map_or_else(|| vec![0.3, 0.4, 0.5, 0.6, 0.7, 0.8], |score| vec![score]);
    println!("photographs resized to a longer side of {} pixels", settings.longest_side);
    for measured in measure(&state, data, &scores, settings, device)? {
        println!("{}", line(&measured));
    }
    Ok(())
}

/// The weights of a run or of an export, and how they look at photographs.
pub(super) fn weights(folder: &Path) -> Result<(StateDict, Settings)> {
    if folder.join(crate::checkpoint::FILE).exists() {
        return Ok((Checkpoint::read(folder)?.network, Settings::default()));
    }
    let (manifest, state) = exported::read(folder)?;
    Ok((state, manifest.settings))
}

fn line(Measured { set, found }: &Measured) -> String {
    let Found { photos, main, landmark_error, recall, precision, false_alarms } = *found;
    let alarms = format!("false alarms {false_alarms:.3} per photo ({photos} photos)");
    // In photographs without faces these shares say nothing.
    if main == 0.0 && recall == 0.0 {
        return format!("{set}: no labelled face was found, {alarms}");
    }
    let [main, error, recall, precision] = [main, landmark_error, recall, precision].map(|share| 100.0 * share);
    format!(
        "{set}: main face {main:.1} %, points {error:.2} % of the eye distance, recall {recall:.1} %, precision {precision:.1} %, {alarms}"
    )
}

/// Measures on every kept set, with every least score.
fn measure(
    state: &StateDict,
    data: &Path,
    scores: &[f32],
    settings: Settings,
    device: &Device,
) -> Result<Vec<Measured>> {
    let detector = Detector::new(state, device)?;
    let mut measured = Vec::new();
    for (set, photos) in kept(data)? {
        let answers = detect(&detector, &photos, Settings { least_score: DOUBTFUL, ..settings })?;
        for score in scores {
            measured.push(Measured { set: format!("{set} >= {score}"), found: compare(&photos, &answers, *score) });
        }
    }
    Ok(measured)
}

fn export(run: &Path, out: &Path, data: &Path, settings: Settings) -> Result<()> {
    let bytes = weights(run)?.0.to_safetensors(Precision::Half);
    // What is measured is what is shipped: the weights after their way through f16.
    let state = StateDict::from_safetensors(&bytes)?;
    let measured = measure(&state, data, &[settings.least_score], settings, &crate::device::cpu())?;
    measured.iter().for_each(|measured| println!("{}", line(measured)));
    let origin = Origin {
        trained_on: "1,493 photographs of FairFace, Flickr8k, LFW, COCO, Caltech-101 and a CC0 clothing set, 1,066 without faces, UTKFace chips and drawn faces; labels by YuNet",
        licence: "Non-commercial research only, as the data they were trained on",
    };
    ship(out, &bytes, settings, &origin, measured)
}

fn import(file: &Path, out: &Path) -> Result<()> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let state = StateDict::from_safetensors(&bytes)
        .with_context(|| format!("{}: save the state dict with safetensors.torch.save_file first", file.display()))?;
    let net = state
        .load_into(YuNet::new(&crate::device::cpu()))
        .with_context(|| format!("{} is not YuNet_n", file.display()))?;
    let bytes = StateDict::of(&net).to_safetensors(Precision::Full);
    let origin = Origin { trained_on: "imported; see where the file came from", licence: "as the imported file's" };
    ship(out, &bytes, Settings::default(), &origin, Vec::new())
}

/// Where weights are from.
struct Origin {
    trained_on: &'static str,
    licence: &'static str,
}

/// Writes weights and manifest. The known answers are those of the weights as they are written, on the CPU.
fn ship(out: &Path, bytes: &[u8], settings: Settings, origin: &Origin, measured: Vec<Measured>) -> Result<()> {
    let device = crate::device::cpu();
    let detector = Detector::new(&StateDict::from_safetensors(bytes)?, &device)?;
    let manifest = Manifest {
        format: 1,
        name: out.file_name().context("--out needs a name")?.to_string_lossy().into_owned(),
        file: "weights.safetensors".to_owned(),
        sha256: sha256(bytes),
        bytes: bytes.len() as u64,
        settings,
        trained_on: origin.trained_on.to_owned(),
        licence: origin.licence.to_owned(),
        measured,
        golden: read_sync(detector.golden())?,
    };
    exported::write(out, &manifest, bytes)?;
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
        let _turn = crate::device::turn();
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
        std::fs::write(&file, state.to_safetensors(Precision::Full)).unwrap();
        let out = folder.path().join("detector-imported");
        import(&file, &out).unwrap();
        let (manifest, read) = exported::read(&out).unwrap();
        assert_eq!(manifest.name, "detector-imported");
        exported::open(&out, &device).unwrap();
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
