//! Two ways not to keep the page from answering while much is drawn: parts that are made when they are opened, and parts that
//! are made a moment later.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::browser::next_turn;

/// A folded part whose content is made when it is opened: hundreds of cells that few look at.
#[component]
pub(super) fn Folded(
    /// What stands there while it is folded.
    summary: &'static str,
    /// Whether it is open; owned by a component that outlives this one, which is drawn anew with its content.
    open: RwSignal<bool>,
    /// What is in it.
    children: ChildrenFn,
) -> impl IntoView {
    view! {
        <details open=open on:toggle:target=move |event| open.set(event.target().open())>
            <summary>{summary}</summary>
            {move || open.get().then(|| children())}
        </details>
    }
}

/// What `source` gives, so many turns of the event loop later; while it gives nothing, nothing.
pub(super) fn later<T>(turns: usize, source: impl Fn() -> Option<T> + 'static) -> RwSignal<Option<T>>
where
    T: Send + Sync + 'static,
{
    let seen = RwSignal::new(None);
    Effect::new(move |_| {
        let now = source();
        spawn_local(async move {
            for _ in 0..turns {
                next_turn().await;
            }
            // The page may have been left meanwhile.
            seen.try_set(now);
        });
    });
    seen
}
