//! Choosing photographs, a folder of them, or the camera.

use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlInputElement;

use super::workplace::Workplace;
use crate::batch::files::listed;

/// What file choosers offer. Without HEIC: an iPhone then hands its photographs over as JPEG. AVIF, GIF and BMP are read by
/// the browser's own decoder; Windows calls some JPEG files `.jfif`.
const ACCEPTED: &str = "image/jpeg,image/png,image/webp,image/avif,image/gif,image/bmp,.jfif";

/// The file inputs of the page. Out of sight, but there for keyboards, screen readers and tests; labels stand for them.
#[component]
pub(super) fn PhotoInputs() -> impl IntoView {
    let bench = expect_context::<Workplace>();
    let chosen = move |event: ev::Event| {
        let input: HtmlInputElement = event.target().expect("a change has a target").unchecked_into();
        bench.take(listed(input.files()));
        // Choosing the same file again shall count as a change.
        input.set_value("");
    };
    view! {
        <input
            id="photo"
            class="visually-hidden"
            type="file"
            accept=ACCEPTED
            multiple
            aria-label="Choose photos"
            data-testid="photo-input"
            on:change=chosen
        />
        <input
            id="folder"
            class="visually-hidden"
            type="file"
            prop:webkitdirectory=true
            aria-label="Choose a folder of photos"
            data-testid="folder-input"
            on:change=chosen
        />
    }
}

/// The large field of the empty page. The same as in `index.html`, where it stands disabled.
#[component]
pub(super) fn DropZone(
    /// Whether a file hovers over the page.
    dragging: RwSignal<bool>,
) -> impl IntoView {
    view! {
        <label for="photo" class="drop" class:dragging=dragging>
            <svg viewBox="0 0 48 48" aria-hidden="true">
                <rect x="6" y="9" width="36" height="30" rx="5"/>
                <circle cx="24" cy="21" r="5.5"/>
                <path d="M13 39c0-7 4.5-10.5 11-10.5S35 32 35 39"/>
            </svg>
            <span class="button">"Choose a photo"</span>
            <span class="hint">"or several. Or drop them here, or paste one. JPEG, PNG or WebP."</span>
        </label>
    }
}

/// The other ways to begin, under the large field.
#[component]
pub(super) fn OtherWays() -> impl IntoView {
    let bench = expect_context::<Workplace>();
    view! {
        <div class="ways">
            <button type="button" class="button secondary" data-testid="camera-start" on:click=move |_| bench.live()>
                "Use the camera"
            </button>
            <label for="folder" class="button secondary">"Choose a folder"</label>
        </div>
    }
}
