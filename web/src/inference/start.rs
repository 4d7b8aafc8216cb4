//! From nothing to two checked networks on a device.

use burn::tensor::Device;
use futures_util::future::{join, try_join};
use glae_face::detector::Detector;
use glae_face::detector::manifest::Manifest as DetectorManifest;
use glae_model::fold::rehearse;
use glae_model::manifest::Crop;
use glae_model::{Estimator, Manifest, StateDict, WeightsError};

use super::device;
use super::pipeline::Pipeline;
use super::protocol::{DeviceChoice, DeviceKind, DeviceReport, Reply};
use super::weights;
use crate::browser::post;

/// The detector's weights.
struct Finder {
    manifest: DetectorManifest,
    state: StateDict,
}

/// A device that was proven with the detector.
struct Proven {
    device: Device,
    report: DeviceReport,
    detector: Detector,
}

/// What becomes a [`Pipeline`] on a device.
struct Parts {
    finder: Finder,
    manifest: Manifest,
    /// The age network's file.
    bytes: Vec<u8>,
    template: [[f32; 2]; 5],
}

/// Two checked networks.
pub(super) struct Started {
    pub(super) pipeline: Pipeline,
    pub(super) device: DeviceReport,
    /// The age network's file.
    pub(super) weights: Vec<u8>,
}

/// Fetches the weights, loads them onto the first device that works, and proves that it computes correctly.
///
/// WebGPU takes its time: it is opened while the manifests arrive, and proven with the detector while the age network's
/// weights do.
///
/// # Errors
/// Why there is nothing to estimate with, as a sentence with its remedy.
pub(super) async fn start(choice: DeviceChoice, wanted: Option<String>) -> Result<Started, String> {
    let web_gpu = async {
        match &choice {
            DeviceChoice::Cpu { because } => Err(because.clone()),
            DeviceChoice::Auto | DeviceChoice::WebGpu => device::web_gpu().await,
        }
    };
    let (web_gpu, found) = join(web_gpu, weights::find(wanted)).await;
    let ((finder, finder_source), (manifest, source)) = found?;
    // Weights that learned from other crops than this page makes would answer, and be wrong.
    let Crop::Landmarks(template) = manifest.input.crop else {
        return Err(format!(
            "The weights “{}” were trained on whole squares, and this page straightens faces first. Choose other weights.",
            manifest.name
        ));
    };
    let begin = async {
        let state = StateDict::from_safetensors(&finder_source.checked().await?).map_err(damaged)?;
        let finder = Finder { manifest: finder, state };
        let proven = match web_gpu {
            Ok((device, detail)) => {
                let report = DeviceReport { kind: DeviceKind::WebGpu, detail };
                let proven = finder.prove(device, report).await.map_err(unusable);
                proven.inspect(|proven| rehearse(&manifest.network, &proven.device))
            }
            Err(because) => Err(because),
        };
        Ok((finder, proven))
    };
    let ((finder, web_gpu), bytes) = try_join(begin, source.checked()).await?;
    let parts = Parts { finder, manifest, bytes, template };
    let loaded = match web_gpu {
        Ok(proven) => parts.load(proven).await.map_err(unusable),
        Err(because) => Err(because),
    };
    let because = match (loaded, choice) {
        (Ok(loaded), _) => return Ok(parts.started(loaded)),
        (Err(because), DeviceChoice::Cpu { .. }) => because,
        (Err(sentence), DeviceChoice::WebGpu) => return Err(forced(sentence)),
        (Err(sentence), DeviceChoice::Auto) => {
            post(&Reply::FellBack(format!("{sentence} The CPU computes instead.")));
            short(&sentence)
        }
    };
    let report = DeviceReport { kind: DeviceKind::Cpu, detail: because };
    let loaded = match parts.finder.prove(device::cpu(), report).await {
        Ok(proven) => parts.load(proven).await,
        Err(sentence) => Err(sentence),
    };
    let loaded = loaded.map_err(|sentence| {
        format!("The CPU cannot be used either. {sentence} Update the browser, or try another one.")
    })?;
    Ok(parts.started(loaded))
}

impl Finder {
    /// The detector on a device, proven with its golden input.
    async fn prove(&self, device: Device, report: DeviceReport) -> Result<Proven, String> {
        let detector = Detector::new(&self.state, &device).map_err(damaged)?;
        let checked = detector.golden_check(&self.manifest.golden).await;
        checked.map_err(|error| sentence(&error.to_string()))?;
        Ok(Proven { device, report, detector })
    }
}

impl Parts {
    fn started(self, (pipeline, device): (Pipeline, DeviceReport)) -> Started {
        Started { pipeline, device, weights: self.bytes }
    }

    /// The age network beside the detector, proven with its golden input.
    async fn load(&self, proven: Proven) -> Result<(Pipeline, DeviceReport), String> {
        let Proven { device, report, detector } = proven;
        post(&Reply::Checking(report.clone()));
        let state = StateDict::from_safetensors(&self.bytes).map_err(damaged)?;
        let estimator = Estimator::new(self.manifest.clone(), &state, &device).map_err(damaged)?;
        drop(state);
        estimator.golden_check().await.map_err(|error| error.to_string())?;
        let (settings, template) = (self.finder.manifest.settings, self.template);
        Ok((Pipeline { detector, settings, estimator, template, helper: Default::default() }, report))
    }
}

fn unusable(sentence: String) -> String {
    format!("WebGPU cannot be used. {sentence}")
}

/// A text that begins small, as a sentence.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

fn damaged(error: WeightsError) -> String {
    format!("The weights cannot be used ({error}). Reload the page; if it happens again, tell whoever runs this site.")
}

fn forced(sentence: String) -> String {
    format!("{sentence} Remove “device=webgpu” from the address to let the CPU take over.")
}

/// The sentence as the end of "CPU · …".
fn short(sentence: &str) -> String {
    let first = sentence.split_inclusive('.').next().unwrap_or(sentence).trim_end_matches('.');
    let mut letters = first.chars();
    match letters.next() {
        // "WebGPU ..." keeps its capitals.
        Some(letter) if !first.starts_with("WebGPU") => letter.to_lowercase().chain(letters).collect(),
        _ => first.to_owned(),
    }
}
