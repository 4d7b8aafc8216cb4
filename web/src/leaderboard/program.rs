//! The leaderboard as a program of its own, in an element of the page. The page loads it when somebody first goes there, and
//! says where they are by events; see `crate::boards`.

use std::any::Any;
use std::cell::RefCell;

use leptos::mount::mount_to;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Event, HtmlElement};

use super::board::OneBoard;
use super::desk::Desk;
use super::list::BoardsPage;
use super::mine::MinePage;
use super::organise::OrganisePage;
use crate::boards::{BOARD, HERE, HIDE, HOST, PLACE, SHOW};

thread_local! {
    static SHOWN: RefCell<Option<Shown>> = const { RefCell::new(None) };
}

/// A page of this program.
#[derive(Clone, PartialEq)]
enum Where {
    Boards,
    Board(String),
    Mine,
    Organise,
}

/// What is in the element now. Goes with it.
struct Shown {
    host: HtmlElement,
    place: RwSignal<Where>,
    _mounted: Box<dyn Any>,
    /// Of the signal.
    _owner: Owner,
}

/// Shows where the visitor is, now and whenever the page says that they have moved.
pub fn run() {
    console_error_panic_hook::set_once();
    // Lives as long as the page: what is known of the visitor's team outlasts a look at a photograph.
    let owner = Owner::new();
    let desk = owner.with(Desk::new);
    let look = move || look(desk);
    window_event_listener_untyped(SHOW, move |_| look());
    window_event_listener_untyped(HIDE, |_| drop(SHOWN.take()));
    look();
    std::mem::forget(owner);
}

fn look(desk: Desk) {
    let Some(host) = document().get_element_by_id(HOST) else { return };
    let host: HtmlElement = host.unchecked_into();
    let place = match (host.get_attribute(PLACE).as_deref(), host.get_attribute(BOARD)) {
        (Some("organise"), _) => Where::Organise,
        (Some("submissions"), _) => Where::Mine,
        (_, Some(board)) => Where::Board(board),
        (_, None) => Where::Boards,
    };
    // Nobody else may hold the old one while signals run.
    let same = SHOWN.with_borrow(|shown| shown.as_ref().filter(|shown| shown.host == host).map(|shown| shown.place));
    match same {
        Some(signal) => signal.set(place),
        None => {
            drop(SHOWN.take());
            let owner = Owner::new();
            let signal = owner.with(|| RwSignal::new(place));
            let mounted = Box::new(mount_to(host.clone(), move || view! { <Place place=signal desk/> }));
            SHOWN.set(Some(Shown { host, place: signal, _mounted: mounted, _owner: owner }));
        }
    }
    if let Ok(event) = Event::new(HERE) {
        let _ = window().dispatch_event(&event);
    }
}

#[component]
fn Place(
    /// Which page.
    place: RwSignal<Where>,
    /// What all pages know.
    desk: Desk,
) -> impl IntoView {
    provide_context(desk);
    let place = Memo::new(move |_| place.get());
    move || match place.get() {
        Where::Board(id) => view! { <OneBoard id/> }.into_any(),
        Where::Boards => view! { <BoardsPage/> }.into_any(),
        Where::Mine => view! { <MinePage/> }.into_any(),
        Where::Organise => view! { <OrganisePage/> }.into_any(),
    }
}
