//! From nothing to two checked networks on a device.

use burn::tensor::Device;
use glae_face::detector::Detector;
use glae_face::detector::manifest::Manifest as DetectorManifest;
use glae_model::manifest::Crop;
use glae_model::{Estimator, Manifest, StateDict, WeightsError};

use super::device;
use super::pipeline::Pipeline;
use super::protocol::{DeviceChoice, DeviceKind, DeviceReport, Reply};
use super::weights;
use crate::browser::post;

/// Everything that is put onto a device.
struct Parts {
    finder: (DetectorManifest, StateDict),
    network: (Manifest, Vec<u8>),
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
/// # Errors
/// Why there is nothing to estimate with, as a sentence with its remedy.
pub(super) async fn start(choice: DeviceChoice, wanted: Option<String>) -> Result<Started, String> {
    let ((finder, finder_source), (manifest, source)) = weights::find(wanted).await?;
    // Weights that learned from other crops than this page makes would answer, and be wrong.
    let Crop::Landmarks(template) = manifest.input.crop else {
        return Err(format!(
            "The weights “{}” were trained on whole squares, and this page straightens faces first. Choose other weights.",
            manifest.name
        ));
    };
    let finder_state = StateDict::from_safetensors(&finder_source.checked().await?).map_err(damaged)?;
    let bytes = source.checked().await?;
    let parts = Parts { finder: (finder, finder_state), network: (manifest, bytes), template };
    let because = match choice {
        DeviceChoice::Cpu { because } => because,
        DeviceChoice::WebGpu => return on_web_gpu(&parts).await.map_err(forced).map(|ready| parts.onto(ready)),
        DeviceChoice::Auto => match on_web_gpu(&parts).await {
            Ok(ready) => return Ok(parts.onto(ready)),
            Err(sentence) => {
                post(&Reply::FellBack(format!("{sentence} The CPU computes instead.")));
                short(&sentence)
            }
        },
    };
    let report = DeviceReport { kind: DeviceKind::Cpu, detail: because };
    let pipeline = parts.load(&device::cpu(), &report).await.map_err(|sentence| {
        format!("The CPU cannot be used either. {sentence} Update the browser, or try another one.")
    })?;
    Ok(parts.onto((pipeline, report)))
}

async fn on_web_gpu(parts: &Parts) -> Result<(Pipeline, DeviceReport), String> {
    let (device, name) = device::web_gpu().await?;
    let report = DeviceReport { kind: DeviceKind::WebGpu, detail: name };
    let pipeline =
        parts.load(&device, &report).await.map_err(|sentence| format!("WebGPU cannot be used. {sentence}"))?;
    Ok((pipeline, report))
}

impl Parts {
    fn onto(self, (pipeline, device): (Pipeline, DeviceReport)) -> Started {
        Started { pipeline, device, weights: self.network.1 }
    }

    /// Both networks on a device, each proven with its golden input.
    async fn load(&self, device: &Device, report: &DeviceReport) -> Result<Pipeline, String> {
        post(&Reply::Checking(report.clone()));
        let (finder, state) = &self.finder;
        let detector = Detector::new(state, device).map_err(damaged)?;
        let (manifest, bytes) = &self.network;
        let estimator = Estimator::load(manifest.clone(), bytes, device).map_err(damaged)?;
        detector.golden_check(&finder.golden).await.map_err(|error| sentence(&error.to_string()))?;
        estimator.golden_check().await.map_err(|error| error.to_string())?;
        let helper = Default::default();
        Ok(Pipeline { detector, settings: finder.settings, estimator, template: self.template, helper })
    }
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
