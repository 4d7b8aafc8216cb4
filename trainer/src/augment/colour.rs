//! Changes of colour; RGB8, values 0 to 255.

use glae_face::RgbImage;
use rand::Rng;
use rand::seq::SliceRandom;

use crate::config::Augment;

/// One kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Towards black or away from it.
    Brightness,
    /// Towards the picture's mean grey or away from it.
    Contrast,
    /// Towards each pixel's own grey or away from it.
    Saturation,
}

/// Brightness, contrast and saturation, each by a factor of 1 - `colour` to 1 + `colour`, and a turn of all hues by up to
/// `hue` of the colour circle, in random order: torchvision's colour jitter.
pub fn jitter(image: &mut RgbImage, settings: &Augment, generator: &mut impl Rng) {
    let mut changes = Vec::new();
    if settings.colour > 0.0 {
        changes.extend([Change::Brightness, Change::Contrast, Change::Saturation].map(Some));
    }
    if settings.hue > 0.0 {
        changes.push(None);
    }
    changes.shuffle(generator);
    for change in changes {
        match change {
            Some(change) => {
                scale(image, change, generator.random_range(1.0 - settings.colour..=1.0 + settings.colour));
            }
            None => turn_hue(image, generator.random_range(-settings.hue..=settings.hue)),
        }
    }
}

/// Multiplies the distance to what the change goes towards; a factor of 1 changes nothing.
pub fn scale(image: &mut RgbImage, change: Change, factor: f32) {
    let mean = match change {
        Change::Contrast => image.pixels().map(|p| grey(p.0)).sum::<f32>() / image.pixels().len() as f32,
        Change::Brightness | Change::Saturation => 0.0,
    };
    for pixel in image.pixels_mut() {
        let towards = match change {
            Change::Brightness => 0.0,
            Change::Contrast => mean,
            Change::Saturation => grey(pixel.0),
        };
        pixel.0 = pixel.0.map(|v| (towards + (f32::from(v) - towards) * factor).round().clamp(0.0, 255.0) as u8);
    }
}

/// Turns every hue by this share of the colour circle (1/3: red becomes green), leaving HSV's saturation and value.
pub fn turn_hue(image: &mut RgbImage, share: f32) {
    for pixel in image.pixels_mut() {
        let [r, g, b] = pixel.0.map(f32::from);
        let value = r.max(g).max(b);
        let chroma = value - r.min(g).min(b);
        if chroma == 0.0 {
            continue;
        }
        // In sixths of the circle, from red.
        let hue = if value == r {
            (g - b) / chroma
        } else if value == g {
            (b - r) / chroma + 2.0
        } else {
            (r - g) / chroma + 4.0
        };
        let hue = hue + 6.0 * share;
        // Each channel is at its lowest for two sixths, at its highest for two, and in between on the way.
        let channel = |offset: f32| {
            let k = (offset + hue).rem_euclid(6.0);
            (value - chroma * k.min(4.0 - k).clamp(0.0, 1.0)).round() as u8
        };
        pixel.0 = [channel(5.0), channel(3.0), channel(1.0)];
    }
}

/// Rec. 601 luma.
pub fn grey([r, g, b]: [u8; 3]) -> f32 {
    0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampler::generator;
    use crate::training::StageKind;

    fn one(rgb: [u8; 3]) -> RgbImage {
        RgbImage::from_pixel(1, 1, image::Rgb(rgb))
    }

    fn turned(rgb: [u8; 3], share: f32) -> [u8; 3] {
        let mut image = one(rgb);
        turn_hue(&mut image, share);
        image.get_pixel(0, 0).0
    }

    #[test]
    fn hues_turn_round_the_circle() {
        assert_eq!(turned([250, 0, 0], 1.0 / 3.0), [0, 250, 0]);
        assert_eq!(turned([250, 0, 0], 1.0 / 6.0), [250, 250, 0]);
        assert_eq!(turned([200, 100, 50], -1.0 / 3.0), [100, 50, 200]);
        assert_eq!(turned([77, 77, 77], 0.4), [77, 77, 77]);
        // All colours of a coarse cube come back after no turn and after a whole one.
        for index in 0..512u32 {
            let rgb = [index / 64, index / 8 % 8, index % 8].map(|level| (level * 36) as u8);
            assert_eq!((turned(rgb, 0.0), turned(rgb, 1.0)), (rgb, rgb));
        }
    }

    #[test]
    fn each_change_goes_away_from_what_it_says() {
        let scaled = |change, factor| {
            let mut image = RgbImage::from_fn(2, 1, |x, _| image::Rgb(if x == 0 { [40, 80, 120] } else { [60; 3] }));
            scale(&mut image, change, factor);
            (image.get_pixel(0, 0).0, image.get_pixel(1, 0).0)
        };
        assert_eq!(scaled(Change::Brightness, 1.5), ([60, 120, 180], [90; 3]));
        // Greys 0.299 * 40 + 0.587 * 80 + 0.114 * 120 = 72.6 and 60: their mean is 66.3.
        assert_eq!(scaled(Change::Contrast, 0.0), ([66; 3], [66; 3]));
        assert_eq!(scaled(Change::Saturation, 0.0), ([73; 3], [60; 3]));
        for change in [Change::Brightness, Change::Contrast, Change::Saturation] {
            assert_eq!(scaled(change, 1.0), ([40, 80, 120], [60; 3]));
        }
    }

    #[test]
    fn hue_alone_changes_only_hues_and_colour_alone_no_hue() {
        let jittered = |colour, hue, position| {
            let mut image = one([200, 100, 50]);
            let settings = Augment { colour, hue, ..Augment::none() };
            jitter(&mut image, &settings, &mut generator(1, StageKind::Vanilla, 0, Some(position)));
            image.get_pixel(0, 0).0
        };
        let hues: Vec<[u8; 3]> = (0..20).map(|position| jittered(0.0, 0.5, position)).collect();
        assert!(hues.iter().all(|rgb| *rgb.iter().max().unwrap() == 200 && *rgb.iter().min().unwrap() == 50));
        assert!(hues.iter().any(|rgb| rgb[2] > rgb[0]));
        // Orange stays orange: red over green over blue.
        assert!((0..20).map(|position| jittered(0.3, 0.0, position)).all(|[r, g, b]| r > g && g > b));
        assert_eq!(jittered(0.0, 0.0, 0), [200, 100, 50]);
    }
}
