//! From nothing to two checked networks on a device.

use burn::tensor::Device;
use futures_util::future::{join, try_join};
use glae_estimate::{Finder, Pipeline, WholeSquares};
use glae_face::detector::Detector;
use glae_face::detector::manifest::DetectorManifest;
use glae_model::manifest::Crop;
use glae_model::{AgeManifest, Estimator, StateDict, WeightsError, WeightsFile};

use super::device::{self, Without};
use super::graphics::{self, rehearse};
use super::protocol::{DeviceChoice, DeviceKind, DeviceReport, Measured, Reply};
use super::weights::{self, WeightsSource};
use crate::browser::{now, within};
use crate::estimate::wording::{self, sentence, short};
use crate::weights::Wanted;
use crate::worker::host::post;

/// How long a device may take over a known input, its programs' compilation included, in seconds. The first one on a phone
/// took 8.
const PROOF_SECONDS: u32 = 60;

/// The same where WebGPU is forced: on a program in place of a card it takes minutes.
const FORCED_SECONDS: u32 = 540;

/// Stands for the time of a device that fails, in milliseconds.
const NEVER_MS: f64 = 1e9;

/// The detector's weights.
struct FinderWeights {
    manifest: DetectorManifest,
    state: StateDict,
    /// Whence they are, and the file.
    fetched: (WeightsSource, Vec<u8>),
}

/// A device that was proven with the detector.
struct Proven {
    device: Device,
    report: DeviceReport,
    detector: Detector,
}

/// What becomes a [`Pipeline`] on a device.
struct Loaded {
    finder: FinderWeights,
    manifest: AgeManifest,
    /// The age network's file.
    bytes: Vec<u8>,
}

/// Two checked networks.
pub(super) struct Started {
    pub(super) pipeline: Pipeline,
    pub(super) device: DeviceReport,
    /// The files they are of, the age network's last.
    pub(super) files: [(WeightsSource, Vec<u8>); 2],
}

/// Fetches the weights, loads them onto the first device that works, and proves that it computes correctly.
///
/// A device takes its time: WebGPU is opened while the manifests arrive, and what was chosen proven with the detector while the
/// age network's weights do. Unless it is forced, it is left alone where it is a program, or where `measured` or a measurement now says
/// that the processor answers sooner.
///
/// # Errors
/// Why there is nothing to estimate with, as a sentence with its remedy.
pub(super) async fn start(choice: DeviceChoice, wanted: Wanted, measured: Option<Measured>) -> Result<Started, String> {
    let forced = choice == DeviceChoice::WebGpu;
    let seconds = if forced { FORCED_SECONDS } else { PROOF_SECONDS };
    let (web_gpu, found) = join(web_gpu(&choice, measured.as_ref()), weights::find(wanted)).await;
    let ((finder, finder_source), (manifest, source)) = found?;
    // Weights that learned from other crops than this page makes would answer, and be wrong.
    if manifest.input.crop == Crop::Square {
        return Err(sentence(&WholeSquares { name: manifest.head.name }.to_string()));
    }
    let begin = async {
        let bytes = finder_source.checked().await?;
        let state = StateDict::from_safetensors(&bytes).map_err(damaged)?;
        let finder = FinderWeights { manifest: finder, state, fetched: (finder_source, bytes) };
        let proven = match web_gpu {
            Ok((device, detail)) => {
                let known = forced || measured.is_some_and(|measured| measured.adapter == detail);
                let report = DeviceReport { kind: DeviceKind::WebGpu, detail };
                let proven = or_break(seconds, finder.prove(device, report)).await.map_err(unusable);
                match proven {
                    Ok(proven) if !known => or_break(seconds, finder.compare(proven)).await,
                    proven => proven,
                }
                .inspect(|proven| rehearse(&manifest.network, &proven.device))
            }
            Err(because) => Err(because),
        };
        let proven = match proven {
            Ok(proven) => proven,
            Err(because) => finder.fall_back(because, forced).await?,
        };
        Ok((finder, proven))
    };
    let ((finder, proven), bytes) = try_join(begin, source.checked()).await?;
    let parts = Loaded { finder, manifest, bytes };
    let loaded = match proven.report.kind {
        DeviceKind::WebGpu => match or_break(seconds, parts.load(proven)).await {
            Ok(loaded) => Ok(loaded),
            Err(sentence) => parts.load(parts.finder.fall_back(unusable(sentence), forced).await?).await,
        },
        DeviceKind::Cpu => parts.load(proven).await,
    };
    let (pipeline, device) = loaded.map_err(|sentence| neither(&sentence))?;
    Ok(Started { pipeline, device, files: [parts.finder.fetched, (source, parts.bytes)] })
}

/// An open device with its adapter's name, where WebGPU is wanted and worth it.
async fn web_gpu(choice: &DeviceChoice, measured: Option<&Measured>) -> Result<(Device, String), Without> {
    if let DeviceChoice::Cpu { because } = choice {
        return Err(Without::Fine(because.clone()));
    }
    let info = device::adapter().await?;
    let name = wording::adapter(&info.vendor, &info.architecture, &info.device, &info.description);
    if *choice == DeviceChoice::Auto {
        if info.is_software() {
            return Err(Without::Fine(format!("WebGPU here is software ({name}), which is slower")));
        }
        if let Some(measured) = measured.filter(|measured| measured.adapter == name && !measured.gpu_pays()) {
            return Err(Without::Fine(wording::slower(measured)));
        }
    }
    Ok((graphics::open().await?, name))
}

/// What `answer` gives. A device that never gives it may hold this worker's memory and time, so the page is told to end
/// the worker.
async fn or_break<T>(seconds: u32, answer: impl Future<Output = T>) -> T {
    match within(seconds, answer).await {
        Some(answer) => answer,
        None => {
            post(&Reply::Broken(format!("the graphics adapter did not answer within {seconds} seconds")));
            std::future::pending().await
        }
    }
}

impl FinderWeights {
    /// Measures the detector once more on its device and on the processor, for this visit and the next ones. The device,
    /// if it pays.
    async fn compare(&self, proven: Proven) -> Result<Proven, Without> {
        let gpu_ms = self.time(&proven.detector).await.map_err(unusable)?;
        let report = DeviceReport { kind: DeviceKind::Cpu, detail: String::new() };
        // A processor that fails cannot be the quicker one; if it is needed, it is proven again.
        let cpu_ms = match self.prove(device::cpu(), report).await {
            Ok(cpu) => self.time(&cpu.detector).await.unwrap_or(NEVER_MS),
            Err(_) => NEVER_MS,
        };
        let measured = Measured { adapter: proven.report.detail.clone(), gpu_ms, cpu_ms };
        post(&Reply::Measured(measured.clone()));
        if measured.gpu_pays() { Ok(proven) } else { Err(Without::Fine(wording::slower(&measured))) }
    }

    /// How long a proven detector takes over the known input, in milliseconds.
    async fn time(&self, detector: &Detector) -> Result<f64, String> {
        let begin = now();
        detector.golden_check(&self.manifest.golden).await.map_err(|error| sentence(&error.to_string()))?;
        Ok(now() - begin)
    }

    /// The processor in place of WebGPU, and why; nothing where WebGPU is `forced`.
    async fn fall_back(&self, because: Without, forced: bool) -> Result<Proven, String> {
        let detail = match because {
            Without::Fine(because) if forced => return Err(remedy(&sentence(&because))),
            Without::Wrong(sentence) if forced => return Err(remedy(&sentence)),
            Without::Fine(because) => because,
            Without::Wrong(sentence) => {
                post(&Reply::FellBack(format!("{sentence} The CPU computes instead.")));
                short(&sentence)
            }
        };
        let proven = self.prove(device::cpu(), DeviceReport { kind: DeviceKind::Cpu, detail }).await;
        proven.map_err(|sentence| neither(&sentence))
    }

    /// The detector on a device, proven with its golden input.
    async fn prove(&self, device: Device, report: DeviceReport) -> Result<Proven, String> {
        let detector = Detector::new(&self.state, &device).map_err(damaged)?;
        let checked = detector.golden_check(&self.manifest.golden).await;
        checked.map_err(|error| sentence(&error.to_string()))?;
        Ok(Proven { device, report, detector })
    }
}

impl Loaded {
    /// The age network beside the detector, proven with its golden input.
    async fn load(&self, proven: Proven) -> Result<(Pipeline, DeviceReport), String> {
        let Proven { device, report, detector } = proven;
        post(&Reply::Checking(report.clone()));
        let file = WeightsFile::open(&self.bytes).map_err(damaged)?;
        let estimator = Estimator::new(self.manifest.clone(), &file, &device).map_err(damaged)?;
        estimator.golden_check().await.map_err(|error| error.to_string())?;
        let finder = Finder::new(detector, self.finder.manifest.settings);
        let pipeline = Pipeline::new(finder, estimator).map_err(|error| sentence(&error.to_string()))?;
        Ok((pipeline, report))
    }
}

fn neither(sentence: &str) -> String {
    format!("The CPU cannot be used either. {sentence} Update the browser, or try another one.")
}

fn unusable(sentence: String) -> Without {
    Without::Wrong(format!("WebGPU cannot be used. {sentence}"))
}

fn damaged(error: WeightsError) -> String {
    format!("The weights cannot be used ({error}). Reload the page; if it happens again, tell whoever runs this site.")
}

fn remedy(sentence: &str) -> String {
    format!("{sentence} Remove “device=webgpu” from the address to let the CPU take over.")
}
