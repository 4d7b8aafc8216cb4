//! The page's side of the worker: starts it, feeds it, restarts it when it breaks.

#[cfg(target_arch = "wasm32")]
mod client;
#[cfg(target_arch = "wasm32")]
mod link;
pub mod recovery;

#[cfg(target_arch = "wasm32")]
pub use client::{Answer, Engine};
