//! What a run minimises: GLAE's loss, its ablations, and the losses it is compared with.
//!
//! All of them train the same network: 101 logits, whose expectation is the age at inference. Only [`Objective::Glae`]
//! looks at the local branch.

use burn::tensor::Tensor;
use burn::tensor::activation::log_softmax;
use serde::{Deserialize, Serialize};

use super::{GlaeLoss, Labels, base, expectation, kl_divergence, years};
use crate::AGES;
use crate::network::Logits;

/// Weight of the mean loss in [`Objective::MeanVariance`], as published.
const MEAN: f64 = 0.2;

/// Weight of the variance loss in [`Objective::MeanVariance`], as published.
const VARIANCE: f64 = 0.05;

/// A loss by its name in a run's configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// `[GLAE] eq. (10)`: KL + L1 of the local and of the holistic branch.
    #[default]
    Glae,
    /// `[GLAE] eq. (2)` of the holistic branch alone: the first row of Table II.
    Kl,
    /// `[GLAE] eq. (5)` of the holistic branch alone: GLAE without the local branch of PA.
    Base,
    /// Cross entropy with the age as a class. Rothe, Timofte and Van Gool, "Deep Expectation of Real and Apparent Age from
    /// a Single Image Without Facial Landmarks", IJCV 2018. CHOICE: an age between two classes is the nearest one.
    Dex,
    /// Cross entropy + 0.2 mean loss + 0.05 variance loss. Pan, Han, Shan and Chen, "Mean-Variance Loss for Deep Age
    /// Estimation from a Face", CVPR 2018, eq. (5).
    MeanVariance,
    /// Balanced MSE of the expectation, in its batch-based form (BMC). Ren, Zhang, Yu and Liu, "Balanced MSE for Imbalanced
    /// Visual Regression", CVPR 2022. DIFFERENCE: its noise is given instead of learnt, and the prediction is the
    /// expectation of 101 classes instead of one output, so that routing has distributions to compare.
    BalancedMse,
}

/// Numbers of the losses that a run may choose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// Weight of the L1 term in [`Objective::Glae`] and [`Objective::Base`]; 1 in the paper.
    pub l1: f64,
    /// Weight of the local branch in [`Objective::Glae`]; 1 in the paper.
    pub local: f64,
    /// Standard deviation of the prediction's noise in years, in [`Objective::BalancedMse`].
    pub noise: f64,
}

impl Objective {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Glae, Self::Kl, Self::Base, Self::Dex, Self::MeanVariance, Self::BalancedMse];

    /// The loss of one batch; its rows' mean, weighted as the labels say. `[1]`
    pub fn loss(self, logits: Logits, labels: &Labels, Terms { l1, local, noise }: Terms) -> Tensor<1> {
        let holistic = logits.holistic.clone();
        match self {
            Self::Glae => GlaeLoss::new(logits, labels, l1).total(local),
            Self::Base => base(holistic, labels, l1),
            Self::Kl => labels.mean(kl_divergence(&labels.distributions, log_softmax(holistic, 1))),
            Self::Dex => labels.mean(cross_entropy(log_softmax(holistic, 1), labels)),
            Self::MeanVariance => {
                let log_p = log_softmax(holistic, 1);
                let rows = cross_entropy(log_p.clone(), labels) + mean_and_variance(log_p.exp(), labels);
                labels.mean(rows)
            }
            Self::BalancedMse => labels.mean(balanced_mse(expectation(log_softmax(holistic, 1).exp()), labels, noise)),
        }
    }
}

/// -ln p^y. `[rows, 1]`
fn cross_entropy(log_p: Tensor<2>, labels: &Labels) -> Tensor<2> {
    let classes = labels.ages.clone().round().clamp(0.0, (AGES - 1) as f64).int();
    log_p.gather(1, classes).neg()
}

/// 0.2 (m - y)^2 / 2 + 0.05 v, where m and v are mean and variance of p. `[rows, 1]`
fn mean_and_variance(p: Tensor<2>, labels: &Labels) -> Tensor<2> {
    let mean = expectation(p.clone());
    let off = mean.clone() - labels.ages.clone();
    let from_mean = years(&p.device()) - mean;
    let variance = (p * from_mean.clone() * from_mean).sum_dim(1);
    (off.clone() * off).mul_scalar(MEAN / 2.0) + variance.mul_scalar(VARIANCE)
}

/// -2 s^2 ln (exp(-(y^ - y)^2 / 2 s^2) / sum over the batch's ages y' of exp(-(y^ - y')^2 / 2 s^2)): a prediction has to be
/// nearer to its own age than to the others of the batch, however common those are. `[rows, 1]`
fn balanced_mse(predictions: Tensor<2>, labels: &Labels, noise: f64) -> Tensor<2> {
    let variance = noise * noise;
    // Row i, column j: prediction i against age j.
    let off = predictions - labels.ages.clone().transpose();
    let log_share = log_softmax((off.clone() * off).mul_scalar(-0.5 / variance), 1);
    let own = Tensor::eye(labels.ages.dims()[0], &log_share.device());
    (log_share * own).sum_dim(1).mul_scalar(-2.0 * variance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Backbone, NetworkConfig, Projection, Rearrange};
    use crate::network::AgeNet;
    use burn::module::{Module, ModuleVisitor, Param};
    use burn::tensor::{Device, Distribution, Gradients, TensorData};

    /// The loss of rows whose softmax lies on these ages only, each equally likely.
    fn loss(objective: Objective, rows: &[&[usize]], ages: &[f32], noise: f64) -> f32 {
        let device = Device::flex();
        let mut values = vec![0f32; rows.len() * AGES];
        for (row, peaks) in rows.iter().enumerate() {
            peaks.iter().for_each(|age| values[row * AGES + age] = 60.0);
        }
        let holistic: Tensor<2> = Tensor::from_data(TensorData::new(values, [rows.len(), AGES]), &device);
        let logits = Logits { local: Tensor::zeros([rows.len(), AGES, 1, 1], &device), holistic };
        objective.loss(logits, &Labels::new(ages, 1.0, &device), Terms { l1: 1.0, local: 1.0, noise }).into_scalar()
    }

    #[test]
    fn kl_and_base_are_eq_2_and_5_of_the_holistic_branch() {
        // Uniform: ln 101 - H of a unit Gaussian, and y^ = 50; the local branch is not looked at.
        assert!((loss(Objective::Kl, &[&[]], &[40.0], 1.0) - 3.196_182).abs() < 1e-4);
        assert!((loss(Objective::Base, &[&[]], &[40.0], 1.0) - 13.196_182).abs() < 1e-4);
    }

    #[test]
    fn dex_is_the_cross_entropy_of_the_nearest_class() {
        assert!((loss(Objective::Dex, &[&[]], &[40.0], 1.0) - 101f32.ln()).abs() < 1e-5);
        // Half on 30, half on 31: ln 2; an age of 29.6 is the class 30.
        assert!((loss(Objective::Dex, &[&[30, 31]], &[29.6], 1.0) - 2f32.ln()).abs() < 1e-5);
    }

    #[test]
    fn mean_variance_adds_its_two_terms() {
        // Half on 20, half on 60, truth 20: ln 2 + 0.2 * 20^2 / 2 + 0.05 * 20^2 = 0.6931 + 40 + 20.
        assert!((loss(Objective::MeanVariance, &[&[20, 60]], &[20.0], 1.0) - 60.693_15).abs() < 1e-2);
    }

    #[test]
    fn balanced_mse_compares_with_the_ages_of_the_batch() {
        // Predictions 30 and 50, ages 30 and 40, s = 10. Row 1: ln(1 + e^-0.5) = 0.474077; row 2: against 30 -2, against
        // its own -0.5, so ln(1 + e^-1.5) = 0.201413. Mean 0.337745, times 2 s^2 = 200: 67.549.
        let two = loss(Objective::BalancedMse, &[&[30], &[50]], &[30.0, 40.0], 10.0);
        assert!((two - 67.549).abs() < 1e-2, "{two}");
        // Alone in its batch a prediction is compared with nothing.
        assert_eq!(loss(Objective::BalancedMse, &[&[30]], &[80.0], 10.0), 0.0);
    }

    #[test]
    fn glae_is_eq_10() {
        // Local and holistic branch uniform: twice (3.196182 + 10).
        assert!((loss(Objective::Glae, &[&[]], &[40.0], 1.0) - 26.392_364).abs() < 1e-3);
    }

    #[test]
    fn names_are_those_of_the_configuration() {
        let name = |objective| serde_json::to_value::<Objective>(objective).unwrap();
        let names = ["glae", "kl", "base", "dex", "mean-variance", "balanced-mse"];
        assert_eq!(Objective::ALL.map(name), names.map(serde_json::Value::from));
    }

    /// Parameters by name whose gradient is missing, not finite, or nothing but zeros.
    struct Bare<'a> {
        gradients: &'a Gradients,
        path: Vec<String>,
        found: Vec<String>,
        seen: usize,
    }

    impl ModuleVisitor for Bare<'_> {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.push(name.to_owned());
        }

        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.pop();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let name = self.path.join(".");
            if name.contains("running_") {
                return;
            }
            self.seen += 1;
            let largest = param.val().grad(self.gradients).map_or(0.0, |g| g.abs().max().into_scalar::<f32>());
            // All logits plus the same number are the same distribution: this one's gradient is zero by nature.
            let idle = name.ends_with("projection.pool.bias") && param.val().grad(self.gradients).is_some();
            if !(idle || largest.is_finite() && largest > 0.0) {
                self.found.push(name);
            }
        }
    }

    #[test]
    fn every_parameter_gets_a_gradient_under_every_loss() {
        let device = Device::flex().autodiff();
        let _turn = crate::seeded(&device, 5);
        let glae = Rearrange { r: 4, kernel: 4, stride: 4 };
        let plain = Rearrange { r: 1, kernel: 1, stride: 1 };
        for (rearrange, projection) in [(glae, Projection::Pool), (plain, Projection::Average)] {
            let config = NetworkConfig {
                backbone: Backbone::ResNet18,
                width: 8,
                input_size: 64,
                rearrange,
                projection,
                hidden: None,
                pairs: None,
            };
            config.check().unwrap();
            let net = AgeNet::new(&config, &device);
            for objective in Objective::ALL {
                let input = Tensor::random([4, 3, 64, 64], Distribution::Normal(0.0, 1.0), &device);
                let labels = Labels::new(&[3.0, 30.0, 31.0, 80.0], 1.0, &device);
                let logits = net.vanilla.forward(net.backbone.forward(input));
                let gradients = objective.loss(logits, &labels, Terms { l1: 1.0, local: 1.0, noise: 8.0 }).backward();
                for (part, name) in [(true, "backbone"), (false, "vanilla")] {
                    let mut bare = Bare { gradients: &gradients, path: Vec::new(), found: Vec::new(), seen: 0 };
                    if part {
                        net.backbone.visit(&mut bare)
                    } else {
                        net.vanilla.visit(&mut bare)
                    }
                    assert!(bare.seen > 1 && bare.found.is_empty(), "{objective:?}, {name}: {:?}", bare.found);
                }
            }
        }
    }
}
