//! The two charts of a board: MAE against CMAE, and the error at every age.

use std::collections::{BTreeMap, HashMap};

use glae_api::{Origin, Row};
use glae_chart::{Ink, SERIES, Series, by_age};
use glae_metrics::Report;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::address::ApiDocument;
use super::board::Here;
use super::drawing::Drawing;
use super::folded::{Folded, later};
use super::format::{UNKNOWN, years};
use super::scatter::{self, Point};
use crate::number_table::{number_table, scrolled};

/// How many methods are drawn from the start.
const FROM_START: usize = 3;

/// Both charts, each where there is something to draw.
#[component]
pub(super) fn Charts() -> impl IntoView {
    let here = expect_context::<Here>();
    // Behind the report, which is what the visitor waits for.
    let mine: Mine = later(4, move || here.scoring.scored.with(|scored| Some(scored.as_ref()?.report.clone())));
    let points = Memo::new(move |_| points(here, mine));
    let has_errors = Memo::new(move |_| !with_errors(here).is_empty() || mine.with(Option::is_some));
    view! {
        <Show when=move || points.with(|points| points.len() > 1)>
            <TradeOff points/>
        </Show>
        <Show when=move || has_errors.get()>
            <ErrorByAge mine/>
        </Show>
    }
}

/// The report on the visitor's file.
type Mine = RwSignal<Option<Report>>;

fn points(here: Here, mine: Mine) -> Vec<Point> {
    let rows = here.page.with(|page| page.as_ref().map(|page| page.board.rows.clone()).unwrap_or_default());
    let of_row = |row: Row| {
        let ink = if matches!(row.origin, Origin::Reported { .. }) { Ink::Reported } else { Ink::Computed };
        Some(Point { mae: row.scores.mae?, cmae: row.scores.cmae?, name: row.method, ink })
    };
    let mut points: Vec<Point> = rows.into_iter().filter_map(of_row).collect();
    mine.with(|report| {
        if let Some(Report { mae, cmae, .. }) = report {
            points.push(Point { name: "Your file".into(), mae: *mae, cmae: *cmae, ink: Ink::Yours });
        }
    });
    points
}

#[component]
fn TradeOff(
    /// The methods.
    points: Memo<Vec<Point>>,
) -> impl IntoView {
    let open = RwSignal::new(false);
    let rows = move || {
        let mut points = points.get();
        points.sort_by(|a, b| a.cmae.total_cmp(&b.cmae));
        let rows = points.into_iter().map(|point| [point.name, years(point.mae), years(point.cmae)]);
        scrolled("Numbers: MAE and CMAE", number_table(&["Method", "MAE", "CMAE"], rows))
    };
    view! {
        <section aria-labelledby="trade-off-title">
            <h2 id="trade-off-title">"MAE against CMAE"</h2>
            <p class="hint">
                "What a method gains on rare ages and pays on common ones: better is left and low. On the dashed line both
                errors are equal."
            </p>
            <figure class="figure">
                <Drawing label="MAE against CMAE; the table below holds the numbers" draw=move |width| scatter::scene(&points.get(), width)/>
                <figcaption class="keys">
                    <span class="key-mark reported">"reported"</span>
                    <span class="key-mark computed">"computed here"</span>
                    {move || points.with(|points| points.iter().any(|point| point.ink == Ink::Yours)).then(|| view! {
                        <span class="key-mark yours">"your file"</span>
                    })}
                </figcaption>
                <Folded summary="The numbers" open>{rows()}</Folded>
            </figure>
        </section>
    }
}

/// Rows whose error at each age can be fetched, best first.
fn with_errors(here: Here) -> Vec<(String, String)> {
    here.page.with(|page| {
        let Some(page) = page.as_ref().filter(|page| !page.test_counts.is_empty()) else { return Vec::new() };
        let rows = page.board.rows.iter().filter(|row| row.predictions.is_some());
        rows.map(|row| (row.id.clone(), row.method.clone())).collect()
    })
}

#[component]
fn ErrorByAge(
    /// Drawn beside the methods.
    mine: Mine,
) -> impl IntoView {
    let here = expect_context::<Here>();
    let open = RwSignal::new(false);
    let methods = Memo::new(move |_| with_errors(here));
    // Id and name: what is drawn stays when another part of the ranking is shown.
    let chosen = RwSignal::new(Vec::<(String, String)>::new());
    let reports = RwSignal::new(HashMap::<String, Result<Report, String>>::new());
    let choose = move |id: String, name: String, wanted: bool| {
        chosen.update(|chosen| {
            chosen.retain(|(other, _)| *other != id);
            if wanted {
                chosen.push((id.clone(), name));
            }
        });
        if wanted && reports.with_untracked(|reports| !matches!(reports.get(&id), Some(Ok(_)))) {
            let board = here.id.get_value();
            spawn_local(async move {
                let answer = here.desk.read::<Report>(ApiDocument::Report(&board, &id)).await;
                reports.try_update(|reports| reports.insert(id, answer.map_err(|failure| failure.sentence())));
            });
        }
    };
    for (id, name) in methods.get_untracked().into_iter().take(FROM_START) {
        choose(id, name, true);
    }
    let series = Memo::new(move |_| {
        let of_row = |(id, name): &(String, String)| {
            reports.with(|reports| {
                let report = reports.get(id)?.as_ref().ok()?;
                Some(Series::new(name.clone(), 0, errors(report)))
            })
        };
        let mut series: Vec<Series> = chosen.with(|chosen| chosen.iter().filter_map(of_row).collect());
        series.extend(mine.with(|report| Some(Series::new("Your file", 0, errors(report.as_ref()?)))));
        series.iter_mut().enumerate().for_each(|(number, one)| one.number = number);
        series
    });
    let counts = Memo::new(move |_| counts(here, mine));
    let failures = move || {
        let failed = reports.with(|reports| reports.values().find_map(|report| report.as_ref().err().cloned()));
        failed.map(|sentence| view! { <p class="message error">{sentence}</p> })
    };
    let is_full = move || chosen.with(|chosen| chosen.len() + 1 >= SERIES);
    let choices = move || {
        let choice = |(id, method): (String, String)| {
            let (for_checked, for_full) = (id.clone(), id.clone());
            let is_chosen = move |id: &str| chosen.with(|chosen| chosen.iter().any(|(other, _)| other == id));
            let checked = move || is_chosen(&for_checked);
            let full = move || is_full() && !is_chosen(&for_full);
            let name = method.clone();
            view! {
                <label class="choice">
                    <input
                        type="checkbox"
                        prop:checked=checked
                        disabled=full
                        on:change:target=move |event| choose(id.clone(), name.clone(), event.target().checked())
                    />
                    <span>{method}</span>
                </label>
            }
        };
        let mut offered = methods.get();
        let elsewhere = chosen
            .with_untracked(|chosen| chosen.iter().filter(|one| !offered.contains(one)).cloned().collect::<Vec<_>>());
        offered.extend(elsewhere);
        offered.into_iter().map(choice).collect_view()
    };
    view! {
        <section aria-labelledby="ages-title">
            <h2 id="ages-title">"Error at every age"</h2>
            <p class="hint">"Above: mean absolute error of the images of each age. Below: how many there are in the test."</p>
            <fieldset class="choices">
                <legend class="visually-hidden">"Methods to draw"</legend>
                {choices}
            </fieldset>
            <div role="alert">{failures}</div>
            <figure class="figure" data-testid="age-chart">
                <Drawing
                    label="Error at every age above the number of images; the table below holds the numbers"
                    draw=move |width| by_age(width, &series.get(), &counts.get(), COUNTED, false)
                />
                <figcaption class="keys">
                    {move || series.get().into_iter().map(|one| {
                        view! { <span class="key-line">{swatch(one.number)}{one.name}</span> }
                    }).collect_view()}
                </figcaption>
                <Folded summary="The numbers" open>{move || numbers(&series.get(), &counts.get())}</Folded>
            </figure>
        </section>
    }
}

/// A piece of a series' line.
fn swatch(number: usize) -> impl IntoView {
    view! {
        <svg class="swatch" viewBox="0 0 28 8" aria-hidden="true">
            <path d="M1 4L27 4" class=Ink::Series(number).class()/>
        </svg>
    }
}

/// What the bars of [`by_age`] count.
pub(super) const COUNTED: &str = "Test images";

/// Age and error of a report.
pub(super) fn errors(report: &Report) -> Vec<(f64, f64)> {
    report.by_age.iter().map(|age| (f64::from(age.age), age.mae)).collect()
}

/// Number of images at each age of a report.
pub(super) fn report_counts(report: &Report) -> Vec<u32> {
    let mut counts = Vec::new();
    for age in &report.by_age {
        counts.resize(counts.len().max(age.age as usize + 1), 0);
        counts[age.age as usize] = age.samples as u32;
    }
    counts
}

fn counts(here: Here, mine: Mine) -> Vec<u32> {
    let counts = here.page.with(|page| page.as_ref().map(|page| page.test_counts.clone()).unwrap_or_default());
    if !counts.is_empty() {
        return counts;
    }
    mine.with(|report| report.as_ref().map(report_counts).unwrap_or_default())
}

fn numbers(series: &[Series], counts: &[u32]) -> AnyView {
    let by_age: Vec<BTreeMap<u32, f64>> =
        series.iter().map(|one| one.points.iter().map(|(age, error)| (*age as u32, *error)).collect()).collect();
    let heads: Vec<&str> = ["Age", "Images"].into_iter().chain(series.iter().map(|one| one.name.as_str())).collect();
    let rows = counts.iter().enumerate().filter(|(_, count)| **count > 0).map(|(age, count)| {
        let of = |errors: &BTreeMap<u32, f64>| errors.get(&(age as u32)).map_or(UNKNOWN.into(), |error| years(*error));
        [age.to_string(), count.to_string()].into_iter().chain(by_age.iter().map(of)).collect::<Vec<_>>()
    });
    scrolled("Numbers: error at every age", number_table(&heads, rows))
}
