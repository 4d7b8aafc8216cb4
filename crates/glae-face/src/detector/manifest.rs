//! What travels with the detector's weights.

use glae_model::WeightsError;
use glae_model::manifest::{Manifest, ManifestHead};
use serde::{Deserialize, Serialize};

use super::DetectorSettings;
use super::golden::DetectorGolden;

/// Pixels of the longer side at which a photograph may be searched: below, no face is left; above, a browser tab runs out of
/// memory.
pub const LONGEST_SIDES: std::ops::RangeInclusive<u32> = 32..=2048;

/// Where weights come from, how they are used, and how good they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetectorManifest {
    /// Format 1; 2 where the second look has weights of its own.
    #[serde(flatten)]
    pub head: ManifestHead,
    /// How a photograph is looked at.
    pub settings: DetectorSettings,
    /// What was found in sets of photographs that training never saw, by the set's name.
    pub measured: Vec<DetectorMeasured>,
    /// A generated picture and the known answers to it.
    pub golden: DetectorGolden,
}

impl Manifest for DetectorManifest {
    const NEWEST: u32 = 2;

    fn head(&self) -> &ManifestHead {
        &self.head
    }

    fn check(&self) -> Result<(), WeightsError> {
        let DetectorSettings { longest_side, least_score, most_overlap, second_look: _ } = self.settings;
        let wrong = |text: String| Err(WeightsError::Manifest(text));
        if !LONGEST_SIDES.contains(&longest_side) {
            let (least, most) = (LONGEST_SIDES.start(), LONGEST_SIDES.end());
            return wrong(format!("`settings.longest_side` is {longest_side}, not {least} to {most} pixels"));
        }
        for (name, share) in [("least_score", least_score), ("most_overlap", most_overlap)] {
            if !(0.0..=1.0).contains(&share) {
                return wrong(format!("`settings.{name}` is {share}, not 0 to 1"));
            }
        }
        if (self.head.format == 2) == self.golden.second.is_empty() {
            return wrong("`golden.second` belongs to format 2, whose second look has weights of its own".to_owned());
        }
        self.golden.problem().map_or(Ok(()), wrong)
    }
}

/// What was found in one set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetectorMeasured {
    /// Name of the set.
    pub set: String,
    /// How well its faces were found.
    #[serde(flatten)]
    pub found: DetectionRates,
}

/// How well the faces of a set of photographs were found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DetectionRates {
    /// Photographs.
    pub photos: usize,
    /// Share whose main face was found.
    pub main: f64,
    /// Mean distance of the five points from their labels in shares of the eye distance, over main faces found whose eyes
    /// are at least 24 pixels apart, profiles apart. A profile's eyes are closer than 0.3 of the box's width.
    pub landmark_error: f64,
    /// Median of the same over faces.
    #[serde(default)]
    pub landmark_median: f64,
    /// Faces it was measured on.
    #[serde(default)]
    pub landmark_faces: usize,
    /// Mean distance in profiles, in shares of 0.3 of the box's width.
    #[serde(default)]
    pub profile_error: f64,
    /// Profiles it was measured on.
    #[serde(default)]
    pub profile_faces: usize,
    /// Share of all faces of at least 20 pixels that were found.
    pub recall: f64,
    /// Share of answers that are such a face.
    pub precision: f64,
    /// Answers per photograph that meet no label.
    pub false_alarms: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> DetectorManifest {
        // One level has 12 x 16, one 6 x 8, one 3 x 4 priors.
        let answers = vec![0.5; (252 * 16usize).div_ceil(11)];
        DetectorManifest {
            head: ManifestHead::new(1, "detector", b"", "nothing", "MIT"),
            settings: DetectorSettings::default(),
            measured: vec![DetectorMeasured {
                set: "natural".to_owned(),
                found: DetectionRates { photos: 3, ..DetectionRates::default() },
            }],
            golden: DetectorGolden {
                seed: 1,
                width: 128,
                height: 96,
                every: 11,
                answers,
                second: Vec::new(),
                tolerance: 0.01,
            },
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let one = manifest();
        let second = one.golden.answers.clone();
        let two = DetectorManifest {
            head: ManifestHead { format: 2, ..one.head.clone() },
            golden: DetectorGolden { second, ..one.golden.clone() },
            ..one.clone()
        };
        for manifest in [one, two] {
            assert_eq!(DetectorManifest::parse(&serde_json::to_string(&manifest).unwrap()).unwrap(), manifest);
        }
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let complaint = |change: &dyn Fn(&mut DetectorManifest)| {
            let mut manifest = manifest();
            change(&mut manifest);
            DetectorManifest::parse(&serde_json::to_string(&manifest).unwrap()).unwrap_err().to_string()
        };
        let future = complaint(&|m| m.head.format = 3);
        assert!(future.contains("format 3") && future.contains("update the page or the trainer"), "{future}");
        assert!(complaint(&|m| m.settings.longest_side = 31).contains("`settings.longest_side` is 31, not 32 to 2048"));
        assert!(complaint(&|m| m.settings.least_score = 1.5).contains("`settings.least_score` is 1.5, not 0 to 1"));
        assert!(complaint(&|m| m.settings.most_overlap = -0.1).contains("`settings.most_overlap`"));
        assert!(complaint(&|m| m.golden.answers.truncate(9)).contains("`golden.answers`"));
        assert!(complaint(&|m| m.head.format = 2).contains("`golden.second`"));
        assert!(complaint(&|m| m.golden.second = m.golden.answers.clone()).contains("`golden.second`"));
        let text = DetectorManifest::parse(r#"{"format": 1}"#).unwrap_err().to_string();
        assert!(text.contains("missing field"), "{text}");
        // Whatever else a newer format holds, the message names the format.
        assert!(matches!(DetectorManifest::parse(r#"{"format": 7}"#), Err(WeightsError::Format { found: 7, .. })));
        assert!(matches!(DetectorManifest::parse("no manifest"), Err(WeightsError::Manifest(_))));
    }
}
