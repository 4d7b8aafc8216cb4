//! Pictures drawn in code, because no photograph of anybody may lie in the repository.

use std::io::Cursor;

use anyhow::Result;
use glae_face::RgbImage;
use image::{ImageFormat, Rgb};

/// An ellipse in a picture's own units: the width is 1, y grows downwards.
struct Ellipse {
    centre: (f32, f32),
    radii: (f32, f32),
    colour: [f32; 3],
}

/// A drawn face before a gradient, RGB8, 480 x 640: upright, so that the centred square leaves something out.
///
/// `variant` changes colours and proportions; two variants are two different photographs to a network.
pub fn face(variant: u8) -> RgbImage {
    let v = f32::from(variant);
    let ellipse = |x, y, rx, ry, colour| Ellipse { centre: (x, y), radii: (rx, ry), colour };
    let skin = [214.0 - 17.0 * v, 170.0 - 13.0 * v, 141.0 - 9.0 * v];
    let dark = [52.0, 38.0 + 20.0 * v, 35.0];
    // Later ones lie on top. Nothing is symmetric, so that a picture differs from its mirror image.
    let shapes = [
        ellipse(0.48, 0.52, 0.33, 0.40, dark),
        ellipse(0.50, 0.66, 0.27 + 0.01 * v, 0.36, skin),
        ellipse(0.39, 0.60, 0.060, 0.030, [245.0; 3]),
        ellipse(0.61, 0.60, 0.056, 0.030, [245.0; 3]),
        ellipse(0.40, 0.60, 0.024, 0.026, dark),
        ellipse(0.62, 0.60, 0.024, 0.026, dark),
        ellipse(0.39, 0.54, 0.075, 0.013, dark),
        ellipse(0.61, 0.53, 0.070, 0.013, dark),
        ellipse(0.51, 0.71, 0.030, 0.060, skin.map(|c| c * 0.88)),
        ellipse(0.50, 0.84, 0.100 + 0.01 * v, 0.024, [168.0, 84.0, 84.0]),
    ];
    RgbImage::from_fn(480, 640, |x, y| {
        let at = |offset: f32| ((x as f32 + offset) / 480.0, (y as f32 + offset) / 480.0);
        let (u, w) = at(0.5);
        let mut colour = [60.0 + 120.0 * u, 110.0 + 60.0 * w, 190.0 - 70.0 * u * w];
        for shape in &shapes {
            let (dx, dy) = ((u - shape.centre.0) / shape.radii.0, (w - shape.centre.1) / shape.radii.1);
            // Soft over about two pixels, so that resampling has no hard edges to disagree about.
            let cover = ((1.0 - dx.hypot(dy)) * shape.radii.0.min(shape.radii.1) * 240.0 + 0.5).clamp(0.0, 1.0);
            for (under, over) in colour.iter_mut().zip(shape.colour) {
                *under += cover * (over - *under);
            }
        }
        Rgb(colour.map(|c| c.round().clamp(0.0, 255.0) as u8))
    })
}

/// The picture as a PNG file.
///
/// # Errors
/// If the encoder fails.
pub fn png(picture: &RgbImage) -> Result<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

/// A PNG file that claims `width` x `height` pixels in its header and has next to none.
///
/// # Errors
/// If the encoder fails.
pub fn png_that_claims(width: u32, height: u32) -> Result<Vec<u8>> {
    let mut bytes = png(&RgbImage::new(1, 1))?;
    // Signature (8 bytes), length (4), then the chunk IHDR: its name, width, height, five more bytes, its checksum.
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let checksum = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
    Ok(bytes)
}

/// The checksum of PNG chunks (ISO 3309), one bit at a time.
fn crc32(bytes: &[u8]) -> u32 {
    let folded = bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    });
    !folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_standard_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn variants_differ_from_each_other_and_from_their_mirror_image() {
        let (one, other) = (face(0), face(1));
        assert_ne!(one, other);
        assert_ne!(one, image::imageops::flip_horizontal(&one));
    }

    #[test]
    fn a_written_picture_is_read_back_unchanged() {
        let drawn = face(2);
        assert_eq!(glae_face::photo::decode(&png(&drawn).unwrap()).unwrap(), drawn);
    }
}
