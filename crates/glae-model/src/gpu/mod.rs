//! Layers for inference on WebGPU, quicker than through the tensors of a backend, and with far fewer programs to translate
//! before the first answer.
//!
//! As on the processor channels lie next to each other; bias, shortcut and ReLU are part of the convolution. The programs
//! are our own; buffers, queue and device are those of Burn's tensors, without fusion: Burn has to be built with `webgpu`,
//! `template` and `extension`.

#[cfg(target_family = "wasm")]
mod layers;
#[cfg_attr(not(target_family = "wasm"), allow(dead_code, reason = "only browsers run these programs"))]
mod shader;

#[cfg(target_family = "wasm")]
pub use layers::*;
