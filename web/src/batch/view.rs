//! The table of many photographs, its progress and its download.

use leptos::prelude::*;

use super::list::FileState;
use super::queue::{FileList, ListedFile};
use crate::download::save;
use crate::estimate::Workplace;
use crate::estimate::wording;

/// Progress, table, and what can be done with them.
#[component]
pub(crate) fn BatchView(
    /// The queue.
    batch: FileList,
) -> impl IntoView {
    let bench = expect_context::<Workplace>();
    let total = move || batch.rows.with(Vec::len);
    let finished = Memo::new(move |_| batch.done.get() == batch.rows.with(Vec::len));
    let download = move |all| save("ages.csv", "text/csv", &batch.csv(all));
    view! {
        <section class="card batch" aria-label="Many photos" data-testid="batch">
            <div role="status">
                <p class="label" translate="no" data-testid="batch-progress" data-done=batch.done data-total=total>
                    {move || format!("{} of {} photos done", batch.done.get(), total())}
                </p>
            </div>
            <progress max=total value=batch.done aria-label="Photos done"></progress>
            <div class="actions">
                <Show when=move || batch.running.get()>
                    <button type="button" class="button secondary" data-testid="batch-cancel" on:click=move |_| batch.stop()>"Stop"</button>
                </Show>
                <Show when=move || !batch.running.get() && !finished.get()>
                    <button type="button" class="button" data-testid="batch-resume" on:click=move |_| batch.resume()>"Go on"</button>
                </Show>
                <button type="button" class="button secondary" data-testid="batch-csv" on:click=move |_| download(false) disabled=move || batch.done.get() == 0>
                    "Download CSV"
                </button>
                <button type="button" class="quiet" data-testid="batch-csv-all" on:click=move |_| download(true) disabled=move || batch.done.get() == 0>
                    "Download all rows"
                </button>
                <button type="button" class="quiet" on:click=move |_| bench.close_list()>"Close list"</button>
            </div>
            <p class="hint">
                "The age of a photo is that of its main face: large and near the middle. The CSV has one row for each photo with an age
                and can be given to the leaderboard as it is; “all rows” also has the photos without one, and why."
            </p>
            <p class="hint" translate="no" data-testid="batch-by-browser" hidden=move || batch.by_browser.get() == 0>
                {move || match batch.by_browser.get() {
                    0 => String::new(),
                    1 => "1 photo was decoded by the browser, whose pixels may differ from another one's.".to_owned(),
                    many => format!("{many} photos were decoded by the browser, whose pixels may differ from another one's."),
                }}
            </p>
            <div class="scroll tall" tabindex="0" role="region" aria-label="Ages of all photos">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">"Photo"</th><th scope="col">"Age"</th>
                            <th scope="col">"Faces"</th><th scope="col" class="route">"Classifier"</th><th scope="col">"Doubt"</th>
                        </tr>
                    </thead>
                    <tbody>
                        <For each=move || batch.rows.get() key=|row| row.index children=move |row| view! { <FileRow row/> }/>
                    </tbody>
                </table>
            </div>
        </section>
    }
}

#[component]
fn FileRow(row: ListedFile) -> impl IntoView {
    let bench = expect_context::<Workplace>();
    let ListedFile { index, name, progress } = row;
    let for_years = progress.clone();
    let cells = move || match progress.get() {
        FileState::Waiting => view! { <td colspan="4" class="muted">"waiting"</td> }.into_any(),
        FileState::Reading => view! { <td colspan="4" class="muted">"reading"</td> }.into_any(),
        FileState::Refused(sentence) => view! { <td colspan="4" class="wrong">{sentence}</td> }.into_any(),
        progress => {
            let faces = if let FileState::Seen(look) = &progress { look.seen.len() } else { 0 };
            match progress.estimate() {
                Some(estimate) => view! {
                    <td>{wording::years(estimate.years)}</td>
                    <td>{faces}</td>
                    <td class="route">{estimate.route.as_str()}</td>
                    <td class="doubt">{progress.main().and_then(|main| main.doubt).map(wording::listed_doubt)}</td>
                }
                .into_any(),
                None => {
                    let note =
                        progress.main().and_then(|main| main.doubt).map_or("no face found", wording::listed_doubt);
                    view! { <td colspan="4" class="muted">{note}</td> }.into_any()
                }
            }
        }
    };
    let years = move || for_years.with(|progress| Some(progress.estimate()?.years.to_string()));
    view! {
        // Numbers and names, which a translation of the page would only freeze.
        <tr data-testid="batch-row" translate="no" data-years=years>
            <th scope="row">
                <button type="button" class="link" on:click=move |_| bench.open_listed(index)>{name.to_string()}</button>
            </th>
            {cells}
        </tr>
    }
}
