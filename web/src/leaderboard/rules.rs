//! The organiser's part of a contest: announce, invite, extend, close; and freezing, which every board knows.

use glae_api::{Action, ContestPage, Phase};
use leptos::prelude::*;

use super::field::TextInput;
use super::format::moment;
use super::organise::{Office, board_page};
use super::time::seconds;

/// The section.
#[component]
pub(super) fn Rules(
    /// The contest, if the board is one.
    contest: Option<ContestPage>,
    /// Invitations made, and used.
    invitations: [u32; 2],
) -> impl IntoView {
    let office = expect_context::<Office>();
    let board = office.board.get_untracked();
    let href = board_page(&board);
    let is_closed = contest.as_ref().is_none_or(|contest| contest.phase == Phase::Closed);
    let frozen = board.clone();
    let freeze = move |_| office.act(Action::Freeze { board: frozen.clone() });
    view! {
        <section aria-labelledby="rules-title">
            <h2 id="rules-title">"The board"</h2>
            <p><a href=href>"Its page"</a></p>
            {contest.map(|contest| view! { <Contest board contest invitations/> })}
            {is_closed.then(|| view! {
                <p class="hint">"A frozen ranking has a date, a checksum and a citation; it stays as it is when rows come or go."</p>
                <div><button type="button" class="button secondary" data-testid="freeze" on:click=freeze>"Freeze the ranking"</button></div>
            })}
        </section>
    }
}

#[component]
fn Contest(
    /// The board's id.
    board: String,
    /// As it is now.
    contest: ContestPage,
    /// Invitations made, and used.
    invitations: [u32; 2],
) -> impl IntoView {
    let office = expect_context::<Office>();
    let board = StoredValue::new(board);
    let text = RwSignal::new(contest.announcement.clone());
    let (until, wrong) = (RwSignal::new(String::new()), RwSignal::new(None));
    let count = RwSignal::new("1".to_owned());
    let announce = move |_| {
        office.act(Action::Announce { board: board.get_value(), text: text.get_untracked().trim().to_owned() });
    };
    let extend = move |_| match seconds(&until.get_untracked()) {
        Some(until) => office.act(Action::Extend { board: board.get_value(), until }),
        None => wrong.set(Some("Write a date and a time, as in 2026-12-31 18:00.".to_owned())),
    };
    let close = move |_| {
        let question = "Close the contest now? The private part is told, so it cannot be opened again.".to_owned();
        office.ask(Action::Close { board: board.get_value() }, question);
    };
    let invite = move |_| {
        if let Ok(count) = count.get_untracked().trim().parse() {
            office.act(Action::Invite { board: board.get_value(), count });
        }
    };
    let is_over = contest.phase == Phase::Closed;
    let state = match contest.phase {
        Phase::Before => format!("Opens {}, closes {}.", moment(contest.rules.opens), moment(contest.rules.closes)),
        Phase::Open => format!("Open until {}.", moment(contest.rules.closes)),
        Phase::Closed => format!("Closed since {}.", moment(contest.rules.closes)),
    };
    let codes = move || {
        let codes = office.codes.get();
        (!codes.is_empty()).then(|| {
            view! {
                <div class="field">
                    <label for="new-codes">"New codes, shown this once: only their hashes are stored"</label>
                    <textarea id="new-codes" class="secret" readonly=true prop:value=codes.join("\n")></textarea>
                </div>
            }
        })
    };
    view! {
        <p data-testid="organise-phase">{state}</p>
        <div class="form">
            <div class="field">
                <label for="announcement">"Announcement on the contest's page"</label>
                <textarea id="announcement" prop:value=move || text.get() on:input:target=move |event| text.set(event.target().value())></textarea>
            </div>
            <div><button type="button" class="button secondary" data-testid="announce" on:click=announce>"Announce"</button></div>
            {(!is_over).then(|| view! {
                <TextInput
                    id="invitation-count"
                    label="Invitations to make"
                    value=count
                    mode="numeric"
                    hint=format!("1 to 1,000. Made so far: {}, used: {}.", invitations[0], invitations[1])
                />
                <div><button type="button" class="button secondary" data-testid="invite" on:click=invite>"Make invitations"</button></div>
                {codes}
                <TextInput id="closes" label="New closing time, in UTC" value=until wrong hint="As in “2026-12-31 18:00”."/>
                <div class="actions">
                    <button type="button" class="button secondary" data-testid="extend" on:click=extend>"Move the closing"</button>
                    <button type="button" class="button secondary" data-testid="close" on:click=close>"Close now"</button>
                </div>
            })}
        </div>
    }
}
