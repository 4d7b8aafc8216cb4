//! The full report on the visitor's file.

use glae_chart::{Series, by_age};
use glae_metrics::{Band, Report, Worst};
use leptos::prelude::*;

use super::api::json;
use super::board::Here;
use super::charts::{COUNTED, errors, report_counts};
use super::drawing::Drawing;
use super::export::{csv, file_stem, latex, lines, markdown};
use super::folded::{Folded, later};
use super::format::{UNKNOWN, counted, interval, percent, whole, years};
use crate::download::save;
use crate::scoring::protocol::Score;

/// Width of the drawing in a downloaded file, in pixels.
const FILE_WIDTH: f64 = 800.0;

/// Everything about the newest scores: the headline at once and anew when the intervals arrive, each further part a turn of
/// the event loop later.
#[component]
pub(super) fn ReportView() -> impl IntoView {
    let here = expect_context::<Here>();
    let scored = here.scoring.scored;
    let without_intervals = Memo::new(move |_| {
        let mut scored = scored.get()?;
        scored.report.intervals = None;
        Some(scored)
    });
    let [tables, chart, worst] = [1, 2, 3].map(|turns| later(turns, move || without_intervals.get()));
    let open = [RwSignal::new(false), RwSignal::new(false)];
    view! {
        <article class="card report" data-testid="report">
            <h3>"Your file"</h3>
            {move || scored.with(|scored| scored.as_ref().map(|scored| headline(&scored.report)))}
            {move || tables.with(|scored| scored.as_ref().map(|scored| groups(&scored.report)))}
            {move || chart.get().map(|Score { report, .. }| view! { <AgeChart report open=open[0]/> })}
            {move || worst.with(|scored| scored.as_ref().map(|scored| worst_cases(&scored.worst)))}
            {move || worst.get().map(|Score { report, .. }| view! {
                <Folded summary="All numbers" open=open[1]>{all_numbers(&report)}</Folded>
            })}
            <Downloads/>
        </article>
    }
}

fn headline(report: &Report) -> impl IntoView + use<> {
    let of = |range: Option<[f64; 2]>| range.map(interval);
    let intervals = report.intervals.as_ref();
    let cs5 = report.cs.get(4).copied();
    let absent = "needs sigma in the truth";
    view! {
        <dl class="metrics">
            {metric("cmae", "CMAE", Some(report.cmae), years(report.cmae), of(intervals.map(|i| i.cmae)))}
            {metric("mae", "MAE", Some(report.mae), years(report.mae), of(intervals.map(|i| i.mae)))}
            {metric("cs5", "CS(5)", cs5, cs5.map_or(UNKNOWN.into(), percent), None)}
            {metric("aar", "AAR", Some(report.aar.score), years(report.aar.score), None)}
            {metric(
                "epsilon",
                "ε-error",
                report.epsilon,
                report.epsilon.map_or(UNKNOWN.into(), |epsilon| format!("{epsilon:.4}")),
                report.epsilon.is_none().then(|| absent.to_owned()),
            )}
        </dl>
        <p class="hint">{remarks(report)}</p>
    }
}

fn groups(report: &Report) -> impl IntoView + use<> {
    view! {
        <h4>"By age group"</h4>
        {bands(report)}
        {shots(report)}
        {calibration(report)}
        {routing(report)}
    }
}

/// A headline number, with its full precision for tests and scripts.
fn metric(
    hook: &str,
    label: &'static str,
    value: Option<f64>,
    text: String,
    below: Option<String>,
) -> impl IntoView + use<> {
    view! {
        <div data-testid=format!("metric-{hook}") data-value=value.map(|value| value.to_string())>
            <dt>{label}</dt>
            <dd>{text}{below.map(|below| view! { <span class="small">{below}</span> })}</dd>
        </div>
    }
}

fn remarks(report: &Report) -> String {
    let mut sentences = vec![format!(
        "{} of {} ages, scored by {}.",
        counted(report.predicted as u64, "image", "images"),
        report.ages,
        report.scorer
    )];
    if report.predicted < report.samples {
        let absent = counted((report.samples - report.predicted) as u64, "image", "images");
        sentences.push(format!("{absent} without a prediction count 1 in the ε-error and nothing elsewhere."));
    }
    if report.fractional_labels {
        sentences.push("True ages with fractions were binned by rounding half up.".into());
    }
    if let Some(intervals) = &report.intervals {
        let resamples = whole(intervals.resamples.into());
        sentences.push(format!("Intervals: 95 %, {resamples} bootstrap resamples, seed {}.", intervals.seed));
    }
    if report.exact_hits > 0 {
        let hits = counted(report.exact_hits as u64, "prediction is", "predictions are");
        sentences.push(format!("The geometric mean is 0 because {hits} exact."));
    }
    sentences.join(" ")
}

fn bands(report: &Report) -> impl IntoView + use<> {
    let rows = Band::ALL.map(|band| {
        let own = report.bands.iter().find(|own| own.band == band);
        let of = |number: Option<f64>| number.map_or(UNKNOWN.into(), years);
        let images = own.map_or(0, |own| own.samples);
        view! {
            <tr>
                <th scope="row">{band.label()}</th>
                <td>{whole(images as u64)}</td>
                <td>{of(own.map(|own| own.mae))}</td>
                <td>{of(own.map(|own| own.cmae))}</td>
            </tr>
        }
    });
    view! {
        <table>
            <thead>
                <tr>
                    <th scope="col">"Ages"</th><th scope="col">"Images"</th>
                    <th scope="col">"MAE"</th><th scope="col">"CMAE"</th>
                </tr>
            </thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
}

fn shots(report: &Report) -> Option<impl IntoView + use<>> {
    let shots = report.shots.as_ref()?;
    let parts = [
        ("Many (more than 100)", &shots.many),
        ("Medium (20 to 100)", &shots.medium),
        ("Few (fewer than 20)", &shots.few),
    ];
    let rows = parts.map(|(name, shot)| {
        let of = |number: Option<f64>| number.map_or(UNKNOWN.into(), years);
        view! {
            <tr>
                <th scope="row">{name}</th>
                <td>{whole(shot.as_ref().map_or(0, |shot| shot.samples) as u64)}</td>
                <td>{of(shot.as_ref().map(|shot| shot.mae))}</td>
                <td>{of(shot.as_ref().map(|shot| shot.bmae))}</td>
            </tr>
        }
    });
    Some(view! {
        <h4>"By training images of the age"</h4>
        <table>
            <thead>
                <tr>
                    <th scope="col">"Shots"</th><th scope="col">"Images"</th>
                    <th scope="col">"MAE"</th><th scope="col">"bMAE"</th>
                </tr>
            </thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    })
}

fn calibration(report: &Report) -> Option<impl IntoView + use<>> {
    let calibration = report.calibration.as_ref()?;
    Some(view! {
        <h4>"Calibration"</h4>
        <dl class="facts">
            <div><dt>"Negative log-likelihood"</dt><dd>{format!("{:.3}", calibration.nll)}</dd></div>
            <div><dt>"Expected calibration error"</dt><dd>{percent(calibration.ece)}</dd></div>
            <div><dt>"Coverage of the 90 % interval"</dt><dd>{percent(calibration.coverage90)}</dd></div>
        </dl>
    })
}

fn routing(report: &Report) -> Option<impl IntoView + use<>> {
    let shares = report.routing.as_ref()?;
    let rows = shares.iter().map(|share| {
        view! {
            <tr>
                <th scope="row">{share.band.map_or("All", Band::label)}</th>
                <td>{whole(share.samples as u64)}</td>
                <td>{percent(share.vanilla)}</td>
                <td>{percent(1.0 - share.vanilla)}</td>
            </tr>
        }
    });
    Some(view! {
        <h4>"Routing"</h4>
        <table>
            <thead>
                <tr>
                    <th scope="col">"Ages"</th><th scope="col">"Images"</th>
                    <th scope="col">"Vanilla"</th><th scope="col">"Balanced"</th>
                </tr>
            </thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    })
}

#[component]
fn AgeChart(
    /// Of the file.
    report: Report,
    /// Whether its numbers are unfolded.
    open: RwSignal<bool>,
) -> impl IntoView {
    let (series, counts) = drawn(&report);
    let rows = move || {
        let rows = report.by_age.iter().map(|age| {
            view! {
                <tr>
                    <th scope="row">{age.age}</th>
                    <td>{age.samples}</td>
                    <td>{years(age.mae)}</td>
                    <td>{format!("{:+.2}", age.bias)}</td>
                </tr>
            }
        });
        rows.collect_view()
    };
    view! {
        <h4>"Error at every age"</h4>
        <figure class="figure">
            <Drawing
                label="Error of your file at every age above the number of images; the table below holds the numbers"
                draw=move |width| by_age(width, &series, &counts, COUNTED, false)
            />
            <Folded summary="The numbers" open>
                <div class="scroll" tabindex="0" role="region" aria-label="Numbers: error of your file at every age">
                    <table>
                        <thead>
                            <tr>
                                <th scope="col">"Age"</th><th scope="col">"Images"</th>
                                <th scope="col">"MAE"</th><th scope="col">"Bias"</th>
                            </tr>
                        </thead>
                        <tbody>{rows()}</tbody>
                    </table>
                </div>
            </Folded>
        </figure>
    }
}

fn drawn(report: &Report) -> ([Series; 1], Vec<u32>) {
    ([Series::new("Your file", 0, errors(report))], report_counts(report))
}

fn worst_cases(worst: &[Worst]) -> impl IntoView + use<> {
    let rows = worst.iter().map(|case| {
        view! {
            <tr>
                <th scope="row" class="id">{case.id.clone()}</th>
                <td>{case.age}</td>
                <td>{years(case.prediction)}</td>
                <td>{years(case.error)}</td>
            </tr>
        }
    });
    let rows = rows.collect_view();
    view! {
        <h4>"Largest errors"</h4>
        <div class="scroll" tabindex="0" role="region" aria-label="Largest errors">
            <table>
                <thead>
                    <tr>
                        <th scope="col">"Image"</th><th scope="col">"True age"</th>
                        <th scope="col">"Predicted"</th><th scope="col">"Error"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}

fn all_numbers(report: &Report) -> impl IntoView + use<> {
    let rows = lines(report).into_iter().map(|line| {
        let text = line.text();
        view! {
            <tr>
                <th scope="row">{line.metric}</th>
                <td>{if line.part.is_empty() { "all".to_owned() } else { line.part }}</td>
                <td>{line.samples.map(|samples| whole(samples as u64))}</td>
                <td>{text}</td>
            </tr>
        }
    });
    let rows = rows.collect_view();
    view! {
        <div class="scroll" tabindex="0" role="region" aria-label="All numbers">
            <table>
                <thead>
                    <tr>
                        <th scope="col">"Metric"</th><th scope="col">"Of"</th>
                        <th scope="col">"Images"</th><th scope="col">"Value"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}

#[component]
fn Downloads() -> impl IntoView {
    let here = expect_context::<Here>();
    let button = |label: &'static str,
                  extension: &'static str,
                  kind: &'static str,
                  make: fn(Here, &Score, &str) -> String| {
        let click = move |_| {
            let name = here.file.with_untracked(|file| file.as_ref().map(web_sys::File::name)).unwrap_or_default();
            if let Some(scored) = here.scoring.scored.get_untracked() {
                let stem = file_stem(&name);
                save(&format!("{stem}.{extension}"), kind, &make(here, &scored, &stem));
            }
        };
        view! { <button type="button" class="button secondary" data-download=extension on:click=click>{label}</button> }
    };
    view! {
        <div class="downloads" role="group" aria-label="Download the report">
            {button("CSV", "report.csv", "text/csv", |_, scored, _| csv(&scored.report, &scored.worst))}
            {button("JSON", "report.json", "application/json", |_, scored, _| json(&scored.report, true))}
            {button("Markdown", "report.md", "text/markdown", |here, scored, name| {
                markdown(name, &here.board().title, &scored.report)
            })}
            {button("LaTeX row", "report.tex", "application/x-tex", |here, scored, name| {
                latex(name, &here.board(), &scored.report)
            })}
            {button("SVG", "ages.svg", "image/svg+xml", |here, scored, name| {
                let (series, counts) = drawn(&scored.report);
                let title = format!("{name} on {}: error at every age", here.board().title);
                by_age(FILE_WIDTH, &series, &counts, COUNTED, false).to_svg(&title)
            })}
        </div>
    }
}
