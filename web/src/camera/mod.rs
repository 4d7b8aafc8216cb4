//! The camera: faces live, ages smoothed over time. Pictures go to the worker and nowhere else.

#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod live;
pub mod rate;
pub mod refusal;
pub mod tracks;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod view;

#[cfg(all(target_arch = "wasm32", feature = "ui"))]
pub use live::{Camera, CameraState};
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
pub(crate) use view::CameraView;
