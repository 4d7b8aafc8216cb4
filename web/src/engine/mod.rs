//! The page's side of the worker: starts it, feeds it, restarts it when it breaks.

#[cfg(target_arch = "wasm32")]
mod client;
pub mod recovery;

#[cfg(target_arch = "wasm32")]
pub use client::Engine;
