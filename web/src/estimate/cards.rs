//! The answer.

use glae_model::{Answer, Route};
use leptos::prelude::*;

use super::chart::Chart;
use super::curve::central_ages;
use super::wording::{self, Stage};
use crate::engine::{Engine, Shown};

/// Stands in until there is an answer.
#[component]
pub(super) fn WaitingCard() -> impl IntoView {
    let engine = expect_context::<Engine>();
    let text = move || match engine.stage.get() {
        Stage::Failed(_) => "No estimate",
        Stage::Ready => "Estimating",
        _ => "Getting ready",
    };
    let failed = Memo::new(move |_| matches!(engine.stage.get(), Stage::Failed(_)));
    view! {
        <div class="card waiting" class:still=failed>
            <p class="label">{text}</p>
            <div class="bone wide"></div>
            <div class="bone tall"></div>
            <div class="bone"></div>
        </div>
    }
}

/// The age and everything behind it.
#[component]
pub(super) fn ResultCard() -> impl IntoView {
    let engine = expect_context::<Engine>();
    move || engine.shown.get().map(|shown| card(engine, shown))
}

fn card(engine: Engine, shown: Shown) -> impl IntoView {
    let Shown { estimate, times, device } = shown;
    let (low, high) = central_ages(&estimate.distribution, 0.8);
    let (kl_vanilla, kl_balanced) = wording::nats(estimate.kl_vanilla, estimate.kl_balanced);
    let busy = move || engine.busy.get();
    view! {
        <article
            class="card result"
            class:stale=busy
            aria-busy=move || busy().to_string()
            data-testid="estimate"
            data-years=estimate.years.to_string()
            data-route=estimate.route.as_str()
            data-kl-vanilla=estimate.kl_vanilla.to_string()
            data-kl-balanced=estimate.kl_balanced.to_string()
            data-device=device.kind.as_str()
            // Of the network alone: decoding and cropping depend on the file.
            data-milliseconds=format!("{:.1}", times.network)
        >
            <div role="status">
                <p class="label">"Estimated age"</p>
                <p class="age"><strong>{wording::years(estimate.years)}</strong>" years"</p>
            </div>
            <p class="hint">{format!("80 % of the distribution lies between {low} and {high} years.")}</p>
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
            <p class="why">{wording::why_routed(estimate.route, estimate.kl_vanilla, estimate.kl_balanced)}</p>
            <dl class="facts">
                <div><dt>"Device"</dt><dd>{wording::device(&device)}</dd></div>
                <div><dt>"Decode"</dt><dd>{wording::duration(times.decode)}</dd></div>
                <div><dt>"Crop"</dt><dd>{wording::duration(times.crop)}</dd></div>
                <div><dt>"Network"</dt><dd>{wording::duration(times.network)}</dd></div>
            </dl>
        </article>
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
