//! RandAugment: Cubuk et al., "RandAugment: Practical Automated Data Augmentation with a Reduced Search Space", 2020.
//!
//! N operations, drawn with replacement from fourteen, all at one magnitude M of 0 to 30. Operations and what they do at each
//! magnitude are torchvision's. DIFFERENCE: what moves in from outside is grey (128), as in the authors' code, instead of
//! black; rotation and shear keep the middle in its place; positions between pixels are interpolated.

use glae_face::RgbImage;
use rand::Rng;

use super::colour::{Change, scale};

/// The largest magnitude.
pub const LARGEST: u32 = 30;

/// What moves in from outside: zero for the network.
const OUTSIDE: f32 = 128.0;

/// One operation. In the order in which they are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Nothing.
    Identity,
    /// Each row moves by up to 0.3 times its distance from the middle.
    ShearX,
    /// Each column moves by up to 0.3 times its distance from the middle.
    ShearY,
    /// Right or left by up to 150/331 of the width.
    TranslateX,
    /// Down or up by up to 150/331 of the height.
    TranslateY,
    /// By up to 30 degrees.
    Rotate,
    /// By a factor of 1 - 0.9 to 1 + 0.9.
    Brightness,
    /// Saturation, by a factor of 1 - 0.9 to 1 + 0.9.
    Colour,
    /// By a factor of 1 - 0.9 to 1 + 0.9.
    Contrast,
    /// Away from or towards the blurred picture, by a factor of 1 - 0.9 to 1 + 0.9.
    Sharpness,
    /// Keeps 8 down to 4 bits of each value.
    Posterize,
    /// Inverts the values from 256 (none) down to 0 (all) on.
    Solarize,
    /// Stretches each channel to 0..=255; knows no magnitude.
    AutoContrast,
    /// Makes all values of each channel about equally frequent; knows no magnitude.
    Equalize,
}

impl Operation {
    /// All fourteen.
    pub const ALL: [Self; 14] = [
        Self::Identity,
        Self::ShearX,
        Self::ShearY,
        Self::TranslateX,
        Self::TranslateY,
        Self::Rotate,
        Self::Brightness,
        Self::Colour,
        Self::Contrast,
        Self::Sharpness,
        Self::Posterize,
        Self::Solarize,
        Self::AutoContrast,
        Self::Equalize,
    ];

    /// Applies it; `strength` from -1 to 1, of which some operations look at the size only.
    pub fn apply(self, mut image: RgbImage, strength: f32) -> RgbImage {
        let (width, height) = (image.width() as f32, image.height() as f32);
        let factor = 1.0 + 0.9 * strength;
        match self {
            Self::Identity => image,
            Self::ShearX => warp(&image, [[1.0, 0.3 * strength], [0.0, 1.0]], [0.0; 2]),
            Self::ShearY => warp(&image, [[1.0, 0.0], [0.3 * strength, 1.0]], [0.0; 2]),
            Self::TranslateX => warp(&image, [[1.0, 0.0], [0.0, 1.0]], [-strength * width * 150.0 / 331.0, 0.0]),
            Self::TranslateY => warp(&image, [[1.0, 0.0], [0.0, 1.0]], [0.0, -strength * height * 150.0 / 331.0]),
            Self::Rotate => {
                let (sin, cos) = (30.0 * strength).to_radians().sin_cos();
                warp(&image, [[cos, sin], [-sin, cos]], [0.0; 2])
            }
            Self::Brightness | Self::Colour | Self::Contrast => {
                let change = match self {
                    Self::Brightness => Change::Brightness,
                    Self::Colour => Change::Saturation,
                    _ => Change::Contrast,
                };
                scale(&mut image, change, factor);
                image
            }
            Self::Sharpness => sharpness(&image, factor),
            Self::Posterize => {
                let lost = (4.0 * strength.abs()).round() as u32;
                each_value(image, |v| v >> lost << lost)
            }
            Self::Solarize => {
                let threshold = 256.0 * (1.0 - strength.abs());
                each_value(image, |v| if f32::from(v) >= threshold { 255 - v } else { v })
            }
            Self::AutoContrast => each_channel(image, stretched),
            Self::Equalize => each_channel(image, equalized),
        }
    }
}

/// Applies `operations` drawn operations at `magnitude`, each with a drawn sign.
pub fn rand_augment(mut image: RgbImage, operations: usize, magnitude: u32, generator: &mut impl Rng) -> RgbImage {
    for _ in 0..operations {
        let operation = Operation::ALL[generator.random_range(0..Operation::ALL.len())];
        let sign = if generator.random_bool(0.5) { 1.0 } else { -1.0 };
        image = operation.apply(image, sign * magnitude as f32 / LARGEST as f32);
    }
    image
}

/// A result's pixel at p from the middle shows the picture at `matrix` p + `shift` from the middle, in pixels.
fn warp(image: &RgbImage, matrix: [[f32; 2]; 2], shift: [f32; 2]) -> RgbImage {
    // Of the middle, in indices of pixels, whose centres are half a pixel in.
    let middle = [(image.width() as f32 - 1.0) / 2.0, (image.height() as f32 - 1.0) / 2.0];
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let p = [x as f32 - middle[0], y as f32 - middle[1]];
        let at = |axis: usize| matrix[axis][0] * p[0] + matrix[axis][1] * p[1] + shift[axis] + middle[axis];
        image::Rgb(between(image, at(0), at(1)))
    })
}

/// The colour between the four pixels around a position.
fn between(image: &RgbImage, x: f32, y: f32) -> [u8; 3] {
    let (left, top) = (x.floor(), y.floor());
    let (right_share, lower_share) = (x - left, y - top);
    let mut sums = [0f32; 3];
    for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
        let share = |step: i64, share: f32| if step == 1 { share } else { 1.0 - share };
        let weight = share(dx, right_share) * share(dy, lower_share);
        let (column, row) = (u32::try_from(left as i64 + dx), u32::try_from(top as i64 + dy));
        let pixel = column.ok().zip(row.ok()).and_then(|(column, row)| image.get_pixel_checked(column, row));
        for (channel, sum) in sums.iter_mut().enumerate() {
            *sum += weight * pixel.map_or(OUTSIDE, |pixel| f32::from(pixel.0[channel]));
        }
    }
    sums.map(|sum| sum.round() as u8)
}

/// The distance to the blurred picture (5 in the middle, 1 around it, of 13) times `factor`; the border stays.
fn sharpness(image: &RgbImage, factor: f32) -> RgbImage {
    let mut sharpened = image.clone();
    for y in 1..image.height().saturating_sub(1) {
        for x in 1..image.width().saturating_sub(1) {
            let own = image.get_pixel(x, y).0;
            for (channel, value) in sharpened.get_pixel_mut(x, y).0.iter_mut().enumerate() {
                let near: u32 =
                    (0..9).map(|at| u32::from(image.get_pixel(x - 1 + at % 3, y - 1 + at / 3).0[channel])).sum();
                let own = f32::from(own[channel]);
                let blurred = (near as f32 + 4.0 * own) / 13.0;
                *value = (blurred + (own - blurred) * factor).round().clamp(0.0, 255.0) as u8;
            }
        }
    }
    sharpened
}

fn each_value(mut image: RgbImage, change: impl Fn(u8) -> u8) -> RgbImage {
    image.iter_mut().for_each(|value| *value = change(*value));
    image
}

/// Looks each channel's values up in a table made from how often they occur.
fn each_channel(mut image: RgbImage, table: impl Fn(&[u32; 256]) -> [u8; 256]) -> RgbImage {
    for channel in 0..3 {
        let mut counts = [0u32; 256];
        image.pixels().for_each(|pixel| counts[usize::from(pixel.0[channel])] += 1);
        let table = table(&counts);
        image.pixels_mut().for_each(|pixel| pixel.0[channel] = table[usize::from(pixel.0[channel])]);
    }
    image
}

fn unchanged() -> [u8; 256] {
    std::array::from_fn(|value| value as u8)
}

/// The lowest value to 0, the highest to 255.
fn stretched(counts: &[u32; 256]) -> [u8; 256] {
    let occurs = |count: &u32| *count > 0;
    match (counts.iter().position(occurs), counts.iter().rposition(occurs)) {
        (Some(low), Some(high)) if low < high => {
            let scale = 255.0 / (high - low) as f32;
            std::array::from_fn(|value| ((value as f32 - low as f32) * scale).round().clamp(0.0, 255.0) as u8)
        }
        _ => unchanged(),
    }
}

/// Pillow's equalisation: a value becomes the number of lower ones, in steps of which 255 make up all but the highest.
fn equalized(counts: &[u32; 256]) -> [u8; 256] {
    let highest = counts.iter().rposition(|count| *count > 0).map_or(0, |value| counts[value]);
    let step = (counts.iter().sum::<u32>() - highest) / 255;
    if step == 0 {
        return unchanged();
    }
    let mut below = step / 2;
    std::array::from_fn(|value| {
        let level = (below / step).min(255) as u8;
        below += counts[value];
        level
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampler::generator;
    use crate::training::StageKind;

    /// All values and many colours; no symmetry.
    fn picture() -> RgbImage {
        RgbImage::from_fn(32, 32, |x, y| image::Rgb([(x * 8) as u8, (y * 6 + 20) as u8, ((x * 3 + y * 5) % 200) as u8]))
    }

    fn row(values: &[u8]) -> RgbImage {
        RgbImage::from_fn(values.len() as u32, 1, |x, _| image::Rgb([values[x as usize]; 3]))
    }

    fn reds(image: &RgbImage) -> Vec<u8> {
        image.pixels().map(|pixel| pixel.0[0]).collect()
    }

    #[test]
    fn magnitude_0_changes_nothing_where_there_is_a_magnitude() {
        for operation in Operation::ALL {
            let same = operation.apply(picture(), 0.0) == picture();
            assert_eq!(same, !matches!(operation, Operation::AutoContrast | Operation::Equalize), "{operation:?}");
        }
    }

    #[test]
    fn every_other_operation_changes_the_picture_and_both_signs_differ() {
        for operation in Operation::ALL {
            let [up, down] = [0.3, -0.3].map(|strength| operation.apply(picture(), strength));
            assert_eq!(up.dimensions(), (32, 32));
            assert_eq!(up == picture(), operation == Operation::Identity, "{operation:?}");
            use Operation::{AutoContrast, Equalize, Identity, Posterize, Solarize};
            let unsigned = matches!(operation, Identity | Posterize | Solarize | AutoContrast | Equalize);
            assert_eq!(up == down, unsigned, "{operation:?}");
        }
    }

    #[test]
    fn translation_moves_by_its_share_and_fills_with_grey() {
        // 331 pixels wide, at full strength: by 150 to the right, or to the left.
        let wide = RgbImage::from_fn(331, 1, |x, _| image::Rgb([(x / 2) as u8; 3]));
        let right = reds(&Operation::TranslateX.apply(wide.clone(), 1.0));
        assert_eq!((right[149], right[150], right[330]), (128, 0, 90));
        let left = reds(&Operation::TranslateX.apply(wide, -1.0));
        assert_eq!((left[0], left[180], left[181]), (75, 165, 128));
        let tall = RgbImage::from_fn(1, 331, |_, y| image::Rgb([(y / 2) as u8; 3]));
        let down = reds(&Operation::TranslateY.apply(tall, 1.0));
        assert_eq!((down[149], down[150]), (128, 0));
    }

    #[test]
    fn rotation_turns_by_30_degrees_clockwise_and_keeps_the_middle() {
        // A white pixel 10 to the right of the middle of black: 8.66 right and 5 below after 30 degrees.
        let mut black = RgbImage::new(31, 31);
        (-1..=1).for_each(|dy: i32| {
            (-1..=1).for_each(|dx: i32| black.put_pixel((25 + dx) as u32, (15 + dy) as u32, image::Rgb([255; 3])));
        });
        let turned = Operation::Rotate.apply(black.clone(), 1.0);
        assert!(turned.get_pixel(24, 20).0[0] > 200 && turned.get_pixel(25, 15).0[0] < 50);
        let back = Operation::Rotate.apply(black, -1.0);
        assert!(back.get_pixel(24, 10).0[0] > 200);
    }

    #[test]
    fn shear_moves_rows_against_each_other() {
        // A white column in the middle of black: the row 10 below the middle shows what is 0.3 * 10 = 3 to its right.
        let column = RgbImage::from_fn(31, 31, |x, _| image::Rgb([if x == 15 { 255 } else { 0 }; 3]));
        let sheared = Operation::ShearX.apply(column.clone(), 1.0);
        assert_eq!(
            [sheared.get_pixel(15, 15).0[0], sheared.get_pixel(12, 25).0[0], sheared.get_pixel(18, 5).0[0]],
            [255; 3]
        );
        let line = image::imageops::rotate90(&column);
        let sheared = Operation::ShearY.apply(line, 1.0);
        assert_eq!([sheared.get_pixel(15, 15).0[0], sheared.get_pixel(25, 12).0[0]], [255; 2]);
    }

    #[test]
    fn values_change_as_their_operations_say() {
        // 0.9 at full strength: 1.9 times, and a tenth.
        assert_eq!(reds(&Operation::Brightness.apply(row(&[0, 100, 200]), 1.0)), [0, 190, 255]);
        assert_eq!(reds(&Operation::Brightness.apply(row(&[0, 100, 200]), -1.0)), [0, 10, 20]);
        // Mean 100.
        assert_eq!(reds(&Operation::Contrast.apply(row(&[80, 120]), 1.0)), [62, 138]);
        let colour = Operation::Colour.apply(RgbImage::from_pixel(1, 1, image::Rgb([100, 0, 0])), -1.0);
        // Grey 29.9, of the distance to it a tenth.
        assert_eq!(colour.get_pixel(0, 0).0, [37, 27, 27]);
        // Magnitude 9 of 30 loses 4 * 0.3 = 1.2 bits: one; 30 loses four.
        assert_eq!(reds(&Operation::Posterize.apply(row(&[3, 254, 255]), 0.3)), [2, 254, 254]);
        assert_eq!(reds(&Operation::Posterize.apply(row(&[15, 16, 255]), -1.0)), [0, 16, 240]);
        // 256 * 0.7 = 179.2.
        assert_eq!(reds(&Operation::Solarize.apply(row(&[0, 179, 180, 255]), 0.3)), [0, 179, 75, 0]);
        assert_eq!(reds(&Operation::AutoContrast.apply(row(&[50, 90, 150]), 0.0)), [0, 102, 255]);
        assert_eq!(reds(&Operation::AutoContrast.apply(row(&[50, 50]), 0.0)), [50, 50]);
    }

    #[test]
    fn equalising_spreads_a_lump_of_values_evenly() {
        // 2560 pixels, 512 of each of five values close together. Step (2560 - 512) / 255 = 8, from 4 on: 4/8, 516/8, ...
        let lump = RgbImage::from_fn(2560, 1, |x, _| image::Rgb([100 + (x / 512) as u8; 3]));
        let flat = reds(&Operation::Equalize.apply(lump, 0.0));
        assert_eq!([0, 600, 1100, 1600, 2100].map(|x: usize| flat[x]), [0, 64, 128, 192, 255]);
    }

    #[test]
    fn sharpening_goes_away_from_the_blurred_picture_inside() {
        let mut spot = RgbImage::from_pixel(3, 3, image::Rgb([100; 3]));
        spot.put_pixel(1, 1, image::Rgb([126; 3]));
        // Blurred: (8 * 100 + 5 * 126) / 13 = 110. 110 + 16 * 1.9 = 140.4 and 110 + 1.6 = 111.6.
        let centre = |strength| Operation::Sharpness.apply(spot.clone(), strength).get_pixel(1, 1).0[0];
        assert_eq!((centre(1.0), centre(-1.0)), (140, 112));
        assert_eq!(Operation::Sharpness.apply(spot.clone(), 1.0).get_pixel(0, 1).0[0], 100);
    }

    #[test]
    fn the_same_seed_gives_the_same_picture() {
        let change = |position| rand_augment(picture(), 2, 9, &mut generator(1, StageKind::Vanilla, 0, Some(position)));
        assert_eq!(change(4), change(4));
        let changed = (0..40).filter(|position| change(*position) != picture()).count();
        // Identity twice has a chance of 1 in 196.
        assert!(changed > 36, "{changed}");
    }
}
