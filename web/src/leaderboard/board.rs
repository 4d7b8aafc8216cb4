//! One board: what it measures, its ranking, its charts, and the visitor's own file.

use glae_api::{Board, BoardPage as Page, OwnSubmissions, Row, TruthAccess};
use leptos::prelude::*;
use leptos::task::spawn_local;
use web_sys::File;

use super::address::{ApiDocument, Source, endpoint};
use super::api::{Call, Failure};
use super::charts::Charts;
use super::compare::Compare;
use super::contest::ContestPart;
use super::desk::Desk;
use super::format::{counted, truth, truth_sentence, web_address};
use super::own::OwnRows;
use super::part::{self, PART};
use super::records::Records;
use super::score::Score;
use super::submit::Submit;
use super::table::Ranking;
use crate::scoring::Scoring;

/// Everything known on a board's page; copies are cheap and all mean the same one.
#[derive(Clone, Copy)]
pub(super) struct Here {
    /// The board's id in addresses.
    pub(super) id: StoredValue<String>,
    /// The board with a part of its ranking; `None` until it is here.
    pub(super) page: RwSignal<Option<Page>>,
    /// The first place of that part, from 0.
    pub(super) at: RwSignal<usize>,
    /// The first place of the part that was asked for, which may be on its way.
    pub(super) from: RwSignal<usize>,
    /// A static copy has the ranking as a whole.
    whole: StoredValue<Option<Page>>,
    /// The team's own rows on this board, wherever they stand, the newest first.
    pub(super) own: RwSignal<Vec<Row>>,
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
            at: RwSignal::new(0),
            from: RwSignal::new(0),
            whole: StoredValue::new(None),
            own: RwSignal::new(Vec::new()),
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
        self.load(false);
        self.load_own();
    }

    /// Shows the part of the ranking that holds a place, the first being 0, and puts the keyboard at its beginning.
    pub(super) fn turn(self, place: usize) {
        self.from.set(part::start(place));
        self.load(true);
    }

    fn load(self, turned: bool) {
        let (Some(id), Some(from)) = (self.id.try_get_value(), self.from.try_get_untracked()) else { return };
        spawn_local(async move {
            match self.part(&id, from).await {
                // Rows went meanwhile, and the part with them.
                Ok(page) if page.board.rows.is_empty() && page.total.is_some_and(|total| total > 0) => {
                    let last = page.total.map_or(0, |total| total as usize - 1);
                    if self.from.try_set(part::start(last)).is_none() {
                        self.load(turned);
                    }
                }
                Ok(page) => {
                    self.failure.try_set(None);
                    self.show(page, from);
                    if turned {
                        focus("ranking-rows");
                    }
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

    async fn part(self, id: &str, from: usize) -> Result<Page, Failure> {
        let known = self.whole.try_with_value(|whole| whole.as_ref().map(|whole| part::cut(whole, from)));
        if let Some(page) = known.flatten() {
            return Ok(page);
        }
        let page = self.desk.read::<Page>(ApiDocument::Board(id, from, PART)).await?;
        if self.desk.source.get_untracked() != Some(Source::Files) {
            return Ok(page);
        }
        let shown = part::cut(&page, from);
        self.whole.try_update_value(|whole| *whole = Some(page));
        Ok(shown)
    }

    fn show(self, mut page: Page, from: usize) {
        // Another part was asked for since.
        if self.from.try_get_untracked() != Some(from) {
            return;
        }
        self.at.try_set(from);
        self.page.try_update(|shown| {
            // What concerns the whole board comes with its first part.
            if let Some(before) = shown.take().filter(|_| from > 0) {
                (page.frozen, page.withdrawn) = (before.frozen, before.withdrawn);
            }
            *shown = Some(page);
        });
    }

    fn load_own(self) {
        let Some(token) = self.desk.token() else { return drop(self.own.try_set(Vec::new())) };
        spawn_local(async move {
            // What fails here fails above as well, and is said there.
            let Ok(all) = Call::get(&endpoint(&["me", "submissions"]), Some(&token)).value::<OwnSubmissions>().await
            else {
                return;
            };
            let Some(id) = self.id.try_get_value() else { return };
            let own = all.submissions.into_iter().filter(|one| one.board == id).map(|one| one.row);
            self.own.try_set(own.collect());
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
    let predictable = if board.truth == TruthAccess::Hidden { "Check and submit your file" } else { "Score your file" };
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

/// Scrolls an element into view and gives it the focus; false if it is not there.
pub(super) fn focus(id: &str) -> bool {
    use wasm_bindgen::JsCast;
    let Some(element) = document().get_element_by_id(id) else { return false };
    element.scroll_into_view();
    let _ = element.unchecked_into::<web_sys::HtmlElement>().focus();
    true
}
