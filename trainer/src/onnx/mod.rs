//! Networks as ONNX files (operator set 17), so that other engines can be measured on the very same numbers.
//!
//! A [`Graph`] is built operation by operation, knows the shape of every tensor on the way, and becomes the bytes of a
//! file. [`Kernel`] and [`Dense`] take a layer out of a state dict and fold BatchNorm into it. Whether real engines compute
//! what we do is checked by `cargo xtask bench`.

pub mod age;
mod file;
mod graph;
#[cfg(test)]
pub(crate) mod interpreter;
mod kernel;
mod wire;

pub use graph::{Graph, Value};
pub use kernel::{Dense, Kernel};
