//! JPEG files: whether all of the picture is there, and decoding to a half, a quarter or an eighth.

use std::io::Read;

use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};
use jpeg_decoder::PixelFormat;

use super::{Header, MEMORY, Photo, PhotoError, decode_whole};

/// What the inverse cosine transform can shrink by; 1 leaves the picture as it is.
const SHRINKS: [u32; 4] = [1, 2, 4, 8];

pub(super) fn read(bytes: &[u8]) -> Result<Photo, PhotoError> {
    let outline = Outline::of(bytes);
    let refuse = |error| if outline.ended { error } else { PhotoError::CutOff };
    let header = Header::of(bytes, ImageFormat::Jpeg).map_err(refuse)?;
    let cut_off = !outline.ended && !is_complete(bytes, &outline);
    // The decoder of whole pictures (zune-jpeg 0.5) gives stripes where a picture that is not progressive has a scan for each
    // component and fewer colours than pixels.
    let stripes = outline.apart && !outline.progressive && outline.components.len() < 4;
    if !stripes && outline.coefficients() + header.result(1, 3) <= MEMORY {
        let pixels = decode_whole(bytes, ImageFormat::Jpeg, header.orientation).map_err(refuse)?;
        return Ok(Photo { pixels, shrunk: 1, cut_off });
    }
    if outline.components.len() == 4 {
        return Err(header.needs(header.result(1, 3), "a CMYK JPEG"));
    }
    let kept = if outline.progressive { outline.coefficients() } else { 0 };
    let Some(shrunk) = SHRINKS.into_iter().find(|by| kept + outline.planes_and_pixels(&header, *by) <= MEMORY) else {
        let kind = if outline.progressive { "a progressive JPEG" } else { "a JPEG" };
        return Err(header.needs(kept + outline.planes_and_pixels(&header, 8), kind));
    };
    // The decoder needs an end marker; one is added where the file has none.
    let pixels = decode_shrunk(Padded::new(bytes, !outline.ended), &header, shrunk).map_err(refuse)?;
    Ok(Photo { pixels: header.upright(pixels), shrunk, cut_off })
}

/// What the markers of a file say, without decoding anything.
#[derive(Debug, Default, PartialEq)]
struct Outline {
    /// Horizontal and vertical sampling of each component.
    components: Vec<(u64, u64)>,
    width: u64,
    height: u64,
    progressive: bool,
    /// Components of all scans so far, one bit each by their place in the frame.
    scanned: u64,
    /// Whether a scan has fewer components than the frame.
    apart: bool,
    /// The picture's end marker is there. What follows it, a maker's data or a second picture, does not count.
    ended: bool,
}

impl Outline {
    /// Goes from marker to marker until the picture ends or the file does.
    fn of(bytes: &[u8]) -> Self {
        let mut outline = Self::default();
        let (mut at, mut ids) = (2, Vec::new());
        while let Some((marker, after)) = next_marker(bytes, at) {
            at = after;
            // Restarts and the start have no content.
            if matches!(marker, 0xd0..=0xd8 | 0x01) {
                continue;
            }
            if marker == 0xd9 {
                outline.ended = true;
                break;
            }
            let Some(content) = segment(bytes, at) else { break };
            at += 2 + content.len();
            match marker {
                // All frames but those of tables: C4, C8 and CC.
                0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => ids = outline.frame(marker, content),
                0xda => outline.scan(content, &ids),
                _ => {}
            }
        }
        outline
    }

    /// Takes a frame header: precision, height, width, then three bytes for each component. Returns their names.
    fn frame(&mut self, marker: u8, content: &[u8]) -> Vec<u8> {
        let [_, h1, h0, w1, w0, count, rest @ ..] = content else { return Vec::new() };
        self.height = u64::from(u16::from_be_bytes([*h1, *h0]));
        self.width = u64::from(u16::from_be_bytes([*w1, *w0]));
        self.progressive = matches!(marker, 0xc2 | 0xc6 | 0xca | 0xce);
        let components = rest.chunks_exact(3).take(usize::from(*count));
        self.components =
            components.clone().map(|c| (u64::from(c[1] >> 4).max(1), u64::from(c[1] & 15).max(1))).collect();
        components.map(|component| component[0]).collect()
    }

    /// Takes a scan header: a number of components, then their names with their tables.
    fn scan(&mut self, content: &[u8], ids: &[u8]) {
        let count = content.first().map_or(0, |count| usize::from(*count));
        let names = content.get(1..).unwrap_or_default().chunks_exact(2).take(count).map(|component| component[0]);
        for name in names {
            if let Some(place) = ids.iter().position(|id| *id == name) {
                self.scanned |= 1 << place;
            }
        }
        self.apart |= count < ids.len();
    }

    /// Samples of all components at this scale, in whole blocks.
    fn samples(&self, by: u64) -> u64 {
        let most = |side: fn(&(u64, u64)) -> u64| self.components.iter().map(side).max().unwrap_or(1);
        let (h, v) = (most(|c| c.0), most(|c| c.1));
        let blocks = self.width.div_ceil(8 * h) * self.height.div_ceil(8 * v);
        self.components.iter().map(|(own_h, own_v)| blocks * own_h * own_v * (64 / (by * by))).sum()
    }

    /// Bytes that a decoder keeps of a picture whose blocks come in several scans.
    fn coefficients(&self) -> u64 {
        if self.progressive || self.apart { 2 * self.samples(1) } else { 0 }
    }

    /// Bytes of a shrunk picture: its planes, and its pixels in one; or, where it is turned, two pictures.
    fn planes_and_pixels(&self, header: &Header, by: u32) -> u64 {
        let (width, height) = header.shrunk(by);
        let pixels = u64::from(width) * u64::from(height) * 3;
        header.result(by, 3).max(self.samples(u64::from(by)) + pixels)
    }
}

/// The next marker at or behind `at`, and the position behind it. Stuffed and fill bytes are passed over.
fn next_marker(bytes: &[u8], mut at: usize) -> Option<(u8, usize)> {
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == 0xff)? + 1;
        at += bytes.get(at..)?.iter().take_while(|byte| **byte == 0xff).count();
        match bytes.get(at)? {
            0 => at += 1,
            marker => return Some((*marker, at + 1)),
        }
    }
}

/// The content of the segment whose length stands at `at`, if all of it is there.
fn segment(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let length = usize::from(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    bytes.get(at + 2..at + length)
}

/// Whether all of the picture is there although no end marker is.
///
/// CHOICE: a progressive picture counts as cut off: scans that refine it may be missing, which its data do not show.
/// Otherwise the data are decoded with ones behind them, which are no code of any table: decoding goes wrong as soon as it
/// needs more than is there. Zeros at the end are no data but what a download leaves that reserved its room; real data end
/// in ones.
fn is_complete(bytes: &[u8], outline: &Outline) -> bool {
    let all = (1 << outline.components.len().min(63)) - 1;
    if outline.progressive || outline.components.is_empty() || outline.scanned != all {
        return false;
    }
    let zeros = bytes.iter().rev().take_while(|byte| **byte == 0).count();
    let data = &bytes[..bytes.len() - zeros];
    let mut decoder = jpeg_decoder::Decoder::new(Padded::new(data, true));
    decoder.scale(1, 1).is_ok() && decoder.decode().is_ok()
}

/// A file, and behind it as many ones as a decoder reads ahead, and the end marker.
struct Padded<'a> {
    bytes: &'a [u8],
    padding: &'static [u8],
}

impl<'a> Padded<'a> {
    fn new(bytes: &'a [u8], pad: bool) -> Self {
        // Sixteen bytes of ones, each followed by the zero that says that it is no marker; then the marker of the end.
        const ONES: [u8; 34] = {
            let mut ones = [0; 34];
            let mut at = 0;
            while at < 34 {
                ones[at] = 0xff;
                at += 2;
            }
            ones[33] = 0xd9;
            ones
        };
        Self { bytes, padding: if pad { &ONES } else { &[] } }
    }
}

impl Read for Padded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.bytes.is_empty() { self.padding.read(buffer) } else { self.bytes.read(buffer) }
    }
}

/// Decodes to one pixel for `by` x `by`.
fn decode_shrunk(file: impl Read, header: &Header, by: u32) -> Result<DynamicImage, PhotoError> {
    let damaged = |error: &dyn std::fmt::Display| PhotoError::Damaged(error.to_string());
    let mut decoder = jpeg_decoder::Decoder::new(file);
    let (width, height) = header.shrunk(by);
    // Both sides fit into u16, as the file's do.
    decoder.scale(width as u16, height as u16).map_err(|error| damaged(&error))?;
    let pixels = decoder.decode().map_err(|error| damaged(&error))?;
    let info = decoder.info().ok_or_else(|| damaged(&"it has no frame"))?;
    let (width, height) = (u32::from(info.width), u32::from(info.height));
    let photo = match info.pixel_format {
        PixelFormat::RGB24 => RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8),
        PixelFormat::L8 => GrayImage::from_raw(width, height, pixels).map(DynamicImage::ImageLuma8),
        other => return Err(damaged(&format_args!("{other:?} pixels"))),
    };
    photo.ok_or_else(|| damaged(&"its size is not that of its header"))
}

#[cfg(test)]
mod tests;
