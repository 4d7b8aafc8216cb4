//! Morph II: the non-commercial release of 2008 of the MORPH database, University of North Carolina Wilmington.
//!
//! As distributed (and as read by `facebase/to_json/morph_to_json.py` of paplhjak/Facial-Age-Estimation-Benchmark):
//!
//! ```text
//! MORPH_nonCommercial/
//!     morph_2008_nonCommercial.csv   id_num,picture_num,dob,doa,race,gender,facial_hair,age,age_diff,glasses,photo
//!     Album2/009055_1M54.JPG         subject _ picture, sex, age
//! ```
//!
//! `photo` is the path with its folder, `Album2/...`; `race` is W, B, A, H or O. Columns are found by name.
//!
//! CHOICE: "5,493 images of Caucasian descent" are fewer than the release's images of race W, and the list behind the
//! published numbers was not published with them. Whoever has it puts it beside the CSV as `partial.txt`, one name a line;
//! otherwise 5,493 images of race W are drawn with the seed.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context, Result};

use super::rows::LabelFile;
use super::{Collection, Published, Record, compare_with_name, find, find_folder, images_below, name_of, read_age};
use crate::check::{FindingKind, Findings};

/// Images of the partial protocol.
pub(crate) const PARTIAL: usize = 5493;

const LABELS: &str = "morph_2008_nonCommercial.csv";

pub(super) fn published() -> Published {
    Published { images: Some(55_134), identities: Some(13_617), ages: Some(16.0..=77.0), parts: None }
}

pub(super) fn read(dir: &Path, partial: bool) -> Result<Collection> {
    let here = [dir.to_owned(), dir.join("MORPH_nonCommercial"), dir.join("MORPH")];
    let labels = here.iter().find_map(|dir| find(dir, &[LABELS])).with_context(|| {
        format!(
            "{} is not Morph II: expected `{LABELS}` with the columns id_num, race, age, photo and beside it `Album2/`",
            dir.display()
        )
    })?;
    let images = labels.parent().unwrap_or(dir).to_owned();
    let album = find_folder(&images, &["Album2"])
        .with_context(|| format!("{} has no folder `Album2/` with the photos", images.display()))?;
    let table = LabelFile::headed(&labels)?;
    let (identity, age, photo) = (table.need("id_num")?, table.need("age")?, table.need("photo")?);
    let race = if partial { Some(table.need("race")?) } else { None };
    let list = find(&images, &["partial.txt"]).filter(|_| partial).map(|path| listed(&path)).transpose()?;

    let mut findings = Findings::default();
    let mut records = Vec::new();
    for row in &table.rows {
        let place = || table.place(row);
        let Some(age) = read_age(&mut findings, row.cell(age), place) else { continue };
        let photo = row.cell(photo);
        if photo.is_empty() {
            findings.add(FindingKind::Row, || format!("{}: no photo", place()));
            continue;
        }
        let file = if photo.contains(['/', '\\']) { photo.to_owned() } else { format!("{}/{photo}", name_of(&album)) };
        compare_with_name(&mut findings, &file, age, age_of_name(&file));
        let outside = match (&list, race) {
            (Some(list), _) => !list.contains(file_name(&file)),
            (None, Some(race)) => !row.cell(race).eq_ignore_ascii_case("W"),
            (None, None) => false,
        };
        let identity = Some(row.cell(identity).to_owned()).filter(|identity| !identity.is_empty());
        records.push(Record { file, age, identity, outside, ..Record::default() });
    }
    if let Some(list) = list {
        let inside: HashSet<_> = records.iter().filter(|r| !r.outside).map(|record| file_name(&record.file)).collect();
        let mut unknown: Vec<_> = list.iter().filter(|name| !inside.contains(name.as_str())).collect();
        unknown.sort();
        for name in unknown {
            findings.add(FindingKind::Row, || format!("partial.txt names {name}, which {LABELS} does not"));
        }
    }
    let on_disk = images_below(&images, &album)?;
    Ok(Collection { images, records, on_disk, findings })
}

/// Names of a list, without folders.
fn listed(path: &Path) -> Result<HashSet<String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| file_name(line).to_owned()).collect())
}

fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// 54 of `Album2/009055_1M54.JPG`.
fn age_of_name(file: &str) -> Option<f32> {
    let (stem, _) = file_name(file).rsplit_once('.')?;
    let (_, age) = stem.rsplit_once(['M', 'F'])?;
    age.parse::<u8>().ok().map(f32::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::{Protocol, trees};

    const HEADER: &str = "id_num,picture_num,dob,doa,race,gender,facial_hair,age,age_diff,glasses,photo";

    fn tree(rows: &[(&str, &str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let mut csv = format!("{HEADER}\n");
        for (race, age, photo) in rows {
            let identity = &photo[..6];
            csv += &format!("{identity},1,01/01/1950,01/01/2004,{race},M,NULL,{age},0,NULL,Album2/{photo}\n");
            trees::image(root.path(), &format!("MORPH_nonCommercial/Album2/{photo}"));
        }
        trees::write(root.path(), "MORPH_nonCommercial/morph_2008_nonCommercial.csv", csv);
        root
    }

    const ROWS: [(&str, &str, &str); 4] = [
        ("W", "54", "009055_1M54.JPG"),
        ("B", "30", "009056_0F30.JPG"),
        ("w", "31", "009056_1F30.JPG"),
        ("H", "old", "009057_0M40.JPG"),
    ];

    #[test]
    fn the_release_is_read() {
        let root = tree(&ROWS);
        let collection = Protocol::Morph2Random.read(root.path()).unwrap();
        assert_eq!(collection.images, root.path().join("MORPH_nonCommercial"));
        assert_eq!(collection.records.len(), 3);
        let first = Record {
            file: "Album2/009055_1M54.JPG".to_owned(),
            age: 54.0,
            identity: Some("009055".to_owned()),
            ..Record::default()
        };
        assert_eq!(collection.records[0], first);
        assert!(collection.records.iter().all(|record| !record.outside));
        assert_eq!(collection.on_disk.len(), 4);
        assert_eq!(
            (collection.findings.count_of(FindingKind::Row), collection.findings.count_of(FindingKind::Name)),
            (1, 1)
        );
        // The folder itself may be named as well.
        assert_eq!(Protocol::Morph2Random.read(&collection.images).unwrap().records, collection.records);
    }

    #[test]
    fn the_partial_protocol_takes_one_group_or_a_list() {
        let root = tree(&ROWS);
        let inside = || -> Vec<String> {
            let records = Protocol::Morph2Partial.read(root.path()).unwrap().records;
            records.into_iter().filter(|record| !record.outside).map(|record| record.file).collect()
        };
        assert_eq!(inside(), ["Album2/009055_1M54.JPG", "Album2/009056_1F30.JPG"]);
        trees::write(root.path(), "MORPH_nonCommercial/partial.txt", "Album2/009056_1F30.JPG\nnobody.JPG\n");
        assert_eq!(inside(), ["Album2/009056_1F30.JPG"]);
        let findings = Protocol::Morph2Partial.read(root.path()).unwrap().findings;
        assert!(findings.to_string().contains("nobody.JPG"), "{findings}");
    }

    #[test]
    fn a_lacking_column_or_folder_is_named() {
        let root = tree(&ROWS);
        let folder = root.path().join("MORPH_nonCommercial");
        trees::write(&folder, LABELS, "id_num,age,photo\n1,30,Album2/a.JPG\n");
        assert_eq!(Protocol::Morph2Random.read(root.path()).unwrap().records.len(), 1);
        let error = Protocol::Morph2Partial.read(root.path()).unwrap_err().to_string();
        assert!(error.contains("`race`"), "{error}");
        std::fs::remove_dir_all(folder.join("Album2")).unwrap();
        assert!(Protocol::Morph2Random.read(root.path()).unwrap_err().to_string().contains("Album2"));
    }
}
