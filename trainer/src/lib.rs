#![doc = include_str!("../README.md")]

pub mod accumulate;
pub mod adamw;
pub mod augment;
pub mod average;
pub mod checkpoint;
pub mod commands;
pub mod config;
pub mod detector;
pub mod device;
pub mod evaluation;
pub mod layers;
pub mod onnx;
pub mod optimizer;
pub mod rules;
pub mod sampler;
pub mod schedule;
pub mod smoothing;
pub mod training;

pub use glae_data as data;
