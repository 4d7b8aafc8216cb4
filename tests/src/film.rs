//! A film for the browser's fake camera: somebody walks to and fro, leaves, comes back.

use std::f32::consts::TAU;

use glae_face::RgbImage;

use crate::drawing::{FacePlace, SITTERS};
use crate::picture::painted;

/// Width of a picture in pixels.
pub const WIDTH: u32 = 320;

/// Height of a picture in pixels.
pub const HEIGHT: u32 = 240;

/// Pictures per second.
pub const PER_SECOND: u32 = 10;

/// Pictures in all; the camera shows them over and over.
pub const PICTURES: u32 = 60;

/// In the first so many pictures somebody is there.
pub const SEEN: u32 = 45;

/// Where the way begins and ends, as middles of the face.
const ENDS: [[f32; 2]; 2] = [[85.0, 105.0], [235.0, 135.0]];

/// Where somebody is in a picture, if anybody is.
pub fn place(picture: u32) -> Option<FacePlace> {
    (picture < SEEN).then(|| at(0.5 - 0.5 * (TAU * picture as f32 / SEEN as f32).cos()))
}

/// Somebody on the way, at a share of its length.
fn at(share: f32) -> FacePlace {
    let [from, to] = ENDS;
    let middle = [0, 1].map(|axis| from[axis] + share * (to[axis] - from[axis]));
    FacePlace { sitter: &SITTERS[0], middle, half: 46.0, tilt: 0.0 }
}

/// Where on the way a box (left, top, width, height) is, as the share of the way's length nearest to the box's middle; and
/// how far in pixels that middle is off the way.
pub fn on_the_way(found: [f32; 4]) -> (f32, f32) {
    let middle = |[x, y, width, height]: [f32; 4]| [x + width / 2.0, y + height / 2.0];
    let [from, to, found] = [at(0.0).frame(), at(1.0).frame(), found].map(middle);
    let (along, seen) = ([to[0] - from[0], to[1] - from[1]], [found[0] - from[0], found[1] - from[1]]);
    let share = (along[0] * seen[0] + along[1] * seen[1]) / (along[0] * along[0] + along[1] * along[1]);
    let share = share.clamp(0.0, 1.0);
    (share, (seen[0] - share * along[0]).hypot(seen[1] - share * along[1]))
}

/// Width of the box that a detector shall give on the way, in pixels.
pub fn width() -> f32 {
    at(0.0).frame()[2]
}

/// One picture, RGB8.
pub fn picture(index: u32) -> RgbImage {
    painted(WIDTH, HEIGHT, place(index).as_slice())
}

/// The film as a YUV4MPEG2 file: 4:2:0, BT.601 in its narrow range, as cameras send it.
pub fn y4m() -> Vec<u8> {
    let mut film = format!("YUV4MPEG2 W{WIDTH} H{HEIGHT} F{PER_SECOND}:1 Ip A1:1 C420jpeg\n").into_bytes();
    for index in 0..PICTURES {
        film.extend(b"FRAME\n");
        let picture = picture(index);
        film.extend(picture.pixels().map(|pixel| sample(pixel.0.map(f32::from), 16.0, [0.257, 0.504, 0.098])));
        for weights in [[-0.148, -0.291, 0.439], [0.439, -0.368, -0.071]] {
            for (x, y) in (0..HEIGHT / 2).flat_map(|y| (0..WIDTH / 2).map(move |x| (2 * x, 2 * y))) {
                let four = [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)];
                let four = four.map(|(x, y)| picture.get_pixel(x, y).0.map(f32::from));
                let mean = [0, 1, 2].map(|channel| four.iter().map(|colour| colour[channel]).sum::<f32>() / 4.0);
                film.push(sample(mean, 128.0, weights));
            }
        }
    }
    film
}

fn sample(colour: [f32; 3], zero: f32, weights: [f32; 3]) -> u8 {
    let sum: f32 = colour.iter().zip(weights).map(|(value, weight)| value * weight).sum();
    (zero + sum).round().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_face_walks_the_whole_way_and_leaves() {
        let shares: Vec<_> = (0..PICTURES).filter_map(place).map(|place| on_the_way(place.frame())).collect();
        assert_eq!(shares.len(), SEEN as usize);
        assert!(shares.iter().all(|(_, aside)| *aside < 1e-3));
        let largest = shares.iter().map(|(share, _)| *share).fold(0.0, f32::max);
        assert!(shares[0].0 < 1e-5 && largest > 0.99 && shares[SEEN as usize - 1].0 < 0.01);
        let [x, y, width, height] = at(0.5).frame();
        let (share, aside) = on_the_way([x, y + 10.0, width, height]);
        // Ten pixels down on a way that falls by one in five: most of it is off the way, the rest along it.
        assert!((aside - 9.806).abs() < 1e-2 && (share - 0.5 - 1.961 / 152.97).abs() < 1e-3, "{share} {aside}");
    }

    #[test]
    fn black_and_white_are_at_the_ends_of_the_narrow_range() {
        assert_eq!([0.0, 255.0].map(|value| sample([value; 3], 16.0, [0.257, 0.504, 0.098])), [16, 235]);
        assert_eq!(sample([200.0; 3], 128.0, [-0.148, -0.291, 0.439]), 128);
    }

    #[test]
    fn the_file_has_every_picture() {
        let film = y4m();
        let header = film.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        assert_eq!(film.len() - header, PICTURES as usize * (6 + (WIDTH * HEIGHT * 3 / 2) as usize));
        assert!(film[header..].starts_with(b"FRAME\n"));
    }
}
