//! Batches on their way from the pictures to a device.

use std::sync::mpsc::{Receiver, sync_channel};

use anyhow::Result;
use glae_model::AGES;
use rayon::prelude::*;

use super::{Run, StageKind};
use crate::augment::augment;
use crate::checkpoint::Progress;
use crate::config::{Sampling, Stage};
use crate::sampler::{FACES, class_balanced, generator, instance_balanced, root_balanced, weighted};
use crate::smoothing;
use glae_data::TrainingSet;

/// The images of one step, or one batch of them.
pub(super) struct Batch {
    pub(super) planes: Vec<f32>,
    pub(super) ages: Vec<f32>,
    /// Distributions to learn, 101 numbers for each age, or none: then they follow from the ages.
    pub(super) targets: Vec<f32>,
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
            targets: self.targets.iter().skip(index * images * AGES).take(images * AGES).copied().collect(),
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
    /// Faces without an age.
    faces: &'a [usize],
    step: StepSize,
}

/// Images of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StepSize {
    /// With an age.
    pub(super) labelled: usize,
    /// With a soft label only.
    pub(super) faces: usize,
}

impl Run<'_> {
    /// What a step of a stage holds.
    pub(super) fn step_size(&self, stage: &Stage) -> StepSize {
        let all = stage.images_per_step(self.train.ids.len());
        let share =
            self.config.data.soft.as_ref().and_then(|soft| soft.faces.as_ref()).map_or(0.0, |faces| faces.share);
        let faces = if self.faces.is_some() { ((all as f64 * share).round() as usize).min(all - 1) } else { 0 };
        StepSize { labelled: all - faces, faces }
    }

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
            let usual = if kind == StageKind::Vanilla { Sampling::Instance } else { Sampling::Class };
            let order = match stage.sampling.unwrap_or(usual) {
                Sampling::Instance => instance_balanced(self.train.ids.len(), &mut order),
                Sampling::Root => root_balanced(&self.train.ages, &mut order),
                Sampling::Class => class_balanced(&self.train.ages, &mut order),
            };
            let size = self.step_size(stage);
            let faces = self.faces.map_or_else(Vec::new, |faces| {
                let mut random = generator(self.config.seed, kind, at.epoch, Some(FACES));
                weighted(&faces.weights, per_epoch * size.faces, &mut random)
            });
            let weighs = self.config.label_distribution_smoothing && kind == StageKind::Vanilla;
            let weights = if weighs { smoothing::weights(&self.train.ages) } else { Vec::new() };
            let epoch = Epoch { kind, number: at.epoch, order: &order, weights: &weights, faces: &faces, step: size };
            for step in at.step..per_epoch {
                let batch = self.batch(&epoch, step);
                let last = batch.is_err();
                if sender.send(batch).is_err() || last {
                    return; // The loop was stopped, or has nothing to go on with.
                }
            }
        });
        receiver
    }

    fn batch(&self, epoch: &Epoch<'_>, step: usize) -> Result<Batch> {
        let (input, margin) = (self.config.input(), self.config.margin());
        let StepSize { labelled, faces } = epoch.step;
        // Each image has a generator of its own: the result is the same on any number of threads.
        let prepare = |set: &TrainingSet, index: usize, position: usize| -> Result<Vec<f32>> {
            let mut random = generator(self.config.seed, epoch.kind, epoch.number, Some(position));
            let picture = set.picture(index)?;
            let crop = augment(&picture, margin, &self.config.augment, &mut random);
            let mut planes = Vec::new();
            input.normalise(crop.as_raw(), false, &mut planes);
            Ok(planes)
        };
        let own =
            (step * labelled..(step + 1) * labelled).map(|position| (self.train, epoch.order[position], position));
        // Their places lie behind those of all images with an age.
        let behind = epoch.order.len();
        let soft = self.faces.into_iter().flat_map(|set| {
            let positions = step * faces..(step + 1) * faces;
            positions.map(move |position| (&set.train, epoch.faces[position], behind + position))
        });
        let all: Vec<(&TrainingSet, usize, usize)> = own.chain(soft).collect();
        let planes = all.par_iter().map(|&(set, index, position)| prepare(set, index, position));
        let planes = planes.collect::<Result<Vec<_>>>()?;
        let mut batch = Batch { planes: planes.concat(), ages: Vec::new(), targets: Vec::new(), weights: Vec::new() };
        for (set, index, _) in all {
            batch.ages.push(set.ages[index]);
            batch.targets.extend(set.targets.iter().flat_map(|targets| &targets[index * AGES..][..AGES]));
            batch.weights.extend(epoch.weights.get(index));
        }
        Ok(batch)
    }
}
