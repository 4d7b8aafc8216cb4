//! What the paper claims, checked on our own runs.

use anyhow::Result;
use glae_metrics::{Comparison, Difference};
use glae_model::Routing;

use crate::answers::Answers;
use crate::spread::Spread;
use crate::words::{p_value, signed, signed_interval, years};

/// How much lower than the baseline's the CMAE of routed answers should be, in percent: the aim of this project.
const AIM: f64 = 15.0;

/// What is claimed beside a table, and by which of its runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claims {
    /// Each run is better than the one before it.
    Steps,
    /// Routing keeps the head and improves the tail.
    Routing {
        /// Number of the baseline's run.
        base: usize,
        /// Number of the whole method's run.
        whole: usize,
    },
}

/// One run's answers for each seed.
type Seeds<'a> = Vec<&'a Answers>;

impl Claims {
    /// A sentence for each claim, from the answers by run and seed; there are some where a run is finished.
    ///
    /// # Errors
    /// Predictions do not fit their truth.
    pub fn check(self, names: &[&str], answers: &[Vec<Option<Answers>>]) -> Result<Vec<String>> {
        let finished = |number: usize| -> Option<Seeds> { answers[number].iter().map(Option::as_ref).collect() };
        match self {
            Self::Steps => {
                let mut said = Vec::new();
                for number in 1..names.len() {
                    if let (Some(before), Some(after)) = (finished(number - 1), finished(number)) {
                        said.push(step(names[number], &after, names[number - 1], &before)?);
                    }
                }
                Ok(said)
            }
            Self::Routing { base, whole } => match (finished(base), finished(whole)) {
                (Some(base), Some(whole)) => routing(&base, &whole),
                (None, Some(whole)) => inside(&whole),
                _ => Ok(Vec::new()),
            },
        }
    }
}

/// Is a run better than the one before it?
fn step(name: &str, after: &Seeds, before_name: &str, before: &Seeds) -> Result<String> {
    let compared = pairs(after, before, Routing::Vanilla, Routing::Vanilla)?;
    let part = |metric: &str, own: fn(&Comparison) -> &Difference| {
        let differences: Vec<&Difference> = compared.iter().map(own).collect();
        let mean = Spread::of(&differences.iter().map(|own| own.difference).collect::<Vec<_>>()).mean;
        format!("{metric} {} ({})", if mean < 0.0 { "lower: yes" } else { "lower: no" }, told(&differences))
    };
    Ok(format!("{name} after {before_name}: {}; {}.", part("MAE", |own| &own.mae), part("CMAE", |own| &own.cmae)))
}

fn routing(base: &Seeds, whole: &Seeds) -> Result<Vec<String>> {
    let cmae = |seeds: &Seeds, answer| -> Result<f64> {
        let values = seeds.iter().map(|own| Ok(own.report(answer)?.cmae)).collect::<Result<Vec<_>>>()?;
        Ok(Spread::of(&values).mean)
    };
    let (routed, baseline) = (cmae(whole, Routing::Smaller)?, cmae(base, Routing::Vanilla)?);
    let lower = 100.0 * (1.0 - routed / baseline);
    let compared = pairs(whole, base, Routing::Smaller, Routing::Vanilla)?;
    let sentence = format!(
        "Routed CMAE {} is {:.1} % {} than ℓ_base's {} (aim: {AIM} % lower): {}. Difference {}.",
        years(routed),
        lower.abs(),
        if lower < 0.0 { "higher" } else { "lower" },
        years(baseline),
        if lower >= AIM { "reached" } else { "not reached" },
        told(&compared.iter().map(|own| &own.cmae).collect::<Vec<_>>())
    );
    Ok([vec![sentence], inside(whole)?].concat())
}

/// Claims about the answers of one run.
fn inside(whole: &Seeds) -> Result<Vec<String>> {
    let against = |answer| pairs(whole, whole, Routing::Smaller, answer);
    let vanilla = against(Routing::Vanilla)?;
    let mae: Vec<&Difference> = vanilla.iter().map(|own| &own.mae).collect();
    let mut said = vec![format!("Routed MAE minus vanilla's: {}.", told(&mae))];
    let mut verdicts = Vec::new();
    for (name, answer) in [("bigger", Routing::Bigger), ("vanilla", Routing::Vanilla), ("balanced", Routing::Balanced)]
    {
        let compared = against(answer)?;
        let differences: Vec<&Difference> = compared.iter().map(|own| &own.cmae).collect();
        let mean = Spread::of(&differences.iter().map(|own| own.difference).collect::<Vec<_>>()).mean;
        verdicts.push(format!("{name}: {} ({})", if mean < 0.0 { "yes" } else { "no" }, told(&differences)));
    }
    said.push(format!("The smaller divergence beats, on CMAE, {}.", verdicts.join("; ")));
    Ok(said)
}

/// One comparison for each seed that both have.
fn pairs(a: &Seeds, b: &Seeds, answer: Routing, against: Routing) -> Result<Vec<Comparison>> {
    a.iter().zip(b).map(|(a, b)| a.compare(answer, b, against)).collect()
}

/// The differences of all seeds: with interval and p-value, and their mean and deviation where there are several.
fn told(differences: &[&Difference]) -> String {
    let one =
        |own: &&Difference| format!("{} {}, {}", signed(own.difference), signed_interval(own.interval), p_value(own.p));
    let each = differences.iter().map(one).collect::<Vec<_>>().join("; ");
    let spread = Spread::of(&differences.iter().map(|own| own.difference).collect::<Vec<_>>());
    match spread.deviation {
        Some(deviation) => format!("{} ± {} over seeds: {each}", signed(spread.mean), years(deviation)),
        None => each,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glae_metrics::{Predictions, Truth};

    /// Sixty images of three ages; each way to answer misses by its own number of years.
    fn answers(errors: [f64; 4]) -> Answers {
        let age = |i: u32| [8.0, 30.0, 80.0][i as usize % 3];
        let rows = |error: f64| (0..60).map(|i| format!("{i},{}\n", age(i) + error)).collect::<String>();
        let truth = Truth::parse(format!("id,age\n{}", rows(0.0)).as_bytes()).unwrap();
        let own = |error| Predictions::parse(format!("id,age\n{}", rows(error)).as_bytes()).unwrap();
        let rules = [Routing::Vanilla, Routing::Balanced, Routing::Smaller, Routing::Bigger];
        Answers::new(truth, vec![1; 100], rules.into_iter().zip(errors.map(own)).collect())
    }

    fn check(claims: Claims, runs: Vec<Vec<Option<Answers>>>) -> Vec<String> {
        claims.check(&["one", "two", "three"][..runs.len()], &runs).unwrap()
    }

    #[test]
    fn routing_is_judged_against_the_baseline_and_against_its_own_classifiers() {
        // Vanilla, balanced, smaller, bigger.
        let (base, whole) = (answers([5.0, 9.0, 9.0, 9.0]), answers([4.0, 4.5, 4.2, 4.9]));
        let claims = Claims::Routing { base: 0, whole: 1 };
        let said = check(claims, vec![vec![Some(base.clone())], vec![Some(whole.clone())]]);
        let expected =
            "Routed CMAE 4.20 is 16.0 % lower than ℓ_base's 5.00 (aim: 15 % lower): reached. Difference −0.80";
        assert!(said[0].starts_with(expected), "{said:?}");
        assert!(said[1].starts_with("Routed MAE minus vanilla's: +0.20 [+0.20, +0.20]"), "{said:?}");
        assert!(
            said[2].contains("bigger: yes") && said[2].contains("vanilla: no") && said[2].contains("balanced: yes"),
            "{said:?}"
        );
        // Without the baseline the rest can still be said.
        assert_eq!(check(claims, vec![vec![None], vec![Some(whole.clone())]]), said[1..]);
        assert!(check(claims, vec![vec![Some(base)], vec![None]]).is_empty());
        let worse = check(claims, vec![vec![Some(whole)], vec![Some(answers([5.0; 4]))]]);
        assert!(worse[0].contains("25.0 % higher") && worse[0].contains("not reached"), "{worse:?}");
    }

    #[test]
    fn steps_are_compared_with_the_one_before_and_over_seeds() {
        let seeds = |errors: [f64; 2]| errors.map(|error| Some(answers([error; 4]))).to_vec();
        let said = check(Claims::Steps, vec![seeds([5.0, 5.0]), seeds([4.0, 4.2]), seeds([4.5, 4.5])]);
        // −1.0 and −0.8: mean −0.9, deviation 0.1414.
        assert!(said[0].starts_with("two after one: MAE lower: yes (−0.90 ± 0.14 over seeds: −1.00"), "{said:?}");
        assert!(said[1].starts_with("three after two: MAE lower: no (+0.40"), "{said:?}");
        let gap = vec![seeds([5.0, 5.0]), vec![None, None], seeds([4.5, 4.5])];
        assert!(check(Claims::Steps, gap).is_empty());
    }
}
