//! What travels with the detector's weights.

use serde::{Deserialize, Serialize};

use super::Settings;

/// Where weights come from, how they are used, and how good they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this format: 1.
    pub format: u32,
    /// Name of the folder.
    pub name: String,
    /// Name of the safetensors file beside the manifest.
    pub file: String,
    /// SHA-256 of that file, lower-case hex.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// How a photograph is looked at.
    pub settings: Settings,
    /// Data the weights were trained on.
    pub trained_on: String,
    /// Terms of the weights.
    pub licence: String,
    /// What was found in sets of photographs that training never saw, by the set's name.
    pub measured: Vec<Measured>,
}

/// What was found in one set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Name of the set.
    pub set: String,
    /// How well its faces were found.
    #[serde(flatten)]
    pub found: Found,
}

/// How well the faces of a set of photographs were found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// Photographs.
    pub photos: usize,
    /// Share whose main face was found.
    pub main: f64,
    /// Mean distance of the five points from the labels, in shares of the eye distance; over main faces found.
    pub landmark_error: f64,
    /// Share of all faces of at least 20 pixels that were found.
    pub recall: f64,
    /// Share of answers that are such a face.
    pub precision: f64,
    /// Answers per photograph that meet no label.
    pub false_alarms: f64,
}
