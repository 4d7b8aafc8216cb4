#![doc = include_str!("../README.md")]

mod finder;
mod host;
mod pipeline;

pub use finder::{Finder, main_face};
pub use host::{Alone, Host};
pub use pipeline::{Doubtful, Look, LookError, Pipeline, Seen, TOGETHER, Times, WholeSquares};
