//! The page: a visitor gives a photograph and sees an age, computed on the visitor's own device.
//!
//! Two programs share this library. `shell` is what paints: Leptos components, no network inside. `inference` lives in a
//! Web Worker and holds Burn. They talk through [`inference::protocol`] and nothing else.
//!
//! Modules that need a browser exist only for wasm; what is left (wording, chart and crop arithmetic, the protocol, the
//! bookkeeping of requests) is tested by a plain `cargo test -p web`.

#[cfg(target_arch = "wasm32")]
pub mod about;
#[cfg(target_arch = "wasm32")]
pub mod app;
pub mod engine;
pub mod estimate;
pub mod inference;
pub mod settings;
