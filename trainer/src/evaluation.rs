//! Scoring a network on a set of crops.

use std::fmt;

use anyhow::Result;
use burn::tensor::{Device, read_sync};
use glae_estimate::TOGETHER;
use glae_face::RgbImage;
use glae_metrics::{Band, Report, Sample};
use glae_model::manifest::{AgeMeasured, Input};
use glae_model::{Estimate, EstimateError, Heads, Inference, NetworkConfig, Route, Routing, Rules, StateDict};
use serde::{Deserialize, Serialize};

/// Estimates all crops.
///
/// # Errors
/// The device fails.
pub fn estimates(inference: &Inference, crops: &[RgbImage], done: impl FnMut(usize)) -> Result<Vec<Estimate>> {
    in_batches(crops, done, |pixels| read_sync(inference.estimate(pixels)))
}

/// Both classifiers' logits for all crops, from which any rules make estimates.
///
/// # Errors
/// The device fails.
pub fn heads(inference: &Inference, crops: &[RgbImage]) -> Result<Vec<Heads>> {
    in_batches(crops, |_| {}, |pixels| read_sync(inference.heads(pixels)))
}

/// What `work` gives for crop after crop, [`TOGETHER`] at a time; `done` hears how many are done.
fn in_batches<T>(
    crops: &[RgbImage],
    mut done: impl FnMut(usize),
    work: impl Fn(&[&[u8]]) -> Result<Vec<T>, EstimateError>,
) -> Result<Vec<T>> {
    let mut all = Vec::with_capacity(crops.len());
    for chunk in crops.chunks(TOGETHER) {
        let pixels: Vec<&[u8]> = chunk.iter().map(|crop| crop.as_raw().as_slice()).collect();
        all.extend(work(&pixels)?);
        done(chunk.len());
    }
    Ok(all)
}

/// A network in training, as it answers at inference.
///
/// # Errors
/// The state belongs to another architecture.
pub fn inference(config: &NetworkConfig, state: &StateDict, input: Input, device: &Device) -> Result<Inference> {
    Ok(Inference::new(config, state, input, Rules::default(), device)?)
}

/// The scores of each way to answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaysScored {
    /// The classifier of stage 1 alone.
    pub vanilla: Report,
    /// The classifier of stage 2 alone.
    pub balanced: Report,
    /// What is shown: both by `rule`.
    pub routed: Report,
    /// Always answering the median age of the training set.
    pub median: Report,
    /// That median, in years.
    pub training_median: f32,
    /// The rule behind `routed`; the paper's in files that do not say.
    #[serde(default)]
    pub rule: Routing,
    /// Share of images that were answered by the vanilla classifier alone.
    pub routed_to_vanilla: f64,
    /// Mean share of the vanilla classifier in the answers; 0 in files that do not say.
    #[serde(default)]
    pub vanilla_share: f64,
}

impl WaysScored {
    /// Scores estimates against the true ages, which run in parallel.
    ///
    /// # Errors
    /// There are none.
    pub fn new(estimates: &[Estimate], ages: &[f32], training_median: f32) -> Result<Self> {
        let score = |answer: &dyn Fn(&Estimate) -> f32| {
            let sample =
                |(e, age): (&Estimate, &f32)| Sample { age: f64::from(*age), prediction: f64::from(answer(e)) };
            Report::new(&estimates.iter().zip(ages).map(sample).collect::<Vec<_>>())
        };
        let mean = |own: &dyn Fn(&Estimate) -> f64| estimates.iter().map(own).sum::<f64>() / estimates.len() as f64;
        Ok(Self {
            vanilla: score(&|e| e.vanilla.years)?,
            balanced: score(&|e| e.balanced.years)?,
            routed: score(&|e| e.years)?,
            median: score(&|_| training_median)?,
            training_median,
            rule: estimates.first().map(|e| e.rule).unwrap_or_default(),
            routed_to_vanilla: mean(&|e| f64::from(u8::from(e.route == Route::Vanilla))),
            vanilla_share: mean(&|e| f64::from(e.vanilla_share)),
        })
    }

    /// Name and report of each way to answer.
    pub fn rows(&self) -> [(&'static str, &Report); 4] {
        let Self { vanilla, balanced, routed, median, .. } = self;
        [("vanilla", vanilla), ("balanced", balanced), ("routed", routed), ("median", median)]
    }

    /// For the manifest.
    pub fn measured(&self, split: &str) -> Vec<AgeMeasured> {
        let row = |(answer, report): (&str, &Report)| AgeMeasured {
            split: split.to_owned(),
            answer: answer.to_owned(),
            samples: report.samples,
            mae: report.mae,
            cmae: report.cmae,
        };
        self.rows().map(row).to_vec()
    }
}

impl fmt::Display for WaysScored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} images, {} ages; MAE / CMAE in years", self.routed.samples, self.routed.ages)?;
        write!(f, "{:<10} {:>15}", "", "all")?;
        Band::ALL.iter().try_for_each(|band| write!(f, " {:>15}", band.label()))?;
        for (name, report) in self.rows() {
            write!(f, "\n{name:<10} {:>7.2} {:>7.2}", report.mae, report.cmae)?;
            for band in Band::ALL {
                match report.bands.iter().find(|b| b.band == band) {
                    Some(b) => write!(f, " {:>7.2} {:>7.2}", b.mae, b.cmae)?,
                    None => write!(f, " {:>7} {:>7}", "–", "–")?,
                }
            }
        }
        write!(
            f,
            "\n(routed: {}, {:.0} % vanilla; median: always answering {} years)",
            self.rule,
            100.0 * self.vanilla_share,
            self.training_median
        )
    }
}

/// The median of ages in years.
pub fn median(ages: &[f32]) -> f32 {
    let mut sorted = ages.to_vec();
    sorted.sort_by(f32::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glae_model::routing::MirrorPair;

    #[test]
    fn scores_name_the_rule_they_are_of() {
        let pair = |mirror: [f64; 2]| MirrorPair { image: vec![0.5, 0.5], mirror: mirror.to_vec() };
        let scores = |routing| {
            let rules = Rules { routing, ..Rules::default() };
            WaysScored::new(&[Estimate::new(&pair([0.5, 0.5]), &pair([0.25, 0.75]), rules)], &[1.0], 1.0).unwrap()
        };
        let told = |routing| scores(routing).to_string();
        assert!(told(Routing::Smaller).contains("(routed: smaller divergence, 100 % vanilla;"));
        assert!(told(Routing::Bigger).contains("(routed: bigger divergence, 0 % vanilla;"));
        let mean = Routing::Mixture { power: 0.0 };
        assert!(told(mean).contains("(routed: mean of both classifiers, 50 % vanilla;"));
        // Files of earlier versions name no rule: it was the paper's.
        let mut json = serde_json::to_value(scores(mean)).unwrap();
        assert_eq!(json["rule"], serde_json::json!({"mixture": {"power": 0.0}}));
        json.as_object_mut().unwrap().retain(|key, _| key != "rule" && key != "vanilla_share");
        assert_eq!(serde_json::from_value::<WaysScored>(json).unwrap().rule, Routing::Smaller);
    }
}
