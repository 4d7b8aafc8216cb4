//! The devices of the browser, but for the one that `graphics` opens.

use burn::tensor::Device;
use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::adapter::AdapterInfo;
use crate::browser::{property, scope, within};

/// The processor: Burn's Flex backend with 128-bit SIMD.
pub fn cpu() -> Device {
    Device::flex()
}

/// Why WebGPU is not used.
#[derive(Debug)]
pub enum Without {
    /// Nothing is wrong: it is said beside the device and nowhere else. The end of "CPU · …".
    Fine(String),
    /// Something is wrong, as a sentence.
    Wrong(String),
}

/// How long a browser may take to name an adapter, and to open a device, in seconds each. Those that answer do so in less
/// than two.
pub(super) const ADAPTER_SECONDS: u32 = 15;

/// Asks the browser which adapter Burn will get, by the same preference.
///
/// # Errors
/// Why there is none.
pub async fn adapter() -> Result<AdapterInfo, Without> {
    let fine = |sentence: &str| Without::Fine(sentence.to_owned());
    let gpu = property(&scope().navigator(), "gpu");
    if gpu.is_falsy() {
        return Err(if scope().is_secure_context() {
            fine("this browser offers no WebGPU")
        } else {
            fine("browsers offer WebGPU only at secure addresses (https)")
        });
    }
    let options = Object::new();
    let _ = Reflect::set(&options, &"powerPreference".into(), &"high-performance".into());
    let promise = property(&gpu, "requestAdapter")
        .dyn_into::<Function>()
        .and_then(|request| request.call1(&gpu, &options))
        .and_then(JsCast::dyn_into::<Promise>)
        .map_err(|_| fine("this browser's WebGPU does not answer"))?;
    let answer = within(ADAPTER_SECONDS, JsFuture::from(promise)).await;
    let answer = answer.ok_or_else(|| Without::Wrong(silent("adapter")))?;
    let adapter = answer.unwrap_or(JsValue::NULL);
    if adapter.is_falsy() {
        return Err(fine("this browser found no graphics adapter"));
    }
    let info = property(&adapter, "info");
    let text = |name| property(&info, name).as_string().unwrap_or_default();
    Ok(AdapterInfo {
        vendor: text("vendor"),
        architecture: text("architecture"),
        device: text("device"),
        description: text("description"),
        // Where it stands has changed once; browsers have it in one of the two places.
        fallback: [&info, &adapter].into_iter().any(|place| property(place, "isFallbackAdapter").is_truthy()),
    })
}

/// What an adapter or a device that never answers is told of, as a sentence.
pub(super) fn silent(what: &str) -> String {
    format!("The graphics {what} did not answer within {ADAPTER_SECONDS} seconds.")
}
