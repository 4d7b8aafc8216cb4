//! PNG files. Large ones, and what is there of those that are cut off, are decoded row by row.

use std::io::Cursor;

use image::{ImageFormat, RgbImage};
use png::{BitDepth, ColorType, Reader, Transformations};

use super::{Header, MEMORY, Photo, PhotoError, decode_whole, on_white};

/// What stands for the rows that are not there.
const MISSING: u8 = 128;

pub(super) fn read(bytes: &[u8]) -> Result<Photo, PhotoError> {
    let ended = has_end(bytes);
    let refuse = |error| if ended { error } else { PhotoError::CutOff };
    let header = Header::of(bytes, ImageFormat::Png).map_err(refuse)?;
    let (color, interlaced) = layout(bytes).map_err(refuse)?;
    let needed = header.pixels() * bytes_per_pixel(color, header.turned());
    if needed <= MEMORY {
        match decode_whole(bytes, ImageFormat::Png, header.orientation) {
            // Whether an end follows does not matter where all rows are there.
            Ok(pixels) => return Ok(Photo { pixels, shrunk: 1, cut_off: false }),
            Err(error) if ended => return Err(error),
            Err(_) if interlaced => return Err(PhotoError::CutOff),
            Err(_) => {}
        }
    } else if interlaced {
        return Err(header.needs(needed, "an interlaced PNG"));
    }
    let mut by = 1;
    while header.result(by, 3) > MEMORY {
        by += 1;
    }
    let (pixels, all) = rows(bytes, &header, by)?;
    if !all && ended {
        return Err(PhotoError::Damaged("its rows cannot be unpacked".to_owned()));
    }
    Ok(Photo { pixels: header.upright(pixels.into()), shrunk: by, cut_off: !all })
}

/// Whether the chunk that ends a PNG file is there.
fn has_end(bytes: &[u8]) -> bool {
    let mut at = 8_usize;
    loop {
        let Some(&[a, b, c, d, ref name @ ..]) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) else {
            return false;
        };
        // Length, name, content, checksum.
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        let Some(next) = at.checked_add(length).and_then(|end| end.checked_add(12)) else { return false };
        if name == b"IEND" || next > bytes.len() {
            return name == b"IEND";
        }
        at = next;
    }
}

fn open(bytes: &[u8]) -> Result<Reader<Cursor<&[u8]>>, PhotoError> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(Transformations::EXPAND);
    decoder.read_info().map_err(|error| PhotoError::Damaged(error.to_string()))
}

/// How pixels are decoded, and whether they are interlaced.
fn layout(bytes: &[u8]) -> Result<((ColorType, BitDepth), bool), PhotoError> {
    let reader = open(bytes)?;
    Ok((reader.output_color_type(), reader.info().interlaced))
}

/// What is held at the same time where a file is decoded as a whole: as it is stored, turned, as eight bits with alpha, and as
/// RGB8, each beside the one before.
fn bytes_per_pixel((color, depth): (ColorType, BitDepth), turned: bool) -> u64 {
    let bytes = if depth == BitDepth::Sixteen { 2 } else { 1 };
    let stored = color.samples() as u64 * bytes;
    let alpha = matches!(color, ColorType::GrayscaleAlpha | ColorType::Rgba);
    let steps = match (alpha, stored) {
        (true, 4) => 4 + 3,
        (true, _) => (stored + 4).max(4 + 3),
        (false, 3) => 3,
        (false, _) => stored + 3,
    };
    steps.max(if turned { 2 * stored } else { 0 })
}

/// Decodes row by row to the mean of `by` x `by` pixels, over white. The pixels, and whether all rows were there.
fn rows(bytes: &[u8], header: &Header, by: u32) -> Result<(RgbImage, bool), PhotoError> {
    let mut reader = open(bytes)?;
    let (color, depth) = reader.output_color_type();
    let (width, height) = header.shrunk(by);
    let mut pixels = RgbImage::from_pixel(width, height, image::Rgb([MISSING; 3]));
    let mut sums = vec![[0_u32; 3]; width as usize];
    for y in 0..height {
        let lines = by.min(header.height - y * by);
        sums.fill([0; 3]);
        for _ in 0..lines {
            let Ok(Some(row)) = reader.next_row() else { return Ok((pixels, false)) };
            add(row.data(), color, depth, by, &mut sums);
        }
        for (x, sum) in sums.iter().enumerate() {
            let columns = by.min(header.width - x as u32 * by);
            let count = lines * columns;
            pixels.put_pixel(x as u32, y, image::Rgb(sum.map(|sum| ((sum + count / 2) / count) as u8)));
        }
    }
    Ok((pixels, true))
}

/// Adds a row to the sums of the pixels that it becomes part of.
fn add(row: &[u8], color: ColorType, depth: BitDepth, by: u32, sums: &mut [[u32; 3]]) {
    let samples = color.samples();
    let wide = if depth == BitDepth::Sixteen { 2 } else { 1 };
    for (pixels, sum) in row.chunks(samples * wide * by as usize).zip(sums) {
        for pixel in pixels.chunks_exact(samples * wide) {
            // As `image` makes eight bits of sixteen.
            let sample = |index: usize| match wide {
                1 => pixel[index],
                _ => ((u32::from(u16::from_be_bytes([pixel[2 * index], pixel[2 * index + 1]])) + 128) / 257) as u8,
            };
            let rgb = match color {
                ColorType::Grayscale | ColorType::Indexed => [sample(0); 3],
                ColorType::GrayscaleAlpha => on_white([sample(0), sample(0), sample(0), sample(1)]),
                ColorType::Rgb => [sample(0), sample(1), sample(2)],
                ColorType::Rgba => on_white([sample(0), sample(1), sample(2), sample(3)]),
            };
            for (sum, channel) in sum.iter_mut().zip(rgb) {
                *sum += u32::from(channel);
            }
        }
    }
}

#[cfg(test)]
mod tests;
