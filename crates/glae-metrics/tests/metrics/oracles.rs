//! The same numbers as scikit-learn, imbalanced-learn and SciPy: `tests/oracles/make.py` computed `values.json`.

use std::fmt::Write;

use glae_metrics::{Options, Predictions, Report, Shot, Truth, score};
use serde_json::Value;

use crate::splitmix::SplitMix;

const SAMPLES: usize = 3000;
const WITH_DISTRIBUTION: usize = 200;

/// The data set of the script, drawn in the same order.
struct Data {
    ages: Vec<u32>,
    predictions: Vec<f64>,
    sigmas: Vec<f64>,
    training: Vec<u32>,
    distributions: Vec<Vec<f64>>,
}

impl Data {
    fn new() -> Self {
        let mut random = SplitMix(41);
        let (mut ages, mut predictions, mut sigmas) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..SAMPLES {
            let tail = random.uniform() < 0.1;
            let age = if tail {
                (random.uniform() * 101.0) as u32
            } else {
                ((random.uniform() + random.uniform() + random.uniform()) * 25.0) as u32
            };
            let error = (random.uniform() - 0.5) * 12.0 + (35.0 - f64::from(age)) * 0.1;
            ages.push(age);
            predictions.push((f64::from(age) + error).clamp(0.0, 120.0));
            sigmas.push(1.0 + 4.0 * random.uniform());
        }
        let training = (0..101).map(|_| (random.uniform() * 160.0) as u32).collect();
        let distributions = (0..WITH_DISTRIBUTION)
            .map(|_| {
                let raw: Vec<f64> = (0..101).map(|_| random.uniform() + 0.001).collect();
                let sum: f64 = raw.iter().sum();
                raw.into_iter().map(|share| share / sum).collect()
            })
            .collect();
        Self { ages, predictions, sigmas, training, distributions }
    }

    fn truth(&self) -> Truth {
        let mut csv = String::from("id,age,sigma");
        for (row, (age, sigma)) in self.ages.iter().zip(&self.sigmas).enumerate() {
            let _ = write!(csv, "\n{row},{age},{sigma}");
        }
        Truth::parse(csv.as_bytes()).unwrap()
    }

    fn report(&self, answer: impl Fn(f64) -> f64) -> Report {
        let mut csv = String::from("id,age");
        for (row, prediction) in self.predictions.iter().enumerate() {
            let _ = write!(csv, "\n{row},{}", answer(*prediction));
        }
        let options = Options { training_counts: self.training.clone(), ..Options::default() };
        score(&self.truth(), &Predictions::parse(csv.as_bytes()).unwrap(), &options).unwrap()
    }
}

fn values() -> Value {
    serde_json::from_str(include_str!("../oracles/values.json")).unwrap()
}

#[track_caller]
fn assert_same(ours: f64, theirs: &Value) {
    let theirs = theirs.as_f64().expect("a number");
    assert!((ours - theirs).abs() < 1e-9, "{ours} is not {theirs}");
}

#[test]
fn the_data_set_is_that_of_the_script() {
    let (data, values) = (Data::new(), values());
    assert_eq!(Some(u64::from(data.ages.iter().sum::<u32>())), values["sum_of_ages"].as_u64());
    let sum = values["sum_of_predictions"].as_f64().unwrap();
    assert!((data.predictions.iter().sum::<f64>() - sum).abs() < 1e-6);
}

#[test]
fn scores_are_those_of_scikit_learn_and_scipy() {
    let (report, values) = (Data::new().report(|age| age), values());
    assert_same(report.mae, &values["all"]["mae"]);
    assert_same(report.cmae, &values["all"]["cmae"]);
    assert_same(report.rmse, &values["rmse"]);
    assert_same(report.median, &values["median"]);
    assert_same(report.bias, &values["bias"]);
    assert_same(report.geometric_mean, &values["geometric_mean"]);
    assert_same(report.epsilon.unwrap(), &values["epsilon"]);
    for (t, cs) in report.cs.iter().enumerate() {
        assert_same(*cs, &values["cs"][t]);
    }
    for (band, name) in report.bands.iter().zip(["young", "middle", "old"]) {
        assert_same(band.mae, &values["bands"][name]["mae"]);
        assert_same(band.cmae, &values["bands"][name]["cmae"]);
    }
    let shots = report.shots.unwrap();
    for (shot, name) in [(shots.many, "many"), (shots.medium, "medium"), (shots.few, "few")] {
        let Shot { mae, bmae, .. } = shot.unwrap();
        assert_same(mae, &values["shots"][name]["mae"]);
        assert_same(bmae, &values["shots"][name]["cmae"]);
    }
}

#[test]
fn cmae_is_the_macro_averaged_mae_of_imbalanced_learn() {
    let (report, values) = (Data::new().report(|age| (age + 0.5).floor()), values());
    assert_same(report.mae, &values["whole"]["mae"]);
    assert_same(report.cmae, &values["whole"]["cmae"]);
}

#[test]
fn nll_is_the_log_loss_of_scikit_learn() {
    let data = Data::new();
    let (mut truth, mut csv) = (String::from("id,age"), String::from("id,age"));
    (0..=100).for_each(|age| write!(csv, ",p_{age}").unwrap());
    for (row, distribution) in data.distributions.iter().enumerate() {
        let _ = write!(truth, "\n{row},{}", data.ages[row]);
        let _ = write!(csv, "\n{row},{}", data.predictions[row]);
        distribution.iter().for_each(|share| write!(csv, ",{share}").unwrap());
    }
    let theirs = values()["nll"].as_f64().unwrap();
    let ours = crate::report(&truth, &csv).unwrap().calibration.unwrap().nll;
    // Shares are kept in single precision, which moves a logarithm by up to 6e-8.
    assert!((ours - theirs).abs() < 6e-8, "{ours} is not {theirs}");
}
