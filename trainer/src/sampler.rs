//! Which images an epoch shows, as a pure function of seed, stage and epoch: a resumed run sees what an unbroken one
//! would have seen.

use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::training::StageKind;

/// `position` of the order of the faces without an age: no image has a place so far back.
pub const FACES: usize = usize::MAX - 1;

/// A generator of its own for everything random: `position` is an image's place in the epoch, or `None` for the order.
pub fn generator(seed: u64, stage: StageKind, epoch: usize, position: Option<usize>) -> ChaCha8Rng {
    let mut key = [0u8; 32];
    let parts = [seed, stage as u64, epoch as u64, position.map_or(0, |p| p as u64 + 1)];
    key.chunks_exact_mut(8).zip(parts).for_each(|(bytes, part)| bytes.copy_from_slice(&part.to_le_bytes()));
    ChaCha8Rng::from_seed(key)
}

/// Instance-balanced: every image once, shuffled.
pub fn instance_balanced(images: usize, generator: &mut impl Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..images).collect();
    order.shuffle(generator);
    order
}

/// Class-balanced: as many images as the set has, each drawn by first drawing an age among those that occur, all
/// equally likely, then one of its images.
pub fn class_balanced(ages: &[f32], generator: &mut impl Rng) -> Vec<usize> {
    let mut classes = std::collections::BTreeMap::<i64, Vec<usize>>::new();
    for (index, age) in ages.iter().enumerate() {
        classes.entry(age.round() as i64).or_default().push(index);
    }
    let classes: Vec<Vec<usize>> = classes.into_values().collect();
    let draw = |_| {
        let class = classes.choose(generator).expect("there is a class if there is an image");
        *class.choose(generator).expect("no class is empty")
    };
    (0..ages.len()).map(draw).collect()
}

/// As many images as the set has, half of the draws as likely for each image, half by the inverse root of the number of images
/// of its age: rare ages come more often, and none of their images hundreds of times.
pub fn root_balanced(ages: &[f32], generator: &mut impl Rng) -> Vec<usize> {
    let mut counts = std::collections::BTreeMap::<i64, f32>::new();
    ages.iter().for_each(|age| *counts.entry(age.round() as i64).or_default() += 1.0);
    let rare: Vec<f32> = ages.iter().map(|age| 1.0 / counts[&(age.round() as i64)].sqrt()).collect();
    let mean = rare.iter().sum::<f32>() / rare.len() as f32;
    weighted(&rare.iter().map(|rare| 1.0 + rare / mean).collect::<Vec<_>>(), ages.len(), generator)
}

/// So many draws of places, each as likely as its weight says.
///
/// # Panics
/// If no weight is above 0.
pub fn weighted(weights: &[f32], draws: usize, generator: &mut impl Rng) -> Vec<usize> {
    let distribution = WeightedIndex::new(weights).expect("some weight is above 0");
    (0..draws).map(|_| distribution.sample(generator)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instance_balanced_shows_each_image_once_and_repeats_for_the_same_epoch() {
        let order = |epoch| instance_balanced(100, &mut generator(5, StageKind::Vanilla, epoch, None));
        let mut sorted = order(3);
        assert_eq!(sorted, order(3));
        assert_ne!(sorted, order(4));
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn class_balanced_shows_rare_ages_as_often_as_common_ones() {
        // 990 images of 30 years, 10 of 80: each age fills half of the epoch (binomial, 5 sigma = 79).
        let ages: Vec<f32> = (0..1000).map(|i| if i < 990 { 30.0 } else { 80.0 }).collect();
        let order = class_balanced(&ages, &mut generator(5, StageKind::Balanced, 0, None));
        let rare = order.iter().filter(|i| **i >= 990).count();
        assert_eq!(order.len(), 1000);
        assert!((421..=579).contains(&rare), "{rare}");
    }

    #[test]
    fn root_balanced_shows_rare_ages_more_often_than_they_are_and_less_than_common_ones() {
        // 9,900 images of 30 years, 100 of 80. Roots 99.5 and 10 share the second half as the sums 99.5 : 10, so the rare age
        // gets 0.005 + 0.5 * 0.0913 = 0.0507 of the draws: 507 of 10,000 (binomial, 5 sigma = 110).
        let ages: Vec<f32> = (0..10_000).map(|i| if i < 9_900 { 30.0 } else { 80.0 }).collect();
        let order = root_balanced(&ages, &mut generator(5, StageKind::Vanilla, 0, None));
        let rare = order.iter().filter(|i| **i >= 9_900).count();
        assert!((397..=617).contains(&rare), "{rare}");
    }
}
