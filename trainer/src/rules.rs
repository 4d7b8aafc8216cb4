//! Rules between logits and an age, fitted and chosen on validation data: temperatures, read-out, routing.

use std::fmt;

use anyhow::Result;
use glae_metrics::{Report, Sample};
use glae_model::routing::{RANGE, range};
use glae_model::{Estimate, Heads, Readout, Routing, Rules, Temperatures};

/// Temperatures are looked for between these.
const TEMPERATURES: [f32; 2] = [0.2, 5.0];

/// What was compared, and the best of it.
#[derive(Debug)]
pub struct Choice {
    /// With the smallest sum of MAE and CMAE.
    pub rules: Rules,
    rows: Vec<Row>,
    coverage: f64,
}

#[derive(Debug)]
struct Row {
    name: String,
    mae: f64,
    cmae: f64,
}

/// Fits temperatures, then takes routing and read-out with the smallest sum of MAE and CMAE.
///
/// Each classifier's temperature is the one at which its own range of 80 % holds 80 % of the labels. A mixture of two
/// distributions is wider than each, so that afterwards both temperatures are multiplied with one factor until the range of
/// what is shown holds 80 %.
///
/// # Errors
/// There are no images.
pub fn choose(heads: &[Heads], ages: &[f32]) -> Result<Choice> {
    let one = |routing: Routing, set: &dyn Fn(f32) -> Temperatures| {
        fitted(|value| {
            let rules = Rules { routing, readout: Readout::Mean, temperatures: set(value) };
            coverage(&answers(heads, rules), ages)
        })
    };
    let default = Temperatures::default();
    let vanilla = one(Routing::Vanilla, &|vanilla| Temperatures { vanilla, ..default });
    let balanced = one(Routing::Balanced, &|balanced| Temperatures { balanced, ..default });
    let temperatures = Temperatures { vanilla, balanced };
    let mut rows = Vec::new();
    let mut best: Option<(f64, Rules)> = None;
    for (readout, how) in [(Readout::Mean, "mean"), (Readout::Median, "median")] {
        for routing in Routing::CANDIDATES {
            let rules = Rules { routing, readout, temperatures };
            let report = score(&answers(heads, rules), ages)?;
            let sum = report.mae + report.cmae;
            if best.is_none_or(|(least, _)| sum < least) {
                best = Some((sum, rules));
            }
            rows.push(Row { name: format!("{routing}, {how}"), mae: report.mae, cmae: report.cmae });
        }
    }
    let (_, mut rules) = best.expect("rules were compared");
    let factor = one(rules.routing, &|factor| scaled(temperatures, factor));
    rules.temperatures = scaled(temperatures, factor);
    Ok(Choice { rules, rows, coverage: coverage(&answers(heads, rules), ages) })
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<44} {:>6} {:>6}", "rule, read-out", "MAE", "CMAE")?;
        self.rows.iter().try_for_each(|row| writeln!(f, "{:<44} {:>6.2} {:>6.2}", row.name, row.mae, row.cmae))?;
        let Rules { routing, readout, temperatures: Temperatures { vanilla, balanced } } = self.rules;
        write!(
            f,
            "chosen: {routing}, {readout:?}; temperatures {vanilla:.3} (vanilla) and {balanced:.3} (balanced), with which \
             ranges of 80 % hold {:.1} %",
            100.0 * self.coverage
        )
    }
}

fn scaled(Temperatures { vanilla, balanced }: Temperatures, factor: f32) -> Temperatures {
    Temperatures { vanilla: vanilla * factor, balanced: balanced * factor }
}

fn answers(heads: &[Heads], rules: Rules) -> Vec<Estimate> {
    heads.iter().map(|heads| heads.estimate(rules)).collect()
}

fn score(answers: &[Estimate], ages: &[f32]) -> Result<Report> {
    let sample =
        |(answer, age): (&Estimate, &f32)| Sample { age: f64::from(*age), prediction: f64::from(answer.years) };
    Ok(Report::new(&answers.iter().zip(ages).map(sample).collect::<Vec<_>>())?)
}

/// Share of the ages that lie in the range of 80 %, 0 to 1.
pub fn coverage(answers: &[Estimate], ages: &[f32]) -> f64 {
    let held = answers.iter().zip(ages).filter(|(answer, age)| {
        let [from, to] = range(&answer.distribution);
        (from..=to).contains(&f64::from(**age))
    });
    held.count() as f64 / ages.len().max(1) as f64
}

/// The value at which a coverage that rises with it reaches [`RANGE`], by halving the interval.
fn fitted(coverage: impl Fn(f32) -> f64) -> f32 {
    let [mut low, mut high] = TEMPERATURES;
    for _ in 0..24 {
        let middle = (low * high).sqrt();
        if coverage(middle) < RANGE { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;
    use glae_model::AGES;
    use rand::Rng;

    use crate::sampler::generator;
    use crate::training::StageKind;

    /// Logits of a Gaussian around an age.
    fn logits(age: f64, sd: f64) -> Vec<f32> {
        (0..AGES).map(|k| (-(k as f64 - age).powi(2) / (2.0 * sd * sd)) as f32).collect()
    }

    #[test]
    fn temperatures_widen_until_ranges_hold_what_they_say() {
        // Labels spread evenly 10 years around what both classifiers say; their ranges of 80 % are 2 x 1.28 x 3 years wide
        // and hold 38 %. Holding 80 % takes 8 years to each side: a standard deviation of 8 / 1.2816 = 6.24, which is a
        // temperature of (6.24 / 3)^2 = 4.33.
        let mut random = generator(1, StageKind::Vanilla, 0, None);
        let (mut heads, mut ages) = (Vec::new(), Vec::new());
        for _ in 0..4000 {
            let said = random.random_range(35.0..65.0);
            ages.push((said + random.random_range(-10.0..10.0)) as f32);
            let own = [logits(said, 3.0), logits(said, 3.0)];
            heads.push(Heads { vanilla: own.clone(), balanced: own });
        }
        let choice = choose(&heads, &ages).unwrap();
        let Temperatures { vanilla, balanced } = choice.rules.temperatures;
        assert!((3.9..4.8).contains(&vanilla) && (3.9..4.8).contains(&balanced), "{choice}");
        assert!((choice.coverage - 0.8).abs() < 0.01, "{choice}");
    }

    #[test]
    fn the_better_rule_is_chosen() {
        // The vanilla classifier says 4 too much, the balanced one 4 too little: their mean is right.
        let ages: Vec<f32> = (20..80).map(|age| age as f32).collect();
        let both = |age: f64| [logits(age, 2.0), logits(age, 2.0)];
        let heads = ages.iter().map(|age| f64::from(*age));
        let heads: Vec<Heads> =
            heads.map(|age| Heads { vanilla: both(age + 4.0), balanced: both(age - 4.0) }).collect();
        let choice = choose(&heads, &ages).unwrap();
        assert!(matches!(choice.rules.routing, Routing::Mixture { .. }), "{choice}");
    }
}
