//! In place of `graphics` in the program that computes on the processor alone.

use burn::tensor::Device;
use glae_model::NetworkConfig;

use super::device::Without;

/// # Errors
/// Always.
pub async fn open() -> Result<Device, Without> {
    Err(Without::Fine("this program computes on it alone".to_owned()))
}

/// There is nothing to translate.
pub fn rehearse(_: &NetworkConfig, _: &Device) {}
