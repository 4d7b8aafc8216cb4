//! One file per command.

pub mod demo;
pub mod detector;
pub mod evaluate;
pub mod export;
pub mod predict;
pub mod train;
