//! Images with ages.

pub mod faces;
mod images;
mod tables;

pub use images::{Crops, Problem, Set, load};
pub use tables::{Landmarks, Truth, read_landmarks, read_truth};
