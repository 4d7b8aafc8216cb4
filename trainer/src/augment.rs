//! Random changes to training images.

pub mod colour;
pub mod rand_augment;
pub mod world;

use glae_face::RgbImage;
use glae_face::crop::{Square, crop_square};
use rand::Rng;

use crate::config::{Augment, RandAugment};

/// Draws and applies one change: shift, scale and turn, mirror, colour, RandAugment, then [`world`]. The image has `margin` pixels around the
/// crop on each side, of which shift and scale take what they need; the result has none.
pub fn augment(image: &RgbImage, margin: u32, settings: &Augment, generator: &mut impl Rng) -> RgbImage {
    let size = image.width() - 2 * margin;
    let (side, before) = (size as f32, margin as f32);
    let mut spread = |limit: f32| if limit > 0.0 { generator.random_range(-limit..=limit) } else { 0.0 };
    let (dx, dy, growth) = (spread(settings.shift), spread(settings.shift), spread(settings.scale));
    let new_side = side * (1.0 + growth);
    let centre = |d: f32| (side - new_side) / 2.0 + d * side;
    let turn = world::turn(&settings.world, generator);
    let mut changed = if turn != 0.0 {
        world::turned(image, [before + centre(dx), before + centre(dy)], new_side, turn, size)
    } else if settings.shift > 0.0 || settings.scale > 0.0 {
        crop_square(image, Square { x: before + centre(dx), y: before + centre(dy), side: new_side }, size)
    } else {
        image::imageops::crop_imm(image, margin, margin, size, size).to_image()
    };
    if settings.flip && generator.random_bool(0.5) {
        image::imageops::flip_horizontal_in_place(&mut changed);
    }
    colour::jitter(&mut changed, settings, generator);
    let changed = match &settings.rand_augment {
        Some(RandAugment { operations, magnitude }) => {
            rand_augment::rand_augment(changed, *operations, *magnitude, generator)
        }
        None => changed,
    };
    world::spoil(changed, &settings.world, generator)
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
        assert_eq!(augment(&picture(), 0, &Augment::none(), &mut random), picture());
    }

    #[test]
    fn the_same_generator_gives_the_same_change() {
        let paper = Augment { hue: 0.1, rand_augment: Some(RandAugment::default()), ..Augment::default() };
        for settings in [Augment::default(), paper] {
            let change = |position| {
                let mut random = generator(1, StageKind::Vanilla, 0, Some(position));
                augment(&picture(), 0, &settings, &mut random)
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
            augment(&picture(), 0, settings, &mut generator(1, StageKind::Vanilla, 0, Some(position)))
        };
        let same = (0..60).filter(|position| change(&settings, *position) == change(&more, *position)).count();
        // Where it drew `Identity`, and the few others that such a small picture does not show.
        assert!((1..30).contains(&same), "{same}");
    }

    #[test]
    fn what_moves_in_is_the_margin_and_without_one_the_border() {
        // Grey with a black frame of 4 pixels, which only the margin shows.
        let framed = RgbImage::from_fn(40, 40, |x, y| {
            image::Rgb([if (4..36).contains(&x) && (4..36).contains(&y) { 200 } else { 0 }; 3])
        });
        let settings = Augment { flip: false, colour: 0.0, shift: 0.06, scale: 0.1, ..Augment::none() };
        let black = |image: &RgbImage, margin| {
            let changed =
                |position| augment(image, margin, &settings, &mut generator(1, StageKind::Vanilla, 0, Some(position)));
            (0..40).filter(|position| changed(*position).pixels().any(|pixel| pixel.0[0] < 20)).count()
        };
        // Where the crop shrank and hardly moved it shows nothing of the frame.
        assert!((20..40).contains(&black(&framed, 4)), "{}", black(&framed, 4));
        let own = image::imageops::crop_imm(&framed, 4, 4, 32, 32).to_image();
        assert_eq!(black(&own, 0), 0);
        let mut random = generator(1, StageKind::Vanilla, 0, Some(0));
        assert_eq!(augment(&framed, 4, &Augment::none(), &mut random), own);
    }

    #[test]
    fn the_margin_is_as_wide_as_the_furthest_change() {
        // No pixel of the outermost row is ever missed: with a margin the result is that of a margin twice as wide, but for
        // rounding.
        let settings =
            Augment { flip: false, colour: 0.0, shift: 0.06, scale: 0.1, surroundings: true, ..Augment::none() };
        let margin = settings.margin(32);
        let wide =
            RgbImage::from_fn(32 + 4 * margin, 32 + 4 * margin, |x, y| image::Rgb([(x * 3) as u8, (y * 3) as u8, 9]));
        let side = 32 + 2 * margin;
        let narrow = image::imageops::crop_imm(&wide, margin, margin, side, side).to_image();
        for position in 0..200 {
            let changed = |image: &RgbImage, margin| {
                augment(image, margin, &settings, &mut generator(1, StageKind::Vanilla, 0, Some(position)))
            };
            let (a, b) = (changed(&wide, 2 * margin), changed(&narrow, margin));
            assert!(a.as_raw().iter().zip(b.as_raw()).all(|(a, b)| a.abs_diff(*b) <= 1), "{position}");
        }
        assert_eq!(margin, 5); // 32 * (0.06 + 0.05) = 3.52, rounded up, and one for the filter.
        assert_eq!(Augment { surroundings: false, ..settings.clone() }.margin(32), 0);
        assert_eq!(Augment { shift: 0.0, scale: 0.0, ..settings }.margin(32), 0);
    }
}
