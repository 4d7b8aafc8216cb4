use image::{ImageEncoder, Rgb, codecs::jpeg::JpegEncoder, metadata::Orientation};

use super::*;
use crate::photo::{decode, read as read_any};

/// A drawing in which every block has something to code.
fn drawing(width: u32, height: u32) -> RgbImage {
    rings(width, height, 9.0)
}

fn rings(width: u32, height: u32, apart: f64) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let ring = f64::from(x.abs_diff(width / 2).pow(2) + y.abs_diff(height / 2).pow(2)).sqrt() / apart;
        Rgb([(120.0 + 90.0 * ring.sin()) as u8, (x * 255 / width) as u8, (y * 255 / height) as u8])
    })
}

fn baseline(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 90).encode_image(picture).unwrap();
    bytes
}

/// A drawing of 75 x 53, progressive, with colours at half the resolution.
fn progressive() -> Vec<u8> {
    from_hex(include_str!("progressive.hex"))
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn mean_difference(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let sum: u64 = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.as_raw().len() as f64
}

#[test]
fn a_baseline_file_that_ends_anywhere_is_cut_off() {
    let whole = baseline(&drawing(90, 70));
    let pixels = decode(&whole).unwrap();
    let start = whole.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap() + 14;
    // The last bytes may hold no more than the rest of a block's code.
    for end in 3..whole.len() - 4 {
        match read_any(&whole[..end]) {
            Ok(photo) => assert!(photo.cut_off && end >= start, "{end} of {}", whole.len()),
            Err(error) => assert!(matches!(error, PhotoError::CutOff), "{end}: {error}"),
        }
        assert!(matches!(decode(&whole[..end]), Err(PhotoError::CutOff)), "{end}");
    }
    // A cut in the middle leaves the upper half.
    let half = read_any(&whole[..(start + whole.len()) / 2]).unwrap().pixels;
    assert_eq!(half.dimensions(), (90, 70));
    assert_eq!(half.get_pixel(40, 8), pixels.get_pixel(40, 8));
}

#[test]
fn what_is_behind_the_picture_or_missing_behind_it_does_not_matter() {
    let whole = baseline(&drawing(90, 70));
    let pixels = decode(&whole).unwrap();
    let without_end = whole[..whole.len() - 2].to_vec();
    let others = [
        without_end.clone(),
        [whole.as_slice(), b"\0\0\0\0MakerTrailer", &[0; 400]].concat(),
        [whole.as_slice(), &baseline(&drawing(30, 20))[..300]].concat(),
        [without_end.as_slice(), &[0; 900]].concat(),
    ];
    for (number, bytes) in others.iter().enumerate() {
        assert_eq!(decode(bytes).unwrap(), pixels, "{number}");
    }
    // A download that reserved its room and was not finished.
    let reserved = [&whole[..whole.len() * 2 / 3], &vec![0; whole.len() / 3]].concat();
    assert!(matches!(decode(&reserved), Err(PhotoError::CutOff)));
}

#[test]
fn a_progressive_file_without_its_end_is_cut_off() {
    let whole = progressive();
    let outline = Outline::of(&whole);
    assert_eq!((outline.width, outline.height, outline.progressive, outline.ended), (75, 53, true, true));
    // Luma in 5 x 4 units of four blocks, two colours of one block each.
    assert_eq!((outline.samples(1), outline.coefficients()), (5 * 4 * 6 * 64, 2 * 5 * 4 * 6 * 64));
    assert_eq!(decode(&whole).unwrap().dimensions(), (75, 53));
    for end in 3..whole.len() - 1 {
        assert!(matches!(decode(&whole[..end]), Err(PhotoError::CutOff)), "{end} of {}", whole.len());
    }
    assert!(read_any(&whole[..whole.len() * 2 / 3]).unwrap().cut_off);
}

/// Four fields of one colour each, 48 x 32, in the inks of a press: once as they are, once as luma and chroma, both inverted
/// as Adobe's programs write them. A decoder that misses the inversion gives negatives.
/// As encoders write them that fit their tables to the picture: a scan for each component.
#[test]
fn a_scan_for_each_component_shows_the_same_picture() {
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
    for (width, height) in [(76, 76), (64, 48), (35, 57)] {
        let picture = drawing(width, height);
        for sampling in [SamplingFactor::F_2_2, SamplingFactor::F_2_1, SamplingFactor::F_1_2, SamplingFactor::F_1_1] {
            let decoded = [false, true].map(|apart| {
                let mut bytes = Vec::new();
                let mut encoder = Encoder::new(&mut bytes, 95);
                encoder.set_sampling_factor(sampling);
                encoder.set_optimized_huffman_tables(apart);
                encoder.encode(picture.as_raw(), width as u16, height as u16, ColorType::Rgb).unwrap();
                assert_eq!(Outline::of(&bytes).apart, apart, "{sampling:?}");
                decode(&bytes).unwrap()
            });
            let difference = mean_difference(&decoded[0], &decoded[1]);
            assert!(difference < 2.0, "{width} x {height}, {sampling:?}: {difference} levels");
        }
    }
}

#[test]
fn inks_have_the_colours_of_the_print() {
    let right = [[224, 180, 150], [200, 30, 40], [30, 60, 190], [60, 60, 60]];
    for (name, file) in [("CMYK", include_str!("cmyk.hex")), ("YCCK", include_str!("ycck.hex"))] {
        let bytes = from_hex(file);
        let photo = decode(&bytes).unwrap();
        assert_eq!(photo.dimensions(), (48, 32));
        for (pixel, right) in
            [(12, 8), (36, 8), (12, 24), (36, 24)].map(|(x, y)| photo.get_pixel(x, y).0).iter().zip(right)
        {
            assert!(pixel.iter().zip(right).all(|(a, b)| a.abs_diff(b) <= 4), "{name}: {pixel:?} for {right:?}");
        }
        let error = read_any(&resized(bytes, 16_320, 12_240)).unwrap_err();
        assert!(error.to_string().contains("decoding a CMYK JPEG of this size takes 600 MB"), "{error}");
    }
}

#[test]
fn shrinking_is_the_mean_of_the_pixels() {
    let grey = image::DynamicImage::ImageRgb8(rings(96, 64, 40.0)).into_luma8();
    let mut one_channel = Vec::new();
    JpegEncoder::new_with_quality(&mut one_channel, 90)
        .write_image(grey.as_raw(), 96, 64, image::ExtendedColorType::L8)
        .unwrap();
    for bytes in [baseline(&rings(96, 64, 40.0)), progressive(), one_channel] {
        let header = Header::of(&bytes, ImageFormat::Jpeg).unwrap();
        let whole = decode(&bytes).unwrap();
        for by in SHRINKS {
            let (width, height) = header.shrunk(by);
            let small = header.upright(decode_shrunk(Padded::new(&bytes, false), &header, by).unwrap());
            // The last column and row may stand for fewer pixels.
            let inner = |picture: &RgbImage| image::imageops::crop_imm(picture, 0, 0, width - 1, height - 1).to_image();
            let mean = image::imageops::crop_imm(&whole, 0, 0, (width - 1) * by, (height - 1) * by).to_image();
            let mean = image::imageops::thumbnail(&mean, width - 1, height - 1);
            let difference = mean_difference(&inner(&small), &mean);
            assert!(difference < f64::from(by) + 2.0, "1/{by}: {difference}");
        }
    }
}

/// The file with another size in its header.
fn resized(mut bytes: Vec<u8>, width: u16, height: u16) -> Vec<u8> {
    let at = bytes.windows(2).position(|pair| pair == [0xff, 0xc0] || pair == [0xff, 0xc2]).unwrap();
    bytes[at + 5..at + 7].copy_from_slice(&height.to_be_bytes());
    bytes[at + 7..at + 9].copy_from_slice(&width.to_be_bytes());
    bytes
}

#[test]
fn what_cannot_be_shrunk_into_the_bound_is_refused_from_its_header() {
    let error = read_any(&resized(progressive(), 16_320, 12_240)).unwrap_err();
    assert!(matches!(error, PhotoError::Memory { width: 16_320, height: 12_240, .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("(200 megapixels)") && text.contains("a progressive JPEG of this size takes 6"), "{text}");
    let error = read_any(&resized(baseline(&drawing(16, 16)), 65_500, 65_500)).unwrap_err().to_string();
    assert!(error.contains("(4291 megapixels), too large"), "{error}");
}

#[test]
fn memory_decides_what_is_shrunk() {
    let bytes = baseline(&drawing(16, 16));
    let plan = |width, height, turned| {
        let outline = Outline::of(&resized(bytes.clone(), width, height));
        let orientation = if turned { Orientation::Rotate90 } else { Orientation::NoTransforms };
        let header = Header { width: width.into(), height: height.into(), orientation };
        let whole = outline.coefficients() + header.result(1, 3) <= MEMORY;
        let shrunk = || SHRINKS.into_iter().find(|by| outline.planes_and_pixels(&header, *by) <= MEMORY);
        if whole { Some(1) } else { shrunk() }
    };
    // 50, 64, 108 and 200 megapixels, upright and turned.
    let sizes = [(8160, 6144), (9248, 6944), (12_000, 9_000), (16_320, 12_240)];
    assert_eq!(sizes.map(|(w, h)| plan(w, h, false)), [Some(1), Some(1), Some(2), Some(4)]);
    assert_eq!(sizes.map(|(w, h)| plan(w, h, true)), [Some(2), Some(2), Some(2), Some(4)]);
}
