use super::*;
use crate::photo::{decode, read as read_any};
use image::metadata::Orientation;
use image::{DynamicImage, ImageFormat};
use std::io::Cursor;

fn encoded(photo: &DynamicImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    photo.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// Every kind of pixel that a PNG file can have eight or sixteen bits of.
fn kinds() -> Vec<DynamicImage> {
    let deep = image::ImageBuffer::from_fn(37, 23, |x, y| {
        image::Rgba([x * 1700, y * 2800, (x * y) * 70, 65_535 - x * 1500].map(|value| value as u16))
    });
    let deep = DynamicImage::ImageRgba16(deep);
    vec![
        deep.to_luma8().into(),
        deep.to_luma_alpha8().into(),
        deep.to_rgb8().into(),
        deep.to_rgba8().into(),
        deep.to_luma16().into(),
        deep.to_luma_alpha16().into(),
        deep.to_rgb16().into(),
        deep,
    ]
}

fn header(photo: &DynamicImage) -> Header {
    Header { width: photo.width(), height: photo.height(), orientation: Orientation::NoTransforms }
}

#[test]
fn rows_are_the_whole_picture() {
    for photo in kinds() {
        let bytes = encoded(&photo);
        assert_eq!(rows(&bytes, &header(&photo), 1).unwrap(), (decode(&bytes).unwrap(), true), "{:?}", photo.color());
    }
}

#[test]
fn shrinking_is_the_mean_of_the_pixels() {
    let photo =
        DynamicImage::ImageRgb8(RgbImage::from_fn(5, 3, |x, y| image::Rgb([(10 * x) as u8, (10 * y) as u8, 7])));
    let (small, all) = rows(&encoded(&photo), &header(&photo), 2).unwrap();
    assert!(all && small.dimensions() == (3, 2));
    // Means of four, of two at the right and below, and of one in the corner.
    assert_eq!(small.get_pixel(0, 0).0, [5, 5, 7]);
    assert_eq!((small.get_pixel(2, 0).0, small.get_pixel(1, 1).0), ([40, 5, 7], [25, 20, 7]));
    assert_eq!(small.get_pixel(2, 1).0, [40, 20, 7]);
}

#[test]
fn a_file_that_ends_anywhere_is_cut_off() {
    let photo = DynamicImage::ImageRgb8(RgbImage::from_fn(60, 50, |x, y| {
        image::Rgb([(x * y) as u8, (x * 3 + y * y) as u8, (y * 5 + x * x) as u8])
    }));
    let (bytes, pixels) = (encoded(&photo), photo.to_rgb8());
    // Behind the pixels come their checksums and the end marker, which nothing depends on.
    for end in 8..bytes.len() - 24 {
        match read_any(&bytes[..end]) {
            Ok(photo) => assert!(photo.cut_off, "{end}"),
            Err(error) => assert!(matches!(error, PhotoError::CutOff), "{end}: {error}"),
        }
    }
    assert_eq!(decode(&bytes[..bytes.len() - 12]).unwrap(), pixels);
    let half = read_any(&bytes[..bytes.len() / 2]).unwrap().pixels;
    assert_eq!(half.get_pixel(30, 5), pixels.get_pixel(30, 5));
    assert_eq!(half.get_pixel(30, 49).0, [MISSING; 3]);
    // Damage in the middle of a file that has its end is no cut.
    let mut damaged = bytes.clone();
    damaged[bytes.len() / 2] ^= 0xff;
    assert!(matches!(read_any(&damaged), Err(PhotoError::Damaged(_))));
}

/// A header alone, with another size: nothing is decoded, so nothing else is needed.
fn claims(width: u32, height: u32, interlaced: bool) -> Vec<u8> {
    let mut bytes = encoded(&RgbImage::new(1, 1).into());
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    bytes[28] = interlaced.into();
    let crc = !bytes[12..29].iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    });
    bytes[29..33].copy_from_slice(&crc.to_be_bytes());
    bytes
}

#[test]
fn what_cannot_be_held_to_the_bound_is_refused_from_its_header() {
    let error = read_any(&claims(12_000, 9_000, true)).unwrap_err();
    assert!(matches!(error, PhotoError::Memory { width: 12_000, height: 9_000, .. }), "{error}");
    assert!(error.to_string().contains("(108 megapixels), and decoding an interlaced PNG of this size takes 324 MB"));
    let error = read_any(&claims(100_000, 90_000, false)).unwrap_err().to_string();
    assert!(error.contains("(9000 megapixels), too large"), "{error}");
}

#[test]
fn memory_goes_by_kind_of_pixel() {
    let of = |color, depth| bytes_per_pixel((color, depth), false);
    assert_eq!(of(ColorType::Rgb, BitDepth::Eight), 3);
    assert_eq!(of(ColorType::Rgba, BitDepth::Eight), 7);
    assert_eq!(of(ColorType::Rgba, BitDepth::Sixteen), 12);
    assert_eq!(of(ColorType::Grayscale, BitDepth::Eight), 4);
    assert_eq!(bytes_per_pixel((ColorType::Rgba, BitDepth::Sixteen), true), 16);
}
