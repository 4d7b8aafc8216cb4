//! Header, pages, footer.

use leptos::prelude::*;
use leptos_router::components::{A, Route, Router, Routes};
use leptos_router::path;

use crate::about::AboutPage;
use crate::boards::{LeaderboardPage, OrganisePage, SubmissionsPage};
use crate::browser::property;
use crate::engine::WorkerHandle;
use crate::estimate::{EstimatePage, Workplace};
use crate::settings::AddressSettings;
use crate::weights::Means;

/// Takes over from the static page in `index.html`.
pub fn mount() {
    console_error_panic_hook::set_once();
    let root = document().get_element_by_id("app").expect("index.html has an element #app");
    // Removing the static page and mounting happen in one task, so nothing is painted in between.
    root.set_inner_html("");
    mount_to(root.unchecked_into(), App).forget();
}

use leptos::wasm_bindgen::JsCast;

#[component]
fn App() -> impl IntoView {
    let engine = WorkerHandle::new(settings());
    let bench = Workplace::new(engine);
    provide_context(engine);
    provide_context(bench);
    // The photograph's own parts need nothing else.
    provide_context(bench.viewer);
    view! {
        <Router>
            <Header/>
            <main id="content">
                <Routes fallback=NotFound>
                    <Route path=path!("/") view=EstimatePage/>
                    <Route path=path!("/leaderboard/:board?") view=LeaderboardPage/>
                    <Route path=path!("/submissions") view=SubmissionsPage/>
                    <Route path=path!("/organise") view=OrganisePage/>
                    <Route path=path!("/about") view=AboutPage/>
                </Routes>
            </main>
            <Footer/>
        </Router>
    }
}

fn settings() -> AddressSettings {
    let search = location().search().unwrap_or_default();
    let query = web_sys::UrlSearchParams::new_with_str(&search).ok();
    let get = |name| query.as_ref().and_then(|query| query.get(name));
    let settings =
        AddressSettings::read(get("device").as_deref(), get("weights").as_deref(), get("threads").as_deref());
    AddressSettings { weights: settings.weights.on(means()), ..settings }
}

/// Only Chromium's browsers tell any of it.
fn means() -> Means {
    let navigator = window().navigator();
    let connection = property(&navigator, "connection");
    Means {
        save_data: property(&connection, "saveData").is_truthy(),
        connection: property(&connection, "effectiveType").as_string(),
        memory: property(&navigator, "deviceMemory").as_f64(),
    }
}

/// The same as in `index.html`, where it stands until this program runs.
#[component]
fn Header() -> impl IntoView {
    view! {
        <header class="top">
            <A href="/" attr:class="brand">
                <svg viewBox="0 0 32 32" aria-hidden="true">
                    <path class="brand-line" d="M4 25C9 25 9.5 8 15 8s6 12 8 15 3 2 5 2"/>
                    <circle class="brand-dot" cx="15" cy="8" r="3.5"/>
                </svg>
                "GLAE"
            </A>
            <nav aria-label="Pages">
                <A href="/" exact=true>"Estimate"</A>
                <A href="/leaderboard">"Leaderboard"</A>
                <A href="/about">"About"</A>
            </nav>
        </header>
    }
}

#[component]
fn Footer() -> impl IntoView {
    view! {
        <footer>
            <p>"An estimate of how old a face looks, computed in your browser. It says nothing certain about a person."</p>
        </footer>
    }
}

#[component]
fn NotFound() -> impl IntoView {
    document().set_title("Not found · GLAE");
    view! {
        <section class="prose">
            <h1>"There is no such page"</h1>
            <p>"The address may be mistyped. " <A href="/">"Go to the estimate"</A></p>
        </section>
    }
}
