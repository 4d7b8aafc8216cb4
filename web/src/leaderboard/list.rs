//! The list of boards.

use glae_api::BoardSummary;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::address::{ApiDocument, segment};
use super::desk::Desk;
use super::format::{UNKNOWN, cell, truth, whole};

/// The list of boards.
#[component]
pub(super) fn BoardsPage() -> impl IntoView {
    document().set_title("GLAE · Leaderboard");
    let desk = expect_context::<Desk>();
    let boards = RwSignal::new(None);
    let load = move || {
        boards.set(None);
        spawn_local(async move {
            let answer = desk.read::<Vec<BoardSummary>>(ApiDocument::Boards).await;
            // The visitor may have left the page meanwhile.
            boards.try_set(Some(answer.map_err(|failure| failure.sentence())));
        });
    };
    load();
    view! {
        <section class="intro">
            <h1>"Leaderboard"</h1>
            <p class="lead">
                "Age estimation where most ages are rare. Methods rank by CMAE, the error averaged over ages, so that a rare
                age counts as much as a common one. MAE, averaged over images, stands beside it."
            </p>
        </section>
        <p class="links"><a href="/submissions">"Your submissions"</a><a href="/organise">"For organisers"</a></p>
        {move || match boards.get() {
            None => view! { <p class="hint" role="status">"Loading the boards"</p> }.into_any(),
            Some(Err(sentence)) => view! {
                <div class="message error" role="alert">
                    <p data-testid="error">{sentence}</p>
                    <button type="button" class="quiet" on:click=move |_| load()>"Try again"</button>
                </div>
            }.into_any(),
            Some(Ok(boards)) if boards.is_empty() => view! { <p>"There are no boards here yet."</p> }.into_any(),
            Some(Ok(boards)) => view! {
                <ul class="boards" data-testid="board-list">{boards.into_iter().map(entry).collect_view()}</ul>
            }.into_any(),
        }}
    }
}

fn entry(board: BoardSummary) -> impl IntoView {
    let href = format!("/leaderboard/{}", segment(&board.id));
    let best = board.best.map_or(UNKNOWN.into(), |best| cell(board.primary, Some(best)));
    view! {
        <li class="card board-card" data-board=board.id>
            <h2><a href=href>{board.title}</a></h2>
            <p>{board.measures}</p>
            <dl class="facts">
                <div><dt>{format!("Best {}", board.primary.label())}</dt><dd>{best}</dd></div>
                <div><dt>"Methods"</dt><dd>{whole(board.rows.into())}</dd></div>
                <div><dt>"Truth"</dt><dd>{truth(board.truth)}</dd></div>
            </dl>
        </li>
    }
}
