//! What is said about a run: its numbers, charts and page. `glae_metrics` computes, this module shows.
//!
//! [`Answers`] are the predictions of a run on a split. [`page()`] makes the HTML of `trainer report` from them,
//! [`curves()`] the drawing of losses, learning rate and validation errors. Tables and figures of the paper are made of the
//! same parts by `trainer table` and `trainer figure`.

pub mod answers;
pub mod charts;
pub mod curves;
pub mod drawing;
pub mod page;
pub mod settings;
pub mod words;

pub use answers::{Answer, Answers, Cell, Metric};
pub use curves::curves;
pub use page::page;
