//! Truth and landmark files.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// One row of a truth file.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    /// File name of the image, relative to the image folder.
    pub id: String,
    /// Age in years.
    pub age: f32,
}

/// Five points per image, in pixels of the upright image, in the order of
/// [`glae_model::manifest::Crop::Landmarks`].
pub type Landmarks = HashMap<String, [[f32; 2]; 5]>;

/// Reads `id,age` or `file,age`, in any column order.
///
/// # Errors
/// The file is unreadable, a column is missing, or a row is wrong: with its line number.
pub fn read_truth(path: &Path) -> Result<Vec<Truth>> {
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("cannot read {}", path.display()))?;
    let header = reader.headers()?.clone();
    let find = |names: &[&str]| header.iter().position(|column| names.contains(&column.trim()));
    let (Some(id), Some(age)) = (find(&["id", "file"]), find(&["age"])) else {
        bail!("{} needs the columns `id` (or `file`) and `age` in its first line", path.display());
    };
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.with_context(|| format!("cannot read {}", path.display()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let text = record.get(age).unwrap_or_default().trim();
        let years: f32 = text.parse().ok().filter(|years| (0.0..=120.0).contains(years)).with_context(|| {
            format!("{}, line {line}: the age {text:?} is not a number of years in 0..=120", path.display())
        })?;
        rows.push(Truth { id: record.get(id).unwrap_or_default().to_owned(), age: years });
    }
    ensure!(!rows.is_empty(), "{} has no rows", path.display());
    Ok(rows)
}

/// Reads `file` (or `id`) and `x_eye_l,y_eye_l,x_eye_r,y_eye_r,x_nose,y_nose,x_mouth_l,y_mouth_l,x_mouth_r,y_mouth_r`.
///
/// # Errors
/// The file is unreadable, a column is missing, or a number is wrong: with its line number.
pub fn read_landmarks(path: &Path) -> Result<Landmarks> {
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("cannot read {}", path.display()))?;
    let header = reader.headers()?.clone();
    let find = |name: &str| {
        let position = header.iter().position(|column| column.trim() == name);
        position.with_context(|| format!("{} lacks the column `{name}`", path.display()))
    };
    let id = find("file").or_else(|_| find("id"))?;
    let mut columns = Vec::new();
    for point in ["eye_l", "eye_r", "nose", "mouth_l", "mouth_r"] {
        columns.push([find(&format!("x_{point}"))?, find(&format!("y_{point}"))?]);
    }
    let mut landmarks = Landmarks::new();
    for record in reader.records() {
        let record = record.with_context(|| format!("cannot read {}", path.display()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let mut points = [[0f32; 2]; 5];
        for (point, columns) in points.iter_mut().zip(&columns) {
            for (value, column) in point.iter_mut().zip(columns) {
                let text = record.get(*column).unwrap_or_default();
                *value = text.trim().parse().with_context(|| {
                    format!("{}, line {line}: the coordinate {text:?} is not a number", path.display())
                })?;
            }
        }
        landmarks.insert(record.get(id).unwrap_or_default().to_owned(), points);
    }
    Ok(landmarks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn columns_come_in_any_order() {
        let rows = read_truth(file("age,file\n30,a.jpg\n4.5,b.jpg\n").path()).unwrap();
        assert_eq!(rows[1], Truth { id: "b.jpg".into(), age: 4.5 });
    }

    #[test]
    fn a_wrong_age_is_named_with_its_line() {
        let error = read_truth(file("id,age\na,30\nb,old\n").path()).unwrap_err();
        assert!(error.to_string().contains("line 3") && error.to_string().contains("old"), "{error}");
        assert!(read_truth(file("id,years\na,30\n").path()).unwrap_err().to_string().contains("`age`"));
        assert!(read_truth(file("id,age\n").path()).unwrap_err().to_string().contains("no rows"));
        assert!(read_truth(file("id,age\na,NaN\n").path()).is_err());
    }
}
