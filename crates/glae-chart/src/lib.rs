#![doc = include_str!("../README.md")]

mod axis;
mod by_age;
mod chart;
mod ink;

pub use axis::{Axis, round_up};
pub use by_age::by_age;
pub use chart::{Anchor, CHARACTER, Chart, Mark, Series, escape, keys_height};
pub use ink::{Ink, SERIES, STYLE};
