//! What decoding a large photograph takes, measured at the allocator. One test, since there is one allocator.

use glae_face::photo::{MEMORY, read};
use image::codecs::jpeg::JpegEncoder;
use image::{GenericImageView, Rgb, RgbImage};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// A drawing that is computed where it is looked at: encoding it takes no memory.
struct Drawing(u32, u32);

impl GenericImageView for Drawing {
    type Pixel = Rgb<u8>;

    fn dimensions(&self) -> (u32, u32) {
        (self.0, self.1)
    }

    fn get_pixel(&self, x: u32, y: u32) -> Rgb<u8> {
        Rgb([(x * 255 / self.0) as u8, (y * 255 / self.1) as u8, 60 + 140 * ((x / 900 + y / 900) % 2) as u8])
    }
}

fn jpeg(drawing: &Drawing) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 70).encode_image(drawing).unwrap();
    bytes
}

/// The same file from a camera that was held on its side: with an EXIF block that says so.
fn turned(upright: &[u8]) -> Vec<u8> {
    let exif = b"\xff\xe1\0\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    [&upright[..2], exif, &upright[2..]].concat()
}

/// One colour of sixteen bits with alpha: eight bytes a pixel, and hardly any in the file.
fn deep_png(side: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Sixteen);
    encoder.set_compression(png::Compression::Fastest);
    let mut writer = encoder.write_header().unwrap();
    let mut rows = writer.stream_writer().unwrap();
    let row = [0x80, 0, 0x40, 0, 0x20, 0, 0xff, 0xff].repeat(side as usize);
    (0..side).for_each(|_| std::io::Write::write_all(&mut rows, &row).unwrap());
    rows.finish().unwrap();
    drop(writer);
    bytes
}

#[test]
fn large_photographs_are_decoded_in_bounded_memory() {
    // A camera's 108 megapixels, upright and turned; 50 megapixels turned; the bomb of 400 MB.
    let (fifty, hundred) = (jpeg(&Drawing(8_160, 6_144)), jpeg(&Drawing(12_000, 9_000)));
    let cases = [
        ("108 MP", hundred.clone(), 2, (6_000, 4_500)),
        ("108 MP turned", turned(&hundred), 2, (4_500, 6_000)),
        ("50 MP turned", turned(&fifty), 2, (3_072, 4_080)),
        ("deep PNG", deep_png(7_071), 1, (7_071, 7_071)),
    ];
    for (name, bytes, shrunk, size) in cases {
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        let photo = read(&bytes).unwrap();
        let peak = (ALLOCATOR.peak_usage() - before) as u64;
        println!("{name}: {} MB", peak / 1_000_000);
        assert_eq!((photo.shrunk, photo.pixels.dimensions(), photo.cut_off), (shrunk, size, false), "{name}");
        // The file itself is copied once.
        assert!(peak < MEMORY + bytes.len() as u64 + 8_000_000, "{name}: {peak} bytes");
        assert_ne!(photo.pixels, RgbImage::new(size.0, size.1), "{name}");
    }
}
