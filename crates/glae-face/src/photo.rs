//! Decoding a visitor's or a data set's photograph, in bounded memory.
//!
//! Whole photographs that fit into [`MEMORY`] are decoded as they are. Larger ones are shrunk while they are decoded: JPEG by
//! 2, 4 or 8 in its inverse cosine transform, PNG by rows. What cannot be held to the bound either way is refused from its
//! header, with the reason.

mod format;
mod jpeg;
mod png;
mod webp;

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, RgbImage};

pub use format::{Unread, unread};

/// Largest number of bytes that decoding may hold at once, the file not counted: the decoder's buffers, the pixels, and
/// their copy where they are turned. With all that is computed of them a program stays below 350 MB; a phone's browser tab
/// ends not far above.
pub const MEMORY: u64 = 225_000_000;

/// Files that claim more pixels are refused whatever they need: no camera makes them, and unpacking them takes minutes.
pub const MOST_PIXELS: u64 = 500_000_000;

/// A decoded photograph.
#[derive(Clone, Debug, PartialEq)]
pub struct Photo {
    /// RGB8, upright; an alpha channel is laid over white. Where the file is cut off, the rest is one grey.
    pub pixels: RgbImage,
    /// Pixels of the file per decoded pixel along each side: 1 unless the photograph was shrunk to fit into [`MEMORY`].
    pub shrunk: u32,
    /// The file ends before the picture does.
    pub cut_off: bool,
}

impl Photo {
    /// The photograph, if all of it is there.
    ///
    /// # Errors
    /// [`PhotoError::CutOff`].
    pub fn whole(self) -> Result<Self, PhotoError> {
        if self.cut_off { Err(PhotoError::CutOff) } else { Ok(self) }
    }
}

/// Why a file cannot be used, each with what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhotoError {
    /// No bytes at all.
    #[error("This file is empty. Choose another photo.")]
    Empty,
    /// Not one of the three formats. Which other one it is, [`unread`] may say.
    #[error("This file is not a photo we can read. Choose a JPEG, PNG or WebP image.")]
    NotAnImage,
    /// The header is fine, the rest is not.
    #[error("This photo is damaged or incomplete ({0}). Open it in a photo app, save it again and retry.")]
    Damaged(String),
    /// The file ends before the picture does.
    #[error("This photo is cut off: its file ends before the picture does. Copy or download it again.")]
    CutOff,
    /// It has more than [`MOST_PIXELS`].
    #[error(
        "This photo is {width} × {height} pixels ({} megapixels), too large to be decoded here. Save a smaller copy and \
         choose that.",
        megapixels(*width, *height)
    )]
    TooLarge {
        /// Width in pixels, as stored.
        width: u32,
        /// Height in pixels, as stored.
        height: u32,
    },
    /// It cannot be decoded within [`MEMORY`].
    #[error(
        "This photo is {width} × {height} pixels ({} megapixels), and decoding {kind} of this size takes {} MB of memory; \
         the limit is {} MB. Save a smaller copy and choose that.",
        megapixels(*width, *height),
        bytes.div_ceil(1_000_000),
        MEMORY / 1_000_000
    )]
    Memory {
        /// Width in pixels, as stored.
        width: u32,
        /// Height in pixels, as stored.
        height: u32,
        /// What it is and cannot be shrunk for, as in "a progressive JPEG".
        kind: &'static str,
        /// What decoding it would hold at once.
        bytes: u64,
    },
}

fn megapixels(width: u32, height: u32) -> u64 {
    (u64::from(width) * u64::from(height)).div_ceil(1_000_000)
}

/// Decodes a JPEG, PNG or WebP file whose picture is all there into an upright RGB8 image: [`read`] without its notes.
///
/// # Errors
/// See [`PhotoError`]; its text is a sentence for visitors.
pub fn decode(bytes: &[u8]) -> Result<RgbImage, PhotoError> {
    Ok(read(bytes)?.whole()?.pixels)
}

/// Decodes a JPEG, PNG or WebP file, shrunk where it is large, as far as it goes where it is cut off: the EXIF orientation is
/// applied, an alpha channel is laid over white.
///
/// # Errors
/// See [`PhotoError`]; [`PhotoError::CutOff`] only where nothing of the picture can be shown.
pub fn read(bytes: &[u8]) -> Result<Photo, PhotoError> {
    if bytes.is_empty() {
        return Err(PhotoError::Empty);
    }
    match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => jpeg::read(bytes),
        Ok(ImageFormat::Png) => png::read(bytes),
        Ok(ImageFormat::WebP) => webp::read(bytes),
        _ => Err(PhotoError::NotAnImage),
    }
}

/// What a header says, before anything is decoded.
#[derive(Clone, Copy, Debug)]
struct Header {
    /// As stored.
    width: u32,
    height: u32,
    orientation: Orientation,
}

impl Header {
    fn of(bytes: &[u8], format: ImageFormat) -> Result<Self, PhotoError> {
        let mut decoder = ImageReader::with_format(Cursor::new(bytes), format).into_decoder().map_err(damaged)?;
        let (width, height) = decoder.dimensions();
        let header = Self { width, height, orientation: decoder.orientation().map_err(damaged)? };
        if header.pixels() > MOST_PIXELS {
            return Err(PhotoError::TooLarge { width, height });
        }
        Ok(header)
    }

    fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Width and height of the picture when it is shrunk, still lying as it is stored.
    fn shrunk(&self, by: u32) -> (u32, u32) {
        (self.width.div_ceil(by), self.height.div_ceil(by))
    }

    /// Whether turning it upright takes a second copy: sides change places.
    fn turned(&self) -> bool {
        use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
        matches!(self.orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
    }

    /// Bytes of a picture of `channels` bytes per pixel and, where it is turned, of its copy.
    fn result(&self, by: u32, channels: u64) -> u64 {
        let (width, height) = self.shrunk(by);
        u64::from(width) * u64::from(height) * channels * if self.turned() { 2 } else { 1 }
    }

    /// Refuses a picture that needs this many bytes. `kind` says what it is, as in "a progressive JPEG".
    fn needs(&self, bytes: u64, kind: &'static str) -> PhotoError {
        PhotoError::Memory { width: self.width, height: self.height, kind, bytes }
    }

    /// The pixels of a shrunk picture as they are to be seen.
    fn upright(&self, mut photo: DynamicImage) -> RgbImage {
        photo.apply_orientation(self.orientation);
        photo.into_rgb8()
    }
}

/// Decodes all of a file at once.
fn decode_whole(bytes: &[u8], format: ImageFormat, orientation: Orientation) -> Result<RgbImage, PhotoError> {
    let decoder = ImageReader::with_format(Cursor::new(bytes), format).into_decoder().map_err(damaged)?;
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
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| image::Rgb(on_white(rgba.get_pixel(x, y).0)))
}

fn on_white([r, g, b, a]: [u8; 4]) -> [u8; 3] {
    [r, g, b].map(|channel| {
        let (channel, a) = (u32::from(channel), u32::from(a));
        ((channel * a + 255 * (255 - a) + 127) / 255) as u8
    })
}

#[cfg(test)]
mod tests;
