//! Choosing, dropping and pasting a photograph.

use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{ClipboardEvent, File, FileList, HtmlInputElement};

use crate::engine::Engine;

/// The one file input of the page. Out of sight, but there for keyboards, screen readers and tests; labels stand for it.
#[component]
pub(super) fn PhotoInput() -> impl IntoView {
    let engine = expect_context::<Engine>();
    let chosen = move |event: ev::Event| {
        let input: HtmlInputElement = event.target().expect("a change has a target").unchecked_into();
        if let Some(file) = first_file(input.files()) {
            engine.show(file);
        }
        // Choosing the same file again shall count as a change.
        input.set_value("");
    };
    view! {
        <input
            id="photo"
            class="visually-hidden"
            type="file"
            accept="image/jpeg,image/png,image/webp"
            aria-label="Choose a photo"
            data-testid="photo-input"
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
            <span class="hint">"or drop it here, or paste it. JPEG, PNG or WebP."</span>
        </label>
    }
}

/// The first file of a list.
pub(super) fn first_file(files: Option<FileList>) -> Option<File> {
    files?.get(0)
}

/// The first file on the clipboard; pasted text has none.
pub(super) fn pasted_file(event: &ClipboardEvent) -> Option<File> {
    first_file(event.clipboard_data()?.files())
}
