//! What travels with every weights file.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::NetworkConfig;
use crate::golden::Golden;
use crate::routing::{Readout, Routing, Rules, Temperatures};
use crate::weights::WeightsError;

/// Everything one needs to know to use weights: architecture, input, where they come from, how good they are, and a
/// known answer. Normalisation and crop stand nowhere else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this format: 1; 2 where there is a mean per channel, a read-out, temperatures, a mixture or an origin; 3
    /// where weights are i8 or MobileNet is without its last pair.
    pub format: u32,
    /// Name of the folder.
    pub name: String,
    /// Name of the safetensors file beside the manifest.
    pub file: String,
    /// SHA-256 of that file, lower-case hex.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// Architecture.
    pub network: NetworkConfig,
    /// How a photograph becomes an input.
    pub input: Input,
    /// Rule that picks the classifier, or weighs both.
    pub routing: Routing,
    /// How an age is read out of a distribution.
    #[serde(default, skip_serializing_if = "is_default")]
    pub readout: Readout,
    /// What the classifiers' logits are divided by.
    #[serde(default, skip_serializing_if = "is_default")]
    pub temperatures: Temperatures,
    /// Data the weights were trained on.
    pub trained_on: String,
    /// Published weights that training began with, and their terms; empty where it began at random.
    #[serde(default, skip_serializing_if = "is_default")]
    pub began_with: String,
    /// Terms of the weights.
    pub licence: String,
    /// SHA-256 of the resolved configuration of the run.
    pub config_sha256: String,
    /// Median age of the training set in years: always answering it is the baseline to beat.
    pub training_median: f32,
    /// Measured errors; empty for weights that only serve tests.
    #[serde(default)]
    pub measured: Vec<Measured>,
    /// A generated input and its known answer.
    pub golden: Golden,
}

/// The newest format that is read.
const NEWEST: u32 = 3;

/// Reads a manifest: of the age network, of the detector.
///
/// # Errors
/// Not JSON, a field is missing, or a format of the future.
pub fn parse<M: DeserializeOwned>(json: &str, newest: u32) -> Result<M, WeightsError> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    let wrong = |error: serde_json::Error| WeightsError::Manifest(error.to_string());
    // First of all: a format of the future may lack fields, or have others.
    let Head { format: found } = serde_json::from_str(json).map_err(wrong)?;
    if !(1..=newest).contains(&found) {
        return Err(WeightsError::Format { found, newest });
    }
    serde_json::from_str(json).map_err(wrong)
}

/// Checks that weights are those a manifest speaks of.
///
/// # Errors
/// Another SHA-256 than `expected`.
pub fn verify(weights: &[u8], expected: &str) -> Result<(), WeightsError> {
    let found = sha256(weights);
    if found == expected { Ok(()) } else { Err(WeightsError::Checksum { expected: expected.to_owned(), found }) }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// How a photograph becomes an input.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Side of the square crop in pixels.
    pub size: usize,
    /// Subtracted from red, green and blue (0..=255). Format 1 has one number for all three.
    #[serde(with = "mean")]
    pub mean: [f32; 3],
    /// Divides the difference.
    pub std: f32,
    /// Which part of the photograph is looked at.
    pub crop: Crop,
}

/// Which part of the photograph is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Crop {
    /// A square that holds the face: a whole chip of the data set, or what the visitor marks.
    Square,
    /// Five landmarks laid onto this template: `[x, y]` in shares of the crop's side, in the order image-left eye,
    /// image-right eye, nose tip, image-left and image-right corner of the mouth.
    Landmarks([[f32; 2]; 5]),
}

/// Errors on one split, in years.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Name of the split, e.g. "UTKFace test".
    pub split: String,
    /// Who answered: vanilla, balanced, routed, or a baseline.
    pub answer: String,
    /// Number of images.
    pub samples: usize,
    /// `[GLAE] eq. (12)`.
    pub mae: f64,
    /// `[GLAE] eq. (13)`.
    pub cmae: f64,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// Not JSON, a field is missing, or a format of the future.
    pub fn parse(json: &str) -> Result<Self, WeightsError> {
        let manifest: Self = parse(json, NEWEST)?;
        if manifest.input.size != manifest.network.input_size {
            return Err(WeightsError::Manifest("`input.size` and `network.input_size` differ".to_owned()));
        }
        Ok(manifest)
    }

    /// What comes between logits and an age.
    pub fn rules(&self) -> Rules {
        Rules { routing: self.routing, readout: self.readout, temperatures: self.temperatures }
    }
}

impl Input {
    /// (p - 127.5) / 128, as in the paper.
    pub fn paper(size: usize) -> Self {
        Self { size, mean: [127.5; 3], std: 128.0, crop: Crop::Square }
    }

    /// RGB8 pixels, row by row, to planes: `[3, size, size]`, normalised; mirrored left to right on request.
    pub fn normalise(&self, rgb: &[u8], mirrored: bool, planes: &mut Vec<f32>) {
        for channel in 0..3 {
            for row in rgb.chunks_exact(self.size * 3) {
                let value = |pixel: &[u8]| (f32::from(pixel[channel]) - self.mean[channel]) / self.std;
                if mirrored {
                    planes.extend(row.chunks_exact(3).rev().map(value));
                } else {
                    planes.extend(row.chunks_exact(3).map(value));
                }
            }
        }
    }
}

/// One number where the three are equal, as in format 1; otherwise red, green and blue.
mod mean {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Written {
        One(f32),
        Each([f32; 3]),
    }

    pub(super) fn serialize<S: Serializer>(mean: &[f32; 3], serializer: S) -> Result<S::Ok, S::Error> {
        let [red, green, blue] = *mean;
        let written = if red == green && green == blue { Written::One(red) } else { Written::Each(*mean) };
        written.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[f32; 3], D::Error> {
        Ok(match Written::deserialize(deserializer)? {
            Written::One(mean) => [mean; 3],
            Written::Each(mean) => mean,
        })
    }
}

/// SHA-256 as lower-case hex.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_become_planes_and_mirror() {
        let input = Input::paper(2);
        // Two rows of two pixels; red counts up.
        let rgb = [0, 9, 9, 1, 9, 9, 2, 9, 9, 3, 9, 9];
        let (mut plain, mut mirrored) = (Vec::new(), Vec::new());
        input.normalise(&rgb, false, &mut plain);
        input.normalise(&rgb, true, &mut mirrored);
        let red = |planes: &[f32]| planes[..4].iter().map(|v| v * 128.0 + 127.5).collect::<Vec<_>>();
        assert_eq!(red(&plain), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(red(&mirrored), [1.0, 0.0, 3.0, 2.0]);
        assert_eq!(plain[0], -127.5 / 128.0);
    }

    #[test]
    fn a_mean_is_one_number_or_three() {
        let written = |input: &Input| serde_json::to_value(input).unwrap();
        let paper = Input::paper(2);
        assert_eq!(written(&paper)["mean"], 127.5);
        let each = Input { mean: [1.0, 2.0, 3.0], std: 1.0, ..paper };
        assert_eq!(written(&each)["mean"], serde_json::json!([1.0, 2.0, 3.0]));
        for input in [paper, each] {
            assert_eq!(serde_json::from_value::<Input>(written(&input)).unwrap(), input);
        }
        let mut planes = Vec::new();
        each.normalise(&[1, 2, 3, 11, 12, 13, 1, 2, 3, 1, 2, 3], false, &mut planes);
        assert_eq!(planes, [0.0, 10.0, 0.0, 0.0, 0.0, 10.0, 0.0, 0.0, 0.0, 10.0, 0.0, 0.0]);
    }

    #[test]
    fn sha256_of_nothing_is_the_known_one() {
        assert!(sha256(b"").starts_with("e3b0c44298fc1c149afb"));
    }
}
