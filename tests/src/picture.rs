//! Pictures to give to the page.

use std::io::Cursor;

use anyhow::Result;
use glae_face::RgbImage;
use image::imageops::{rotate90, rotate180};
use image::{ImageFormat, Rgb};

use crate::drawing::{FacePlace, SITTERS};

/// Who is in [`group`], from left to right.
pub const GROUP: [FacePlace; 3] = [
    FacePlace { sitter: &SITTERS[1], middle: [185.0, 265.0], half: 125.0, tilt: 0.06 },
    FacePlace { sitter: &SITTERS[0], middle: [500.0, 290.0], half: 150.0, tilt: -0.08 },
    FacePlace { sitter: &SITTERS[2], middle: [795.0, 250.0], half: 105.0, tilt: 0.03 },
];

/// Who is in [`far`], from left to right: the second face is narrower than any whose age can be told.
pub const FAR: [FacePlace; 2] = [
    FacePlace { sitter: &SITTERS[3], middle: [105.0, 150.0], half: 62.0, tilt: 0.04 },
    FacePlace { sitter: &SITTERS[0], middle: [255.0, 95.0], half: 13.6, tilt: 0.0 },
];

/// Four people on a square, the farther the smaller.
pub const CROWD: [FacePlace; 4] = [
    FacePlace { sitter: &SITTERS[2], middle: [90.0, 320.0], half: 58.0, tilt: 0.03 },
    FacePlace { sitter: &SITTERS[3], middle: [250.0, 240.0], half: 30.0, tilt: -0.04 },
    FacePlace { sitter: &SITTERS[1], middle: [420.0, 200.0], half: 20.0, tilt: 0.02 },
    FacePlace { sitter: &SITTERS[0], middle: [560.0, 180.0], half: 14.0, tilt: 0.0 },
];

/// 24 people in three rows, each a fortieth of a photograph's width wide, RGB8, 2400 x 1800.
pub fn assembly() -> (RgbImage, Vec<FacePlace>) {
    let place = |index: usize| {
        let (column, row) = ((index % 8) as f32, (index / 8) as f32);
        let sitter = &SITTERS[(index + index / 8) % SITTERS.len()];
        let tilt = 0.05 - 0.1 * ((index % 3) as f32) / 2.0;
        FacePlace { sitter, middle: [160.0 + 297.0 * column, 320.0 + 560.0 * row], half: 30.0 / (0.94 * 0.8), tilt }
    };
    let places: Vec<FacePlace> = (0..24).map(place).collect();
    (painted(2400, 1800, &places), places)
}

/// A drawn face before a gradient, RGB8, 480 x 640: upright, so that the centred square leaves something out.
///
/// `variant` counts [`SITTERS`], from the first one again after the last.
pub fn face(variant: u8) -> RgbImage {
    painted(480, 640, &[portrait(variant)])
}

/// Where somebody is in [`face`].
pub fn portrait(variant: u8) -> FacePlace {
    let variant = usize::from(variant) % SITTERS.len();
    let tilt = [0.04, -0.06, 0.08, -0.03][variant];
    FacePlace { sitter: &SITTERS[variant], middle: [244.0, 356.0], half: 165.0, tilt }
}

/// Three people side by side, RGB8, 960 x 480.
pub fn group() -> RgbImage {
    painted(960, 480, &GROUP)
}

/// Somebody near and somebody far away, RGB8, 320 x 240.
pub fn far() -> RgbImage {
    painted(320, 240, &FAR)
}

/// Photographs whose ages `oracle/ages.json` knows, by name: of one and of several, leaning, cut off by the border, dark,
/// small, too small to be judged, on its side, upside down, and without a face.
pub fn judged() -> [(&'static str, RgbImage); 14] {
    let one = |place: FacePlace| painted(480, 480, &[place]);
    let place = |sitter, middle, half, tilt| FacePlace { sitter, middle, half, tilt };
    let mut dark = face(1);
    dark.iter_mut().for_each(|value| *value /= 3);
    [
        ("portrait-0", face(0)),
        ("portrait-1", face(1)),
        ("portrait-2", face(2)),
        ("portrait-3", face(3)),
        ("group", group()),
        ("far", far()),
        ("nobody", landscape()),
        ("leaning", one(place(&SITTERS[2], [230.0, 250.0], 150.0, 0.45))),
        ("crowd", painted(640, 480, &CROWD)),
        ("border", one(place(&SITTERS[0], [60.0, 240.0], 140.0, -0.05))),
        ("dark", dark),
        ("sideways", rotate90(&face(0))),
        ("upside-down", rotate180(&face(1))),
        ("small", painted(120, 100, &[place(&SITTERS[1], [62.0, 55.0], 32.0, 0.05)])),
    ]
}

/// Hills and nobody, RGB8, 640 x 480.
pub fn landscape() -> RgbImage {
    RgbImage::from_fn(640, 480, |x, y| {
        let (x, y) = (x as f32, y as f32);
        let (far, near) = (250.0 + 40.0 * (x / 90.0).sin(), 360.0 + 30.0 * (1.0 + x / 140.0).sin());
        let colour = if y > near {
            [70.0, 120.0 - 0.1 * y, 60.0]
        } else if y > far {
            [110.0, 140.0 - 0.1 * (y - far), 120.0]
        } else {
            [150.0 + 0.2 * y, 185.0 + 0.1 * y, 230.0]
        };
        Rgb(colour.map(|value| value as u8))
    })
}

/// A gradient with people before it.
pub fn painted(width: u32, height: u32, places: &[FacePlace]) -> RgbImage {
    let mut picture = RgbImage::from_fn(width, height, |x, y| {
        let (u, v) = ((x as f32 + 0.5) / width as f32, (y as f32 + 0.5) / height as f32);
        Rgb([60.0 + 120.0 * u, 110.0 + 60.0 * v, 190.0 - 70.0 * u * v].map(|value| value.round() as u8))
    });
    places.iter().for_each(|place| place.paint(&mut picture));
    picture
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
    use glae_face::detector::trust::LEAST_WIDTH;

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
    fn everybody_is_inside_the_picture_and_from_left_to_right() {
        let pictures = [(GROUP.to_vec(), group()), (FAR.to_vec(), far()), (vec![portrait(0)], face(0))];
        for (places, picture) in pictures {
            assert!(places.is_sorted_by(|a, b| a.frame()[0] + a.frame()[2] < b.frame()[0]));
            for [x, y, width, height] in places.iter().map(FacePlace::frame) {
                assert!(
                    x > 0.0 && x + width < picture.width() as f32 && y > 0.0 && y + height < picture.height() as f32
                );
            }
        }
    }

    #[test]
    fn only_the_far_face_is_too_small() {
        let small = |place: &FacePlace| place.frame()[2].min(place.frame()[3]) < LEAST_WIDTH;
        assert_eq!(FAR.each_ref().map(small), [false, true]);
        assert!(!GROUP.iter().any(small));
    }

    #[test]
    fn a_written_picture_is_read_back_unchanged() {
        let drawn = face(2);
        assert_eq!(glae_face::photo::decode(&png(&drawn).unwrap()).unwrap(), drawn);
    }
}
