//! A team's tokens: their names, one more, one less, and a new one in place of this one.

use glae_api::{NewToken, Token, TokenEntry};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::address::endpoint;
use super::api::{Body, Call, Failure, Method, json};
use super::board::focus;
use super::desk::Desk;
use super::field::{Outcome, Said, TextInput};
use super::format::day;

/// The section.
#[component]
pub(super) fn Tokens() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let known = RwSignal::new(Vec::<TokenEntry>::new());
    let name = RwSignal::new(String::new());
    let said: Said = RwSignal::new(None);
    let load = move || {
        let Some(token) = desk.token() else { return };
        spawn_local(async move {
            match Call::get(&endpoint(&["me", "tokens"]), Some(&token)).value().await {
                Ok(tokens) => drop(known.try_set(tokens)),
                Err(failure) => drop(said.try_set(Some(Err(failure)))),
            }
        });
    };
    Effect::new(move |_| {
        desk.team.track();
        load();
    });
    let tell = move |outcome: Result<String, Failure>| {
        if said.try_set(Some(outcome)).is_none() {
            focus("tokens-status");
        }
    };
    let replace = move |_| {
        spawn_local(async move {
            let token = desk.token();
            let address = endpoint(&["me", "token"]);
            match Call::send(Method::POST, &address, token.as_deref(), Body::Empty).value::<Token>().await {
                Ok(new) => {
                    // Shown until it is kept; the first request with it ends the old one.
                    desk.fresh.set(Some(new.clone()));
                    let remembered = desk.is_remembered();
                    desk.sign_in(new);
                    desk.remember(remembered);
                    tell(Ok("The token is replaced: keep the new one, shown above.".into()));
                }
                Err(failure) => tell(Err(failure)),
            }
        });
    };
    let add = move |_| {
        let wanted = name.get_untracked().trim().to_owned();
        if wanted.is_empty() {
            return;
        }
        spawn_local(async move {
            let token = desk.token();
            let body = Body::Json(json(&NewToken { name: wanted }, false));
            match Call::send(Method::POST, &endpoint(&["me", "tokens"]), token.as_deref(), body).value::<Token>().await
            {
                Ok(new) => {
                    desk.fresh.set(Some(new));
                    name.try_set(String::new());
                    load();
                    tell(Ok("The new token is shown above, this once.".into()));
                }
                Err(failure) => tell(Err(failure)),
            }
        });
    };
    let end = move |id: String| {
        spawn_local(async move {
            let token = desk.token();
            let address = endpoint(&["me", "tokens", &id]);
            let outcome = Call::send(Method::DELETE, &address, token.as_deref(), Body::Empty).done().await;
            load();
            tell(outcome.map(|()| "The token has ended.".into()));
        });
    };
    let item = move |one: TokenEntry| {
        let name = if one.name.is_empty() { "First token".to_owned() } else { one.name };
        let id = one.id.clone();
        let this = one.is_this.then(|| view! { <span class="badge plain">"in use here"</span> });
        let ends = (!one.is_this).then(|| view! {
            <button type="button" class="quiet" aria-label=format!("End the token {name}") on:click=move |_| end(id.clone())>"End it"</button>
        });
        view! {
            <li class="card" data-token=one.id>
                <div class="head">
                    <p><strong>{name}</strong>" "{this}
                        <span class="small">{format!("made {}, ends {}", day(one.created), day(one.expires))}</span>
                    </p>
                    <div class="actions">{ends}</div>
                </div>
            </li>
        }
    };
    view! {
        <section aria-labelledby="tokens-title">
            <h2 id="tokens-title">"Tokens"</h2>
            <Outcome id="tokens-status" said=said/>
            <ul class="own-rows" data-testid="tokens">{move || known.get().into_iter().map(item).collect_view()}</ul>
            <p class="hint">"A token in use elsewhere goes on until the new one is used for the first time."</p>
            <div><button type="button" class="button secondary" on:click=replace>"Replace the token in use here"</button></div>
            <div class="form">
                <TextInput id="token-name" label="What another token is for" value=name most="60"/>
                <div><button type="button" class="button secondary" on:click=add>"Make another token"</button></div>
            </div>
        </section>
    }
}
