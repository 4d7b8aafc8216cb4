//! Everything on the far side of the worker boundary, and the messages that cross it.

pub mod adapter;
#[cfg(all(target_arch = "wasm32", feature = "inference"))]
mod cache;
#[cfg(all(target_arch = "wasm32", feature = "inference"))]
mod decode;
#[cfg(all(target_arch = "wasm32", feature = "inference"))]
pub mod device;
pub mod foreign;
#[cfg(all(target_arch = "wasm32", feature = "graphics"))]
mod graphics;
#[cfg(all(target_arch = "wasm32", feature = "inference", not(feature = "graphics")))]
#[path = "no_graphics.rs"]
mod graphics;
#[cfg(all(target_arch = "wasm32", feature = "inference"))]
mod helper;
#[cfg(all(target_arch = "wasm32", feature = "inference"))]
mod host;
pub mod protocol;
pub mod queue;
#[cfg(all(target_arch = "wasm32", feature = "inference"))]
mod start;
#[cfg(all(target_arch = "wasm32", feature = "inference"))]
mod weights;
#[cfg(all(target_arch = "wasm32", feature = "inference"))]
pub mod worker;
