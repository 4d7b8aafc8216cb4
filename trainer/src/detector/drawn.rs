//! Drawn faces for scenes: people also give the page drawings, and tests may only use faces that nobody owns.

use glae_face::detector::decode::Face;
use glae_face::similarity::Similarity;
use image::{Rgb, RgbImage};
use rand::Rng;

/// A drawing in its own units: the middle of the skin is (0, 0), half its height is 1, y grows downwards.
#[derive(Clone, Debug)]
pub struct Drawing {
    /// Later ones lie on top.
    shapes: Vec<Ellipse>,
    /// Where a detector shall see it.
    pub face: Face,
}

#[derive(Clone, Copy, Debug)]
struct Ellipse {
    centre: [f32; 2],
    radii: [f32; 2],
    colour: [f32; 3],
}

impl Drawing {
    /// Draws proportions and colours.
    pub fn new(random: &mut impl Rng) -> Self {
        let mut vary = |middle: f32, spread: f32| middle + random.random_range(-spread..=spread);
        let tone = vary(0.72, 0.28);
        let skin = [230.0 * tone + vary(0.0, 12.0), 185.0 * tone + vary(0.0, 12.0), 155.0 * tone + vary(0.0, 14.0)];
        let light = vary(0.45, 0.45);
        let hair = [60.0 + 170.0 * light, 45.0 + 150.0 * light, 38.0 + 120.0 * light];
        let pupil = [vary(45.0, 30.0), vary(45.0, 30.0), vary(50.0, 35.0)];
        let lips = [vary(165.0, 40.0), vary(85.0, 30.0), vary(85.0, 30.0)];
        let half_width = vary(0.78, 0.12);
        let (eye_x, eye_y) = (half_width * vary(0.42, 0.06), vary(-0.14, 0.1));
        let eye = [vary(0.15, 0.05), vary(0.085, 0.035)];
        let brow = [eye[0] * vary(1.25, 0.25), vary(0.035, 0.02)];
        let brow_y = eye_y - vary(0.18, 0.05);
        let (nose_x, nose_y) = (vary(0.0, 0.03), eye_y + vary(0.31, 0.06));
        let nose = [vary(0.085, 0.03), vary(0.16, 0.05)];
        let (mouth_x, mouth_y) = (vary(0.0, 0.03), eye_y + vary(0.66, 0.08));
        let mouth = [vary(0.27, 0.08), vary(0.07, 0.035)];
        let shade = vary(0.86, 0.06);
        let ellipse = |centre, radii, colour| Ellipse { centre, radii, colour };
        let mut shapes = vec![
            ellipse([vary(0.0, 0.06), -0.35 - vary(0.05, 0.1)], [half_width + 0.14, vary(1.05, 0.12)], hair),
            ellipse([0.0, 0.0], [half_width, 1.0], skin),
        ];
        for side in [-1.0, 1.0] {
            let at = |y| [side * eye_x, y];
            shapes.push(ellipse(at(eye_y), eye, [vary(240.0, 15.0); 3]));
            let iris = [eye[0] * vary(0.42, 0.1), eye[1] * vary(0.85, 0.15)];
            shapes.push(ellipse([side * eye_x + vary(0.0, 0.03), eye_y], iris, pupil));
            shapes.push(ellipse(at(brow_y), brow, hair.map(|c| c * 0.7)));
        }
        shapes.push(ellipse([nose_x, nose_y], nose, skin.map(|c| c * shade)));
        shapes.push(ellipse([mouth_x, mouth_y], mouth, lips));
        let (top, bottom) = (eye_y - 0.62, 0.98);
        let corner = 0.92 * mouth[0];
        let face = Face {
            x: -0.94 * half_width,
            y: top,
            width: 1.88 * half_width,
            height: bottom - top,
            points: [
                [-eye_x, eye_y],
                [eye_x, eye_y],
                [nose_x, nose_y + 0.6 * nose[1]],
                [mouth_x - corner, mouth_y],
                [mouth_x + corner, mouth_y],
            ],
            score: 1.0,
        };
        Self { shapes, face }
    }

    /// Paints it through a transform from its own units to pixels. Edges are soft over about two pixels.
    pub fn paint(&self, image: &mut RgbImage, transform: &Similarity) {
        let Some(back) = transform.inverse() else { return };
        let scale = transform.scale();
        let [x, y] = transform.apply([0.0, -0.2]);
        let reach = 1.8 * scale;
        let span = |middle: f32, length: u32| {
            ((middle - reach).clamp(0.0, length as f32) as u32)..((middle + reach).clamp(0.0, length as f32) as u32)
        };
        for row in span(y, image.height()) {
            for column in span(x, image.width()) {
                let [u, v] = back.apply([column as f32 + 0.5, row as f32 + 0.5]);
                let pixel = image.get_pixel_mut(column, row);
                let mut colour = pixel.0.map(f32::from);
                for Ellipse { centre, radii, colour: own } in &self.shapes {
                    let distance = ((u - centre[0]) / radii[0]).hypot((v - centre[1]) / radii[1]);
                    let cover = ((1.0 - distance) * radii[0].min(radii[1]) * scale * 0.5 + 0.5).clamp(0.0, 1.0);
                    colour.iter_mut().zip(own).for_each(|(under, over)| *under += cover * (over - *under));
                }
                *pixel = Rgb(colour.map(|c| c.round().clamp(0.0, 255.0) as u8));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn points_lie_on_what_they_name() {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        for _ in 0..20 {
            let drawing = Drawing::new(&mut random);
            let mut image = RgbImage::from_pixel(200, 240, Rgb([0, 255, 0]));
            let transform = Similarity { a: 80.0, b: 0.0, tx: 100.0, ty: 130.0 };
            drawing.paint(&mut image, &transform);
            let eye = transform.apply(drawing.face.points[0]);
            let cheek = transform.apply([drawing.face.points[0][0], drawing.face.points[0][1] + 0.3]);
            let at = |[x, y]: [f32; 2]| image.get_pixel(x as u32, y as u32).0;
            assert_ne!(at(eye), at(cheek));
            assert_eq!(at([2.0, 238.0]), [0, 255, 0], "the corner is not painted");
            let points = drawing.face.points;
            assert!(points[0][0] < points[2][0] && points[2][0] < points[1][0] && points[3][0] < points[4][0]);
            assert!(points[0][1] < points[2][1] && points[2][1] < points[3][1]);
        }
    }
}
