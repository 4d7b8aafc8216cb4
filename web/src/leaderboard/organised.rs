//! The teams and the submissions of a board, as its organiser sees them.

use glae_api::{Action, Entrant, EntryState, OrganisedRow};
use leptos::prelude::*;

use super::field::TextInput;
use super::format::moment;
use super::organise::{Office, state};

/// Admits, refuses, bans and removes teams.
#[component]
pub(super) fn Teams(
    /// Those that asked or submitted.
    teams: Vec<Entrant>,
    /// Whether teams take part in something.
    is_contest: bool,
) -> impl IntoView {
    let office = expect_context::<Office>();
    let name = RwSignal::new(String::new());
    let by_name = move |act: fn(String) -> Action| {
        move |_| {
            let team = name.get_untracked().trim().to_owned();
            if !team.is_empty() {
                office.act(act(team));
            }
        }
    };
    let admit = move |_| {
        let (board, team) = (office.board.get_untracked(), name.get_untracked().trim().to_owned());
        if !team.is_empty() {
            office.act(Action::Admit { board, team });
        }
    };
    let remove = move |_| {
        let team = name.get_untracked().trim().to_owned();
        if !team.is_empty() {
            ask_removal(office, team);
        }
    };
    let none = teams.is_empty().then(|| view! { <p class="hint">"No team has asked or submitted yet."</p> });
    view! {
        <section aria-labelledby="teams-title">
            <h2 id="teams-title">"Teams"</h2>
            {none}
            <ul class="own-rows" data-testid="organise-teams">
                {teams.into_iter().map(|team| view! { <Team team is_contest/> }).collect_view()}
            </ul>
            <div class="form">
                <TextInput id="organised-team" label="Another team, by its name" value=name/>
                <div class="actions">
                    {is_contest.then(|| view! {
                        <button type="button" class="quiet" on:click=admit>"Admit it"</button>
                    })}
                    <button type="button" class="quiet" on:click=by_name(|team| Action::Ban { team })>"Ban it"</button>
                    <button type="button" class="quiet" on:click=by_name(|team| Action::Unban { team })>"Let it in again"</button>
                    <button type="button" class="quiet" on:click=remove>"Remove it"</button>
                </div>
            </div>
        </section>
    }
}

#[component]
fn Team(
    /// One of them.
    team: Entrant,
    /// Whether it takes part in something.
    is_contest: bool,
) -> impl IntoView {
    let office = expect_context::<Office>();
    let board = office.board.get_untracked();
    let act = move |label: &'static str, action: Action| {
        let name = format!("{label} {}", subject(&action));
        view! { <button type="button" class="quiet" aria-label=name on:click=move |_| office.act(action.clone())>{label}</button> }
    };
    let name = team.team.clone();
    let admit = (is_contest && team.state != EntryState::Admitted)
        .then(|| act("Admit", Action::Admit { board: board.clone(), team: name.clone() }));
    let refuse = (is_contest && team.state != EntryState::Refused)
        .then(|| act("Refuse", Action::Refuse { board: board.clone(), team: name.clone() }));
    let ban = match team.banned {
        true => act("Unban", Action::Unban { team: name.clone() }),
        false => act("Ban", Action::Ban { team: name.clone() }),
    };
    let removed = name.clone();
    let banned = team.banned.then(|| view! { <span class="badge plain">"banned"</span> });
    let stands = is_contest.then(|| view! { <span class="badge plain">{state(team.state)}</span> });
    view! {
        <li class="card" data-team=name.clone()>
            <div class="head">
                <p><strong>{name.clone()}</strong>" "{stands}" "{banned}
                    <span class="small">{format!("Submissions here: {}", team.submissions)}</span>
                </p>
                <div class="actions">
                    {admit}{refuse}{ban}
                    <button
                        type="button"
                        class="quiet"
                        aria-label=format!("Remove {name}")
                        on:click=move |_| ask_removal(office, removed.clone())
                    >"Remove"</button>
                </div>
            </div>
        </li>
    }
}

fn ask_removal(office: Office, team: String) {
    let question = format!(
        "Remove {team} with its tokens, submissions and files? Its names go from frozen rankings, too. This cannot be undone."
    );
    office.ask(Action::RemoveTeam { team }, question);
}

/// The team that a deed is about.
fn subject(action: &Action) -> &str {
    match action {
        Action::Admit { team, .. } | Action::Refuse { team, .. } | Action::Ban { team } | Action::Unban { team } => {
            team
        }
        _ => "",
    }
}

/// Hides submissions and shows them again.
#[component]
pub(super) fn Rows(
    /// Public and hidden ones.
    rows: Vec<OrganisedRow>,
) -> impl IntoView {
    let office = expect_context::<Office>();
    let none = rows.is_empty().then(|| view! { <p class="hint">"There are no public submissions."</p> });
    let item = move |row: OrganisedRow| {
        let action = match row.hidden {
            true => Action::Unhide { submission: row.id.clone() },
            false => Action::Hide { submission: row.id.clone() },
        };
        let label = if row.hidden { "Show again" } else { "Hide" };
        let hidden = row.hidden.then(|| view! { <span class="badge plain">"hidden"</span> });
        let reason = (!row.reason.is_empty()).then(|| view! { <span class="small">{row.reason.clone()}</span> });
        view! {
            <li class="card" data-row=row.id.clone()>
                <div class="head">
                    <p><strong>{row.method.clone()}</strong>" "{hidden}
                        <span class="small">{format!("{}, {}, {}", row.team, moment(row.at), row.id)}</span>
                        {reason}
                    </p>
                    <div class="actions">
                        <button
                            type="button"
                            class="quiet"
                            aria-label=format!("{label}: {} of {}", row.method, row.team)
                            on:click=move |_| office.act(action.clone())
                        >{label}</button>
                    </div>
                </div>
            </li>
        }
    };
    view! {
        <section aria-labelledby="rows-title">
            <h2 id="rows-title">"Submissions"</h2>
            {none}
            <ul class="own-rows" data-testid="organise-rows">{rows.into_iter().map(item).collect_view()}</ul>
        </section>
    }
}
