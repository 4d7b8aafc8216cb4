//! All crops of a run in one file, straightened once: what `trainer prepare --run` writes and training reads.
//!
//! [`MAGIC`] | crops, RGB8, one after the other | index as JSON | its length, u64 | its SHA-256 | [`MAGIC`]
//!
//! The index comes last so that crops are written as they are made; numbers are little-endian. It says what the crops are
//! and holds the SHA-256 of each, so that nothing in the file is without a checksum.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use glae_face::RgbImage;
use glae_model::manifest::{Crop, sha256};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::images::Crops;
use super::photos::Unusable;
use super::tables::LabelledFile;
use crate::files::write_atomically_with;

/// First and last bytes of a file; the number is the format's.
pub const MAGIC: [u8; 8] = *b"GLAEPK01";

/// Length and checksum of the index, and the magic bytes.
const TRAILER: usize = 8 + 32 + MAGIC.len();

/// What to do about a file that cannot be used.
const REMEDY: &str = "make it anew with trainer prepare --run RUN.toml";

/// What all crops of a file have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PackSettings {
    /// Which part of the photograph, with its template.
    pub crop: Crop,
    /// Side of a crop in pixels.
    pub size: usize,
    /// Pixels around it on each side.
    pub margin: u32,
    /// SHA-256 of the landmarks file, where the crop needs one.
    pub landmarks: Option<String>,
    /// SHA-256 of the detector's weights that found the landmarks, where that is known.
    pub detector: Option<String>,
}

impl PackSettings {
    /// Side of a stored picture in pixels.
    fn side(&self) -> u32 {
        self.size as u32 + 2 * self.margin
    }

    fn bytes_per_picture(&self) -> usize {
        self.side() as usize * self.side() as usize * 3
    }

    /// What is other than a run needs it, in words. Who found the landmarks is settled by the landmarks.
    fn differences(&self, wanted: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if self.crop != wanted.crop {
            found.push("another crop or template".to_owned());
        }
        if self.size != wanted.size {
            found.push(format!("{} pixels a side instead of {}", self.size, wanted.size));
        }
        if self.margin != wanted.margin {
            found.push(format!("a margin of {} pixels instead of {}", self.margin, wanted.margin));
        }
        if self.landmarks != wanted.landmarks {
            found.push("other landmarks".to_owned());
        }
        found
    }
}

/// What the file says about itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct PackIndex {
    settings: PackSettings,
    /// SHA-256 over name and SHA-256 of every image file.
    source: String,
    images: Vec<Entry>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    id: String,
    /// Length of the image file; none where it could not be read.
    bytes: Option<u64>,
    picture: Picture,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Picture {
    /// SHA-256 of the crop with its margin. Crops lie in the order of the index.
    Sha256(String),
    /// Why there is none.
    Unusable(String),
}

/// A verified file, open for reading.
#[derive(Debug)]
pub struct Packed {
    path: PathBuf,
    file: File,
    index: PackIndex,
    /// The place of each image's crop in the file, or why it has none, by name.
    places: HashMap<String, Result<usize, Unusable>>,
}

/// What was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// Crops in the file.
    pub usable: usize,
    /// Images without one, noted with the reason.
    pub unusable: usize,
}

/// Makes the crops of all images, each name once, and writes them; `done` hears of every image. A crash, or a full disk,
/// leaves an old file as it was.
///
/// # Errors
/// The file cannot be written.
pub fn write(
    path: &Path,
    images: &Path,
    ids: &BTreeSet<String>,
    crops: &Crops,
    settings: PackSettings,
    mut done: impl FnMut(),
) -> Result<Written> {
    let ids: Vec<&String> = ids.iter().collect();
    let mut entries = Vec::with_capacity(ids.len());
    let mut source = String::new();
    let mut usable = 0;
    write_atomically_with(path, |file| {
        file.write_all(&MAGIC)?;
        // As many as keep all cores busy, and few enough to hold.
        for some in ids.chunks(16 * rayon::current_num_threads()) {
            let made: Vec<Made> = some.par_iter().map(|id| Made::new(images, id, crops, settings.margin)).collect();
            for (id, Made { bytes, sha256, picture }) in some.iter().zip(made) {
                source.push_str(&format!("{id}\0{sha256}\n"));
                let picture = match picture {
                    Ok((crop, sha256)) => {
                        file.write_all(crop.as_raw())?;
                        usable += 1;
                        Picture::Sha256(sha256)
                    }
                    Err(reason) => Picture::Unusable(reason.to_string()),
                };
                entries.push(Entry { id: (*id).clone(), bytes, picture });
                done();
            }
        }
        let unusable = entries.len() - usable;
        let index = PackIndex { settings, source: sha256(source.as_bytes()), images: entries };
        let json = serde_json::to_vec(&index)?;
        file.write_all(&json)?;
        file.write_all(&(json.len() as u64).to_le_bytes())?;
        file.write_all(&Sha256::digest(&json))?;
        file.write_all(&MAGIC)?;
        Ok(Written { usable, unusable })
    })
}

/// One image on its way into the file.
struct Made {
    /// Length of the image file.
    bytes: Option<u64>,
    /// Of its content; empty where it could not be read.
    sha256: String,
    picture: Result<(RgbImage, String), Unusable>,
}

impl Made {
    fn new(images: &Path, id: &str, crops: &Crops, margin: u32) -> Self {
        match std::fs::read(images.join(id)) {
            Ok(bytes) => {
                let picture = crops.crop(&bytes, id, margin).map(|crop| {
                    let sha256 = sha256(crop.as_raw());
                    (crop, sha256)
                });
                Self { bytes: Some(bytes.len() as u64), sha256: sha256(&bytes), picture }
            }
            Err(error) => Self { bytes: None, sha256: String::new(), picture: Err(error.into()) },
        }
    }
}

impl Packed {
    /// Opens a file and reads all of it once: every byte is checked.
    ///
    /// # Errors
    /// It is not there, not such a file, cut off or altered; the message says which, and what to do.
    pub fn open(path: &Path) -> Result<Self> {
        let shown = path.display();
        let file = File::open(path).with_context(|| format!("cannot open {shown}: {REMEDY}"))?;
        let length = file.metadata().with_context(|| format!("cannot read {shown}"))?.len();
        let read = |at: u64, length: usize| read_at(&file, at, length).with_context(|| format!("cannot read {shown}"));
        let least = (MAGIC.len() + TRAILER) as u64;
        ensure!(
            length >= MAGIC.len() as u64 && read(0, MAGIC.len())? == MAGIC,
            "{shown} is not a file of crops that this trainer can read: {REMEDY}"
        );
        let trailer = if length >= least { read(length - TRAILER as u64, TRAILER)? } else { Vec::new() };
        let Some((&start, rest)) = trailer.split_first_chunk::<8>().filter(|(_, rest)| rest.ends_with(&MAGIC)) else {
            bail!("{shown} is cut off: {REMEDY}");
        };
        let json_length = u64::from_le_bytes(start);
        ensure!(json_length <= length - least, "{shown} is damaged (length of its index): {REMEDY}");
        let json = read(length - TRAILER as u64 - json_length, json_length as usize)?;
        ensure!(rest.starts_with(&Sha256::digest(&json)), "{shown} is damaged (its index): {REMEDY}");
        let index: PackIndex = serde_json::from_slice(&json)
            .with_context(|| format!("{shown} was written by another version of the trainer: {REMEDY}"))?;

        let mut places = HashMap::with_capacity(index.images.len());
        let mut checksums = Vec::new();
        for Entry { id, picture, .. } in &index.images {
            let place = match picture {
                Picture::Sha256(sha256) => {
                    checksums.push((id, sha256));
                    Ok(checksums.len() - 1)
                }
                Picture::Unusable(reason) => Err(Unusable::Noted(reason.clone())),
            };
            places.insert(id.clone(), place);
        }
        let body = length - least - json_length;
        ensure!(
            body == (checksums.len() * index.settings.bytes_per_picture()) as u64,
            "{shown} is damaged (its crops have {body} bytes): {REMEDY}"
        );
        checksums.par_iter().enumerate().try_for_each(|(place, (id, expected))| {
            let bytes = read_picture(&file, &index.settings, place).with_context(|| format!("cannot read {shown}"))?;
            ensure!(sha256(&bytes) == **expected, "{shown} is damaged (the crop of {id}): {REMEDY}");
            Ok(())
        })?;
        Ok(Self { path: path.to_owned(), file, index, places })
    }

    /// Compares the file with what a run needs, and its images with those in the folder, as far as that is there: by name
    /// and length, which costs no reading.
    ///
    /// # Errors
    /// Everything that differs, and what to do.
    pub fn check(&self, wanted: &PackSettings, images: &Path) -> Result<()> {
        let shown = self.path.display();
        let differences = self.index.settings.differences(wanted);
        ensure!(
            differences.is_empty(),
            "{shown} does not fit this run, it has {}: {REMEDY}, or name another `data.cache`",
            differences.join(", ")
        );
        if !images.is_dir() {
            return Ok(());
        }
        let changed =
            self.index.images.par_iter().find_first(|entry| {
                std::fs::metadata(images.join(&entry.id)).ok().map(|found| found.len()) != entry.bytes
            });
        if let Some(Entry { id, .. }) = changed {
            bail!("{shown} is older than {}: {REMEDY}", images.join(id).display());
        }
        Ok(())
    }

    /// What all crops have in common.
    pub fn settings(&self) -> &PackSettings {
        &self.index.settings
    }

    /// SHA-256 over the names and the content of the images the crops were made of.
    pub fn source(&self) -> &str {
        &self.index.source
    }

    /// The place of each image's crop, or why it has none.
    ///
    /// # Errors
    /// An image is not in the file.
    pub fn places(&self, truth: &[LabelledFile]) -> Result<Vec<Result<usize, Unusable>>> {
        let place = |row: &LabelledFile| {
            let place = self.places.get(&row.id).cloned();
            place.with_context(|| format!("{} lacks {}, which the run names: {REMEDY}", self.path.display(), row.id))
        };
        truth.iter().map(place).collect()
    }

    /// The picture at a place, with its margin.
    ///
    /// # Errors
    /// The file can no longer be read.
    pub fn picture(&self, place: usize) -> Result<RgbImage> {
        let bytes = read_picture(&self.file, self.settings(), place)
            .with_context(|| format!("cannot read {} any more: {REMEDY}", self.path.display()))?;
        let side = self.settings().side();
        RgbImage::from_raw(side, side, bytes).context("a crop has another size")
    }
}

/// Reads the picture at a place.
fn read_picture(file: &File, settings: &PackSettings, place: usize) -> std::io::Result<Vec<u8>> {
    let length = settings.bytes_per_picture();
    read_at(file, (MAGIC.len() + place * length) as u64, length)
}

/// Reads from a position, leaving the file's own alone: any number of threads may read at once.
#[cfg(unix)]
fn read_at(file: &File, at: u64, length: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    std::os::unix::fs::FileExt::read_exact_at(file, &mut bytes, at)?;
    Ok(bytes)
}

/// Reads from a position. Windows moves the file's own too, which nobody here relies on.
#[cfg(windows)]
fn read_at(file: &File, at: u64, length: usize) -> std::io::Result<Vec<u8>> {
    let (mut bytes, mut done) = (vec![0; length], 0);
    while done < length {
        match std::os::windows::fs::FileExt::seek_read(file, &mut bytes[done..], at + done as u64)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            more => done += more,
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
