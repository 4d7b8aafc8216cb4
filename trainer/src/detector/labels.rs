//! Photographs with the faces that are known to be in them.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use glae_face::RgbImage;
use glae_face::detector::decode::Face;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use glae_data::{POINTS, read_cells};

/// A photograph and all its faces, the main one first.
#[derive(Clone, Debug)]
pub struct LabelledPhoto {
    /// File name.
    pub file: String,
    /// Upright pixels.
    pub photo: RgbImage,
    /// Its faces; none in a negative. A point that is not known is NaN.
    pub faces: Vec<Face>,
}

/// Columns of one face behind `file`.
pub const COLUMNS: [&str; 15] = {
    let [a, b, c, d, e, f, g, h, i, j] = POINTS;
    ["x", "y", "w", "h", a, b, c, d, e, f, g, h, i, j, "score"]
};

/// Reads a table of faces: one row per face, rows of one file behind each other, the main face first.
///
/// # Errors
/// The file is unreadable, a column is missing, or a number is wrong: with its line number.
pub fn read_faces(path: &Path) -> Result<Vec<(String, Vec<Face>)>> {
    let names: Vec<[&str; 1]> = std::iter::once("file").chain(COLUMNS).map(|name| [name]).collect();
    let names: Vec<&[&str]> = names.iter().map(<[&str; 1]>::as_slice).collect();
    let cells = read_cells(path, &names)?;
    let mut photos: Vec<(String, Vec<Face>)> = Vec::new();
    for row in cells.rows() {
        let mut values = [0f32; COLUMNS.len()];
        for (value, column) in values.iter_mut().zip(&cells.needed[1..]) {
            let text = row.cell(*column);
            *value = text
                .parse()
                .with_context(|| format!("{}, line {}: {text:?} is not a number", path.display(), row.line))?;
        }
        let [x, y, width, height, .., score] = values;
        let points = std::array::from_fn(|k| [values[4 + 2 * k], values[5 + 2 * k]]);
        let face = Face { x, y, width, height, points, score };
        let name = row.cell(cells.needed[0]);
        match photos.last_mut().filter(|(last, _)| last == name) {
            Some((_, faces)) => faces.push(face),
            None => photos.push((name.to_owned(), vec![face])),
        }
    }
    Ok(photos)
}

/// Reads a list of names, one a line.
///
/// # Errors
/// The file is unreadable.
pub fn read_names(path: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// Labels that show an animal or a thing, as seen by eye among those of flickr8k, COCO and Caltech-101, those of faces whose
/// points are not sure, and all kept ones: a file and its label's index, counted from 0.
const NO_FACE: &str = include_str!("../../configs/detector/no-face.txt");

/// Takes labels that show no person's face out of photographs; those left without a face come second.
pub fn people(photos: Vec<LabelledPhoto>) -> (Vec<LabelledPhoto>, Vec<LabelledPhoto>) {
    let wrong: BTreeSet<(&str, usize)> = NO_FACE
        .lines()
        .filter_map(|line| line.rsplit_once(' ').and_then(|(file, index)| Some((file, index.parse().ok()?))))
        .collect();
    let right = |mut labelled: LabelledPhoto| {
        let mut index = 0..;
        labelled.faces.retain(|_| index.next().is_some_and(|index| !wrong.contains(&(labelled.file.as_str(), index))));
        labelled
    };
    photos.into_iter().map(right).partition(|labelled| !labelled.faces.is_empty())
}

/// What a photograph serves for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum PhotoUse {
    /// Weights learn from it.
    Training,
    /// Settings are chosen on it: a tenth of what is not kept.
    Tuning,
    /// Only measured on.
    Kept,
}

/// Which photographs serve for what.
#[derive(Clone, Debug)]
pub struct PhotoUses(BTreeSet<String>);

impl PhotoUses {
    /// The lists that come with the project.
    pub fn shipped() -> Self {
        let lists = [
            include_str!("../../configs/detector/kept-fairface.txt"),
            include_str!("../../configs/detector/kept-natural.txt"),
            include_str!("../../configs/detector/kept-negatives.txt"),
        ];
        Self(lists.iter().flat_map(|list| list.lines()).map(str::to_owned).collect())
    }

    /// The part of a photograph; of those that are not kept its name decides.
    pub fn of(&self, file: &str) -> PhotoUse {
        // The lists hold the names whose SHA-256 begin with the smallest bytes.
        let tenth = || Sha256::digest(file)[31] < 26;
        match self.0.contains(file) {
            true => PhotoUse::Kept,
            false if tenth() => PhotoUse::Tuning,
            false => PhotoUse::Training,
        }
    }
}

/// Reads the photographs of a table, in parallel.
///
/// # Errors
/// One cannot be read.
pub fn load(folder: &Path, photos: Vec<(String, Vec<Face>)>) -> Result<Vec<LabelledPhoto>> {
    photos
        .into_par_iter()
        .map(|(file, faces)| {
            let path = folder.join(&file);
            let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let photo = glae_face::photo::decode(&bytes).with_context(|| format!("cannot use {}", path.display()))?;
            Ok(LabelledPhoto { file, photo, faces })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_file_belong_together() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let row = |name: &str, x: u32| format!("{name},{x},2,3,4,1,1,2,1,1,2,1,3,2,3,0.9\n");
        let text = format!("file,{}\n{}{}{}", COLUMNS.join(","), row("a", 1), row("a", 5), row("b", 7));
        std::fs::write(file.path(), &text).unwrap();
        let photos = read_faces(file.path()).unwrap();
        assert_eq!(
            photos.iter().map(|(name, faces)| (name.as_str(), faces.len())).collect::<Vec<_>>(),
            [("a", 2), ("b", 1)]
        );
        assert_eq!((photos[0].1[1].x, photos[0].1[1].points[4], photos[0].1[1].score), (5.0, [2.0, 3.0], 0.9));
        std::fs::write(file.path(), text.replace(",0.9", ",sure")).unwrap();
        let error = read_faces(file.path()).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("sure"), "{error}");
    }

    #[test]
    fn the_test_set_has_its_promised_size_and_a_tenth_of_the_rest_chooses_settings() {
        let parts = PhotoUses::shipped();
        assert_eq!(parts.0.len(), 120 + 150 + 150);
        assert!(parts.0.iter().all(|file| parts.of(file) == PhotoUse::Kept));
        let tuning = (0..2000).filter(|index| parts.of(&format!("{index}.jpg")) == PhotoUse::Tuning).count();
        assert!((150..250).contains(&tuning), "{tuning}");
    }
}
