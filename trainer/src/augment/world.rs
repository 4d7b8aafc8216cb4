//! What cameras and files do to a face: turned, shrunk, blurred, saved as JPEG, noisy, grey, exposed or lit otherwise, covered.
//! UTKFace's chips are straight, sharp and bright; photographs that people bring are not.

use glae_face::RgbImage;
use glae_face::similarity::Similarity;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use rand::Rng;

use crate::config::World;

/// An angle in degrees, smaller ones likelier: the product of two even draws.
pub fn turn(settings: &World, generator: &mut impl Rng) -> f32 {
    if settings.turn > 0.0 {
        settings.turn * generator.random_range(-1.0f32..=1.0) * generator.random_range(0.0f32..=1.0)
    } else {
        0.0
    }
}

/// The square with this corner (x, y) and side, turned about its middle by an angle in degrees, as `size` x `size` pixels.
pub fn turned(image: &RgbImage, [x, y]: [f32; 2], side: f32, degrees: f32, size: u32) -> RgbImage {
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let scale = size as f32 / side;
    let (a, b) = (scale * cosine, scale * sine);
    let middle = [x + side / 2.0, y + side / 2.0];
    let half = size as f32 / 2.0;
    let similarity =
        Similarity { a, b, tx: half - (a * middle[0] - b * middle[1]), ty: half - (b * middle[0] + a * middle[1]) };
    similarity.warp(image, size).expect("a square with a side is no point")
}

/// Draws and applies each change in the order in which they happen to a picture: in front of the lens, in the lens, on the
/// sensor, in the file.
pub fn spoil(mut image: RgbImage, settings: &World, generator: &mut impl Rng) -> RgbImage {
    let happens =
        |probability: f32, generator: &mut _| probability > 0.0 && Rng::random_bool(generator, probability.into());
    if happens(settings.occlude, generator) {
        occlude(&mut image, generator);
    }
    let exposed = happens(settings.exposure, generator);
    let lit = happens(settings.cast, generator);
    if exposed || lit {
        light(&mut image, exposed, lit, generator);
    }
    if happens(settings.grey, generator) {
        let share = generator.random_range(0.5f32..=1.0);
        super::colour::scale(&mut image, super::colour::Change::Saturation, 1.0 - share);
    }
    if happens(settings.blur, generator) {
        image = blur(&image, generator);
    }
    if happens(settings.shrink, generator) {
        image = shrink(&image, generator);
    }
    if happens(settings.noise, generator) {
        noise(&mut image, generator);
    }
    if happens(settings.jpeg, generator) {
        image = jpeg(&image, generator.random_range(10..=95));
    }
    image
}

/// A square of one colour, somewhere on the picture.
fn occlude(image: &mut RgbImage, generator: &mut impl Rng) {
    let (width, height) = image.dimensions();
    let side = ((width as f32 * generator.random_range(0.15f32..=0.4)) as u32).clamp(1, width.min(height));
    let (left, top) = (generator.random_range(0..=width - side), generator.random_range(0..=height - side));
    let colour = image::Rgb(generator.random::<[u8; 3]>());
    for (y, x) in (top..top + side).flat_map(|y| (left..left + side).map(move |x| (y, x))) {
        image.put_pixel(x, y, colour);
    }
}

/// Gamma, gain and offset for all channels, and a gain for each.
fn light(image: &mut RgbImage, exposed: bool, lit: bool, generator: &mut impl Rng) {
    let mut between = |range: std::ops::RangeInclusive<f32>, applies: bool, neutral: f32| {
        let drawn = generator.random_range(range);
        if applies { drawn } else { neutral }
    };
    let (gamma, gain) = (between(0.6..=1.6, exposed, 1.0), between(0.7..=1.3, exposed, 1.0));
    let offset = between(-0.1..=0.1, exposed, 0.0);
    let casts: [f32; 3] = std::array::from_fn(|_| between(0.88..=1.12, lit, 1.0));
    let table = casts.map(|cast| {
        let level = |value: usize| ((value as f32 / 255.0).powf(gamma) * gain + offset) * cast;
        std::array::from_fn::<u8, 256, _>(|value| (level(value) * 255.0).round().clamp(0.0, 255.0) as u8)
    });
    for pixel in image.pixels_mut() {
        pixel.0 = std::array::from_fn(|channel| table[channel][usize::from(pixel.0[channel])]);
    }
}

/// Out of focus (a Gaussian), or moved along a line; each about 1 % to 3 % of the side wide.
fn blur(image: &RgbImage, generator: &mut impl Rng) -> RgbImage {
    let side = image.width() as f32;
    if generator.random_bool(0.5) {
        return imageops::fast_blur(image, side * generator.random_range(0.004f32..=0.018));
    }
    let length = side * generator.random_range(0.015f32..=0.06);
    let (dy, dx) = generator.random_range(0.0..std::f32::consts::PI).sin_cos();
    const STEPS: usize = 7;
    let (width, height) = (image.width() as i32, image.height() as i32);
    let moves: [[i32; 2]; STEPS] = std::array::from_fn(|step| {
        let along = (step as f32 / (STEPS - 1) as f32 - 0.5) * length;
        [along * dx, along * dy].map(|shift| shift.round() as i32)
    });
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let mut sum = [0u32; 3];
        for [dx, dy] in moves {
            let (x, y) = ((x as i32 + dx).clamp(0, width - 1), (y as i32 + dy).clamp(0, height - 1));
            let pixel = image.get_pixel(x as u32, y as u32).0;
            sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += u32::from(value));
        }
        image::Rgb(sum.map(|sum| (sum / STEPS as u32) as u8))
    })
}

/// Fewer pixels, and as many again.
fn shrink(image: &RgbImage, generator: &mut impl Rng) -> RgbImage {
    let (width, height) = image.dimensions();
    let share = generator.random_range(0.2f32..=0.9);
    let small = [width, height].map(|side| ((side as f32 * share) as u32).max(8));
    let back = if generator.random_bool(0.5) { FilterType::Triangle } else { FilterType::CatmullRom };
    imageops::resize(&imageops::resize(image, small[0], small[1], FilterType::Triangle), width, height, back)
}

/// The sum of two even draws for each number, whose standard deviation is up to 10 of 255.
fn noise(image: &mut RgbImage, generator: &mut impl Rng) {
    let deviation = generator.random_range(0.0f32..=10.0);
    // An even draw over -w..w has a variance of w^2 / 3, the sum of two has twice that.
    let width = deviation * 1.5f32.sqrt();
    let mut random = vec![0u8; image.as_raw().len() * 2];
    generator.fill_bytes(&mut random);
    for (value, two) in image.iter_mut().zip(random.as_chunks::<2>().0) {
        let sum = (f32::from(two[0]) + f32::from(two[1])) / 127.5 - 2.0;
        *value = (f32::from(*value) + width * sum).round().clamp(0.0, 255.0) as u8;
    }
}

/// The picture as it comes back from a JPEG file of this quality, 1 to 100.
fn jpeg(image: &RgbImage, quality: u8) -> RgbImage {
    let mut file = std::io::Cursor::new(Vec::new());
    let written = JpegEncoder::new_with_quality(&mut file, quality).encode_image(image);
    written.expect("a picture in memory becomes a file in memory");
    let read = image::load_from_memory_with_format(file.get_ref(), image::ImageFormat::Jpeg);
    read.expect("what was just written is read").to_rgb8()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampler::generator;
    use crate::training::StageKind;

    fn picture() -> RgbImage {
        RgbImage::from_fn(48, 48, |x, y| {
            image::Rgb([(x * 5) as u8, (y * 5) as u8, if (x / 6 + y / 6) % 2 == 0 { 40 } else { 200 }])
        })
    }

    /// Mean distance of two pictures' values.
    fn distance(a: &RgbImage, b: &RgbImage) -> f32 {
        let sum: u32 = a.iter().zip(b.iter()).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
        sum as f32 / a.as_raw().len() as f32
    }

    #[test]
    fn nothing_asked_nothing_changed() {
        let mut random = generator(1, StageKind::Vanilla, 0, Some(0));
        assert_eq!(spoil(picture(), &World::default(), &mut random), picture());
        assert_eq!(turn(&World::default(), &mut random), 0.0);
    }

    #[test]
    fn each_switch_changes_the_picture_and_leaves_it_recognisable() {
        type Switch = fn(&mut World);
        let switches: [(&str, Switch); 8] = [
            ("shrink", |world| world.shrink = 1.0),
            ("blur", |world| world.blur = 1.0),
            ("jpeg", |world| world.jpeg = 1.0),
            ("noise", |world| world.noise = 1.0),
            ("grey", |world| world.grey = 1.0),
            ("exposure", |world| world.exposure = 1.0),
            ("cast", |world| world.cast = 1.0),
            ("occlude", |world| world.occlude = 1.0),
        ];
        for (name, switch) in switches {
            let mut world = World::default();
            switch(&mut world);
            let changed = |position| spoil(picture(), &world, &mut generator(1, StageKind::Vanilla, 0, Some(position)));
            let mean = (0..20).map(|position| distance(&changed(position), &picture())).sum::<f32>() / 20.0;
            assert!((0.5..60.0).contains(&mean), "{name}: {mean}");
            assert_eq!(changed(3), changed(3), "{name}");
            assert_eq!(changed(3).dimensions(), (48, 48), "{name}");
        }
    }

    #[test]
    fn a_quarter_turn_moves_the_top_to_the_right() {
        // Red rises to the right; turned by 90 degrees clockwise it rises downwards.
        let red = |image: &RgbImage, x, y| i32::from(image.get_pixel(x, y).0[0]);
        let quarter = turned(&picture(), [0.0, 0.0], 48.0, 90.0, 48);
        for (x, y) in [(10, 5), (30, 40), (24, 24)] {
            assert!((red(&quarter, x, y) - red(&picture(), y, 47 - x)).abs() <= 1, "{x} {y}");
        }
        // An eighth of the way and back is the middle as it was.
        let there = turned(&picture(), [0.0, 0.0], 48.0, 10.0, 48);
        let back = turned(&there, [0.0, 0.0], 48.0, -10.0, 48);
        assert!((red(&back, 24, 24) - red(&picture(), 24, 24)).abs() <= 3);
    }
}
