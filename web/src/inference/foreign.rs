//! Files that this program's decoder does not read: what they are, by their first bytes, and what to do about them.

/// What a file is, for a sentence; `None` where its beginning says nothing.
pub fn kind(bytes: &[u8]) -> Option<&'static str> {
    let begins = |start: &[u8]| bytes.starts_with(start);
    // ISO base media: the length of the first box, `ftyp`, and the brand.
    if bytes.get(4..8) == Some(b"ftyp") {
        return Some(match bytes.get(8..12).unwrap_or_default() {
            b"avif" | b"avis" => "an AVIF picture",
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => "a HEIC photo",
            _ => "a video",
        });
    }
    let text = bytes.get(..64).unwrap_or(bytes).trim_ascii_start().to_ascii_lowercase();
    match () {
        _ if begins(b"GIF8") => Some("a GIF picture"),
        _ if begins(b"BM") => Some("a BMP picture"),
        _ if begins(b"II*\0") || begins(b"MM\0*") => Some("a TIFF picture or a camera's raw file"),
        _ if begins(&[0xff, 0x0a]) || begins(b"\0\0\0\x0cJXL ") => Some("a JPEG XL picture"),
        _ if begins(b"\0\0\0\x0cjP  ") => Some("a JPEG 2000 picture"),
        _ if begins(&[0, 0, 1, 0]) => Some("an icon"),
        _ if begins(b"%PDF") => Some("a PDF document"),
        _ if text.starts_with(b"<!doctype html") || text.starts_with(b"<html") => Some("a web page"),
        _ if text.starts_with(b"<svg") || text.starts_with(b"<?xml") => Some("a drawing or a document in XML"),
        _ => None,
    }
}

/// The sentence for a file of a known kind that the browser cannot decode either.
pub fn sentence(kind: &str) -> String {
    let how = match kind {
        "a HEIC photo" => {
            " (an iPhone saves JPEG itself under Settings, Camera, Formats, Most Compatible; on a Mac, Preview exports it)"
        }
        "a web page" => {
            return format!("This file is {kind}, not a photo. Open it and save the picture that it shows.");
        }
        "a video" => return format!("This file is {kind}. Save one of its pictures as JPEG and choose that."),
        _ => "",
    };
    format!("This file is {kind}, which this browser does not read. Save it as JPEG, PNG or WebP and choose that{how}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_first_bytes() {
        for (bytes, right) in [
            (&b"\0\0\0\x18ftypheic\0\0\0\0"[..], Some("a HEIC photo")),
            (b"\0\0\0\x20ftypavif\0\0\0\0", Some("an AVIF picture")),
            (b"\0\0\0\x20ftypisom\0\0\0\0", Some("a video")),
            (b"GIF89a\x01\0", Some("a GIF picture")),
            (b"\r\n<!DOCTYPE html><html>", Some("a web page")),
            (b"Dear Sir or Madam, this is no photograph.", None),
            (b"", None),
        ] {
            assert_eq!(kind(bytes), right);
        }
    }

    #[test]
    fn each_sentence_has_a_remedy() {
        assert!(sentence("a HEIC photo").contains("Most Compatible"));
        assert!(sentence("a GIF picture").ends_with("Save it as JPEG, PNG or WebP and choose that."));
        assert!(sentence("a web page").contains("not a photo"));
    }
}
