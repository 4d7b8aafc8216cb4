//! A table `file,age[,sigma,identity,split]` with a header, columns in any order, beside its images.
//!
//! The folder holds `labels.csv` (or one CSV file of any name; or the path is that of the file), and images lie below the
//! folder, or below `images/` in it. `split` says train, val (also valid, validation) or test. Without it, whole people are
//! divided 80-20 where there is an `identity`, images otherwise.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::rows::LabelFile;
use super::{Collection, Record, Split, find, find_folder, images_below, read_age, read_sigma};
use crate::check::{FindingKind, Findings};

pub(super) fn read(path: &Path) -> Result<Collection> {
    let labels = labels(path)?;
    let dir = labels.parent().filter(|dir| *dir != Path::new("")).unwrap_or(Path::new(".")).to_owned();
    let table = LabelFile::headed(&labels)?;
    let file = table
        .column(&["file", "id"])
        .with_context(|| format!("{} lacks the column `file`: {}", labels.display(), table.header.join(", ")))?;
    let age = table.need("age")?;
    let [sigma, identity, split] = ["sigma", "identity", "split"].map(|name| table.column(&[name]));

    let mut findings = Findings::default();
    let mut records = Vec::new();
    for row in &table.rows {
        let place = || table.place(row);
        let Some(age) = read_age(&mut findings, row.cell(age), place) else { continue };
        let cell = |column: Option<usize>| column.map(|column| row.cell(column)).filter(|cell| !cell.is_empty());
        let part = match (split, cell(split).map(Split::parse)) {
            (None, _) => None,
            (Some(_), Some(Some(part))) => Some(part),
            (Some(_), _) => {
                let word = cell(split).unwrap_or_default();
                findings.add(FindingKind::Row, || format!("{}: {word:?} is not train, val or test", place()));
                continue;
            }
        };
        if row.cell(file).is_empty() {
            findings.add(FindingKind::Row, || format!("{}: no file", place()));
            continue;
        }
        let sigma = cell(sigma).and_then(|text| read_sigma(&mut findings, text, place));
        let identity = cell(identity).map(str::to_owned);
        records.push(Record { file: row.cell(file).to_owned(), age, sigma, identity, part, ..Record::default() });
    }
    ensure!(!records.is_empty(), "{} has no usable row; the first problem: {findings}", labels.display());
    let images = match find_folder(&dir, &["images"]) {
        Some(inner) if !dir.join(&records[0].file).exists() => inner,
        _ => dir,
    };
    let on_disk = images_below(&images, &images)?;
    Ok(Collection { images, records, on_disk, findings })
}

/// The label file in a folder.
fn labels(path: &Path) -> Result<PathBuf> {
    if path.is_file() {
        return Ok(path.to_owned());
    }
    if let Some(labels) = find(path, &["labels.csv"]) {
        return Ok(labels);
    }
    let entries = std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut tables: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    tables.retain(|path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")));
    match tables.as_slice() {
        [table] => Ok(table.clone()),
        tables => bail!(
            "{} has {} CSV files: expected `labels.csv` with `file,age[,sigma,identity,split]`, or name the file itself",
            path.display(),
            tables.len()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::{Protocol, trees};

    #[test]
    fn all_columns_in_any_order() {
        let root = tempfile::tempdir().unwrap();
        let text =
            "split,age,file,identity,sigma\nvalid,30.5,a.jpg,Ann,2\ntrain,4,b.jpg,,\nsummer,4,c.jpg,,\n,4,d.jpg,,\n";
        trees::write(root.path(), "mine.csv", text);
        trees::image(root.path(), "images/a.jpg");
        for path in [root.path().to_owned(), root.path().join("mine.csv")] {
            let collection = Protocol::Csv.read(&path).unwrap();
            let first = Record {
                file: "a.jpg".to_owned(),
                age: 30.5,
                sigma: Some(2.0),
                identity: Some("Ann".to_owned()),
                part: Some(Split::Val),
                ..Record::default()
            };
            let second = Record { file: "b.jpg".to_owned(), age: 4.0, part: Some(Split::Train), ..Record::default() };
            assert_eq!(collection.records, [first, second]);
            assert_eq!(collection.images, root.path().join("images"));
            assert_eq!(collection.findings.count_of(FindingKind::Row), 2);
            assert!(collection.findings.to_string().contains("summer"));
        }
    }

    #[test]
    fn images_beside_the_table_and_ambiguous_folders() {
        let root = tempfile::tempdir().unwrap();
        trees::write(root.path(), "labels.csv", "file,age\nimages/a.jpg,3\n");
        trees::write(root.path(), "other.csv", "nothing");
        trees::image(root.path(), "images/a.jpg");
        let collection = Protocol::Csv.read(root.path()).unwrap();
        assert_eq!(collection.on_disk.keys().collect::<Vec<_>>(), ["images/a.jpg"]);
        std::fs::rename(root.path().join("labels.csv"), root.path().join("third.csv")).unwrap();
        assert!(Protocol::Csv.read(root.path()).unwrap_err().to_string().contains("2 CSV files"));
        trees::write(root.path(), "labels.csv", "file,years\na.jpg,3\n");
        assert!(Protocol::Csv.read(root.path()).unwrap_err().to_string().contains("`age`"));
    }
}
