//! UTKFace: Zhang, Song and Qi, CVPR 2017, <https://susanqq.github.io/UTKFace/>.
//!
//! The age is in the file's name, `[age]_[gender]_[race]_[date and time].jpg`; the aligned and cropped chips end in
//! `.jpg.chip.jpg`. A few names lack a field (`61_1_20170109142408075.jpg.chip.jpg`), all still begin with the age.
//!
//! Layouts that are read:
//!
//! ```text
//! splits/{train,val,test}.csv   file,age    and images/ or UTKFace/     parts are taken as they are
//! UTKFace/                                   the chips, as distributed   divided 80-20
//! part1/ part2/ part3/                       the photographs in the wild divided 80-20
//! ```
//!
//! CHOICE: the set comes without parts. Where split files are given they count; otherwise 80-20 is drawn with the seed.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::rows::LabelFile;
use super::{Collection, Record, Split, compare_with_name, find, find_folder, images_below, read_age};
use crate::check::{FindingKind, Findings};

pub(super) fn read(dir: &Path) -> Result<Collection> {
    let splits = [dir.join("splits"), dir.to_owned()].into_iter().find(|dir| find(dir, &["train.csv"]).is_some());
    let folder = find_folder(dir, &["images", "UTKFace", "utkcropped", "crop_part1"]);
    match (splits, folder) {
        (Some(splits), folder) => by_splits(&splits, folder.as_deref().unwrap_or(dir)),
        (None, Some(folder)) => by_names(&folder, images_below(&folder, &folder)?),
        (None, None) => {
            let mut images = BTreeMap::new();
            for part in ["part1", "part2", "part3"].into_iter().filter_map(|name| find_folder(dir, &[name])) {
                images.extend(images_below(dir, &part)?);
            }
            if images.is_empty() {
                images = images_below(dir, dir)?;
            }
            by_names(dir, images)
        }
    }
}

fn by_splits(splits: &Path, images: &Path) -> Result<Collection> {
    let mut findings = Findings::default();
    let mut records = Vec::new();
    for part in Split::ALL {
        let name = format!("{part}.csv");
        let path = find(splits, &[&name]).with_context(|| format!("{} lacks `{name}`", splits.display()))?;
        let table = LabelFile::headed(&path)?;
        let (file, age) = (table.need("file")?, table.need("age")?);
        for row in &table.rows {
            let Some(age) = read_age(&mut findings, row.cell(age), || table.place(row)) else { continue };
            let file = row.cell(file).to_owned();
            compare_with_name(&mut findings, &file, age, age_of_name(&file));
            records.push(Record { file, age, part: Some(part), ..Record::default() });
        }
    }
    let on_disk = images_below(images, images)?;
    Ok(Collection { images: images.to_owned(), records, on_disk, findings })
}

fn by_names(images: &Path, on_disk: BTreeMap<String, u64>) -> Result<Collection> {
    let mut findings = Findings::default();
    let mut records = Vec::new();
    for file in on_disk.keys() {
        match age_of_name(file) {
            Some(age) if age <= 120.0 => records.push(Record { file: file.clone(), age, ..Record::default() }),
            Some(age) => findings.add(FindingKind::Age, || format!("{file}: {age} years")),
            None => findings.add(FindingKind::Row, || format!("{file}: its name does not begin with an age")),
        }
    }
    ensure!(
        !records.is_empty(),
        "{} is not UTKFace: expected `splits/train.csv`, or images named [age]_[gender]_[race]_[time].jpg",
        images.display()
    );
    Ok(Collection { images: images.to_owned(), records, on_disk, findings })
}

/// 26 of `part1/26_0_1_20170116220224657.jpg.chip.jpg`.
fn age_of_name(file: &str) -> Option<f32> {
    let name = file.rsplit('/').next().unwrap_or(file);
    let (age, rest) = name.split_once('_')?;
    // Something must follow that can be gender and time: a number alone before an underscore is found in many names.
    let fields =
        rest.split(['_', '.']).map(str::trim).take_while(|field| field.is_empty() || field.parse::<u64>().is_ok());
    age.parse::<u16>().ok().filter(|_| fields.filter(|field| !field.is_empty()).count() >= 2).map(f32::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::{Protocol, trees};

    #[test]
    fn ages_come_from_names() {
        assert_eq!(age_of_name("26_0_1_20170116220224657.jpg.chip.jpg"), Some(26.0));
        assert_eq!(age_of_name("part2/61_1_20170109142408075.jpg"), Some(61.0));
        assert_eq!(age_of_name("24_0_1_20170116220224657 .jpg.chip.jpg"), Some(24.0));
        // One of the set's photographs has an empty field.
        assert_eq!(age_of_name("part2/53__0_20170116184028385.jpg"), Some(53.0));
        for name in ["photo.jpg", "26__.jpg", "26__summer_1.jpg", "26.jpg", "x_0_1_2.jpg", "26_summer.jpg"] {
            assert_eq!(age_of_name(name), None, "{name}");
        }
    }

    #[test]
    fn split_files_count_where_there_are_some() {
        let root = tempfile::tempdir().unwrap();
        trees::write(root.path(), "splits/train.csv", "file,age\n1_0_0_2.jpg,1\n2_0_0_2.jpg,3\n");
        trees::write(root.path(), "splits/test.csv", "file,age\n3_0_0_2.jpg,3\n");
        trees::image(root.path(), "images/1_0_0_2.jpg");
        let error = Protocol::Utkface.read(root.path()).unwrap_err().to_string();
        assert!(error.contains("`val.csv`"), "{error}");
        trees::write(root.path(), "splits/val.csv", "age,file\n4,4_0_0_2.jpg\n");
        let collection = Protocol::Utkface.read(root.path()).unwrap();
        let parts: Vec<_> = collection.records.iter().map(|r| (r.file.as_str(), r.part.unwrap())).collect();
        assert_eq!(
            parts,
            [
                ("1_0_0_2.jpg", Split::Train),
                ("2_0_0_2.jpg", Split::Train),
                ("4_0_0_2.jpg", Split::Val),
                ("3_0_0_2.jpg", Split::Test)
            ]
        );
        assert_eq!(collection.findings.count_of(FindingKind::Name), 1);
        assert_eq!(collection.images, root.path().join("images"));
        assert_eq!(collection.on_disk.keys().collect::<Vec<_>>(), ["1_0_0_2.jpg"]);
    }

    #[test]
    fn without_them_the_names_are_the_labels() {
        let root = tempfile::tempdir().unwrap();
        for file in
            ["UTKFace/9_1_2_3.jpg.chip.jpg", "UTKFace/116_1_2_3.jpg", "UTKFace/nobody.jpg", "UTKFace/121_1_2_3.jpg"]
        {
            trees::image(root.path(), file);
        }
        let collection = Protocol::Utkface.read(root.path()).unwrap();
        assert_eq!(collection.records.iter().map(|record| record.age).collect::<Vec<_>>(), [116.0, 9.0]);
        assert!(collection.records.iter().all(|record| record.part.is_none()));
        assert_eq!(
            (collection.findings.count_of(FindingKind::Row), collection.findings.count_of(FindingKind::Age)),
            (1, 1)
        );

        let wild = tempfile::tempdir().unwrap();
        trees::image(wild.path(), "part1/1_0_0_2.jpg");
        trees::image(wild.path(), "part3/2_0_0_2.jpg");
        let collection = Protocol::Utkface.read(wild.path()).unwrap();
        assert_eq!(collection.on_disk.keys().collect::<Vec<_>>(), ["part1/1_0_0_2.jpg", "part3/2_0_0_2.jpg"]);
    }
}
