#![doc = include_str!("../README.md")]
//!
//! Modules, in the order of a photograph's way:
//!
//! - [`photo`]: bytes of a JPEG, PNG or WebP file -> upright RGB8 image.
//! - `detector` (feature `detector`): a photograph -> its faces, each with a box and five landmarks.
//! - [`similarity`]: five landmarks -> the least-squares similarity transform that straightens a face.
//! - [`crop`]: a square of that image, resampled without aliasing.

pub mod crop;
#[cfg(feature = "detector")]
pub mod detector;
pub mod photo;
pub mod similarity;

pub use image::{Rgb, RgbImage};
