//! How the page is put together.

use leptos::ev;
use leptos::prelude::*;

use super::cropper::Cropper;
use super::picker::{DropZone, PhotoInput, first_file, pasted_file};
use super::result::{ResultCard, WaitingCard};
use super::status::Status;
use super::wording::Stage;
use crate::engine::Engine;

/// Route `/`.
#[component]
pub fn EstimatePage() -> impl IntoView {
    document().set_title("GLAE · How old does a face look?");
    let engine = expect_context::<Engine>();
    // Not before the first paint is done and the browser has nothing better to do; choosing a photo does not wait for it.
    when_idle(move || engine.wake());

    let dragging = RwSignal::new(false);
    take_drops_and_pastes(engine, dragging);

    let has_photo = Memo::new(move |_| engine.photo.with(Option::is_some));
    view! {
        <section class="intro">
            <h1>"How old does a face look?"</h1>
            <p class="privacy"><Lock/>"Your photo never leaves this device."</p>
        </section>
        <PhotoInput/>
        <Messages/>
        <Show
            when=move || has_photo.get()
            fallback=move || view! { <DropZone dragging/><Status/> }
        >
            <div class="workspace" class:dragging=dragging>
                <Cropper/>
                <div class="answer">
                    <Show when=move || engine.shown.with(Option::is_some) fallback=WaitingCard>
                        <ResultCard/>
                    </Show>
                    <Status/>
                </div>
            </div>
        </Show>
    }
}

#[component]
fn Lock() -> impl IntoView {
    view! {
        <svg viewBox="0 0 20 20" aria-hidden="true">
            <rect x="4" y="9" width="12" height="8" rx="2"/>
            <path d="M7 9V6.5a3 3 0 0 1 6 0V9"/>
        </svg>
    }
}

/// The notice and the error, when there are any.
#[component]
fn Messages() -> impl IntoView {
    let engine = expect_context::<Engine>();
    let failed = Memo::new(move |_| matches!(engine.stage.get(), Stage::Failed(_)));
    let error = move || {
        engine.refusal.get().or_else(|| match engine.stage.get() {
            Stage::Failed(sentence) => Some(sentence),
            _ => None,
        })
    };
    view! {
        // The regions stand before their text comes, or screen readers would not announce it.
        <div role="status">
            {move || engine.notice.get().map(|notice| view! {
                <div class="message notice">
                    <p data-testid="notice">{notice}</p>
                    <button type="button" class="quiet" on:click=move |_| engine.notice.set(None)>"Dismiss"</button>
                </div>
            })}
        </div>
        <div role="alert">
            {move || error().map(|sentence| view! {
                <div class="message error">
                    <p data-testid="error">{sentence}</p>
                    <Show when=move || failed.get()>
                        <button type="button" class="quiet" on:click=move |_| engine.retry()>"Try again"</button>
                    </Show>
                </div>
            })}
        </div>
    }
}

/// Files may be dropped anywhere on the page and pasted at any time.
fn take_drops_and_pastes(engine: Engine, dragging: RwSignal<bool>) {
    let over = window_event_listener(ev::dragover, move |event| {
        // Without this the browser would open the file in place of the page.
        event.prevent_default();
        dragging.set(true);
    });
    let leave = window_event_listener(ev::dragleave, move |event| {
        // Leaving for another element of the page is not leaving.
        if event.related_target().is_none() {
            dragging.set(false);
        }
    });
    let drop = window_event_listener(ev::drop, move |event| {
        event.prevent_default();
        dragging.set(false);
        match first_file(event.data_transfer().and_then(|data| data.files())) {
            Some(file) => engine.show(file),
            None => {
                engine.refuse("That was not a file. Save the picture to this device first, then drop it here.".into())
            }
        }
    });
    let paste = window_event_listener(ev::paste, move |event| {
        if let Some(file) = pasted_file(&event) {
            engine.show(file);
        }
    });
    on_cleanup(move || {
        over.remove();
        leave.remove();
        drop.remove();
        paste.remove();
    });
}

/// Runs `task` when the browser is idle; Safari cannot say when that is, so there it runs a moment later.
fn when_idle(task: impl Fn() + 'static) {
    use std::time::Duration;
    use wasm_bindgen::JsValue;
    if js_sys::Reflect::has(&window(), &JsValue::from("requestIdleCallback")).unwrap_or(false) {
        request_idle_callback(task);
    } else {
        set_timeout(task, Duration::from_millis(500));
    }
}
