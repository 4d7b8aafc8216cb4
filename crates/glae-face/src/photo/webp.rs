//! WebP files. Their decoder takes the picture as a whole.

use image::ImageFormat;

use super::{Header, MEMORY, Photo, PhotoError, decode_whole};

pub(super) fn read(bytes: &[u8]) -> Result<Photo, PhotoError> {
    let cut_off = cut_off(bytes);
    let refuse = |error| if cut_off { PhotoError::CutOff } else { error };
    let header = Header::of(bytes, ImageFormat::WebP).map_err(refuse)?;
    let needed = header.pixels() * bytes_per_pixel(bytes, header.turned());
    if needed > MEMORY {
        return Err(header.needs(needed, "a WebP image"));
    }
    let pixels = decode_whole(bytes, ImageFormat::WebP, header.orientation).map_err(refuse)?;
    Ok(Photo { pixels, shrunk: 1, cut_off })
}

/// Whether the file is shorter than its first chunk says it is. Some writers leave out the last byte, which is padding.
fn cut_off(bytes: &[u8]) -> bool {
    let length = bytes.get(4..8).map_or(0, |length| u32::from_le_bytes([length[0], length[1], length[2], length[3]]));
    (bytes.len() as u64) + 1 < u64::from(length) + 8
}

/// What image-webp and the conversion to RGB8 hold at the same time.
fn bytes_per_pixel(bytes: &[u8], turned: bool) -> u64 {
    let has = |wanted: &[u8]| chunks(bytes).any(|name| name == wanted);
    if has(b"ANIM") {
        // Canvas, frame and output in RGBA, and the frame's planes.
        14
    } else if has(b"ALPH") {
        // Output in RGBA, planes at half the resolution, and the alpha channel as it was unpacked.
        12
    } else if has(b"VP8L") {
        // RGBA inside and out, then RGB.
        if turned { 8 } else { 7 }
    } else if turned {
        6
    } else {
        // Planes of 1.5 bytes, and RGB.
        5
    }
}

/// The names of the file's chunks.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = 12_usize;
    std::iter::from_fn(move || {
        let name = bytes.get(at..at.checked_add(4)?)?;
        let length: [u8; 4] = bytes.get(at + 4..at + 8)?.try_into().ok()?;
        let content = u64::from(u32::from_le_bytes(length)).next_multiple_of(2);
        at = at.checked_add(8)?.checked_add(content.try_into().ok()?)?;
        Some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(length: u32, chunks: &[(&[u8; 4], u32)]) -> Vec<u8> {
        let mut file = [b"RIFF".as_slice(), &length.to_le_bytes(), b"WEBP"].concat();
        for (name, length) in chunks {
            file.extend([name.as_slice(), &length.to_le_bytes()].concat());
            file.resize(file.len() + length.next_multiple_of(2) as usize, 0);
        }
        file
    }

    #[test]
    fn a_file_that_is_shorter_than_it_says_is_cut_off() {
        assert_eq!([4, 5, 6].map(|length| cut_off(&file(length, &[]))), [false, false, true]);
    }

    #[test]
    fn memory_goes_by_what_is_in_the_file() {
        type Case<'a> = (&'a [(&'a [u8; 4], u32)], u64);
        let cases: [Case<'_>; 5] = [
            (&[(b"VP8 ", 7)], 5),
            (&[(b"VP8L", 7)], 7),
            (&[(b"VP8X", 10), (b"ICCP", 3), (b"VP8 ", 7), (b"EXIF", 9)], 5),
            (&[(b"VP8X", 10), (b"ALPH", 3), (b"VP8 ", 7)], 12),
            (&[(b"VP8X", 10), (b"ANIM", 6), (b"ANMF", 40)], 14),
        ];
        for (chunks, expected) in cases {
            assert_eq!(bytes_per_pixel(&file(0, chunks), false), expected, "{chunks:?}");
        }
        // A length that leads nowhere ends the search.
        assert_eq!(bytes_per_pixel(&[file(0, &[]), b"VP8X\xff\xff\xff\xff".to_vec()].concat(), true), 6);
    }
}
