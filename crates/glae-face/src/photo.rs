//! Decoding a visitor's or a data set's photograph.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, RgbImage};

/// Photographs with more pixels are refused before they are decoded: 50 megapixels take 150 MB as RGB8, and a phone's
/// browser tab ends at a few hundred.
pub const MAX_PIXELS: u64 = 50_000_000;

/// Why a file cannot be used, each with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum PhotoError {
    /// No bytes at all.
    #[error("This file is empty. Choose another photo.")]
    Empty,
    /// Not one of the three formats.
    #[error("This file is not a photo we can read. Choose a JPEG, PNG or WebP image.")]
    NotAnImage,
    /// The header is fine, the rest is not.
    #[error("This photo is damaged or incomplete ({0}). Open it in a photo app, save it again and retry.")]
    Damaged(String),
    /// More than [`MAX_PIXELS`].
    #[error(
        "This photo is {width} × {height} pixels ({} megapixels); the limit is 50 megapixels. Save a smaller copy and choose that.",
        (u64::from(*width) * u64::from(*height)).div_ceil(1_000_000)
    )]
    TooLarge {
        /// Width in pixels, as stored.
        width: u32,
        /// Height in pixels, as stored.
        height: u32,
    },
}

/// Decodes a JPEG, PNG or WebP file into an upright RGB8 image: the EXIF orientation is applied, an alpha channel is
/// laid over white.
///
/// # Errors
/// See [`PhotoError`]; its text is a sentence for visitors.
pub fn decode(bytes: &[u8]) -> Result<RgbImage, PhotoError> {
    if bytes.is_empty() {
        return Err(PhotoError::Empty);
    }
    let format = image::guess_format(bytes).map_err(|_| PhotoError::NotAnImage)?;
    if !matches!(format, ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP) {
        return Err(PhotoError::NotAnImage);
    }
    let mut decoder = ImageReader::with_format(Cursor::new(bytes), format).into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(PhotoError::TooLarge { width, height });
    }
    let orientation = decoder.orientation().map_err(damaged)?;
    let mut photo = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    photo.apply_orientation(orientation);
    Ok(over_white(photo))
}

fn damaged(error: ImageError) -> PhotoError {
    PhotoError::Damaged(error.to_string())
}

fn over_white(photo: DynamicImage) -> RgbImage {
    if !photo.color().has_alpha() {
        return photo.into_rgb8();
    }
    let rgba = photo.into_rgba8();
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [r, g, b, a] = rgba.get_pixel(x, y).0;
        let lay = |channel: u8| {
            let (channel, a) = (u32::from(channel), u32::from(a));
            ((channel * a + 255 * (255 - a) + 127) / 255) as u8
        };
        image::Rgb([lay(r), lay(g), lay(b)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::ImageEncoder;

    fn png(image: &DynamicImage) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    /// The smallest EXIF block: one entry, the orientation.
    fn exif(orientation: u8) -> Vec<u8> {
        let mut block = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        block.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
        block
    }

    #[test]
    fn a_photo_lying_on_its_side_is_turned_upright() {
        // Left half black, right half white; orientation 6 says: turn 90° clockwise to see it upright.
        let stored = RgbImage::from_fn(32, 16, |x, _| image::Rgb([if x < 16 { 0 } else { 255 }; 3]));
        let mut bytes = Vec::new();
        let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 95);
        encoder.set_exif_metadata(exif(6)).unwrap();
        encoder.encode_image(&stored).unwrap();
        let upright = decode(&bytes).unwrap();
        assert_eq!(upright.dimensions(), (16, 32));
        assert!(upright.get_pixel(8, 2).0[0] < 20 && upright.get_pixel(8, 29).0[0] > 235);
    }

    #[test]
    fn transparency_becomes_white() {
        let rgba = image::RgbaImage::from_pixel(2, 2, image::Rgba([0, 0, 0, 0]));
        assert_eq!(decode(&png(&rgba.into())).unwrap().get_pixel(0, 0).0, [255; 3]);
    }

    #[test]
    fn webp_is_read() {
        let image = RgbImage::from_pixel(5, 4, image::Rgb([10, 200, 30]));
        let mut bytes = Vec::new();
        image::codecs::webp::WebPEncoder::new_lossless(&mut bytes)
            .write_image(&image, 5, 4, image::ExtendedColorType::Rgb8)
            .unwrap();
        assert_eq!(decode(&bytes).unwrap(), image);
    }

    #[test]
    fn bad_files_are_told_apart() {
        let whole = png(&RgbImage::new(40, 40).into());
        assert!(matches!(decode(&[]), Err(PhotoError::Empty)));
        assert!(matches!(decode(b"id,age\n1,30\n"), Err(PhotoError::NotAnImage)));
        assert!(matches!(decode(b"GIF89a\x01\0\x01\0"), Err(PhotoError::NotAnImage)));
        assert!(matches!(decode(&whole[..whole.len() / 2]), Err(PhotoError::Damaged(_))));
    }

    #[test]
    fn too_many_megapixels_are_refused_from_the_header() {
        // A PNG header alone, 10,000 x 6,000: nothing is decoded, so nothing else is needed.
        let mut bytes = png(&RgbImage::new(1, 1).into());
        bytes[16..20].copy_from_slice(&10_000u32.to_be_bytes());
        bytes[20..24].copy_from_slice(&6_000u32.to_be_bytes());
        let crc = crc32(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.to_be_bytes());
        let error = decode(&bytes).unwrap_err();
        assert!(matches!(error, PhotoError::TooLarge { width: 10_000, height: 6_000 }), "{error}");
        assert!(error.to_string().contains("60 megapixels"));
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
        })
    }
}
