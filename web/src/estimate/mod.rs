//! The page "Estimate": from a photograph, many of them, or the camera to ages.

#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod cards;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod chart;
pub mod crop;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod cropper;
pub mod curve;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod examples;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
pub(crate) mod faces;
pub mod overlay;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod page;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod picker;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod preview;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod stage;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod status;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
pub(crate) mod viewer;
pub mod wording;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod workplace;

#[cfg(all(target_arch = "wasm32", feature = "ui"))]
pub use page::EstimatePage;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
pub use workplace::Workplace;
