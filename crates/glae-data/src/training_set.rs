//! What a run learns from: its pictures in memory, or in a file of crops from which each is read when it is shown.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use glae_face::RgbImage;
use glae_model::manifest::sha256;
use rayon::prelude::*;

use super::images::{Set, usable};
use super::packed::Packed;
use super::tables::LabelledFile;

/// Names, ages and pictures; the lists run in parallel.
#[derive(Debug)]
pub struct TrainingSet {
    /// File names.
    pub ids: Vec<String>,
    /// Ages in years.
    pub ages: Vec<f32>,
    /// Distributions that are learnt, `[images, 101]` row by row; `None` where they follow from the ages.
    pub targets: Option<Vec<f32>>,
    pictures: Pictures,
}

#[derive(Debug)]
enum Pictures {
    Memory(Vec<RgbImage>),
    /// By their places in the file.
    Packed(Arc<Packed>, Vec<usize>),
}

impl From<Set> for TrainingSet {
    fn from(Set { ids, crops, ages }: Set) -> Self {
        Self { ids, ages, targets: None, pictures: Pictures::Memory(crops) }
    }
}

impl TrainingSet {
    /// The rows of a truth table whose crops lie in the file. Unusable images are left out, as [`super::load`] does.
    ///
    /// # Errors
    /// The file lacks an image, no image can be used, or the unusable share is above `max_bad_share`.
    pub fn packed(file: &Arc<Packed>, images: &Path, truth: &[LabelledFile], max_bad_share: f64) -> Result<Self> {
        let (ids, ages, places, _) = usable(images, truth, file.places(truth)?, max_bad_share)?;
        Ok(Self { ids, ages, targets: None, pictures: Pictures::Packed(Arc::clone(file), places) })
    }

    /// RGB8, the crop with its margin.
    ///
    /// # Errors
    /// The file can no longer be read.
    pub fn picture(&self, index: usize) -> Result<Cow<'_, RgbImage>> {
        match &self.pictures {
            Pictures::Memory(all) => Ok(Cow::Borrowed(&all[index])),
            Pictures::Packed(file, places) => file.picture(places[index]).map(Cow::Owned),
        }
    }

    /// All of it in memory, without the margin: as inference sees the faces.
    ///
    /// # Errors
    /// The file can no longer be read.
    pub fn without_margin(self, margin: u32) -> Result<Set> {
        let own = |index: usize| -> Result<RgbImage> {
            let picture = self.picture(index)?;
            let size = picture.width() - 2 * margin;
            Ok(image::imageops::crop_imm(picture.as_ref(), margin, margin, size, size).to_image())
        };
        let crops = (0..self.ids.len()).into_par_iter().map(own).collect::<Result<_>>()?;
        Ok(Set { ids: self.ids, crops, ages: self.ages })
    }

    /// SHA-256 over names, ages, pictures and targets: equal where a run learns the same, wherever the pictures lie.
    ///
    /// # Errors
    /// The file can no longer be read.
    pub fn sha256(&self) -> Result<String> {
        let row = |index: usize| -> Result<String> {
            Ok(line(&self.ids[index], self.ages[index], self.picture(index)?.as_ref()))
        };
        let mut rows = (0..self.ids.len()).into_par_iter().map(row).collect::<Result<Vec<_>>>()?;
        if let Some(targets) = &self.targets {
            let bytes: Vec<u8> = targets.iter().flat_map(|value| value.to_le_bytes()).collect();
            rows.push(sha256(&bytes));
        }
        Ok(sha256(rows.concat().as_bytes()))
    }
}

impl Set {
    /// SHA-256 over names, ages and crops.
    pub fn sha256(&self) -> String {
        let row = |index: usize| line(&self.ids[index], self.ages[index], &self.crops[index]);
        let rows: Vec<String> = (0..self.ids.len()).into_par_iter().map(row).collect();
        sha256(rows.concat().as_bytes())
    }
}

fn line(id: &str, age: f32, picture: &RgbImage) -> String {
    format!("{id}\0{age}\0{}\n", sha256(picture.as_raw()))
}
