//! Photographs that lie on their side or stand on their head: turned by quarters, and faces turned back.

use image::RgbImage;
use image::imageops::{rotate90, rotate180, rotate270};
use serde::{Deserialize, Serialize};

use super::decode::Face;

/// By how much a photograph is turned clockwise before it is searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Turn {
    /// Not at all.
    #[default]
    None,
    /// By 90 degrees.
    Quarter,
    /// By 180 degrees.
    Half,
    /// By 270 degrees.
    ThreeQuarters,
}

impl Turn {
    /// All but none.
    pub const OTHERS: [Self; 3] = [Self::Quarter, Self::Half, Self::ThreeQuarters];

    /// Number of quarters, 0 to 3.
    pub fn quarters(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Quarter => 1,
            Self::Half => 2,
            Self::ThreeQuarters => 3,
        }
    }

    /// The picture, turned.
    pub fn of(self, picture: RgbImage) -> RgbImage {
        match self {
            Self::None => picture,
            Self::Quarter => rotate90(&picture),
            Self::Half => rotate180(&picture),
            Self::ThreeQuarters => rotate270(&picture),
        }
    }

    /// A face of the turned picture, in pixels of the picture itself, which is `width` x `height`. Its points keep their order:
    /// of a face on its side the first two lie above each other.
    pub fn back(self, face: Face, [width, height]: [f32; 2]) -> Face {
        // One quarter back: (x, y) becomes (y, h - x), where h is the height of the picture before that quarter.
        let quarter = |face: Face, height: f32| Face {
            x: face.y,
            y: height - face.x - face.width,
            width: face.height,
            height: face.width,
            points: face.points.map(|[x, y]| [y, height - x]),
            score: face.score,
        };
        (1..=self.quarters()).rev().fold(face, |face, done| quarter(face, if done % 2 == 1 { height } else { width }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_face_turned_back_lies_on_its_pixels() {
        // One bright pixel for each point of a face in 7 x 5 pixels.
        let points = [[1.5, 1.5], [4.5, 0.5], [3.5, 2.5], [2.5, 4.5], [5.5, 3.5]];
        let mut picture = RgbImage::new(7, 5);
        for (value, [x, y]) in (1..).zip(points) {
            picture.put_pixel(x as u32, y as u32, image::Rgb([value * 40; 3]));
        }
        for turn in [Turn::None, Turn::Quarter, Turn::Half, Turn::ThreeQuarters] {
            let turned = turn.of(picture.clone());
            let find = |value: u8| {
                let (x, y, _) = turned.enumerate_pixels().find(|(.., pixel)| pixel.0[0] == value * 40).unwrap();
                [x as f32 + 0.5, y as f32 + 0.5]
            };
            let [left, top] = [0, 1].map(|axis| (1..=5).map(|value| find(value)[axis]).fold(f32::MAX, f32::min));
            let [right, bottom] = [0, 1].map(|axis| (1..=5).map(|value| find(value)[axis]).fold(0.0, f32::max));
            let points_there = [1, 2, 3, 4, 5].map(find);
            let face =
                Face { x: left, y: top, width: right - left, height: bottom - top, points: points_there, score: 0.5 };
            let back = turn.back(face, [7.0, 5.0]);
            assert_eq!(back.points, points, "{turn:?}");
            assert_eq!([back.x, back.y, back.width, back.height], [1.5, 0.5, 4.0, 4.0], "{turn:?}");
        }
    }
}
