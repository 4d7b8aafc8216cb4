#![doc = include_str!("../README.md")]

mod caution;
mod finder;
mod host;
mod pipeline;

pub use caution::{DoubtScore, caution};
pub use finder::{Finder, FoundFaces, Searched, main_face};
pub use host::{Alone, Host};
pub use pipeline::{Doubtful, Look, LookError, Pipeline, Seen, TOGETHER, Times, WholeSquares};
