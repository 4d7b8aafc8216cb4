//! Formats of pictures that are known and not decoded.

/// A picture's format that is recognised by its first bytes and not decoded here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unread {
    /// Photographs of iPhones.
    Heic,
    /// Photographs of some Android phones, and of web pages.
    Avif,
    /// Animations.
    Gif,
    /// Scans.
    Tiff,
    /// Uncompressed pictures of Windows.
    Bmp,
    /// JPEG's designated successor.
    JpegXl,
    /// What macOS leaves beside each file on disks of other systems: the file's attributes and no picture.
    AppleDouble,
}

impl Unread {
    /// Its name in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Self::Heic => "HEIC",
            Self::Avif => "AVIF",
            Self::Gif => "GIF",
            Self::Tiff => "TIFF",
            Self::Bmp => "BMP",
            Self::JpegXl => "JPEG XL",
            Self::AppleDouble => "an attribute file of macOS",
        }
    }

    /// What to do about it, as a sentence.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Heic => {
                "Save it as JPEG: `heif-convert IN.heic OUT.jpg`, Preview's File > Export on a Mac, or on the iPhone Settings \
                 > Camera > Formats > Most Compatible."
            }
            Self::Avif => "Save it as JPEG: `avifdec IN.avif OUT.jpg`, or open it in a browser and save a copy.",
            Self::Gif | Self::Tiff | Self::Bmp | Self::JpegXl => "Save it as JPEG or PNG: `magick IN OUT.png`.",
            Self::AppleDouble => "It can be left out: the picture is the file of the same name without `._`.",
        }
    }
}

/// The format of a file that begins with these bytes, where it is one of those that are known and not decoded.
pub fn unread(bytes: &[u8]) -> Option<Unread> {
    if bytes.get(4..8) == Some(b"ftyp") {
        return brand(bytes.get(8..)?);
    }
    let known: [(&[u8], Unread); 7] = [
        (b"GIF8", Unread::Gif),
        (b"II*\0", Unread::Tiff),
        (b"MM\0*", Unread::Tiff),
        (b"BM", Unread::Bmp),
        (b"\xff\x0a", Unread::JpegXl),
        (b"\0\0\0\x0cJXL \r\n\x87\n", Unread::JpegXl),
        (b"\0\x05\x16\x07", Unread::AppleDouble),
    ];
    known.into_iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, format)| format)
}

/// The still pictures among the formats that are built of boxes: by the major brand, then by those it is compatible with.
fn brand(brands: &[u8]) -> Option<Unread> {
    brands.chunks_exact(4).take(16).find_map(|brand| match brand {
        b"avif" | b"avis" => Some(Unread::Avif),
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" => Some(Unread::Heic),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        assert_eq!(unread(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), Some(Unread::Heic));
        // A general brand first, what it is behind it.
        assert_eq!(unread(b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf"), Some(Unread::Avif));
        assert_eq!(unread(b"\0\0\0\x18ftypmp42\0\0\0\0mp41isom"), None);
        assert_eq!(unread(b"\0\x05\x16\x07\0\x02\0\0Mac OS X"), Some(Unread::AppleDouble));
        assert_eq!((unread(b"GIF89a"), unread(b"MM\0*"), unread(b"\xff\x0a")).0, Some(Unread::Gif));
        assert_eq!((unread(b""), unread(b"\0\0\0\x18ftyp"), unread(b"<html>")), (None, None, None));
    }
}
