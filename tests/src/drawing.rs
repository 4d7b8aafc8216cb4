//! Faces drawn in code, because no photograph of anybody may lie in the repository. They are of the kind that the detector
//! has learned to see (`trainer/src/detector/drawn.rs`), with proportions of their own.

use glae_face::RgbImage;
use image::Rgb;

/// How somebody looks. Lengths are in units of half the face's height, the middle of the skin is (0, 0), and y grows
/// downwards; colours are RGB, 0 to 255. Nobody is symmetric, so that a picture differs from its mirror image.
#[derive(Clone, Copy, Debug)]
pub struct Sitter {
    skin: [f32; 3],
    hair: [f32; 3],
    pupils: [f32; 3],
    lips: [f32; 3],
    half_width: f32,
    /// Middle of the hair.
    parting: f32,
    /// How far each eye stands from the middle, and its height.
    eyes: [f32; 2],
    /// Radii of an eye.
    eye: [f32; 2],
    /// How far the pupils stand beside the middle of the eyes.
    glance: f32,
    nose: [f32; 2],
    /// Radii of the nose.
    nostrils: [f32; 2],
    mouth: [f32; 2],
    /// Radii of the mouth.
    smile: [f32; 2],
}

/// Four people who are hard to mistake for each other.
pub const SITTERS: [Sitter; 4] = [
    Sitter {
        skin: [214.0, 170.0, 141.0],
        hair: [92.0, 72.0, 58.0],
        pupils: [52.0, 42.0, 40.0],
        lips: [168.0, 84.0, 84.0],
        half_width: 0.78,
        parting: -0.04,
        eyes: [0.33, -0.14],
        eye: [0.15, 0.085],
        glance: 0.02,
        nose: [0.02, 0.17],
        nostrils: [0.085, 0.16],
        mouth: [-0.02, 0.52],
        smile: [0.27, 0.07],
    },
    Sitter {
        skin: [143.0, 115.0, 96.0],
        hair: [62.0, 48.0, 40.0],
        pupils: [32.0, 30.0, 34.0],
        lips: [150.0, 70.0, 74.0],
        half_width: 0.86,
        parting: 0.05,
        eyes: [0.35, -0.20],
        eye: [0.17, 0.075],
        glance: -0.02,
        nose: [-0.02, 0.14],
        nostrils: [0.105, 0.18],
        mouth: [0.02, 0.48],
        smile: [0.32, 0.09],
    },
    Sitter {
        skin: [230.0, 187.0, 158.0],
        hair: [208.0, 168.0, 136.0],
        pupils: [58.0, 68.0, 78.0],
        lips: [194.0, 104.0, 102.0],
        half_width: 0.70,
        parting: 0.03,
        eyes: [0.31, -0.08],
        eye: [0.13, 0.10],
        glance: 0.025,
        nose: [0.015, 0.22],
        nostrils: [0.07, 0.13],
        mouth: [-0.015, 0.56],
        smile: [0.22, 0.05],
    },
    Sitter {
        skin: [182.0, 142.0, 118.0],
        hair: [150.0, 126.0, 106.0],
        pupils: [40.0, 36.0, 30.0],
        lips: [140.0, 66.0, 62.0],
        half_width: 0.82,
        parting: -0.03,
        eyes: [0.32, -0.16],
        eye: [0.12, 0.07],
        glance: -0.015,
        nose: [-0.025, 0.19],
        nostrils: [0.10, 0.19],
        mouth: [0.025, 0.54],
        smile: [0.24, 0.055],
    },
];

/// Later ones lie on top.
#[derive(Clone, Copy)]
struct Ellipse {
    centre: [f32; 2],
    radii: [f32; 2],
    colour: [f32; 3],
}

impl Sitter {
    fn shapes(&self) -> [Ellipse; 10] {
        let ellipse = |centre, radii, colour| Ellipse { centre, radii, colour };
        let [eye_x, eye_y] = self.eyes;
        let (white, dark) = ([240.0; 3], self.hair.map(|value| value * 0.7));
        let iris = [0.42 * self.eye[0], 0.85 * self.eye[1]];
        let brow = [1.25 * self.eye[0], 0.035];
        [
            ellipse([self.parting, -0.4], [self.half_width + 0.14, 1.05], self.hair),
            ellipse([0.0, 0.0], [self.half_width, 1.0], self.skin),
            ellipse([-eye_x, eye_y], self.eye, white),
            ellipse([eye_x, eye_y], self.eye, white),
            ellipse([-eye_x + self.glance, eye_y], iris, self.pupils),
            ellipse([eye_x + self.glance, eye_y], iris, self.pupils),
            ellipse([-eye_x, eye_y - 0.19], brow, dark),
            ellipse([eye_x, eye_y - 0.17], brow, dark),
            ellipse(self.nose, self.nostrils, self.skin.map(|value| value * 0.86)),
            ellipse(self.mouth, self.smile, self.lips),
        ]
    }
}

/// Where somebody is in a picture.
#[derive(Clone, Copy, Debug)]
pub struct FacePlace {
    /// Who.
    pub sitter: &'static Sitter,
    /// Middle of the skin, in pixels.
    pub middle: [f32; 2],
    /// Half the face's height, in pixels.
    pub half: f32,
    /// Clockwise, in radians.
    pub tilt: f32,
}

impl FacePlace {
    /// Paints the face. Edges are soft over about two pixels, so that resampling has no hard ones to disagree about.
    pub fn paint(&self, picture: &mut RgbImage) {
        let shapes = self.sitter.shapes();
        for (column, row, pixel) in picture.enumerate_pixels_mut() {
            let [u, v] = self.own([column as f32 + 0.5, row as f32 + 0.5]);
            // Farther out there is not even hair.
            if u.abs() > 1.2 || v.abs() > 1.6 {
                continue;
            }
            let mut colour = pixel.0.map(f32::from);
            for Ellipse { centre, radii, colour: own } in &shapes {
                let distance = ((u - centre[0]) / radii[0]).hypot((v - centre[1]) / radii[1]);
                let cover = ((1.0 - distance) * radii[0].min(radii[1]) * self.half * 0.5 + 0.5).clamp(0.0, 1.0);
                colour.iter_mut().zip(own).for_each(|(under, over)| *under += cover * (over - *under));
            }
            *pixel = Rgb(colour.map(|value| value.round().clamp(0.0, 255.0) as u8));
        }
    }

    /// Left, top, width and height of the box that a detector shall give, in pixels: from above the brows to the chin.
    pub fn frame(&self) -> [f32; 4] {
        let (half_width, top) = (0.94 * self.sitter.half_width, self.sitter.eyes[1] - 0.62);
        let [x, y] = self.middle;
        [x - half_width * self.half, y + top * self.half, 2.0 * half_width * self.half, (0.98 - top) * self.half]
    }

    /// How much of this face's box and another one, given by left, top, width and height, is common to both: intersection
    /// over union.
    pub fn overlap(&self, other: [f32; 4]) -> f32 {
        let own = self.frame();
        let shared = |axis: usize| {
            let end = (own[axis] + own[axis + 2]).min(other[axis] + other[axis + 2]);
            (end - own[axis].max(other[axis])).max(0.0)
        };
        let both = shared(0) * shared(1);
        both / (own[2] * own[3] + other[2] * other[3] - both)
    }

    /// A pixel in the face's own units.
    fn own(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let (sin, cos) = self.tilt.sin_cos();
        let (dx, dy) = ((x - self.middle[0]) / self.half, (y - self.middle[1]) / self.half);
        [cos * dx + sin * dy, cos * dy - sin * dx]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tilted_face_is_painted_where_it_says() {
        let place = FacePlace { sitter: &SITTERS[0], middle: [100.0, 120.0], half: 60.0, tilt: 0.5 };
        let mut picture = RgbImage::from_pixel(200, 240, Rgb([0, 255, 0]));
        place.paint(&mut picture);
        // The mouth is 0.52 units below the middle; turned clockwise by 0.5 it goes to the left.
        let (x, y) = (100.0 - 0.5f32.sin() * 0.52 * 60.0, 120.0 + 0.5f32.cos() * 0.52 * 60.0);
        assert_eq!(picture.get_pixel(x as u32, y as u32).0, [168, 84, 84]);
        assert_eq!(picture.get_pixel(2, 2).0, [0, 255, 0]);
    }

    #[test]
    fn a_box_overlaps_itself_wholly_and_its_neighbour_in_part() {
        let place = FacePlace { sitter: &SITTERS[1], middle: [100.0, 120.0], half: 60.0, tilt: 0.0 };
        let [x, y, width, height] = place.frame();
        assert!((place.overlap([x, y, width, height]) - 1.0).abs() < 1e-5);
        assert!((place.overlap([x + width / 2.0, y, width, height]) - 1.0 / 3.0).abs() < 1e-5);
        assert_eq!(place.overlap([x + 2.0 * width, y, width, height]), 0.0);
    }
}
