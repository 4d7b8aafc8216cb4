//! Adaptive routing, `[GLAE] eq. (11)`: the classifier whose answer the mirror image disturbs less is believed.

use serde::{Deserialize, Serialize};

/// One of the two classifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Route {
    /// Trained on images as they come.
    Vanilla,
    /// Trained with every age equally often.
    Balanced,
}

impl Route {
    /// The name in files and attributes.
    pub fn as_str(self) -> &'static str {
        match self {
            Route::Vanilla => "vanilla",
            Route::Balanced => "balanced",
        }
    }
}

/// The rule that picks a classifier per image. The paper's is [`Routing::Smaller`]; the rest are for comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// One classifier's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Expectation of the distribution, in years (`[GLAE] eq. (3)`).
    pub years: f32,
    /// Mean of the distributions of the image and of its mirror image; 101 probabilities, ages 0 to 100.
    pub distribution: Vec<f32>,
}

/// What a classifier said of an image and of its mirror image.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// p(x), 101 probabilities.
    pub image: Vec<f64>,
    /// p(flip x), 101 probabilities.
    pub mirror: Vec<f64>,
}

impl Pair {
    /// Softmax of both rows of logits.
    pub fn from_logits(image: &[f32], mirror: &[f32]) -> Self {
        Self { image: softmax(image), mirror: softmax(mirror) }
    }

    /// `[GLAE] eq. (11)`: Y = KL(p(x) || p(flip x)), in nats.
    pub fn divergence(&self) -> f64 {
        kl(&self.image, &self.mirror)
    }

    /// The flip-averaged answer.
    pub fn answer(&self) -> Answer {
        let mean: Vec<f64> = self.image.iter().zip(&self.mirror).map(|(a, b)| (a + b) / 2.0).collect();
        Answer { years: expectation(&mean) as f32, distribution: mean.iter().map(|p| *p as f32).collect() }
    }
}

impl Routing {
    /// Picks the classifier to believe.
    pub fn pick(self, vanilla: &Pair, balanced: &Pair) -> Route {
        let vanilla_wins = match self {
            Routing::Smaller => vanilla.divergence() < balanced.divergence(),
            Routing::Bigger => vanilla.divergence() > balanced.divergence(),
            Routing::Vanilla => true,
            Routing::Balanced => false,
            Routing::Symmetric => {
                let both = |pair: &Pair| pair.divergence() + kl(&pair.mirror, &pair.image);
                both(vanilla) < both(balanced)
            }
        };
        if vanilla_wins { Route::Vanilla } else { Route::Balanced }
    }
}

/// `[GLAE] eq. (3)`: sum_k k p^k, in years.
pub fn expectation(p: &[f64]) -> f64 {
    p.iter().enumerate().map(|(k, p)| k as f64 * p).sum()
}

fn softmax(logits: &[f32]) -> Vec<f64> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f64> = logits.iter().map(|l| f64::from(l - highest).exp()).collect();
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

    fn pair(image: [f64; 2], mirror: [f64; 2]) -> Pair {
        Pair { image: image.to_vec(), mirror: mirror.to_vec() }
    }

    #[test]
    fn eq_11_worked_by_hand() {
        // KL((1/2, 1/2) || (1/4, 3/4)) = 1/2 ln 2 + 1/2 ln(2/3) = 0.143841.
        let shaken = pair([0.5, 0.5], [0.25, 0.75]);
        assert!((shaken.divergence() - 0.143_841).abs() < 1e-6);
        let calm = pair([0.5, 0.5], [0.5, 0.5]);
        assert_eq!(Routing::Smaller.pick(&calm, &shaken), Route::Vanilla);
        assert_eq!(Routing::Smaller.pick(&shaken, &calm), Route::Balanced);
        assert_eq!(Routing::Bigger.pick(&shaken, &calm), Route::Vanilla);
        assert_eq!(Routing::Symmetric.pick(&shaken, &calm), Route::Balanced);
        assert_eq!(Routing::Vanilla.pick(&shaken, &calm), Route::Vanilla);
        assert_eq!(Routing::Balanced.pick(&calm, &shaken), Route::Balanced);
    }

    #[test]
    fn a_tie_goes_to_balanced() {
        let calm = pair([0.5, 0.5], [0.5, 0.5]);
        assert_eq!(Routing::Smaller.pick(&calm, &calm.clone()), Route::Balanced);
    }

    #[test]
    fn the_answer_is_the_expectation_of_the_mean() {
        let answer = pair([0.5, 0.5], [0.25, 0.75]).answer();
        assert_eq!(answer.distribution, [0.375, 0.625]);
        assert!((answer.years - 0.625).abs() < 1e-6);
    }

    #[test]
    fn softmax_survives_large_logits() {
        let p = softmax(&[1000.0, 1000.0, -1000.0]);
        assert!((p[0] - 0.5).abs() < 1e-12 && p[2] == 0.0);
        assert!(kl(&p, &[1.0, 0.0, 0.0]).is_finite());
    }
}
