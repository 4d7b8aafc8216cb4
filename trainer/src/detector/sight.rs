//! A training image of the second look: one face cut out as `glae_face` cuts it out, as inexactly as a first look finds it.

use glae_face::RgbImage;
use glae_face::detector::decode::Face;
use glae_face::detector::second::{SIDE, cut_out};
use glae_face::similarity::Similarity;
use rand::Rng;

use super::decoys::Decoy;
use super::drawn::Drawing;
use super::labels::LabelledPhoto;
use super::scene::{Scene, Stock, about, between, seen};

impl Stock {
    /// Draws a face, or what is none, cut out for a second look.
    pub(super) fn sight(&self, random: &mut impl Rng) -> Scene {
        let kind = random.random_range(0.0..1.0);
        if kind < 0.3 && !self.chips.is_empty() {
            self.chip(&self.chips[random.random_range(0..self.chips.len())], random)
        } else if kind < 0.57 || self.backgrounds.is_empty() {
            let (photo, face) = self.face(random);
            cut(&photo.photo, &photo.faces, &found(&face, random), random)
        } else if kind < 0.6 {
            let mut scene = self.nothing(random);
            let drawing = Drawing::new(random);
            let transform = found(&drawing.face, random);
            drawing.paint(&mut scene.image, &transform);
            scene.faces = seen(&RgbImage::new(1, 1), &[drawing.face], &transform, 1, SIDE as u32).faces;
            scene
        } else {
            self.nothing(random)
        }
    }

    /// A face of a photograph: of two drawn by chance the narrower one, because large frontal faces are many and easy.
    fn face(&self, random: &mut impl Rng) -> (&LabelledPhoto, Face) {
        let mut draw = || {
            let labelled = &self.photos[random.random_range(0..self.photos.len())];
            (labelled, labelled.faces[random.random_range(0..labelled.faces.len())])
        };
        let (one, other) = (draw(), draw());
        if one.1.width <= other.1.width { one } else { other }
    }

    /// A chip's face. Chips end close to the face: beyond their edge mostly lies something else.
    fn chip(&self, chip: &LabelledPhoto, random: &mut impl Rng) -> Scene {
        let transform = found(&chip.faces[0], random);
        let mut scene = cut(&chip.photo, &chip.faces, &transform, random);
        if self.backgrounds.is_empty() || random.random_bool(0.3) {
            return scene;
        }
        let Some(back) = transform.inverse() else { return scene };
        let around = self.nothing(random).image;
        let [width, height] = [chip.photo.width() as f32, chip.photo.height() as f32];
        let soft = random.random_range(0.02..0.1) * width;
        for ((x, y, pixel), other) in scene.image.enumerate_pixels_mut().zip(around.pixels()) {
            let [u, v] = back.apply([x as f32 + 0.5, y as f32 + 0.5]);
            let own = (u.min(v).min(width - u).min(height - v) / soft).clamp(0.0, 1.0);
            for (value, other) in pixel.0.iter_mut().zip(other.0) {
                *value = (f32::from(*value) * own + f32::from(other) * (1.0 - own)).round() as u8;
            }
        }
        scene
    }

    /// A part of a photograph without faces: four times in five one that the first look took for a face.
    fn nothing(&self, random: &mut impl Rng) -> Scene {
        let (background, face) = if !self.decoys.is_empty() && random.random_bool(0.8) {
            let Decoy { background, face } = self.decoy(random);
            (background, face)
        } else {
            let background = random.random_range(0..self.backgrounds.len());
            let photo = &self.backgrounds[background].photo;
            let [w, h] = [photo.width() as f32, photo.height() as f32];
            let width = w.min(h) * random.random_range(0.08..0.9);
            let (x, y) = (random.random_range(0.0..1.0) * w, random.random_range(0.0..1.0) * h);
            let face = Face {
                x: x - width / 2.0,
                y: y - width / 2.0,
                width,
                height: width,
                points: [[0.0; 2]; 5],
                score: 0.0,
            };
            (background, face)
        };
        cut(&self.backgrounds[background].photo, &[], &found(&face, random), random)
    }

    /// Of two decoys drawn by chance the one that looks more like a face.
    fn decoy(&self, random: &mut impl Rng) -> Decoy {
        let mut draw = || self.decoys[random.random_range(0..self.decoys.len())];
        let (one, other) = (draw(), draw());
        if one.face.score >= other.face.score { one } else { other }
    }
}

/// The cut around a face, off by about as much as first looks are.
fn found(face: &Face, random: &mut impl Rng) -> Similarity {
    let size = face.width.max(face.height);
    let mut off = |most: f32| random.random_range(-most..most);
    let middle = face.middle().map(|value| value + off(0.12) * size);
    let (larger, lean) = (off(0.22).exp(), off(1.0));
    let turned = lean * if off(1.0) > 0.7 { 0.5 } else { 0.2 };
    // Without points, and where they coincide, as it stands in the photograph.
    let upright = cut_out(face).map_or(0.0, |exact| exact.b.atan2(exact.a));
    let angle = if upright.is_finite() { upright } else { 0.0 };
    about(middle, [SIDE as f32 / 2.0; 2], glae_face::detector::second::FACE / size.max(1.0) * larger, angle + turned)
}

/// What the photograph shows there; two of five as coarse as small faces are, down to eight pixels.
fn cut(photo: &RgbImage, faces: &[Face], transform: &Similarity, random: &mut impl Rng) -> Scene {
    let coarse = if random.random_bool(0.4) { between(14.0, 96.0, random) as u32 } else { SIDE as u32 };
    seen(photo, faces, transform, coarse, SIDE as u32)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// A face of 100 x 120 pixels, upside down.
    fn face() -> Face {
        let points = [[135.0, 120.0], [95.0, 120.0], [115.0, 95.0], [130.0, 75.0], [100.0, 75.0]];
        Face { x: 65.0, y: 40.0, width: 100.0, height: 120.0, points, score: 1.0 }
    }

    #[test]
    fn a_face_is_cut_out_upright_and_about_as_large_as_a_second_look_sees_it() {
        let photo = RgbImage::new(230, 200);
        for seed in 0..100 {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let transform = found(&face(), &mut random);
            let scene = cut(&photo, &[face()], &transform, &mut random);
            assert_eq!(scene.image.dimensions(), (SIDE as u32, SIDE as u32));
            let [seen] = &scene.faces[..] else { panic!("{seed}: {:?}", scene.faces) };
            let size = transform.scale() * 120.0;
            assert!((57.0..91.0).contains(&size), "{seed}: {size} pixels long");
            let [left, right, ..] = seen.points;
            let lean = (right[1] - left[1]).atan2(right[0] - left[0]).abs();
            assert!(lean < 0.51, "{seed}: {lean} radians");
            assert!(
                seen.middle().iter().all(|place| (place - 64.0).abs() < 0.13 * 91.0),
                "{seed}: {:?}",
                seen.middle()
            );
        }
    }

    #[test]
    fn what_the_first_look_took_for_a_face_is_none() {
        let labelled = |faces| LabelledPhoto { file: "a".into(), photo: RgbImage::new(230, 200), faces };
        let stock = Stock {
            photos: vec![labelled(vec![face()])],
            backgrounds: vec![labelled(Vec::new())],
            chips: Vec::new(),
            decoys: vec![Decoy { background: 0, face: face() }],
        };
        let scenes: Vec<Scene> = (0..200).map(|seed| stock.sight(&mut ChaCha8Rng::seed_from_u64(seed))).collect();
        let without = scenes.iter().filter(|scene| scene.faces.is_empty()).count();
        // Two fifths show nothing, and without chips all else a face.
        assert!((55..105).contains(&without), "{without} of 200");
    }
}
