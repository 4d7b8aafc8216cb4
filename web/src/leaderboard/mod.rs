//! The pages "Leaderboard": the list of boards, and a board with its ranking, its charts and the visitor's own file.
//!
//! A program of its own. Reading order: `program`, `list` and `board` (the two pages), `table`, `charts`, `score` (the
//! visitor's file), `report`, `submit`, `own` and `compare`; `contest` and `records` where there are such; the pages `mine` (a team's own)
//! and `organise`. Everything that needs no browser is public here and tested by
//! a plain `cargo test`.

pub mod address;
pub mod ages;
#[cfg(target_arch = "wasm32")]
mod api;
#[cfg(target_arch = "wasm32")]
mod board;
#[cfg(target_arch = "wasm32")]
mod charts;
#[cfg(target_arch = "wasm32")]
mod compare;
#[cfg(target_arch = "wasm32")]
mod contest;
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
mod mine;
#[cfg(target_arch = "wasm32")]
mod organise;
#[cfg(target_arch = "wasm32")]
mod organised;
#[cfg(target_arch = "wasm32")]
mod own;
#[cfg(target_arch = "wasm32")]
mod problems;
#[cfg(target_arch = "wasm32")]
mod program;
#[cfg(target_arch = "wasm32")]
mod records;
#[cfg(target_arch = "wasm32")]
mod report;
#[cfg(target_arch = "wasm32")]
mod rules;
#[cfg(test)]
pub(crate) mod samples;
pub mod scatter;
pub mod scene;
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
pub mod time;
#[cfg(target_arch = "wasm32")]
mod tokens;
pub mod verdict;

#[cfg(target_arch = "wasm32")]
pub use program::run;
