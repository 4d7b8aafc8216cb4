//! A square of a photograph, resampled to the network's input size.

use image::RgbImage;
use serde::{Deserialize, Serialize};

/// A square in the pixel coordinates of an upright photograph. Pixel (0, 0) covers [0, 1) x [0, 1). Parts outside the
/// photograph repeat its border.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Square {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Length of a side.
    pub side: f32,
}

impl Square {
    /// The largest square in the middle of a `width` x `height` photograph.
    pub fn centred(width: u32, height: u32) -> Self {
        let side = width.min(height) as f32;
        Self { x: (width as f32 - side) / 2.0, y: (height as f32 - side) / 2.0, side }
    }
}

/// Resamples a square of the photograph to `size` x `size` pixels, RGB8.
///
/// Separable triangle filter whose support grows with the reduction (as Pillow's antialiased bilinear does), so a 3000
/// pixel square does not alias and a 60 pixel one is interpolated.
///
/// # Panics
/// If `size` is 0, the photograph is empty, or the square's side is not positive.
pub fn crop_square(photo: &RgbImage, square: Square, size: u32) -> RgbImage {
    assert!(size > 0 && photo.width() > 0 && photo.height() > 0, "an empty image cannot be resampled");
    assert!(square.side > 0.0, "the crop's side must be positive");
    let columns = taps(square.x, square.side, size, photo.width());
    let rows = taps(square.y, square.side, size, photo.height());
    let first_row = rows.iter().map(|t| t.first).min().unwrap_or(0);
    let last_row = rows.iter().map(|t| t.first + t.weights.len()).max().unwrap_or(0);

    // Across first: every source row that is needed becomes `size` RGB values.
    let stride = photo.width() as usize * 3;
    let source = photo.as_raw();
    let mut across = vec![0f32; (last_row - first_row) * size as usize * 3];
    for (line, out) in across.chunks_exact_mut(size as usize * 3).enumerate() {
        let row = &source[(first_row + line) * stride..][..stride];
        for (tap, pixel) in columns.iter().zip(out.chunks_exact_mut(3)) {
            for (weight, rgb) in tap.weights.iter().zip(row[tap.first * 3..].chunks_exact(3)) {
                for (sum, value) in pixel.iter_mut().zip(rgb) {
                    *sum += weight * f32::from(*value);
                }
            }
        }
    }

    let width = size as usize * 3;
    let mut sums = vec![0f32; width];
    let mut pixels = Vec::with_capacity(width * size as usize);
    for tap in &rows {
        sums.fill(0.0);
        for (weight, line) in tap.weights.iter().zip(across[(tap.first - first_row) * width..].chunks_exact(width)) {
            for (sum, value) in sums.iter_mut().zip(line) {
                *sum += weight * value;
            }
        }
        pixels.extend(sums.iter().map(|sum| nearest(*sum)));
    }
    RgbImage::from_raw(size, size, pixels).expect("the buffer has size * size * 3 bytes")
}

/// The nearest whole number, halves upwards, within 0 to 255; `f32::round` is a call of a library.
pub(crate) fn nearest(value: f32) -> u8 {
    let below = value as u8;
    below.saturating_add(u8::from(value - f32::from(below) >= 0.5))
}

/// What one output pixel reads along one axis: `weights` for the source pixels from `first` on, summing to 1.
struct Tap {
    first: usize,
    weights: Vec<f32>,
}

fn taps(start: f32, side: f32, size: u32, length: u32) -> Vec<Tap> {
    let scale = side / size as f32;
    let support = scale.max(1.0);
    let last_pixel = length as i64 - 1;
    (0..size)
        .map(|out| {
            let centre = start + (out as f32 + 0.5) * scale;
            let (from, to) = ((centre - support).floor() as i64, (centre + support).ceil() as i64);
            let first = from.clamp(0, last_pixel) as usize;
            let mut weights = vec![0f32; to.clamp(0, last_pixel) as usize - first + 1];
            for pixel in from..=to {
                let distance = (pixel as f32 + 0.5 - centre).abs() / support;
                // Outside the photograph its border pixel stands in.
                weights[pixel.clamp(0, last_pixel) as usize - first] += (1.0 - distance).max(0.0);
            }
            let total: f32 = weights.iter().sum();
            weights.iter_mut().for_each(|w| *w /= total);
            Tap { first, weights }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_size_changes_nothing() {
        let photo = RgbImage::from_fn(7, 7, |x, y| image::Rgb([(x * 30) as u8, (y * 30) as u8, 9]));
        assert_eq!(crop_square(&photo, Square::centred(7, 7), 7), photo);
    }

    #[test]
    fn halving_weighs_the_neighbours_by_a_triangle() {
        // Columns 0, 0, 255, 255 to two: support 2, centre 1.0; distances of pixels -1..=2 to it are 1.5, .5, .5, 1.5
        // (in pixels), weights 1/8, 3/8, 3/8, 1/8; only the last pixel is white: 255/8 = 31.9.
        let photo = RgbImage::from_fn(4, 4, |x, _| image::Rgb([if x < 2 { 0 } else { 255 }; 3]));
        let half = crop_square(&photo, Square::centred(4, 4), 2);
        assert_eq!([half.get_pixel(0, 0).0[0], half.get_pixel(1, 0).0[0]], [32, 223]);
    }

    #[test]
    fn outside_the_photo_its_border_repeats() {
        let photo = RgbImage::from_pixel(3, 3, image::Rgb([7, 8, 9]));
        let crop = crop_square(&photo, Square { x: -20.0, y: 1.0, side: 50.0 }, 5);
        assert!(crop.pixels().all(|p| p.0 == [7, 8, 9]));
    }

    #[test]
    fn the_centred_square_fits() {
        assert_eq!(Square::centred(10, 4), Square { x: 3.0, y: 0.0, side: 4.0 });
    }
}
