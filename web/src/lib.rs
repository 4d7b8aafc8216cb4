//! The page: a visitor gives a photograph and sees an age, or gives predictions of ages and sees how good they are; both
//! computed on the visitor's own device.
//!
//! Four programs share this library. `shell` is what paints: Leptos components, no network inside. `leaderboard` paints the
//! boards, and comes when somebody looks at them. `inference` lives in a Web Worker and holds Burn. `scorer` lives in another
//! and holds the metrics. They talk through [`inference::protocol`] and [`scoring::protocol`], shell and leaderboard by the
//! events of `boards`, and nothing else.
//!
//! Modules that need a browser exist only for wasm; what is left (wording, arithmetic of drawings and crops, file formats,
//! the protocols, the bookkeeping of requests) is tested by a plain `cargo test -p web`.

#![cfg_attr(
    target_arch = "wasm32",
    allow(unreachable_pub, reason = "`#[component]` declares a public struct of properties for every component")
)]

#[cfg(target_arch = "wasm32")]
pub mod about;
#[cfg(target_arch = "wasm32")]
pub mod app;
pub mod batch;
#[cfg(target_arch = "wasm32")]
mod boards;
#[cfg(target_arch = "wasm32")]
mod browser;
pub mod camera;
#[cfg(target_arch = "wasm32")]
mod download;
pub mod engine;
pub mod estimate;
pub mod inference;
pub mod leaderboard;
pub mod scoring;
pub mod settings;
#[cfg(target_arch = "wasm32")]
mod storage;
