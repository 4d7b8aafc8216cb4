//! Networks as ONNX files (operator set 17), so that other engines can be measured on the very same numbers.
//!
//! A [`Graph`] is an engine of folded networks: their forward pass builds it operation by operation. It knows the shape of
//! every tensor on the way, and becomes the bytes of a file. Whether real engines compute what we do is checked by `cargo
//! xtask bench`.

pub mod age;
mod engine;
mod file;
mod graph;
#[cfg(test)]
pub(crate) mod interpreter;
mod wire;

pub use graph::{Graph, Kernel, Value};
