//! From a file's bytes to pixels, and from those to a small copy to show.

use glae_face::RgbImage;
use glae_face::photo::{self, Photo};
use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, ImageBitmap, OffscreenCanvas, OffscreenCanvasRenderingContext2d};

use super::foreign;
use super::protocol::Decoder;
use crate::browser::{reason, scope, within};

/// Longer side of the copy that is shown, in pixels.
const PREVIEW: u32 = 1600;

/// How long the browser's decoder may take, in seconds.
const DECODER_SECONDS: u32 = 30;

/// Pixels that are copied out of the browser's picture at most: they take 150 MB as RGB8.
const MOST_PIXELS: u64 = 50_000_000;

/// Rows that are copied out of the browser's picture at a time: more would need more memory at once.
const ROWS: u32 = 256;

/// A decoded photograph.
pub(super) struct Decoded {
    pub(super) pixels: RgbImage,
    pub(super) decoder: Decoder,
    /// The file ends before the picture does; the rest is one grey. The browser's decoder does not tell.
    pub(super) cut_off: bool,
}

/// Decodes a file: by our own decoder, or, where that does not know the format, by the browser's.
///
/// # Errors
/// A sentence with the remedy.
pub(super) async fn decode(bytes: &[u8]) -> Result<Decoded, String> {
    let error = match photo::read(bytes) {
        Ok(Photo { pixels, cut_off, .. }) => return Ok(Decoded { pixels, decoder: Decoder::Own, cut_off }),
        Err(error) => error,
    };
    // What our decoder knows and refuses is damaged or too large for the browser's as well.
    let Some(kind) = foreign::kind(bytes) else { return Err(error.to_string()) };
    match within(DECODER_SECONDS, by_browser(bytes)).await {
        Some(Ok(pixels)) => Ok(Decoded { pixels, decoder: Decoder::Browser, cut_off: false }),
        Some(Err(Refusal::TooLarge(megapixels))) => Err(format!(
            "This file is {kind} of {megapixels} megapixels; the limit for what the browser decodes is {}. Save a smaller \
             copy and choose that.",
            MOST_PIXELS / 1_000_000
        )),
        Some(Err(Refusal::Unknown)) | None => Err(foreign::sentence(kind)),
    }
}

/// Why the browser gives no pixels.
enum Refusal {
    Unknown,
    /// Its megapixels.
    TooLarge(u64),
}

impl From<JsValue> for Refusal {
    fn from(error: JsValue) -> Self {
        web_sys::console::debug_1(&format!("the browser does not decode it: {}", reason(&error)).into());
        Self::Unknown
    }
}

/// The first picture of a file that the browser can decode, upright, over white.
async fn by_browser(bytes: &[u8]) -> Result<RgbImage, Refusal> {
    let blob = Blob::new_with_u8_array_sequence(&Array::of1(&Uint8Array::from(bytes)))?;
    let bitmap = JsFuture::from(scope().create_image_bitmap_with_blob(&blob)?).await?;
    let bitmap: ImageBitmap = bitmap.dyn_into()?;
    let (width, height) = (bitmap.width(), bitmap.height());
    let count = u64::from(width) * u64::from(height);
    if count > MOST_PIXELS {
        return Err(Refusal::TooLarge(count.div_ceil(1_000_000)));
    }
    let mut pixels = Vec::with_capacity(width as usize * height as usize * 3);
    let strip = OffscreenCanvas::new(width, ROWS.min(height))?;
    let context = strip.get_context("2d")?.ok_or(Refusal::Unknown)?;
    let context: OffscreenCanvasRenderingContext2d = context.unchecked_into();
    for top in (0..height).step_by(ROWS as usize) {
        let rows = ROWS.min(height - top);
        context.set_fill_style_str("#fff");
        context.fill_rect(0.0, 0.0, width.into(), rows.into());
        context.draw_image_with_image_bitmap(&bitmap, 0.0, -f64::from(top))?;
        let data = context.get_image_data(0.0, 0.0, width.into(), rows.into())?.data();
        pixels.extend(data.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]));
    }
    bitmap.close();
    RgbImage::from_raw(width, height, pixels).ok_or(Refusal::Unknown)
}

/// A copy to show, RGBA8, row by row, with its width and height: as it is, or with the longer side at [`PREVIEW`] pixels.
pub(super) fn preview(photo: &RgbImage) -> ([u32; 2], Uint8Array) {
    let (width, height) = photo.dimensions();
    let longer = width.max(height).max(1);
    let shrunk = |side: u32| (u64::from(side) * u64::from(PREVIEW) / u64::from(longer)).max(1) as u32;
    let small;
    let shown = if longer > PREVIEW {
        small = image::imageops::thumbnail(photo, shrunk(width), shrunk(height));
        &small
    } else {
        photo
    };
    let rgba: Vec<u8> = shown.as_raw().chunks_exact(3).flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255]).collect();
    ([shown.width(), shown.height()], Uint8Array::from(rgba.as_slice()))
}
