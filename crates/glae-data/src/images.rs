//! Reading image files into crops of the network's size.

use std::fmt;
use std::path::Path;

use anyhow::{Result, ensure};
use glae_face::RgbImage;
use glae_face::crop::{Square, crop_square};
use glae_face::photo::Photo;
use glae_face::similarity::align;
use glae_model::manifest::{Crop, Input};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::photos::{self, Unusable};
use super::tables::{LabelledFile, Landmarks};

/// How images become crops.
#[derive(Clone, Debug)]
pub struct Crops {
    /// Size and kind of the crop.
    pub input: Input,
    /// Points by file name, where the crop needs them, in pixels of the files.
    pub landmarks: Landmarks,
    /// Take what is there of a photograph that is cut off.
    pub allow_cut_off: bool,
}

/// An image that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnusableImage {
    /// File name.
    pub id: String,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for UnusableImage {
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
    pub fn read(&self, path: &Path, id: &str) -> Result<RgbImage, Unusable> {
        self.read_wide(path, id, 0)
    }

    /// The same with `margin` more pixels on each side.
    ///
    /// # Errors
    /// As for [`Crops::read`].
    pub fn read_wide(&self, path: &Path, id: &str, margin: u32) -> Result<RgbImage, Unusable> {
        self.crop(&std::fs::read(path)?, id, margin)
    }

    /// The crop of an image file's content. Its middle is the crop without margin to the byte; in the margin is what the
    /// photograph shows around it, and beyond the photograph its border.
    ///
    /// # Errors
    /// As for [`Crops::read`].
    pub fn crop(&self, bytes: &[u8], id: &str, margin: u32) -> Result<RgbImage, Unusable> {
        let Photo { pixels: photo, shrunk, .. } = photos::decode(bytes, self.allow_cut_off)?;
        let size = self.input.size as u32;
        let wide = size + 2 * margin;
        let (own, around) = match self.input.crop {
            Crop::Square => {
                let square = Square::centred(photo.width(), photo.height());
                let own = crop_square(&photo, square, size);
                if margin == 0 {
                    return Ok(own);
                }
                let more = square.side * margin as f32 / size as f32;
                let square = Square { x: square.x - more, y: square.y - more, side: square.side + 2.0 * more };
                (own, crop_square(&photo, square, wide))
            }
            Crop::Landmarks(template) => {
                let points = self.landmarks.get(id).ok_or(Unusable::NoLandmarks)?;
                let points = &points.map(|point| point.map(|stored| stored / shrunk as f32));
                let straightened =
                    |template: &[[f32; 2]; 5], size| align(&photo, points, template, size).ok_or(Unusable::Coincide);
                let own = straightened(&template, size)?;
                if margin == 0 {
                    return Ok(own);
                }
                // The same place in pixels, as a share of the wider side.
                let wider = |share: f32| (share * size as f32 + margin as f32) / wide as f32;
                (own, straightened(&template.map(|point| point.map(wider)), wide)?)
            }
        };
        let mut whole = around;
        image::imageops::replace(&mut whole, &own, i64::from(margin), i64::from(margin));
        Ok(whole)
    }
}

/// Reads all images of a truth table, in parallel. Unusable ones are left out and returned beside the set.
///
/// # Errors
/// No image at all can be used, or the unusable share is above `max_bad_share`.
pub fn load(
    folder: &Path,
    truth: &[LabelledFile],
    crops: &Crops,
    max_bad_share: f64,
) -> Result<(Set, Vec<UnusableImage>)> {
    load_wide(folder, truth, crops, 0, max_bad_share)
}

/// The same with `margin` more pixels on each side of the crops.
///
/// # Errors
/// As for [`load`].
pub fn load_wide(
    folder: &Path,
    truth: &[LabelledFile],
    crops: &Crops,
    margin: u32,
    max_bad_share: f64,
) -> Result<(Set, Vec<UnusableImage>)> {
    let read = truth.par_iter().map(|row| crops.read_wide(&folder.join(&row.id), &row.id, margin)).collect();
    let (ids, ages, crops, problems) = usable(folder, truth, read, max_bad_share)?;
    Ok((Set { ids, crops, ages }, problems))
}

/// Names, ages, and what was made of each image that can be used; beside them those that cannot, the first of which are
/// said on standard error.
pub type Usable<T> = (Vec<String>, Vec<f32>, Vec<T>, Vec<UnusableImage>);

/// Divides what was `read` for each row of the truth table.
///
/// # Errors
/// No image at all can be used, or the unusable share is above `max_bad_share`.
pub fn usable<T>(
    folder: &Path,
    truth: &[LabelledFile],
    read: Vec<Result<T, Unusable>>,
    max_bad_share: f64,
) -> Result<Usable<T>> {
    let (mut ids, mut ages, mut good, mut problems) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (row, own) in truth.iter().zip(read) {
        match own {
            Ok(own) => {
                ids.push(row.id.clone());
                ages.push(row.age);
                good.push(own);
            }
            Err(reason) => problems.push(UnusableImage { id: row.id.clone(), reason: reason.to_string() }),
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
        share <= max_bad_share && !ids.is_empty(),
        "{} of {} images in {} cannot be used (first: {}); the largest tolerated share is {max_bad_share}",
        problems.len(),
        truth.len(),
        folder.display(),
        problems.first().map_or_else(|| "none".to_owned(), ToString::to_string),
    );
    Ok((ids, ages, good, problems))
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
        let truth: Vec<LabelledFile> = ["good.png", "cut.png", "text.jpg", "missing.jpg"]
            .map(|id| LabelledFile { id: id.to_owned(), age: 30.0 })
            .to_vec();
        let crops = Crops { input: Input::paper(32), landmarks: Landmarks::new(), allow_cut_off: false };
        let (set, problems) = load(folder.path(), &truth, &crops, 0.75).unwrap();
        assert_eq!(set.ids, ["good.png"]);
        assert_eq!(set.crops[0].dimensions(), (32, 32));
        assert_eq!(problems.iter().map(|p| p.id.as_str()).collect::<Vec<_>>(), ["cut.png", "text.jpg", "missing.jpg"]);
        let error = load(folder.path(), &truth, &crops, 0.5).unwrap_err().to_string();
        assert!(error.contains("3 of 4") && error.contains("cut.png"), "{error}");
    }

    /// A face that does not fill the picture: what is around the crop is there to be seen.
    #[test]
    fn a_margin_shows_the_surroundings_and_leaves_the_middle_as_it_is() {
        let photo = RgbImage::from_fn(90, 70, |x, y| image::Rgb([(x * 2) as u8, (y * 3) as u8, (x * y % 251) as u8]));
        let mut bytes = std::io::Cursor::new(Vec::new());
        photo.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        let bytes = bytes.into_inner();
        let template = [[0.35, 0.4], [0.65, 0.4], [0.5, 0.55], [0.4, 0.7], [0.6, 0.7]];
        let points = [[38.0, 30.0], [53.0, 33.0], [45.0, 40.0], [38.0, 46.0], [50.0, 48.0]];
        for crop in [Crop::Square, Crop::Landmarks(template)] {
            let input = Input { crop, ..Input::paper(40) };
            let crops = Crops { input, landmarks: [("a.png".to_owned(), points)].into(), allow_cut_off: false };
            let own = crops.crop(&bytes, "a.png", 0).unwrap();
            for margin in [1, 6] {
                let wide = crops.crop(&bytes, "a.png", margin).unwrap();
                assert_eq!(wide.dimensions(), (40 + 2 * margin, 40 + 2 * margin));
                let middle = image::imageops::crop_imm(&wide, margin, margin, 40, 40).to_image();
                assert!(middle == own, "{crop:?}");
                // The picture goes on without a seam: red rises by the same step from one column to the next.
                let red = |x: u32| i32::from(wide.get_pixel(x, margin + 20).0[0]);
                let inside = red(margin + 1) - red(margin);
                assert!((red(margin) - red(margin - 1) - inside).abs() <= 1, "{crop:?}");
                assert_ne!(red(margin), red(margin - 1), "{crop:?}");
            }
        }
    }
}
