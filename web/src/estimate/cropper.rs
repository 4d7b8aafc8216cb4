//! The photograph with the square that can be moved and resized on it.

use glae_face::crop::Square;
use leptos::ev;
use leptos::html::Div;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlImageElement};

use super::crop::{CORNERS, Grip, Size, after_key, dragged, percentages, spoken};
use crate::engine::Engine;

/// A drag in progress.
#[derive(Clone, Copy)]
struct Drag {
    grip: Grip,
    from: Square,
    /// Where the pointer went down, in CSS pixels.
    start: (f32, f32),
    /// Photograph pixels per CSS pixel.
    scale: f32,
}

/// The preview, the square, and what can be done with them.
#[component]
pub(super) fn Cropper() -> impl IntoView {
    let engine = expect_context::<Engine>();
    let preview = move || engine.photo.with(|photo| photo.as_ref().map(|photo| photo.preview.clone()));
    // Known as soon as the browser has the picture, which is before the worker has decoded it.
    let ratio = RwSignal::new(None::<f64>);
    let loaded = move |event: ev::Event| {
        let image: HtmlImageElement = event.target().expect("a load has a target").unchecked_into();
        ratio.set(Some(f64::from(image.natural_width()) / f64::from(image.natural_height().max(1))));
    };
    let recentre = move |_| {
        if let Some(size) = engine.photo.with_untracked(|photo| photo.as_ref().and_then(|photo| photo.size)) {
            engine.crop(Square::centred(size.width as u32, size.height as u32));
        }
    };
    view! {
        <section class="photo" aria-label="Photo">
            <div class="stage" class:unseen=move || ratio.get().is_none() style:--ratio=move || ratio.get().unwrap_or(1.0).to_string()>
                <img src=preview alt="Your photo" draggable="false" on:load=loaded/>
                <CropSquare/>
            </div>
            <p class="hint" id="crop-hint">
                "Move the square so that the face fills most of it: drag it, or pull a corner. Arrow keys, + and − work too."
            </p>
            <div class="actions">
                <label for="photo" class="button secondary">"Choose another photo"</label>
                <button type="button" class="quiet" on:click=recentre>"Reset square"</button>
            </div>
        </section>
    }
}

/// Shown once the photograph's size is known.
#[component]
fn CropSquare() -> impl IntoView {
    let engine = expect_context::<Engine>();
    let place = move || {
        let size: Size = engine.photo.with(|photo| photo.as_ref().and_then(|photo| photo.size))?;
        Some((engine.square.get()?, size))
    };
    let drag = StoredValue::new(None::<Drag>);
    let node = NodeRef::<Div>::new();

    let down = move |event: ev::PointerEvent| {
        let (Some((from, size)), Some(node)) = (untrack(place), node.get_untracked()) else { return };
        let stage: Element = node.parent_element().expect("the square lies on the stage");
        let grip = grip_of(event.target().map(JsCast::unchecked_into::<Element>));
        let scale = size.width / stage.get_bounding_client_rect().width().max(1.0) as f32;
        let start = (event.client_x() as f32, event.client_y() as f32);
        drag.set_value(Some(Drag { grip, from, start, scale }));
        // The pointer may leave the square while it drags. Capturing fails only for pointers that are already gone.
        let _ = node.set_pointer_capture(event.pointer_id());
    };
    let moved = move |event: ev::PointerEvent| {
        if let (Some(drag), Some((_, size))) = (drag.get_value(), untrack(place)) {
            let dx = (event.client_x() as f32 - drag.start.0) * drag.scale;
            let dy = (event.client_y() as f32 - drag.start.1) * drag.scale;
            engine.crop(dragged(drag.from, drag.grip, dx, dy, size));
        }
    };
    let up = move |_: ev::PointerEvent| drag.set_value(None);
    let key = move |event: ev::KeyboardEvent| {
        // Zooming the page stays with the browser.
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        if let Some((square, size)) = untrack(place)
            && let Some(next) = after_key(square, &event.key(), event.shift_key(), size)
        {
            event.prevent_default();
            engine.crop(next);
        }
    };
    let css = move |index: usize| place().map(|(square, size)| format!("{:.3}%", percentages(square, size)[index]));
    let known = Memo::new(move |_| place().is_some());
    view! {
        <Show when=move || known.get()>
            <div
                node_ref=node
                class="crop"
                data-testid="crop"
                // Arrow keys must reach the square, not the screen reader's reading cursor.
                role="application"
                tabindex="0"
                aria-roledescription="crop square"
                aria-label=move || place().map(|(square, size)| format!("Crop square, {}", spoken(square, size)))
                aria-describedby="crop-hint"
                style:left=move || css(0)
                style:top=move || css(1)
                style:width=move || css(2)
                style:height=move || css(3)
                on:pointerdown=down
                on:pointermove=moved
                on:pointerup=up
                on:pointercancel=up
                on:keydown=key
            >
                <span class="corner" data-corner="0"></span>
                <span class="corner" data-corner="1"></span>
                <span class="corner" data-corner="2"></span>
                <span class="corner" data-corner="3"></span>
            </div>
        </Show>
    }
}

fn grip_of(target: Option<Element>) -> Grip {
    let corner = target.and_then(|element| element.get_attribute("data-corner")).and_then(|text| text.parse().ok());
    corner.and_then(|index: usize| CORNERS.get(index).copied()).unwrap_or(Grip::Inside)
}
