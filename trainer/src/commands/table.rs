//! `trainer table`: a table of the paper, trained as far as it is not there yet.

pub(super) mod definitions;
pub(super) mod document;
mod runs;
pub(super) mod sources;

use anyhow::{Result, bail, ensure};
use burn::tensor::Device;
use clap::ValueEnum;
use glae_report::{Document, Sheet};

use definitions::Definition;
use sources::{Planned, Sources};

/// `trainer table`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which table.
    #[arg(value_enum)]
    pub number: TableNumber,
    /// Train each run this often, with its file's seed and those that follow it; the cells are then mean and deviation.
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100))]
    pub seeds: u64,
    /// Where data and runs are, and what is changed.
    #[command(flatten)]
    pub sources: Sources,
}

/// A table of the paper that can be reproduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TableNumber {
    /// What each part is worth: KL, KL + L1, rearrangement, pixel-level auxiliary learning.
    #[value(name = "2")]
    Two,
    /// Kernel and stride of the convolution behind the rearrangement.
    #[value(name = "3")]
    Three,
    /// Depth of the projection.
    #[value(name = "4")]
    Four,
    /// Error by age group, and AAR.
    #[value(name = "8")]
    Eight,
    /// CMAE by age group and by who answers.
    #[value(name = "9")]
    Nine,
    /// Rearrangement and projection on folders of classes.
    #[value(name = "10")]
    Ten,
}

impl TableNumber {
    fn definition(self, sources: &Sources) -> Result<Definition> {
        Ok(match self {
            Self::Two => definitions::two(),
            Self::Three => definitions::three(sources)?,
            Self::Four => definitions::four(sources)?,
            Self::Eight => definitions::eight(),
            Self::Nine => definitions::nine(),
            Self::Ten => {
                classes(sources)?;
                definitions::ten()
            }
        })
    }

    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// Trains what is missing, then writes `table-N.csv`, `.md` and `.svg` and prints the Markdown.
///
/// # Errors
/// Data cannot be read, a run cannot be trained, or the results cannot be written.
pub fn run(arguments: &Arguments, device: &Device) -> Result<()> {
    let Arguments { number, seeds, sources } = arguments;
    let Definition { table, recipes } = number.definition(sources)?;
    let plan = sources.plan(&recipes, *seeds)?;
    sources.say(&plan);
    if sources.dry_run {
        return Ok(());
    }
    let Some(answers) = sources.answers(&plan, device)? else { return Ok(()) };
    ensure!(answers.iter().flatten().any(Option::is_some), "none of these runs is finished: there is nothing to write");
    let seeds = plan.first().map_or_else(Vec::new, |own| own.iter().map(|planned| planned.config.seed).collect());
    let sheet = Sheet::new(&table, &answers, seeds)?;

    let name = format!("table-{}", number.name());
    let mut document = Document::new(format!("Table {}: {}", table.number, table.title));
    document.paragraph(&document::images(&answers, sources.split));
    document.paragraph(match arguments.seeds {
        1 => "In brackets: 95 % bootstrap intervals over the images. Bold: the best of a column.",
        _ => "Means ± standard deviations over the seeds. Bold: the best of a column.",
    });
    document.table(&sheet.markdown());
    document.paragraph(&format!("![The numbers of the table with their intervals]({name}.svg)"));
    if let Some(table) = sheet.by_seed() {
        document.paragraph("Each seed with its interval over the images:");
        document.table(&table);
    }
    let mut said = Vec::new();
    for claims in &table.claims {
        said.extend(claims.check(&names(&plan), &answers)?);
    }
    document.list("What the paper claims", &said);
    document.list("To know", &table.notes);
    document::told(&mut document, &plan, &answers, table.paper)?;

    document::publish(&document, &sources.out, &name, &sheet.csv()?, &sheet.svg())
}

/// The names of the recipes.
fn names(plan: &[Vec<Planned>]) -> Vec<&str> {
    plan.iter().map(|seeds| seeds.first().map_or("", |planned| planned.name.as_str())).collect()
}

/// Whether the data are folders of classes, divided by `trainer data split`.
fn classes(sources: &Sources) -> Result<()> {
    let Some(folder) = &sources.data else {
        bail!(
            "table 10 is about classes: give --data, a folder that `trainer data split DIR --as imagenet` has written"
        )
    };
    let header = std::fs::read_to_string(folder.join("train.csv"))
        .ok()
        .and_then(|text| text.lines().next().map(str::to_owned))
        .unwrap_or_default();
    ensure!(
        header.split(',').any(|column| column == "class"),
        "{} holds no folders of classes as this trainer reads them: divide them first with `trainer data split DIR --as \
         imagenet --seed 1 --out OUT` and give OUT. It takes up to 101 classes; for ImageNet's 1000 the network's output, one \
         place for each age from 0 to 100, would have to grow",
        folder.display()
    );
    Ok(())
}
