//! Drawn faces: a small seeded long-tailed set that needs no download. What changes with age is what changes in people,
//! simplified: the share of the head the face fills, the eyes' height and size, wrinkles, the colour of hair.

use std::path::Path;

use anyhow::{Context, Result};
use glae_face::RgbImage;
use image::Rgb;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Side of a drawn face in pixels.
pub const SIDE: u32 = 64;

/// Draws a set into `folder/images` and writes `train.csv`, `val.csv` and `test.csv` beside it. Ages are long-tailed:
/// most images show 20 to 40 years; val and test hold every fifth image each.
///
/// # Errors
/// The folder cannot be written.
pub fn write_set(folder: &Path, images: usize, seed: u64) -> Result<()> {
    let pictures = folder.join("images");
    std::fs::create_dir_all(&pictures).with_context(|| format!("cannot create {}", pictures.display()))?;
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    let mut splits = [("train", String::new()), ("val", String::new()), ("test", String::new())];
    for index in 0..images {
        let age = long_tailed_age(&mut generator);
        let name = format!("{index:05}.png");
        let path = pictures.join(&name);
        draw(age, &mut generator).save(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let split = match index % 5 {
            0 => 1,
            1 => 2,
            _ => 0,
        };
        splits[split].1.push_str(&format!("{name},{age}\n"));
    }
    for (name, rows) in splits {
        let path = folder.join(format!("{name}.csv"));
        std::fs::write(&path, format!("file,age\n{rows}"))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Two thirds around 30 years, the rest anywhere from 1 to 90.
fn long_tailed_age(generator: &mut impl Rng) -> u32 {
    if generator.random_bool(0.67) {
        // The mean of three uniform numbers is bell-shaped.
        let sum: f32 = (0..3).map(|_| generator.random_range(15.0..45.0f32)).sum();
        (sum / 3.0).round() as u32
    } else {
        generator.random_range(1..=90)
    }
}

/// Draws one face of an age in years, RGB8, [`SIDE`] x [`SIDE`].
pub fn draw(age: u32, generator: &mut impl Rng) -> RgbImage {
    let grown = (age as f32 / 20.0).min(1.0);
    let old = ((age as f32 - 30.0) / 60.0).clamp(0.0, 1.0);
    let mut vary = |middle: f32, spread: f32| middle + generator.random_range(-spread..=spread);
    let background = [vary(130.0, 90.0), vary(130.0, 90.0), vary(130.0, 90.0)];
    let tone = vary(0.75, 0.25);
    let skin = [235.0 * tone, 190.0 * tone, 160.0 * tone];
    let dark_hair = [vary(70.0, 40.0), vary(50.0, 25.0), vary(30.0, 20.0)];
    let hair = std::array::from_fn(|c| dark_hair[c] + (215.0 - dark_hair[c]) * old);
    let (cx, cy) = (vary(32.0, 2.0), vary(34.0, 2.0));
    let (width, height) = (21.0 - 3.0 * grown, 21.0 + 5.0 * grown);
    let eye_y = cy + 4.0 - 7.0 * grown;
    let eye_size = 3.6 - 1.2 * grown;
    let eye_gap = 9.0 - 0.5 * grown;
    let hairline = cy - height * (0.45 + 0.3 * old);
    let wrinkles = 70.0 * old;
    let noise_seed: u32 = generator.random();
    RgbImage::from_fn(SIDE, SIDE, |px, py| {
        let (x, y) = (px as f32 + 0.5, py as f32 + 0.5);
        let inside = |ex: f32, ey: f32, rx: f32, ry: f32| ((x - ex) / rx).powi(2) + ((y - ey) / ry).powi(2) <= 1.0;
        let mut colour = background;
        if inside(cx, cy - 4.0, width + 4.0, height + 2.0) && y < cy + 4.0 {
            colour = hair;
        }
        if inside(cx, cy, width, height) && y > hairline {
            colour = skin;
            // Lines across the forehead and beside the mouth deepen with age.
            let forehead = y < eye_y - 4.0 && (y * 1.6).sin() > 0.4;
            let folds = y > cy + 4.0 && ((x - cx).abs() - 8.0 - (y - cy) * 0.15).abs() < 0.9;
            if forehead || folds {
                colour = colour.map(|v| v - wrinkles);
            }
        }
        for side in [-1.0, 1.0] {
            if inside(cx + side * eye_gap, eye_y, eye_size * 1.2, eye_size * 0.8) {
                colour = [245.0; 3];
            }
            if inside(cx + side * eye_gap, eye_y, eye_size * 0.5, eye_size * 0.6) {
                colour = [40.0, 30.0, 25.0];
            }
        }
        if inside(cx, cy + height * 0.55, 6.0, 1.6) {
            colour = [skin[0] * 0.8, skin[1] * 0.5, skin[2] * 0.5];
        }
        if inside(cx, cy + 3.0 + 2.0 * grown, 2.0, 1.2 + 2.0 * grown) {
            colour = skin.map(|v| v * 0.88);
        }
        let grain = (noise_seed ^ (px * 7_919 + py * 104_729)).wrapping_mul(0x9E37_79B9) >> 28;
        Rgb(colour.map(|v| (v + grain as f32 - 8.0).clamp(0.0, 255.0) as u8))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_is_seeded_and_long_tailed() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        for folder in &folders {
            write_set(folder.path(), 200, 9).unwrap();
        }
        let read = |folder: &tempfile::TempDir, name| std::fs::read(folder.path().join(name)).unwrap();
        for name in ["train.csv", "images/00007.png"] {
            assert_eq!(read(&folders[0], name), read(&folders[1], name));
        }
        let train = crate::read_truth(&folders[0].path().join("train.csv")).unwrap();
        let common = train.iter().filter(|row| (20.0..=40.0).contains(&row.age)).count();
        assert_eq!(train.len(), 120);
        assert!(common * 2 > train.len(), "{common}");
    }

    #[test]
    fn age_shows() {
        let draw = |age| super::draw(age, &mut ChaCha8Rng::seed_from_u64(3));
        let difference =
            |a: RgbImage, b: RgbImage| a.as_raw().iter().zip(b.as_raw()).filter(|(a, b)| a.abs_diff(**b) > 20).count();
        assert!(difference(draw(3), draw(80)) > 1000);
        assert_eq!(difference(draw(40), draw(40)), 0);
    }
}
