//! WebGPU, in the program that has it.

use burn::tensor::Device;
pub use glae_model::fold::rehearse;

use super::device::{ADAPTER_SECONDS, Without, silent};
use super::protocol::Reply;
use crate::browser::within;
use crate::worker::host::post;

/// Opens WebGPU.
///
/// From here on a lost device is reported to the page as it happens, not only when the next estimate fails. Uncaught validation
/// errors panic inside Burn, and the panic hook reports them too.
///
/// # Errors
/// Why it cannot be opened.
pub async fn open() -> Result<Device, Without> {
    let opened = within(ADAPTER_SECONDS, Device::wgpu_options().init_with_setup_async()).await;
    let (device, setup) = opened.ok_or_else(|| Without::Wrong(silent("device")))?.map_err(|error| {
        Without::Wrong(format!("WebGPU could not be opened: {}.", error.to_string().trim_end_matches('.')))
    })?;
    // In browsers this adds a listener beside Burn's own; it does not replace it.
    setup.device.set_device_lost_callback(|_, message| {
        post(&Reply::Broken(if message.is_empty() { "the device was lost".into() } else { message }));
    });
    Ok(device)
}
