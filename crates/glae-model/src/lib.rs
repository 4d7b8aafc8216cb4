#![doc = include_str!("../README.md")]
//!
//! | step | where |
//! |---|---|
//! | ResNet-18/50 with torchvision's names and shapes, MobileNet-v1 | [`backbone`], [`mobilenet`] |
//! | feature rearrangement + convolution (III-B) | [`rearrange`] |
//! | holistic projection, eq. 8 | [`projection`] |
//! | vanilla and balanced classifiers on one backbone | [`network`] |
//! | label distribution and losses, eq. 1-10 (feature `loss`) | `loss` |
//! | adaptive routing, eq. 11 | [`routing`] |
//! | folding for inference, and the engines that compute what was folded | [`fold`], [`engine`] |
//! | weights on disk and their manifest | [`weights`], [`manifest`] |
//! | all of inference in one type | [`Estimator`] |
//!
//! No backend is named here: every function takes a device of Burn or tensors that live on one. Without the feature
//! `network` there is no Burn at all, and of this table the last two rows but one. The crate opens no files; callers pass bytes.

#[cfg(feature = "network")]
pub mod backbone;
pub mod config;
#[cfg(feature = "cpu")]
pub mod cpu;
#[cfg(feature = "network")]
pub mod engine;
#[cfg(feature = "network")]
mod estimator;
#[cfg(feature = "network")]
pub mod fold;
pub mod golden;
#[cfg(feature = "gpu")]
pub mod gpu;
#[cfg(feature = "network")]
pub mod layers;
#[cfg(feature = "loss")]
pub mod loss;
pub mod manifest;
#[cfg(feature = "network")]
pub mod mobilenet;
#[cfg(feature = "network")]
pub mod network;
#[cfg(feature = "network")]
pub mod projection;
#[cfg(feature = "network")]
pub mod rearrange;
pub mod routing;
#[cfg(feature = "tensors")]
pub mod tensors;
pub mod weights;

pub use config::NetworkConfig;
#[cfg(feature = "network")]
pub use estimator::{Estimate, EstimateError, Estimator, Heads, Inference};
pub use golden::{GoldenError, GoldenOutcome};
pub use manifest::{AgeManifest, Manifest, ManifestHead};
#[cfg(feature = "network")]
pub use network::AgeNet;
pub use routing::{Answer, Readout, Route, Routing, Rules, Temperatures};
pub use weights::{Arrays, Precision, StateDict, WeightsError, WeightsFile};

/// Number of age classes: 0, 1, ..., 100 years.
pub const AGES: usize = 101;

/// Burn's random numbers come from one generator per process. A test that draws holds this until it has drawn, so that each
/// run draws the same.
#[cfg(test)]
pub(crate) fn seeded(device: &burn::tensor::Device, seed: u64) -> std::sync::MutexGuard<'static, ()> {
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    device.seed(seed);
    turn
}
