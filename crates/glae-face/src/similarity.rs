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
    ///
    /// Positions and weights are whole numbers, so that three colours are mixed by one multiplication: every training
    /// image and every face of a photograph passes through here, two or three times.
    pub fn warp_part(&self, photo: &RgbImage, corner: [u32; 2], [width, height]: [u32; 2]) -> Option<RgbImage> {
        let back = self.inverse()?;
        let block = (back.scale() / MOST_SAMPLES) as usize;
        let source = Source::new(photo, &back, corner, [width, height], block.max(1))?;
        let back = source.seen_from(&back);
        let grid = back.scale().ceil().max(1.0) as i64;
        let step = 1.0 / grid as f32;
        let (along, across) = (fixed(back.a * step), fixed(back.b * step));
        let first = back.apply([0.5 * step; 2]).map(fixed);
        let samples = (grid * grid) as u64;
        let mut pixels = Vec::with_capacity(width as usize * height as usize * 3);
        for y in corner[1]..corner[1] + height {
            for x in corner[0]..corner[0] + width {
                let (column, mut sum) = (i64::from(x) * grid, Sum::default());
                for row in i64::from(y) * grid..(i64::from(y) + 1) * grid {
                    let mut at = [first[0] + column * along - row * across, first[1] + column * across + row * along];
                    for _ in 0..grid {
                        sum.add(source.at(at));
                        at = [at[0] + along, at[1] + across];
                    }
                }
                pixels.extend(sum.mean(samples));
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

/// Samples of one output pixel along each axis, at least; where the transform shrinks by twice as much and more, they are taken
/// from means of blocks of pixels.
const MOST_SAMPLES: f32 = 4.0;

/// Binary places of a position's fraction.
const PLACES: u32 = 16;

/// A coordinate with [`PLACES`] binary places.
fn fixed(value: f32) -> i64 {
    (value * (1 << PLACES) as f32).round() as i64
}

/// What the transform reads of a photograph: its pixels, or means of square blocks of them, each as one number with 16 bits
/// for red (the lowest), green and blue. The last row and column stand twice, since a sample reads its neighbours too.
struct Source {
    pixels: Vec<u64>,
    /// Of a row, its double included.
    width: usize,
    /// The largest position in it, x and y.
    most: [i64; 2],
    /// First block, x and y.
    first: [usize; 2],
    /// Side of a block, in pixels of the photograph.
    block: usize,
}

impl Source {
    /// The part of the photograph that an output of `size` pixels from `corner` on shows. `None` for a photograph without
    /// pixels, or a transform that is not finite.
    fn new(photo: &RgbImage, back: &Similarity, corner: [u32; 2], size: [u32; 2], block: usize) -> Option<Self> {
        let photo_size = [photo.width() as usize, photo.height() as usize];
        let ends = |axis: usize| [corner[axis] as f32, (corner[axis] + size[axis]) as f32];
        let corners = ends(1).map(|y| ends(0).map(|x| back.apply([x, y])));
        let finite = corners.as_flattened().as_flattened().iter().all(|value| value.is_finite());
        if photo_size.contains(&0) || !finite {
            return None;
        }
        let range = |axis: usize| {
            let last = (photo_size[axis] - 1) / block;
            let values = corners.as_flattened().iter().map(|point| point[axis] / block as f32);
            let least = values.clone().fold(f32::INFINITY, f32::min);
            let most = values.fold(f32::NEG_INFINITY, f32::max);
            // Casting makes 0 of what is negative. A position lies half a pixel before the middle of its pixel.
            let from = (least as usize).saturating_sub(1).min(last);
            (from, (most as usize).saturating_add(1).min(last))
        };
        let ((left, right), (top, bottom)) = (range(0), range(1));
        let width = right - left + 2;
        let mut pixels = Vec::with_capacity(width * (bottom - top + 2));
        for y in top..=bottom {
            pixels.extend((left..=right).map(|x| mean(photo, [x, y], block)));
            pixels.extend(pixels.last().copied());
        }
        pixels.extend_from_within(pixels.len() - width..);
        let most = [right - left, bottom - top].map(|steps| (steps as i64) << PLACES);
        Some(Self { pixels, width, most, first: [left, top], block })
    }

    /// The transform to pixels of the photograph as one to positions here: the middle of the first block is (0, 0).
    fn seen_from(&self, back: &Similarity) -> Similarity {
        let block = self.block as f32;
        let [x, y] = self.first.map(|first| first as f32 + 0.5);
        Similarity { a: back.a / block, b: back.b / block, tx: back.tx / block - x, ty: back.ty / block - y }
    }

    /// The colour at a position, between its four neighbours, times 256. Outside, the border repeats.
    #[inline(always)]
    fn at(&self, [x, y]: [i64; 2]) -> u64 {
        // Rounded to the 256th that a weight can express.
        let half = 1 << (PLACES - 9);
        let (x, y) = ((x + half).clamp(0, self.most[0]), (y + half).clamp(0, self.most[1]));
        let share = |position: i64| (position >> (PLACES - 8)) as u64 & 255;
        let (right, below) = (share(x), share(y));
        let both = (right * below) >> 8;
        let at = (y >> PLACES) as usize * self.width + (x >> PLACES) as usize;
        let (top, bottom) = (&self.pixels[at..], &self.pixels[at + self.width..]);
        top[0] * (256 + both - right - below) + top[1] * (right - both) + bottom[0] * (below - both) + bottom[1] * both
    }
}

/// The mean colour of a block; one that the photograph's edge cuts has fewer pixels.
#[inline(always)]
fn mean(photo: &RgbImage, [x, y]: [usize; 2], block: usize) -> u64 {
    let (pixels, width, height) = (photo.as_raw().as_chunks::<3>().0, photo.width() as usize, photo.height() as usize);
    let packed = |[red, green, blue]: [u64; 3]| red | (green << 16) | (blue << 32);
    if block == 1 {
        return packed(pixels[y * width + x].map(u64::from));
    }
    let end = |first: usize, length: usize| ((first + 1) * block).min(length);
    let (columns, rows) = (x * block..end(x, width), y * block..end(y, height));
    let count = (columns.len() * rows.len()) as u64;
    let mut sum = [0; 3];
    for row in rows {
        for pixel in &pixels[row * width..][columns.clone()] {
            (0..3).for_each(|colour| sum[colour] += u64::from(pixel[colour]));
        }
    }
    packed(sum.map(|sum| (sum + count / 2) / count))
}

/// Colours of many samples, added up: green apart from red and blue, so that 32 bits are there for each.
#[derive(Default)]
struct Sum {
    red_and_blue: u64,
    green: u64,
}

impl Sum {
    /// Adds what [`Source::at`] gives.
    #[inline(always)]
    fn add(&mut self, sample: u64) {
        self.red_and_blue += sample & 0x0000_ffff_0000_ffff;
        self.green += (sample >> 16) & 0xffff;
    }

    /// The mean of so many samples: red, green, blue.
    fn mean(self, samples: u64) -> [u8; 3] {
        let whole = samples * 256;
        [self.red_and_blue & 0xffff_ffff, self.green, self.red_and_blue >> 32]
            .map(|sum| ((sum + whole / 2) / whole) as u8)
    }
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
    fn a_pixel_is_the_mean_of_bilinear_samples() {
        // Smooth, with noise on it that a sample beside the right place would show.
        let photo = RgbImage::from_fn(400, 300, |x, y| {
            let noise = (x * 37 + y * 101) % 29;
            image::Rgb([(x / 2 + noise) as u8, (y / 2 + noise) as u8, (200 - x / 3 - noise) as u8])
        });
        let colour = |x: f32, y: f32, colour: usize| {
            let (x, y) = ((x - 0.5).clamp(0.0, 399.0), (y - 0.5).clamp(0.0, 299.0));
            let pixel = |x: f32, y: f32| f32::from(photo.get_pixel(x.min(399.0) as u32, y.min(299.0) as u32).0[colour]);
            let line = |y: f32| pixel(x, y) * (1.0 - x.fract()) + pixel(x + 1.0, y) * x.fract();
            line(y) * (1.0 - y.fract()) + line(y + 1.0) * y.fract()
        };
        // Enlarged, shrunk pixel by pixel, and shrunk by way of blocks of two; samples along an axis, most error.
        for (scale, samples, most_off) in [(1.7, 1, 1.5), (0.3, 4, 1.0), (0.11, 16, 4.0)] {
            let (sin, cos) = 0.3f32.sin_cos();
            let turn = Similarity { a: scale * cos, b: scale * sin, tx: 9.0 - 100.0 * scale, ty: 2.0 - 120.0 * scale };
            let (back, drawn) = (turn.inverse().unwrap(), turn.warp(&photo, 20).unwrap());
            for (x, y, pixel) in drawn.enumerate_pixels() {
                for c in 0..3 {
                    let places = (0..samples).map(|k| (k as f32 + 0.5) / samples as f32);
                    let grid = places.clone().flat_map(|j| places.clone().map(move |i| [i, j]));
                    let sum: f32 =
                        grid.map(|[i, j]| back.apply([x as f32 + i, y as f32 + j])).map(|[x, y]| colour(x, y, c)).sum();
                    let off = (sum / (samples * samples) as f32 - f32::from(pixel.0[c])).abs();
                    assert!(off < most_off, "{scale}: {off} at {x}, {y}");
                }
            }
        }
        assert!(Similarity { a: f32::NAN, b: 0.0, tx: 0.0, ty: 0.0 }.warp(&photo, 3).is_none());
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
