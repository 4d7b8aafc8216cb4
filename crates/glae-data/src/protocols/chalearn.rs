//! ChaLearn LAP 2015, apparent age: <https://chalearnlap.cvc.uab.cat/dataset/18/description/>, the contest of ICCV 2015.
//!
//! As distributed, one archive and one label file for each part; labels have no header and semicolons between them, as in
//! the contest's submissions (`image_2519.jpg;18`, <https://chalearnlap.cvc.uab.cat/challenge/12/track/11/metrics>):
//!
//! ```text
//! Train.csv        image_1.jpg;mean age;standard deviation      Train/image_1.jpg
//! Validation.csv                                                Validation/
//! Test.csv                                                      Test/
//! ```
//!
//! The contest's pages were moved and copied: the files also circulate as `train_gt.csv`, `valid_gt.csv` (`Reference.csv`),
//! `test_gt.csv`, also in a folder `gt/`, with commas and a header `image,mean,stdv`; folders also as `valid/`, `images/...`
//! and the test images in two, `test_1/` and `test_2/`. All are read.
//!
//! LAP 2016 (APPA-REAL) has the same form and other images. It is noticed by its numbers, 4,113 / 1,500 / 1,978.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::rows::LabelFile;
use super::{Collection, Published, Record, Split, find, find_folder, images_below, name_of, read_age, read_sigma};
use crate::check::FindingKind;

/// Names of label files and of folders of each part, the distributed one first.
const NAMES: [(Split, &[&str], &[&str]); 3] = [
    (Split::Train, &["Train.csv", "train_gt.csv"], &["Train", "train_images"]),
    (
        Split::Val,
        &["Validation.csv", "Valid.csv", "valid_gt.csv", "val_gt.csv", "Reference.csv"],
        &["Validation", "valid", "val", "valid_images"],
    ),
    (Split::Test, &["Test.csv", "test_gt.csv"], &["Test", "test_1", "test_2", "test_images"]),
];

pub(super) fn published() -> Published {
    let parts = Some([2476, 1136, 1079]);
    Published { images: Some(4691), parts, ..Published::default() }
}

pub(super) fn read(dir: &Path) -> Result<Collection> {
    if let Some(path) = find(dir, &["gt_avg_train.csv"]) {
        ensure!(
            find(dir, NAMES[0].1).is_some(),
            "{} belongs to APPA-REAL (LAP 2016), another set: expected LAP 2015 with Train.csv, Validation.csv, Test.csv",
            path.display()
        );
    }
    let mut missing = Vec::new();
    let mut found = Vec::new();
    for (part, labels, folders) in NAMES {
        let label = [dir.to_owned(), dir.join("gt")].iter().find_map(|dir| find(dir, labels));
        let folders: Vec<PathBuf> = [dir.to_owned(), dir.join("images")]
            .iter()
            .flat_map(|dir| folders.iter().filter_map(|name| find_folder(dir, &[name])).collect::<Vec<_>>())
            .collect();
        match (label, folders.is_empty()) {
            (Some(label), false) => found.push((part, label, folders)),
            (label, no_folder) => {
                if label.is_none() {
                    missing.push(format!("labels `{}`", labels[0]));
                }
                if no_folder {
                    missing.push(format!("images `{}/`", NAMES[part as usize].2[0]));
                }
            }
        }
    }
    ensure!(missing.is_empty(), "{} is not ChaLearn LAP 2015: missing are {}", dir.display(), missing.join(", "));

    let mut collection = Collection { images: dir.to_owned(), ..Collection::default() };
    for (part, labels, folders) in found {
        let mut images = BTreeMap::new();
        for folder in &folders {
            images.extend(images_below(dir, folder)?);
        }
        read_part(part, &labels, &name_of(&folders[0]), &images, &mut collection)?;
        collection.on_disk.append(&mut images);
    }
    Ok(collection)
}

fn read_part(
    part: Split,
    labels: &Path,
    folder: &str,
    images: &BTreeMap<String, u64>,
    collection: &mut Collection,
) -> Result<()> {
    let Collection { records, findings, .. } = collection;
    let by_name: HashMap<&str, &String> = images.keys().map(|file| (file_name(file), file)).collect();
    let table = LabelFile::plain(labels, 1)?;
    let age = table.column(&["mean", "mean_age"]).unwrap_or(1);
    let sigma = table.column(&["stdv", "std", "sigma", "standard_deviation"]).unwrap_or(2);
    for row in &table.rows {
        let place = || table.place(row);
        let name = row.cell(0);
        let Some(age) = read_age(findings, row.cell(age), place) else { continue };
        // The contest's error, `[GLAE] eq. (14)`, needs the deviation of every image.
        if row.cell(sigma).is_empty() {
            findings.add(FindingKind::Sigma, || format!("{}: no standard deviation", place()));
        }
        let sigma = read_sigma(findings, row.cell(sigma), place);
        let file = by_name.get(file_name(name)).map_or_else(|| format!("{folder}/{name}"), |file| (*file).clone());
        records.push(Record { file, age, sigma, part: Some(part), ..Record::default() });
    }
    Ok(())
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::{Protocol, trees};

    #[test]
    fn the_contest_s_own_layout() {
        let root = tempfile::tempdir().unwrap();
        for (name, folder, image) in [
            ("Train.csv", "Train", "image_1.jpg"),
            ("Validation.csv", "Validation", "image_2.jpg"),
            ("Test.csv", "Test", "image_3.jpg"),
        ] {
            trees::write(root.path(), name, format!("{image};30.5;4.25\n"));
            trees::image(root.path(), &format!("{folder}/{image}"));
        }
        let collection = Protocol::Chalearn.read(root.path()).unwrap();
        let files: Vec<_> = collection.records.iter().map(|record| record.file.as_str()).collect();
        assert_eq!(files, ["Train/image_1.jpg", "Validation/image_2.jpg", "Test/image_3.jpg"]);
        assert_eq!(collection.records.iter().map(|record| record.part.unwrap()).collect::<Vec<_>>(), Split::ALL);
        assert_eq!((collection.records[0].age, collection.records[0].sigma), (30.5, Some(4.25)));
        assert_eq!(collection.on_disk.len(), 3);
        assert!(collection.findings.is_empty());
    }

    #[test]
    fn the_copies_with_commas_and_headers() {
        let root = tempfile::tempdir().unwrap();
        trees::write(root.path(), "gt/train_gt.csv", "image,mean,stdv\n1.jpg,20,3\n9.jpg,21,\n");
        trees::write(root.path(), "gt/valid_gt.csv", "image,mean,stdv\n2.jpg,20,3\n");
        trees::write(root.path(), "gt/test_gt.csv", "image,mean,stdv\n3.jpg,20,3\n4.jpg,20,wide\n");
        for file in ["images/train/1.jpg", "images/valid/2.jpg", "images/test_1/3.jpg", "images/test_2/4.jpg"] {
            trees::image(root.path(), file);
        }
        let collection = Protocol::Chalearn.read(root.path()).unwrap();
        let files: Vec<_> = collection.records.iter().map(|record| record.file.as_str()).collect();
        assert_eq!(
            files,
            ["images/train/1.jpg", "train/9.jpg", "images/valid/2.jpg", "images/test_1/3.jpg", "images/test_2/4.jpg"]
        );
        assert_eq!(collection.findings.count_of(FindingKind::Sigma), 2, "{}", collection.findings);
    }

    #[test]
    fn all_that_is_missing_is_said_at_once_and_the_next_contest_is_told_apart() {
        let root = tempfile::tempdir().unwrap();
        trees::write(root.path(), "Train.csv", "image_1.jpg;30;4\n");
        trees::image(root.path(), "Test/image_3.jpg");
        let error = Protocol::Chalearn.read(root.path()).unwrap_err().to_string();
        for name in ["`Train/`", "`Validation.csv`", "`Validation/`", "`Test.csv`"] {
            assert!(error.contains(name), "{name}: {error}");
        }
        assert!(!error.contains("`Train.csv`") && !error.contains("`Test/`"), "{error}");
        std::fs::remove_file(root.path().join("Train.csv")).unwrap();
        trees::write(
            root.path(),
            "gt_avg_train.csv",
            "file_name,num_ratings,apparent_age_avg,apparent_age_std,real_age\n",
        );
        let error = Protocol::Chalearn.read(root.path()).unwrap_err().to_string();
        assert!(error.contains("APPA-REAL") && error.contains("gt_avg_train.csv"), "{error}");
    }
}
