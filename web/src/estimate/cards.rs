//! The answers: one card for each face, from left to right; one of them with everything behind its number.

use glae_estimate::{Look, Searched, Seen};
use glae_face::detector::trust::Doubt;
use glae_model::routing::range;
use glae_model::{Answer, Estimate, Route};
use leptos::prelude::*;

use super::chart::Chart;
use super::crop::Size;
use super::overlay::thumbnail;
use super::viewer::{Shown, Viewer};
use super::wording::{self, EngineState};
use crate::engine::WorkerHandle;

/// Side of a thumbnail in CSS pixels.
const THUMBNAIL: f32 = 64.0;

/// Stands in until there is an answer.
#[component]
pub(super) fn WaitingCard() -> impl IntoView {
    let engine = expect_context::<WorkerHandle>();
    let text = move || match engine.stage.get() {
        EngineState::Failed(_) => "No estimate",
        EngineState::Ready => "Estimating",
        _ => "Getting ready",
    };
    let failed = Memo::new(move |_| matches!(engine.stage.get(), EngineState::Failed(_)));
    view! {
        <div class="card waiting" class:still=failed>
            <p class="label" translate="no">{text}</p>
            <div class="bone headline"></div>
            <div class="bone tall"></div>
            <div class="bone"></div>
        </div>
    }
}

/// How far the closer look for small faces is, and its end.
#[component]
pub(super) fn Searching() -> impl IntoView {
    let viewer = expect_context::<Viewer>();
    let step = Memo::new(move |_| viewer.searching());
    let under_way = Memo::new(move |_| step.get().is_some());
    let count = move |of: fn(Searched) -> u32| step.get().map(of).unwrap_or_default().to_string();
    view! {
        <Show when=move || under_way.get()>
            <div class="card searching" data-testid="searching">
                <div class="actions">
                    <p class="label" translate="no">{move || step.get().map(wording::searching)}</p>
                    <button type="button" class="quiet" data-testid="search-stop" on:click=move |_| viewer.enough()>"Stop"</button>
                </div>
                <progress max=move || count(|step| step.of) value=move || count(|step| step.done) aria-label="Closer look"></progress>
            </div>
        </Show>
    }
}

/// All answers about the photograph on screen.
#[component]
pub(super) fn Cards() -> impl IntoView {
    let viewer = expect_context::<Viewer>();
    let busy = move || viewer.busy.get();
    move || {
        let shown = viewer.shown.get()?;
        let size = viewer.size()?;
        let seen = &shown.look.seen;
        let faces = seen.iter().filter(|seen| seen.face.is_some()).count();
        let several = seen.len() > 1;
        let cut_off = shown.making.cut_off.then(|| view! {
            <div class="card notice" role="status" data-testid="cut-off">
                <p>
                    "This photo is cut off: its file ends before the picture does, and what is missing may change the age.
                    Copy or download it again."
                </p>
            </div>
        });
        let cards = seen.iter().cloned().enumerate().map(|(index, seen)| {
            let shown = shown.clone();
            view! { <FaceCard index seen shown picture=several.then_some(size)/> }
        });
        Some(view! {
            <div
                class="faces"
                class:stale=busy
                aria-busy=move || busy().to_string()
                data-testid="faces"
                data-count=faces
                data-device=shown.device.kind.as_str()
                data-detect-milliseconds=format!("{:.2}", shown.look.times.detect)
                data-first-look-milliseconds=format!("{:.2}", shown.look.times.first_look)
            >
                {cut_off}
                {notes(&shown.look)}
                {seen.is_empty().then(|| view! { <NoFace/> })}
                {cards.collect_view()}
            </div>
        })
    }
}

/// How the faces were found, where that is worth knowing.
fn notes(look: &Look) -> impl IntoView + use<> {
    let turned = wording::turned(look.turn);
    let turned = turned
        .map(|sentence| view! { <div class="card notice" role="status" data-testid="turned"><p>{sentence}</p></div> });
    let stopped = look.stopped.then(|| {
        view! {
            <div class="card notice" role="status" data-testid="stopped">
                <p>"The search for small faces was stopped: there may be more."</p>
            </div>
        }
    });
    view! { {turned} {stopped} }
}

/// Says that there is no face, and what can be done.
#[component]
fn NoFace() -> impl IntoView {
    let viewer = expect_context::<Viewer>();
    view! {
        <div class="card" data-testid="no-face" role="status">
            <h2 class="first">"No face was found in this photo"</h2>
            <p>
                "Faces are found best when they look towards the camera and are not covered. If there is one all the same,
                show where it is."
            </p>
            <div class="actions">
                <button type="button" class="button" on:click=move |_| viewer.by_hand()>"Crop by hand"</button>
            </div>
        </div>
    }
}

/// One face: its age, and when it is chosen, everything behind that. Where there is only one, it is chosen.
#[component]
fn FaceCard(
    /// From the left, from 0.
    index: usize,
    /// The face.
    seen: Seen,
    /// What it was seen in.
    shown: Shown,
    /// Size of the photograph, where the face needs a thumbnail.
    picture: Option<Size>,
) -> impl IntoView {
    let viewer = expect_context::<Viewer>();
    let several = picture.is_some();
    let chosen = Memo::new(move |_| viewer.chosen.get() == index);
    let name = several.then(|| format!("Face {}", index + 1));
    let small_picture = picture.zip(seen.face).map(|(size, face)| {
        let [width, height, left, top] = thumbnail(&face, size, THUMBNAIL);
        let preview = move || viewer.photo.with(|photo| photo.as_ref().and_then(|photo| photo.preview.clone()));
        view! {
            <span class="thumbnail" aria-hidden="true"
                style:background-image=move || preview().map(|preview| format!("url({preview})"))
                style:background-size=format!("{width:.1}px {height:.1}px")
                style:background-position=format!("-{left:.1}px -{top:.1}px")
            ></span>
        }
    });
    let doubt = seen.doubt.map(|doubt| wording::doubt(doubt, seen.face.as_ref()));
    let note = doubt.map(|note| view! { <p class="note" data-testid="face-note">{note}</p> });
    let doubtful = seen.doubt.map(Doubt::as_str);
    let estimate = seen.estimate.map(|estimate| *estimate);
    let known = estimate.is_some();
    let head = estimate.clone().map(|estimate| {
        let [low, high] = range(&estimate.distribution);
        view! {
            <div role="status">
                <p class="label">{name.clone().map_or_else(|| "Estimated age".to_owned(), |name| format!("{name}, estimated age"))}</p>
                <p class="age"><strong>{wording::years(estimate.years)}</strong>" years"</p>
            </div>
            <p class="hint">{format!("80 % of the distribution lies between {low:.0} and {high:.0} years.")}</p>
        }
    });
    let unknown = (!known).then(|| view! { <p class="label">{name.clone().unwrap_or_else(|| "Face".to_owned())}</p> });
    let details = estimate.clone();
    let (network, workers) = (shown.look.times.network, shown.making.workers);
    let device = shown.device.kind.as_str();
    view! {
        <article
            class="card result"
            class:chosen=chosen
            class:compact=several
            data-testid=known.then_some("estimate")
            data-years=estimate.as_ref().map(|e| e.years.to_string())
            data-doubt=doubtful
            data-route=estimate.as_ref().map(|e| e.route.as_str())
            data-kl-vanilla=estimate.as_ref().map(|e| e.kl_vanilla.to_string())
            data-kl-balanced=estimate.as_ref().map(|e| e.kl_balanced.to_string())
            data-device=device
            // Of the age network alone, for all faces together: decoding and cropping depend on the file.
            data-milliseconds=format!("{network:.2}")
            data-workers=workers
        >
            <div class="summary">
                {small_picture}
                <div class="words">{head}{unknown}{note}</div>
                {(several && known).then(|| view! {
                    <button type="button" class="quiet" aria-expanded=move || chosen.get().to_string() on:click=move |_| viewer.chosen.set(index)>
                        "Details"
                        <span class="visually-hidden">{format!(" of face {}", index + 1)}</span>
                    </button>
                })}
            </div>
            {move || details.clone().filter(|_| chosen.get()).map(|estimate| view! { <Details estimate shown=shown.clone()/> })}
        </article>
    }
}

/// Everything behind a number.
#[component]
fn Details(estimate: Estimate, shown: Shown) -> impl IntoView {
    let Shown { look, making, device } = shown;
    let times = look.times;
    let (kl_vanilla, kl_balanced) = wording::nats(estimate.kl_vanilla, estimate.kl_balanced);
    view! {
        <Chart estimate=estimate.clone()/>
        <table class="heads">
            <caption class="visually-hidden">"What each classifier answered"</caption>
            <thead>
                <tr><th scope="col">"Classifier"</th><th scope="col">"Age"</th><th scope="col">"Mirror KL"</th></tr>
            </thead>
            <tbody>
                {row("Vanilla", &estimate.vanilla, kl_vanilla, estimate.route == Route::Vanilla)}
                {row("Balanced", &estimate.balanced, kl_balanced, estimate.route == Route::Balanced)}
            </tbody>
        </table>
        <p class="why">{wording::why_routed(&estimate)}</p>
        <dl class="facts">
            <div><dt>"Device"</dt><dd>{wording::device(&device)}</dd></div>
            <div><dt>"Decode"</dt><dd>{wording::decoding(making.decode, making.decoder)}</dd></div>
            // A square marked by hand needs no finding.
            {(times.detect > 0.0).then(|| view! { <div><dt>"Find faces"</dt><dd>{wording::duration(times.detect)}</dd></div> })}
            <div><dt>"Crop"</dt><dd>{wording::duration(times.crop)}</dd></div>
            <div><dt>"Age network"</dt><dd>{wording::network(times.network, making.workers)}</dd></div>
        </dl>
    }
}

fn row(name: &'static str, answer: &Answer, divergence: String, chosen: bool) -> impl IntoView + use<> {
    view! {
        <tr class:chosen=chosen>
            <th scope="row">
                {name}
                {chosen.then(|| view! { " " <span class="badge">"shown"</span> })}
            </th>
            <td>{wording::years(answer.years)}" years"</td>
            <td>{divergence}" nats"</td>
        </tr>
    }
}
