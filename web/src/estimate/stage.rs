//! The photograph on screen: with the faces found in it, or with a square to be moved by hand.

use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlImageElement;

use super::cropper::CropSquare;
use super::faces::{FaceButton, Points};
use super::overlay::beside;
use super::viewer::Viewer;
use super::wording;
use glae_face::crop::Square;

/// The preview, what lies on it, and what can be done with it.
#[component]
pub(super) fn PhotoStage() -> impl IntoView {
    let viewer = expect_context::<Viewer>();
    let preview = move || viewer.photo.with(|photo| photo.as_ref().and_then(|photo| photo.preview.clone()));
    // Known as soon as the browser has the picture, which is before the worker has decoded it.
    let ratio = RwSignal::new(None::<f64>);
    let loaded = move |event: ev::Event| {
        let image: HtmlImageElement = event.target().expect("a load has a target").unchecked_into();
        ratio.set(Some(f64::from(image.natural_width()) / f64::from(image.natural_height().max(1))));
    };
    let by_hand = Memo::new(move |_| viewer.square.with(Option::is_some));
    let decoded =
        Memo::new(move |_| viewer.photo.with(|photo| photo.as_ref().is_some_and(|photo| photo.size.is_some())));
    view! {
        <section class="photo" aria-label="Photo">
            <div class="stage" class:unseen=move || ratio.get().is_none() style:--ratio=move || ratio.get().unwrap_or(1.0).to_string()>
                <img src=preview alt="Your photo" draggable="false" on:load=loaded/>
                <Show when=move || by_hand.get() fallback=Found>
                    <CropSquare/>
                </Show>
            </div>
            <Show when=move || by_hand.get()>
                <p class="hint" id="crop-hint">
                    "Move the square so that eyes and mouth lie on the marks: drag it, or pull a corner. Arrow keys, + and − work too."
                </p>
            </Show>
            <div class="actions">
                <label for="photo" class="button secondary">"Choose another photo"</label>
                <Show
                    when=move || by_hand.get()
                    fallback=move || view! {
                        <Show when=move || decoded.get()>
                            <button type="button" class="quiet" data-testid="turn" on:click=move |_| viewer.turn()>"Turn"</button>
                            <button type="button" class="quiet" data-testid="by-hand" on:click=move |_| viewer.by_hand()>
                                "Crop by hand"
                            </button>
                        </Show>
                    }
                >
                    <button type="button" class="quiet" on:click=move |_| recentre(viewer)>"Reset square"</button>
                    <button type="button" class="quiet" data-testid="by-detector" on:click=move |_| viewer.by_detector()>
                        "Find the faces again"
                    </button>
                </Show>
            </div>
        </section>
    }
}

fn recentre(viewer: Viewer) {
    if let Some(size) = viewer.size() {
        viewer.crop(Square::centred(size.width as u32, size.height as u32));
    }
}

/// Boxes and points of the faces that were found.
#[component]
fn Found() -> impl IntoView {
    let viewer = expect_context::<Viewer>();
    // The picture itself is replaced once more after its size is known, which is no reason to draw all boxes anew.
    let size = Memo::new(move |_| viewer.photo.with(|photo| photo.as_ref()?.size));
    move || {
        let size = size.get()?;
        let seen = viewer.shown.with(|shown| shown.as_ref().map(|shown| shown.look.seen.clone()))?;
        let several = seen.len() > 1;
        let faces: Vec<_> = seen.iter().filter_map(|seen| seen.face).collect();
        let sides = beside(&faces, size);
        let boxes = seen.into_iter().enumerate().filter_map(|(index, seen)| {
            let face = seen.face?;
            let chosen = Memo::new(move |_| viewer.chosen.get() == index);
            let label = wording::face(index, several, &seen);
            let number = several.then(|| (index + 1, sides[index]));
            Some(view! { <FaceButton face size label number chosen choose=move || viewer.chosen.set(index)/> })
        });
        let boxes = boxes.collect_view();
        Some(view! { <Points faces size/> {boxes} })
    }
}
