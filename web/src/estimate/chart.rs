//! Both classifiers' distributions over the ages, as a drawing and as a table.

use glae_model::{Estimate, Route};
use leptos::prelude::*;

use super::curve;
use super::wording::{self, percent};

/// The classifier that was routed to is filled, the other one a thin line.
#[component]
pub(super) fn Chart(
    /// What to draw.
    estimate: Estimate,
) -> impl IntoView {
    let (chosen, other, other_route) = match estimate.route {
        Route::Vanilla => (&estimate.vanilla, &estimate.balanced, Route::Balanced),
        Route::Balanced => (&estimate.balanced, &estimate.vanilla, Route::Vanilla),
    };
    let top = curve::ceiling(&[&chosen.distribution, &other.distribution]);
    let last_age = chosen.distribution.len().saturating_sub(1).max(1);
    let height = curve::HEIGHT;
    let ticks = (0..=last_age).step_by(20).map(|age| {
        let left = format!("{}%", 100.0 * age as f64 / last_age as f64);
        view! { <span style:left=left>{age}</span> }
    });
    let rows = estimate.vanilla.distribution.iter().zip(&estimate.balanced.distribution).enumerate();
    let rows = rows.map(|(age, (vanilla, balanced))| {
        view! { <tr><th scope="row">{age}</th><td>{percent(*vanilla)}</td><td>{percent(*balanced)}</td></tr> }
    });
    view! {
        <figure class="chart">
            <div class="plot">
                <span class="ceiling" aria-hidden="true">{format!("{} %", (top * 1000.0).round() / 10.0)}</span>
                // Stretched to whatever room there is; strokes keep their width, and text stands outside.
                <svg viewBox=format!("0 0 {last_age} {height}") preserveAspectRatio="none" aria-hidden="true">
                    <line class="grid" x1="0" x2=last_age y1=height / 2.0 y2=height / 2.0/>
                    <path class="chosen-area" d=curve::area(&chosen.distribution, top)/>
                    <path class="other-line" d=curve::line(&other.distribution, top)/>
                    <path class="chosen-line" d=curve::line(&chosen.distribution, top)/>
                    <line class="mean" x1=estimate.years x2=estimate.years y1="0" y2=height/>
                </svg>
            </div>
            <div class="ticks" aria-hidden="true">{ticks.collect_view()}</div>
            <figcaption>
                <span class="key chosen">{format!("{} classifier, shown", capital(wording::classifier(estimate.route)))}</span>
                <span class="key other">{format!("{} classifier", capital(wording::classifier(other_route)))}</span>
            </figcaption>
            <details>
                <summary>"Probability of every age"</summary>
                <div class="scroll" tabindex="0" role="region" aria-label="Probability of every age">
                    <table>
                        <thead>
                            <tr><th scope="col">"Age"</th><th scope="col">"Vanilla"</th><th scope="col">"Balanced"</th></tr>
                        </thead>
                        <tbody>{rows.collect_view()}</tbody>
                    </table>
                </div>
            </details>
        </figure>
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
