//! Reading image files into crops of the network's size.

use std::fmt;
use std::path::Path;

use anyhow::{Result, ensure};
use glae_face::RgbImage;
use glae_face::crop::{Square, crop_square};
use glae_face::similarity::align;
use glae_model::manifest::{Crop, Input};
use rayon::prelude::*;

use super::tables::{Landmarks, Truth};

/// How images become crops.
#[derive(Clone, Debug)]
pub struct Crops {
    /// Size and kind of the crop.
    pub input: Input,
    /// Points by file name, where the crop needs them.
    pub landmarks: Landmarks,
}

/// An image that cannot be used, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// File name.
    pub id: String,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.id, self.reason)
    }
}

/// Crops with their ages; the two lists run in parallel.
#[derive(Clone, Debug, Default)]
pub struct Set {
    /// File names.
    pub ids: Vec<String>,
    /// RGB8 crops of the network's size.
    pub crops: Vec<RgbImage>,
    /// Ages in years.
    pub ages: Vec<f32>,
}

impl Crops {
    /// Reads one image file.
    ///
    /// # Errors
    /// The reason: missing, unreadable, damaged, too large, or without landmarks where they are needed.
    pub fn read(&self, path: &Path, id: &str) -> Result<RgbImage, String> {
        let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
        let photo = glae_face::photo::decode(&bytes).map_err(|error| error.to_string())?;
        let size = self.input.size as u32;
        match self.input.crop {
            Crop::Square => Ok(crop_square(&photo, Square::centred(photo.width(), photo.height()), size)),
            Crop::Landmarks(template) => {
                let points = self.landmarks.get(id).ok_or("it has no row in the landmarks file")?;
                align(&photo, points, &template, size).ok_or_else(|| "its landmarks coincide".to_owned())
            }
        }
    }
}

/// Reads all images of a truth table, in parallel. Unusable ones are left out and returned beside the set.
///
/// # Errors
/// No image at all can be used, or the unusable share is above `max_bad_share`.
pub fn load(folder: &Path, truth: &[Truth], crops: &Crops, max_bad_share: f64) -> Result<(Set, Vec<Problem>)> {
    let read: Vec<_> = truth.par_iter().map(|row| (row, crops.read(&folder.join(&row.id), &row.id))).collect();
    let (mut set, mut problems) = (Set::default(), Vec::new());
    for (row, crop) in read {
        match crop {
            Ok(crop) => {
                set.ids.push(row.id.clone());
                set.crops.push(crop);
                set.ages.push(row.age);
            }
            Err(reason) => problems.push(Problem { id: row.id.clone(), reason }),
        }
    }
    for problem in problems.iter().take(20) {
        eprintln!("unusable image: {problem}");
    }
    if problems.len() > 20 {
        eprintln!("... and {} more unusable images", problems.len() - 20);
    }
    let share = problems.len() as f64 / truth.len() as f64;
    ensure!(
        share <= max_bad_share && !set.ids.is_empty(),
        "{} of {} images in {} cannot be used (first: {}); the largest tolerated share is {max_bad_share}",
        problems.len(),
        truth.len(),
        folder.display(),
        problems.first().map_or_else(|| "none".to_owned(), ToString::to_string),
    );
    Ok((set, problems))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_images_are_named_counted_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let good = RgbImage::from_pixel(40, 30, image::Rgb([90, 80, 70]));
        good.save(folder.path().join("good.png")).unwrap();
        let whole = std::fs::read(folder.path().join("good.png")).unwrap();
        std::fs::write(folder.path().join("cut.png"), &whole[..whole.len() / 2]).unwrap();
        std::fs::write(folder.path().join("text.jpg"), "not an image").unwrap();
        let truth: Vec<Truth> = ["good.png", "cut.png", "text.jpg", "missing.jpg"]
            .map(|id| Truth { id: id.to_owned(), age: 30.0 })
            .to_vec();
        let crops = Crops { input: Input::paper(32), landmarks: Landmarks::new() };
        let (set, problems) = load(folder.path(), &truth, &crops, 0.75).unwrap();
        assert_eq!(set.ids, ["good.png"]);
        assert_eq!(set.crops[0].dimensions(), (32, 32));
        assert_eq!(problems.iter().map(|p| p.id.as_str()).collect::<Vec<_>>(), ["cut.png", "text.jpg", "missing.jpg"]);
        let error = load(folder.path(), &truth, &crops, 0.5).unwrap_err().to_string();
        assert!(error.contains("3 of 4") && error.contains("cut.png"), "{error}");
    }
}
