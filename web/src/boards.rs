//! The pages "Leaderboard": an element for a program of its own, which is loaded when somebody first goes there. Visitors who
//! only want an age do not download it.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use web_sys::Event;

/// The id of the element in which the program shows itself.
pub(crate) const HOST: &str = "leaderboard";

/// Its attribute with the board's id; without it the list of boards is meant.
pub(crate) const BOARD: &str = "data-board";

/// Its attribute for pages that are about no single board: "submissions" or "organise".
pub(crate) const PLACE: &str = "data-place";

/// The event for a program that runs: the element is there, or its attribute has changed.
pub(crate) const SHOW: &str = "leaderboard-show";

/// The event for a program that runs: the element goes.
pub(crate) const HIDE: &str = "leaderboard-hide";

/// The event from the program: it shows what was wanted.
pub(crate) const HERE: &str = "leaderboard-here";

/// The event from `leaderboard_loader.js`: the program cannot run.
const FAILED: &str = "leaderboard-failed";

/// Fetches the program and starts it.
const LOADER: &str = "/leaderboard_loader.js";

#[derive(Clone, Copy, PartialEq)]
enum Program {
    Loading,
    Runs,
    Failed,
}

/// Routes `/leaderboard` and `/leaderboard/:board`.
#[component]
pub(crate) fn LeaderboardPage() -> impl IntoView {
    view! { <Host place=None/> }
}

/// Route `/submissions`.
#[component]
pub(crate) fn SubmissionsPage() -> impl IntoView {
    view! { <Host place=Some("submissions")/> }
}

/// Route `/organise`.
#[component]
pub(crate) fn OrganisePage() -> impl IntoView {
    view! { <Host place=Some("organise")/> }
}

#[component]
fn Host(
    /// Which page; those of boards are told apart by the address.
    place: Option<&'static str>,
) -> impl IntoView {
    document().set_title("GLAE · Leaderboard");
    let program = RwSignal::new(Program::Loading);
    let here = window_event_listener_untyped(HERE, move |_| program.set(Program::Runs));
    let failed = window_event_listener_untyped(FAILED, move |_| program.set(Program::Failed));
    on_cleanup(move || {
        here.remove();
        failed.remove();
        announce(HIDE);
    });
    load();
    let params = use_params_map();
    let board = Memo::new(move |_| params.read().get("board"));
    // After the attribute has been written.
    Effect::new(move || {
        board.track();
        announce(SHOW);
    });
    view! {
        {move || match program.get() {
            Program::Runs => ().into_any(),
            Program::Loading => view! { <p class="hint" role="status">"Loading the leaderboard"</p> }.into_any(),
            Program::Failed => view! {
                <div class="message error" role="alert">
                    <p data-testid="error">
                        "The leaderboard could not be loaded. Check the connection, or try a current browser, then reload the page."
                    </p>
                </div>
            }.into_any(),
        }}
        <div id=HOST data-board=move || board.get() data-place=place></div>
    }
}

/// Loads the program, once.
fn load() {
    let document = document();
    let there = document.query_selector(&format!("script[src='{LOADER}']")).is_ok_and(|found| found.is_some());
    if let (false, Some(body), Ok(script)) = (there, document.body(), document.create_element("script")) {
        let _ = script.set_attribute("src", LOADER);
        let _ = body.append_child(&script);
    }
}

fn announce(name: &str) {
    if let Ok(event) = Event::new(name) {
        let _ = window().dispatch_event(&event);
    }
}
