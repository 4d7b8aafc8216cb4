//! Both classifiers' distributions over the ages, as a drawing and as a table.

use glae_model::{Estimate, Route};
use leptos::prelude::*;

use super::curve;
use super::wording::percent;
use crate::number_table::{number_table, scrolled};

/// The answer that is shown is filled, a classifier that is not shown by itself is a thin line.
#[component]
pub(super) fn Chart(
    /// What to draw.
    estimate: Estimate,
) -> impl IntoView {
    let (vanilla, balanced) = (("Vanilla", &estimate.vanilla), ("Balanced", &estimate.balanced));
    let (shown, others) = match estimate.route {
        Route::Vanilla => ("Vanilla classifier, shown", vec![balanced]),
        Route::Balanced => ("Balanced classifier, shown", vec![vanilla]),
        Route::Both => ("Both classifiers, shown", vec![vanilla, balanced]),
    };
    let chosen = &estimate.distribution;
    let all: Vec<&[f32]> = std::iter::once(chosen)
        .chain(others.iter().map(|(_, answer)| &answer.distribution))
        .map(Vec::as_slice)
        .collect();
    let top = curve::ceiling(&all);
    // The second line of two is dashed, here and in the key.
    let second = |index: usize| if index == 1 { "second" } else { "" };
    let lines = others.iter().enumerate().map(|(index, (_, answer))| {
        let class = format!("other-line {}", second(index));
        view! { <path class=class d=curve::line(&answer.distribution, top)/> }
    });
    let lines = lines.collect_view();
    let keys = others.iter().enumerate().map(|(index, (name, _))| {
        let class = format!("key other {}", second(index));
        view! { <span class=class>{format!("{name} classifier")}</span> }
    });
    let keys = keys.collect_view();
    let last_age = chosen.len().saturating_sub(1).max(1);
    let height = curve::HEIGHT;
    let ticks = (0..=last_age).step_by(20).map(|age| {
        let left = format!("{}%", 100.0 * age as f64 / last_age as f64);
        view! { <span style:left=left>{age}</span> }
    });
    let rows = estimate.vanilla.distribution.iter().zip(&estimate.balanced.distribution).enumerate();
    let rows = rows.map(|(age, (vanilla, balanced))| [age.to_string(), percent(*vanilla), percent(*balanced)]);
    view! {
        <figure class="chart">
            <div class="plot">
                <span class="ceiling" aria-hidden="true">{format!("{} %", (top * 1000.0).round() / 10.0)}</span>
                // Stretched to whatever room there is; strokes keep their width, and text stands outside.
                <svg viewBox=format!("0 0 {last_age} {height}") preserveAspectRatio="none" aria-hidden="true">
                    <line class="grid" x1="0" x2=last_age y1=height / 2.0 y2=height / 2.0/>
                    <path class="chosen-area" d=curve::area(chosen, top)/>
                    {lines}
                    <path class="chosen-line" d=curve::line(chosen, top)/>
                    <line class="mean" x1=estimate.years x2=estimate.years y1="0" y2=height/>
                </svg>
            </div>
            <div class="ticks" aria-hidden="true">{ticks.collect_view()}</div>
            <figcaption>
                <span class="key chosen">{shown}</span>
                {keys}
            </figcaption>
            <details>
                <summary>"Probability of every age"</summary>
                {scrolled("Probability of every age", number_table(&["Age", "Vanilla", "Balanced"], rows))}
            </details>
        </figure>
    }
}
