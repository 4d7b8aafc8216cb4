//! `portal rescore`.

use anyhow::Result;
use clap::Args;
use glae_api::Column;
use glae_metrics::SCORER;

use super::{Places, told};
use crate::{results, scoring, state::Portal, submission::Submission};

/// Scores all stored submissions anew, and says what changed.
#[derive(Debug, Args)]
pub struct Rescore {
    #[command(flatten)]
    places: Places,
}

/// What rescoring found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Submissions scored.
    pub scored: usize,
    /// Those whose numbers changed, each in a line.
    pub changed: Vec<String>,
    /// Those that could not be scored, each in a line with the reason.
    pub failed: Vec<String>,
}

impl Rescore {
    /// Runs the command.
    ///
    /// # Errors
    /// If the portal cannot be opened, or a submission could not be scored.
    pub async fn run(self) -> Result<()> {
        let changes = rescore(&self.places.open().await?).await?;
        for line in changes.changed.iter().chain(&changes.failed) {
            println!("{line}");
        }
        println!("{} scored with {SCORER}, {} changed", changes.scored, changes.changed.len());
        anyhow::ensure!(changes.failed.is_empty(), "{} could not be scored", changes.failed.len());
        Ok(())
    }
}

/// Scores every submission on the truth and with the scorer of now.
///
/// # Errors
/// If the database fails. A submission that cannot be scored keeps its numbers and is listed.
pub async fn rescore(portal: &Portal) -> Result<Changes> {
    let mut changes = Changes::default();
    for submission in Submission::all(&portal.database).await.map_err(told)? {
        match rescore_one(portal, &submission).await {
            Ok(changed) => {
                changes.scored += 1;
                changes.changed.extend(changed);
            }
            Err(error) => changes.failed.push(format!("{} on {}: {error}", submission.id, submission.board)),
        }
    }
    results::clear(portal).await.map_err(told)?;
    Ok(changes)
}

async fn rescore_one(portal: &Portal, submission: &Submission) -> Result<Option<String>> {
    let missing = || anyhow::anyhow!("the board is not here");
    let board = portal.boards.get(&submission.board).filter(|board| board.truth.is_some()).ok_or_else(missing)?;
    let compressed = portal.store.get(&submission.predictions).await?;
    let (on, hash) = (board.clone(), submission.predictions.clone());
    let work = move || {
        let content = scoring::unpack(&compressed, &hash).map_err(|reason| anyhow::anyhow!("{reason}"))?;
        let predictions = glae_metrics::Predictions::parse(&content)?;
        Ok::<_, anyhow::Error>(on.disclosed(scoring::evaluate(&on, &predictions)?)?)
    };
    let report = portal.workers.run(work).await.map_err(told)??;
    let scores = scoring::scores(&report);
    submission.rescore(&portal.database, &scores, &serde_json::to_string(&report)?, SCORER).await.map_err(told)?;
    let differences: Vec<_> = Column::ALL
        .into_iter()
        .filter(|column| column.of(&scores) != column.of(&submission.scores))
        .map(|column| {
            let number = |value: Option<f64>| value.map_or("none".to_owned(), |value| format!("{value:.4}"));
            format!("{} {} -> {}", column.label(), number(column.of(&submission.scores)), number(column.of(&scores)))
        })
        .collect();
    Ok((!differences.is_empty())
        .then(|| format!("{} on {}: {}", submission.id, submission.board, differences.join(", "))))
}
