//! The page "Estimate": from a photograph, many of them, or the camera to ages.

#[cfg(target_arch = "wasm32")]
mod bench;
#[cfg(target_arch = "wasm32")]
mod cards;
#[cfg(target_arch = "wasm32")]
mod chart;
pub mod crop;
#[cfg(target_arch = "wasm32")]
mod cropper;
pub mod curve;
#[cfg(target_arch = "wasm32")]
mod examples;
#[cfg(target_arch = "wasm32")]
pub(crate) mod faces;
pub mod overlay;
#[cfg(target_arch = "wasm32")]
mod page;
#[cfg(target_arch = "wasm32")]
mod picker;
#[cfg(target_arch = "wasm32")]
mod preview;
#[cfg(target_arch = "wasm32")]
mod stage;
#[cfg(target_arch = "wasm32")]
mod status;
#[cfg(target_arch = "wasm32")]
pub(crate) mod viewer;
pub mod wording;

#[cfg(target_arch = "wasm32")]
pub use bench::Bench;
#[cfg(target_arch = "wasm32")]
pub use page::EstimatePage;
