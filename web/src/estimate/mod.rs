//! The page "Estimate": from a photograph to an age.

#[cfg(target_arch = "wasm32")]
mod chart;
pub mod crop;
#[cfg(target_arch = "wasm32")]
mod cropper;
pub mod curve;
#[cfg(target_arch = "wasm32")]
mod page;
#[cfg(target_arch = "wasm32")]
mod picker;
#[cfg(target_arch = "wasm32")]
mod result;
#[cfg(target_arch = "wasm32")]
mod status;
pub mod wording;

#[cfg(target_arch = "wasm32")]
pub use page::EstimatePage;
