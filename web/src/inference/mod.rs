//! Everything on the far side of the worker boundary, and the messages that cross it.

#[cfg(target_arch = "wasm32")]
mod cache;
#[cfg(target_arch = "wasm32")]
pub mod device;
pub mod protocol;
pub mod queue;
#[cfg(target_arch = "wasm32")]
mod start;
#[cfg(target_arch = "wasm32")]
mod weights;
#[cfg(target_arch = "wasm32")]
pub mod worker;
