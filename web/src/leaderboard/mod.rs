//! The pages "Leaderboard": the list of boards, and a board with its ranking, its charts and the visitor's own file.
//!
//! A program of its own. Reading order: `program`, `list` and `board` (the two pages), `table`, `charts`, `score` (the
//! visitor's file), `report`, `submit`, `own` and `compare`. Everything that needs no browser is public here and tested by
//! a plain `cargo test`.

pub mod address;
#[cfg(target_arch = "wasm32")]
mod api;
#[cfg(target_arch = "wasm32")]
mod board;
#[cfg(target_arch = "wasm32")]
mod charts;
#[cfg(target_arch = "wasm32")]
mod compare;
#[cfg(target_arch = "wasm32")]
mod desk;
pub mod draft;
#[cfg(target_arch = "wasm32")]
mod drafts;
#[cfg(target_arch = "wasm32")]
mod drawing;
pub mod export;
pub mod filter;
#[cfg(target_arch = "wasm32")]
mod form;
pub mod format;
#[cfg(target_arch = "wasm32")]
mod list;
#[cfg(target_arch = "wasm32")]
mod own;
#[cfg(target_arch = "wasm32")]
mod problems;
#[cfg(target_arch = "wasm32")]
mod program;
#[cfg(target_arch = "wasm32")]
mod report;
#[cfg(test)]
pub(crate) mod samples;
pub mod scatter;
#[cfg(target_arch = "wasm32")]
mod score;
pub mod sort;
pub mod stranger;
#[cfg(target_arch = "wasm32")]
mod submit;
#[cfg(target_arch = "wasm32")]
mod table;
#[cfg(target_arch = "wasm32")]
mod team;
pub mod verdict;

#[cfg(target_arch = "wasm32")]
pub use program::run;
