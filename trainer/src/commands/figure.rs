//! `trainer figure`: a figure of the paper, from runs that are trained as far as they are not there yet.

use anyhow::{Context, Result};
use burn::tensor::Device;
use clap::ValueEnum;
use glae_chart::{Series, by_age};
use glae_metrics::Report;
use glae_model::Routing;
use glae_report::charts::{BALANCED, OTHER, ROUTED, VANILLA, shares};
use glae_report::page::{errors, shared};
use glae_report::words::{percent, whole, years};
use glae_report::{Answers, Document};

use super::table::definitions::{BASE, WHOLE};
use super::table::document;
use super::table::sources::{Planned, Recipe, Sources};

/// Width of the drawings in pixels.
const WIDTH: f64 = 820.0;

/// `trainer figure`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which figure.
    #[arg(value_enum)]
    pub number: FigureNumber,
    /// Where data and runs are, and what is changed.
    #[command(flatten)]
    pub sources: Sources,
}

/// A figure of the paper that can be reproduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FigureNumber {
    /// Error and number of images at each age, beside DEX and mean-variance loss.
    #[value(name = "1")]
    One,
    /// Which classifier answered, by age group.
    #[value(name = "4")]
    Four,
}

/// Who is drawn in Fig. 1: name, number of the series, recipe, and who answers.
fn compared() -> [(&'static str, usize, Recipe, Routing); 4] {
    let own = |loss: &str| [format!("loss={loss}")];
    [
        ("DEX", VANILLA, Recipe::with("figure-1-dex".to_owned(), BASE, &own("dex")), Routing::Vanilla),
        (
            "mean-variance",
            BALANCED,
            Recipe::with("figure-1-mean-variance".to_owned(), BASE, &own("mean-variance")),
            Routing::Vanilla,
        ),
        ("ℓ_base", OTHER, Recipe::plain("ladder-base", BASE), Routing::Vanilla),
        ("GLAE", ROUTED, Recipe::plain("ladder-fr-pa", WHOLE), Routing::Smaller),
    ]
}

/// Trains what is missing, then writes `figure-N.csv`, `.md` and `.svg`.
///
/// # Errors
/// Data cannot be read, a run cannot be trained, none is finished, or the results cannot be written.
pub fn run(arguments: &Arguments, device: &Device) -> Result<()> {
    let Arguments { number, sources } = arguments;
    let recipes = match number {
        FigureNumber::One => compared().map(|(_, _, recipe, _)| recipe).to_vec(),
        FigureNumber::Four => vec![Recipe::plain("ladder-fr-pa", WHOLE)],
    };
    let plan = sources.plan(&recipes, 1)?;
    sources.say(&plan);
    if sources.dry_run {
        return Ok(());
    }
    let Some(answers) = sources.answers(&plan, device)? else { return Ok(()) };
    let (name, csv, svg, document) = match number {
        FigureNumber::One => one(&answers, &plan, sources)?,
        FigureNumber::Four => four(&answers, &plan)?,
    };
    document::publish(&document, &sources.out, name, &csv, &svg)
}

type Figure = (&'static str, Vec<u8>, String, Document);

/// `[GLAE] Fig. 1`.
fn one(answers: &[Vec<Option<Answers>>], plan: &[Vec<Planned>], sources: &Sources) -> Result<Figure> {
    let mut drawn: Vec<(&str, usize, Report)> = Vec::new();
    for ((name, number, _, answer), own) in compared().into_iter().zip(answers) {
        if let Some(Some(own)) = own.first() {
            drawn.push((name, number, own.report(answer)?));
        }
    }
    let any = answers.iter().flatten().flatten().next().context("none of these runs is finished: nothing to draw")?;
    let lines: Vec<Series> = drawn.iter().map(|(name, number, report)| errors(name, *number, report)).collect();
    let title = "Fig. 1: error and number of training images at each age";
    let svg = by_age(WIDTH, &lines, any.counts(), "Training images", true).to_svg(title);

    let mut writer = csv::Writer::from_writer(Vec::new());
    let heads = ["age", "training images", "images"].into_iter().chain(drawn.iter().map(|(name, ..)| *name));
    writer.write_record(heads)?;
    for (number, age) in drawn[0].2.by_age.iter().enumerate() {
        let count = any.counts().get(age.age as usize).copied().unwrap_or(0);
        let mut record = vec![age.age.to_string(), count.to_string(), age.samples.to_string()];
        // All answer for the same images, so that the same ages occur.
        record.extend(drawn.iter().map(|(.., report)| report.by_age[number].mae.to_string()));
        writer.write_record(record)?;
    }
    let csv = writer.into_inner().context("cannot finish the table")?;

    let mut document = Document::new(title.to_owned());
    document.paragraph(&document::images(answers, sources.split));
    document.paragraph("![Lines of the error at each age above bars of the number of training images](figure-1.svg)");
    document.paragraph("Dotted across: each method's CMAE. All numbers in years.");
    let mut table = "| | MAE | CMAE |\n|---|---:|---:|\n".to_owned();
    for (name, _, report) in &drawn {
        table += &format!("| {name} | {} | {} |\n", years(report.mae), years(report.cmae));
    }
    document.table(&table);
    document::told(&mut document, plan, answers, ("MIVIA", "ResNet-50"))?;
    Ok(("figure-1", csv, svg, document))
}

/// `[GLAE] Fig. 4`.
fn four(answers: &[Vec<Option<Answers>>], plan: &[Vec<Planned>]) -> Result<Figure> {
    let any = answers.iter().flatten().flatten().next().context("this run is not finished: nothing to draw")?;
    let rows = shared(&any.report(Routing::Smaller)?);
    let title = "Fig. 4: which classifier answered, by age group";
    let svg = shares(WIDTH, &rows).to_svg(title);
    let mut csv = "ages,images,vanilla,balanced\n".to_owned();
    let mut table = "| ages | images | vanilla | balanced |\n|---|---:|---:|---:|\n".to_owned();
    for row in &rows {
        let balanced = 1.0 - row.vanilla;
        csv += &format!("{},{},{},{balanced}\n", row.name, row.samples, row.vanilla);
        let shown = [row.vanilla, balanced].map(percent);
        table += &format!("| {} | {} | {} | {} |\n", row.name, whole(row.samples), shown[0], shown[1]);
    }
    let mut document = Document::new(title.to_owned());
    document.paragraph("Share of images, by true age, that routing gave to each classifier.");
    document.paragraph("![A bar for each age group, divided between vanilla and balanced](figure-4.svg)");
    document.table(&table);
    document::told(&mut document, plan, answers, ("MIVIA", "ResNet-50"))?;
    Ok(("figure-4", csv.into_bytes(), svg, document))
}
