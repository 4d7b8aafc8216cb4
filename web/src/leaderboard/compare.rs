//! Which of two methods is better, by paired bootstrap on the same images.

use glae_api::{COMPARED, TruthAccess};
use glae_metrics::Comparison;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::address::ApiDocument;
use super::board::Here;
use super::format::{counted, whole};
use super::verdict::sentence;

/// The section, where there are two rows with predictions.
#[component]
pub(super) fn Compare() -> impl IntoView {
    let here = expect_context::<Here>();
    let rows = Memo::new(move |_| {
        here.page.with(|page| {
            let rows = page.as_ref().map(|page| page.board.rows.as_slice()).unwrap_or_default();
            let stored = rows.iter().filter(|row| row.predictions.is_some());
            // A copy holds the comparisons of the best ones, which stand in the first part.
            let most = match (here.desk.is_copy(), here.at.get()) {
                (true, 0) => COMPARED,
                (true, _) => 0,
                (false, _) => usize::MAX,
            };
            stored.take(most).map(|row| (row.id.clone(), row.method.clone())).collect::<Vec<_>>()
        })
    });
    let is_possible = here.board().truth != TruthAccess::Yours;
    let has_two = Memo::new(move |_| rows.with(|rows| rows.len() > 1) && is_possible);
    view! {
        <Show when=move || has_two.get()>
            <section aria-labelledby="compare-title">
                <h2 id="compare-title">"Compare two methods"</h2>
                <p class="hint">
                    "Both predicted the same images, so the images are drawn again and again in pairs. The interval holds 95 %
                    of the differences."
                </p>
                <Pair rows/>
            </section>
        </Show>
    }
}

#[component]
fn Pair(
    /// Id and name of each method, best first.
    rows: Memo<Vec<(String, String)>>,
) -> impl IntoView {
    let here = expect_context::<Here>();
    // Id and name: what is chosen stays when another part of the ranking is shown.
    let chosen = |number: usize| rows.with_untracked(|rows| rows.get(number).cloned().unwrap_or_default());
    let (a, b) = (RwSignal::new(chosen(0)), RwSignal::new(chosen(1)));
    let verdict = RwSignal::new(None::<Result<Vec<String>, String>>);
    let busy = RwSignal::new(false);
    let compare = move |_| {
        let ((mut first, mut name_a), (mut second, mut name_b)) = (a.get_untracked(), b.get_untracked());
        if first == second {
            return verdict.set(Some(Err("Choose two different methods.".into())));
        }
        if busy.get_untracked() {
            return;
        }
        // A copy has each pair once, the better one first; the verdict is the same either way.
        let place = |id: &str| rows.with_untracked(|rows| rows.iter().position(|row| row.0 == id));
        if here.desk.is_copy() && place(&second) < place(&first) {
            std::mem::swap(&mut first, &mut second);
            std::mem::swap(&mut name_a, &mut name_b);
        }
        busy.set(true);
        verdict.set(None);
        let board = here.id.get_value();
        spawn_local(async move {
            let answer = here.desk.read::<Comparison>(ApiDocument::Comparison(&board, &first, &second)).await;
            busy.try_set(false);
            verdict.try_set(Some(answer.map(|it| said(&it, &name_a, &name_b)).map_err(|failure| failure.sentence())));
        });
    };
    view! {
        <div class="pair">
            {choice("compare-a", "First method", rows, a)}
            {choice("compare-b", "Second method", rows, b)}
            <div><button type="button" class="button secondary" data-testid="compare" on:click=compare>"Compare"</button></div>
        </div>
        <div role="status" data-testid="verdict">
            {move || busy.get().then(|| view! { <p class="hint">"Comparing"</p> })}
            {move || verdict.get().map(|verdict| match verdict {
                Ok(sentences) => sentences
                    .into_iter()
                    .map(|sentence| view! { <p class="verdict">{sentence}</p> })
                    .collect_view()
                    .into_any(),
                Err(sentence) => view! { <p class="message error"><span>{sentence}</span></p> }.into_any(),
            })}
        </div>
    }
}

fn said(comparison: &Comparison, a: &str, b: &str) -> Vec<String> {
    let images = counted(comparison.samples as u64, "image", "images");
    let resamples = whole(comparison.resamples.into());
    vec![
        sentence("CMAE", a, b, &comparison.cmae),
        sentence("MAE", a, b, &comparison.mae),
        format!("{images}, {resamples} resamples, seed {}.", comparison.seed),
    ]
}

fn choice(
    id: &'static str,
    label: &'static str,
    rows: Memo<Vec<(String, String)>>,
    value: RwSignal<(String, String)>,
) -> impl IntoView {
    let offered = move || {
        let (mut offered, chosen) = (rows.get(), value.get_untracked());
        if !offered.contains(&chosen) {
            offered.insert(0, chosen);
        }
        offered
    };
    let options = move || {
        let option = |(id, name): (String, String)| {
            let own = id.clone();
            view! { <option value=id selected=move || value.with(|value| value.0 == own)>{name}</option> }
        };
        offered().into_iter().map(option).collect_view()
    };
    let choose = move |id: String| {
        if let Some(one) = untrack(offered).into_iter().find(|one| one.0 == id) {
            value.set(one);
        }
    };
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <select id=id on:change:target=move |event| choose(event.target().value())>{options}</select>
        </div>
    }
}
