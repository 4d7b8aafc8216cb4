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
use crate::number_table::{number_table, scrolled};
use crate::scoring::protocol::ScoredFile;

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
            {move || chart.get().map(|ScoredFile { report, .. }| view! { <AgeChart report open=open[0]/> })}
            {move || worst.with(|scored| scored.as_ref().map(|scored| worst_cases(&scored.worst)))}
            {move || worst.get().map(|ScoredFile { report, .. }| view! {
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

fn bands(report: &Report) -> AnyView {
    let rows = Band::ALL.map(|band| {
        let own = report.bands.iter().find(|own| own.band == band);
        let of = |number: Option<f64>| number.map_or(UNKNOWN.into(), years);
        let images = whole(own.map_or(0, |own| own.samples) as u64);
        [band.label().to_owned(), images, of(own.map(|own| own.mae)), of(own.map(|own| own.cmae))]
    });
    number_table(&["Ages", "Images", "MAE", "CMAE"], rows)
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
        let images = whole(shot.as_ref().map_or(0, |shot| shot.samples) as u64);
        [name.to_owned(), images, of(shot.as_ref().map(|shot| shot.mae)), of(shot.as_ref().map(|shot| shot.bmae))]
    });
    Some(view! {
        <h4>"By training images of the age"</h4>
        {number_table(&["Shots", "Images", "MAE", "bMAE"], rows)}
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
        let ages = share.band.map_or("All", Band::label).to_owned();
        [ages, whole(share.samples as u64), percent(share.vanilla), percent(1.0 - share.vanilla)]
    });
    Some(view! {
        <h4>"Routing"</h4>
        {number_table(&["Ages", "Images", "Vanilla", "Balanced"], rows)}
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
        let by_age = report.by_age.iter();
        let rows = by_age
            .map(|age| [age.age.to_string(), age.samples.to_string(), years(age.mae), format!("{:+.2}", age.bias)]);
        let table = number_table(&["Age", "Images", "MAE", "Bias"], rows);
        scrolled("Numbers: error of your file at every age", table)
    };
    view! {
        <h4>"Error at every age"</h4>
        <figure class="figure">
            <Drawing
                label="Error of your file at every age above the number of images; the table below holds the numbers"
                draw=move |width| by_age(width, &series, &counts, COUNTED, false)
            />
            <Folded summary="The numbers" open>{rows()}</Folded>
        </figure>
    }
}

fn drawn(report: &Report) -> ([Series; 1], Vec<u32>) {
    ([Series::new("Your file", 0, errors(report))], report_counts(report))
}

fn worst_cases(worst: &[Worst]) -> impl IntoView + use<> {
    let rows = worst.iter().map(|case| {
        let Worst { id, age, prediction, error } = case;
        [id.clone(), age.to_string(), years(*prediction), years(*error)]
    });
    view! {
        <h4>"Largest errors"</h4>
        {scrolled("Largest errors", number_table(&["Image", "True age", "Predicted", "Error"], rows))}
    }
}

fn all_numbers(report: &Report) -> impl IntoView + use<> {
    let rows = lines(report).into_iter().map(|line| {
        let text = line.text();
        let of = if line.part.is_empty() { "all".to_owned() } else { line.part };
        let images = line.samples.map(|samples| whole(samples as u64)).unwrap_or_default();
        [line.metric.to_string(), of, images, text]
    });
    view! {
        {scrolled("All numbers", number_table(&["Metric", "Of", "Images", "Value"], rows))}
    }
}

#[component]
fn Downloads() -> impl IntoView {
    let here = expect_context::<Here>();
    let button = |label: &'static str,
                  extension: &'static str,
                  kind: &'static str,
                  make: fn(Here, &ScoredFile, &str) -> String| {
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
