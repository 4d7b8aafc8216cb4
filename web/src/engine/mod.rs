//! The page's side of the worker: starts it, feeds it, restarts it when it breaks.

#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod client;
pub mod recovery;

#[cfg(all(target_arch = "wasm32", feature = "ui"))]
pub use client::WorkerHandle;
