//! The square that can be moved and resized on a photograph.

use glae_face::crop::Square;
use leptos::ev;
use leptos::html::Div;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::Element;

use super::crop::{CORNERS, Grip, Size, after_key, dragged, percentages, spoken};
use super::viewer::Viewer;
use crate::engine::WorkerHandle;

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

/// Shown once the photograph's size is known.
#[component]
pub(super) fn CropSquare() -> impl IntoView {
    let viewer = expect_context::<Viewer>();
    let place = move || {
        let size: Size = viewer.photo.with(|photo| photo.as_ref().and_then(|photo| photo.size))?;
        Some((viewer.square.get()?, size))
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
            viewer.crop(dragged(drag.from, drag.grip, dx, dy, size));
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
            viewer.crop(next);
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
                <Marks/>
                <span class="corner" data-corner="0"></span>
                <span class="corner" data-corner="1"></span>
                <span class="corner" data-corner="2"></span>
                <span class="corner" data-corner="3"></span>
            </div>
        </Show>
    }
}

/// Where eyes and mouth of a straightened face lie in the square.
#[component]
fn Marks() -> impl IntoView {
    let engine = expect_context::<WorkerHandle>();
    move || {
        let [left_eye, right_eye, _, left_mouth, right_mouth] =
            engine.template.get()?.map(|point| point.map(|share| 100.0 * share));
        let eyes = [left_eye, right_eye].map(|[x, y]| view! { <ellipse cx=x cy=y rx="8" ry="4.5"/> }).collect_view();
        let ([x, y], [end_x, end_y]) = (left_mouth, right_mouth);
        let mouth = format!("M{x} {y}Q{} {} {end_x} {end_y}", (x + end_x) / 2.0, y.max(end_y) + 8.0);
        Some(view! { <svg class="marks" viewBox="0 0 100 100" aria-hidden="true">{eyes}<path d=mouth/></svg> })
    }
}

fn grip_of(target: Option<Element>) -> Grip {
    let corner = target.and_then(|element| element.get_attribute("data-corner")).and_then(|text| text.parse().ok());
    corner.and_then(|index: usize| CORNERS.get(index).copied()).unwrap_or(Grip::Inside)
}
