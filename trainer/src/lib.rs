//! Trains, evaluates, predicts and exports the GLAE network.
//!
//! `cargo run -p trainer` without arguments draws a small long-tailed set of faces, trains both stages of a tiny
//! configuration on it and prints the report. Everything a run needs stands in one TOML file, see [`config::RunConfig`].

pub mod accumulate;
pub mod adamw;
pub mod augment;
pub mod average;
pub mod checkpoint;
pub mod commands;
pub mod config;
pub mod data;
pub mod detector;
pub mod device;
pub mod evaluation;
pub mod layers;
pub mod onnx;
pub mod optimizer;
pub mod report;
pub mod rules;
pub mod sampler;
pub mod schedule;
pub mod smoothing;
pub mod training;
