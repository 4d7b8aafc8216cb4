//! A training image: part of a photograph or a background with chips blended in, changed at random.

use std::io::Cursor;

use glae_face::RgbImage;
use glae_face::detector::decode::Face;
use glae_face::similarity::Similarity;
use image::codecs::jpeg::{JpegDecoder, JpegEncoder};
use image::imageops::{FilterType, blur, flip_horizontal_in_place, resize};
use image::{DynamicImage, Rgb};
use rand::Rng;

use super::decoys::Decoy;
use super::drawn::Drawing;
use super::labels::LabelledPhoto;

/// Faces narrower than this in the scene are not asked for: the finest priors are 8 pixels apart.
const LEAST_WIDTH: f32 = 7.0;

/// Photographs are not blown up by more than this.
const MOST_GROWTH: f32 = 2.5;

/// Which look learns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum WhichLook {
    /// At whole photographs.
    #[default]
    First,
    /// At one face that was cut out.
    Second,
}

/// What scenes are made of.
#[derive(Debug)]
pub struct Stock {
    /// Photographs with all their faces.
    pub photos: Vec<LabelledPhoto>,
    /// Photographs without a face.
    pub backgrounds: Vec<LabelledPhoto>,
    /// Close-ups with one face each, to be blended into backgrounds.
    pub chips: Vec<LabelledPhoto>,
    /// What a first look wrongly takes for faces: a second look learns to tell.
    pub decoys: Vec<Decoy>,
}

/// A training image and its faces.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Square.
    pub image: RgbImage,
    /// In its pixels.
    pub faces: Vec<Face>,
}

impl Stock {
    /// Draws a scene for `look` of `side` x `side` pixels.
    pub fn scene(&self, look: WhichLook, side: u32, random: &mut impl Rng) -> Scene {
        let mut scene = match look {
            WhichLook::First => self.wide(side, random),
            WhichLook::Second => self.sight(random),
        };
        if random.random_bool(0.5) {
            mirror(&mut scene);
        }
        occlude(&mut scene, random);
        scene.image = weather(scene.image, random);
        scene
    }

    fn wide(&self, side: u32, random: &mut impl Rng) -> Scene {
        let kind = random.random_range(0.0..1.0);
        if kind < 0.45 || self.backgrounds.is_empty() {
            let labelled = &self.photos[random.random_range(0..self.photos.len())];
            cut(&labelled.photo, &labelled.faces, side, random)
        } else if kind < 0.7 && !self.chips.is_empty() {
            close_up(&self.chips[random.random_range(0..self.chips.len())], side, random)
        } else {
            let background = &self.backgrounds[random.random_range(0..self.backgrounds.len())];
            let mut scene = cut(&background.photo, &[], side, random);
            if kind < 0.85 && !self.chips.is_empty() {
                for _ in 0..random.random_range(1..=4) {
                    self.blend(&mut scene, random);
                }
            } else if kind < 0.89 {
                for _ in 0..random.random_range(1..=3) {
                    draw(&mut scene, random);
                }
            }
            scene
        }
    }

    /// Lays a chip onto the scene: an ellipse around the face whose edge fades out, its colours moved towards those of
    /// the place it covers. Where it would cover another face nothing happens.
    fn blend(&self, scene: &mut Scene, random: &mut impl Rng) {
        let chip = &self.chips[random.random_range(0..self.chips.len())];
        let Some(face) = chip.faces.first() else { return };
        let side = scene.image.width() as f32;
        let Some((transform, laid)) = lay(scene, face, random) else { return };
        let place = laid.middle();
        let reach = reach(&laid);
        let from = place.map(|p| (p - reach).clamp(0.0, side) as u32);
        let to = place.map(|p| (p + reach).clamp(0.0, side) as u32);
        let Some(patch) = transform.warp_part(&chip.photo, from, [to[0] - from[0], to[1] - from[1]]) else { return };
        let Some(back) = transform.inverse() else { return };
        // Half axes in chip pixels: the face and some hair, inside the chip.
        let (rx, ry) = (face.width * 0.68, face.height * 0.68);
        let [cx, cy] = face.middle();
        let weight = |x: u32, y: u32| {
            let [u, v] = back.apply([(from[0] + x) as f32 + 0.5, (from[1] + y) as f32 + 0.5]);
            let (w, h) = (chip.photo.width() as f32, chip.photo.height() as f32);
            let border = u.min(v).min(w - u).min(h - v) / (0.12 * w);
            let ellipse = (1.0 - ((u - cx) / rx).hypot((v - cy) / ry)) / 0.3;
            border.min(ellipse).clamp(0.0, 1.0)
        };
        let (mut total, mut own, mut under) = (0f32, [0f32; 3], [0f32; 3]);
        for (x, y, pixel) in patch.enumerate_pixels() {
            let w = weight(x, y);
            total += w;
            for c in 0..3 {
                own[c] += w * f32::from(pixel.0[c]);
                under[c] += w * f32::from(scene.image.get_pixel(from[0] + x, from[1] + y).0[c]);
            }
        }
        let match_by = random.random_range(0.0..0.5) / total.max(1.0);
        for (x, y, over) in patch.enumerate_pixels() {
            let w = weight(x, y);
            let pixel = scene.image.get_pixel_mut(from[0] + x, from[1] + y);
            for c in 0..3 {
                let value = f32::from(over.0[c]) + (under[c] - own[c]) * match_by;
                pixel.0[c] = (value * w + f32::from(pixel.0[c]) * (1.0 - w)).round().clamp(0.0, 255.0) as u8;
            }
        }
        scene.faces.push(laid);
    }
}

/// Paints a drawn face onto the scene, unless it would cover another face.
fn draw(scene: &mut Scene, random: &mut impl Rng) {
    let drawing = Drawing::new(random);
    if let Some((transform, laid)) = lay(scene, &drawing.face, random) {
        drawing.paint(&mut scene.image, &transform);
        scene.faces.push(laid);
    }
}

/// Where a further face goes: its transform into the scene, and the face there. `None` where it would cover another one.
fn lay(scene: &Scene, face: &Face, random: &mut impl Rng) -> Option<(Similarity, Face)> {
    let side = scene.image.width() as f32;
    let width = between(16.0, side * 0.45, random);
    let angle: f32 = random.random_range(-0.35..0.35);
    let place = [random.random_range(0.1..0.9) * side, random.random_range(0.1..0.9) * side];
    let transform = about(face.middle(), place, width / face.width, angle);
    let laid = moved(face, &transform);
    let near = |other: &Face| (other.middle()[0] - place[0]).hypot(other.middle()[1] - place[1]) < reach(&laid);
    (!scene.faces.iter().any(near)).then_some((transform, laid))
}

/// How far around its middle a face laid onto a scene may change pixels.
fn reach(face: &Face) -> f32 {
    1.25 * face.width.max(face.height)
}

/// A part of a photograph: often around one face whose width is drawn evenly over the scales, otherwise any part.
fn cut(photo: &RgbImage, faces: &[Face], side: u32, random: &mut impl Rng) -> Scene {
    let target = side as f32;
    let longer = photo.width().max(photo.height()) as f32;
    let (anchor, scale) = if !faces.is_empty() && random.random_bool(0.65) {
        let face = &faces[random.random_range(0..faces.len())];
        let scale = between(14.0, target * 0.75, random) / face.width.max(1.0);
        (face.middle(), scale.clamp(0.5 * target / longer, MOST_GROWTH))
    } else {
        let centre = [photo.width() as f32 / 2.0, photo.height() as f32 / 2.0];
        (centre, target / longer * random.random_range(0.8..1.6))
    };
    let place = [0.5; 2].map(|middle: f32| (middle + random.random_range(-0.3..0.3)) * target);
    seen(photo, faces, &about(anchor, place, scale, tilt(random)), side, side)
}

/// A chip that fills the scene: photographs with many small faces teach little about points, and chips are many.
fn close_up(chip: &LabelledPhoto, side: u32, random: &mut impl Rng) -> Scene {
    let (width, height) = (chip.photo.width() as f32, chip.photo.height() as f32);
    let target = side as f32;
    let place = [0.5; 2].map(|middle: f32| (middle + random.random_range(-0.1..0.1)) * target);
    let scale = target / width.min(height) * random.random_range(1.0..1.4);
    seen(&chip.photo, &chip.faces, &about([width / 2.0, height / 2.0], place, scale, tilt(random)), side, side)
}

/// Half of the scenes are turned a little.
fn tilt(random: &mut impl Rng) -> f32 {
    if random.random_bool(0.5) { random.random_range(-0.35..0.35) } else { 0.0 }
}

/// What a photograph shows under a transform, and its faces there, those too small or outside left out. The photograph is
/// drawn with `drawn` pixels a side and enlarged from there where that is less than `side`.
pub(super) fn seen(photo: &RgbImage, faces: &[Face], transform: &Similarity, drawn: u32, side: u32) -> Scene {
    let target = side as f32;
    let share = drawn as f32 / target;
    let Similarity { a, b, tx, ty } = *transform;
    let shrunk = Similarity { a: a * share, b: b * share, tx: tx * share, ty: ty * share };
    let mut image = shrunk.warp(photo, drawn).unwrap_or_else(|| RgbImage::new(drawn, drawn));
    if drawn != side {
        image = resize(&image, side, side, FilterType::Triangle);
    }
    let mut faces: Vec<Face> = faces.iter().map(|face| moved(face, transform)).collect();
    faces.retain(|face| {
        let [x, y] = face.middle();
        (0.0..target).contains(&x) && (0.0..target).contains(&y) && face.width >= LEAST_WIDTH
    });
    Scene { image, faces }
}

/// Evenly over the orders of magnitude.
pub(super) fn between(least: f32, most: f32, random: &mut impl Rng) -> f32 {
    random.random_range(least.ln()..most.max(least + 1.0).ln()).exp()
}

/// Turns and scales about `anchor` and carries that point to `place`.
pub(super) fn about(anchor: [f32; 2], place: [f32; 2], scale: f32, angle: f32) -> Similarity {
    let (a, b) = (scale * angle.cos(), scale * angle.sin());
    let [x, y] = anchor;
    Similarity { a, b, tx: place[0] - a * x + b * y, ty: place[1] - b * x - a * y }
}

/// The face after a transform; its box stays upright, with the same middle and the scaled sides.
fn moved(face: &Face, transform: &Similarity) -> Face {
    let [x, y] = transform.apply(face.middle());
    let (width, height) = (face.width * transform.scale(), face.height * transform.scale());
    let points = face.points.map(|point| transform.apply(point));
    Face { x: x - width / 2.0, y: y - height / 2.0, width, height, points, score: face.score }
}

fn mirror(scene: &mut Scene) {
    flip_horizontal_in_place(&mut scene.image);
    let side = scene.image.width() as f32;
    scene.faces.iter_mut().for_each(|face| *face = face.mirrored(side));
}

/// Now and then covers part of a face with a plain rectangle.
fn occlude(scene: &mut Scene, random: &mut impl Rng) {
    let side = scene.image.width() as f32;
    for face in &scene.faces {
        if !random.random_bool(0.1) {
            continue;
        }
        let (w, h) = (face.width * random.random_range(0.2..0.5), face.height * random.random_range(0.2..0.4));
        let (x, y) =
            (face.x + random.random_range(0.0..1.0) * face.width, face.y + random.random_range(0.0..1.0) * face.height);
        let colour = Rgb([0; 3].map(|_: u8| random.random_range(0..=255)));
        let at = |value: f32| value.clamp(0.0, side) as u32;
        for (row, column) in
            (at(y - h / 2.0)..at(y + h / 2.0)).flat_map(|r| (at(x - w / 2.0)..at(x + w / 2.0)).map(move |c| (r, c)))
        {
            scene.image.put_pixel(column, row, colour);
        }
    }
}

/// Light, colour, blur, noise, JPEG.
fn weather(mut image: RgbImage, random: &mut impl Rng) -> RgbImage {
    let dark = random.random_bool(0.1);
    let gain = if dark { random.random_range(0.15..0.5) } else { random.random_range(0.7..1.35) };
    let lift = random.random_range(-20.0..20.0) * if dark { 0.2 } else { 1.0 };
    let saturation = if random.random_bool(0.12) { 0.0 } else { random.random_range(0.6..1.4) };
    let tint = [0; 3].map(|_: u8| random.random_range(0.92f32..1.08));
    let noise = if random.random_bool(0.2) { random.random_range(2.0..16.0) } else { 0.0 };
    for pixel in image.pixels_mut() {
        let [r, g, b] = pixel.0.map(f32::from);
        let grey = 0.299 * r + 0.587 * g + 0.114 * b;
        for (value, tint) in pixel.0.iter_mut().zip(tint) {
            let grain = if noise > 0.0 { random.random_range(-noise..noise) } else { 0.0 };
            let coloured = (grey + (f32::from(*value) - grey) * saturation) * tint;
            *value = (coloured * gain + lift + grain).round().clamp(0.0, 255.0) as u8;
        }
    }
    if random.random_bool(0.12) {
        image = blur(&image, random.random_range(0.5..1.8));
    }
    if random.random_bool(0.2) {
        image = pressed(image, random.random_range(25..80));
    }
    image
}

/// Through JPEG and back.
fn pressed(image: RgbImage, quality: u8) -> RgbImage {
    let mut bytes = Vec::new();
    let written = JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(&image);
    let read = written.and_then(|()| JpegDecoder::new(Cursor::new(bytes))).and_then(DynamicImage::from_decoder);
    read.map_or(image, DynamicImage::into_rgb8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn face() -> Face {
        let points = [[40.0, 40.0], [60.0, 40.0], [50.0, 50.0], [42.0, 60.0], [58.0, 60.0]];
        Face { x: 30.0, y: 25.0, width: 40.0, height: 50.0, points, score: 0.9 }
    }

    fn labelled(colour: u8, faces: Vec<Face>) -> LabelledPhoto {
        LabelledPhoto { file: "a".into(), photo: RgbImage::from_pixel(100, 100, Rgb([colour; 3])), faces }
    }

    #[test]
    fn mirroring_twice_changes_nothing_and_once_swaps_sides() {
        let mut scene = Scene { image: RgbImage::new(100, 100), faces: vec![face()] };
        mirror(&mut scene);
        let points = scene.faces[0].points;
        assert!(points[0][0] < points[1][0] && points[3][0] < points[4][0]);
        assert_eq!(points[0], [40.0, 40.0]);
        mirror(&mut scene);
        assert_eq!(scene.faces[0], face());
    }

    #[test]
    fn faces_move_with_the_pixels() {
        // A white face on black; where the label says the face is, the scene is bright.
        let mut photo = RgbImage::new(100, 100);
        for (x, y) in (30..70).flat_map(|x| (25..75).map(move |y| (x, y))) {
            photo.put_pixel(x, y, Rgb([255; 3]));
        }
        let mut random = ChaCha8Rng::seed_from_u64(4);
        for _ in 0..20 {
            let scene = cut(&photo, &[face()], 96, &mut random);
            for [x, y] in scene.faces.iter().flat_map(|face| face.points) {
                if (1.0..95.0).contains(&x) && (1.0..95.0).contains(&y) {
                    assert!(scene.image.get_pixel(x as u32, y as u32).0[0] > 200, "{x} {y}");
                }
            }
        }
    }

    #[test]
    fn blended_chips_have_no_frame_and_do_not_cover_each_other() {
        let stock = Stock {
            photos: vec![labelled(90, vec![face()])],
            backgrounds: vec![labelled(0, Vec::new())],
            chips: vec![labelled(200, vec![face()])],
            decoys: Vec::new(),
        };
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut scene = Scene { image: RgbImage::new(128, 128), faces: Vec::new() };
        (0..8).for_each(|_| stock.blend(&mut scene, &mut random));
        assert!(!scene.faces.is_empty());
        let step = |a: &Rgb<u8>, b: &Rgb<u8>| a.0[0].abs_diff(b.0[0]);
        let edge = (1..128).flat_map(|x| (0..128).map(move |y| (x, y)));
        let largest = edge.map(|(x, y)| step(scene.image.get_pixel(x - 1, y), scene.image.get_pixel(x, y))).max();
        assert!(largest.unwrap() < 160, "a step of {largest:?} is a frame");
        for (i, a) in scene.faces.iter().enumerate() {
            assert!(scene.faces[i + 1..].iter().all(|b| a.overlap(b) < 0.2));
        }
    }

    #[test]
    fn the_same_seed_draws_the_same_scene() {
        let stock = Stock {
            photos: vec![labelled(90, vec![face()])],
            backgrounds: Vec::new(),
            chips: Vec::new(),
            decoys: Vec::new(),
        };
        let draw = |seed| stock.scene(WhichLook::First, 64, &mut ChaCha8Rng::seed_from_u64(seed));
        assert_eq!((draw(3).image, draw(3).faces), (draw(3).image, draw(3).faces));
        assert_ne!(draw(3).image, draw(4).image);
    }
}
