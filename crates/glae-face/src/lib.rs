//! From a photograph to the square crop a network looks at.
//!
//! - [`photo`]: bytes of a JPEG, PNG or WebP file -> upright RGB8 image.
//! - [`crop`]: a square of that image, resampled without aliasing.
//! - `detector` (feature `detector`): a photograph -> its faces, each with a box and five landmarks.
//! - [`similarity`]: five landmarks -> the least-squares similarity transform that straightens a face.
//!
//! Trainer, command line and browser call these same functions, so a face gives the same pixels everywhere. All images
//! are RGB8, row-major, sRGB as stored in the file.

pub mod crop;
#[cfg(feature = "detector")]
pub mod detector;
pub mod photo;
pub mod similarity;

pub use image::RgbImage;
