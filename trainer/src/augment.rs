//! Random changes to training images.

pub mod colour;
pub mod rand_augment;

use glae_face::RgbImage;
use glae_face::crop::{Square, crop_square};
use rand::Rng;

use crate::config::{Augment, RandAugment};

/// Draws and applies one change: shift and scale, mirror, colour, then RandAugment.
pub fn augment(image: &RgbImage, settings: &Augment, generator: &mut impl Rng) -> RgbImage {
    let side = image.width() as f32;
    let mut spread = |limit: f32| if limit > 0.0 { generator.random_range(-limit..=limit) } else { 0.0 };
    let (dx, dy, growth) = (spread(settings.shift), spread(settings.shift), spread(settings.scale));
    let new_side = side * (1.0 + growth);
    let centre = |d: f32| (side - new_side) / 2.0 + d * side;
    let mut changed = if settings.shift > 0.0 || settings.scale > 0.0 {
        crop_square(image, Square { x: centre(dx), y: centre(dy), side: new_side }, image.width())
    } else {
        image.clone()
    };
    if settings.flip && generator.random_bool(0.5) {
        image::imageops::flip_horizontal_in_place(&mut changed);
    }
    colour::jitter(&mut changed, settings, generator);
    match &settings.rand_augment {
        Some(RandAugment { operations, magnitude }) => {
            rand_augment::rand_augment(changed, *operations, *magnitude, generator)
        }
        None => changed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampler::generator;
    use crate::training::StageKind;

    fn picture() -> RgbImage {
        RgbImage::from_fn(16, 16, |x, y| image::Rgb([(x * 16) as u8, (y * 16) as u8, 128]))
    }

    #[test]
    fn nothing_asked_nothing_changed() {
        let mut random = generator(1, StageKind::Vanilla, 0, Some(0));
        assert_eq!(augment(&picture(), &Augment::none(), &mut random), picture());
    }

    #[test]
    fn the_same_generator_gives_the_same_change() {
        let paper = Augment { hue: 0.1, rand_augment: Some(RandAugment::default()), ..Augment::default() };
        for settings in [Augment::default(), paper] {
            let change = |position| {
                let mut random = generator(1, StageKind::Vanilla, 0, Some(position));
                augment(&picture(), &settings, &mut random)
            };
            assert_eq!(change(4), change(4));
            assert_ne!(change(4), change(5));
            assert_eq!(change(4).dimensions(), (16, 16));
        }
    }

    #[test]
    fn rand_augment_comes_on_top_of_the_same_other_changes() {
        let settings = Augment::default();
        let more = Augment { rand_augment: Some(RandAugment { operations: 1, magnitude: 9 }), ..settings.clone() };
        let change = |settings: &Augment, position| {
            augment(&picture(), settings, &mut generator(1, StageKind::Vanilla, 0, Some(position)))
        };
        let same = (0..60).filter(|position| change(&settings, *position) == change(&more, *position)).count();
        // Where it drew `Identity`, and the few others that such a small picture does not show.
        assert!((1..30).contains(&same), "{same}");
    }
}
