//! Straightening a face: the similarity transform between landmarks and a template.

use image::RgbImage;
use serde::{Deserialize, Serialize};

/// x' = a x - b y + tx, y' = b x + a y + ty: rotation, uniform scale and shift, no reflection.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Similarity {
    /// scale * cos(angle)
    pub a: f32,
    /// scale * sin(angle)
    pub b: f32,
    /// Shift along x, in target pixels.
    pub tx: f32,
    /// Shift along y, in target pixels.
    pub ty: f32,
}

impl Similarity {
    /// The least-squares similarity that maps `from` onto `to` (Umeyama 1991, without reflection; for points in the
    /// plane its singular value decomposition has this closed form).
    ///
    /// `None` where there are fewer than two points, the lists differ in length, or the points coincide.
    pub fn between(from: &[[f32; 2]], to: &[[f32; 2]]) -> Option<Self> {
        if from.len() != to.len() || from.len() < 2 {
            return None;
        }
        let (mean_from, mean_to) = (centroid(from), centroid(to));
        let (mut dot, mut cross, mut spread) = (0f64, 0f64, 0f64);
        for (p, q) in from.iter().zip(to) {
            let (px, py) = (f64::from(p[0]) - mean_from[0], f64::from(p[1]) - mean_from[1]);
            let (qx, qy) = (f64::from(q[0]) - mean_to[0], f64::from(q[1]) - mean_to[1]);
            dot += px * qx + py * qy;
            cross += px * qy - py * qx;
            spread += px * px + py * py;
        }
        if spread <= f64::EPSILON {
            return None;
        }
        let (a, b) = (dot / spread, cross / spread);
        Some(Self {
            a: a as f32,
            b: b as f32,
            tx: (mean_to[0] - a * mean_from[0] + b * mean_from[1]) as f32,
            ty: (mean_to[1] - b * mean_from[0] - a * mean_from[1]) as f32,
        })
    }

    /// Maps a point.
    pub fn apply(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        [self.a * x - self.b * y + self.tx, self.b * x + self.a * y + self.ty]
    }

    /// Target pixels per source pixel.
    pub fn scale(&self) -> f32 {
        self.a.hypot(self.b)
    }

    /// The transform back. `None` if the scale is 0.
    pub fn inverse(&self) -> Option<Self> {
        let squared = self.a * self.a + self.b * self.b;
        if squared <= f32::EPSILON {
            return None;
        }
        let (a, b) = (self.a / squared, -self.b / squared);
        Some(Self { a, b, tx: -(a * self.tx - b * self.ty), ty: -(b * self.tx + a * self.ty) })
    }

    /// Draws the photograph through the transform into a `size` x `size` RGB8 crop; the photograph's border repeats
    /// outside it. Where the transform shrinks, each output pixel averages a grid of samples, so nothing aliases.
    ///
    /// `None` if the transform cannot be inverted, or the photograph has no pixels.
    pub fn warp(&self, photo: &RgbImage, size: u32) -> Option<RgbImage> {
        self.warp_part(photo, [0, 0], [size, size])
    }

    /// [`Self::warp`], of the output only the part of `width` x `height` pixels that begins at `corner` (x, y).
    pub fn warp_part(&self, photo: &RgbImage, corner: [u32; 2], [width, height]: [u32; 2]) -> Option<RgbImage> {
        let back = self.inverse()?;
        let grid = back.scale().ceil().clamp(1.0, 16.0) as u32;
        let step = 1.0 / grid as f32;
        let weight = step * step;
        let mut pixels = Vec::with_capacity(width as usize * height as usize * 3);
        let photo = Bilinear::new(photo)?;
        // Plain loops: every pixel of every training image passes through here.
        for y in 0..height {
            for x in 0..width {
                let mut sum = [0f32; 4];
                for j in 0..grid {
                    let v = (corner[1] + y) as f32 + (j as f32 + 0.5) * step;
                    for i in 0..grid {
                        let u = (corner[0] + x) as f32 + (i as f32 + 0.5) * step;
                        let sample = photo.at(back.apply([u, v]));
                        for lane in 0..4 {
                            sum[lane] += sample[lane];
                        }
                    }
                }
                let [red, green, blue, _] = sum.map(|value| (value * weight + 0.5).clamp(0.0, 255.0) as u8);
                pixels.extend([red, green, blue]);
            }
        }
        RgbImage::from_raw(width, height, pixels)
    }
}

/// Straightens a face: its five `points` in the photograph are laid onto `template` (in shares of the crop's side) as well
/// as a similarity can, and the crop of `size` x `size` pixels is drawn. `None` if the points coincide.
///
/// Training, command line and page all straighten with this function.
pub fn align(photo: &RgbImage, points: &[[f32; 2]; 5], template: &[[f32; 2]; 5], size: u32) -> Option<RgbImage> {
    let template = template.map(|point| point.map(|share| share * size as f32));
    Similarity::between(points, &template)?.warp(photo, size)
}

fn centroid(points: &[[f32; 2]]) -> [f64; 2] {
    let n = points.len() as f64;
    [0, 1].map(|axis| points.iter().map(|p| f64::from(p[axis])).sum::<f64>() / n)
}

/// A picture between its pixels.
struct Bilinear<'a> {
    pixels: &'a [[u8; 3]],
    width: usize,
    height: usize,
}

impl<'a> Bilinear<'a> {
    /// `None` for a picture without pixels.
    fn new(photo: &'a RgbImage) -> Option<Self> {
        let pixels = photo.as_raw().as_chunks().0;
        let (width, height) = (photo.width() as usize, photo.height() as usize);
        (!pixels.is_empty()).then_some(Self { pixels, width, height })
    }

    /// The colour at a point; the middle of pixel (0, 0) is (0.5, 0.5). The fourth number fills a register.
    #[inline(always)]
    fn at(&self, [x, y]: [f32; 2]) -> [f32; 4] {
        let (left, right, fx) = neighbours(x, self.width);
        let (top, bottom, fy) = neighbours(y, self.height);
        let line = |row: usize| {
            mixed(four(self.pixels[row * self.width + left]), four(self.pixels[row * self.width + right]), fx)
        };
        mixed(line(top), line(bottom), fy)
    }
}

#[inline(always)]
fn four([red, green, blue]: [u8; 3]) -> [f32; 4] {
    [f32::from(red), f32::from(green), f32::from(blue), 0.0]
}

#[inline(always)]
fn mixed(a: [f32; 4], b: [f32; 4], share: f32) -> [f32; 4] {
    let one = |lane: usize| a[lane] + (b[lane] - a[lane]) * share;
    [one(0), one(1), one(2), one(3)]
}

/// The two pixels around a coordinate, and how far it lies on the way from the first to the second. Outside, both are the
/// border's.
#[inline(always)]
fn neighbours(coordinate: f32, length: usize) -> (usize, usize, f32) {
    // Casting cuts off the fraction, saturates, and makes 0 of NaN.
    let inside = (coordinate - 0.5).clamp(0.0, (length - 1) as f32);
    let first = inside as usize;
    (first, (first + 1).min(length - 1), inside - first as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACE: [[f32; 2]; 5] = [[60.0, 55.0], [138.0, 58.0], [102.0, 99.0], [62.0, 131.0], [125.0, 134.0]];

    #[test]
    fn a_known_transform_is_found_again() {
        // Scale 2, turned by 30°, shifted by (5, -7).
        let (sin, cos) = 30f32.to_radians().sin_cos();
        let truth = Similarity { a: 2.0 * cos, b: 2.0 * sin, tx: 5.0, ty: -7.0 };
        let found = Similarity::between(&FACE, &FACE.map(|p| truth.apply(p))).unwrap();
        for (f, t) in [(found.a, truth.a), (found.b, truth.b), (found.tx, truth.tx), (found.ty, truth.ty)] {
            assert!((f - t).abs() < 1e-3, "{found:?}");
        }
        let there_and_back = truth.inverse().unwrap().apply(truth.apply([3.0, 4.0]));
        assert!((there_and_back[0] - 3.0).abs() < 1e-4 && (there_and_back[1] - 4.0).abs() < 1e-4);
    }

    #[test]
    fn a_mirrored_face_is_not_reflected_into_place() {
        let mirrored = FACE.map(|[x, y]| [-x, y]);
        let found = Similarity::between(&mirrored, &FACE).unwrap();
        assert!(found.a * found.a + found.b * found.b >= 0.0 && found.scale() < 1.0);
    }

    #[test]
    fn points_without_extent_have_no_transform() {
        assert!(Similarity::between(&[[1.0, 1.0]; 5], &FACE).is_none());
        assert!(Similarity::between(&FACE[..1], &FACE[..1]).is_none());
    }

    #[test]
    fn an_aligned_face_has_its_points_where_the_template_says() {
        // A white dot on each point of a face that lies on its side.
        let (sin, cos) = 70f32.to_radians().sin_cos();
        let turn = Similarity { a: cos, b: sin, tx: 160.0, ty: 20.0 };
        let points = FACE.map(|point| turn.apply(point));
        let mut photo = RgbImage::new(260, 260);
        for [x, y] in points {
            for (dx, dy) in (0..9).flat_map(|dx| (0..9).map(move |dy| (dx, dy))) {
                photo.put_pixel(x as u32 + dx - 4, y as u32 + dy - 4, image::Rgb([255; 3]));
            }
        }
        let template = FACE.map(|point| point.map(|value| value / 200.0));
        let crop = align(&photo, &points, &template, 100).unwrap();
        for [x, y] in FACE {
            assert!(crop.get_pixel((x / 2.0) as u32, (y / 2.0) as u32).0[0] > 200, "{x} {y}");
        }
        assert!(align(&photo, &[[3.0, 3.0]; 5], &template, 100).is_none());
    }

    #[test]
    fn a_part_is_a_part_of_the_whole() {
        let photo = RgbImage::from_fn(40, 30, |x, y| image::Rgb([(x * 6) as u8, (y * 8) as u8, (x * y % 251) as u8]));
        let turn = Similarity { a: 0.4, b: 0.2, tx: 3.0, ty: 1.0 };
        let whole = turn.warp(&photo, 20).unwrap();
        let part = turn.warp_part(&photo, [4, 7], [9, 5]).unwrap();
        assert!(part.enumerate_pixels().all(|(x, y, pixel)| pixel == whole.get_pixel(x + 4, y + 7)));
    }

    #[test]
    fn a_shift_by_whole_pixels_moves_pixels() {
        let photo = RgbImage::from_fn(6, 6, |x, y| image::Rgb([(x * 10) as u8, (y * 10) as u8, 0]));
        let shift = Similarity { a: 1.0, b: 0.0, tx: -2.0, ty: -1.0 };
        let warped = shift.warp(&photo, 3).unwrap();
        assert_eq!(warped.get_pixel(0, 0).0, [20, 10, 0]);
        assert_eq!(warped.get_pixel(2, 2).0, [40, 30, 0]);
    }
}
