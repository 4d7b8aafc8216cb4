#![doc = include_str!("../README.md")]

pub mod check;
pub mod faces;
pub mod files;
pub mod found;
mod groups;
mod images;
pub mod packed;
pub mod photos;
pub mod protocols;
mod soft;
pub mod split;
mod tables;
mod training_set;

pub use groups::{Group, Judged, Labelled, read_groups};
pub use images::{Crops, Set, UnusableImage, Usable, load, load_wide, usable};
pub use soft::{Faces, Soft, SoftFaces, SoftLabels};
pub use tables::{LabelledFile, Landmarks, POINTS, moved, read_cells, read_landmarks, read_table, read_truth};
pub use training_set::TrainingSet;
