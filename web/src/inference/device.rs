//! The devices of the browser. The only place of the page that names a backend.

use burn::tensor::Device;
use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::protocol::Reply;
use crate::browser::{post, property, scope};
use crate::estimate::wording;

/// The processor: Burn's Flex backend with 128-bit SIMD.
pub fn cpu() -> Device {
    Device::flex()
}

/// Opens WebGPU and returns the device with its adapter's name.
///
/// From here on a lost device is reported to the page as it happens, not only when the next estimate fails. Validation
/// errors that nobody catches panic inside Burn, and the panic hook reports them too.
///
/// # Errors
/// Why there is none, as a sentence.
pub async fn web_gpu() -> Result<(Device, String), String> {
    let name = adapter_name().await?;
    let (device, setup) = Device::wgpu_options()
        .init_with_setup_async()
        .await
        .map_err(|error| format!("WebGPU could not be opened: {error}."))?;
    // In browsers this adds a listener beside Burn's own; it does not replace it.
    setup.device.set_device_lost_callback(|_, message| {
        post(&Reply::Broken(if message.is_empty() { "the device was lost".into() } else { message }));
    });
    Ok((device, name))
}

/// Asks the browser which adapter Burn will get, by the same preference.
async fn adapter_name() -> Result<String, String> {
    let gpu = property(&scope().navigator(), "gpu");
    if gpu.is_falsy() {
        return Err("This browser offers no WebGPU.".into());
    }
    let options = Object::new();
    let _ = Reflect::set(&options, &"powerPreference".into(), &"high-performance".into());
    let promise = property(&gpu, "requestAdapter")
        .dyn_into::<Function>()
        .and_then(|request| request.call1(&gpu, &options))
        .and_then(JsCast::dyn_into::<Promise>)
        .map_err(|_| "This browser's WebGPU does not answer.".to_owned())?;
    let adapter = JsFuture::from(promise).await.unwrap_or(JsValue::NULL);
    if adapter.is_falsy() {
        return Err("This browser found no graphics adapter for WebGPU.".into());
    }
    let info = property(&adapter, "info");
    let text = |name| property(&info, name).as_string().unwrap_or_default();
    Ok(wording::adapter(&text("vendor"), &text("architecture"), &text("device"), &text("description")))
}
