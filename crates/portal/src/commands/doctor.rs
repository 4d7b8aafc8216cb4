//! `portal doctor`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use clap::Args;
use glae_metrics::SCORER;

use super::{PortalFolders, told};
use crate::{scoring, state::Portal, submission::Submission};

/// How many of the same finding are named one by one.
const LISTED: usize = 20;

/// Compares database, file store, boards and truths, and says what does not fit.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Reads every stored file and compares its content with its name, too.
    #[arg(long)]
    contents: bool,
    #[command(flatten)]
    places: PortalFolders,
}

/// What does not fit, each in a line; and what is merely worth knowing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// Something is lost or wrong.
    pub wrong: Vec<String>,
    /// Nothing is lost.
    pub notes: Vec<String>,
}

impl Doctor {
    /// Runs the command.
    ///
    /// # Errors
    /// If the parts do not belong together, or something is wrong; the findings are on standard output.
    pub async fn run(self) -> Result<()> {
        let portal = self.places.open().await?;
        for line in portal.description() {
            println!("{line}");
        }
        let findings = examine(&portal, self.contents).await?;
        for line in &findings.notes {
            println!("note: {line}");
        }
        for line in &findings.wrong {
            println!("WRONG: {line}");
        }
        portal.database.close().await;
        anyhow::ensure!(findings.wrong.is_empty(), "{} things are wrong", findings.wrong.len());
        println!("database, file store, boards and truths fit together");
        Ok(())
    }
}

/// Compares everything with everything.
///
/// # Errors
/// If the database or the store fails.
pub async fn examine(portal: &Portal, contents: bool) -> Result<Diagnosis> {
    let mut findings = Diagnosis::default();
    let submissions = Submission::all(&portal.database).await.map_err(told)?;
    let named: BTreeSet<&str> = submissions.iter().map(|submission| submission.predictions.as_str()).collect();
    let stored = stored(portal, &named, &mut findings).await?;
    let missing = submissions.iter().filter(|submission| !stored.contains(&submission.predictions));
    listed(
        &mut findings.wrong,
        missing.map(|submission| {
            format!("the file {} of submission {} is not in the store", submission.predictions, submission.id)
        }),
    );
    let unnamed = stored.iter().filter(|hash| !named.contains(hash.as_str())).count();
    if unnamed > 0 {
        findings.notes.push(format!("{unnamed} of {} files in the store are named by no submission", stored.len()));
    }
    if contents {
        let mut damaged = Vec::new();
        for hash in stored.iter().filter(|hash| named.contains(hash.as_str())) {
            if let Err(reason) = scoring::unpack(&portal.store.get(hash).await?, hash) {
                damaged.push(format!("the file {hash} is damaged: {reason}"));
            }
        }
        listed(&mut findings.wrong, damaged.into_iter());
    }
    let mut by_board: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for submission in &submissions {
        let (count, old) = by_board.entry(&submission.board).or_default();
        *count += 1;
        *old += usize::from(submission.scorer != SCORER);
    }
    for (board, (count, old)) in by_board {
        match portal.boards.get(board) {
            None => findings.wrong.push(format!("the board {board} of {count} submissions is not here")),
            Some(loaded) if loaded.truth.is_none() => {
                findings.wrong.push(format!("the truth of the board {board} with {count} submissions is not here"));
            }
            Some(_) if old > 0 => {
                findings
                    .notes
                    .push(format!("{old} submissions on {board} were scored by another scorer than {SCORER}"));
            }
            Some(_) => {}
        }
    }
    Ok(findings)
}

/// The files in the store; those that the database names, where the key may not list the store.
async fn stored(portal: &Portal, named: &BTreeSet<&str>, findings: &mut Diagnosis) -> Result<BTreeSet<String>> {
    match portal.store.list().await {
        Ok(stored) => Ok(stored.into_iter().collect()),
        Err(error) if error.is_refusal() => {
            findings
                .notes
                .push("the store cannot be listed with this key: only files that are named were looked at".into());
            let mut found = BTreeSet::new();
            for hash in named {
                if portal.store.has(hash).await? {
                    found.insert((*hash).to_owned());
                }
            }
            Ok(found)
        }
        Err(error) => Err(error.into()),
    }
}

/// The first few, and how many more.
fn listed(into: &mut Vec<String>, mut lines: impl Iterator<Item = String>) {
    into.extend(lines.by_ref().take(LISTED));
    let more = lines.count();
    if more > 0 {
        into.push(format!("and {more} more of these"));
    }
}
