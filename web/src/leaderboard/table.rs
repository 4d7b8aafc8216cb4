//! The ranking.

use glae_api::{Board, Column, ExternalData, Origin, Row, Standing, Visibility};
use leptos::prelude::*;

use super::board::Here;
use super::filter::External;
use super::format::{UNKNOWN, cell, day, web_address, whole};
use super::part::{self, PART};
use super::sort::{Key, Sort, columns, ranks};

/// The filter and the table.
#[component]
pub(super) fn Ranking() -> impl IntoView {
    let here = expect_context::<Here>();
    let board = here.board();
    let sort = RwSignal::new(Sort::ranking(&board));
    let external = RwSignal::new(External::All);
    let columns = columns(&board);
    let headings = columns.iter().map(|column| heading(column.label().into(), Key::Column(*column), sort, true));
    let body = {
        let columns = columns.clone();
        move || {
            let (wanted, order) = (external.get(), sort.get());
            let (mut shown, ranks, first, standings) = here.page.with(|page| {
                let Some(page) = page else { return Default::default() };
                let rows: Vec<Row> = page.board.rows.iter().filter(|row| wanted.admits(row)).cloned().collect();
                (rows, ranks(&page.board.rows, columns[0]), page.first_rank, page.standings.clone())
            });
            let from = here.at.get();
            order.apply(&mut shown);
            if shown.is_empty() {
                let span = columns.len() + 6;
                return view! { <tr><td class="nothing" colspan=span>"No method to show."</td></tr> }.into_any();
            }
            let line = |row: Row| {
                let rank = ranks.get(&row.id).map(|rank| part::place(from, first, *rank));
                let standing = standings.get(&row.id).and_then(said);
                line(here, row, rank, standing, &columns)
            };
            shown.into_iter().map(line).collect_view().into_any()
        }
    };
    view! {
        <section aria-labelledby="ranking-title">
            <h2 id="ranking-title">"Ranking"</h2>
            <Filter external/>
            <div id="ranking-rows" class="scroll-x ranking-box" tabindex="0" role="region" aria-label="Table of methods">
                <table class="ranking" data-testid="leaderboard-table">
                    <caption><span>{caption(&board, here, external)}</span></caption>
                    <thead>
                        <tr>
                            <th scope="col" class="place"><abbr title="Rank by the board's own column">"#"</abbr></th>
                            {heading("Method".into(), Key::Method, sort, false)}
                            {headings.collect_view()}
                            {heading("Parameters".into(), Key::Parameters, sort, true)}
                            {heading("Year".into(), Key::Year, sort, true)}
                            <th scope="col" class="words">"Numbers"</th>
                            <th scope="col" class="words">"Links"</th>
                        </tr>
                    </thead>
                    <tbody>{body}</tbody>
                </table>
            </div>
            <Parts/>
        </section>
    }
}

#[component]
fn Filter(
    /// The choice.
    external: RwSignal<External>,
) -> impl IntoView {
    let choices = External::ALL.map(|choice| {
        view! {
            <label class="choice">
                <input
                    type="radio"
                    name="external"
                    prop:checked=move || external.get() == choice
                    on:change=move |_| external.set(choice)
                />
                <span>{choice.label()}</span>
            </label>
        }
    });
    view! {
        <fieldset class="choices">
            <legend class="visually-hidden">"Methods by the data they learned from"</legend>
            {choices.collect_view()}
        </fieldset>
    }
}

fn caption(board: &Board, here: Here, external: RwSignal<External>) -> impl IntoView + use<> {
    let primary = board.primary;
    let better = if primary.ascending() { "lower is better" } else { "higher is better" };
    let years = if matches!(primary, Column::Cs5 | Column::Epsilon | Column::Aar) { "" } else { " in years" };
    move || {
        let (shown, rows, all) = here.page.with(|page| {
            let rows = page.as_ref().map(|page| page.board.rows.as_slice()).unwrap_or_default();
            let total = page.as_ref().and_then(|page| page.total).map_or(rows.len(), |total| total as usize);
            (rows.iter().filter(|row| external.get().admits(row)).count(), rows.len(), total)
        });
        let from = here.at.get();
        let number = match (shown == rows, rows == all) {
            (true, true) => part::told(0, 0, all),
            (true, false) => format!("Places {}", part::told(from, rows, all)),
            (false, true) => format!("{shown} of {}", part::told(0, 0, all)),
            (false, false) => format!("{shown} of places {}", part::told(from, rows, all)),
        };
        format!("{number}. The rank goes by {}{years}; {better}.", primary.label())
    }
}

/// A heading that sorts.
fn heading(label: String, key: Key, sort: RwSignal<Sort>, number: bool) -> impl IntoView {
    let arrow = move || match sort.get().aria(key) {
        "ascending" => "↑",
        "descending" => "↓",
        _ => "",
    };
    let class = if number { "" } else { "method" };
    view! {
        <th scope="col" class=class aria-sort=move || sort.get().aria(key)>
            <button type="button" class="sort" on:click=move |_| sort.update(|sort| *sort = sort.clicked(key))>
                {label}<span class="arrow" aria-hidden="true">{arrow}</span>
            </button>
        </th>
    }
}

/// What there is below a long ranking: the way to its other parts, and the team's own place.
#[component]
fn Parts() -> impl IntoView {
    let here = expect_context::<Here>();
    let total = Memo::new(move |_| {
        here.page.with(|page| page.as_ref().and_then(|page| page.total).unwrap_or_default() as usize)
    });
    let own = Memo::new(move |_| here.page.with(|page| page.as_ref().and_then(|page| page.own_rank)));
    let (from, at) = (here.from, here.at);
    let is_first = move || from.get() == 0;
    let is_last = move || from.get() + PART >= total.get();
    // A button that is not there any more would leave the keyboard nowhere.
    let turn = move |possible: bool, place: usize| {
        if possible {
            here.turn(place);
        }
    };
    let number = whole(PART as u64);
    let (before, next) = (format!("The {number} before"), format!("The next {number}"));
    view! {
        <Show when=move || { total.get() > PART }>
            <nav class="parts" aria-label="Parts of the ranking">
                <p class="hint" data-testid="ranking-length">
                    {move || {
                        let shown = here.page.with(|page| page.as_ref().map_or(0, |page| page.board.rows.len()));
                        format!("Places {}; headings sort these.", part::told(at.get(), shown, total.get()))
                    }}
                    {move || own.get().map(|rank| format!(" Your team's best stands at place {}.", whole(rank.into())))}
                </p>
                <div class="actions">
                    <button
                        type="button"
                        class="button secondary"
                        data-testid="part-before"
                        aria-disabled=move || is_first().to_string()
                        on:click=move |_| turn(!is_first(), from.get_untracked().saturating_sub(PART))
                    >
                        {before.clone()}
                    </button>
                    <button
                        type="button"
                        class="button secondary"
                        data-testid="part-next"
                        aria-disabled=move || is_last().to_string()
                        on:click=move |_| turn(!is_last(), from.get_untracked() + PART)
                    >
                        {next.clone()}
                    </button>
                    {move || own.get().map(|rank| view! {
                        <button
                            type="button"
                            class="quiet"
                            data-testid="part-own"
                            on:click=move |_| here.turn(rank.saturating_sub(1) as usize)
                        >
                            "To your team's best"
                        </button>
                    })}
                </div>
            </nav>
        </Show>
    }
}

/// What there is to say about a row beside its numbers.
fn said(standing: &Standing) -> Option<String> {
    let coverage = standing.coverage.map(|[predicted, all]| format!("{predicted} of {all} images"));
    let unranked = standing.unranked.as_deref().map(|why| match why {
        "equals-truth" => "not ranked: equals a public truth".to_owned(),
        "incomplete" => "not ranked: images are missing".to_owned(),
        "hidden" => match &standing.reason {
            Some(reason) => format!("hidden by the organiser: {reason}"),
            None => "hidden by the organiser".to_owned(),
        },
        other => other.to_owned(),
    });
    let ranks = standing.public_rank.zip(standing.private_rank).map(|(public, private)| {
        let moved = match i64::from(public) - i64::from(private) {
            0 => "the same".to_owned(),
            up if up > 0 => format!("up {up}"),
            down => format!("down {}", -down),
        };
        format!("place {private} by the private part, {public} by the public one: {moved}")
    });
    let spare = (standing.is_final == Some(false)).then(|| "not its team's final submission".to_owned());
    let all: Vec<_> = [coverage, unranked, ranks, spare].into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join("; "))
}

fn line(
    here: Here,
    row: Row,
    rank: Option<usize>,
    standing: Option<String>,
    columns: &[Column],
) -> impl IntoView + use<> {
    let primary = columns[0];
    let place = rank.map_or(UNKNOWN.into(), |rank| rank.to_string());
    let cells = columns.iter().map(|column| {
        let class = if *column == primary { "primary" } else { "" };
        let deviation = row.seeds.as_ref().and_then(|seeds| column.of(&seeds.deviation));
        let deviation =
            deviation.map(|number| view! { <span class="small">{format!("± {}", cell(*column, Some(number)))}</span> });
        view! { <td class=class>{cell(*column, column.of(&row.scores))}{deviation}</td> }
    });
    let cells = cells.collect_view();
    let parameters = row.parameters_millions.map_or(UNKNOWN.into(), |millions| format!("{millions} M"));
    let year = row.year.map_or(UNKNOWN.into(), |year| year.to_string());
    let small: Vec<String> =
        [row.authors.clone(), row.backbone.clone()].into_iter().filter(|text| !text.is_empty()).collect();
    let team = here.desk.team.with_untracked(|team| team.as_ref().map(|team| team.team.clone()));
    let is_own = matches!(&row.origin, Origin::Submitted { team: by, .. } if Some(by) == team.as_ref());
    let id = row.id.clone();
    let is_new = move || here.submitted.with(|new| new.as_ref() == Some(&id));
    view! {
        <tr
            id=format!("row-{}", row.id)
            tabindex="-1"
            data-row=row.id.clone()
            class:own=is_own
            class:new=is_new
        >
            <td class="place">{place}</td>
            <th scope="row" class="method">
                <span class="name">{row.method.clone()}</span>
                {is_own.then(|| view! { <span class="badge">"yours"</span> })}
                {(row.external_data == ExternalData::Used).then(|| view! { <span class="badge plain">"external data"</span> })}
                {(row.visibility == Visibility::Private).then(|| view! { <span class="badge plain">"private"</span> })}
                {row.seeds.as_ref().map(|seeds| view! { <span class="badge plain">{format!("{} seeds", seeds.count)}</span> })}
                {(!small.is_empty()).then(|| view! { <span class="small">{small.join(" · ")}</span> })}
                {(!row.notes.is_empty()).then(|| view! {
                    <details class="notes"><summary>"Notes"</summary><p>{row.notes.clone()}</p></details>
                })}
            </th>
            {cells}
            <td>{parameters}</td>
            <td>{year}</td>
            <td class="words">{origin(&row.origin)}{standing.map(|text| view! { <span class="small">{text}</span> })}</td>
            <td class="words">{links(&row)}</td>
        </tr>
    }
}

/// Where the numbers come from.
fn origin(origin: &Origin) -> impl IntoView + use<> {
    let (word, detail) = match origin {
        Origin::Reported { source } => ("reported".to_owned(), source.clone()),
        Origin::Computed { scorer } => ("computed".to_owned(), scorer.clone()),
        Origin::Submitted { team, at, scorer } => (format!("submitted by {team}"), format!("{}, {scorer}", day(*at))),
    };
    view! { <span>{word}</span><span class="small">{detail}</span> }
}

fn links(row: &Row) -> impl IntoView + use<> {
    let link = |word: &'static str, address: &Option<String>| {
        let address = web_address(address.as_deref()?)?.to_owned();
        let name = format!("{word} of {}", row.method);
        Some(view! { <a href=address rel="noopener noreferrer" aria-label=name>{word}</a> " " })
    };
    (link("Paper", &row.paper), link("Code", &row.code))
}
