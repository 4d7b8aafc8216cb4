//! Scoring a predictions file on the visitor's own device, in a Web Worker of its own: the page stays responsive, and a
//! file that is only looked at is never sent.

#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod client;
pub mod protocol;
#[cfg(target_arch = "wasm32")]
mod read;
pub mod renaming;
#[cfg(target_arch = "wasm32")]
pub mod worker;

#[cfg(all(target_arch = "wasm32", feature = "ui"))]
pub use client::{ScorerState, Scoring, TruthSource};
