//! `trainer kit`: all that a run learns from in one small folder, for a machine with a GPU and without the data.
//!
//! Each image is straightened and stored as a small JPEG whose landmarks are the template's own places, so that reading it is
//! reading an ordinary data set, and straightening it again changes nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use glae_data::files::write_atomically;
use glae_data::{Crops, LabelledFile, POINTS, SoftLabels, read_truth};
use glae_face::RgbImage;
use glae_model::Precision;
use glae_model::manifest::Crop;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use rayon::prelude::*;

use super::train::{CONFIG, crops, start_weights};
use crate::config::RunConfig;

/// `trainer kit`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The run's TOML file.
    pub run: PathBuf,
    /// Folder to write; it must not exist yet.
    #[arg(long)]
    pub out: PathBuf,
    /// Another value for a key of the file, as for `trainer train`.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// The most megabytes (of 10^6 bytes) that the folder may take, packed by `tar -czf`.
    #[arg(long, default_value_t = 60.0)]
    pub most: f64,
    /// The most faces without an age to learn from, those that are drawn most often; those held out come on top.
    #[arg(long, default_value_t = 5000)]
    pub faces: usize,
}

/// Pixels around each crop. UTKFace's chips end there; further out their border is repeated in any case.
const EDGE: u32 = 6;

/// JPEG qualities, the best that fits is taken; below the last one faces lose what tells their age.
const QUALITIES: [u8; 9] = [90, 80, 75, 70, 65, 60, 55, 50, 40];

/// Images that the size at a quality is estimated on.
const SAMPLE: usize = 300;

/// Bytes that all pictures begin with alike, for the most part the tables of their code: packed, they count once.
const ALIKE: usize = 600;

/// The script that trains.
const SCRIPT: &str = include_str!("kit/train.sh");

/// Images of one folder of the kit.
struct Folder<'a> {
    name: &'static str,
    images: &'a Path,
    crops: Crops,
    ids: Vec<String>,
}

/// Writes the folder.
///
/// # Errors
/// The run needs no landmarks, its data cannot be read, or even the lowest quality is too large.
pub fn run(arguments: &Arguments) -> Result<()> {
    let out = &arguments.out;
    ensure!(!out.exists(), "{} is there already: name another folder, or remove it", out.display());
    let config = RunConfig::read_with(&arguments.run, &arguments.set)?;
    let Crop::Landmarks(template) = config.crop else {
        anyhow::bail!("{} looks at whole squares: a kit holds straightened faces alone", arguments.run.display())
    };
    let soft = config.data.soft.as_ref().map(SoftLabels::read).transpose()?;
    let [mut learnt, apart] = soft.as_ref().map_or_else(|| Ok(Default::default()), SoftLabels::names)?;
    learnt.truncate(arguments.faces);
    learnt.extend(apart);
    let (train, val) = (read_truth(&config.data.train)?, read_truth(&config.data.val)?);
    let labelled = train.iter().chain(&val).map(|row| row.id.clone()).collect::<BTreeSet<_>>().into_iter().collect();
    let mut folders =
        vec![Folder { name: "images", images: &config.data.images, crops: crops(&config)?, ids: labelled }];
    if let Some(faces) = config.data.soft.as_ref().and_then(|soft| soft.faces.as_ref()) {
        let crops = faces.crops(config.input())?;
        folders.push(Folder { name: "faces", images: &faces.images, crops, ids: learnt });
    }

    let mut files = files(&config, soft.as_ref(), &folders, [&train, &val])?;
    let mut size: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    let room = arguments.most * 1e6 - size as f64;
    let quality = quality(&folders, room)?;
    for folder in &folders {
        let pictures: Vec<(&String, Vec<u8>)> =
            folder.ids.par_iter().filter_map(|id| Some((id, jpeg(&folder.picture(id)?, quality)))).collect();
        ensure!(!pictures.is_empty(), "none of the images in {} can be used", folder.images.display());
        size += pictures.iter().map(|(_, bytes)| packed(bytes)).sum::<usize>();
        let side = config.network.input_size as f32;
        let points = template.map(|point| point.map(|share| share * side + EDGE as f32));
        files.push((format!("{}.csv", folder.name), landmarks(pictures.iter().map(|(id, _)| id.as_str()), &points)?));
        files.extend(pictures.into_iter().map(|(id, bytes)| (format!("{}/{id}", folder.name), bytes)));
    }
    let size = size as f64 / 1e6;
    ensure!(
        size <= arguments.most,
        "the kit takes {size:.1} MB at quality {quality}, which its sample did not show: allow less with --most"
    );
    let count = files.len();
    for (name, bytes) in files {
        let path = out.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(out))?;
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    // The configuration comes last: without it the folder is no kit.
    write_atomically(&out.join(CONFIG), moved(config).to_toml()?.as_bytes())?;
    let shown = out.display();
    println!("{shown}: {count} files, about {size:.1} MB packed; JPEG of quality {quality}");
    println!(
        "next: put the program `trainer` beside train.sh, try `sh {shown}/train.sh rehearse`, pack the folder with `tar -czf`"
    );
    Ok(())
}

/// The configuration with the kit's own paths.
fn moved(mut config: RunConfig) -> RunConfig {
    let data = &mut config.data;
    (data.images, data.train, data.val) = ("images".into(), "train.csv".into(), "val.csv".into());
    (data.test, data.cache) = (None, None);
    (data.landmarks, data.landmarks_offset) = (Some("images.csv".into()), 0.0);
    if let Some(soft) = &mut data.soft {
        (soft.labels, soft.rows) = ("soft.safetensors".into(), "soft.csv".into());
        if let Some(faces) = &mut soft.faces {
            faces.images = "faces".into();
            (faces.landmarks, faces.landmarks_offset) = (Some("faces.csv".into()), 0.0);
        }
    }
    config.start = config.start.map(|_| "start.safetensors".into());
    config
}

/// All files but configuration and pictures.
fn files(
    config: &RunConfig,
    soft: Option<&SoftLabels>,
    folders: &[Folder<'_>],
    [train, val]: [&Vec<LabelledFile>; 2],
) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = vec![("train.sh".to_owned(), SCRIPT.as_bytes().to_vec())];
    for (name, rows) in [("train.csv", train), ("val.csv", val)] {
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(["file", "age"])?;
        rows.iter().try_for_each(|row| csv.write_record([&row.id, &row.age.to_string()]))?;
        files.push((name.to_owned(), csv.into_inner().context("cannot finish a table")?));
    }
    if let Some(soft) = soft {
        let (labels, rows) = soft.only(&folders.iter().flat_map(|folder| &folder.ids).collect())?;
        files.extend([("soft.safetensors".to_owned(), labels), ("soft.csv".to_owned(), rows)]);
    }
    if let Some(start) = &config.start {
        let (state, _) = start_weights(start)?;
        files.push(("start.safetensors".to_owned(), state.to_safetensors(Precision::Half)));
    }
    Ok(files)
}

/// The best quality at which the pictures fit into so many bytes, by a sample.
fn quality(folders: &[Folder<'_>], room: f64) -> Result<u8> {
    let all: Vec<(&Folder<'_>, &String)> =
        folders.iter().flat_map(|folder| folder.ids.iter().map(move |id| (folder, id))).collect();
    let every = (all.len() / SAMPLE).max(1);
    let sample: Vec<&(&Folder<'_>, &String)> = all.iter().step_by(every).collect();
    let pictures: Vec<RgbImage> = sample.into_par_iter().filter_map(|(folder, id)| folder.picture(id)).collect();
    ensure!(!pictures.is_empty(), "none of the images can be used");
    let estimate = |quality: u8| {
        let bytes: usize = pictures.par_iter().map(|picture| packed(&jpeg(picture, quality))).sum();
        bytes as f64 / pictures.len() as f64 * all.len() as f64
    };
    let last = QUALITIES[QUALITIES.len() - 1];
    // A sample errs by a few hundredths.
    QUALITIES.into_iter().find(|quality| estimate(*quality) < 0.97 * room).with_context(|| {
        format!(
            "even at JPEG quality {last} the {} images take {:.1} MB and there is room for {:.1}: allow more with --most, or take \
             fewer with --faces",
            all.len(),
            estimate(last) / 1e6,
            room.max(0.0) / 1e6
        )
    })
}

impl Folder<'_> {
    /// The straightened image with its edge; none where it cannot be used.
    fn picture(&self, id: &str) -> Option<RgbImage> {
        self.crops.read_wide(&self.images.join(id), id, EDGE).ok()
    }
}

/// Bytes of a picture in the packed folder.
fn packed(jpeg: &[u8]) -> usize {
    jpeg.len().saturating_sub(ALIKE)
}

fn jpeg(picture: &RgbImage, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    let (width, height) = (picture.width() as u16, picture.height() as u16);
    encoder.encode(picture.as_raw(), width, height, ColorType::Rgb).expect("a crop is no larger than a JPEG may be");
    bytes
}

/// A table of landmarks, the same for each image.
fn landmarks<'a>(ids: impl Iterator<Item = &'a str>, points: &[[f32; 2]; 5]) -> Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["file"].iter().chain(&POINTS))?;
    let points: Vec<String> = points.as_flattened().iter().map(|value| format!("{value:.3}")).collect();
    for id in ids {
        csv.write_record(std::iter::once(id).chain(points.iter().map(String::as_str)))?;
    }
    csv.into_inner().context("cannot finish a table")
}

#[cfg(test)]
mod tests {
    use super::*;
    use glae_data::{faces, read_landmarks};
    use glae_model::manifest::Input;

    /// A configuration over drawn faces, its crop a little smaller than they are.
    fn write(folder: &Path) -> PathBuf {
        let text = include_str!("../../configs/drawn-faces.toml");
        let mut config: RunConfig = toml::from_str(text).unwrap();
        faces::write_set(&folder.join("data"), 12, 5).unwrap();
        let at = |name: &str| folder.join("data").join(name);
        (config.data.images, config.data.train, config.data.val) = (at("images"), at("train.csv"), at("val.csv"));
        config.data.test = None;
        config.crop = Crop::Landmarks([[0.3, 0.3], [0.7, 0.3], [0.5, 0.5], [0.35, 0.7], [0.65, 0.7]]);
        config.data.landmarks = Some(folder.join("landmarks.csv"));
        let rows = read_truth(&config.data.train).unwrap().into_iter().chain(read_truth(&config.data.val).unwrap());
        let points = [[20.0, 22.0], [44.0, 21.0], [32.0, 34.0], [23.0, 44.0], [42.0, 45.0]];
        let ids: Vec<String> = rows.map(|row| row.id).collect();
        let table = landmarks(ids.iter().map(String::as_str), &points).unwrap();
        std::fs::write(folder.join("landmarks.csv"), table).unwrap();
        std::fs::write(folder.join("run.toml"), config.to_toml().unwrap()).unwrap();
        folder.join("run.toml")
    }

    #[test]
    fn a_kits_images_are_those_of_the_run_but_for_their_jpeg() {
        let folder = tempfile::tempdir().unwrap();
        let (path, out) = (write(folder.path()), folder.path().join("kit"));
        let arguments = Arguments { run: path.clone(), out: out.clone(), set: Vec::new(), most: 1.0, faces: 10 };
        run(&arguments).unwrap();
        let (before, mut after) = (RunConfig::read(&path).unwrap(), RunConfig::read(&out.join(CONFIG)).unwrap());
        let data = &mut after.data;
        for own in [&mut data.images, &mut data.train, &mut data.val] {
            *own = out.join(&own);
        }
        data.landmarks = Some(out.join("images.csv"));
        let rows = read_truth(&after.data.train).unwrap();
        assert_eq!(rows, read_truth(&before.data.train).unwrap());
        assert_eq!(
            read_landmarks(&out.join("images.csv")).unwrap().len(),
            rows.len() + read_truth(&after.data.val).unwrap().len()
        );
        for row in &rows {
            let crop =
                |config: &RunConfig| crops(config).unwrap().read(&config.data.images.join(&row.id), &row.id).unwrap();
            let (before, after) = (crop(&before), crop(&after));
            let off = before.as_raw().iter().zip(after.as_raw()).map(|(a, b)| f64::from(a.abs_diff(*b)));
            let off = off.sum::<f64>() / before.as_raw().len() as f64;
            // Drawn edges lose most by it.
            assert!(off < 8.0, "{}: {off} levels a pixel", row.id);
        }
        assert!(out.join("train.sh").is_file());
        assert!(run(&arguments).unwrap_err().to_string().contains("there already"));
        let arguments = Arguments { out: folder.path().join("small"), most: 0.001, ..arguments };
        let error = run(&arguments).unwrap_err().to_string();
        assert!(error.contains("--most") && !arguments.out.exists(), "{error}");
    }

    #[test]
    fn straightening_a_stored_crop_again_changes_nothing() {
        let template = [[0.31, 0.29], [0.69, 0.29], [0.5, 0.51], [0.34, 0.71], [0.66, 0.71]];
        let input = Input { crop: Crop::Landmarks(template), ..Input::paper(48) };
        let stored = RgbImage::from_fn(60, 60, |x, y| image::Rgb([(x * 4) as u8, (y * 4) as u8, (x * y % 251) as u8]));
        let folder = tempfile::tempdir().unwrap();
        stored.save(folder.path().join("a.png")).unwrap();
        let points = template.map(|point| point.map(|share| share * 48.0 + EDGE as f32));
        let crops = Crops { input, landmarks: [("a.png".to_owned(), points)].into(), allow_cut_off: false };
        let crop = crops.read(&folder.path().join("a.png"), "a.png").unwrap();
        let inner = image::imageops::crop_imm(&stored, EDGE, EDGE, 48, 48).to_image();
        for (a, b) in crop.as_raw().iter().zip(inner.as_raw()) {
            assert!(a.abs_diff(*b) <= 1);
        }
    }
}
