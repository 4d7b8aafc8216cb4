//! A contest's own part of its board: when it is open, how a team takes part, and which submission counts.

use glae_api::{Admission, ContestPage, Entry, EntryState, FinalChoice, NewEntry, Origin, Phase, Row};
use leptos::prelude::*;
use leptos::task::spawn_local;
use serde::Serialize;

use super::address::endpoint;
use super::api::{Body, Call, Method, json};
use super::board::{Here, focus};
use super::field::{Outcome, Said, TextInput};
use super::format::{counted, moment};

/// The section, where the board is a contest.
#[component]
pub(super) fn ContestPart() -> impl IntoView {
    let here = expect_context::<Here>();
    let contest = Memo::new(move |_| here.page.with(|page| page.as_ref().and_then(|page| page.contest.clone())));
    move || contest.get().map(|contest| view! { <Shown contest/> })
}

#[component]
fn Shown(
    /// As it is now.
    contest: ContestPage,
) -> impl IntoView {
    let here = expect_context::<Here>();
    let (opens, closes) = (moment(contest.rules.opens), moment(contest.rules.closes));
    let sentence = match contest.phase {
        Phase::Before => format!("Opens {opens}, closes {closes}."),
        Phase::Open => format!(
            "Open until {closes}. Numbers are told in steps, on a public part of the images, when a team's best \
             improves. The private part decides at the end."
        ),
        Phase::Closed => format!("Closed since {closes}. The rank goes by the private part."),
    };
    let phase = format!("{:?}", contest.phase).to_lowercase();
    let in_all = counted(contest.rules.submissions_in_all.into(), "submission", "submissions");
    let announcement = (!contest.announcement.is_empty()).then(|| {
        view! {
            <p class="message notice" data-testid="announcement"><span>{contest.announcement.clone()}</span></p>
        }
    });
    let may_enter = contest.phase != Phase::Closed && !here.desk.is_copy();
    let admission = contest.rules.admission;
    view! {
        <section class="contest" aria-labelledby="contest-title" data-testid="contest" data-phase=phase>
            <h2 id="contest-title">"Contest"</h2>
            {announcement}
            <p>{sentence}</p>
            <p class="hint">{format!("Each team has {in_all} in all.")}</p>
            {may_enter.then(|| view! { <TakingPart admission/> })}
        </section>
    }
}

#[component]
fn TakingPart(
    /// Which teams may.
    admission: Admission,
) -> impl IntoView {
    let here = expect_context::<Here>();
    let entry = RwSignal::new(None::<Entry>);
    let said: Said = RwSignal::new(None);
    let code = RwSignal::new(String::new());
    // Another team has another entry.
    Effect::new(move |_| {
        here.desk.team.track();
        entry.set(None);
        let Some(token) = here.desk.token() else { return };
        spawn_local(async move {
            let Some(board) = here.id.try_get_value() else { return };
            if let Ok(found) = Call::get(&endpoint(&["boards", &board, "entry"]), Some(&token)).value().await {
                entry.try_set(Some(found));
            }
        });
    });
    let enter = move |_| {
        let typed = Some(code.get_untracked().trim().to_owned()).filter(|code| !code.is_empty());
        put(here, "entry", NewEntry { code: typed }, entry, said, |entry| match entry.state {
            EntryState::Admitted => "Your team takes part.".into(),
            _ => "Your team has asked to take part; the organiser decides.".into(),
        });
    };
    let state = Memo::new(move |_| entry.with(|entry| entry.as_ref().map(|entry| entry.state)));
    let part = move || {
        match (state.get(), admission) {
        (None, _) if here.desk.team.with(Option::is_none) => {
            let how = match admission {
                Admission::Open => "Every team may take part.",
                Admission::Invited => "Teams take part by an invitation's code.",
                Admission::Approved => "Teams ask to take part; the organiser decides.",
            };
            view! { <p class="hint">{how} " Make a team or use its token below, under “Submit”."</p> }.into_any()
        }
        (None, _) => ().into_any(),
        (Some(EntryState::Admitted), _) | (Some(EntryState::None), Admission::Open) => {
            view! { <p>"Your team takes part."</p> <Final entry said/> }.into_any()
        }
        (Some(EntryState::Refused), _) => view! { <p>"The organiser has refused your team."</p> }.into_any(),
        (Some(EntryState::Pending), _) => view! { <p>"Your team waits for the organiser."</p> }.into_any(),
        (Some(EntryState::None), Admission::Invited) => view! {
            <div class="form">
                <TextInput id="entry-code" label="Your invitation's code" value=code/>
                <div><button type="button" class="button secondary" data-testid="enter" on:click=enter>"Take part"</button></div>
            </div>
        }
        .into_any(),
        (Some(EntryState::None), Admission::Approved) => view! {
            <div><button type="button" class="button secondary" data-testid="enter" on:click=enter>"Ask to take part"</button></div>
        }
        .into_any(),
    }
    };
    view! {
        {part}
        <Outcome id="entry-status" said=said/>
    }
}

/// Which of the team's submissions counts at the end.
#[component]
fn Final(
    /// As it is now.
    entry: RwSignal<Option<Entry>>,
    /// Gets the outcome.
    said: Said,
) -> impl IntoView {
    let here = expect_context::<Here>();
    let own = Memo::new(move |_| {
        let named = |row: &Row| match &row.origin {
            Origin::Submitted { at, .. } => format!("{}, {}", row.method, moment(*at)),
            _ => row.method.clone(),
        };
        here.own.with(|rows| rows.iter().map(|row| (row.id.clone(), named(row))).collect::<Vec<_>>())
    });
    let chosen =
        Memo::new(move |_| entry.with(|entry| entry.as_ref().and_then(|entry| entry.final_submission.clone())));
    let choose = move |id: String| {
        let submission = Some(id).filter(|id| !id.is_empty());
        put(here, "final", FinalChoice { submission }, entry, said, |entry| match entry.final_submission {
            Some(_) => "Your choice counts at the end.".into(),
            None => "Your best on the public part counts at the end.".into(),
        });
    };
    let options = move || {
        let option = |(id, name): (String, String)| {
            let own = id.clone();
            view! { <option value=id selected=move || chosen.get().as_ref() == Some(&own)>{name}</option> }
        };
        own.get().into_iter().map(option).collect_view()
    };
    view! {
        <div class="form">
            <div class="field">
                <label for="final-submission">"What counts at the end"</label>
                <select id="final-submission" on:change:target=move |event| choose(event.target().value())>
                    <option value="" selected=move || chosen.with(Option::is_none)>"Our best on the public part"</option>
                    {options}
                </select>
            </div>
        </div>
    }
}

/// Sends something about the team's entry, and says what came of it.
fn put(
    here: Here,
    what: &'static str,
    value: impl Serialize + 'static,
    entry: RwSignal<Option<Entry>>,
    said: Said,
    sentence: fn(&Entry) -> String,
) {
    spawn_local(async move {
        let Some(board) = here.id.try_get_value() else { return };
        let (token, address) = (here.desk.token(), endpoint(&["boards", &board, what]));
        let answer =
            Call::send(Method::PUT, &address, token.as_deref(), Body::Json(json(&value, false))).value::<Entry>();
        let outcome = answer.await.map(|now| {
            let text = sentence(&now);
            entry.try_set(Some(now));
            text
        });
        if said.try_set(Some(outcome)).is_none() {
            focus("entry-status");
        }
    });
}
