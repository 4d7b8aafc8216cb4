//! How the page is put together.

use leptos::ev;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::cards::{Cards, Searching, WaitingCard};
use super::examples::Examples;
use super::picker::{DropZone, OtherWays, PhotoInputs};
use super::stage::PhotoStage;
use super::status::Status;
use super::wording::EngineState;
use super::workplace::{Showing, Workplace};
use crate::batch::{BatchView, files};
use crate::camera::CameraView;
use crate::engine::WorkerHandle;

/// Route `/`.
#[component]
pub fn EstimatePage() -> impl IntoView {
    document().set_title("GLAE · How old does a face look?");
    let engine = expect_context::<WorkerHandle>();
    let bench = expect_context::<Workplace>();
    // Not before the first paint is done and the browser has nothing better to do; choosing a photo does not wait for it.
    when_idle(move || engine.wake());

    let dragging = RwSignal::new(false);
    take_drops_and_pastes(engine, bench, dragging);

    let showing = bench.showing();
    let answered = Memo::new(move |_| bench.viewer.shown.with(Option::is_some));
    view! {
        <section class="intro">
            <h1>"How old does a face look?"</h1>
            <p class="privacy"><Lock/>"Your photo never leaves this device."</p>
        </section>
        <PhotoInputs/>
        <Messages/>
        <div class="bench" class:dragging=dragging>
            {move || match showing.get() {
                Showing::Nothing => view! { <DropZone dragging/><OtherWays/><Examples/> }.into_any(),
                Showing::Camera => view! { <CameraView camera=bench.camera/> }.into_any(),
                Showing::FileList => view! { <BatchView batch=bench.batch/> }.into_any(),
                Showing::Photo => view! {
                    <BackToList/>
                    <div class="workspace">
                        <PhotoStage/>
                        <div class="answer">
                            <Searching/>
                            <Show when=move || answered.get() fallback=WaitingCard><Cards/></Show>
                        </div>
                    </div>
                }
                .into_any(),
            }}
        </div>
        <Status/>
    }
}

/// From one photograph back to the many it is one of.
#[component]
fn BackToList() -> impl IntoView {
    let bench = expect_context::<Workplace>();
    let listed = Memo::new(move |_| !bench.batch.rows.with(Vec::is_empty));
    view! {
        <Show when=move || listed.get()>
            <div class="actions back">
                <button type="button" class="quiet" on:click=move |_| bench.back_to_list()>"← Back to the list"</button>
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
    let engine = expect_context::<WorkerHandle>();
    let bench = expect_context::<Workplace>();
    let failed = Memo::new(move |_| matches!(engine.stage.get(), EngineState::Failed(_)));
    let error = move || {
        engine.refusal.get().or_else(|| match engine.stage.get() {
            EngineState::Failed(sentence) => Some(sentence),
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
            {move || bench.left_out.get().map(|sentence| view! {
                <div class="message notice">
                    <p data-testid="left-out">{sentence}</p>
                    <button type="button" class="quiet" on:click=move |_| bench.left_out.set(None)>"Dismiss"</button>
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
fn take_drops_and_pastes(engine: WorkerHandle, bench: Workplace, dragging: RwSignal<bool>) {
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
        let Some(data) = event.data_transfer() else { return };
        spawn_local(async move {
            let given = files::dropped(data).await;
            if given.photos.is_empty() && given.left_out.is_none() {
                let sentence =
                    "There was no photo in what was dropped. Save the picture to this device first, then drop it here.";
                engine.refusal.set(Some(sentence.into()));
            } else {
                bench.take(given);
            }
        });
    });
    let paste = window_event_listener(ev::paste, move |event| {
        match event.clipboard_data().and_then(|data| files::pasted(&data)) {
            Some(Ok(given)) => bench.take(given),
            Some(Err(sentence)) => engine.refusal.set(Some(sentence.into())),
            None => {}
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
