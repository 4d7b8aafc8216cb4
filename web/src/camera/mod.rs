//! The camera: faces live, ages smoothed over time. Pictures go to the worker and nowhere else.

#[cfg(target_arch = "wasm32")]
mod live;
pub mod rate;
pub mod refusal;
pub mod tracks;
#[cfg(target_arch = "wasm32")]
mod view;

#[cfg(target_arch = "wasm32")]
pub use live::{Camera, Phase};
#[cfg(target_arch = "wasm32")]
pub(crate) use view::CameraView;
