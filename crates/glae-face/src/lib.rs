#![doc = include_str!("../README.md")]
//!
//! Modules, in the order of a photograph's way:
//!
//! - [`photo`]: bytes of a JPEG, PNG or WebP file -> upright RGB8 image.
//! - `detector` (feature `detector`): a photograph -> its faces, each with a box and five landmarks.
//! - [`similarity`]: five landmarks -> the least-squares similarity transform that straightens a face.
//! - [`crop`]: a square of that image, resampled without aliasing.

pub mod crop;
#[cfg(feature = "detector")]
pub mod detector;
pub mod photo;
pub mod similarity;

pub use image::{Rgb, RgbImage};

/// Burn's random numbers come from one generator per process. A test that draws holds this until it has drawn, so that each
/// run draws the same.
#[cfg(all(test, feature = "detector"))]
pub(crate) fn seeded(device: &burn::tensor::Device, seed: u64) -> std::sync::MutexGuard<'static, ()> {
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    device.seed(seed);
    turn
}
