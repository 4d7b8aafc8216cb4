//! The team's own rows: change, publish, withdraw.

use glae_api::{MetadataChange, Row, Visibility};
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::address::endpoint;
use super::api::{Body, Call, Failure, Method, json};
use super::board::{Here, focus};
use super::draft::Draft;
use super::field::{Outcome, Said};
use super::form::{MetadataFields, Wrong, show_wrong};
use super::format::whole;

/// So many of the team's rows are shown until all are asked for, the newest first.
const NEWEST: usize = 20;

/// What is open under which row; one thing at a time, so that no two forms share their ids.
type Unfolded = RwSignal<Option<(String, Fold)>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fold {
    Editing,
    Withdrawing,
}

/// The section, if the team has rows here.
#[component]
pub(super) fn OwnRows() -> impl IntoView {
    let here = expect_context::<Here>();
    let said: Said = RwSignal::new(None);
    let unfolded: Unfolded = RwSignal::new(None);
    let all = RwSignal::new(false);
    let count = Memo::new(move |_| here.own.with(Vec::len));
    let rows = Memo::new(move |_| {
        let most = if all.get() { usize::MAX } else { NEWEST };
        here.own.with(|own| own.iter().take(most).cloned().collect::<Vec<Row>>())
    });
    let has_any = Memo::new(move |_| rows.with(|rows| !rows.is_empty()));
    view! {
        <Show when=move || has_any.get()>
            <section aria-labelledby="own-title">
                <h2 id="own-title">"Your submissions on this board"</h2>
                <ul class="own-rows" data-testid="own-rows">
                    {move || rows.get().into_iter().map(|row| view! { <OwnRow row unfolded said/> }).collect_view()}
                </ul>
                <Show when=move || { count.get() > rows.with(Vec::len) }>
                    <button type="button" class="quiet" data-testid="own-all" on:click=move |_| all.set(true)>
                        {move || format!("Show all {} of your submissions", whole(count.get() as u64))}
                    </button>
                </Show>
            </section>
        </Show>
        <Outcome id="own-status" said=said/>
    }
}

#[component]
fn OwnRow(
    /// One of the team's.
    row: Row,
    /// What is open.
    unfolded: Unfolded,
    /// Gets the outcome.
    said: Said,
) -> impl IntoView {
    let here = expect_context::<Here>();
    let is_public = row.visibility == Visibility::Public;
    let method = row.method.clone();
    let stored = StoredValue::new(row.clone());

    let publish = move |_| {
        let visibility = Some(if is_public { Visibility::Private } else { Visibility::Public });
        change(here, stored.get_value().id, MetadataChange { visibility, ..MetadataChange::default() }, said);
    };
    let fold = Memo::new(move |_| {
        unfolded.with(|open| open.as_ref().filter(|(id, _)| stored.with_value(|row| row.id == *id)).map(|open| open.1))
    });
    let toggle = move |wanted| {
        move |_| {
            let opens = fold.get_untracked() != Some(wanted);
            unfolded.set(opens.then(|| (stored.get_value().id, wanted)));
        }
    };
    let is_open = move |wanted| move || (fold.get() == Some(wanted)).to_string();
    let state = if is_public { "public" } else { "private" };
    view! {
        <li class="card" id=format!("own-{}", row.id) tabindex="-1" data-row=row.id data-visibility=state>
            <div class="head">
                <p><strong>{method}</strong>" "<span class="badge plain">{state}</span></p>
                <div class="actions">
                    <button type="button" class="quiet" aria-expanded=is_open(Fold::Editing) on:click=toggle(Fold::Editing)>"Edit"</button>
                    <button type="button" class="quiet" on:click=publish>{if is_public { "Make private" } else { "Publish" }}</button>
                    <button type="button" class="quiet" aria-expanded=is_open(Fold::Withdrawing) on:click=toggle(Fold::Withdrawing)>"Withdraw"</button>
                </div>
            </div>
            {move || match fold.get() {
                None => ().into_any(),
                Some(Fold::Editing) => view! { <Edit row=stored.get_value() unfolded said/> }.into_any(),
                Some(Fold::Withdrawing) => view! { <Confirm row=stored.get_value() unfolded said/> }.into_any(),
            }}
        </li>
    }
}

#[component]
fn Edit(
    /// What to change.
    row: Row,
    /// Closed afterwards.
    unfolded: Unfolded,
    /// Gets the outcome.
    said: Said,
) -> impl IntoView {
    let here = expect_context::<Here>();
    let drafts = here.desk.drafts;
    let (as_it_is, id) = (Draft::of(&row), StoredValue::new(row.id));
    let draft = RwSignal::new(id.with_value(|id| drafts.kept(id)).unwrap_or_else(|| as_it_is.clone()));
    Effect::new(move |_| {
        draft.with(|draft| id.with_value(|id| drafts.keep(id, (*draft != as_it_is).then_some(draft))));
    });
    let cancel = move |_| {
        id.with_value(|id| drafts.keep(id, None));
        unfolded.set(None);
    };
    let wrong: Wrong = RwSignal::new(Vec::new());
    let save = move |event: SubmitEvent| {
        event.prevent_default();
        match draft.get_untracked().read() {
            Ok(metadata) => change(here, id.get_value(), metadata.into(), said),
            Err(fields) => show_wrong("edit", wrong, fields),
        }
    };
    view! {
        <form class="form" novalidate=true on:submit=save>
            <MetadataFields prefix="edit" draft wrong/>
            <div class="actions">
                <button type="submit" class="button">"Save"</button>
                <button type="button" class="button secondary" on:click=cancel>"Cancel"</button>
            </div>
        </form>
    }
}

/// Asks before a row goes for good.
#[component]
fn Confirm(
    /// What goes.
    row: Row,
    /// Closed afterwards.
    unfolded: Unfolded,
    /// Gets the outcome.
    said: Said,
) -> impl IntoView {
    let here = expect_context::<Here>();
    let method = row.method.clone();
    let withdraw = move |_| {
        let row = row.clone();
        spawn_local(async move {
            let token = here.desk.token();
            let address = endpoint(&["submissions", &row.id]);
            let outcome = Call::send(Method::DELETE, &address, token.as_deref(), Body::Empty).done().await;
            finish(here, said, outcome.map(|()| format!("{} was withdrawn.", row.method)));
        });
    };
    view! {
        <div class="message notice">
            <p>{format!("Withdraw {method}? Its row and its predictions go from the board.")}</p>
            <button type="button" class="quiet" data-testid="withdraw-confirm" on:click=withdraw>"Withdraw it"</button>
            <button type="button" class="quiet" on:click=move |_| unfolded.set(None)>"Keep it"</button>
        </div>
    }
}

/// Sends what changes of a row.
fn change(here: Here, id: String, change: MetadataChange, said: Said) {
    spawn_local(async move {
        let token = here.desk.token();
        let address = endpoint(&["submissions", &id]);
        let body = Body::Json(json(&change, false));
        let answer = Call::send(Method::PATCH, &address, token.as_deref(), body).value::<Row>().await;
        if answer.is_ok() {
            here.desk.drafts.keep(&id, None);
        }
        finish(
            here,
            said,
            answer.map(|row| match row.visibility {
                Visibility::Public => format!("{} is saved and public.", row.method),
                Visibility::Private => format!("{} is saved; only your team sees it.", row.method),
            }),
        );
    });
}

/// Says what came of it. The button that was pressed may be gone, so the keyboard goes to the sentence.
fn finish(here: Here, said: Said, outcome: Result<String, Failure>) {
    let went_well = outcome.is_ok();
    // Nothing to say to a visitor who has left for another page.
    let here_still = said.try_set(Some(outcome)).is_none();
    if went_well && here_still {
        here.reload();
        focus("own-status");
    }
}
