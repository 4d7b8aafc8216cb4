//! `trainer bench detector`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use burn::module::Module;
use burn::tensor::{Device, Distribution, Tensor, TensorData, read_sync};
use glae_face::RgbImage;
use glae_face::detector::decode::{Face, priors, read_all};
use glae_face::detector::network::{STRIDES, YuNet};
use glae_face::detector::{Detector, DetectorSettings, planes};
use glae_face::similarity::Similarity;
use glae_model::StateDict;
use glae_model::engine::Placed;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::peer::Peer;
use super::report::Measurement;
use super::turns::{Contender, THREADS, bytes, same, take_turns, threads_named, timed};
use crate::detector::drawn::Drawing;
use crate::detector::onnx::{Layout, yunet};
use glae_data::files::write_atomically;

/// `trainer bench detector`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder of a run, or of exported weights; without it, a network drawn from a seed.
    #[arg(long)]
    pub weights: Option<PathBuf>,
    /// Folder for the files that other engines read, and for native.json.
    #[arg(long)]
    pub out: PathBuf,
    /// A Python with the packages of tests/bench/requirements.txt; without it only ours is measured.
    #[arg(long)]
    pub python: Option<PathBuf>,
    /// The program that runs the other engines.
    #[arg(long, default_value = "tests/bench/native.py")]
    pub script: PathBuf,
    /// Measurements of each engine.
    #[arg(long, default_value_t = 40)]
    pub rounds: usize,
    /// Side of the picture in pixels; a multiple of 32.
    #[arg(long, default_value_t = 320)]
    pub side: u32,
}

/// One pass of the network.
const NETWORK: &str = "network";

/// From a picture to faces, without a second look.
const FACES: &str = "faces";

/// What is compared with each other.
fn group(work: &str, threads: usize) -> String {
    format!("{work}, {}", threads_named(threads))
}

/// Writes `detector.onnx`, `detector-opencv.onnx`, `picture.png`, `input.f32`, `answers.f32` and `native.json`.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let Arguments { out, side, .. } = arguments;
    ensure!(arguments.rounds > 0, "--rounds must be at least 1");
    let device = crate::device::cpu();
    let (state, weights) = match &arguments.weights {
        Some(folder) => (crate::commands::detector::weights(folder)?.0, format!("weights of {}", name(folder))),
        None => (drawn_network(&device), "a network drawn from a seed".to_owned()),
    };
    std::fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    let ours = Ours::new(&state, picture(*side, &TWO), &device)?;
    ours.write_files(&state, out)?;

    let pools = THREADS.map(|threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build());
    let mut contenders = Vec::new();
    for (threads, pool) in THREADS.into_iter().zip(&pools) {
        let ours = &ours;
        let pool = pool.as_ref().map_err(|error| anyhow!("no threads: {error}"))?;
        let network = move || timed(|| pool.install(|| ours.network()));
        let faces = move || timed(|| pool.install(|| ours.faces()));
        contenders.push(Contender::ours(group(NETWORK, threads), "from planes to answers", network));
        if let Some(python) = &arguments.python {
            contenders.push(ours.onnxruntime(python, arguments, threads)?);
        }
        contenders.push(Contender::ours(group(FACES, threads), "from pixels to faces", faces));
        if let Some(python) = &arguments.python {
            contenders.push(ours.opencv(python, arguments, threads)?);
        }
    }
    let (facts, rows) = take_turns(contenders, arguments.rounds, vec![weights])?;
    let title = format!("The detector at {side} x {side}, on the processor without a browser");
    let measurement = Measurement { name: "detector-native".to_owned(), title, facts, rows, ..Measurement::default() };
    println!("\n{}", measurement.to_markdown());
    write_atomically(&out.join("native.json"), &serde_json::to_vec_pretty(&measurement)?)
}

/// Our detector and what it looks at.
pub(super) struct Ours {
    net: YuNet,
    placed: Placed<YuNet>,
    detector: Detector,
    picture: RgbImage,
    /// Of the picture.
    planes: Vec<f32>,
    shape: [usize; 4],
    settings: DetectorSettings,
}

impl Ours {
    pub(super) fn new(state: &StateDict, picture: RgbImage, device: &Device) -> Result<Self> {
        let net = state.load_into(YuNet::new(device))?;
        let (planes, width, height) = planes(&picture);
        let (placed, detector) = (Placed::<YuNet>::new(state, device)?, Detector::new(state, device)?);
        let settings =
            DetectorSettings { longest_side: picture.width(), second_look: false, ..DetectorSettings::default() };
        Ok(Self { net, placed, detector, picture, planes, shape: [1, 3, height, width], settings })
    }

    fn answers(&self) -> Vec<f32> {
        let input = TensorData::new(self.planes.clone(), self.shape);
        self.net
            .forward(Tensor::from_data(input, &crate::device::cpu()))
            .into_data()
            .try_to_vec()
            .expect("the network computes in f32")
    }

    fn network(&self) -> Result<Vec<Vec<f32>>> {
        Ok(read_sync(self.placed.forward(&self.planes, self.shape))?)
    }

    fn faces(&self) -> Result<Vec<Face>> {
        Ok(read_sync(self.detector.detect(&self.picture, self.settings))?)
    }

    /// What other engines read, here and in the browser.
    pub(super) fn write_files(&self, state: &StateDict, out: &Path) -> Result<()> {
        let side = self.picture.width() as usize;
        write_atomically(&out.join("detector.onnx"), &yunet(state, side, side, Layout::Answers)?)?;
        write_atomically(&out.join("detector-opencv.onnx"), &yunet(state, side, side, Layout::OpenCv)?)?;
        write_atomically(&out.join("input.f32"), &bytes(&self.planes))?;
        write_atomically(&out.join("answers.f32"), &bytes(&self.answers()))?;
        self.picture.save(out.join("picture.png")).context("cannot write the picture")
    }

    fn onnxruntime(&self, python: &Path, arguments: &Arguments, threads: usize) -> Result<Contender<'static>> {
        let words = ["onnxruntime", &path(arguments, "detector.onnx"), &path(arguments, "input.f32")];
        let words = words.map(str::to_owned).into_iter().chain([arguments.side.to_string(), threads.to_string()]);
        let peer = Peer::start(python, &arguments.script, &words.collect::<Vec<_>>())?;
        let fact = same(&peer, &self.answers())?;
        println!("{fact}; threads: {threads}");
        Ok(Contender::other(group(NETWORK, threads), "from planes to answers", peer, fact))
    }

    fn opencv(&self, python: &Path, arguments: &Arguments, threads: usize) -> Result<Contender<'static>> {
        let side = self.picture.width() as usize;
        let (surest, least_score) = surest(read_all(&self.answers(), &priors(side, side)));
        let words = ["opencv", &path(arguments, "detector-opencv.onnx"), &path(arguments, "picture.png")];
        let DetectorSettings { least_score: usual, most_overlap, .. } = self.settings;
        let numbers = [side.to_string(), threads.to_string(), least_score.to_string()];
        let numbers = numbers.into_iter().chain([usual, most_overlap].map(|number| number.to_string()));
        let words: Vec<String> = words.map(str::to_owned).into_iter().chain(numbers).collect();
        let peer = Peer::start(python, &arguments.script, &words)?;
        let difference = faces_apart(&peer.hello.answers, &surest)?;
        let version = &peer.hello.version;
        ensure!(
            difference < super::turns::SAME,
            "{version} finds other faces than we do: {difference:e} of their size apart"
        );
        let fact =
            format!("{version} finds our {} surest faces, at most {difference:.1e} of their size apart", surest.len());
        println!("{fact}; threads: {threads}");
        Ok(Contender::other(group(FACES, threads), "from pixels to faces", peer, fact))
    }
}

fn path(arguments: &Arguments, file: &str) -> String {
    arguments.out.join(file).to_string_lossy().into_owned()
}

/// The surest dozens of faces, and a score that divides them from the others by as much as possible.
fn surest(mut faces: Vec<Face>) -> (Vec<Face>, f32) {
    faces.sort_by(|a, b| b.score.total_cmp(&a.score));
    let gap = |count: usize| faces[count - 1].score - faces[count].score;
    let count = (12..36.min(faces.len())).max_by(|a, b| gap(*a).total_cmp(&gap(*b))).unwrap_or(1);
    let between = (faces[count - 1].score + faces[count].score) / 2.0;
    faces.truncate(count);
    (faces, between)
}

/// How far OpenCV's faces (rows of box, five points, score) lie from the nearest of ours at most, in shares of its size,
/// but of no less than the coarsest stride, in which its numbers are told.
fn faces_apart(theirs: &[f32], ours: &[Face]) -> Result<f32> {
    ensure!(theirs.len() == 15 * ours.len(), "{} faces instead of {}", theirs.len() / 15, ours.len());
    ensure!(theirs.iter().all(|value| value.is_finite()), "NaN or infinity among the faces");
    let apart = |row: &[f32], face: &Face| {
        let own = [face.x, face.y, face.width, face.height].into_iter().chain(face.points.into_iter().flatten());
        let most = own.zip(row).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
        most / face.width.max(face.height).max(STRIDES[2] as f32)
    };
    let nearest = |row: &[f32]| ours.iter().map(|face| apart(row, face)).fold(f32::INFINITY, f32::min);
    Ok(theirs.chunks_exact(15).map(nearest).fold(0f32, f32::max))
}

/// A network from a seed. It has seen enough noise for its BatchNorm statistics to be those of a network in use; the
/// initial ones would let numbers grow out of all bounds.
fn drawn_network(device: &Device) -> StateDict {
    device.seed(1);
    let training = device.clone().autodiff();
    let net = YuNet::new(&training);
    for _ in 0..40 {
        net.forward(Tensor::random([2, 3, 64, 64], Distribution::Uniform(0.0, 255.0), &training));
    }
    StateDict::of(&net.valid())
}

/// Where a drawn face is: its seed, the middle across and down and half its height, in shares of the picture's side.
pub(super) type Drawn = (u64, f32, f32, f32);

/// Two faces, side by side.
const TWO: [Drawn; 2] = [(1, 0.3, 0.42, 0.2), (2, 0.72, 0.6, 0.16)];

/// Drawn faces before a gradient.
pub(super) fn picture(side: u32, faces: &[Drawn]) -> RgbImage {
    let mut picture = RgbImage::from_fn(side, side, |x, y| {
        let share = |at: u32| (at * 160 / side) as u8;
        image::Rgb([60 + share(x), 90 + share(y), 190 - share((x + y) / 2)])
    });
    let side = side as f32;
    for &(seed, x, y, size) in faces {
        let place = Similarity { a: size * side, b: 0.02 * side, tx: x * side, ty: y * side };
        Drawing::new(&mut ChaCha8Rng::seed_from_u64(seed)).paint(&mut picture, &place);
    }
    picture
}

fn name(folder: &Path) -> String {
    folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(x: f32, score: f32) -> Face {
        Face { x, y: 0.0, width: 10.0, height: 20.0, points: [[x, 1.0]; 5], score }
    }

    #[test]
    fn the_widest_gap_divides_the_surest_faces_from_the_others() {
        let scores =
            (0..50).map(|index| if index < 17 { 0.9 - 0.001 * index as f32 } else { 0.5 - 0.001 * index as f32 });
        let (surest, least) = surest(scores.rev().map(|score| face(0.0, score)).collect());
        assert_eq!((surest.len(), surest[0].score), (17, 0.9));
        assert!(least > 0.484 && least < 0.884);
    }

    #[test]
    fn faces_are_compared_with_the_nearest_of_ours() {
        let row = |x: f32| [x, 0.0, 10.0, 20.0, x, 1.0, x, 1.0, x, 1.0, x, 1.0, x, 1.0, 0.5];
        let ours = [face(0.0, 0.9), face(100.0, 0.8)];
        assert_eq!(faces_apart(&[row(101.0), row(0.0)].concat(), &ours).unwrap(), 1.0 / 32.0);
        assert!(faces_apart(&row(0.0), &ours).is_err());
    }

    #[test]
    fn without_other_engines_ours_is_measured_and_their_files_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("bench");
        let script = "unused".into();
        run(&Arguments { weights: None, out: out.clone(), python: None, script, rounds: 1, side: 64 }).unwrap();
        let bytes = std::fs::read(out.join("native.json")).unwrap();
        let measurement: Measurement = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(measurement.rows.len(), 4);
        assert!(
            measurement.rows.iter().all(|row| row.ours && row.milliseconds.len() == 1 && row.milliseconds[0] > 0.0)
        );
        assert_eq!(std::fs::read(out.join("input.f32")).unwrap().len(), 4 * 3 * 64 * 64);
        assert_eq!(std::fs::read(out.join("answers.f32")).unwrap().len(), 4 * 84 * 16);
        for file in ["detector.onnx", "detector-opencv.onnx", "picture.png"] {
            assert!(out.join(file).is_file(), "{file}");
        }
    }
}
