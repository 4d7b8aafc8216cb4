//! Batches on their way from the pictures to a device.

use std::sync::mpsc::{Receiver, sync_channel};

use anyhow::Result;
use rayon::prelude::*;

use super::{Run, StageKind};
use crate::augment::augment;
use crate::checkpoint::Progress;
use crate::config::Stage;
use crate::sampler::{class_balanced, generator, instance_balanced};
use crate::smoothing;

/// The images of one step, or one batch of them.
pub(super) struct Batch {
    pub(super) planes: Vec<f32>,
    pub(super) ages: Vec<f32>,
    /// As many as ages, or none.
    pub(super) weights: Vec<f32>,
}

impl Batch {
    /// Batches of `images` images each.
    pub(super) fn parts(self, images: usize) -> Vec<Self> {
        if self.ages.len() <= images {
            return vec![self];
        }
        let per_image = self.planes.len() / self.ages.len();
        let planes = self.planes.chunks(images * per_image);
        let part = |(index, (planes, ages)): (usize, (&[f32], &[f32]))| Self {
            planes: planes.to_vec(),
            ages: ages.to_vec(),
            weights: self.weights.iter().skip(index * images).take(images).copied().collect(),
        };
        planes.zip(self.ages.chunks(images)).enumerate().map(part).collect()
    }
}

/// The order in which an epoch shows the images, and what each weighs.
struct Epoch<'a> {
    kind: StageKind,
    number: usize,
    order: &'a [usize],
    /// By image, or none.
    weights: &'a [f32],
}

impl Run<'_> {
    /// Prepares the epoch's steps on a thread of its own, two ahead. Ends with the epoch, or with the first picture that
    /// cannot be read.
    pub(super) fn batches<'scope, 'env>(
        &'env self,
        scope: &'scope std::thread::Scope<'scope, 'env>,
        kind: StageKind,
        stage: &'env Stage,
        at: Progress,
        per_epoch: usize,
    ) -> Receiver<Result<Batch>> {
        let (sender, receiver) = sync_channel(2);
        scope.spawn(move || {
            let mut order = generator(self.config.seed, kind, at.epoch, None);
            let order = match kind {
                StageKind::Vanilla => instance_balanced(self.train.ids.len(), &mut order),
                StageKind::Balanced => class_balanced(&self.train.ages, &mut order),
            };
            let images = stage.images_per_step(order.len());
            let weighs = self.config.label_distribution_smoothing && kind == StageKind::Vanilla;
            let weights = if weighs { smoothing::weights(&self.train.ages) } else { Vec::new() };
            let epoch = Epoch { kind, number: at.epoch, order: &order, weights: &weights };
            for step in at.step..per_epoch {
                let batch = self.batch(&epoch, step * images..(step + 1) * images);
                let last = batch.is_err();
                if sender.send(batch).is_err() || last {
                    return; // The loop was stopped, or has nothing to go on with.
                }
            }
        });
        receiver
    }

    fn batch(&self, epoch: &Epoch<'_>, positions: std::ops::Range<usize>) -> Result<Batch> {
        let (input, margin) = (self.config.input(), self.config.margin());
        // Each image has a generator of its own: the result is the same on any number of threads.
        let prepare = |position: usize| -> Result<(usize, Vec<f32>)> {
            let index = epoch.order[position];
            let mut random = generator(self.config.seed, epoch.kind, epoch.number, Some(position));
            let picture = self.train.picture(index)?;
            let crop = augment(&picture, margin, &self.config.augment, &mut random);
            let mut planes = Vec::new();
            input.normalise(crop.as_raw(), false, &mut planes);
            Ok((index, planes))
        };
        let images = positions.into_par_iter().map(prepare).collect::<Result<Vec<_>>>()?;
        let mut batch = Batch { planes: Vec::new(), ages: Vec::new(), weights: Vec::new() };
        for (index, planes) in images {
            batch.planes.extend(planes);
            batch.ages.push(self.train.ages[index]);
            batch.weights.extend(epoch.weights.get(index));
        }
        Ok(batch)
    }
}
