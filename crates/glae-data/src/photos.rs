//! Photograph files: their pixels, what is wrong with them, and how many may be held at once.

use std::path::{Path, PathBuf};

use glae_face::photo::{self, MEMORY, Photo, PhotoError, Unread};
use image::{ImageFormat, ImageReader};

/// Why an image file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It cannot be read, in the system's words.
    #[error("{0}")]
    Unreadable(String),
    /// It is of a format that is not read.
    #[error("it is {}, which is not read. {}", .0.name(), .0.remedy())]
    Format(Unread),
    /// It is no photograph, or a damaged one.
    #[error(transparent)]
    Photo(#[from] PhotoError),
    /// Its crop needs landmarks that were not given.
    #[error("it has no row in the landmarks file")]
    NoLandmarks,
    /// Its landmarks are one point.
    #[error("its landmarks coincide")]
    Coincide,
    /// As was noted before: by a file of packed crops, by a detector.
    #[error("{0}")]
    Noted(String),
}

impl From<std::io::Error> for Unusable {
    fn from(error: std::io::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// Reads a photograph. One that is cut off is refused unless that is allowed.
///
/// # Errors
/// Why the file cannot be used.
pub fn read(path: &Path, allow_cut_off: bool) -> Result<Photo, Unusable> {
    decode(&std::fs::read(path)?, allow_cut_off)
}

/// The same from a file's content.
///
/// # Errors
/// As for [`read`].
pub fn decode(bytes: &[u8], allow_cut_off: bool) -> Result<Photo, Unusable> {
    let photo = photo::read(bytes).and_then(|photo| if allow_cut_off { Ok(photo) } else { photo.whole() });
    photo.map_err(|error| because(error, bytes))
}

/// Why a file that begins with these bytes is no photograph that can be read; `None` if it may be one.
pub fn refusal(start: &[u8]) -> Option<Unusable> {
    let error = match image::guess_format(start) {
        _ if start.is_empty() => PhotoError::Empty,
        Ok(ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP) => return None,
        _ => PhotoError::NotAnImage,
    };
    Some(because(error, start))
}

fn because(error: PhotoError, bytes: &[u8]) -> Unusable {
    photo::unread(bytes).map_or(Unusable::Photo(error), Unusable::Format)
}

/// Divides files into neighbours that may be decoded at the same time: at most `most`, and no more than one large photograph
/// takes.
pub fn together(paths: &[PathBuf], most: usize) -> impl Iterator<Item = &[PathBuf]> {
    let mut rest = paths;
    std::iter::from_fn(move || {
        let mut held = 0;
        let fits = |path: &&PathBuf| {
            held += held_by(path);
            held <= MEMORY
        };
        let count = rest.iter().take(most).take_while(fits).count().max(1).min(rest.len());
        let (group, more) = rest.split_at(count);
        rest = more;
        (!group.is_empty()).then_some(group)
    })
}

/// Bytes that decoding a file holds, about; for one that cannot be read nothing.
fn held_by(path: &Path) -> u64 {
    let size =
        ImageReader::open(path).and_then(ImageReader::with_guessed_format).ok().map(ImageReader::into_dimensions);
    let Some(Ok((width, height))) = size else { return 0 };
    (u64::from(width) * u64::from(height) * 4).min(MEMORY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_large_or_many_small_photographs_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let save = |name: &str, width, height| {
            let path = folder.path().join(name);
            image::GrayImage::new(width, height).save(&path).unwrap();
            path
        };
        let (small, large) = (save("small.png", 8, 8), save("large.png", 9_000, 6_000));
        let missing = folder.path().join("missing.jpg");
        let paths = [&small, &small, &missing, &small, &large, &large, &small].map(Clone::clone);
        let counts: Vec<usize> = together(&paths, 3).map(<[PathBuf]>::len).collect();
        assert_eq!(counts, [3, 2, 2]);
        assert_eq!(together(&[], 3).count(), 0);
    }

    #[test]
    fn what_is_wrong_is_said_with_the_remedy() {
        let heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic";
        for said in [refusal(heic).unwrap(), decode(heic, false).unwrap_err()].map(|why| why.to_string()) {
            assert!(said.starts_with("it is HEIC, which is not read. Save it as JPEG"), "{said}");
        }
        assert_eq!(refusal(b""), Some(Unusable::Photo(PhotoError::Empty)));
        assert_eq!(refusal(b"<html>"), Some(Unusable::Photo(PhotoError::NotAnImage)));
        let mut jpeg = Vec::new();
        let picture = image::RgbImage::from_fn(64, 64, |x, y| image::Rgb([x as u8 * 3, y as u8 * 3, (x * y) as u8]));
        image::codecs::jpeg::JpegEncoder::new(&mut jpeg).encode_image(&picture).unwrap();
        assert_eq!(refusal(&jpeg), None);
        let half = &jpeg[..jpeg.len() * 2 / 3];
        assert_eq!(decode(half, false), Err(Unusable::Photo(PhotoError::CutOff)));
        assert!(decode(half, true).unwrap().cut_off && !decode(&jpeg, false).unwrap().cut_off);
    }
}
