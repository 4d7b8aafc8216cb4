//! One file per command.

pub mod bench;
pub mod data;
pub mod demo;
pub mod detector;
pub mod evaluate;
pub mod export;
pub mod groups;
pub mod onnx;
pub mod predict;
pub mod prepare;
mod seeds;
pub mod train;
