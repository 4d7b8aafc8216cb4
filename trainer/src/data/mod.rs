//! Images with ages.

pub mod check;
pub mod faces;
mod images;
pub mod protocols;
pub mod split;
mod tables;

pub use images::{Crops, Problem, Set, load};
pub use tables::{Landmarks, Truth, read_landmarks, read_truth};
