//! Images that somebody brings: single files, and folders as phones, Macs and chats fill them.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use glae_face::photo::{Unread, unread};

use super::photos::{Unusable, refusal};

/// Folders nest this deep at most: a link that leads back into its own folder ends here.
const DEPTH: usize = 16;

/// What readable images are called. Content decides; a name decides only whether a file that is none was meant to be one.
const EXTENSIONS: [&str; 6] = ["jpg", "jpeg", "jpe", "jfif", "png", "webp"];

/// First bytes of a file that tell its format.
const START: u64 = 96;

/// An image file.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// Path below the folder that was given, with `/` between folders; of a file that was given itself its name.
    pub id: String,
    /// Where it is.
    pub path: PathBuf,
    /// Why it cannot be read, as far as its first bytes show that.
    pub refused: Option<Unusable>,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct FoundImages {
    /// Files that are images or should be by their name; those of a folder in the order of their ids.
    pub images: Vec<Image>,
    /// Files of the folders that are none.
    pub passed: Passed,
}

/// Files that were passed over, by the reason.
#[derive(Clone, Debug, Default)]
pub struct Passed(BTreeMap<Reason, Vec<String>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    Format(Unread),
    /// What macOS and Windows keep beside files.
    System,
    NoPicture,
}

/// The files as given, and the images in and below the folders among them.
///
/// # Errors
/// A folder cannot be read or has no image, or two images have one id.
pub fn find(given: &[PathBuf]) -> Result<FoundImages> {
    let mut found = FoundImages::default();
    for path in given {
        if path.is_dir() {
            let before = found.images.len();
            found.folder(path)?;
            ensure!(found.images.len() > before, "there are no images in {}\n{}", path.display(), found.passed);
        } else {
            let refused = start(path).map_or_else(|error| Some(error.into()), |start| refusal(&start));
            found.images.push(Image { id: name_of(path), path: path.clone(), refused });
        }
    }
    let mut known: BTreeMap<&str, &Path> = BTreeMap::new();
    for Image { id, path, .. } in &found.images {
        if let Some(other) = known.insert(id, path) {
            let (path, other) = (path.display(), other.display());
            bail!(
                "{other} and {path} have one name, `{id}`, and predictions go by name: give the folder above both, rename \
                 one, or predict them apart"
            );
        }
    }
    Ok(found)
}

impl FoundImages {
    fn folder(&mut self, root: &Path) -> Result<()> {
        let mut images = BTreeMap::new();
        let mut open = vec![(root.to_owned(), DEPTH)];
        while let Some((folder, depth)) = open.pop() {
            let cannot = || format!("cannot read {}", folder.display());
            for entry in std::fs::read_dir(&folder).with_context(cannot)? {
                let path = entry.with_context(cannot)?.path();
                let id = id_below(root, &path);
                let is_folder = path.is_dir();
                let reason = if is_system(&path) {
                    Some(Reason::System)
                } else if is_folder {
                    None
                } else {
                    reason(&path)
                };
                match reason {
                    Some(reason) => self.passed.add(reason, if is_folder { format!("{id}/") } else { id }),
                    None if is_folder && depth > 0 => open.push((path, depth - 1)),
                    None if is_folder => {}
                    None => {
                        let refused = start(&path).map_or_else(|error| Some(error.into()), |start| refusal(&start));
                        images.insert(id.clone(), Image { id, path, refused });
                    }
                }
            }
        }
        self.images.extend(images.into_values());
        Ok(())
    }
}

impl Passed {
    fn add(&mut self, reason: Reason, file: String) {
        self.0.entry(reason).or_default().push(file);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }
}

/// One line for each reason: how many files, their names, and what to do.
impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMED: usize = 20;
        for (reason, files) in &self.0 {
            let mut files = files.clone();
            files.sort();
            let (count, named) =
                (files.len(), files.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", "));
            let more = if count > NAMED { format!(" and {} more", count - NAMED) } else { String::new() };
            match reason {
                Reason::Format(format) => {
                    writeln!(f, "passed over, {count} in {}: {named}{more}. {}", format.name(), format.remedy())?;
                }
                Reason::System => writeln!(f, "passed over, {count} of the operating system: {named}{more}")?,
                Reason::NoPicture => writeln!(f, "passed over, {count} that are no pictures: {named}{more}")?,
            }
        }
        Ok(())
    }
}

/// Why a file in a folder is no image that somebody meant; `None` where it is one or its name says so.
fn reason(path: &Path) -> Option<Reason> {
    // One that cannot be opened is named with the reason later.
    let start = start(path).ok()?;
    match unread(&start) {
        Some(Unread::AppleDouble) => return Some(Reason::System),
        Some(format) => return Some(Reason::Format(format)),
        None => {}
    }
    let extension = path.extension().unwrap_or_default();
    let is_called_image = EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known));
    (refusal(&start).is_some() && !is_called_image).then_some(Reason::NoPicture)
}

/// Whether macOS or Windows made it for themselves; hidden files are counted as such.
fn is_system(path: &Path) -> bool {
    let name = name_of(path);
    name.starts_with('.') || ["__MACOSX", "Thumbs.db", "desktop.ini"].iter().any(|own| name.eq_ignore_ascii_case(own))
}

fn start(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::new();
    std::fs::File::open(path)?.take(START).read_to_end(&mut start)?;
    Ok(start)
}

/// A path below a folder, with `/` between folders on every system.
fn id_below(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    below.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEIC: &[u8] = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic";
    const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF";

    fn tree(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (file, content) in files {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        root
    }

    #[test]
    fn a_folder_from_a_phone_and_a_mac() {
        let root = tree(&[
            ("IMG_0001.HEIC", HEIC),
            ("IMG_0002.JPG", JPEG),
            ("IMG_0003.heic.jpg", HEIC),
            ("IMG_0004.jfif", JPEG),
            ("IMG_0005", b"\x89PNG\r\n\x1a\n"),
            ("IMG_0006.avif", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1"),
            ("chat/IMG_0008.gif", b"GIF89a"),
            ("chat/gone.jpg", b"<html>"),
            ("chat/list.txt", b"a list"),
            ("._IMG_0002.JPG", b"\0\x05\x16\x07\0\x02\0\0"),
            ("chat/_IMG_0002.JPG", b"\0\x05\x16\x07\0\x02\0\0"),
            ("__MACOSX/._IMG_0002.JPG", b"\0\x05\x16\x07\0\x02\0\0"),
            ("Thumbs.db", b"\xd0\xcf\x11\xe0"),
        ]);
        let found = find(&[root.path().to_owned()]).unwrap();
        let ids: Vec<_> = found.images.iter().map(|image| (image.id.as_str(), image.refused.is_some())).collect();
        let readable =
            [("IMG_0002.JPG", false), ("IMG_0004.jfif", false), ("IMG_0005", false), ("chat/gone.jpg", true)];
        assert_eq!(ids, readable);
        let said = found.passed.to_string();
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!((lines.len(), found.passed.count()), (5, 9));
        assert!(lines[0].starts_with("passed over, 2 in HEIC: IMG_0001.HEIC, IMG_0003.heic.jpg. Save it as JPEG"));
        assert!(lines[1].starts_with("passed over, 1 in AVIF: IMG_0006.avif. ") && lines[2].contains("1 in GIF"));
        let system = "passed over, 4 of the operating system: ._IMG_0002.JPG, Thumbs.db, __MACOSX/, chat/_IMG_0002.JPG";
        assert_eq!(&lines[3..], [system, "passed over, 1 that are no pictures: chat/list.txt"]);
    }

    #[test]
    fn people_in_folders_keep_their_names_apart() {
        let root = tree(&[("p01/0001.jpg", JPEG), ("p02/0001.jpg", JPEG)]);
        let ids = |given: &[PathBuf]| find(given).map(|found| found.images.into_iter().map(|image| image.id).collect());
        let all: Vec<String> = ids(&[root.path().to_owned()]).unwrap();
        assert_eq!(all, ["p01/0001.jpg", "p02/0001.jpg"]);
        let apart: Result<Vec<String>> = ids(&[root.path().join("p01"), root.path().join("p02")]);
        let error = apart.unwrap_err().to_string();
        assert!(error.contains("have one name, `0001.jpg`") && error.contains("the folder above both"), "{error}");
    }

    #[test]
    fn what_is_given_itself_is_refused_and_not_passed_over() {
        let root = tree(&[("a.heic", HEIC), ("inner/b.heic", HEIC)]);
        let given = [root.path().join("a.heic"), root.path().join("missing.jpg")];
        let found = find(&given).unwrap();
        assert!(found.images.iter().all(|image| image.refused.is_some()) && found.passed.count() == 0);
        assert!(matches!(found.images[0].refused, Some(Unusable::Format(Unread::Heic))));
        let error = find(&[root.path().join("inner")]).unwrap_err().to_string();
        assert!(error.contains("there are no images in") && error.contains("1 in HEIC: b.heic"), "{error}");
    }
}
