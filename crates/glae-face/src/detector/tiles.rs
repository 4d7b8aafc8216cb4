//! Overlapping tiles of a large photograph, for faces that are too small where it is looked at as a whole.

use image::RgbImage;
use image::imageops::crop_imm;

use super::decode::Face;

/// Pixels that neighbouring tiles have in common at least: a face up to this size is whole in one of them.
const SHARED: u32 = 96;

/// Two boxes are of one face where they have this share of the smaller one in common.
const ONE_FACE: f32 = 0.5;

/// A part of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    left: u32,
    top: u32,
    side: u32,
    /// Width and height of the picture.
    whole: [u32; 2],
}

impl Tile {
    /// Tiles of at most `side` x `side` pixels that cover a picture of `width` x `height` pixels, row by row.
    pub fn all([width, height]: [u32; 2], side: u32) -> Vec<Self> {
        let rows = starts(height, side);
        let columns = starts(width, side);
        let tile = |top: u32| columns.iter().map(move |&left| Self { left, top, side, whole: [width, height] });
        rows.into_iter().flat_map(tile).collect()
    }

    /// Its pixels.
    pub(super) fn of(&self, picture: &RgbImage) -> RgbImage {
        crop_imm(picture, self.left, self.top, self.side, self.side).to_image()
    }

    /// A face of the tile in pixels of the picture. `None` where a border inside the picture may cut it: a neighbour has it
    /// whole.
    pub(super) fn whole(&self, face: Face) -> Option<Face> {
        let Self { left, top, side, whole: [width, height] } = *self;
        let end = side as f32 - 1.0;
        let cut = (left > 0 && face.x < 1.0)
            || (top > 0 && face.y < 1.0)
            || (left + side < width && face.x + face.width > end)
            || (top + side < height && face.y + face.height > end);
        let (x, y) = (left as f32, top as f32);
        let points = face.points.map(|point| [point[0] + x, point[1] + y]);
        (!cut).then_some(Face { x: face.x + x, y: face.y + y, points, ..face })
    }
}

/// Where tiles begin along a side: evenly, as few as have at least [`SHARED`] pixels in common with their neighbours.
fn starts(length: u32, side: u32) -> Vec<u32> {
    let Some(rest) = length.checked_sub(side).filter(|rest| *rest > 0) else { return vec![0] };
    // Small tiles share half.
    let count = rest.div_ceil((side - SHARED.min(side / 2)).max(1));
    (0..=count).map(|index| (u64::from(rest) * u64::from(index) / u64::from(count)) as u32).collect()
}

/// Of several answers to one face the surest, from there down.
pub fn one_each(mut faces: Vec<Face>) -> Vec<Face> {
    faces.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Face> = Vec::new();
    for face in faces {
        if kept.iter().all(|other| shared(&face, other) < ONE_FACE) {
            kept.push(face);
        }
    }
    kept
}

/// What two boxes have in common, in shares of the smaller one.
fn shared(a: &Face, b: &Face) -> f32 {
    let length = |from: f32, length: f32, other: f32, other_length: f32| {
        ((from + length).min(other + other_length) - from.max(other)).max(0.0)
    };
    let both = length(a.x, a.width, b.x, b.width) * length(a.y, a.height, b.y, b.height);
    both / (a.width * a.height).min(b.width * b.height).max(f32::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(x: f32, y: f32, side: f32, score: f32) -> Face {
        Face { x, y, width: side, height: side, points: [[x, y]; 5], score }
    }

    #[test]
    fn tiles_cover_the_picture_and_share_their_borders() {
        assert_eq!(starts(300, 320), [0]);
        assert_eq!(starts(320, 320), [0]);
        // 480 - 320 = 160 is one step of at most 224; 1280 - 320 = 960 takes five of 192.
        assert_eq!(starts(480, 320), [0, 160]);
        assert_eq!(starts(1280, 320), [0, 192, 384, 576, 768, 960]);
        let tiles = Tile::all([640, 480], 320);
        assert_eq!(tiles.len(), 3 * 2);
        assert_eq!((tiles[5].left, tiles[5].top), (320, 160));
        assert_eq!(tiles[0].of(&RgbImage::new(640, 480)).dimensions(), (320, 320));
    }

    #[test]
    fn a_face_on_an_inner_border_is_the_neighbours() {
        let [first, second] = [0, 1].map(|index| Tile::all([640, 320], 320)[index]);
        assert_eq!(first.whole(face(-5.0, 100.0, 40.0, 0.9)), Some(face(-5.0, 100.0, 40.0, 0.9)));
        assert_eq!(first.whole(face(285.0, 100.0, 40.0, 0.9)), None);
        let moved = second.whole(face(125.0, 100.0, 40.0, 0.9)).unwrap();
        assert_eq!((moved.x, moved.y, moved.points[0]), (285.0, 100.0, [285.0, 100.0]));
    }

    #[test]
    fn a_face_found_twice_is_one() {
        // The second lies within the first; the third touches it.
        let found = vec![face(0.0, 0.0, 40.0, 0.8), face(5.0, 5.0, 20.0, 0.9), face(38.0, 0.0, 40.0, 0.7)];
        assert_eq!(one_each(found.clone()), [found[1], found[2]]);
    }
}
