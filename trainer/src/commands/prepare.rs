//! `trainer prepare`: finds the main face of every image and writes its landmarks, for training and evaluation.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use glae_face::detector::decode::Face;
use indicatif::ProgressBar;

use crate::checkpoint::write_atomically;
use crate::detector::exported::Exported;
use crate::detector::labels::COLUMNS;

/// `trainer prepare`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder of the detector's exported weights.
    #[arg(long)]
    pub detector: PathBuf,
    /// Folder of the images; folders in it are not searched.
    #[arg(long)]
    pub images: PathBuf,
    /// Landmarks file to write.
    #[arg(long)]
    pub out: PathBuf,
}

/// Writes one row for every image with a face; every other file is named on standard error, with the reason.
///
/// # Errors
/// Weights or folder cannot be read, the device fails, the table cannot be written, or there is no face at all.
pub fn run(arguments: &Arguments, device: &Device) -> Result<()> {
    let detector = Exported::open(&arguments.detector, device)?;
    let files = files(&arguments.images)?;
    // Now, and not after all images have been looked at.
    if let Some(folder) = arguments.out.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let mut table = csv::Writer::from_writer(Vec::new());
    // As `data::read_landmarks` and `detector::labels::read_faces` read them.
    table.write_record(["file"].iter().chain(&COLUMNS))?;
    let (mut rows, mut without) = (0, Vec::new());
    let bar = ProgressBar::new(files.len() as u64);
    detector.main_faces(&files, |path, found| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match found {
            Ok(Some((_, face))) => {
                table.write_record(row(&name, &face))?;
                rows += 1;
            }
            Ok(None) => without.push(format!("{name}: no face was found")),
            Err(reason) => without.push(format!("{name}: {reason}")),
        }
        bar.inc(1);
        Ok(())
    })?;
    bar.finish_and_clear();
    without.iter().for_each(|line| eprintln!("left out: {line}"));
    ensure!(rows > 0, "no face was found in any of the {} files of {}", files.len(), arguments.images.display());
    let table = table.into_inner().context("cannot finish the table")?;
    write_atomically(&arguments.out, &table)?;
    println!("{rows} faces in {}; {} of {} files left out", arguments.out.display(), without.len(), files.len());
    Ok(())
}

/// The files of a folder by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    files.retain(|path| path.is_file());
    files.sort();
    Ok(files)
}

/// Hundredths of a pixel are finer than any label.
fn row(name: &str, face: &Face) -> Vec<String> {
    let values = [face.x, face.y, face.width, face.height].into_iter().chain(face.points.into_iter().flatten());
    let values = values.map(|value| format!("{value:.2}"));
    std::iter::once(name.to_owned()).chain(values).chain([format!("{:.4}", face.score)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::read_landmarks;
    use crate::detector::exported::seeded;
    use crate::detector::labels::read_faces;

    #[test]
    fn a_face_becomes_one_row_and_is_read_again() {
        let face = Face {
            x: -1.5,
            y: 2.0,
            width: 30.25,
            height: 40.0,
            points: [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0], [9.0, -10.25]],
            score: 0.75,
        };
        let cells = row("a.png", &face);
        assert_eq!(
            cells.join(","),
            "a.png,-1.50,2.00,30.25,40.00,1.00,2.00,3.00,4.00,5.00,6.00,7.00,8.00,9.00,-10.25,0.7500"
        );
        assert_eq!(cells.len(), 1 + COLUMNS.len());
    }

    #[test]
    fn images_with_a_face_get_a_row_the_others_none() {
        let folder = tempfile::tempdir().unwrap();
        let [without, with] = seeded::write_into(&folder.path().join("detector"));
        let images = folder.path().join("images");
        std::fs::create_dir_all(images.join("inner")).unwrap();
        with.save(images.join("with, and a comma.png")).unwrap();
        without.save(images.join("without.png")).unwrap();
        std::fs::write(images.join("list.txt"), "no photograph").unwrap();
        // The folder of the table does not exist yet.
        let out = folder.path().join("runs/landmarks.csv");
        let arguments = Arguments { detector: folder.path().join("detector"), images, out };
        run(&arguments, &crate::device::cpu()).unwrap();
        let landmarks = read_landmarks(&arguments.out).unwrap();
        assert_eq!(landmarks.keys().collect::<Vec<_>>(), ["with, and a comma.png"]);
        let faces = read_faces(&arguments.out).unwrap();
        assert_eq!(faces[0].1[0].points, landmarks["with, and a comma.png"]);

        std::fs::remove_file(arguments.images.join("with, and a comma.png")).unwrap();
        let error = run(&arguments, &crate::device::cpu()).unwrap_err().to_string();
        assert!(error.contains("any of the 2 files"), "{error}");
        // What an earlier run wrote is still there.
        assert_eq!(read_landmarks(&arguments.out).unwrap().len(), 1);
    }
}
