//! From both classifiers' logits to one age: adaptive routing, `[GLAE] eq. (11)`, takes the classifier whose answer the
//! mirror image disturbs less; a mixture weighs both.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which classifiers an answer is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Route {
    /// Trained on images as they come.
    Vanilla,
    /// Trained with every age equally often.
    Balanced,
    /// A mixture of both.
    Both,
}

impl Route {
    /// The name in files and attributes.
    pub fn as_str(self) -> &'static str {
        match self {
            Route::Vanilla => "vanilla",
            Route::Balanced => "balanced",
            Route::Both => "both",
        }
    }
}

/// The rule that picks a classifier per image, or weighs both. The paper's is [`Routing::Smaller`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Routing {
    /// The smaller divergence; a tie goes to balanced.
    #[default]
    Smaller,
    /// The bigger divergence (`[GLAE] Table IX`).
    Bigger,
    /// Always vanilla.
    Vanilla,
    /// Always balanced.
    Balanced,
    /// The smaller KL(p || q) + KL(q || p).
    Symmetric,
    /// Both distributions, each weighted by its divergence to the power of -`power`: 0 is the plain mean, 1 counts half a
    /// divergence twice, and ever larger powers approach [`Routing::Smaller`].
    Mixture {
        /// Exponent, not negative.
        power: f32,
    },
}

/// Added to divergences (nats) before a power is taken, so that a face that is its own mirror image has a weight.
const LEAST_DIVERGENCE: f64 = 1e-4;

/// How an age is read out of a distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Readout {
    /// Its expectation, `[GLAE] eq. (3)`.
    #[default]
    Mean,
    /// The age below which half of it lies, each class spread evenly over the year around it.
    Median,
}

impl Readout {
    /// The age in years, of 101 probabilities.
    pub fn years(self, p: &[f64]) -> f64 {
        match self {
            Self::Mean => expectation(p),
            Self::Median => quantile(p, 0.5),
        }
    }
}

/// Everything between logits and an age: from a manifest, chosen and fitted on validation data.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rules {
    /// Which classifier is believed.
    pub routing: Routing,
    /// Which number stands for a distribution.
    pub readout: Readout,
    /// What the classifiers' logits are divided by.
    pub temperatures: Temperatures,
}

/// What logits are divided by before softmax, so that distributions are as wide as the errors are (Guo et al. 2017, "On
/// Calibration of Modern Neural Networks"). 1 leaves them as they are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Temperatures {
    /// Of the vanilla classifier; above 0.
    pub vanilla: f32,
    /// Of the balanced classifier; above 0.
    pub balanced: f32,
}

impl Default for Temperatures {
    fn default() -> Self {
        Self { vanilla: 1.0, balanced: 1.0 }
    }
}

/// One classifier's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The age read out of the distribution, in years.
    pub years: f32,
    /// Mean of the distributions of the image and of its mirror image; 101 probabilities, ages 0 to 100.
    pub distribution: Vec<f32>,
}

/// What a classifier said of an image and of its mirror image.
#[derive(Clone, Debug, PartialEq)]
pub struct MirrorPair {
    /// p(x), 101 probabilities.
    pub image: Vec<f64>,
    /// p(flip x), 101 probabilities.
    pub mirror: Vec<f64>,
}

impl MirrorPair {
    /// Softmax of both rows of logits, divided by a temperature above 0.
    pub fn from_logits(image: &[f32], mirror: &[f32], temperature: f32) -> Self {
        Self { image: softmax(image, temperature), mirror: softmax(mirror, temperature) }
    }

    /// `[GLAE] eq. (11)`: Y = KL(p(x) || p(flip x)), in nats.
    pub fn divergence(&self) -> f64 {
        kl(&self.image, &self.mirror)
    }

    /// Mean of the distributions of the image and of its mirror image.
    pub fn mean(&self) -> Vec<f64> {
        self.image.iter().zip(&self.mirror).map(|(a, b)| (a + b) / 2.0).collect()
    }
}

impl Answer {
    /// Of a distribution over the ages 0 to 100.
    pub fn new(p: &[f64], readout: Readout) -> Self {
        Self { years: readout.years(p) as f32, distribution: p.iter().map(|p| *p as f32).collect() }
    }
}

impl fmt::Display for Routing {
    /// A few words for tables and sentences.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Smaller => f.write_str("smaller divergence"),
            Self::Bigger => f.write_str("bigger divergence"),
            Self::Vanilla => f.write_str("vanilla classifier alone"),
            Self::Balanced => f.write_str("balanced classifier alone"),
            Self::Symmetric => f.write_str("smaller symmetric divergence"),
            Self::Mixture { power: 0.0 } => f.write_str("mean of both classifiers"),
            Self::Mixture { power } => write!(f, "mixture of both classifiers, power {power}"),
        }
    }
}

impl Routing {
    /// The rules that are compared before weights are exported.
    pub const CANDIDATES: [Self; 8] = [
        Self::Vanilla,
        Self::Balanced,
        Self::Smaller,
        Self::Symmetric,
        Self::Mixture { power: 0.0 },
        Self::Mixture { power: 0.5 },
        Self::Mixture { power: 1.0 },
        Self::Mixture { power: 2.0 },
    ];

    /// Share of the vanilla classifier in the answer: 1 or 0 for rules that pick one, in between for mixtures.
    pub fn vanilla_share(self, vanilla: &MirrorPair, balanced: &MirrorPair) -> f64 {
        let vanilla_wins = match self {
            Routing::Smaller => vanilla.divergence() < balanced.divergence(),
            Routing::Bigger => vanilla.divergence() > balanced.divergence(),
            Routing::Vanilla => true,
            Routing::Balanced => false,
            Routing::Symmetric => {
                let both = |pair: &MirrorPair| pair.divergence() + kl(&pair.mirror, &pair.image);
                both(vanilla) < both(balanced)
            }
            Routing::Mixture { power } => {
                let weight = |pair: &MirrorPair| (pair.divergence() + LEAST_DIVERGENCE).powf(-f64::from(power));
                let (vanilla, balanced) = (weight(vanilla), weight(balanced));
                return vanilla / (vanilla + balanced);
            }
        };
        f64::from(u8::from(vanilla_wins))
    }

    /// Which classifiers this share of the vanilla one makes an answer of.
    pub fn route(self, vanilla_share: f64) -> Route {
        match self {
            Routing::Mixture { .. } => Route::Both,
            _ if vanilla_share > 0.5 => Route::Vanilla,
            _ => Route::Balanced,
        }
    }
}

/// `[GLAE] eq. (3)`: sum_k k p^k, in years.
pub fn expectation(p: &[f64]) -> f64 {
    p.iter().enumerate().map(|(k, p)| k as f64 * p).sum()
}

/// The age below which this share of the distribution lies; class k covers k - 1/2 to k + 1/2, and class 0 ends at 0.
///
/// # Shapes
/// - `p`: probabilities of the ages 0, 1, ...; they need not sum to 1
pub fn quantile(p: &[f64], share: f64) -> f64 {
    let wanted = p.iter().sum::<f64>() * share;
    let mut below = 0.0;
    for (age, own) in p.iter().enumerate() {
        if below + own >= wanted {
            return (age as f64 - 0.5 + (wanted - below) / own.max(f64::MIN_POSITIVE)).max(0.0);
        }
        below += own;
    }
    p.len() as f64 - 1.0
}

/// Share of a distribution in the range that is shown beside an age, 0 to 1.
pub const RANGE: f64 = 0.8;

/// The middle [`RANGE`] of a distribution over the ages 0, 1, ...: from its 10 % to its 90 % quantile, in years.
pub fn range(distribution: &[f32]) -> [f64; 2] {
    let p: Vec<f64> = distribution.iter().map(|p| f64::from(*p)).collect();
    [(1.0 - RANGE) / 2.0, (1.0 + RANGE) / 2.0].map(|share| quantile(&p, share))
}

fn softmax(logits: &[f32], temperature: f32) -> Vec<f64> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f64> = logits.iter().map(|l| (f64::from(l - highest) / f64::from(temperature)).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.iter().map(|w| w / total).collect()
}

fn kl(p: &[f64], q: &[f64]) -> f64 {
    let terms = p.iter().zip(q).filter(|(p, _)| **p > 0.0);
    terms.map(|(p, q)| p * (p.ln() - q.max(1e-300).ln())).sum::<f64>().max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(image: [f64; 2], mirror: [f64; 2]) -> MirrorPair {
        MirrorPair { image: image.to_vec(), mirror: mirror.to_vec() }
    }

    #[test]
    fn the_middle_eighty_percent() {
        // 5 % at age 0 and 15 % at age 1: the tenth lies a third of the way through the year around 1, 0.5 to 1.5; likewise
        // from above.
        let [low, high] = range(&[0.05, 0.15, 0.2, 0.2, 0.2, 0.15, 0.05]);
        assert!((low - 0.8333).abs() < 1e-3 && (high - 5.1667).abs() < 1e-3, "{low} {high}");
        let [low, high] = range(&[0.0, 1.0, 0.0]);
        assert!((low - 0.6).abs() < 1e-6 && (high - 1.4).abs() < 1e-6, "{low} {high}");
    }

    #[test]
    fn eq_11_worked_by_hand() {
        // KL((1/2, 1/2) || (1/4, 3/4)) = 1/2 ln 2 + 1/2 ln(2/3) = 0.143841.
        let shaken = pair([0.5, 0.5], [0.25, 0.75]);
        assert!((shaken.divergence() - 0.143_841).abs() < 1e-6);
        let calm = pair([0.5, 0.5], [0.5, 0.5]);
        let pick = |rule: Routing, a: &MirrorPair, b: &MirrorPair| rule.route(rule.vanilla_share(a, b));
        assert_eq!(pick(Routing::Smaller, &calm, &shaken), Route::Vanilla);
        assert_eq!(pick(Routing::Smaller, &shaken, &calm), Route::Balanced);
        assert_eq!(pick(Routing::Bigger, &shaken, &calm), Route::Vanilla);
        assert_eq!(pick(Routing::Symmetric, &shaken, &calm), Route::Balanced);
        assert_eq!(pick(Routing::Vanilla, &shaken, &calm), Route::Vanilla);
        assert_eq!(pick(Routing::Balanced, &calm, &shaken), Route::Balanced);
        assert_eq!(pick(Routing::Mixture { power: 1.0 }, &calm, &shaken), Route::Both);
    }

    #[test]
    fn a_tie_goes_to_balanced() {
        let calm = pair([0.5, 0.5], [0.5, 0.5]);
        assert_eq!(Routing::Smaller.route(Routing::Smaller.vanilla_share(&calm, &calm)), Route::Balanced);
    }

    #[test]
    fn a_mixture_weighs_by_the_inverse_divergence() {
        let calm = pair([0.5, 0.5], [0.5, 0.5]);
        let shaken = pair([0.5, 0.5], [0.25, 0.75]);
        let share = |power, a: &MirrorPair, b: &MirrorPair| Routing::Mixture { power }.vanilla_share(a, b);
        assert_eq!(share(0.0, &calm, &shaken), 0.5);
        // 1 / 0.0001 against 1 / 0.143941.
        assert!((share(1.0, &calm, &shaken) - 0.999_306).abs() < 1e-5);
        assert!((share(0.5, &shaken, &calm) - 0.025_68).abs() < 1e-4);
        // As in a manifest, and in words.
        let rule = Routing::Mixture { power: 0.5 };
        assert_eq!(rule.to_string(), "mixture of both classifiers, power 0.5");
        assert_eq!(Routing::Mixture { power: 0.0 }.to_string(), "mean of both classifiers");
        assert_eq!(serde_json::to_string(&rule).unwrap(), r#"{"mixture":{"power":0.5}}"#);
        assert_eq!(serde_json::from_str::<Routing>(r#""smaller""#).unwrap(), Routing::Smaller);
    }

    #[test]
    fn the_median_lies_within_its_class() {
        let mut p = vec![0.0; 101];
        (p[20], p[30], p[80]) = (0.4, 0.2, 0.4);
        assert!((Readout::Median.years(&p) - 30.0).abs() < 1e-9);
        assert!((Readout::Mean.years(&p) - 46.0).abs() < 1e-9);
        // Three quarters at 10: two thirds of the class lie below the half.
        let mut p = vec![0.0; 101];
        (p[10], p[50]) = (0.75, 0.25);
        assert!((Readout::Median.years(&p) - (9.5 + 2.0 / 3.0)).abs() < 1e-9);
        let mut newborn = vec![0.0; 101];
        newborn[0] = 1.0;
        assert_eq!(Readout::Median.years(&newborn), 0.0);
    }

    #[test]
    fn a_temperature_above_one_widens() {
        let pair = |temperature| MirrorPair::from_logits(&[0.0, 2.0], &[0.0, 2.0], temperature);
        // e^2 / (1 + e^2) and e^1 / (1 + e^1).
        assert!((pair(1.0).image[1] - 0.880_797).abs() < 1e-6);
        assert!((pair(2.0).image[1] - 0.731_059).abs() < 1e-6);
    }

    #[test]
    fn the_answer_is_the_expectation_of_the_mean() {
        let answer = Answer::new(&pair([0.5, 0.5], [0.25, 0.75]).mean(), Readout::Mean);
        assert_eq!(answer.distribution, [0.375, 0.625]);
        assert!((answer.years - 0.625).abs() < 1e-6);
    }

    #[test]
    fn softmax_survives_large_logits() {
        let p = softmax(&[1000.0, 1000.0, -1000.0], 1.0);
        assert!((p[0] - 0.5).abs() < 1e-12 && p[2] == 0.0);
        assert!(kl(&p, &[1.0, 0.0, 0.0]).is_finite());
    }
}
