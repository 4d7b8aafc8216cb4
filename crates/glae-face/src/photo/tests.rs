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
    let header = Header::of(&bytes, ImageFormat::Jpeg).unwrap();
    assert!(header.turned() && header.result(2, 3) == 16 * 8 * 3 * 2);
}

#[test]
fn a_broken_exif_block_does_not_cost_the_photo() {
    let photo = RgbImage::from_pixel(16, 8, image::Rgb([200, 100, 50]));
    for block in [b"no TIFF header".to_vec(), exif(6)[..12].to_vec(), exif(77)] {
        let (mut jpeg, mut png) = (Vec::new(), Vec::new());
        let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 95);
        encoder.set_exif_metadata(block.clone()).unwrap();
        encoder.encode_image(&photo).unwrap();
        let mut encoder = image::codecs::png::PngEncoder::new(&mut png);
        encoder.set_exif_metadata(block).unwrap();
        encoder.write_image(&photo, 16, 8, image::ExtendedColorType::Rgb8).unwrap();
        assert_eq!(decode(&jpeg).unwrap().dimensions(), (16, 8));
        assert_eq!(decode(&png).unwrap(), photo);
    }
}

#[test]
fn transparency_becomes_white() {
    let rgba = image::RgbaImage::from_pixel(2, 2, image::Rgba([0, 0, 0, 0]));
    assert_eq!(decode(&png(&rgba.into())).unwrap().get_pixel(0, 0).0, [255; 3]);
}

#[test]
fn webp_is_read_whole_and_not_cut_off() {
    let image = RgbImage::from_fn(50, 40, |x, y| image::Rgb([(x * y) as u8, (x * 5) as u8, (y * 7 + x * x) as u8]));
    let mut bytes = Vec::new();
    image::codecs::webp::WebPEncoder::new_lossless(&mut bytes)
        .write_image(&image, 50, 40, image::ExtendedColorType::Rgb8)
        .unwrap();
    assert_eq!(read(&bytes).unwrap(), Photo { pixels: image, shrunk: 1, cut_off: false });
    for end in 12..bytes.len() - 2 {
        match read(&bytes[..end]) {
            Ok(photo) => assert!(photo.cut_off, "{end}"),
            Err(error) => assert!(matches!(error, PhotoError::CutOff), "{end}: {error}"),
        }
    }
}

#[test]
fn bad_files_are_told_apart() {
    assert!(matches!(decode(&[]), Err(PhotoError::Empty)));
    assert!(matches!(decode(b"id,age\n1,30\n"), Err(PhotoError::NotAnImage)));
    assert!(matches!(decode(b"GIF89a\x01\0\x01\0"), Err(PhotoError::NotAnImage)));
}
