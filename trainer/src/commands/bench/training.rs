//! `trainer bench training`: a step of training, and an estimate, beside PyTorch and onnxruntime on the same processor.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, Tensor, TensorData, read_sync};
use glae_model::backbone;
use glae_model::config::{Backbone, NetworkConfig, Rearrange};
use glae_model::cpu::together;
use glae_model::fold::FoldedNet;
use glae_model::{AgeNet, Precision, StateDict};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::peer::Peer;
use super::report::Measurement;
use super::turns::{Contender, THREADS, bytes, same, take_turns, threads_named, timed};
use crate::layers::Quick;
use crate::onnx::age::{PAIR, age};
use crate::optimizer::Sgd;
use crate::schedule::Rates;
use glae_data::files::write_atomically;

const RATES: Rates = Rates { step: 0, learning_rate: 0.01, momentum: 0.9 };
const DECAY: f64 = 5e-4;
const CLIP: f64 = 5.0;

/// Steps whose losses must agree before anything is timed.
const CHECKED: usize = 3;

/// `trainer bench training`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder for the files that other engines read, and for training.json.
    #[arg(long)]
    pub out: PathBuf,
    /// A Python with the packages of tests/bench/requirements-training.txt; without it only ours is measured.
    #[arg(long)]
    pub python: Option<PathBuf>,
    /// The program that runs the other engines.
    #[arg(long, default_value = "tests/bench/training.py")]
    pub script: PathBuf,
    /// Measurements of each engine.
    #[arg(long, default_value_t = 10)]
    pub rounds: usize,
}

/// A network and how many images one step sees.
struct Work {
    title: &'static str,
    network: NetworkConfig,
    batch: usize,
}

/// The paper's network, the quick one that trains without a GPU, and the one that ships.
fn works() -> [Work; 3] {
    let paper = NetworkConfig::paper(Backbone::ResNet18);
    let rearrange = Rearrange { r: 4, kernel: 4, stride: 4 };
    let quick = NetworkConfig { width: 32, input_size: 64, rearrange, ..paper.clone() };
    let small = NetworkConfig { width: 32, input_size: 112, ..NetworkConfig::paper(Backbone::MobileNetV1) };
    [
        Work { title: "ResNet-18, 224 x 224", network: paper, batch: 16 },
        Work { title: "ResNet-18 of half width, 64 x 64", network: quick, batch: 64 },
        Work { title: "MobileNet-v1, 112 x 112", network: small, batch: 32 },
    ]
}

/// Writes what other engines read, and `training.json`.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    ensure!(arguments.rounds > 0, "--rounds must be at least 1");
    let works = works().into_iter().map(|work| Prepared::new(work, &arguments.out)).collect::<Result<Vec<_>>>()?;
    let mut contenders = Vec::new();
    for work in &works {
        work.contenders(arguments, &mut contenders)?;
    }
    let facts = vec![
        "a step: forward, the mean square of the last map as loss, backward, SGD with Nesterov momentum; \
         an estimate: forward of a face and its mirror image"
            .to_owned(),
    ];
    let (facts, rows) = take_turns(contenders, arguments.rounds, facts)?;
    let title = "Training and estimating on the processor".to_owned();
    let measurement = Measurement { name: "training".to_owned(), title, facts, rows, ..Measurement::default() };
    println!("\n{}", measurement.to_markdown());
    write_atomically(&arguments.out.join("training.json"), &serde_json::to_vec_pretty(&measurement)?)
}

/// A network with weights from a seed, its input, and where other engines find both.
struct Prepared {
    work: Work,
    folder: PathBuf,
    device: Device,
    state: StateDict,
    input: Vec<f32>,
}

impl Prepared {
    fn new(work: Work, out: &Path) -> Result<Self> {
        let device = crate::device::cpu();
        device.seed(1);
        let net = AgeNet::new(&work.network, &device);
        let state = StateDict::of(&net);
        let side = work.network.input_size;
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let input: Vec<f32> = (0..work.batch * 3 * side * side).map(|_| random.random_range(-2.0..2.0)).collect();
        let folder = out.join(side.to_string());
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let backbone = StateDict::of(&net.backbone);
        write_atomically(&folder.join("backbone.safetensors"), &backbone.to_safetensors(Precision::Full))?;
        write_atomically(&folder.join("network.onnx"), &age(&work.network, &state, PAIR)?)?;
        write_atomically(&folder.join("input.f32"), &bytes(&input))?;
        Ok(Self { work, folder, device, state, input })
    }

    fn contenders<'a>(&'a self, arguments: &Arguments, contenders: &mut Vec<Contender<'a>>) -> Result<()> {
        let Work { title, batch, .. } = self.work;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let group = format!("{title}, a step of {batch} images");
        let mut training = Training::new(self)?;
        let losses = (0..CHECKED).map(|_| training.step()).collect::<Result<Vec<f32>>>()?;
        contenders.push(Contender::ours(group.clone(), "training", move || timed(|| training.step())));
        if let Some(python) = &arguments.python {
            let peer = self.peer(python, arguments, "step", cores)?;
            let fact = same(&peer, &losses)?;
            contenders.push(Contender::other(group, "training", peer, format!("{fact} (losses of {title})")));
        }
        for threads in THREADS {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
            let group = format!("{title}, an estimate, {}", threads_named(threads));
            let net = FoldedNet::new(&self.work.network, &self.state, &self.device)?;
            let input = self.tensor(PAIR, &self.device);
            let shape = input.dims();
            let pixels: Vec<f32> = input.into_data().try_into_vec()?;
            let estimate = move || read_sync(net.forward(&pixels, shape)).map_err(anyhow::Error::msg);
            let logits = estimate()?;
            let run = move || timed(|| pool.install(&estimate));
            contenders.push(Contender::ours(group.clone(), "whole network", run));
            let Some(python) = &arguments.python else { continue };
            let peer = self.peer(python, arguments, "onnxruntime", threads)?;
            let fact = same(&peer, &logits)?;
            contenders.push(Contender::other(
                group.clone(),
                "whole network",
                peer,
                format!("{fact} (logits of {title})"),
            ));
            let peer = self.peer(python, arguments, "estimate", threads)?;
            let features = self.state.load_into(AgeNet::new(&self.work.network, &self.device))?.backbone;
            let features = features.forward(self.tensor(PAIR, &self.device)).into_data().try_to_vec::<f32>()?;
            let fact = same(&peer, &features)?;
            contenders.push(Contender::other(group, "backbone only", peer, format!("{fact} (features of {title})")));
        }
        Ok(())
    }

    /// The first images.
    fn tensor(&self, images: usize, device: &Device) -> Tensor<4> {
        let side = self.work.network.input_size;
        let values = self.input[..images * 3 * side * side].to_vec();
        Tensor::from_data(TensorData::new(values, [images, 3, side, side]), device)
    }

    fn peer(&self, python: &Path, arguments: &Arguments, what: &str, threads: usize) -> Result<Peer> {
        let Work { network, batch, .. } = &self.work;
        let images = if what == "step" { *batch } else { PAIR };
        let numbers = [images, network.input_size, network.width, threads, CHECKED].map(|number| number.to_string());
        let words = [what.to_owned(), self.folder.to_string_lossy().into_owned()].into_iter().chain(numbers);
        Peer::start(python, &arguments.script, &words.collect::<Vec<_>>())
    }
}

/// The backbone in training, step by step on the same images.
struct Training {
    net: Option<backbone::Backbone>,
    sgd: Sgd,
    input: Tensor<4>,
}

impl Training {
    fn new(prepared: &Prepared) -> Result<Self> {
        let device = prepared.device.clone().autodiff();
        let net = prepared.state.load_into(AgeNet::new(&prepared.work.network, &device))?.backbone;
        Ok(Self { net: Some(net), sgd: Sgd::default(), input: prepared.tensor(prepared.work.batch, &device) })
    }

    /// Returns the loss before the step.
    fn step(&mut self) -> Result<f32> {
        let net = self.net.take().context("a step before failed")?;
        let (loss, gradients) = together(|| {
            let map = net.forward_with(self.input.clone(), &Quick);
            let loss = (map.clone() * map).mean();
            let gradients = loss.backward();
            (loss, gradients)
        });
        self.net = Some(self.sgd.step(net, gradients, RATES, DECAY, CLIP));
        Ok(loss.into_scalar())
    }
}
