//! A folder of classes as ImageNet's, for `[GLAE] Table X`: `train/n01440764/x.JPEG`, the layout of torchvision's
//! `ImageFolder` and of ILSVRC 2012 (there below `ILSVRC/Data/CLS-LOC/`).
//!
//! The label is the number of the class, counted from 0 over the sorted names of the folders in `train/`, as torchvision
//! counts; it stands in the column `age`, and the folder's name in the column `class`.
//!
//! CHOICE: ILSVRC's test labels are not public and Table X can only be about its validation images. So `val/` is what is
//! reported on, unless there is a `test/` with class folders too. A folder with neither is divided 80-20.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::{Collection, Record, Split, find_folder, images_below, is_image, name_of};
use crate::check::{FindingKind, Findings};

/// Classes the network can tell apart, and a split file of a run may name: numbers 0 to 100.
const CLASSES: usize = 101;

pub(super) fn read(dir: &Path) -> Result<Collection> {
    let deep = dir.join("ILSVRC/Data/CLS-LOC");
    let images = if deep.is_dir() { deep } else { dir.to_owned() };
    let train = find_folder(&images, &["train"]);
    let val = find_folder(&images, &["val", "valid", "validation"]);
    // ILSVRC's own `test/` has no class folders and no labels.
    let test = find_folder(&images, &["test"]).filter(|path| classes(path).is_ok_and(|classes| !classes.is_empty()));
    let parts: Vec<(Option<Split>, PathBuf)> = match (train, val, test) {
        (Some(train), Some(val), None) => vec![(Some(Split::Train), train), (Some(Split::Test), val)],
        (Some(train), val, Some(test)) => {
            let val = val.map(|val| (Some(Split::Val), val));
            [(Some(Split::Train), train)].into_iter().chain(val).chain([(Some(Split::Test), test)]).collect()
        }
        (Some(train), None, None) => vec![(None, train)],
        (None, ..) => vec![(None, images.clone())],
    };
    let numbers: BTreeMap<String, usize> =
        classes(&parts[0].1)?.into_iter().enumerate().map(|(number, path)| (name_of(&path), number)).collect();
    ensure!(
        numbers.len() > 1,
        "{} is no folder of classes: expected `train/CLASS/image.jpg` and `val/CLASS/image.jpg`",
        dir.display()
    );
    let mut findings = Findings::default();
    if numbers.len() > CLASSES {
        findings.add(FindingKind::Classes, || format!("{} classes; the network tells {CLASSES} apart", numbers.len()));
    }
    let mut collection = Collection { images: images.clone(), findings, ..Collection::default() };
    for (part, folder) in parts {
        read_part(part, &folder, &numbers, &mut collection)?;
    }
    Ok(collection)
}

fn read_part(
    part: Option<Split>,
    folder: &Path,
    numbers: &BTreeMap<String, usize>,
    collection: &mut Collection,
) -> Result<()> {
    let classes = classes(folder)?;
    ensure!(
        !classes.is_empty(),
        "{} has images but no class folders: sort them into `CLASS/image.jpg` first (ILSVRC's are sorted by its list \
         of validation labels)",
        folder.display()
    );
    for class in classes {
        let name = name_of(&class);
        let images = images_below(&collection.images, &class)?;
        match numbers.get(&name) {
            Some(number) => collection.records.extend(images.keys().map(|file| Record {
                file: file.clone(),
                age: *number as f32,
                class: Some(name.clone()),
                part,
                ..Record::default()
            })),
            None => {
                collection.findings.add(FindingKind::Classes, || format!("{} is no class of train", class.display()))
            }
        }
        if images.is_empty() {
            collection.findings.add(FindingKind::Classes, || format!("{} has no images", class.display()));
        }
        collection.on_disk.extend(images);
    }
    Ok(())
}

/// The folders in a folder, by name.
fn classes(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut classes: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    classes.retain(|path| path.is_dir() && !is_image(path) && !name_of(path).starts_with('.'));
    classes.sort();
    Ok(classes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::{Protocol, trees};

    fn found(root: &Path) -> Vec<(String, f32, Option<Split>)> {
        let records = Protocol::Imagenet.read(root).unwrap().records;
        records.into_iter().map(|record| (record.file, record.age, record.part)).collect()
    }

    #[test]
    fn classes_are_numbered_by_the_names_of_train() {
        let root = tempfile::tempdir().unwrap();
        for file in ["train/n02/a.JPEG", "train/n01/b.JPEG", "val/n02/c.JPEG", "val/n09/d.JPEG", "test/loose.JPEG"] {
            trees::image(root.path(), file);
        }
        assert_eq!(
            found(root.path()),
            [
                ("train/n01/b.JPEG".to_owned(), 0.0, Some(Split::Train)),
                ("train/n02/a.JPEG".to_owned(), 1.0, Some(Split::Train)),
                ("val/n02/c.JPEG".to_owned(), 1.0, Some(Split::Test))
            ]
        );
        let findings = Protocol::Imagenet.read(root.path()).unwrap().findings;
        assert!(findings.to_string().contains("n09"), "{findings}");
        trees::image(root.path(), "test/n01/e.JPEG");
        let parts: Vec<_> = found(root.path()).into_iter().map(|(_, _, part)| part.unwrap()).collect();
        assert_eq!(parts, [Split::Train, Split::Train, Split::Val, Split::Test]);
    }

    #[test]
    fn other_depths_and_folders_without_parts() {
        let root = tempfile::tempdir().unwrap();
        trees::image(root.path(), "ILSVRC/Data/CLS-LOC/train/n01/a.JPEG");
        trees::image(root.path(), "ILSVRC/Data/CLS-LOC/train/n02/b.JPEG");
        assert_eq!(found(root.path())[1], ("train/n02/b.JPEG".to_owned(), 1.0, None));
        // The validation images as they are unpacked.
        trees::image(root.path(), "ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_00000001.JPEG");
        let error = Protocol::Imagenet.read(root.path()).unwrap_err().to_string();
        assert!(error.contains("val") && error.contains("class folders"), "{error}");

        let plain = tempfile::tempdir().unwrap();
        trees::image(plain.path(), "cat/a.png");
        trees::image(plain.path(), "dog/b.png");
        assert_eq!(found(plain.path())[1], ("dog/b.png".to_owned(), 1.0, None));
    }

    #[test]
    fn more_classes_than_the_network_has_are_said() {
        let root = tempfile::tempdir().unwrap();
        for class in 0..102 {
            trees::image(root.path(), &format!("train/{class:03}/a.png"));
        }
        let findings = Protocol::Imagenet.read(root.path()).unwrap().findings;
        assert!(findings.to_string().contains("102 classes"), "{findings}");
    }
}
