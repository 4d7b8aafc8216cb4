//! A report as a file: CSV, Markdown, a LaTeX row. Ids and names come from strangers, so each format escapes them.

use glae_api::{Board, Scores};
use glae_metrics::{Band, Report, Worst};

use super::format::{UNKNOWN, cell, interval, percent, years};
use super::sort::columns;

/// One number of a report.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The metric's name.
    pub metric: &'static str,
    /// Of which images; empty: of all.
    pub part: String,
    /// The number; `None`: not defined here.
    pub value: Option<f64>,
    /// Its 95 % interval.
    pub interval: Option<[f64; 2]>,
    /// How many images it rests on.
    pub samples: Option<usize>,
    /// Whether it is a share.
    pub share: bool,
}

impl Line {
    fn of(metric: &'static str, part: &str, value: impl Into<Option<f64>>, samples: impl Into<Option<usize>>) -> Self {
        Self { metric, part: part.into(), value: value.into(), interval: None, samples: samples.into(), share: false }
    }

    fn shared(self) -> Self {
        Self { share: true, ..self }
    }

    /// The number for reading.
    pub fn text(&self) -> String {
        match self.value {
            None => UNKNOWN.into(),
            Some(value) if self.share => percent(value),
            Some(value) if self.metric == "ε-error" => format!("{value:.4}"),
            Some(value) => years(value),
        }
    }
}

/// The numbers of a report, the headline first, without those of single ages.
pub fn lines(report: &Report) -> Vec<Line> {
    let (all, n) = ("", report.predicted);
    let intervals = report.intervals.as_ref();
    let mut lines = vec![
        Line { interval: intervals.map(|i| i.mae), ..Line::of("MAE", all, report.mae, n) },
        Line { interval: intervals.map(|i| i.cmae), ..Line::of("CMAE", all, report.cmae, n) },
        Line::of("CS(5)", all, report.cs.get(4).copied(), n).shared(),
        Line::of("AAR", all, report.aar.score, n),
        Line::of("ε-error", all, report.epsilon, report.epsilon.map(|_| report.samples)),
        Line::of("RMSE", all, report.rmse, n),
        Line::of("bias", all, report.bias, n),
        Line::of("median", all, report.median, n),
        Line::of("geometric mean", all, report.geometric_mean, n),
        Line::of("AAR MAE term", all, report.aar.mae_term, n),
        Line::of("AAR regularity term", all, report.aar.regularity_term, n),
        Line::of("AAR sigma", all, report.aar.sigma, n),
    ];
    for band in Band::ALL {
        let own = report.bands.iter().find(|own| own.band == band);
        let part = format!("ages {}", band.label());
        lines.push(Line::of("MAE", &part, own.map(|own| own.mae), own.map(|own| own.samples)));
        lines.push(Line::of("CMAE", &part, own.map(|own| own.cmae), own.map(|own| own.samples)));
    }
    for group in &report.aar.groups {
        lines.push(Line::of("MAE", &format!("AAR group {}", group.label), group.mae, group.samples));
    }
    for (threshold, share) in report.cs.iter().enumerate() {
        lines.push(Line::of("CS", &format!("up to {} years", threshold + 1), *share, n).shared());
    }
    if let Some(shots) = &report.shots {
        for (name, shot) in [("many", &shots.many), ("medium", &shots.medium), ("few", &shots.few)] {
            let (part, samples) = (format!("{name} shots"), shot.as_ref().map(|shot| shot.samples));
            lines.push(Line::of("MAE", &part, shot.as_ref().map(|shot| shot.mae), samples));
            lines.push(Line::of("bMAE", &part, shot.as_ref().map(|shot| shot.bmae), samples));
        }
    }
    if let Some(calibration) = &report.calibration {
        lines.push(Line::of("NLL", all, calibration.nll, n));
        lines.push(Line::of("expected calibration error", all, calibration.ece, n).shared());
        lines.push(Line::of("coverage of the 90 % interval", all, calibration.coverage90, n).shared());
    }
    for share in report.routing.iter().flatten() {
        let part = share.band.map(|band| format!("ages {}", band.label())).unwrap_or_default();
        lines.push(Line::of("routed to vanilla", &part, share.vanilla, share.samples).shared());
    }
    lines
}

/// Everything in one table, numbers in full precision: `metric,part,value,low,high,samples`.
pub fn csv(report: &Report, worst: &[Worst]) -> String {
    let mut text = String::from("metric,part,value,low,high,samples\n");
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let mut row = |metric: &str, part: &str, value: Option<f64>, interval: Option<[f64; 2]>, samples: Option<usize>| {
        let samples = samples.map(|samples| samples.to_string()).unwrap_or_default();
        let (low, high) = (number(interval.map(|i| i[0])), number(interval.map(|i| i[1])));
        text += &format!("{},{},{},{low},{high},{samples}\n", csv_field(metric), csv_field(part), number(value));
    };
    for line in lines(report) {
        row(line.metric, &line.part, line.value, line.interval, line.samples);
    }
    for age in &report.by_age {
        row("MAE", &format!("age {}", age.age), Some(age.mae), None, Some(age.samples));
        row("bias", &format!("age {}", age.age), Some(age.bias), None, Some(age.samples));
    }
    for case in worst {
        row("error", &case.id, Some(case.error), None, None);
    }
    text += &format!("scorer,{},,,,\n", csv_field(&report.scorer));
    text
}

/// A text in a CSV. Spreadsheets run what begins with `=`, `+`, `-` or `@` (also behind a tab or a line end) as a
/// formula: an apostrophe in front keeps it text.
pub fn csv_field(text: &str) -> String {
    let runs = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let text = if runs { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r', ';']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// The numbers as a Markdown table under a heading.
pub fn markdown(name: &str, board: &str, report: &Report) -> String {
    let mut text = format!(
        "## {} on {}\n\n| Metric | Images | Value | 95 % interval |\n| --- | --- | ---: | --- |\n",
        markdown_text(name),
        markdown_text(board)
    );
    for line in lines(report) {
        let part = if line.part.is_empty() { "all" } else { &line.part };
        let interval = line.interval.map(interval).unwrap_or_default();
        text += &format!("| {} | {} | {} | {interval} |\n", line.metric, markdown_text(part), line.text());
    }
    text + &format!("\n{} images, {}\n", report.samples, markdown_text(&report.scorer))
}

/// A text in Markdown that stays what it says: no markup, no HTML, no new cell, no new line.
pub fn markdown_text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => escaped.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '!' | '~' => escaped.extend(['\\', c]),
            '&' => escaped.push_str("&amp;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A row for a LaTeX table with the board's columns, under a comment that names them.
pub fn latex(name: &str, board: &Board, report: &Report) -> String {
    let (columns, scores) = (columns(board), scores(report));
    let headings: Vec<String> = columns.iter().map(|column| latex_text(column.label())).collect();
    let cells: Vec<String> = columns.iter().map(|column| latex_text(&cell(*column, column.of(&scores)))).collect();
    format!("% Method & {} \\\\\n{} & {} \\\\\n", headings.join(" & "), latex_text(name), cells.join(" & "))
}

/// A text in LaTeX: characters that mean something are written out.
pub fn latex_text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => escaped.extend(['\\', c]),
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '<' => escaped.push_str("\\textless{}"),
            '>' => escaped.push_str("\\textgreater{}"),
            '\u{3b5}' => escaped.push_str("$\\epsilon$"),
            '–' => escaped.push_str("--"),
            // A line end would end the comment that names the columns.
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The numbers of a report that a board has columns for.
pub fn scores(report: &Report) -> Scores {
    let band = |band| report.bands.iter().find(|own| own.band == band);
    Scores {
        cmae: Some(report.cmae),
        cmae_young: band(Band::Young).map(|own| own.cmae),
        cmae_middle: band(Band::Middle).map(|own| own.cmae),
        cmae_old: band(Band::Old).map(|own| own.cmae),
        mae: Some(report.mae),
        mae_young: band(Band::Young).map(|own| own.mae),
        mae_middle: band(Band::Middle).map(|own| own.mae),
        mae_old: band(Band::Old).map(|own| own.mae),
        cs5: report.cs.get(4).copied(),
        epsilon: report.epsilon,
        aar: Some(report.aar.score),
    }
}

/// A name for a downloaded file: letters, digits, `-`, `_` and `.` of the given one.
pub fn file_stem(name: &str) -> String {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let kept: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).take(60).collect();
    let kept = kept.trim_matches(['-', '.']);
    if kept.is_empty() { "report".into() } else { kept.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaderboard::samples::{board, report};

    #[test]
    fn the_csv_holds_full_precision_and_every_age() {
        let report = report();
        let worst = [Worst { id: "=cmd|' /C calc'!A0".into(), age: 70.0, prediction: 60.0, error: 10.0 }];
        let csv = csv(&report, &worst);
        assert!(csv.contains(&format!("MAE,,{},,,3\n", report.mae)), "{csv}");
        assert!(csv.contains("MAE,age 70,10,,,1\n") && csv.contains("CMAE,ages 0-17,,,,\n"), "{csv}");
        assert!(csv.contains("\nerror,'=cmd|' /C calc'!A0,10,,,\n"), "{csv}");
        assert!(csv.lines().all(|line| line.matches(',').count() == 5));
    }

    #[test]
    fn spreadsheets_get_no_formula_and_no_new_cell() {
        assert_eq!(csv_field("-1+2"), "'-1+2");
        assert_eq!(csv_field("\t@SUM(A1)"), "'\t@SUM(A1)");
        assert_eq!(csv_field("a,\"b\"\nc"), "\"a,\"\"b\"\"\nc\"");
        assert_eq!(csv_field("plain.jpg"), "plain.jpg");
    }

    #[test]
    fn markdown_stays_text() {
        let text = markdown("<img src=x> | *bold*\n# x", "B", &report());
        assert!(text.starts_with("## \\<img src=x\\> \\| \\*bold\\* \\# x on B\n"), "{text}");
        assert!(
            text.contains("| CMAE | all | 5.25 |  |\n") && text.contains("| CMAE | ages 0-17 | – |  |\n"),
            "{text}"
        );
    }

    #[test]
    fn the_latex_row_has_a_cell_for_each_column() {
        let row = latex("A_1 & 50% {\\x}", &board(), &report());
        assert_eq!(
            row,
            "% Method & CMAE & MAE & CS(5) \\\\\nA\\_1 \\& 50\\% \\{\\textbackslash{}x\\} & 5.25 & 3.67 & 66.7 \\% \\\\\n"
        );
    }

    #[test]
    fn an_absent_band_has_no_score() {
        let scores = scores(&report());
        assert_eq!((scores.cmae_young, scores.cmae_middle, scores.cmae_old), (None, Some(0.5), Some(10.0)));
        assert_eq!(scores.cs5, Some(2.0 / 3.0));
    }

    #[test]
    fn file_names_are_plain() {
        assert_eq!(file_stem("../my run (2).csv"), "my-run--2");
        assert_eq!(file_stem("Ω.csv"), "report");
    }
}
