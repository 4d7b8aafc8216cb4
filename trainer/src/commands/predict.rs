//! `trainer predict`: a predictions file, as the leaderboard takes it.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use glae_face::RgbImage;
use glae_face::similarity::align;
use glae_model::manifest::{Crop, Input, sha256};
use glae_model::{Estimate, Inference, Manifest};
use rayon::prelude::*;

use super::evaluate::{crops, refuse_mismatch};
use super::row_file::{RowFile, progress};
use crate::data::found::{Found, Image, find};
use crate::data::photos::together;
use crate::data::{Crops, Landmarks};
use crate::detector::exported::{self, Exported};
use crate::evaluation::{estimates, load_weights};

/// Rows are written after so many images.
const TOGETHER: usize = 64;

/// `trainer predict`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder of exported weights.
    #[arg(long)]
    pub weights: PathBuf,
    /// For weights that were trained on aligned faces, one of three: straighten each image's face by its landmarks in this
    /// file, which `trainer prepare` writes.
    #[arg(long)]
    pub landmarks: Option<PathBuf>,
    /// Or: find the main face of each image with these exported weights of a detector, and straighten it.
    #[arg(long)]
    pub detector: Option<PathBuf>,
    /// Or: look at the largest square in the middle of each image instead of a straightened face. The comparison shows
    /// what alignment is worth.
    #[arg(long)]
    pub unaligned: bool,
    /// Fail if an image has no face, instead of leaving it out.
    #[arg(long)]
    pub strict: bool,
    /// Name the images that cannot be read and write the others, instead of failing.
    #[arg(long)]
    pub skip_bad: bool,
    /// Take what is there of a photograph that is cut off, instead of counting it as one that cannot be read.
    #[arg(long)]
    pub allow_truncated: bool,
    /// Go on where the same command was interrupted.
    #[arg(long)]
    pub resume: bool,
    /// Predictions file to write.
    #[arg(long)]
    pub out: PathBuf,
    /// Add the columns p_0 to p_100.
    #[arg(long)]
    pub distribution: bool,
    /// Image files, and folders that are searched for them.
    #[arg(required = true)]
    pub images: Vec<PathBuf>,
}

/// What became of an image.
enum Cut {
    /// What the network looks at.
    Crop(RgbImage),
    /// There is no face, or none that can be straightened. Why.
    NoFace(&'static str),
    /// The file cannot be used. Why.
    Unusable(String),
}

/// Writes `id,age,route,kl_vanilla,kl_balanced[,p_0,...,p_100]`; the id is the path below the folder that was given, or the
/// file's name. Files that are no images, images that cannot be used and those without a face are named on standard error,
/// counted and left out. Rows are written as they come, beside the file, and take its place when all are there.
///
/// # Errors
/// Weights cannot be read, a folder has no images, two images have one id, no image has a face; or an image cannot be used
/// and `skip_bad` is not set, or has no face and `strict` is: all such images are named, and the rows of the others are kept
/// for `resume`.
pub fn run(arguments: &Arguments, device: &Device) -> Result<()> {
    let Found { images, passed } = find(&arguments.images)?;
    eprint!("{passed}");
    let mut left = LeftOut::new(&images);
    // Before the expensive part.
    if !left.unusable.is_empty() && !arguments.skip_bad {
        bail!("{}, nothing was written:\n{}\n{SKIP}", left.cannot(), left.unusable.join("\n"));
    }
    let (manifest, inference) = load_weights(&arguments.weights, device)?;
    let cutter = Cutter::new(arguments, &manifest, device)?;
    let header = header(arguments.distribution);
    let made_with = format!("{} {} {}", manifest.sha256, cutter.made_with, arguments.allow_truncated);
    let table = RowFile::open(&arguments.out, &header, &made_with, arguments.resume)?;
    let mut rows =
        Rows { table, inference: &inference, distribution: arguments.distribution, waiting: Default::default() };
    let images: Vec<&Image> =
        images.iter().filter(|image| image.refused.is_none() && !rows.table.has(&image.id)).collect();
    let bar = progress(images.len());
    cutter.each(&images, |image, cut| {
        bar.inc(1);
        match cut {
            Cut::Crop(crop) => rows.add(&image.id, crop)?,
            Cut::NoFace(reason) => left.faceless.push(format!("{}: {reason}", image.id)),
            Cut::Unusable(reason) => left.unusable.push(format!("{}: {reason}", image.id)),
        }
        Ok(())
    })?;
    bar.finish_and_clear();
    rows.write()?;
    finish(arguments, rows.table, &left)
}

/// Puts the table into its place unless images are missing that must not be.
fn finish(arguments: &Arguments, table: RowFile, left: &LeftOut) -> Result<()> {
    let rows = table.rows();
    if rows == 0 {
        table.discard();
        bail!("none of the {} images has a face that can be read, nothing was written{}", left.all, left.lines());
    }
    let (bad, strict) =
        (!left.unusable.is_empty() && !arguments.skip_bad, !left.faceless.is_empty() && arguments.strict);
    if bad || strict {
        let mut remedies = Vec::new();
        if bad {
            remedies.push(SKIP);
        }
        if strict {
            remedies.push("Without --strict images without a face are left out.");
        }
        let (lines, remedies, partial) = (left.lines(), remedies.join(" "), table.partial().display());
        bail!(
            "{}, {} was not written:{lines}\n{remedies} The rows of the other {rows} images wait in {partial}: --resume goes on \
             with them.",
            left.cannot(),
            arguments.out.display()
        );
    }
    table.finish()?;
    left.faceless.iter().chain(&left.unusable).for_each(|line| eprintln!("left out: {line}"));
    println!("{rows} predictions in {}", arguments.out.display());
    for (count, what) in [(left.faceless.len(), "have no face"), (left.unusable.len(), "cannot be read")] {
        if count > 0 {
            println!("{count} of {} images {what} and have no prediction", left.all);
        }
    }
    Ok(())
}

const SKIP: &str = "With --skip-bad images that cannot be read are left out.";

/// Images without a prediction, each with the reason.
struct LeftOut {
    /// Number of images there are.
    all: usize,
    unusable: Vec<String>,
    faceless: Vec<String>,
}

impl LeftOut {
    fn new(images: &[Image]) -> Self {
        let refused = |image: &Image| image.refused.as_ref().map(|reason| format!("{}: {reason}", image.id));
        Self { all: images.len(), unusable: images.iter().filter_map(refused).collect(), faceless: Vec::new() }
    }

    fn cannot(&self) -> String {
        let without = |count: usize, what: &str| (count > 0).then(|| format!("{count} of {} images {what}", self.all));
        let parts = [without(self.unusable.len(), "cannot be used"), without(self.faceless.len(), "have no face")];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" and ")
    }

    fn lines(&self) -> String {
        self.unusable.iter().chain(&self.faceless).map(|line| format!("\n{line}")).collect()
    }
}

/// The table with the crops that wait to be estimated together.
struct Rows<'a> {
    table: RowFile,
    inference: &'a Inference,
    distribution: bool,
    waiting: (Vec<String>, Vec<RgbImage>),
}

impl Rows<'_> {
    fn add(&mut self, id: &str, crop: RgbImage) -> Result<()> {
        self.waiting.0.push(id.to_owned());
        self.waiting.1.push(crop);
        if self.waiting.0.len() < TOGETHER { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> Result<()> {
        let (ids, crops) = std::mem::take(&mut self.waiting);
        for (id, estimate) in ids.iter().zip(estimates(self.inference, &crops, |_| {})?) {
            self.table.write(&row(id, &estimate, self.distribution))?;
        }
        self.table.flush()
    }
}

/// Cuts out what the network shall look at.
struct Cutter {
    how: How,
    allow_cut_off: bool,
    /// Checksum of what decides where the crops lie.
    made_with: String,
}

enum How {
    /// Finds the face, and straightens it to this template and size.
    Detector(Box<Exported>, [[f32; 2]; 5], u32),
    /// As the landmarks say; those without are no faces.
    Landmarks(Crops),
    Square(Crops),
}

impl Cutter {
    /// What the arguments ask for, if it fits the weights.
    fn new(arguments: &Arguments, manifest: &Manifest, device: &Device) -> Result<Self> {
        let Arguments { landmarks, detector, unaligned, allow_truncated, .. } = arguments;
        let options =
            [("--landmarks", landmarks.is_some()), ("--detector", detector.is_some()), ("--unaligned", *unaligned)];
        refuse_mismatch(manifest, &options)?;
        let allow_cut_off = *allow_truncated;
        let square = Input { crop: Crop::Square, ..manifest.input };
        let (how, made_with) = match (detector, landmarks, manifest.input.crop) {
            (Some(folder), _, Crop::Landmarks(template)) => {
                let detector = Box::new(Exported::open(folder, device)?);
                let size = manifest.input.size as u32;
                (How::Detector(detector, template, size), exported::read(folder)?.0.sha256)
            }
            (_, Some(path), _) => {
                let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
                (How::Landmarks(Crops { allow_cut_off, ..crops(manifest, Some(path))? }), sha256(&bytes))
            }
            _ => {
                (How::Square(Crops { input: square, landmarks: Landmarks::new(), allow_cut_off }), "square".to_owned())
            }
        };
        Ok(Self { how, allow_cut_off, made_with })
    }

    /// Cuts image by image, in their order.
    fn each(&self, images: &[&Image], mut each: impl FnMut(&Image, Cut) -> Result<()>) -> Result<()> {
        let paths: Vec<PathBuf> = images.iter().map(|image| image.path.clone()).collect();
        let ids: Vec<String> = images.iter().map(|image| image.id.clone()).collect();
        let mut images = images.iter();
        let mut next = |cut: Cut| each(images.next().context("there are as many cuts as images")?, cut);
        match &self.how {
            How::Detector(detector, template, size) => detector.main_faces(&paths, self.allow_cut_off, |_, found| {
                next(match found {
                    Ok(Some((photo, face))) => align(&photo.pixels, &face.points, template, *size)
                        .map_or(Cut::NoFace("its points coincide"), Cut::Crop),
                    Ok(None) => Cut::NoFace("no face was found"),
                    Err(reason) => Cut::Unusable(reason),
                })
            }),
            How::Landmarks(crops) | How::Square(crops) => {
                let needs_landmarks = matches!(self.how, How::Landmarks(_));
                let one = |path: &PathBuf, id: &String| {
                    if needs_landmarks && !crops.landmarks.contains_key(id) {
                        return Cut::NoFace("it has no row in the landmarks file");
                    }
                    crops.read(path, id).map_or_else(Cut::Unusable, Cut::Crop)
                };
                let mut begin = 0;
                for group in together(&paths, 4 * rayon::current_num_threads()) {
                    let ids = &ids[begin..begin + group.len()];
                    let cuts: Vec<Cut> = group.par_iter().zip(ids).map(|(path, id)| one(path, id)).collect();
                    cuts.into_iter().try_for_each(&mut next)?;
                    begin += group.len();
                }
                Ok(())
            }
        }
    }
}

fn header(distribution: bool) -> Vec<String> {
    let mut header = ["id", "age", "route", "kl_vanilla", "kl_balanced"].map(str::to_owned).to_vec();
    if distribution {
        header.extend((0..glae_model::AGES).map(|age| format!("p_{age}")));
    }
    header
}

fn row(id: &str, estimate: &Estimate, distribution: bool) -> Vec<String> {
    let mut row = vec![id.to_owned(), format!("{:.4}", estimate.years), estimate.route.as_str().to_owned()];
    row.extend([estimate.kl_vanilla, estimate.kl_balanced].map(|kl| format!("{kl:.6}")));
    if distribution {
        row.extend(estimate.distribution.iter().map(|p| format!("{p:.6}")));
    }
    row
}

/// `id,age,route,kl_vanilla,kl_balanced[,p_0,...,p_100]`.
pub(super) fn table(ids: &[String], answers: &[Estimate], distribution: bool) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header(distribution))?;
    for (id, estimate) in ids.iter().zip(answers) {
        writer.write_record(row(id, estimate, distribution))?;
    }
    writer.into_inner().context("cannot finish the table")
}

#[cfg(test)]
mod tests;
