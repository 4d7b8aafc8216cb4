//! The device, and how far the start has got.

use leptos::prelude::*;

use super::wording::{self, EngineState};
use crate::engine::WorkerHandle;

/// The device line, and under it the progress until everything is ready.
#[component]
pub(super) fn Status() -> impl IntoView {
    let engine = expect_context::<WorkerHandle>();
    let device =
        move || engine.device.get().map_or_else(|| "not chosen yet".to_owned(), |report| wording::device(&report));
    let kind = move || engine.device.get().map(|report| report.kind.as_str());
    let under_way = Memo::new(move |_| {
        !matches!(engine.stage.get(), EngineState::Asleep | EngineState::Ready | EngineState::Failed(_))
    });
    // Without a value the bar says "working" instead of "so far".
    let value = move || match engine.stage.get() {
        EngineState::Loading { received, total } => Some((received as f64 / total.max(1) as f64).to_string()),
        _ => None,
    };
    let stage = move || match engine.stage.get() {
        EngineState::Asleep => "asleep",
        EngineState::Waking => "waking",
        EngineState::Loading { .. } => "loading",
        EngineState::Checking(_) => "checking",
        EngineState::Ready => "ready",
        EngineState::Failed(_) => "failed",
    };
    view! {
        // A translation would replace the texts that the program goes on writing to.
        <div class="status" translate="no" data-testid="status" data-stage=stage>
            <p>
                <span class="label">"Device"</span>
                " "
                <span data-testid="device" data-device=kind>{device}</span>
            </p>
            <Show when=move || under_way.get()>
                <progress max="1" value=value aria-label="Start of the estimator"></progress>
                <p class="hint">{move || engine.stage.with(wording::status)}</p>
            </Show>
        </div>
    }
}
