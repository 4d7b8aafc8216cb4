//! Arithmetic of what is drawn on a photograph: boxes, points, thumbnails.

use glae_face::crop::Square;
use glae_face::detector::decode::Face;

use super::crop::Size;

/// Room that a face's number takes, in shares of the picture's width: 24 of 360 pixels, and less on wider screens.
const NUMBER: [f32; 2] = [0.065, 0.06];

/// Where a face's number stands beside its box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// On the box, from its left edge.
    Above,
    /// Under the box, from its left edge.
    Below,
    /// To the left, from its top edge.
    Before,
    /// To the right, from its top edge.
    After,
}

impl Side {
    /// In the order in which they are preferred.
    const ALL: [Self; 4] = [Self::Above, Self::Below, Self::After, Self::Before];

    /// Name of the style.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Above => "above",
            Self::Below => "below",
            Self::Before => "before",
            Self::After => "after",
        }
    }

    /// Left, top, width and height of the number there, in pixels of the picture.
    fn room(self, face: &Face, picture: Size) -> [f32; 4] {
        let [width, height] = NUMBER.map(|share| share * picture.width);
        let [x, y] = match self {
            Self::Above => [face.x, face.y - height],
            Self::Below => [face.x, face.y + face.height],
            Self::Before => [face.x - width, face.y],
            Self::After => [face.x + face.width, face.y],
        };
        [x, y, width, height]
    }
}

/// Where each face's number stands, so that it lies over no face and inside the picture; of several places the first, and
/// of none the one that covers least.
pub fn beside(faces: &[Face], picture: Size) -> Vec<Side> {
    let shared = |from: f32, length: f32, other: f32, other_length: f32| {
        ((from + length).min(other + other_length) - from.max(other)).max(0.0)
    };
    let hidden = |[x, y, width, height]: [f32; 4]| {
        let over = |face: &Face| shared(x, width, face.x, face.width) * shared(y, height, face.y, face.height);
        let inside = shared(x, width, 0.0, picture.width) * shared(y, height, 0.0, picture.height);
        faces.iter().map(over).sum::<f32>() + width * height - inside
    };
    let side = |face: &Face| {
        let covers = |side: &Side| hidden(side.room(face, picture));
        let least = Side::ALL.iter().map(covers).fold(f32::MAX, f32::min);
        Side::ALL.into_iter().find(|side| covers(side) <= least).unwrap_or(Side::Above)
    };
    faces.iter().map(side).collect()
}

/// Side of a thumbnail in widths of the face's box.
const FRAME: f32 = 1.5;

/// Left, top, width and height of a face's box as percentages of the picture, for CSS; the part inside the picture.
pub fn percentages(face: &Face, picture: Size) -> [f32; 4] {
    let left = face.x.clamp(0.0, picture.width);
    let top = face.y.clamp(0.0, picture.height);
    let right = (face.x + face.width).clamp(0.0, picture.width);
    let bottom = (face.y + face.height).clamp(0.0, picture.height);
    [
        100.0 * left / picture.width,
        100.0 * top / picture.height,
        100.0 * (right - left) / picture.width,
        100.0 * (bottom - top) / picture.height,
    ]
}

/// The five points as they stand in `data-points`: `x,y x,y x,y x,y x,y`, in pixels.
pub fn points(face: &Face) -> String {
    face.points.map(|[x, y]| format!("{x:.1},{y:.1}")).join(" ")
}

/// The upright square in which a face's points lie as in the template as well as an upright square can do it, kept inside
/// the picture.
pub fn square_like(face: &Face, template: &[[f32; 2]; 5], picture: Size) -> Square {
    let mean = |points: &[[f32; 2]; 5], axis: usize| points.iter().map(|point| point[axis]).sum::<f32>() / 5.0;
    let spread = |points: &[[f32; 2]; 5]| {
        let (x, y) = (mean(points, 0), mean(points, 1));
        points.iter().map(|point| (point[0] - x).hypot(point[1] - y)).sum::<f32>()
    };
    let side = spread(&face.points) / spread(template).max(1e-3);
    let corner = [0, 1].map(|axis| mean(&face.points, axis) - side * mean(template, axis));
    inside(Square { x: corner[0], y: corner[1], side }, picture)
}

/// The square, made small enough for the picture and shifted into it.
fn inside(square: Square, picture: Size) -> Square {
    let side = square.side.clamp(1.0, picture.width.min(picture.height));
    let (x, y) = (square.x + (square.side - side) / 2.0, square.y + (square.side - side) / 2.0);
    Square { x: x.clamp(0.0, picture.width - side), y: y.clamp(0.0, picture.height - side), side }
}

/// Width and height of the whole picture, and its shift to the left and upwards, so that a window of `window` x `window`
/// pixels shows the square around the face.
pub fn thumbnail(face: &Face, picture: Size, window: f32) -> [f32; 4] {
    let side = FRAME * face.width.max(0.8 * face.height);
    let (x, y) = (face.x + (face.width - side) / 2.0, face.y + (face.height - side) / 2.0);
    let square = inside(Square { x, y, side }, picture);
    let scale = window / square.side;
    [picture.width * scale, picture.height * scale, square.x * scale, square.y * scale]
}

#[cfg(test)]
mod tests {
    use super::*;

    const PICTURE: Size = Size { width: 200.0, height: 100.0 };

    fn face(x: f32, y: f32) -> Face {
        let points = [[1.0, 2.0], [3.25, 2.0], [2.0, 3.0], [1.0, 4.0], [3.0, 4.0]];
        Face { x, y, width: 20.0, height: 20.0, points, score: 0.9 }
    }

    #[test]
    fn boxes_end_at_the_border() {
        assert_eq!(percentages(&face(90.0, 40.0), PICTURE), [45.0, 40.0, 10.0, 20.0]);
        assert_eq!(percentages(&face(-10.0, 90.0), PICTURE), [0.0, 90.0, 5.0, 10.0]);
    }

    #[test]
    fn points_are_pairs() {
        assert_eq!(points(&face(0.0, 0.0)), "1.0,2.0 3.2,2.0 2.0,3.0 1.0,4.0 3.0,4.0");
    }

    #[test]
    fn a_square_lays_the_points_onto_the_template() {
        let template = [[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]];
        let placed = Face { points: template.map(|[x, y]| [50.0 + 40.0 * x, 20.0 + 40.0 * y]), ..face(0.0, 0.0) };
        let square = square_like(&placed, &template, PICTURE);
        for (found, right) in [(square.x, 50.0), (square.y, 20.0), (square.side, 40.0)] {
            assert!((found - right).abs() < 1e-3, "{square:?}");
        }
        let large = Face { points: placed.points.map(|[x, y]| [9.0 * x, 9.0 * y]), ..placed };
        assert_eq!(square_like(&large, &template, PICTURE).side, 100.0);
    }

    #[test]
    fn a_number_lies_over_no_face() {
        // 200 pixels wide: a number takes 13 x 12. The second stands under the first, the third at the top border, the fourth
        // in the top right corner under nothing.
        let faces = [face(90.0, 40.0), face(95.0, 62.0), face(20.0, 0.0), face(180.0, 5.0)];
        assert_eq!(beside(&faces, PICTURE), [Side::Above, Side::Below, Side::Below, Side::Below]);
        let corner = [face(0.0, 0.0), face(0.0, 21.0)];
        assert_eq!(beside(&corner, PICTURE), [Side::After, Side::Below]);
    }

    #[test]
    fn a_thumbnail_shows_the_square() {
        assert_eq!(thumbnail(&face(90.0, 40.0), PICTURE, 60.0), [400.0, 200.0, 170.0, 70.0]);
    }
}
