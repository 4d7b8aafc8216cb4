//! The pages "Leaderboard": the list of boards, and a board with its ranking, its charts and the visitor's own file.
//!
//! A program of its own. Reading order: `program`, `list` and `board` (the two pages), `table`, `charts`, `score` (the
//! visitor's file), `report`, `submit`, `own` and `compare`; `contest` and `records` where there are such; the pages `mine` (a team's own)
//! and `organise`. Everything that needs no browser is public here and tested by
//! a plain `cargo test`.

pub mod address;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod api;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod board;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod charts;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod compare;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod contest;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod desk;
pub mod draft;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod drafts;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod drawing;
pub mod export;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod field;
pub mod filter;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod folded;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod form;
pub mod format;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod list;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod mine;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod organise;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod organised;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod own;
pub mod part;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod problems;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod program;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod records;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod report;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod rules;
#[cfg(test)]
pub(crate) mod samples;
pub mod scatter;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod score;
pub mod sort;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod submit;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod table;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod team;
pub mod time;
#[cfg(all(target_arch = "wasm32", feature = "ui"))]
mod tokens;
pub mod verdict;

#[cfg(all(target_arch = "wasm32", feature = "ui"))]
pub use program::run;
