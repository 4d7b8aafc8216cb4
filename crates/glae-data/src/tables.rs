//! Truth and landmark files.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use glae_metrics::{Cells, Problems};

/// One row of a truth file.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledFile {
    /// File name of the image, relative to the image folder.
    pub id: String,
    /// Age in years.
    pub age: f32,
}

/// Five points per image, in pixels of the upright image, in the order of
/// [`glae_model::manifest::Crop::Landmarks`].
pub type Landmarks = HashMap<String, [[f32; 2]; 5]>;

/// Reads `id,age` or `file,age` as the leaderboard does, see [`glae_metrics::Truth::parse`].
///
/// # Errors
/// The file is unreadable, or everything that is wrong with it: with line numbers.
pub fn read_truth(path: &Path) -> Result<Vec<LabelledFile>> {
    let truth = read_table(path, glae_metrics::Truth::parse)?;
    Ok(truth.rows().map(|row| LabelledFile { id: row.id.to_owned(), age: row.age as f32 }).collect())
}

/// Columns of a table of landmarks beside `file`: eyes, nose and corners of the mouth, in pixels of the file.
pub const POINTS: [&str; 10] = [
    "x_eye_l",
    "y_eye_l",
    "x_eye_r",
    "y_eye_r",
    "x_nose",
    "y_nose",
    "x_mouth_l",
    "y_mouth_l",
    "x_mouth_r",
    "y_mouth_r",
];

/// Reads `file` (or `id`) and [`POINTS`].
///
/// # Errors
/// The file is unreadable, a column is missing, or a number is wrong: with its line number.
pub fn read_landmarks(path: &Path) -> Result<Landmarks> {
    let columns: Vec<&[&str]> =
        [&["file", "id"][..]].into_iter().chain(POINTS.iter().map(std::slice::from_ref)).collect();
    let cells = read_cells(path, &columns)?;
    let mut landmarks = Landmarks::new();
    for row in cells.rows() {
        let mut points = [[0f32; 2]; 5];
        for (value, column) in points.as_flattened_mut().iter_mut().zip(&cells.needed[1..]) {
            let text = row.cell(*column);
            *value = text.parse().ok().filter(|value: &f32| value.is_finite()).with_context(|| {
                format!("{}, line {}: the coordinate {text:?} is not a number", path.display(), row.line)
            })?;
        }
        landmarks.insert(row.cell(cells.needed[0]).to_owned(), points);
    }
    Ok(landmarks)
}

/// Landmarks with an offset added to both coordinates, in pixels.
pub fn moved(mut landmarks: Landmarks, offset: f32) -> Landmarks {
    landmarks.values_mut().flatten().flatten().for_each(|coordinate| *coordinate += offset);
    landmarks
}

/// Reads a table with these columns, each by one of its names.
///
/// # Errors
/// The file is unreadable, or everything that is wrong with it: with line numbers.
pub fn read_cells(path: &Path, columns: &[&[&str]]) -> Result<Cells> {
    read_table(path, |bytes| Cells::parse(bytes, columns))
}

/// What `parse` reads of a file.
///
/// # Errors
/// The file is unreadable, or everything that is wrong with it, under its name.
pub fn read_table<T>(path: &Path, parse: impl FnOnce(&[u8]) -> Result<T, Problems>) -> Result<T> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&bytes).map_err(|problems| anyhow!("{} has problems:\n{problems}", path.display()))
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
        assert_eq!(rows[1], LabelledFile { id: "b.jpg".into(), age: 4.5 });
    }

    #[test]
    fn a_wrong_age_is_named_with_its_line() {
        let error = read_truth(file("id,age\na,30\nb,old\n").path()).unwrap_err();
        assert!(error.to_string().contains("line 3") && error.to_string().contains("old"), "{error}");
        assert!(read_truth(file("id,years\na,30\n").path()).unwrap_err().to_string().contains("`age`"));
        assert!(read_truth(file("id,age\n").path()).unwrap_err().to_string().contains("no rows"));
        assert!(read_truth(file("id,age\na,NaN\n").path()).is_err());
    }

    #[test]
    fn tables_come_as_spreadsheets_leave_them() {
        let expected = [LabelledFile { id: "a.jpg".into(), age: 30.0 }, LabelledFile { id: "b.jpg".into(), age: 4.5 }];
        for text in
            ["sep=;\r\nFile;Age\r\na.jpg;30\r\nb.jpg;4.5\r\n", "\u{feff}id\tage\t\na.jpg\t30\u{a0}\t\nb.jpg\t4.5\t\n"]
        {
            assert_eq!(read_truth(file(text).path()).unwrap(), expected, "{text}");
        }
        // Where there are both, `id` counts, as for the leaderboard.
        assert_eq!(read_truth(file("file,id,age\nx,a.jpg,30\ny,b.jpg,4.5\n").path()).unwrap(), expected);
        let comma = read_truth(file("id;age\na;4,5\n").path()).unwrap_err().to_string();
        assert!(comma.contains("line 2") && comma.contains("write the decimal comma as a point"), "{comma}");
        let utf16: Vec<u8> = "\u{feff}id\tage\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let named = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(named.path(), utf16).unwrap();
        let error = read_truth(named.path()).unwrap_err().to_string();
        assert!(error.contains("UTF-16 text: save it as UTF-8"), "{error}");
    }

    #[test]
    fn landmarks_are_read_by_their_names() {
        let names = "x_eye_l;y_eye_l;x_eye_r;y_eye_r;x_nose;y_nose;x_mouth_l;y_mouth_l;x_mouth_r;y_mouth_r";
        let landmarks =
            read_landmarks(file(&format!("sep=;\n{names};id\n1;2;3;4;5;6;7;8;9;10;a.jpg\n")).path()).unwrap();
        assert_eq!(landmarks["a.jpg"], [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0], [9.0, 10.0]]);
        let error = read_landmarks(file(&format!("{names};id\n1;2;x;4;5;6;7;8;9;10;a.jpg\n")).path()).unwrap_err();
        assert!(error.to_string().contains("line 2: the coordinate \"x\" is not a number"), "{error}");
        let error = read_landmarks(file("file,x_eye_l\na,1\n").path()).unwrap_err().to_string();
        assert!(error.contains("`file` or `id`") && error.contains("`y_mouth_r`"), "{error}");
    }
}
