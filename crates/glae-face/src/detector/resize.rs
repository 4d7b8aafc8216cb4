//! Resizing without a second picture in between.

use image::RgbImage;

use crate::crop::nearest;

/// The pixels that one output pixel is made of along one side, and their shares.
struct Window {
    start: usize,
    shares: Vec<f32>,
}

/// A picture at another size, by the triangle filter of [`image::imageops::resize`] and to the bit what that gives. That one
/// holds all rows of its first pass at sixteen bytes a pixel, which for 50 megapixels are up to 600 MB; here one row is held.
pub(super) fn resize(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    let mut resized = RgbImage::new(width, height);
    if picture.is_empty() || resized.is_empty() {
        return resized;
    }
    let (columns, rows) = (windows(picture.width(), width), windows(picture.height(), height));
    let stride = picture.width() as usize * 3;
    let mut mixed = vec![0f32; stride];
    for (window, line) in rows.iter().zip(resized.chunks_exact_mut(width as usize * 3)) {
        mixed.fill(0.0);
        for (source, share) in picture.chunks_exact(stride).skip(window.start).zip(&window.shares) {
            for (sum, value) in mixed.iter_mut().zip(source) {
                *sum += f32::from(*value) * share;
            }
        }
        for (window, pixel) in columns.iter().zip(line.chunks_exact_mut(3)) {
            let mut sums = [0f32; 3];
            for (source, share) in mixed.chunks_exact(3).skip(window.start).zip(&window.shares) {
                sums.iter_mut().zip(source).for_each(|(sum, value)| *sum += value * share);
            }
            pixel.iter_mut().zip(sums).for_each(|(value, sum)| *value = nearest(sum));
        }
    }
    resized
}

/// For each of `new` pixels along a side those of `old` within reach of the filter.
fn windows(old: u32, new: u32) -> Vec<Window> {
    let ratio = old as f32 / new as f32;
    let reach = ratio.max(1.0);
    let window = |index: u32| {
        let middle = (index as f32 + 0.5) * ratio;
        let start = ((middle - reach).floor() as i64).clamp(0, i64::from(old) - 1);
        let end = ((middle + reach).ceil() as i64).clamp(start + 1, i64::from(old));
        let middle = middle - 0.5;
        let mut shares: Vec<f32> =
            (start..end).map(|at| (1.0 - ((at as f32 - middle) / reach).abs()).max(0.0)).collect();
        let sum = shares.iter().fold(0.0, |sum, share| sum + share);
        shares.iter_mut().for_each(|share| *share /= sum);
        Window { start: start as usize, shares }
    };
    (0..new).map(window).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;
    use image::imageops::FilterType;

    #[test]
    fn it_gives_what_the_library_gives() {
        let picture =
            RgbImage::from_fn(97, 61, |x, y| Rgb([(x * y) as u8, (x * 5 + y * y) as u8, (y * 7 + x * x) as u8]));
        for (width, height) in [(97, 61), (48, 30), (31, 61), (97, 20), (1, 1), (194, 122), (130, 40), (7, 100)] {
            let right = image::imageops::resize(&picture, width, height, FilterType::Triangle);
            assert!(resize(&picture, width, height) == right, "{width} x {height}");
        }
        assert_eq!(resize(&RgbImage::new(0, 0), 3, 2), RgbImage::new(3, 2));
    }
}
