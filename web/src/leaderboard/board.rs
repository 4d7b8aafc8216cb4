//! One board: what it measures, its ranking, its charts, and the visitor's own file.

use std::collections::HashSet;

use glae_api::{Board, BoardPage as Page, Truth};
use leptos::prelude::*;
use leptos::task::spawn_local;
use web_sys::File;

use super::address::Document;
use super::charts::Charts;
use super::compare::Compare;
use super::contest::ContestPart;
use super::desk::Desk;
use super::format::{counted, truth, truth_sentence, web_address};
use super::own::OwnRows;
use super::records::Records;
use super::score::Score;
use super::submit::Submit;
use super::table::Ranking;
use crate::scoring::Scoring;

/// Rows of a ranking that are fetched at once.
const PART: usize = 100;

/// Rows that the server gives at once at most.
const MOST_AT_ONCE: usize = 1_000;

/// Everything known on a board's page; copies are cheap and all mean the same one.
#[derive(Clone, Copy)]
pub(super) struct Here {
    /// The board's id in addresses.
    pub(super) id: StoredValue<String>,
    /// The board with its rows; `None` until it is here.
    pub(super) page: RwSignal<Option<Page>>,
    /// Why there is no board.
    pub(super) failure: RwSignal<Option<String>>,
    /// Where documents come from, and the visitor's team.
    pub(super) desk: Desk,
    /// The scorer of this page.
    pub(super) scoring: Scoring,
    /// The visitor's predictions.
    pub(super) file: RwSignal<Option<File>, LocalStorage>,
    /// The visitor's own truth.
    pub(super) own_truth: RwSignal<Option<File>, LocalStorage>,
    /// The row that the visitor has just submitted.
    pub(super) submitted: RwSignal<Option<String>>,
}

impl Here {
    fn new(id: String) -> Self {
        Self {
            id: StoredValue::new(id),
            page: RwSignal::new(None),
            failure: RwSignal::new(None),
            desk: expect_context::<Desk>(),
            scoring: Scoring::new(),
            file: RwSignal::new_local(None),
            own_truth: RwSignal::new_local(None),
            submitted: RwSignal::new(None),
        }
    }

    /// The board itself; what it says of itself stays the same while the page is open.
    pub(super) fn board(self) -> Board {
        self.page.with_untracked(|page| page.as_ref().expect("shown only when loaded").board.clone())
    }

    /// Fetches the board anew. What is on screen stays until the answer is here. Does nothing once the page is left, which
    /// may be before an answer of the server calls for it.
    pub(super) fn reload(self) {
        let Some(id) = self.id.try_get_value() else { return };
        let loaded = self.page.with_untracked(|page| page.as_ref().map_or(0, |page| page.board.rows.len()));
        spawn_local(async move {
            match self.desk.read::<Page>(Document::Board(&id, 0, loaded.clamp(PART, MOST_AT_ONCE))).await {
                Ok(page) => {
                    self.failure.try_set(None);
                    self.page.try_set(Some(page));
                }
                Err(failure) if failure.status == 404 => {
                    self.failure.try_set(Some(format!("There is no board “{id}” here.")));
                }
                Err(failure) => {
                    self.failure.try_set(Some(failure.sentence()));
                }
            }
        });
    }
}

impl Here {
    /// Fetches the next rows of a long ranking and adds them.
    pub(super) fn more(self) {
        let Some(id) = self.id.try_get_value() else { return };
        let loaded = self.page.with_untracked(|page| page.as_ref().map_or(0, |page| page.board.rows.len()));
        spawn_local(async move {
            match self.desk.read::<Page>(Document::Board(&id, loaded, PART)).await {
                Ok(next) => drop(self.page.try_update(|page| {
                    let Some(page) = page else { return };
                    // Rows may have come or gone meanwhile: none twice.
                    let known: HashSet<String> = page.board.rows.iter().map(|row| row.id.clone()).collect();
                    page.board.rows.extend(next.board.rows.into_iter().filter(|row| !known.contains(&row.id)));
                    page.standings.extend(next.standings);
                    page.total = next.total;
                })),
                Err(failure) => drop(self.failure.try_set(Some(failure.sentence()))),
            }
        });
    }
}

/// A board's page.
#[component]
pub(super) fn OneBoard(
    /// As in the address.
    id: String,
) -> impl IntoView {
    document().set_title("GLAE · Leaderboard");
    let here = Here::new(id);
    provide_context(here);
    here.reload();
    // Another team sees other rows.
    Effect::watch(move || here.desk.team.get(), move |_, _, _| here.reload(), false);
    let is_here = Memo::new(move |_| here.page.with(Option::is_some));
    view! {
        <nav class="boards-back" aria-label="Boards"><a href="/leaderboard">"All boards"</a></nav>
        <div role="alert">
            {move || here.failure.get().map(|sentence| view! {
                <div class="message error">
                    <p data-testid="error">{sentence}</p>
                    <button type="button" class="quiet" on:click=move |_| here.reload()>"Try again"</button>
                </div>
            })}
        </div>
        <Show
            when=move || is_here.get()
            fallback=move || here.failure.with(Option::is_none).then(|| view! {
                <p class="hint" role="status">"Loading the board"</p>
            })
        >
            <Contents/>
        </Show>
    }
}

#[component]
fn Contents() -> impl IntoView {
    let here = expect_context::<Here>();
    let board = here.board();
    document().set_title(&format!("{} · GLAE Leaderboard", board.title));
    view! {
        <article class="board" data-testid="board" data-board=here.id.get_value()>
            <Head board/>
            <ContestPart/>
            <Ranking/>
            <Records/>
            <OwnRows/>
            <Charts/>
            <Score/>
            <Submit/>
            <Compare/>
        </article>
    }
}

#[component]
fn Head(
    /// What to introduce.
    board: Board,
) -> impl IntoView {
    let source = match web_address(&board.dataset.source) {
        Some(address) => {
            view! { <a href=address.to_owned() rel="noopener noreferrer">"Where to ask for it"</a> }.into_any()
        }
        None => view! { <span>{board.dataset.source.clone()}</span> }.into_any(),
    };
    let images = board.dataset.test_images.map(|images| counted(images.into(), "test image", "test images"));
    let predictable = if board.truth == Truth::Hidden { "Check and submit your file" } else { "Score your file" };
    view! {
        <section class="intro">
            <h1>{board.title}</h1>
            <p class="lead">{board.measures}</p>
            <p class="jump"><a class="button" href="#score" on:click=jump>{predictable}</a></p>
        </section>
        <dl class="about-board">
            <div><dt>"Protocol"</dt><dd>{board.protocol}</dd></div>
            <div>
                <dt>"Data"</dt>
                <dd>
                    {board.dataset.name}
                    {images.map(|images| format!(", {images}"))}
                    ". Licence: " {board.dataset.licence} " " {source}
                </dd>
            </div>
            <div>
                <dt>"Truth"</dt>
                <dd>{format!("{}. {}", truth(board.truth), truth_sentence(board.truth))}</dd>
            </div>
        </dl>
    }
}

/// Goes to the section and takes the keyboard along; the page's router would treat the link as another page.
fn jump(event: leptos::ev::MouseEvent) {
    event.prevent_default();
    focus("score");
}

/// Scrolls an element into view and gives it the focus.
pub(super) fn focus(id: &str) {
    use wasm_bindgen::JsCast;
    if let Some(element) = document().get_element_by_id(id) {
        element.scroll_into_view();
        let _ = element.unchecked_into::<web_sys::HtmlElement>().focus();
    }
}
