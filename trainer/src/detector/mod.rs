//! Training and measuring the face detector.

pub mod assign;
pub mod decoys;
pub mod drawn;
pub mod evaluation;
pub mod labels;
pub mod loss;
pub mod mesh;
pub mod onnx;
pub mod scene;
pub mod sight;
pub mod training;
