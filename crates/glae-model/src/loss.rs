//! Label distribution and losses, `[GLAE] eq. (1)` to `eq. (10)`; what they are compared with is an [`Objective`].

mod objective;

use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData};

use crate::AGES;
use crate::network::Logits;

pub use objective::{Objective, Terms};

/// `[GLAE] eq. (1)`: z^k = exp(-(k - y)^2 / (2 sigma^2)) / Z for k = 0..=100.
///
/// CHOICE: Z makes the distribution sum to 1 over 0..=100. DIFFERENCE: the printed normaliser is that of the whole real
/// line, under which a newborn's distribution would weigh only 0.70.
///
/// # Panics
/// If sigma is not positive.
pub fn label_distribution(age: f64, sigma: f64) -> Vec<f32> {
    assert!(sigma > 0.0, "sigma must be positive");
    let weights: Vec<f64> = (0..AGES).map(|k| (-(k as f64 - age).powi(2) / (2.0 * sigma * sigma)).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.iter().map(|w| (w / total) as f32).collect()
}

/// The labels of a batch, on the device.
#[derive(Clone, Debug)]
pub struct Labels {
    /// y, `[batch, 1]`, in years.
    pub ages: Tensor<2>,
    /// z, `[batch, 101]`.
    pub distributions: Tensor<2>,
    /// What each row's loss is multiplied with, `[batch, 1]`; all alike where there are none.
    pub weights: Option<Tensor<2>>,
}

impl Labels {
    /// Uploads the ages (in years) and their label distributions.
    pub fn new(ages: &[f32], sigma: f64, device: &Device) -> Self {
        let z: Vec<f32> = ages.iter().flat_map(|age| label_distribution(f64::from(*age), sigma)).collect();
        Self {
            ages: Tensor::from_data(TensorData::new(ages.to_vec(), [ages.len(), 1]), device),
            distributions: Tensor::from_data(TensorData::new(z, [ages.len(), AGES]), device),
            weights: None,
        }
    }

    /// Uploads targets that are given as distributions, one row of 101 probabilities per image. Their expectations stand for
    /// the ages, so that the L1 terms and eq. (2) pull towards the same place.
    ///
    /// # Panics
    /// If there is no whole number of rows.
    pub fn soft(targets: &[f32], device: &Device) -> Self {
        assert!(targets.len().is_multiple_of(AGES), "a target has {AGES} probabilities");
        let rows = targets.len() / AGES;
        let age = |row: &[f32]| row.iter().enumerate().map(|(age, p)| age as f32 * p).sum::<f32>();
        let ages: Vec<f32> = targets.chunks_exact(AGES).map(age).collect();
        Self {
            ages: Tensor::from_data(TensorData::new(ages, [rows, 1]), device),
            distributions: Tensor::from_data(TensorData::new(targets.to_vec(), [rows, AGES]), device),
            weights: None,
        }
    }

    /// Rows that count more or less than others: one weight for each, 1 on average over the training set.
    pub fn weighted(mut self, weights: &[f32]) -> Self {
        let data = TensorData::new(weights.to_vec(), [weights.len(), 1]);
        self.weights = Some(Tensor::from_data(data, &self.ages.device()));
        self
    }

    /// Mean of the rows' losses `[rows, 1]`, each times its weight. `[1]`
    fn mean(&self, rows: Tensor<2>) -> Tensor<1> {
        match &self.weights {
            Some(weights) => (rows * weights.clone()).mean(),
            None => rows.mean(),
        }
    }
}

/// The parts of the loss; their sum is what is minimised.
#[derive(Clone, Debug)]
pub struct GlaeLoss {
    /// `[GLAE] eq. (7)`: KL + L1 at every pixel of F', averaged. `[1]`
    pub local: Tensor<1>,
    /// `[GLAE] eq. (9)`: KL + L1 of the projected answer. `[1]`
    pub holistic: Tensor<1>,
}

impl GlaeLoss {
    /// Both branches for one batch; `l1` as for [`base`].
    pub fn new(logits: Logits, labels: &Labels, l1: f64) -> Self {
        let [batch, ages, h, w] = logits.local.dims();
        let pixels = h * w;
        // Every pixel is an answer of its own: [batch * pixels, 101], its label repeated.
        let local = logits.local.reshape([batch, ages, pixels]).swap_dims(1, 2).reshape([batch * pixels, ages]);
        let repeated = Labels {
            ages: repeat_rows(labels.ages.clone(), pixels),
            distributions: repeat_rows(labels.distributions.clone(), pixels),
            weights: labels.weights.clone().map(|weights| repeat_rows(weights, pixels)),
        };
        Self { local: base(local, &repeated, l1), holistic: base(logits.holistic, labels, l1) }
    }

    /// `[GLAE] eq. (10)`: the local branch times its weight, 1 in the paper, and the holistic one. `[1]`
    pub fn total(self, local: f64) -> Tensor<1> {
        self.local.mul_scalar(local) + self.holistic
    }
}

/// `[GLAE] eq. (5)`: KL(z || p) + l1 |y - y^|, with eq. (2), (3) and (4) inside; sum over classes, mean over the rows. In the
/// paper l1 is 1.
///
/// # Shapes
/// - `logits`: `[rows, 101]`
/// - output: `[1]`
pub fn base(logits: Tensor<2>, labels: &Labels, l1: f64) -> Tensor<1> {
    let log_p = log_softmax(logits, 1);
    labels.mean(kl_divergence(&labels.distributions, log_p.clone()))
        + labels.mean((expectation(log_p.exp()) - labels.ages.clone()).abs()).mul_scalar(l1)
}

/// `[GLAE] eq. (2)`: sum_k z^k (ln z^k - ln p^k). `[rows, 1]`
fn kl_divergence(z: &Tensor<2>, log_p: Tensor<2>) -> Tensor<2> {
    // z underflows to 0 far from the age, where z ln z -> 0; the clamp keeps ln finite.
    let log_z = z.clone().clamp_min(1e-30).log();
    (z.clone() * (log_z - log_p)).sum_dim(1)
}

/// `[GLAE] eq. (3)`: y^ = sum_k k p^k, in years. `[rows, 1]`
fn expectation(p: Tensor<2>) -> Tensor<2> {
    let years = years(&p.device());
    (p * years).sum_dim(1)
}

/// 0, 1, ..., 100. `[1, 101]`
fn years(device: &Device) -> Tensor<2> {
    let years: Vec<f32> = (0..AGES).map(|k| k as f32).collect();
    Tensor::from_data(TensorData::new(years, [1, AGES]), device)
}

/// `[rows, columns]` to `[rows * times, columns]`, each row `times` times in a row.
fn repeat_rows(x: Tensor<2>, times: usize) -> Tensor<2> {
    let [rows, columns] = x.dims();
    x.reshape([rows, 1, columns]).repeat_dim(1, times).reshape([rows * times, columns])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(x: Tensor<1>) -> f32 {
        x.into_scalar()
    }

    #[test]
    fn eq_1_label_distribution() {
        let z = label_distribution(30.0, 1.0);
        // 1/sqrt(2 pi) and exp(-1/2)/sqrt(2 pi): the tails beyond 0..=100 are nil at 30.
        assert!((z[30] - 0.398_942).abs() < 1e-5 && (z[31] - 0.241_971).abs() < 1e-5);
        // At 0 the left half is cut off: 1 / (1 + e^-0.5 + e^-2 + e^-4.5 + e^-8) = 1 / 1.753310.
        let newborn = label_distribution(0.0, 1.0);
        assert!((newborn[0] - 0.570_35).abs() < 1e-4);
        assert!((newborn.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn eq_2_kl_of_equal_distributions_is_zero_and_of_uniform_is_known() {
        let device = Device::flex();
        let labels = Labels::new(&[40.0], 1.0, &device);
        let same = labels.distributions.clone().clamp_min(1e-30).log();
        assert!(value(kl_divergence(&labels.distributions, same).mean()).abs() < 1e-6);
        // Against uniform: ln 101 - H(z), and H of a unit Gaussian is 0.5 ln(2 pi e) = 1.418939.
        let uniform = Tensor::zeros([1, AGES], &device).sub_scalar(101f32.ln());
        assert!((value(kl_divergence(&labels.distributions, uniform).mean()) - (4.615_121 - 1.418_939)).abs() < 1e-4);
    }

    #[test]
    fn eq_3_and_4_expectation_and_error() {
        let device = Device::flex();
        // Half on 20, half on 60: y^ = 40; the truth is 43.
        let mut p = vec![0f32; AGES];
        (p[20], p[60]) = (0.5, 0.5);
        let p = Tensor::from_data(TensorData::new(p, [1, AGES]), &device);
        let error = value(expectation(p).sub_scalar(43.0).abs().mean());
        assert!((error - 3.0).abs() < 1e-5);
    }

    #[test]
    fn a_row_counts_as_much_as_its_weight_in_both_branches() {
        let device = Device::flex();
        let rows = |ages: &[f32]| {
            let n = ages.len();
            let labels = Labels::new(ages, 1.0, &device);
            (
                Logits { local: Tensor::zeros([n, AGES, 2, 2], &device), holistic: Tensor::zeros([n, AGES], &device) },
                labels,
            )
        };
        // Weights 2 and 0: the mean over two rows is the first one's loss.
        let (logits, labels) = rows(&[30.0, 90.0]);
        let weighted = GlaeLoss::new(logits, &labels.weighted(&[2.0, 0.0]), 1.0);
        let (logits, labels) = rows(&[30.0]);
        let alone = GlaeLoss::new(logits, &labels, 1.0);
        assert!((value(weighted.local) - value(alone.local)).abs() < 1e-4);
        assert!((value(weighted.holistic) - value(alone.holistic)).abs() < 1e-4);
    }

    #[test]
    fn a_soft_target_stands_for_its_expectation() {
        let device = Device::flex();
        // Half on 20, half on 60: the answer 40 is no year off.
        let mut target = vec![0f32; AGES];
        (target[20], target[60]) = (0.5, 0.5);
        let soft = Labels::soft(&target, &device);
        assert_eq!(value(soft.ages.clone().sum()), 40.0);
        // Uniform logits: KL = ln 101 - ln 2 = ln 50.5, and their expectation is 50.
        let loss = value(base(Tensor::zeros([1, AGES], &device), &soft, 1.0));
        assert!((loss - 50.5f32.ln() - 10.0).abs() < 1e-4, "{loss}");
        // A label's own distribution as a target is the label.
        let label = Labels::soft(&label_distribution(50.0, 1.0), &device);
        let loss = value(base(Tensor::zeros([1, AGES], &device), &label, 1.0));
        assert!((loss - 3.196_182).abs() < 1e-3, "{loss}");
    }

    #[test]
    fn eq_5_is_the_sum_of_both() {
        let device = Device::flex();
        let labels = Labels::new(&[50.0], 1.0, &device);
        // Uniform: KL as above, y^ = 50 exactly.
        let loss = value(base(Tensor::zeros([1, AGES], &device), &labels, 1.0));
        assert!((loss - 3.196_182).abs() < 1e-4, "{loss}");
        // Ten years off, at half the paper's weight.
        let labels = Labels::new(&[40.0], 1.0, &device);
        let loss = value(base(Tensor::zeros([1, AGES], &device), &labels, 0.5));
        assert!((loss - 8.196_182).abs() < 1e-4, "{loss}");
    }

    #[test]
    fn eq_6_to_10_local_is_the_mean_of_pixel_errors_not_the_error_of_the_mean() {
        let device = Device::flex();
        let labels = Labels::new(&[50.0], 1.0, &device);
        // Two pixels, sure of 40 and sure of 60: their mean is right, each is 10 years off.
        let mut map = vec![0f32; AGES * 2];
        (map[40 * 2], map[60 * 2 + 1]) = (60.0, 60.0);
        let local: Tensor<4> = Tensor::from_data(TensorData::new(map, [1, AGES, 1, 2]), &device);
        let holistic = Tensor::zeros([1, AGES], &device);
        let loss = GlaeLoss::new(Logits { local: local.clone(), holistic: holistic.clone() }, &labels, 1.0);
        let flat = |age: usize| {
            let mut row = vec![0f32; AGES];
            row[age] = 60.0;
            value(base(Tensor::from_data(TensorData::new(row, [1, AGES]), &device), &labels, 1.0))
        };
        let expected = (flat(40) + flat(60)) / 2.0;
        assert!((value(loss.local.clone()) - expected).abs() < 1e-3);
        assert!(expected > 10.0);
        assert!((value(loss.clone().total(0.5)) - expected / 2.0 - 3.196_182).abs() < 1e-3);
        // eq. (10): 1:1.
        assert!((value(loss.clone().total(1.0)) - expected - 3.196_182).abs() < 1e-3);
    }
}
