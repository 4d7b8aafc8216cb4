//! Images with ages.

pub mod check;
pub mod faces;
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
pub use images::{Crops, Problem, Set, Usable, load, load_wide, usable};
pub(crate) use soft::moved;
pub use soft::{SoftFaces, SoftLabels, targets};
pub use tables::{Landmarks, Truth, file_problems, read_cells, read_landmarks, read_truth};
pub use training_set::TrainingSet;
