//! `trainer predict`: a predictions file, as the leaderboard takes it.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use glae_face::RgbImage;
use glae_face::detector::trust::Doubt;
use glae_model::{Estimate, Inference, Routing};

use super::cutter::{CropSource, Cut, Cutter, Doubtful, Main};
use super::row_file::{RowFile, progress};
use crate::evaluation::estimates;
use crate::exported;
use glae_data::found::{FoundImages, Image, find};

/// Rows are written after so many images.
const BLOCK: usize = 64;

/// `trainer predict`.
#[derive(Debug, Default, clap::Args)]
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
    /// With --detector: what becomes of faces whose age cannot be told because they are too small or turned away. The column
    /// `doubt` says why an age is not to be trusted; it is empty where nothing speaks against it.
    #[arg(long, value_enum, default_value_t = Doubtful::Drop)]
    pub doubtful: Doubtful,
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

/// Writes `id,age,route,kl_vanilla,kl_balanced[,p_0,...,p_100][,doubt]`, the last with a detector; the id is the path below the folder that was given, or the
/// file's name. Files that are no images, images that cannot be used and those without a face are named on standard error,
/// counted and left out. Rows are written as they come, beside the file, and take its place when all are there.
///
/// # Errors
/// Weights cannot be read, a folder has no images, two images have one id, no image has a face; or an image cannot be used
/// and `skip_bad` is not set, or has no face and `strict` is: all such images are named, and the rows of the others are kept
/// for `resume`.
pub fn run(arguments: &Arguments, device: &Device) -> Result<()> {
    let FoundImages { images, passed } = find(&arguments.images)?;
    eprint!("{passed}");
    let mut left = LeftOut::new(&images);
    // Before the expensive part.
    if !left.unusable.is_empty() && !arguments.skip_bad {
        bail!("{}, nothing was written:\n{}\n{SKIP}", left.cannot(), left.unusable.join("\n"));
    }
    let Arguments { landmarks, detector, unaligned, doubtful, .. } = arguments;
    let source =
        CropSource { landmarks: landmarks.as_deref(), detector: detector.as_deref(), unaligned: Some(*unaligned) };
    let estimator = exported::estimator(&arguments.weights, device)?;
    let (made_with, rule) = (estimator.manifest().head.sha256.clone(), estimator.manifest().routing);
    let cutter = Cutter::new(source, *doubtful, arguments.allow_truncated, estimator, device)?;
    let columns = Columns { distribution: arguments.distribution, doubt: detector.is_some() };
    let made_with = format!("{made_with} {} {}", cutter.made_with, arguments.allow_truncated);
    let table = RowFile::open(&arguments.out, &columns.header(), &made_with, arguments.resume)?;
    let mut rows = Rows { table, inference: cutter.inference(), columns, waiting: Vec::new() };
    let images: Vec<&Image> =
        images.iter().filter(|image| image.refused.is_none() && !rows.table.has(&image.id)).collect();
    let bar = progress(images.len());
    cutter.each(&images, |image, cut| {
        bar.inc(1);
        match cut {
            Cut::Crop(crop, main) => rows.add(&image.id, crop, main)?,
            Cut::NoFace(reason) => left.faceless.push(format!("{}: {reason}", image.id)),
            Cut::Unusable(reason) => left.unusable.push(format!("{}: {reason}", image.id)),
        }
        Ok(())
    })?;
    bar.finish_and_clear();
    rows.write()?;
    finish(arguments, rows.table, rule, &left)
}

/// Puts the table into its place unless images are missing that must not be.
fn finish(arguments: &Arguments, table: RowFile, rule: Routing, left: &LeftOut) -> Result<()> {
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
    println!("{rows} predictions in {}; routing rule: {rule}", arguments.out.display());
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
    columns: Columns,
    waiting: Vec<(String, RgbImage, Option<Main>)>,
}

impl Rows<'_> {
    fn add(&mut self, id: &str, crop: RgbImage, main: Option<Main>) -> Result<()> {
        self.waiting.push((id.to_owned(), crop, main));
        if self.waiting.len() < BLOCK { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> Result<()> {
        let mut marks = Vec::with_capacity(self.waiting.len());
        let mut crops = Vec::with_capacity(self.waiting.len());
        for (id, crop, main) in self.waiting.drain(..) {
            marks.push((id, main));
            crops.push(crop);
        }
        let estimates = estimates(self.inference, &crops, |_| {})?;
        for (((id, main), crop), estimate) in marks.iter().zip(&crops).zip(&estimates) {
            let doubt = main.as_ref().and_then(|main| main.doubt(crop, estimate));
            self.table.write(&self.columns.row(id, estimate, doubt))?;
        }
        self.table.flush()
    }
}

/// Which columns a table has beside `id,age,route,kl_vanilla,kl_balanced`.
#[derive(Clone, Copy)]
struct Columns {
    /// `p_0` to `p_100`.
    distribution: bool,
    /// `doubt`, empty where there is none.
    doubt: bool,
}

impl Columns {
    fn header(self) -> Vec<String> {
        let mut header = ["id", "age", "route", "kl_vanilla", "kl_balanced"].map(str::to_owned).to_vec();
        if self.distribution {
            header.extend((0..glae_model::AGES).map(|age| format!("p_{age}")));
        }
        header.extend(self.doubt.then(|| "doubt".to_owned()));
        header
    }

    fn row(self, id: &str, estimate: &Estimate, doubt: Option<Doubt>) -> Vec<String> {
        let mut row = vec![id.to_owned(), format!("{:.4}", estimate.years), estimate.route.as_str().to_owned()];
        row.extend([estimate.kl_vanilla, estimate.kl_balanced].map(|kl| format!("{kl:.6}")));
        if self.distribution {
            row.extend(estimate.distribution.iter().map(|p| format!("{p:.6}")));
        }
        row.extend(self.doubt.then(|| doubt.map_or_else(String::new, |doubt| doubt.as_str().to_owned())));
        row
    }
}

/// `id,age,route,kl_vanilla,kl_balanced[,p_0,...,p_100]`.
pub(super) fn table(ids: &[String], answers: &[Estimate], distribution: bool) -> Result<Vec<u8>> {
    let columns = Columns { distribution, doubt: false };
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(columns.header())?;
    for (id, estimate) in ids.iter().zip(answers) {
        writer.write_record(columns.row(id, estimate, None))?;
    }
    writer.into_inner().context("cannot finish the table")
}

#[cfg(test)]
mod tests;
