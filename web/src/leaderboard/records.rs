//! What lasts of a board: rankings that were frozen, and what is left of rows that were withdrawn.

use glae_api::{Frozen, Tombstone};
use leptos::prelude::*;

use super::address::ApiDocument;
use super::board::Here;
use super::format::{counted, day};

/// The section, where there is something.
#[component]
pub(super) fn Records() -> impl IntoView {
    let here = expect_context::<Here>();
    let records = Memo::new(move |_| {
        here.page
            .with(|page| page.as_ref().map(|page| (page.frozen.clone(), page.withdrawn.clone())).unwrap_or_default())
    });
    move || {
        let (frozen, withdrawn) = records.get();
        (!frozen.is_empty() || !withdrawn.is_empty()).then(|| {
            view! {
                <section aria-labelledby="records-title" data-testid="records">
                    <h2 id="records-title">"On record"</h2>
                    <ul class="own-rows">{frozen.into_iter().map(|one| kept(here, &one)).collect_view()}</ul>
                    {(!withdrawn.is_empty()).then(|| view! { <Graves withdrawn/> })}
                </section>
            }
        })
    }
}

fn kept(here: Here, frozen: &Frozen) -> impl IntoView + use<> {
    let source = here.desk.source.get_untracked().unwrap_or(super::address::Source::Server);
    let board = here.id.get_value();
    let (ranking, citation) = (
        ApiDocument::Frozen(&board, frozen.number).at(source),
        ApiDocument::Citation(&board, frozen.number).at(source),
    );
    let number = frozen.number;
    let revised = frozen.revised.map(|at| format!(" A team was taken out of it on {}.", day(at)));
    // Documents of the server, not pages: the page's router leaves external links alone.
    view! {
        <li data-frozen=number.to_string()>
            <p>
                <strong>{format!("Ranking {number}, frozen on {}", day(frozen.at))}</strong> " "
                <a href=ranking rel="external" aria-label=format!("Document of ranking {number}")>"Document"</a> " "
                <a href=citation rel="external" aria-label=format!("Cite (BibTeX) ranking {number}")>"Cite (BibTeX)"</a>
                <span class="small checksum">{format!("SHA-256 {}.", frozen.checksum)}{revised}</span>
            </p>
        </li>
    }
}

#[component]
fn Graves(
    /// The newest first.
    withdrawn: Vec<Tombstone>,
) -> impl IntoView {
    let count = counted(withdrawn.len() as u64, "row that was withdrawn", "rows that were withdrawn");
    let item = |one: Tombstone| {
        let method =
            if one.method.is_empty() { "A removed team's".to_owned() } else { format!("{}, {}", one.method, one.team) };
        view! {
            <li data-withdrawn=one.id.clone()>
                {method}
                <span class="small">
                    {format!("{}, submitted {}, withdrawn {}", one.id, day(one.submitted), day(one.withdrawn))}
                </span>
            </li>
        }
    };
    view! {
        <details class="withdrawn">
            <summary>{count}</summary>
            <ul>{withdrawn.into_iter().map(item).collect_view()}</ul>
        </details>
    }
}
