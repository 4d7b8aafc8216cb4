//! The organisers' page, `/organise`: a token, then what can be done, board by board, and the log of what was done.

use glae_api::{Action, BoardOffice, Deed, Done, EntryState, Log, NewDeed, Organiser};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::address::{endpoint, segment};
use super::api::{Body, Call, Method, json};
use super::board::focus;
use super::field::{Outcome, Said, TextInput};
use super::format::moment;
use super::organised::{Rows, Teams};
use super::rules::Rules;
use crate::storage::{of_the_tab, read, write};

/// The name under which the organiser's token is kept until the tab is closed.
const KEPT: &str = "glae-organiser";

/// Deeds of the log that are shown at first and added at each wish.
const LOG_PAGE: u32 = 50;

/// Everything on the page; copies are cheap and all mean the same one.
#[derive(Clone, Copy)]
pub(super) struct Office {
    token: RwSignal<Option<String>>,
    who: RwSignal<Option<Organiser>>,
    /// The id of the board that is looked after.
    pub(super) board: RwSignal<String>,
    /// What is known of it.
    pub(super) shown: RwSignal<Option<BoardOffice>>,
    log: RwSignal<Option<Log>>,
    reason: RwSignal<String>,
    said: Said,
    /// Codes that were just made.
    pub(super) codes: RwSignal<Vec<String>>,
    /// A deed that cannot be undone and waits for a second word, with the question.
    asked: RwSignal<Option<(Action, String)>>,
}

impl Office {
    fn new() -> Self {
        Self {
            token: RwSignal::new(None),
            who: RwSignal::new(None),
            board: RwSignal::new(String::new()),
            shown: RwSignal::new(None),
            log: RwSignal::new(None),
            reason: RwSignal::new(String::new()),
            said: RwSignal::new(None),
            codes: RwSignal::new(Vec::new()),
            asked: RwSignal::new(None),
        }
    }

    fn enter(self, token: String) {
        spawn_local(async move {
            match Call::get(&endpoint(&["organise"]), Some(&token)).value::<Organiser>().await {
                Ok(who) => {
                    write(of_the_tab(), KEPT, Some(&token));
                    self.token.try_set(Some(token));
                    let first = who.boards.iter().find(|board| board.is_contest).or(who.boards.first());
                    self.board.try_set(first.map(|board| board.id.clone()).unwrap_or_default());
                    self.said.try_set(None);
                    self.who.try_set(Some(who));
                    self.look();
                    focus("organise-title");
                }
                Err(failure) => {
                    self.said.try_set(Some(Err(failure)));
                }
            }
        });
    }

    fn leave(self) {
        write(of_the_tab(), KEPT, None);
        self.token.set(None);
        self.who.set(None);
        self.shown.set(None);
        self.log.set(None);
    }

    /// Fetches the board and the log anew.
    fn look(self) {
        let Some(Some(token)) = self.token.try_get_untracked() else { return };
        let board = self.board.get_untracked();
        let shown = self.log.with_untracked(|log| log.as_ref().map_or(0, |log| log.deeds.len() as u32)).max(LOG_PAGE);
        spawn_local(async move {
            if !board.is_empty() {
                match Call::get(&endpoint(&["organise", "boards", &board]), Some(&token)).value().await {
                    Ok(office) => drop(self.shown.try_set(Some(office))),
                    Err(failure) => drop(self.said.try_set(Some(Err(failure)))),
                }
            }
            self.read_log(shown).await;
        });
    }

    async fn read_log(self, limit: u32) {
        let Some(Some(token)) = self.token.try_get_untracked() else { return };
        let address = endpoint(&["organise", "log"]) + &format!("?limit={}", limit.min(1000));
        match Call::get(&address, Some(&token)).value().await {
            Ok(log) => drop(self.log.try_set(Some(log))),
            Err(failure) => drop(self.said.try_set(Some(Err(failure)))),
        }
    }

    /// Asks for a second word before something that cannot be undone.
    pub(super) fn ask(self, action: Action, question: String) {
        self.asked.set(Some((action, question)));
        focus("organise-asked");
    }

    /// Does something, and says what came of it.
    pub(super) fn act(self, action: Action) {
        let Some(token) = self.token.get_untracked() else { return };
        self.asked.set(None);
        let new = NewDeed { deed: action, reason: self.reason.get_untracked().trim().to_owned() };
        spawn_local(async move {
            let body = Body::Json(json(&new, false));
            let address = endpoint(&["organise", "deeds"]);
            let outcome = match Call::send(Method::POST, &address, Some(&token), body).value::<Done>().await {
                Ok(done) => {
                    self.reason.try_set(String::new());
                    let sentence = told(&new.deed, &done);
                    self.codes.try_set(done.codes);
                    self.look();
                    Ok(sentence)
                }
                Err(failure) => Err(failure),
            };
            // The button that was pressed may be gone, so the keyboard goes to the sentence.
            if self.said.try_set(Some(outcome)).is_none() {
                focus("organise-status");
            }
        });
    }
}

/// What was done, in a sentence.
fn told(action: &Action, done: &Done) -> String {
    match action {
        Action::Admit { team, .. } => format!("{team} is admitted."),
        Action::Refuse { team, .. } => format!("{team} is refused."),
        Action::Invite { count, .. } => format!("Invitations made: {count}."),
        Action::Hide { submission } => format!("{submission} is hidden."),
        Action::Unhide { submission } => format!("{submission} is shown again."),
        Action::Ban { team } => format!("{team} is banned."),
        Action::Unban { team } => format!("{team} may submit again."),
        Action::RemoveTeam { team } => {
            format!("{team} is gone, with {} submissions.", done.removed.unwrap_or_default())
        }
        Action::Freeze { board } => match &done.frozen {
            Some(frozen) => format!("Ranking {} of {board} is kept. SHA-256 {}", frozen.number, frozen.checksum),
            None => format!("The ranking of {board} is kept."),
        },
        Action::Close { board } => format!("{board} is closed."),
        Action::Extend { board, until } => format!("{board} closes on {}.", moment(*until)),
        Action::Announce { text, .. } if text.is_empty() => "The announcement is taken away.".into(),
        Action::Announce { .. } => "The announcement stands on the contest's page.".into(),
    }
}

/// The page.
#[component]
pub(super) fn OrganisePage() -> impl IntoView {
    document().set_title("Organise · GLAE Leaderboard");
    let office = Office::new();
    provide_context(office);
    if let Some(token) = read([of_the_tab(), None], KEPT) {
        office.enter(token);
    }
    let is_in = Memo::new(move |_| office.who.with(Option::is_some));
    view! {
        <nav class="boards-back" aria-label="Boards"><a href="/leaderboard">"All boards"</a></nav>
        <section class="intro">
            <h1 id="organise-title" tabindex="-1">"Organise"</h1>
            <p class="lead">
                "Run contests and keep boards clean. Everything done here is written into a log that nothing changes."
            </p>
        </section>
        <Outcome id="organise-status" said=office.said/>
        <Show when=move || is_in.get() fallback=move || view! { <Door/> }>
            <Desk/>
        </Show>
    }
}

#[component]
fn Door() -> impl IntoView {
    let office = expect_context::<Office>();
    let secret = RwSignal::new(String::new());
    let enter = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let token = secret.get_untracked().trim().to_owned();
        if !token.is_empty() {
            office.enter(token);
        }
    };
    view! {
        <form class="form" on:submit=enter>
            <TextInput
                id="organiser-token"
                label="Your organiser's token"
                value=secret
                kind="password"
                hint="The operator makes it with “portal organise token NAME”. It is kept until this tab is closed."
            />
            <div><button type="submit" class="button">"Enter"</button></div>
        </form>
    }
}

#[component]
fn Desk() -> impl IntoView {
    let office = expect_context::<Office>();
    let boards = office.who.with_untracked(|who| who.as_ref().map(|who| who.boards.clone()).unwrap_or_default());
    let options = boards.into_iter().map(|board| {
        let own = board.id.clone();
        let title = if board.is_contest { format!("{} (contest)", board.title) } else { board.title };
        view! { <option value=board.id selected=move || office.board.with(|id| *id == own)>{title}</option> }
    });
    let options = options.collect_view();
    let name = move || office.who.with(|who| who.as_ref().map(|who| format!("You act as {}.", who.name)));
    let choose = move |id: String| {
        office.board.set(id);
        office.shown.set(None);
        office.codes.set(Vec::new());
        office.look();
    };
    view! {
        <p>{name} " "<button type="button" class="quiet" on:click=move |_| office.leave()>"Leave"</button></p>
        <div class="form">
            <div class="field">
                <label for="organised-board">"Board"</label>
                <select id="organised-board" on:change:target=move |event| choose(event.target().value())>{options}</select>
            </div>
            <TextInput
                id="organise-reason"
                label="Reason for the next deed"
                value=office.reason
                most="500"
                hint="It stands in the log; the team of a hidden submission sees it."
            />
        </div>
        <div id="organise-asked" tabindex="-1" role="alert">
            {move || office.asked.get().map(|(action, question)| view! {
                <div class="message notice">
                    <p>{question}</p>
                    <button type="button" class="quiet" data-testid="organise-confirm" on:click=move |_| office.act(action.clone())>"Yes, do it"</button>
                    <button type="button" class="quiet" on:click=move |_| office.asked.set(None)>"No"</button>
                </div>
            })}
        </div>
        {move || office.shown.get().map(|shown| view! {
            <Rules contest=shown.contest.clone() invitations=[shown.invitations, shown.invitations_used]/>
            <Teams teams=shown.teams is_contest=shown.contest.is_some()/>
            <Rows rows=shown.rows/>
        })}
        <Written/>
    }
}

/// The log.
#[component]
fn Written() -> impl IntoView {
    let office = expect_context::<Office>();
    let more = move |_| {
        let shown = office.log.with_untracked(|log| log.as_ref().map_or(0, |log| log.deeds.len() as u32));
        spawn_local(office.read_log(shown + LOG_PAGE));
    };
    let has_more = move || office.log.with(|log| log.as_ref().is_some_and(|log| log.total as usize > log.deeds.len()));
    view! {
        <section aria-labelledby="log-title">
            <h2 id="log-title">"Log"</h2>
            <ul class="own-rows" data-testid="organise-log">
                {move || office.log.get().map(|log| log.deeds.into_iter().map(line).collect_view())}
            </ul>
            <Show when=has_more>
                <button type="button" class="quiet" on:click=more>"Show earlier deeds"</button>
            </Show>
        </section>
    }
}

fn line(deed: Deed) -> impl IntoView {
    let Deed { at, actor, action, board, subject, reason } = deed;
    let about = [board, subject].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ");
    let reason = (!reason.is_empty()).then(|| view! { <span class="small">{reason}</span> });
    view! {
        <li>
            <strong>{action.clone()}</strong>" "{about}
            <span class="small">{format!("{} by {actor}", moment(at))}</span>
            {reason}
        </li>
    }
}

/// Where an entry stands, in a word.
pub(super) fn state(state: EntryState) -> &'static str {
    match state {
        EntryState::None => "has not asked",
        EntryState::Pending => "waits",
        EntryState::Admitted => "takes part",
        EntryState::Refused => "refused",
    }
}

/// The address of a board's page.
pub(super) fn board_page(id: &str) -> String {
    format!("/leaderboard/{}", segment(id))
}
