//! The labels of `trainer detector`: boxes and scores by YuNet, points by a dense mesh of the face where it is sure.
//!
//! A point that is not known is NaN: it is not learnt and not measured, while its face's box and score are.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Result, ensure};
use glae_face::detector::decode::Face;

use super::labels::{LabelledPhoto, load, read_faces};
use glae_data::read_cells;

/// With fewer pixels between its eyes the mesh is sure of almost no face; there YuNet's points stay.
const LEAST_APART: f32 = 16.0;

/// How far the mesh's points lie below YuNet's in the mean: eyes, nose and corners of the mouth, in distances of the eyes.
const BELOW: [f32; 5] = [0.04, 0.04, 0.11, 0.03, 0.03];

/// Added to points that count from the middle of the first pixel, so that they count from its corner as boxes do.
const FROM_CORNER: f32 = 0.5;

/// Points of two tables that differ by no more are the same, in pixels: tables are rounded to hundredths.
const ROUNDED: f32 = 0.02;

/// Photographs of the set `natural` or `fairface` whose names are `wanted`, with all their faces.
///
/// # Errors
/// A table or a photograph cannot be read.
pub fn everyday(data: &Path, set: &str, wanted: impl Fn(&str) -> bool) -> Result<Vec<LabelledPhoto>> {
    let table = if set == "fairface" { "landmarks-fairface-all.csv" } else { "landmarks-natural.csv" };
    let path = data.join("teacher").join(table);
    let mut photos = read_faces(&path)?;
    let cells = read_cells(&path, &[&["points"]])?;
    let kinds = cells.rows().map(|row| row.cell(cells.needed[0]) == "mesh");
    for (face, by_mesh) in photos.iter_mut().flat_map(|(_, faces)| faces).zip(kinds) {
        if !by_mesh {
            face.points = in_place_of_mesh(face);
        }
    }
    photos.retain(|(file, _)| wanted(file));
    Ok(inside(load(&data.join(set).join("images"), photos)?))
}

/// The chips of UTKFace's training split whose names are `wanted`.
///
/// # Errors
/// A table or a chip cannot be read, or the tables speak of other chips.
pub fn chips(data: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<LabelledPhoto>> {
    let mut chips = read_faces(&data.join("utkface/landmarks-train.csv"))?;
    chips.retain(|(file, _)| wanted(file));
    let path = data.join("teacher/landmarks-utkface.csv");
    let by_name: HashMap<String, Vec<Face>> = read_faces(&path)?.into_iter().collect();
    for (file, faces) in &mut chips {
        let Some([mesh]) = by_name.get(file).map(Vec::as_slice) else {
            anyhow::bail!("{} has not one face for {file}", path.display());
        };
        ensure!(faces.len() == 1, "{file}: a chip has one face");
        // Where the mesh was not sure the table repeats YuNet's points.
        let repeated = faces[0].points.as_flattened().iter().zip(mesh.points.as_flattened());
        faces[0].points = match repeated.into_iter().all(|(a, b)| (a - b).abs() <= ROUNDED) {
            true => in_place_of_mesh(&faces[0]),
            false => mesh.points.map(|point| point.map(|value| value + FROM_CORNER)),
        };
    }
    Ok(inside(load(&data.join("utkface/images"), chips)?))
}

/// Points for a face of which the mesh is not sure: YuNet's, moved to where the mesh's would lie, if the face is small.
fn in_place_of_mesh(face: &Face) -> [[f32; 2]; 5] {
    let [left, right, ..] = face.points;
    let across = [right[0] - left[0], right[1] - left[1]];
    if across[0].hypot(across[1]) >= LEAST_APART {
        return [[f32::NAN; 2]; 5];
    }
    std::array::from_fn(|k| [face.points[k][0] - BELOW[k] * across[1], face.points[k][1] + BELOW[k] * across[0]])
}

/// Points outside of the photograph are guesses.
fn inside(mut photos: Vec<LabelledPhoto>) -> Vec<LabelledPhoto> {
    for LabelledPhoto { photo, faces, .. } in &mut photos {
        let size = [photo.width() as f32, photo.height() as f32];
        for point in faces.iter_mut().flat_map(|face| &mut face.points) {
            if !(0..2).all(|axis| (0.0..=size[axis]).contains(&point[axis])) {
                *point = [f32::NAN; 2];
            }
        }
    }
    photos
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::labels::COLUMNS;

    /// A data folder with photographs of 60 x 60 pixels.
    fn folder(tables: &[(&str, String)], images: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        tables.iter().for_each(|(name, text)| write(name, text));
        for image in images {
            write(image, "");
            image::RgbImage::new(60, 60).save(folder.path().join(image)).unwrap();
        }
        folder
    }

    /// Eyes `apart` pixels from each other, the left one at (10, 20), the nose at (`nose`, 30).
    fn row(file: &str, apart: f32, nose: f32) -> String {
        format!("{file},5,5,40,50,10,20,{},20,{nose},30,12,40,18,40,0.9", 10.0 + apart)
    }

    #[test]
    fn points_are_the_meshs_or_unknown_and_those_of_small_faces_yunets() {
        let header = format!("file,{},points", COLUMNS.join(","));
        let table = [
            format!("{header}\n{},mesh", row("a.png", 20.0, 20.0)),
            format!("{},yunet", row("a.png", 20.0, 20.0)),
            format!("{},yunet", row("b.png", 10.0, 15.0)),
            format!("{},mesh", row("b.png", 20.0, -2.0)),
            format!("{},mesh\n", row("kept.png", 20.0, 20.0)),
        ];
        let data = folder(
            &[("teacher/landmarks-natural.csv", table.join("\n"))],
            &["natural/images/a.png", "natural/images/b.png"],
        );
        let photos = everyday(data.path(), "natural", |file| file != "kept.png").unwrap();
        let [a, b] = &photos[..] else { panic!("{photos:?}") };
        assert_eq!(a.faces[0].points[1], [30.0, 20.0]);
        assert!(a.faces[1].points.as_flattened().iter().all(|value| value.is_nan()));
        // 10 pixels between the eyes: the nose 0.11 of that lower, an eye 0.04.
        assert_eq!((b.faces[0].points[0], b.faces[0].points[2]), ([10.0, 20.4], [15.0, 31.1]));
        assert!(b.faces[1].points[2][0].is_nan() && b.faces[1].points[0] == [10.0, 20.0], "{:?}", b.faces[1]);
    }

    #[test]
    fn chips_have_yunets_boxes_and_the_meshs_points() {
        let header = format!("file,{}", COLUMNS.join(","));
        let own = format!("{header}\n{}\n{}\n", row("a.png", 20.0, 20.0), row("b.png", 20.0, 20.0));
        let mesh = format!("{header}\n{}\n{}\n", row("a.png", 21.0, 20.0), row("b.png", 20.0, 20.0));
        let tables = [("utkface/landmarks-train.csv", own), ("teacher/landmarks-utkface.csv", mesh)];
        let data = folder(&tables, &["utkface/images/a.png", "utkface/images/b.png"]);
        let photos = chips(data.path(), |_| true).unwrap();
        assert_eq!(photos[0].faces[0].points[..2], [[10.5, 20.5], [31.5, 20.5]]);
        assert!(photos[1].faces[0].points[0][0].is_nan(), "it repeats what YuNet said");
        assert_eq!(photos[0].faces[0].width, 40.0);
    }
}
