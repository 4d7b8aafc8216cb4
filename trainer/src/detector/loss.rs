//! What the detector is trained on: class and objectness (binary cross entropy), boxes (smooth EIoU), points (smooth L1).

use burn::tensor::activation::relu;
use burn::tensor::{Device, Int, Tensor, TensorData};
use glae_face::detector::decode::{Face, Prior, read_all};
use glae_face::detector::network::OUTPUTS;

use super::assign::assign;

/// Below this the box loss is a parabola.
const SMOOTH: f64 = 0.1;

/// Below this (in strides) the point loss is a parabola.
const BETA: f64 = 1.0 / 9.0;

const BOX_WEIGHT: f64 = 5.0;

/// The four parts, each per answering prior, and how many there are.
#[derive(Debug)]
pub struct DetectorLoss {
    /// Cross entropy of the class with the overlap as target.
    pub class: Tensor<1>,
    /// Cross entropy of the objectness of all priors.
    pub objectness: Tensor<1>,
    /// Smooth EIoU, weighted.
    pub boxes: Tensor<1>,
    /// Smooth L1 of the points in strides, weighted.
    pub points: Tensor<1>,
    /// Priors that answer for a face.
    pub positives: usize,
}

impl DetectorLoss {
    /// # Shapes
    /// - `answers`: `[batch, priors, 16]` for inputs of `width` x `height` pixels
    /// - `faces`: one list per image, in its pixels; a point that is NaN costs nothing
    ///
    /// `point_weight` stands before the loss of the points.
    pub fn new(answers: Tensor<3>, priors: &[Prior], faces: &[Vec<Face>], point_weight: f64, device: &Device) -> Self {
        let [batch, count, _] = answers.dims();
        let values: Vec<f32> = answers.clone().inner().into_data().try_to_vec().expect("answers are f32");
        let mut rows = Vec::new();
        let mut targets = Targets::default();
        let mut objects = vec![0f32; batch * count];
        for (image, (own, faces)) in values.chunks_exact(count * OUTPUTS).zip(faces).enumerate() {
            for found in assign(priors, &read_all(own, priors), faces) {
                let row = image * count + found.prior;
                rows.push(row as i32);
                objects[row] = 1.0;
                targets.push(&priors[found.prior], &faces[found.face], found.overlap);
            }
        }
        let positives = rows.len();
        let answers = answers.reshape([batch * count, OUTPUTS]);
        let objects = Tensor::<2>::from_data(TensorData::new(objects, [batch * count, 1]), device);
        let share = 1.0 / positives.max(1) as f64;
        let objectness = cross_entropy(answers.clone().narrow(1, 5, 1), objects).sum().mul_scalar(share);
        if positives == 0 {
            let nothing = Tensor::zeros([1], device);
            return Self { class: nothing.clone(), objectness, boxes: nothing.clone(), points: nothing, positives };
        }
        let rows = Tensor::<1, Int>::from_data(TensorData::new(rows, [positives]), device);
        let own = answers.select(0, rows);
        let target =
            |values: Vec<f32>, width| Tensor::<2>::from_data(TensorData::new(values, [positives, width]), device);
        Self {
            class: cross_entropy(own.clone().narrow(1, 0, 1), target(targets.overlaps, 1)).sum().mul_scalar(share),
            objectness,
            boxes: eiou(own.clone().narrow(1, 1, 4), target(targets.boxes, 4)).sum().mul_scalar(share * BOX_WEIGHT),
            points: (smooth_l1(own.narrow(1, 6, 10) - target(targets.points, 10)) * target(targets.known, 10))
                .sum()
                .mul_scalar(share * point_weight),
            positives,
        }
    }

    /// All parts together.
    pub fn total(self) -> Tensor<1> {
        self.class + self.objectness + self.boxes + self.points
    }
}

/// What the answering priors should have said, in their own units.
#[derive(Default)]
struct Targets {
    overlaps: Vec<f32>,
    /// Middle relative to the prior, width and height; all in strides.
    boxes: Vec<f32>,
    /// Relative to the prior, in strides; 0 where a point is not known.
    points: Vec<f32>,
    /// 1 for each number of `points` that is known, 0 for the others.
    known: Vec<f32>,
}

impl Targets {
    fn push(&mut self, prior: &Prior, face: &Face, overlap: f32) {
        let Prior { x, y, stride } = *prior;
        self.overlaps.push(overlap);
        let middle = [face.x + face.width / 2.0 - x, face.y + face.height / 2.0 - y];
        self.boxes.extend([middle[0], middle[1], face.width, face.height].map(|length| length / stride));
        let points = || face.points.iter().flat_map(|point| [(point[0] - x) / stride, (point[1] - y) / stride]);
        self.points.extend(points().map(|value| if value.is_nan() { 0.0 } else { value }));
        self.known.extend(points().map(|value| if value.is_nan() { 0.0 } else { 1.0 }));
    }
}

/// Binary cross entropy of logits, per element.
fn cross_entropy(logits: Tensor<2>, target: Tensor<2>) -> Tensor<2> {
    relu(logits.clone()) - logits.clone() * target + logits.abs().neg().exp().add_scalar(1.0).log()
}

/// Efficient IoU loss (Zhang et al. 2021) with a parabola near zero, per row.
///
/// # Shapes
/// - `answer`: `[n, 4]`: dx, dy, ln w, ln h, as the network says it
/// - `target`: `[n, 4]`: middle, width and height in the same unit
/// - output: `[n, 1]`
fn eiou(answer: Tensor<2>, target: Tensor<2>) -> Tensor<2> {
    let column = |t: &Tensor<2>, index| t.clone().narrow(1, index, 1);
    let half = |t: Tensor<2>| t.mul_scalar(0.5);
    // e^7 strides are more than any photograph has.
    let (w, h) = (column(&answer, 2).clamp(-7.0, 7.0).exp(), column(&answer, 3).clamp(-7.0, 7.0).exp());
    let (tw, th) = (column(&target, 2), column(&target, 3));
    let edges =
        |middle: Tensor<2>, length: &Tensor<2>| (middle.clone() - half(length.clone()), middle + half(length.clone()));
    let (left, right) = edges(column(&answer, 0), &w);
    let (top, bottom) = edges(column(&answer, 1), &h);
    let (target_left, target_right) = edges(column(&target, 0), &tw);
    let (target_top, target_bottom) = edges(column(&target, 1), &th);
    let shared = |from: &Tensor<2>, to: &Tensor<2>, target_from: &Tensor<2>, target_to: &Tensor<2>| {
        relu(to.clone().min_pair(target_to.clone()) - from.clone().max_pair(target_from.clone()))
    };
    let spanned = |from: &Tensor<2>, to: &Tensor<2>, target_from: &Tensor<2>, target_to: &Tensor<2>| {
        to.clone().max_pair(target_to.clone()) - from.clone().min_pair(target_from.clone())
    };
    let both = shared(&left, &right, &target_left, &target_right) * shared(&top, &bottom, &target_top, &target_bottom);
    let either = w.clone() * h.clone() + tw.clone() * th.clone() - both.clone();
    let width = spanned(&left, &right, &target_left, &target_right).square().add_scalar(1e-7);
    let height = spanned(&top, &bottom, &target_top, &target_bottom).square().add_scalar(1e-7);
    let apart = (column(&answer, 0) - column(&target, 0)).square() + (column(&answer, 1) - column(&target, 1)).square();
    let loss = (both / either.add_scalar(1e-7)).neg().add_scalar(1.0)
        + apart / (width.clone() + height.clone())
        + (w - tw).square() / width
        + (h - th).square() / height;
    smooth(loss, SMOOTH)
}

fn smooth_l1(difference: Tensor<2>) -> Tensor<2> {
    smooth(difference.abs(), BETA)
}

/// x^2 / (2 turn) below `turn`, x - turn / 2 above, for x >= 0.
fn smooth(x: Tensor<2>, turn: f64) -> Tensor<2> {
    let near = x.clone().clamp_max(turn);
    let far = relu(x.sub_scalar(turn));
    near.square().mul_scalar(0.5 / turn) + far
}

#[cfg(test)]
mod tests {
    use super::*;
    use glae_face::detector::decode::priors;

    fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn smooth_l1_worked_by_hand() {
        // Beta 1/9: 0.1 -> 0.01 * 4.5 = 0.045; -1 -> 1 - 1/18.
        let x = Tensor::<2>::from_data([[0.1f32, -1.0]], &crate::device::cpu());
        let loss = numbers(smooth_l1(x));
        assert!((loss[0] - 0.045).abs() < 1e-6 && (loss[1] - 17.0 / 18.0).abs() < 1e-6, "{loss:?}");
    }

    #[test]
    fn eiou_worked_by_hand() {
        let device = crate::device::cpu();
        // Boxes of 2 x 2 whose middles are 1 apart: IoU 2/6, spanned 3 x 2: 2/3 + 1/13, minus half of 0.1.
        let answer = Tensor::<2>::from_data([[0.0, 0.0, 2f32.ln(), 2f32.ln()]], &device);
        let target = Tensor::<2>::from_data([[1.0f32, 0.0, 2.0, 2.0]], &device);
        let loss = numbers(eiou(answer.clone(), target))[0];
        assert!((loss - (2.0 / 3.0 + 1.0 / 13.0 - 0.05)).abs() < 1e-5, "{loss}");
        let same = Tensor::<2>::from_data([[0.0f32, 0.0, 2.0, 2.0]], &device);
        assert!(numbers(eiou(answer, same))[0].abs() < 1e-5);
    }

    #[test]
    fn a_right_answer_costs_almost_nothing() {
        let device = crate::device::cpu();
        let priors = priors(32, 32);
        let face = Face { x: 4.0, y: 4.0, width: 16.0, height: 16.0, points: [[12.0, 12.0]; 5], score: 1.0 };
        let mut targets = Targets::default();
        let mut right = Vec::new();
        for prior in &priors {
            targets.push(prior, &face, 1.0);
        }
        for (place, points) in targets.boxes.chunks_exact(4).zip(targets.points.chunks_exact(10)) {
            right.extend([20.0, place[0], place[1], place[2].ln(), place[3].ln(), -20.0]);
            right.extend(points);
        }
        let loss = |answers: Vec<f32>, face: Face| {
            let answers = Tensor::<3>::from_data(
                TensorData::new(answers, [1, priors.len(), OUTPUTS]),
                &device.clone().autodiff(),
            );
            DetectorLoss::new(answers, &priors, &[vec![face]], 0.1, &device.clone().autodiff())
        };
        let first = loss(right.clone(), face);
        assert!(first.positives > 0);
        assert!(numbers(first.boxes)[0] < 1e-3);
        assert!(numbers(first.objectness)[0] > 1.0);
        assert!(numbers(first.class)[0] < 1e-3 && numbers(first.points)[0] < 1e-3);
        // A point that is not known costs nothing, wherever the answer is.
        let mut blind = right.clone();
        blind.chunks_exact_mut(OUTPUTS).for_each(|answer| answer[8] += 5.0);
        assert!(numbers(loss(blind.clone(), face).points)[0] > 0.1);
        let mut unknown = face;
        unknown.points[1] = [f32::NAN; 2];
        assert!(numbers(loss(blind, unknown).points)[0] < 1e-3);
        // The same with every prior sure of an object: only those that do not answer cost.
        right.chunks_exact_mut(OUTPUTS).for_each(|answer| answer[5] = 20.0);
        assert!(numbers(loss(right, face).objectness)[0] > 1.0);
    }
}
