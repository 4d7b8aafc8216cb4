//! One file per command.

mod answered;
pub mod bench;
pub(crate) mod cutter;
pub mod data;
pub mod demo;
pub mod detector;
mod doubted;
pub mod evaluate;
pub mod export;
pub mod figure;
pub mod groups;
pub mod import;
pub mod kit;
pub mod onnx;
mod photographs;
pub mod predict;
pub mod prepare;
pub mod report;
mod row_file;
mod seeds;
pub mod table;
#[cfg(feature = "teach")]
pub mod teach;
pub mod train;
