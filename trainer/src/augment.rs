//! Random changes to training images.

use glae_face::RgbImage;
use glae_face::crop::{Square, crop_square};
use rand::Rng;
use rand::seq::SliceRandom;

use crate::config::Augment;

/// Draws and applies one change: mirror, shift and scale, then colour.
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
    if settings.colour > 0.0 {
        jitter(&mut changed, settings.colour, generator);
    }
    changed
}

/// Brightness, contrast and saturation in random order, each by a factor of 1 - limit to 1 + limit.
fn jitter(image: &mut RgbImage, limit: f32, generator: &mut impl Rng) {
    let mut order = [0, 1, 2];
    order.shuffle(generator);
    for change in order {
        let factor = generator.random_range(1.0 - limit..=1.0 + limit);
        let mean = (change == 1).then(|| image.pixels().map(|p| grey(p.0)).sum::<f32>() / image.pixels().len() as f32);
        for pixel in image.pixels_mut() {
            let towards = match change {
                0 => 0.0,
                1 => mean.unwrap_or(0.0),
                _ => grey(pixel.0),
            };
            pixel.0 = pixel.0.map(|v| (towards + (f32::from(v) - towards) * factor).round().clamp(0.0, 255.0) as u8);
        }
    }
}

/// Rec. 601 luma.
fn grey([r, g, b]: [u8; 3]) -> f32 {
    0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b)
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
        let off = Augment { flip: false, colour: 0.0, shift: 0.0, scale: 0.0 };
        let mut random = generator(1, StageKind::Vanilla, 0, Some(0));
        assert_eq!(augment(&picture(), &off, &mut random), picture());
    }

    #[test]
    fn the_same_generator_gives_the_same_change() {
        let change = |position| {
            let mut random = generator(1, StageKind::Vanilla, 0, Some(position));
            augment(&picture(), &Augment::default(), &mut random)
        };
        assert_eq!(change(4), change(4));
        assert_ne!(change(4), change(5));
        assert_eq!(change(4).dimensions(), (16, 16));
    }
}
