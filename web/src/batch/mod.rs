//! Many photographs one after the other: a queue, a table, a file for the leaderboard.

#[cfg(target_arch = "wasm32")]
pub(crate) mod files;
pub mod kind;
pub mod list;
#[cfg(target_arch = "wasm32")]
mod queue;
#[cfg(target_arch = "wasm32")]
mod view;

#[cfg(target_arch = "wasm32")]
pub use queue::Batch;
#[cfg(target_arch = "wasm32")]
pub(crate) use view::BatchView;
