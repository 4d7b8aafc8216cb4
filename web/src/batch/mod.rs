//! Many photographs one after the other: a queue, a table, a file for the leaderboard.

#[cfg(all(target_arch = "wasm32", feature = "ui"))]
pub(crate) mod files;
pub mod kind;
pub mod list;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod queue;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod view;

#[cfg(all(target_arch = "wasm32", feature = "ui"))]
pub use queue::FileList;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
pub(crate) use view::BatchView;
