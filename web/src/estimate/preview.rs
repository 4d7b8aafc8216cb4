//! The decoded pixels as a picture of the page. Browsers and our decoder do not agree on every file which way is up, nor
//! on every colour space: what is shown is what was looked at.

use js_sys::{Function, Promise, Uint8ClampedArray};
use leptos::prelude::document;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, CanvasRenderingContext2d, HtmlCanvasElement, ImageData, Url};

/// The address of a picture of these pixels: RGBA8, row by row, `width` pixels wide, in a buffer. To be revoked when it is
/// no longer shown.
///
/// # Errors
/// The browser cannot draw or pack it.
pub(super) async fn address(width: u32, height: u32, pixels: &JsValue) -> Result<String, JsValue> {
    let data = ImageData::new_with_js_u8_clamped_array_and_sh(&Uint8ClampedArray::new(pixels), width, height)?;
    let canvas: HtmlCanvasElement = document().create_element("canvas")?.unchecked_into();
    canvas.set_width(width);
    canvas.set_height(height);
    let context = canvas.get_context("2d")?.ok_or("the browser has no canvas")?;
    context.unchecked_into::<CanvasRenderingContext2d>().put_image_data(&data, 0.0, 0.0)?;
    let packed = Promise::new(&mut |resolve: Function, _| {
        // JPEG at 92 %: PNG would take ten times as long, and nobody sees the difference on a preview.
        let _ = canvas.to_blob_with_type_and_encoder_options(&resolve, "image/jpeg", &JsValue::from_f64(0.92));
    });
    // `null` where the canvas could not be packed.
    let blob: Blob = JsFuture::from(packed).await?.dyn_into()?;
    Url::create_object_url_with_blob(&blob)
}
