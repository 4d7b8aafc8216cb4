//! `trainer detector`: trains, measures, exports and imports the face detector.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, read_sync};
use glae_estimate::Finder;
use glae_face::detector::manifest::{DetectionRates, DetectorManifest, DetectorMeasured, LONGEST_SIDES};
use glae_face::detector::network::YuNet;
use glae_face::detector::{Detector, DetectorSettings, SECOND};
use glae_model::{ManifestHead, Precision, StateDict};

use crate::checkpoint::Checkpoint;
use crate::detector::decoys::decoys;
use crate::detector::evaluation::{compare, detect, missed, searched};
use crate::detector::labels::{LabelledPhoto, PhotoUse, PhotoUses, load, people, read_names};
use crate::detector::mesh::{chips, everyday};
use crate::detector::scene::Stock;
use crate::detector::training::Plan;
use crate::exported;

/// What the first look of the shipped weights was trained on.
const TRAINED_ON: &str = "1,493 photographs of FairFace, Flickr8k, LFW, COCO, Caltech-101 and a CC0 clothing set, 1,066 without faces, UTKFace chips and drawn faces; labels by YuNet";

/// What their second look was trained on besides.
const SECOND_TRAINED_ON: &str = "; the second look on 1,349 of these photographs (24 of which show animals, and served as ones without faces in its last two cycles) and the same chips, points by FaceMesh where that is sure";

/// Scores below this are not even looked at when the threshold is chosen.
const DOUBTFUL: f32 = 0.05;

/// `trainer detector`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Train; leaves a checkpoint every 100 steps.
    Train {
        /// Folder with `natural`, `fairface`, `utkface` and `teacher`.
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
        /// Weights of a first look, whose false faces a second look learns to tell from faces.
        #[arg(long)]
        decoys_of: Option<PathBuf>,
        /// How to train.
        #[command(flatten)]
        plan: Plan,
    },
    /// Measure a run or exported weights on the photographs that were set aside.
    Evaluate {
        /// Folder of a run, or of exported weights.
        weights: PathBuf,
        /// Photographs to measure on: choose settings on those for tuning, and look at the kept ones seldom.
        #[arg(long, value_enum, default_value = "kept")]
        part: PhotoUse,
        /// Folder of a run whose weights are those of the second look.
        #[arg(long)]
        second: Option<PathBuf>,
        /// Folder with `natural`, `fairface` and `teacher`.
        #[arg(long, default_value = "../shared/data")]
        data: PathBuf,
        /// Least score of a face; without it several are shown.
        #[arg(long, value_parser = share)]
        least_score: Option<f32>,
        /// Photographs are resized to this longer side; default: as the manifest says.
        #[arg(long, value_parser = longest_side)]
        longest_side: Option<u32>,
        /// Search as the page does, in other turns and in tiles where that is called for.
        #[arg(long)]
        search: bool,
    },
    /// Turn a run into weights and manifest for the page.
    Export {
        /// Folder of the run, or of exported weights that are to look at photographs in another way.
        run: PathBuf,
        /// Folder of a run whose weights are those of the second look.
        #[arg(long)]
        second: Option<PathBuf>,
        /// Folder to write, e.g. public/weights/detector-NAME.
        #[arg(long)]
        out: PathBuf,
        /// Folder with `natural`, `fairface` and `teacher`.
        #[arg(long, default_value = "../shared/data")]
        data: PathBuf,
        /// Least score of a face.
        #[arg(long, value_parser = share, default_value_t = DetectorSettings::default().least_score)]
        least_score: f32,
        /// Photographs are resized to this longer side.
        #[arg(long, value_parser = longest_side, default_value_t = DetectorSettings::default().longest_side)]
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
        Command::Train { data, out, resume, from, decoys_of, plan } => {
            train(data, out, *resume, from.as_deref(), decoys_of.as_deref(), plan, device)
        }
        Command::Evaluate { weights, data, part, second, least_score, longest_side, search } => {
            let (state, mut settings) = both(weights, second.as_deref())?;
            settings.longest_side = longest_side.unwrap_or(settings.longest_side);
            let scores = match least_score {
                Some(score) => vec![*score],
                None if *search => vec![settings.least_score],
                None => vec![0.3, 0.4, 0.5, 0.6, 0.7, 0.8],
            };
            evaluate(&state, data, *part, &scores, settings, *search, device)
        }
        Command::Export { run, second, out, data, least_score, longest_side } => {
            let settings = DetectorSettings {
                least_score: *least_score,
                longest_side: *longest_side,
                ..DetectorSettings::default()
            };
            export(run, second.as_deref(), out, data, settings)
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

fn train(
    data: &Path,
    out: &Path,
    resume: bool,
    from: Option<&Path>,
    decoys_of: Option<&Path>,
    plan: &Plan,
    device: &Device,
) -> Result<()> {
    let from = from.map(weights).transpose()?.map(|(state, _)| state);
    let checkpoint = if resume { Some(Checkpoint::read(out)?) } else { None };
    ensure!(
        resume || !out.join(crate::checkpoint::FILE).exists(),
        "{} already holds a run: continue it with --resume, or give another --out",
        out.display()
    );
    std::fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    let mut stock = stock(data)?;
    if let Some(decoys_of) = decoys_of {
        stock.decoys = decoys(&stock.backgrounds, &weights(decoys_of)?.0, device)?;
    }
    eprintln!(
        "{} photographs with faces, {} without, with {} decoys, {} chips; run in {}",
        stock.photos.len(),
        stock.backgrounds.len(),
        stock.decoys.len(),
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
    let parts = PhotoUses::shipped();
    let training = |file: &str| parts.of(file) == PhotoUse::Training;
    let mut photos = everyday(data, "fairface", training)?;
    photos.extend(everyday(data, "natural", training)?);
    let (photos, mut backgrounds) = people(photos);
    backgrounds.extend(negatives(data, training)?);
    Ok(Stock { photos, backgrounds, chips: chips(data, |_| true)?, decoys: Vec::new() })
}

fn negatives(data: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<LabelledPhoto>> {
    let mut names = read_names(&data.join("natural/negatives.txt"))?;
    names.retain(|file| wanted(file));
    load(&data.join("natural/images"), names.into_iter().map(|file| (file, Vec::new())).collect())
}

/// Photographs to measure on.
fn sets(data: &Path, part: PhotoUse) -> Result<Vec<(&'static str, Vec<LabelledPhoto>)>> {
    let parts = PhotoUses::shipped();
    let wanted = |file: &str| parts.of(file) == part;
    let mut sets = Vec::new();
    for set in ["fairface", "natural"] {
        sets.push((set, everyday(data, set, wanted)?));
    }
    sets.push(("negatives", negatives(data, wanted)?));
    Ok(sets)
}

fn evaluate(
    state: &StateDict,
    data: &Path,
    part: PhotoUse,
    scores: &[f32],
    settings: DetectorSettings,
    search: bool,
    device: &Device,
) -> Result<()> {
    println!("photographs resized to a longer side of {} pixels", settings.longest_side);
    let mut sets = sets(data, part)?;
    if part == PhotoUse::Kept {
        // Training saw most of them; a false face is no less false there.
        sets.push(("all negatives", negatives(data, |_| true)?));
    }
    for measured in measure(state, &sets, scores, settings, search, device)? {
        println!("{}", line(&measured));
    }
    Ok(())
}

/// The weights of a run or an export; with those of another one for the second look.
fn both(folder: &Path, second: Option<&Path>) -> Result<(StateDict, DetectorSettings)> {
    let (mut state, settings) = weights(folder)?;
    if let Some(second) = second {
        state.put(SECOND, &weights(second)?.0);
    }
    Ok((state, settings))
}

/// The weights of a run or of an export, and how they look at photographs.
pub(super) fn weights(folder: &Path) -> Result<(StateDict, DetectorSettings)> {
    if folder.join(crate::checkpoint::FILE).exists() {
        return Ok((Checkpoint::read(folder)?.network, DetectorSettings::default()));
    }
    let (manifest, state): (DetectorManifest, _) = exported::read(folder)?;
    Ok((state, manifest.settings))
}

fn line(DetectorMeasured { set, found }: &DetectorMeasured) -> String {
    let DetectionRates { photos, main, recall, precision, false_alarms, .. } = *found;
    let alarms = format!("false alarms {false_alarms:.3} per photo ({photos} photos)");
    // In photographs without faces these shares say nothing.
    if main == 0.0 && recall == 0.0 {
        return format!("{set}: no labelled face was found, {alarms}");
    }
    let percent = |share: f64| 100.0 * share;
    let points = format!(
        "points median {:.2} %, mean {:.2} % of the eye distance ({} faces; {} profiles {:.1} %)",
        percent(found.landmark_median),
        percent(found.landmark_error),
        found.landmark_faces,
        found.profile_faces,
        percent(found.profile_error)
    );
    let [main, recall, precision] = [main, recall, precision].map(percent);
    format!("{set}: main face {main:.1} %, {points}, recall {recall:.1} %, precision {precision:.1} %, {alarms}")
}

/// Measures on every set, with every least score, and names the main faces that the last one misses.
fn measure(
    state: &StateDict,
    sets: &[(&str, Vec<LabelledPhoto>)],
    scores: &[f32],
    settings: DetectorSettings,
    search: bool,
    device: &Device,
) -> Result<Vec<DetectorMeasured>> {
    let looks = |least_score| DetectorSettings { least_score, ..settings };
    let finder = Finder::new(Detector::new(state, device)?, looks(scores.iter().copied().fold(1.0, f32::min)));
    let mut measured = Vec::new();
    for (set, photos) in sets {
        let answers = match search {
            true => searched(&finder, photos)?,
            false => detect(finder.detector(), photos, looks(DOUBTFUL))?,
        };
        for score in scores {
            measured
                .push(DetectorMeasured { set: format!("{set} >= {score}"), found: compare(photos, &answers, *score) });
        }
        for (file, face) in scores.last().map(|score| missed(photos, &answers, *score)).into_iter().flatten() {
            let [left, right, ..] = face.points;
            let eyes = (right[0] - left[0]).hypot(right[1] - left[1]);
            eprintln!("{file}: missed, {:.0} pixels wide, eyes {eyes:.0} apart", face.width);
        }
    }
    Ok(measured)
}

fn export(run: &Path, second: Option<&Path>, out: &Path, data: &Path, settings: DetectorSettings) -> Result<()> {
    let bytes = both(run, second)?.0.to_safetensors(Precision::Half);
    // What is measured is what is shipped: the weights after their way through f16.
    let state = StateDict::from_safetensors(&bytes)?;
    let measured =
        measure(&state, &sets(data, PhotoUse::Kept)?, &[settings.least_score], settings, false, &crate::device::cpu())?;
    measured.iter().for_each(|measured| println!("{}", line(measured)));
    let origin = WeightsOrigin {
        trained_on: format!("{TRAINED_ON}{}", if state.part(SECOND).0.is_empty() { "" } else { SECOND_TRAINED_ON }),
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
    let trained_on = "imported; see where the file came from".to_owned();
    let origin = WeightsOrigin { trained_on, licence: "as the imported file's" };
    ship(out, &bytes, DetectorSettings::default(), &origin, Vec::new())
}

/// Where weights are from.
struct WeightsOrigin {
    trained_on: String,
    licence: &'static str,
}

/// Writes weights and manifest. The known answers are those of the weights as they are written, on the CPU.
fn ship(
    out: &Path,
    bytes: &[u8],
    settings: DetectorSettings,
    origin: &WeightsOrigin,
    measured: Vec<DetectorMeasured>,
) -> Result<()> {
    let device = crate::device::cpu();
    let state = StateDict::from_safetensors(bytes)?;
    let detector = Detector::new(&state, &device)?;
    let format = if state.part(SECOND).0.is_empty() { 1 } else { 2 };
    let name = out.file_name().context("--out needs a name")?.to_string_lossy();
    let manifest = DetectorManifest {
        head: ManifestHead::new(format, &name, bytes, &origin.trained_on, origin.licence),
        settings,
        measured,
        golden: read_sync(detector.golden())?,
    };
    exported::write(out, &manifest, bytes)?;
    println!("{}: {} bytes of weights, {}", out.display(), manifest.head.bytes, manifest.head.sha256);
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
        let (manifest, read): (DetectorManifest, _) = exported::read(&out).unwrap();
        assert_eq!(manifest.head.name, "detector-imported");
        exported::finder(&out, &device).unwrap();
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
