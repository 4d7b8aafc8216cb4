//! Arithmetic of the crop square: dragging, resizing, keys. All lengths are pixels of the upright photograph.

use glae_face::crop::Square;

/// Width and height of the upright photograph, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// Left to right.
    pub width: f32,
    /// Top to bottom.
    pub height: f32,
}

impl Size {
    fn shorter(self) -> f32 {
        self.width.min(self.height)
    }

    /// The smallest square that can be chosen: a twentieth of the shorter side, at least 24 pixels (less shows no face),
    /// and never more than the photograph has.
    fn least_side(self) -> f32 {
        (self.shorter() / 20.0).max(24.0).min(self.shorter())
    }
}

/// What of the square the pointer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grip {
    /// Its inside: the square moves.
    Inside,
    /// A corner: the opposite corner stays, the square grows or shrinks. `right` and `bottom` say which corner.
    Corner {
        /// A corner of the right side.
        right: bool,
        /// A corner of the bottom side.
        bottom: bool,
    },
}

/// The four corners, clockwise from the top left.
pub const CORNERS: [Grip; 4] = [
    Grip::Corner { right: false, bottom: false },
    Grip::Corner { right: true, bottom: false },
    Grip::Corner { right: true, bottom: true },
    Grip::Corner { right: false, bottom: true },
];

/// The square after its grip was dragged by (`dx`, `dy`) from where it was when the pointer went down.
pub fn dragged(from: Square, grip: Grip, dx: f32, dy: f32, photo: Size) -> Square {
    match grip {
        Grip::Inside => inside(Square { x: from.x + dx, y: from.y + dy, ..from }, photo),
        Grip::Corner { right, bottom } => {
            let (reach_x, anchor_x, room_x) = axis(from.x, from.side, dx, right, photo.width);
            let (reach_y, anchor_y, room_y) = axis(from.y, from.side, dy, bottom, photo.height);
            let most = room_x.min(room_y);
            let side = reach_x.max(reach_y).clamp(photo.least_side().min(most), most);
            Square {
                x: if right { anchor_x } else { anchor_x - side },
                y: if bottom { anchor_y } else { anchor_y - side },
                side,
            }
        }
    }
}

/// Along one axis: how far the dragged edge now is from the edge that stays, where that one is, and how far the photograph
/// reaches from it.
fn axis(start: f32, side: f32, delta: f32, far: bool, length: f32) -> (f32, f32, f32) {
    if far { (side + delta, start, length - start) } else { (side - delta, start + side, start + side) }
}

/// The square grown about its middle by `factor`, kept inside the photograph.
pub fn scaled(square: Square, factor: f32, photo: Size) -> Square {
    let side = (square.side * factor).clamp(photo.least_side(), photo.shorter());
    let shift = (square.side - side) / 2.0;
    inside(Square { x: square.x + shift, y: square.y + shift, side }, photo)
}

/// What a key does to the square: arrows move it by a fiftieth of the photograph (a tenth with `large`), plus and minus
/// resize it by a twentieth (a fifth). `None` for every other key.
pub fn after_key(square: Square, key: &str, large: bool, photo: Size) -> Option<Square> {
    let step = photo.shorter() * if large { 0.1 } else { 0.02 };
    let growth = if large { 1.2 } else { 1.05 };
    Some(match key {
        "ArrowLeft" => dragged(square, Grip::Inside, -step, 0.0, photo),
        "ArrowRight" => dragged(square, Grip::Inside, step, 0.0, photo),
        "ArrowUp" => dragged(square, Grip::Inside, 0.0, -step, photo),
        "ArrowDown" => dragged(square, Grip::Inside, 0.0, step, photo),
        // Without Shift, the plus key of many keyboards says "=", and with it the minus key says "_".
        "+" | "=" => scaled(square, growth, photo),
        "-" | "_" => scaled(square, 1.0 / growth, photo),
        _ => return None,
    })
}

fn inside(square: Square, photo: Size) -> Square {
    Square {
        x: square.x.clamp(0.0, (photo.width - square.side).max(0.0)),
        y: square.y.clamp(0.0, (photo.height - square.side).max(0.0)),
        side: square.side,
    }
}

/// Left, top, width and height of the square as percentages of the photograph, for CSS.
pub fn percentages(square: Square, photo: Size) -> [f32; 4] {
    [
        100.0 * square.x / photo.width,
        100.0 * square.y / photo.height,
        100.0 * square.side / photo.width,
        100.0 * square.side / photo.height,
    ]
}

/// Where the square is, for those who hear the page.
pub fn spoken(square: Square, photo: Size) -> String {
    format!(
        "{:.0} pixels wide, {:.0} from the left and {:.0} from the top of a photo of {:.0} by {:.0}",
        square.side, square.x, square.y, photo.width, photo.height
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHOTO: Size = Size { width: 400.0, height: 300.0 };
    const SQUARE: Square = Square { x: 100.0, y: 50.0, side: 200.0 };
    const TOP_LEFT: Grip = CORNERS[0];
    const BOTTOM_RIGHT: Grip = CORNERS[2];

    #[test]
    fn moving_stops_at_the_border() {
        assert_eq!(dragged(SQUARE, Grip::Inside, 30.0, -20.0, PHOTO), Square { x: 130.0, y: 30.0, side: 200.0 });
        assert_eq!(dragged(SQUARE, Grip::Inside, 999.0, 999.0, PHOTO), Square { x: 200.0, y: 100.0, side: 200.0 });
        assert_eq!(dragged(SQUARE, Grip::Inside, -999.0, -999.0, PHOTO), Square { x: 0.0, y: 0.0, side: 200.0 });
    }

    #[test]
    fn a_corner_drag_keeps_the_opposite_corner() {
        assert_eq!(dragged(SQUARE, BOTTOM_RIGHT, 40.0, 10.0, PHOTO), Square { x: 100.0, y: 50.0, side: 240.0 });
        assert_eq!(dragged(SQUARE, TOP_LEFT, 50.0, 60.0, PHOTO), Square { x: 150.0, y: 100.0, side: 150.0 });
        // From the anchor (100, 50) the photograph reaches 300 to the right and 250 down.
        assert_eq!(dragged(SQUARE, BOTTOM_RIGHT, 900.0, 900.0, PHOTO), Square { x: 100.0, y: 50.0, side: 250.0 });
    }

    #[test]
    fn a_square_does_not_turn_inside_out() {
        let least = dragged(SQUARE, BOTTOM_RIGHT, -900.0, -900.0, PHOTO);
        assert_eq!(least, Square { x: 100.0, y: 50.0, side: 24.0 });
        let tiny = Size { width: 16.0, height: 12.0 };
        assert_eq!(scaled(Square { x: 2.0, y: 0.0, side: 12.0 }, 0.1, tiny).side, 12.0);
    }

    #[test]
    fn scaling_keeps_the_middle_where_it_can() {
        assert_eq!(scaled(SQUARE, 0.5, PHOTO), Square { x: 150.0, y: 100.0, side: 100.0 });
        assert_eq!(scaled(SQUARE, 9.0, PHOTO), Square { x: 50.0, y: 0.0, side: 300.0 });
    }

    #[test]
    fn keys_move_and_resize() {
        assert_eq!(after_key(SQUARE, "ArrowRight", false, PHOTO).unwrap().x, 106.0);
        assert_eq!(after_key(SQUARE, "ArrowUp", true, PHOTO).unwrap().y, 20.0);
        assert!((after_key(SQUARE, "=", false, PHOTO).unwrap().side - 210.0).abs() < 1e-3);
        assert!(after_key(SQUARE, "-", false, PHOTO).unwrap().side < 200.0);
        assert_eq!(after_key(SQUARE, "Tab", false, PHOTO), None);
    }

    #[test]
    fn css_gets_percentages_of_each_side() {
        assert_eq!(percentages(SQUARE, PHOTO), [25.0, 50.0 / 3.0, 50.0, 200.0 / 3.0]);
    }
}
