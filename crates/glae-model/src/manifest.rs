//! What travels with every weights file.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::NetworkConfig;
use crate::golden::AgeGolden;
use crate::routing::{Readout, Routing, Rules, Temperatures};
use crate::weights::{WeightsError, WeightsFile};

/// What every manifest says of its weights, whichever network they are of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManifestHead {
    /// Version of the manifest's format; each network counts its own.
    pub format: u32,
    /// Name of the folder.
    pub name: String,
    /// Name of the safetensors file beside the manifest.
    pub file: String,
    /// SHA-256 of that file, lower-case hex.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// Data the weights were trained on.
    pub trained_on: String,
    /// Terms of the weights.
    pub licence: String,
}

impl ManifestHead {
    /// The head for the bytes of a weights file, `weights.safetensors`.
    pub fn new(format: u32, name: &str, weights: &[u8], trained_on: &str, licence: &str) -> Self {
        Self {
            format,
            name: name.to_owned(),
            file: "weights.safetensors".to_owned(),
            sha256: sha256(weights),
            bytes: weights.len() as u64,
            trained_on: trained_on.to_owned(),
            licence: licence.to_owned(),
        }
    }
}

/// What travels with a weights file.
pub trait Manifest: DeserializeOwned {
    /// The newest format that is read.
    const NEWEST: u32;

    /// What every manifest says.
    fn head(&self) -> &ManifestHead;

    /// Checks that all values are in range and fit each other; part of [`Self::parse`].
    ///
    /// # Errors
    /// The first one that does not.
    fn check(&self) -> Result<(), WeightsError>;

    /// Reads a manifest.
    ///
    /// # Errors
    /// Not JSON, a field is missing, a format of the future, or a value out of range.
    fn parse(json: &str) -> Result<Self, WeightsError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let wrong = |error: serde_json::Error| WeightsError::Manifest(error.to_string());
        // First of all: a format of the future may lack fields, or have others.
        let Format { format: found } = serde_json::from_str(json).map_err(wrong)?;
        if !(1..=Self::NEWEST).contains(&found) {
            return Err(WeightsError::Format { found, newest: Self::NEWEST });
        }
        let manifest: Self = serde_json::from_str(json).map_err(wrong)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Opens the weights, if they are those that the manifest speaks of.
    ///
    /// # Errors
    /// Another SHA-256, or a damaged file.
    fn file<'a>(&self, weights: &'a [u8]) -> Result<WeightsFile<'a>, WeightsError> {
        let (expected, found) = (&self.head().sha256, sha256(weights));
        if *expected != found {
            return Err(WeightsError::Checksum { expected: expected.clone(), found });
        }
        WeightsFile::open(weights)
    }
}

/// Everything one needs to know to use the age network's weights: architecture, input, where they come from, how good they
/// are, and a known answer. Normalisation and crop stand nowhere else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgeManifest {
    /// Format 1; 2 where there is a mean per channel, a read-out, temperatures, a mixture or an origin; 3 where weights are i8
    /// or MobileNet is without its last pair; 4 where the picture of `golden` is smaller than the input.
    #[serde(flatten)]
    pub head: ManifestHead,
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
    /// Published weights that training began with, and their terms; empty where it began at random.
    #[serde(default, skip_serializing_if = "is_default")]
    pub began_with: String,
    /// SHA-256 of the resolved configuration of the run.
    pub config_sha256: String,
    /// Median age of the training set in years: always answering it is the baseline to beat.
    pub training_median: f32,
    /// Measured errors; empty for weights that only serve tests.
    #[serde(default)]
    pub measured: Vec<AgeMeasured>,
    /// A generated input and its known answer.
    pub golden: AgeGolden,
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
pub struct AgeMeasured {
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

impl Manifest for AgeManifest {
    const NEWEST: u32 = 4;

    fn head(&self) -> &ManifestHead {
        &self.head
    }

    fn check(&self) -> Result<(), WeightsError> {
        let wrong = |text: &str| Err(WeightsError::Manifest(text.to_owned()));
        if self.input.size != self.network.input_size {
            return wrong("`input.size` and `network.input_size` differ");
        }
        if self.golden.side.is_some_and(|side| !(1..=self.input.size).contains(&side)) {
            return wrong("`golden.side` is 1 to `input.size` pixels");
        }
        Ok(())
    }
}

impl AgeManifest {
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
    lower_hex(&Sha256::digest(bytes))
}

/// Two digits for each byte.
pub fn lower_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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
