//! From nothing to a checked network on a device.

use glae_model::manifest::Crop;
use glae_model::{Estimator, WeightsError};

use super::device;
use super::protocol::{DeviceChoice, DeviceKind, DeviceReport, Reply};
use super::weights::{self, Origin, Source};
use crate::browser::post;

/// Fetches the weights, loads them onto the first device that works, and proves that it computes correctly.
///
/// # Errors
/// Why there is no estimator, as a sentence with its remedy.
pub(super) async fn start(choice: DeviceChoice, wanted: Option<String>) -> Result<(Estimator, DeviceReport), String> {
    let source = weights::find(wanted).await?;
    if source.manifest.input.crop != Crop::Square {
        return Err(format!(
            "The weights “{}” need faces aligned by landmarks, which this page cannot do yet. Choose other weights.",
            source.manifest.name
        ));
    }
    let bytes = checked_bytes(&source).await?;
    let because = match choice {
        DeviceChoice::Cpu { because } => because,
        DeviceChoice::WebGpu => return on_web_gpu(&source, &bytes).await.map_err(forced),
        DeviceChoice::Auto => match on_web_gpu(&source, &bytes).await {
            Ok(ready) => return Ok(ready),
            Err(sentence) => {
                post(&Reply::FellBack(format!("{sentence} The CPU computes instead.")));
                short(&sentence)
            }
        },
    };
    on_cpu(&source, &bytes, because).await
}

/// The weights, proven to be the manifest's, and kept for the next visit.
async fn checked_bytes(source: &Source) -> Result<Vec<u8>, String> {
    let (mut bytes, origin) = source.bytes().await?;
    if origin == Origin::Kept {
        if source.manifest.verify(&bytes).is_ok() {
            return Ok(bytes);
        }
        source.forget().await;
        bytes = source.fetch().await?;
    }
    source.manifest.verify(&bytes).map_err(damaged)?;
    source.keep(&bytes).await;
    Ok(bytes)
}

async fn on_web_gpu(source: &Source, bytes: &[u8]) -> Result<(Estimator, DeviceReport), String> {
    let (device, name) = device::web_gpu().await?;
    let report = DeviceReport { kind: DeviceKind::WebGpu, detail: name };
    post(&Reply::Checking(report.clone()));
    let estimator = Estimator::load(source.manifest.clone(), bytes, &device).map_err(damaged)?;
    estimator.golden_check().await.map_err(|error| format!("WebGPU cannot be used. {error}"))?;
    Ok((estimator, report))
}

async fn on_cpu(source: &Source, bytes: &[u8], because: String) -> Result<(Estimator, DeviceReport), String> {
    let report = DeviceReport { kind: DeviceKind::Cpu, detail: because };
    post(&Reply::Checking(report.clone()));
    let estimator = Estimator::load(source.manifest.clone(), bytes, &device::cpu()).map_err(damaged)?;
    let checked = estimator.golden_check().await;
    checked
        .map_err(|error| format!("The CPU cannot be used either. {error} Update the browser, or try another one."))?;
    Ok((estimator, report))
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
