#![doc = include_str!("../README.md")]
//!
//! The programs talk through [`inference::protocol`] and [`scoring::protocol`], shell and leaderboard by the events of
//! `boards`, and by nothing else.
//!
//! Modules that need a browser exist only for wasm; what is left (wording, arithmetic of drawings and crops, file formats,
//! the protocols, the bookkeeping of requests) is tested by a plain `cargo test -p web`.

#![cfg_attr(
    target_arch = "wasm32",
    allow(unreachable_pub, reason = "`#[component]` declares a public struct of properties for every component")
)]

#[cfg(all(target_arch = "wasm32", feature = "ui"))]
pub mod about;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
pub mod app;
pub mod batch;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod boards;
#[cfg(target_arch = "wasm32")]
mod browser;
pub mod camera;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod download;
pub mod engine;
pub mod estimate;
pub mod inference;
pub mod leaderboard;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod number_table;
pub mod scoring;
pub mod settings;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod storage;
pub mod weights;
pub mod worker;
