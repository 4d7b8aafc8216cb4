//! Training and measuring the face detector.

pub mod assign;
pub mod evaluation;
pub mod labels;
pub mod loss;
pub mod scene;
pub mod training;
