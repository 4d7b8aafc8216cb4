//! What a document says of the runs behind it, and the files of a result.

use std::path::Path;

use anyhow::Result;
use glae_model::manifest::sha256;
use glae_report::document::line;
use glae_report::words::whole;
use glae_report::{Answers, Document};

use super::sources::Planned;
use crate::commands::answered::ReportedSplit;
use crate::commands::train::CONFIG;
use crate::config::RunConfig;
use crate::config::facts::differences;
use crate::training::origin::RunOrigin;
use glae_data::files::write_atomically;

/// Adds what differs from the paper, and the runs that have answered.
///
/// # Errors
/// A run's configuration cannot be read.
pub(in crate::commands) fn told(
    document: &mut Document,
    plan: &[Vec<Planned>],
    answers: &[Vec<Option<Answers>>],
    paper: (&str, &str),
) -> Result<()> {
    let all = plan.iter().flatten().zip(answers.iter().flatten());
    let answered: Vec<&Planned> = all.filter(|(_, own)| own.is_some()).map(|(planned, _)| planned).collect();
    // The last run is the whole method, where a table has one.
    if let Some(planned) = answered.last() {
        document.list("What differs from the paper's set-up", &differences(&planned.config, paper));
    }
    let heads = ["run", "seed", "epochs", "folder", "configuration", "training data", "commit"].map(str::to_owned);
    let mut table = line(&heads) + &line(&heads.clone().map(|_| "---".to_owned()));
    for Planned { name, config, located } in answered {
        let folder = located.folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        // As the run itself was told: what the manifest of its weights names.
        let own = RunConfig::read(&located.folder.join(CONFIG))?;
        let origin = RunOrigin::read(&located.folder);
        let hash = |text: &str| text.chars().take(12).collect::<String>();
        let data = origin.as_ref().map(|own| hash(&own.train.sha256));
        let commit = origin.and_then(|own| {
            Some(format!("{}{}", hash(&own.commit?), if own.changed == Some(true) { ", changed" } else { "" }))
        });
        table += &line(&[
            name.clone(),
            config.seed.to_string(),
            format!("{} + {}", config.stage1.epochs, config.stage2.epochs),
            folder,
            hash(&sha256(own.to_toml()?.as_bytes())),
            data.unwrap_or_else(|| "not noted".to_owned()),
            commit.unwrap_or_else(|| "not noted".to_owned()),
        ]);
    }
    document.paragraph("## Runs");
    document.table(&table);
    document.paragraph("Configuration and training data: the first digits of their SHA-256.");
    Ok(())
}

/// Writes `NAME.csv`, `.md` and `.svg` into a folder, and prints the Markdown and where the numbers are.
///
/// # Errors
/// The folder cannot be written.
pub(in crate::commands) fn publish(
    document: &Document,
    folder: &Path,
    name: &str,
    csv: &[u8],
    svg: &str,
) -> Result<()> {
    let text = document.text(name);
    std::fs::create_dir_all(folder)?;
    for (ending, bytes) in [("csv", csv), ("md", text.as_bytes()), ("svg", svg.as_bytes())] {
        write_atomically(&folder.join(format!("{name}.{ending}")), bytes)?;
    }
    println!("\n{text}");
    println!("{}", folder.join(format!("{name}.csv")).display());
    Ok(())
}

/// How many images the numbers speak of.
pub(in crate::commands) fn images(answers: &[Vec<Option<Answers>>], split: ReportedSplit) -> String {
    let Some(any) = answers.iter().flatten().flatten().next() else { return String::new() };
    let predicted = any.truth().len() - any.left_out();
    let ages = any.truth().counts().iter().filter(|count| **count > 0).count();
    let left_out = match any.left_out() {
        0 => String::new(),
        count => format!(" {} images that cannot be read or have no landmarks are left out.", whole(count)),
    };
    format!("{} {} images of {ages} ages; errors in years.{left_out}", whole(predicted), split.name())
}
