//! The page of one run: a single HTML file that fetches nothing, for wide screens and phones, in light and dark.

use std::fmt::Write as _;

use anyhow::Result;
use glae_chart::{Chart, STYLE, Series, by_age, escape};
use glae_metrics::{Band, Calibration, Report};
use glae_model::Routing;

use super::answers::Answers;
use super::charts::{BALANCED, ROUTED, Share, VANILLA, shares};
use super::curves::{self, EpochLine};
use super::words::{NONE, interval, p_value, percent, signed, signed_interval, whole, years};

/// Widths for which each chart is drawn, in pixels.
const WIDTHS: [(&str, f64); 2] = [("wide", 720.0), ("narrow", 340.0)];

/// What a page is made of.
#[derive(Debug)]
pub struct Contents<'a> {
    /// Name of the run.
    pub name: &'a str,
    /// What decides the result and where the run comes from: names and values, checksums among them.
    pub facts: &'a [(String, String)],
    /// The run's configuration as TOML.
    pub configuration: &'a str,
    /// Epochs of each stage.
    pub stages: [usize; 2],
    /// What it answers.
    pub answers: &'a Answers,
    /// The images it answers for, as in "validation".
    pub split: &'a str,
    /// Median age of the training images in years.
    pub training_median: f32,
    /// Its finished epochs.
    pub epochs: &'a [EpochLine],
    /// What a reader must know before believing the numbers.
    pub notices: &'a [String],
}

/// Writes the page.
///
/// # Errors
/// The predictions do not fit the truth.
pub fn page(contents: &Contents) -> Result<String> {
    let Contents { answers, split, .. } = contents;
    let reports = [Routing::Vanilla, Routing::Balanced, Routing::Smaller].map(|answer| answers.report(answer));
    let [vanilla, balanced, routed] = reports;
    let reports = Reports { vanilla: vanilla?, balanced: balanced?, routed: routed? };
    let mut html = String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    let name = escape(contents.name);
    // Writing to a string cannot fail.
    let _ = write!(
        html,
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{name}</title>\n\
         <style>\n{STYLE}{}</style>\n</head>\n<body>\n<header>\n<h1>{name}</h1>\n<p class=\"lead\">{} {} images of {} ages. \
         Errors in years, with 95 % bootstrap intervals over the images.</p>\n",
        include_str!("page.css"),
        whole(reports.routed.predicted),
        escape(split),
        reports.routed.ages
    );
    for notice in contents.notices {
        let _ = writeln!(html, "<p class=\"notice\">{}</p>", escape(notice));
    }
    html += "</header>\n<main>\n";
    html += &headline(&reports.routed);
    html += &answered(contents, &reports)?;
    html += &ages(answers, &reports);
    html += &routing(&reports.routed);
    html += &calibration(&reports);
    html += &confusion(answers)?;
    html += &training(contents);
    html += &told(contents);
    let _ = write!(html, "</main>\n<footer>Scores: {}.</footer>\n</body>\n</html>\n", escape(&reports.routed.scorer));
    Ok(html)
}

/// The reports of the three ways to answer.
struct Reports {
    vanilla: Report,
    balanced: Report,
    routed: Report,
}

impl Reports {
    fn rows(&self) -> [(&'static str, usize, &Report); 3] {
        [("vanilla", VANILLA, &self.vanilla), ("balanced", BALANCED, &self.balanced), ("routed", ROUTED, &self.routed)]
    }
}

fn headline(routed: &Report) -> String {
    let (mae, cmae) = routed.intervals.as_ref().map_or_else(Default::default, |i| (interval(i.mae), interval(i.cmae)));
    let card = |name: &str, value: String, below: &str| {
        format!("<div><dt>{name}</dt><dd>{value}<small>{below}</small></dd></div>\n")
    };
    let cs5 = routed.cs.get(4).copied().unwrap_or_default();
    format!(
        "<dl class=\"headline\">\n{}{}{}</dl>\n",
        card("MAE, routed", years(routed.mae), &mae),
        card("CMAE, routed", years(routed.cmae), &cmae),
        card("Within 5 years", percent(cs5), "of the images, routed")
    )
}

/// Each way to answer, over all ages and over each group.
fn answered(contents: &Contents, reports: &Reports) -> Result<String> {
    let constant = contents.answers.constant(contents.training_median)?;
    let name = format!("always {} years", contents.training_median);
    let mut rows = String::new();
    let all = reports.rows().map(|(name, _, report)| (name, report));
    for (name, report) in all.into_iter().chain([(name.as_str(), &constant)]) {
        let class = if name == "routed" { " class=\"chosen\"" } else { "" };
        let _ = write!(rows, "<tr{class}><th scope=\"row\">{}</th>", escape(name));
        let ends = report.intervals.as_ref().map(|own| [interval(own.mae), interval(own.cmae)]);
        let [mae, cmae] = ends.unwrap_or_default();
        let _ = write!(rows, "<td>{}<small>{mae}</small></td>", years(report.mae));
        let _ = write!(rows, "<td>{}<small>{cmae}</small></td>", years(report.cmae));
        for band in Band::ALL {
            let own = report.bands.iter().find(|own| own.band == band);
            let numbers = own.map_or([NONE.to_owned(), NONE.to_owned()], |own| [years(own.mae), years(own.cmae)]);
            let _ = write!(rows, "<td>{}</td><td>{}</td>", numbers[0], numbers[1]);
        }
        rows += "</tr>\n";
    }
    let groups = ["all ages"].into_iter().chain(Band::ALL.map(Band::label));
    let groups: String = groups.map(|name| format!("<th scope=\"colgroup\" colspan=\"2\">{name}</th>")).collect();
    let heads = "<th scope=\"col\">MAE</th><th scope=\"col\">CMAE</th>".repeat(4);
    let compared = contents.answers.compare(Routing::Smaller, contents.answers, Routing::Vanilla)?;
    let difference = |name: &str, own: &glae_metrics::Difference| {
        format!("{name} {} {}, {}", signed(own.difference), signed_interval(own.interval), p_value(own.p))
    };
    Ok(section(
        "Who answers how well",
        "The vanilla classifier learned from images as they come, the balanced one from all ages equally often; routing takes, \
         for each image, the one whose answer the mirror image disturbs less. CMAE counts every age the same.",
        &format!(
            "<div class=\"scroll\"><table class=\"grouped\">\n<thead><tr><td rowspan=\"2\"></td>{groups}</tr>\n<tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n\
             <p class=\"hint apart\">Routed minus vanilla, on the same images: {}; {}.</p>\n",
            difference("MAE", &compared.mae),
            difference("CMAE", &compared.cmae)
        ),
    ))
}

/// `[GLAE] Fig. 1`, and the same numbers by how often an age was seen.
fn ages(answers: &Answers, reports: &Reports) -> String {
    let lines = reports.rows().map(|(name, number, report)| errors(name, number, report));
    let chart = drawn(
        "The mean error at each age above the number of training images; the numbers are in the table below",
        |width| by_age(width, &lines, answers.counts(), "Training images", true),
    );
    let mut shots = String::new();
    for (name, part) in ["more than 100", "20 to 100", "fewer than 20"].into_iter().enumerate() {
        let shot = |report: &Report| report.shots.as_ref().and_then(|s| [&s.many, &s.medium, &s.few][name].clone());
        let Some(any) = shot(&reports.routed) else { continue };
        let _ = write!(shots, "<tr><th scope=\"row\">{part}</th><td>{}</td><td>{}</td>", any.ages, whole(any.samples));
        for (_, _, report) in reports.rows() {
            let text =
                shot(report).map_or_else(|| NONE.to_owned(), |s| format!("{} / {}", years(s.mae), years(s.bmae)));
            let _ = write!(shots, "<td>{text}</td>");
        }
        shots += "</tr>\n";
    }
    let mut rows = String::new();
    for (number, age) in reports.routed.by_age.iter().enumerate() {
        let count = answers.counts().get(age.age as usize).copied().unwrap_or(0);
        let mae = |report: &Report| report.by_age.get(number).map_or_else(|| NONE.to_owned(), |age| years(age.mae));
        let [a, b, c] = reports.rows().map(|(_, _, report)| mae(report));
        let _ = writeln!(
            rows,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{a}</td><td>{b}</td><td>{c}</td></tr>",
            age.age,
            whole(count as usize),
            whole(age.samples)
        );
    }
    let heads = "<th scope=\"col\">vanilla</th><th scope=\"col\">balanced</th><th scope=\"col\">routed</th>";
    section(
        "Error at each age",
        "Lines: mean error of the images of an age. Bars: training images of that age. Dotted across: CMAE.",
        &format!(
            "{chart}<p class=\"hint apart\">MAE / CMAE by how often an age was seen:</p>\n\
             <div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">training images of an age</th><th scope=\"col\">ages</th><th scope=\"col\">images</th>{heads}</tr></thead>\n<tbody>\n{shots}</tbody>\n</table></div>\n\
             <details><summary>Every age as a table</summary><div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">age</th><th scope=\"col\">training images</th><th scope=\"col\">images</th>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div></details>\n"
        ),
    )
}

/// The error at each age of a report, with its CMAE as level.
pub fn errors(name: &str, number: usize, report: &Report) -> Series {
    let points = report.by_age.iter().map(|age| (f64::from(age.age), age.mae)).collect();
    Series { level: Some(report.cmae), ..Series::new(name, number, points) }
}

/// `[GLAE] Fig. 4`.
fn routing(routed: &Report) -> String {
    let rows = shared(routed);
    let label = rows.iter().map(|row| format!("{}: {} vanilla", row.name, percent(row.vanilla))).collect::<Vec<_>>();
    section(
        "Which classifier answered",
        "Share of images, by true age, that routing gave to each classifier.",
        &drawn(&label.join("; "), |width| shares(width, &rows)),
    )
}

/// The routing of a report by age group, for [`shares`].
pub fn shared(routed: &Report) -> Vec<Share> {
    let rows = routed.routing.iter().flatten();
    let name = |band: Option<Band>| band.map_or("all ages", Band::label).to_owned();
    rows.map(|row| Share { name: name(row.band), samples: row.samples, vanilla: row.vanilla }).collect()
}

fn calibration(reports: &Reports) -> String {
    let mut rows = String::new();
    for (name, _, report) in reports.rows() {
        let Some(Calibration { nll, ece, coverage90 }) = report.calibration else { continue };
        let class = if name == "routed" { " class=\"chosen\"" } else { "" };
        let _ = writeln!(
            rows,
            "<tr{class}><th scope=\"row\">{name}</th><td>{nll:.3}</td><td>{ece:.3}</td><td>{}</td></tr>",
            percent(coverage90)
        );
    }
    section(
        "Calibration",
        "How far the distributions over ages can be believed: the true age should lie in 90 % of the 90 % intervals, and the \
         calibration error be 0.",
        &format!(
            "<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\"></th><th scope=\"col\">negative log likelihood</th><th scope=\"col\">calibration error</th><th scope=\"col\">in the 90 % interval</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
        ),
    )
}

fn confusion(answers: &Answers) -> Result<String> {
    let mut rows = String::new();
    for (band, counts) in Band::ALL.iter().zip(answers.confusion(Routing::Smaller)?) {
        let all: usize = counts.iter().sum();
        if all == 0 {
            continue;
        }
        let _ = write!(rows, "<tr><th scope=\"row\">{}</th>", band.label());
        for count in counts {
            let share = count as f64 / all as f64;
            let _ = write!(
                rows,
                "<td style=\"--share:{share:.3}\">{} <small>{}</small></td>",
                percent(share),
                whole(count)
            );
        }
        rows += "</tr>\n";
    }
    let heads = Band::ALL.map(|band| format!("<th scope=\"col\">answered {}</th>", band.label())).concat();
    Ok(section(
        "Age groups taken for each other",
        "Routed answers by true age group; shares of its images, and their number.",
        &format!(
            "<div class=\"scroll\"><table class=\"confusion\">\n<thead><tr><th scope=\"col\">true age</th>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
        ),
    ))
}

fn training(Contents { stages, epochs, .. }: &Contents) -> String {
    if epochs.is_empty() {
        return section("Training", "The run has left no log of its epochs.", "");
    }
    let mut rows = String::new();
    for epoch in *epochs {
        let _ = writeln!(
            rows,
            "<tr><th scope=\"row\">{}, {}</th><td>{:.3}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            epoch.stage,
            epoch.epoch,
            epoch.loss,
            years(epoch.val_mae),
            years(epoch.val_cmae),
            years(epoch.val_routed_mae),
            years(epoch.val_routed_cmae)
        );
    }
    let chart = drawn("Loss, learning rate, MAE and CMAE by epoch; the numbers are in the table below", |width| {
        curves::draw(width, *stages, epochs)
    });
    section(
        "Training",
        "Stage 1 trains backbone and vanilla classifier, stage 2 the balanced one on the frozen backbone.",
        &format!(
            "{chart}<details><summary>Every epoch as a table</summary><div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">stage, epoch</th><th scope=\"col\">loss</th><th scope=\"col\">MAE</th><th scope=\"col\">CMAE</th>\
             <th scope=\"col\">routed, MAE</th><th scope=\"col\">routed, CMAE</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div></details>\n"
        ),
    )
}

/// Settings and where the run comes from.
fn told(Contents { facts, configuration, .. }: &Contents) -> String {
    let mut list = String::from("<dl class=\"facts\">\n");
    for (name, value) in *facts {
        let _ = writeln!(list, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(value));
    }
    let toml = escape(configuration);
    section(
        "Settings and provenance",
        "",
        &format!("{list}</dl>\n<details><summary>The whole configuration</summary><pre>{toml}</pre></details>\n"),
    )
}

fn section(title: &str, hint: &str, body: &str) -> String {
    let hint = if hint.is_empty() { String::new() } else { format!("<p class=\"hint\">{hint}</p>\n") };
    format!("<section>\n<h2>{title}</h2>\n{hint}{body}</section>\n")
}

/// A chart for wide screens and for phones; the style sheet shows one of them.
fn drawn(label: &str, draw: impl Fn(f64) -> Chart) -> String {
    WIDTHS.map(|(class, width)| draw(width).inline(class, label)).concat()
}
