//! The page "Your submissions", `/submissions`: a team's rows on all boards, what it withdrew, and its tokens.

use glae_api::{MetadataChange, OwnSubmission, OwnSubmissions, Row, Standing, Tombstone, Visibility};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::address::endpoint;
use super::api::{Body, Call, Failure, Method, json};
use super::board::focus;
use super::desk::Desk;
use super::field::{Outcome, Said};
use super::format::{cell, day, moment};
use super::organise::board_page;
use super::team::TeamPanel;
use super::tokens::Tokens;

/// Everything on the page.
#[derive(Clone, Copy)]
struct Mine {
    desk: Desk,
    all: RwSignal<Option<OwnSubmissions>>,
    said: Said,
    /// The submission whose withdrawal waits for a second word.
    asked: RwSignal<Option<String>>,
}

impl Mine {
    fn load(self) {
        let Some(token) = self.desk.token() else { return self.all.set(None) };
        spawn_local(async move {
            match Call::get(&endpoint(&["me", "submissions"]), Some(&token)).value().await {
                Ok(all) => drop(self.all.try_set(Some(all))),
                Err(failure) => {
                    if failure.status == 401 {
                        self.desk.refuse();
                    }
                    self.said.try_set(Some(Err(failure)));
                }
            }
        });
    }

    fn finish(self, outcome: Result<String, Failure>) {
        let went_well = outcome.is_ok();
        if self.said.try_set(Some(outcome)).is_none() && went_well {
            self.asked.set(None);
            self.load();
            focus("mine-status");
        }
    }
}

/// The page.
#[component]
pub(super) fn MinePage() -> impl IntoView {
    document().set_title("Your submissions · GLAE Leaderboard");
    let desk = expect_context::<Desk>();
    let mine = Mine { desk, all: RwSignal::new(None), said: RwSignal::new(None), asked: RwSignal::new(None) };
    provide_context(mine);
    Effect::new(move |_| {
        desk.team.track();
        mine.load();
    });
    let is_in = Memo::new(move |_| desk.team.with(Option::is_some));
    view! {
        <nav class="boards-back" aria-label="Boards"><a href="/leaderboard">"All boards"</a></nav>
        <section class="intro">
            <h1>"Your submissions"</h1>
            <p class="lead">"Your team's rows on all boards, what it withdrew, and its tokens."</p>
        </section>
        <TeamPanel/>
        <Outcome id="mine-status" said=mine.said/>
        <Show when=move || is_in.get()>
            {move || mine.all.get().map(|all| view! { <History all/> })}
            <Tokens/>
        </Show>
    }
}

#[component]
fn History(
    /// The newest first.
    all: OwnSubmissions,
) -> impl IntoView {
    let none = all.submissions.is_empty().then(|| view! { <p class="hint">"Your team has submitted nothing yet."</p> });
    let withdrawn = all.withdrawn;
    view! {
        <section aria-labelledby="history-title">
            <h2 id="history-title">"On the boards"</h2>
            {none}
            <ul class="own-rows" data-testid="mine">
                {all.submissions.into_iter().map(|one| view! { <Item one/> }).collect_view()}
            </ul>
            {(!withdrawn.is_empty()).then(|| view! {
                <h3>"Withdrawn"</h3>
                <ul data-testid="mine-withdrawn">{withdrawn.into_iter().map(grave).collect_view()}</ul>
            })}
        </section>
    }
}

#[component]
fn Item(
    /// One of them.
    one: OwnSubmission,
) -> impl IntoView {
    let mine = expect_context::<Mine>();
    let OwnSubmission { board, title, row, standing } = one;
    let at = match &row.origin {
        glae_api::Origin::Submitted { at, .. } => *at,
        _ => 0,
    };
    let numbers: Vec<String> = [glae_api::Column::Cmae, glae_api::Column::Mae]
        .into_iter()
        .filter_map(|column| Some(format!("{} {}", column.label(), cell(column, Some(column.of(&row.scores)?)))))
        .collect();
    let seeds = row.seeds.as_ref().map(|seeds| format!("mean of {} seeds", seeds.count));
    let seed = row.seed.filter(|_| row.seeds.is_none()).map(|seed| format!("seed {seed}"));
    let facts = numbers.into_iter().chain(seeds).chain(seed).chain(why(&standing)).collect::<Vec<_>>().join(" · ");
    let is_public = row.visibility == Visibility::Public;
    let (id, method) = (StoredValue::new(row.id.clone()), row.method.clone());
    let publish = move |_| {
        let visibility = Some(if is_public { Visibility::Private } else { Visibility::Public });
        let change = MetadataChange { visibility, ..MetadataChange::default() };
        spawn_local(async move {
            let token = mine.desk.token();
            let address = endpoint(&["submissions", &id.get_value()]);
            let body = Body::Json(json(&change, false));
            let answer = Call::send(Method::PATCH, &address, token.as_deref(), body).value::<Row>().await;
            mine.finish(answer.map(|row| match row.visibility {
                Visibility::Public => format!("{} is public.", row.method),
                Visibility::Private => format!("Only your team sees {}.", row.method),
            }));
        });
    };
    let gone = method.clone();
    let withdraw = move |_| {
        let method = gone.clone();
        spawn_local(async move {
            let token = mine.desk.token();
            let address = endpoint(&["submissions", &id.get_value()]);
            let outcome = Call::send(Method::DELETE, &address, token.as_deref(), Body::Empty).done().await;
            mine.finish(outcome.map(|()| format!("{method} was withdrawn.")));
        });
    };
    let asks = move || mine.asked.with(|asked| id.with_value(|id| asked.as_ref() == Some(id)));
    let state = if is_public { "public" } else { "private" };
    view! {
        <li class="card" data-row=row.id.clone()>
            <div class="head">
                <p><strong>{method.clone()}</strong>" "<span class="badge plain">{state}</span>
                    <span class="small"><a href=board_page(&board)>{title}</a>{format!(", {}", moment(at))}</span>
                    <span class="small">{facts}</span>
                </p>
                <div class="actions">
                    <button type="button" class="quiet" aria-label=format!("{}: {method}", if is_public { "Make private" } else { "Publish" }) on:click=publish>
                        {if is_public { "Make private" } else { "Publish" }}
                    </button>
                    <button type="button" class="quiet" aria-label=format!("Withdraw: {method}") on:click=move |_| mine.asked.set(Some(id.get_value()))>"Withdraw"</button>
                </div>
            </div>
            <Show when=asks>
                <div class="message notice">
                    <p>"Withdraw it? Its row and its predictions go."</p>
                    <button type="button" class="quiet" on:click=withdraw.clone()>"Withdraw it"</button>
                    <button type="button" class="quiet" on:click=move |_| mine.asked.set(None)>"Keep it"</button>
                </div>
            </Show>
        </li>
    }
}

/// Why it is not ranked, if it is not.
fn why(standing: &Standing) -> Option<String> {
    let why = match standing.unranked.as_deref()? {
        "equals-truth" => "not ranked: it equals a public truth".to_owned(),
        "incomplete" => "not ranked: images are missing".to_owned(),
        "hidden" => match &standing.reason {
            Some(reason) => format!("hidden by the organiser: {reason}"),
            None => "hidden by the organiser".to_owned(),
        },
        other => other.to_owned(),
    };
    Some(why)
}

fn grave(one: Tombstone) -> impl IntoView {
    view! {
        <li>
            {one.method}
            <span class="small">
                {format!("{}, submitted {}, withdrawn {}", one.board, day(one.submitted), day(one.withdrawn))}
            </span>
        </li>
    }
}
