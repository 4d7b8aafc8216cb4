//! The team that the visitor speaks for: a name, and a token that is shown once.

use glae_api::{NewTeam, Team, Token};
use leptos::html::Input;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{HtmlDocument, HtmlInputElement};

use super::address::endpoint;
use super::api::{Body, Call, Failure, Method, json};
use super::desk::Desk;
use super::draft::team_name_problem;
use super::field::TextInput;
use super::format::day;

/// Who submits: creates a team, takes a token, or says which team it is.
#[component]
pub(super) fn TeamPanel() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let fresh = desk.fresh;
    let is_signed_in = Memo::new(move |_| desk.team.with(Option::is_some));
    view! {
        <div class="team" data-testid="team">
            <h3>"Your team"</h3>
            {move || fresh.get().map(|token| view! { <Fresh token fresh/> })}
            <Show when=move || is_signed_in.get() fallback=move || view! { <Enter fresh/> }>
                <SignedIn fresh/>
            </Show>
        </div>
    }
}

/// A new token, with a way to keep it.
#[component]
fn Fresh(
    /// What to show.
    token: Token,
    /// Where it is forgotten.
    fresh: RwSignal<Option<Token>>,
) -> impl IntoView {
    let copied = RwSignal::new("");
    let secret = token.token.clone();
    let field = NodeRef::<Input>::new();
    let copy = move |_| {
        let secret = secret.clone();
        spawn_local(async move {
            let done =
                copied_by_clipboard(&secret).await || field.get_untracked().is_some_and(|field| copied_by_hand(&field));
            // The notice may have been closed meanwhile.
            copied.try_set(if done {
                "Copied."
            } else {
                "The browser did not allow it; the text is selected, copy it."
            });
        });
    };
    view! {
        <div class="message notice">
            <p>
                <strong>"Keep this token now: it is shown this once."</strong>
                " Only its hash is stored. Without it nobody can change or withdraw the team's submissions."
            </p>
            <div class="field">
                <label for="fresh-token">{format!("Token of {}", token.team)}</label>
                <input node_ref=field id="fresh-token" class="secret" data-testid="token" type="text" readonly=true prop:value=token.token/>
            </div>
            <button type="button" class="quiet" on:click=copy>"Copy the token"</button>
            <button type="button" class="quiet" on:click=move |_| fresh.set(None)>"I have kept it"</button>
            <p role="status" translate="no">{copied}</p>
        </div>
    }
}

/// Whether the browser's clipboard took the text. Insecure addresses have no such clipboard.
async fn copied_by_clipboard(text: &str) -> bool {
    let clipboard = window().navigator().clipboard();
    !clipboard.is_falsy() && JsFuture::from(clipboard.write_text(text)).await.is_ok()
}

/// Selects the field's text and copies it the old way, which needs no secure address. The text stays selected.
fn copied_by_hand(field: &HtmlInputElement) -> bool {
    let _ = field.focus();
    field.select();
    let document = document().unchecked_into::<HtmlDocument>();
    document.exec_command("copy").unwrap_or(false)
}

/// For visitors without a team.
#[component]
fn Enter(
    /// Gets the token of a new team.
    fresh: RwSignal<Option<Token>>,
) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let (name, secret) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let (name_wrong, secret_wrong) = (RwSignal::new(None::<String>), RwSignal::new(None::<String>));
    let busy = RwSignal::new(false);
    let create = move |_| {
        let wanted = name.get_untracked().trim().to_owned();
        name_wrong.set(team_name_problem(&wanted).map(str::to_owned));
        if name_wrong.with_untracked(Option::is_some) || busy.get_untracked() {
            return;
        }
        busy.set(true);
        spawn_local(async move {
            let answer = new_team(wanted).await;
            // The visitor may be on another page by now. The token is not lost: desk and `fresh` outlast this form.
            busy.try_set(false);
            match answer {
                Ok(token) => {
                    fresh.set(Some(token.clone()));
                    desk.sign_in(token);
                }
                Err(failure) => {
                    name_wrong.try_set(Some(failure.sentence()));
                }
            }
        });
    };
    let enter = move |_| {
        let token = secret.get_untracked().trim().to_owned();
        if token.is_empty() || busy.get_untracked() {
            return secret_wrong.set(Some("Paste the team's token.".into()));
        }
        busy.set(true);
        spawn_local(async move {
            let answer = Call::get(&endpoint(&["me"]), Some(&token)).value::<Team>().await;
            busy.try_set(false);
            match answer {
                Ok(Team { name, expires }) => desk.sign_in(Token { team: name, token, expires }),
                Err(failure) => {
                    secret_wrong.try_set(Some(failure.sentence()));
                }
            }
        });
    };
    let refused = move || {
        desk.refused.get().map(|token| view! {
            <div class="message notice" data-testid="refused">
                <p>
                    {format!("The server did not accept the token of {}. It may have been replaced, or have ended.", token.team)}
                    " It is still kept here."
                </p>
                <button type="button" class="quiet" on:click=move |_| desk.decide(true)>"Try it again"</button>
                <button type="button" class="quiet" on:click=move |_| {
                    secret.set(token.token.clone());
                }>"Put it into the field below"</button>
                <button type="button" class="quiet" on:click=move |_| desk.decide(false)>"Forget it"</button>
            </div>
        })
    };
    view! {
        {refused}
        <div class="form">
            <TextInput id="team-name" label="New team" hint="2 to 60 characters; shown on the boards." value=name wrong=name_wrong/>
            <div><button type="button" class="button secondary" disabled=busy on:click=create>"Create the team"</button></div>
            <TextInput id="team-token" label="Or the token of your team" kind="password" value=secret wrong=secret_wrong/>
            <div><button type="button" class="button secondary" disabled=busy on:click=enter>"Use this token"</button></div>
        </div>
    }
}

async fn new_team(name: String) -> Result<Token, Failure> {
    let body = Body::Json(json(&NewTeam { name }, false));
    Call::send(Method::POST, &endpoint(&["teams"]), None, body).value().await
}

#[component]
fn SignedIn(
    /// Cleared on leaving.
    fresh: RwSignal<Option<Token>>,
) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let remembered = RwSignal::new(desk.is_remembered());
    let sentence = move || {
        desk.team.with(|team| {
            team.as_ref().map(|team| format!("You submit as {}. The token ends on {}.", team.team, day(team.expires)))
        })
    };
    let leave = move |_| {
        fresh.set(None);
        desk.sign_out();
    };
    view! {
        <p translate="no" data-testid="team-name">{sentence}</p>
        <label class="choice">
            <input
                type="checkbox"
                prop:checked=remembered
                on:change:target=move |event| {
                    remembered.set(event.target().checked());
                    desk.remember(event.target().checked());
                }
            />
            <span>"Keep the token in this browser after the tab is closed"</span>
        </label>
        <div class="actions">
            <button type="button" class="quiet" on:click=leave>"Forget the token here"</button>
            <a href="/submissions">"Your submissions and tokens"</a>
        </div>
    }
}
