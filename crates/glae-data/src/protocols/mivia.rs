//! MIVIA Age Dataset, the training part of the contest "Guess the Age" of CAIP 2021: 575,073 images from VGGFace2,
//! <https://gta2021.unisa.it/>, given out on request.
//!
//! As distributed (and as read by the contest's participants, who all open these two names without a header):
//!
//! ```text
//! training_caip_contest.csv     file,age        no header; ages in years, also as 31.0
//! training_caip_contest/        the images
//! ```
//!
//! CHOICE: `[GLAE]` divides 458,752 to 114,688, which is 573,440 and not 575,073: both are the whole multiples of 4,096 in
//! four and one fifths. A whole set is divided into exactly these numbers and the remaining 1,633 images stay out, so that
//! results are comparable; a smaller one is divided 4:1.

use std::path::Path;

use anyhow::{Context, Result};

use super::rows::LabelFile;
use super::{Collection, Published, Record, find, find_folder, images_below, read_age};
use crate::check::{FindingKind, Findings};

const LABELS: &str = "training_caip_contest.csv";

/// Training and test images of the paper's division.
pub(crate) const PAPER: [usize; 2] = [458_752, 114_688];

/// Test images of each age in MIVIA-LT.
pub(crate) const LT: usize = 10;

pub(super) fn published() -> Published {
    Published { images: Some(575_073), ages: Some(1.0..=81.0), ..Published::default() }
}

pub(super) fn read(dir: &Path) -> Result<Collection> {
    let labels = find(dir, &[LABELS]).with_context(|| {
        format!(
            "{} is not MIVIA: expected `{LABELS}` with lines `file,age` and beside it `training_caip_contest/`",
            dir.display()
        )
    })?;
    let images = find_folder(dir, &["training_caip_contest", "images"])
        .with_context(|| format!("{} has no folder `training_caip_contest/` with the images", dir.display()))?;
    let table = LabelFile::plain(&labels, 1)?;
    let mut findings = Findings::default();
    let mut records = Vec::new();
    for row in &table.rows {
        let Some(age) = read_age(&mut findings, row.cell(1), || table.place(row)) else { continue };
        let file = row.cell(0).to_owned();
        if file.is_empty() {
            findings.add(FindingKind::Row, || format!("{}: no file", table.place(row)));
            continue;
        }
        records.push(Record { file, age, ..Record::default() });
    }
    let on_disk = images_below(&images, &images)?;
    Ok(Collection { images, records, on_disk, findings })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::{Protocol, trees};

    #[test]
    fn the_contest_s_files_are_read() {
        let root = tempfile::tempdir().unwrap();
        trees::write(root.path(), LABELS, "0.jpg,31.0\n1.jpg,7\n2.jpg,\n,9\n3.jpg,-1\n");
        assert!(Protocol::Mivia.read(root.path()).unwrap_err().to_string().contains("training_caip_contest/"));
        trees::image(root.path(), "training_caip_contest/0.jpg");
        let collection = Protocol::MiviaLt.read(root.path()).unwrap();
        let ages: Vec<_> = collection.records.iter().map(|record| (record.file.as_str(), record.age)).collect();
        assert_eq!(ages, [("0.jpg", 31.0), ("1.jpg", 7.0)]);
        assert_eq!(
            (collection.findings.count_of(FindingKind::Row), collection.findings.count_of(FindingKind::Age)),
            (2, 1)
        );
        assert_eq!(collection.on_disk.len(), 1);
    }

    #[test]
    fn the_paper_s_numbers_are_multiples_of_4096() {
        let images = published().images.unwrap();
        assert_eq!([images * 4 / 5, images / 5].map(|part| part / 4096 * 4096), PAPER);
    }
}
