//! What a file is, as far as its name and the browser's word for it tell. Whether it can be decoded is the worker's business.

use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What is to be done with a file among others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// May be a photograph: of a format that our decoder or a browser's knows, or of a name that does not say.
    Photo,
    /// Something else; the kind by which it is counted, as in `TXT`.
    Other(String),
    /// Written by a system beside its user's files: left out without a word.
    Hidden,
}

/// Extensions of pictures. Those that our decoder does not know may be known to the browser's, or get their own sentence.
const PICTURES: [&str; 21] = [
    "jpg", "jpeg", "jpe", "jfif", "pjpeg", "pjp", "png", "apng", "webp", "heic", "heif", "hif", "avif", "gif", "bmp",
    "tif", "tiff", "jxl", "jp2", "ico", "dng",
];

/// Names that systems give to their own files, in small letters.
const SYSTEMS_OWN: [&str; 4] = ["thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"];

/// Sorts a file out by its path and by its media type, which is empty where the browser does not know.
pub fn role(path: &str, media_type: &str) -> Role {
    let name = path.rsplit('/').next().unwrap_or(path);
    // macOS keeps `._name` beside each file of a foreign disk, and a folder of such in every archive.
    let hidden = path.split('/').any(|part| part.starts_with('.') || part == "__MACOSX");
    if hidden || SYSTEMS_OWN.contains(&name.to_lowercase().as_str()) {
        return Role::Hidden;
    }
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_lowercase());
    let picture = media_type.starts_with("image/") && !media_type.contains("svg");
    match extension {
        _ if picture => Role::Photo,
        Some(extension) if PICTURES.contains(&extension.as_str()) => Role::Photo,
        // Phones and archives drop extensions; what it is, its first bytes tell.
        None if media_type.is_empty() => Role::Photo,
        Some(extension) if !extension.is_empty() && extension.len() <= 8 => Role::Other(extension.to_uppercase()),
        _ => Role::Other("without a known extension".into()),
    }
}

/// How many files of which kind were left out, as a sentence; nothing where there are none.
pub fn left_out(kinds: &[String]) -> Option<String> {
    let mut counts = BTreeMap::<&str, usize>::new();
    for kind in kinds {
        *counts.entry(kind).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| Reverse(*count));
    let list: Vec<String> = counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    match kinds.len() {
        0 => None,
        1 => Some(format!("1 file that is no photo was left out ({}).", kinds[0])),
        all => Some(format!("{all} files that are no photos were left out ({}).", list.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn photos_are_known_by_type_by_name_or_not_at_all() {
        for (path, media_type) in [
            ("a/IMG_0002.JPG", "image/jpeg"),
            // Browsers other than Safari know no type for it.
            ("IMG_0001.HEIC", ""),
            ("IMG_0004.jfif", ""),
            ("album/IMG_0005", ""),
            ("IMG_0006.avif", "image/avif"),
            ("scan", "image/png"),
        ] {
            assert_eq!(role(path, media_type), Role::Photo, "{path}");
        }
    }

    #[test]
    fn what_systems_leave_behind_is_hidden() {
        for path in ["album/._IMG_0002.JPG", "album/__MACOSX/IMG.jpg", "a/Thumbs.db", ".DS_Store", "a/.trash/b.jpg"] {
            assert_eq!(role(path, "image/jpeg"), Role::Hidden, "{path}");
        }
    }

    #[test]
    fn other_files_are_counted_by_kind() {
        let kinds = ["a.txt", "b.MOV", "c.txt", "drawing.svg"].map(|name| {
            let media_type = if name.ends_with("svg") { "image/svg+xml" } else { "" };
            let Role::Other(kind) = role(name, media_type) else { panic!("{name} is a photo") };
            kind
        });
        let sentence = left_out(&kinds).unwrap();
        assert_eq!(sentence, "4 files that are no photos were left out (2 TXT, 1 MOV, 1 SVG).");
        assert_eq!(left_out(&kinds[..1]).unwrap(), "1 file that is no photo was left out (TXT).");
        assert_eq!(left_out(&[]), None);
    }
}
