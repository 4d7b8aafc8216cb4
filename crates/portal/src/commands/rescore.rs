//! `portal rescore`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use clap::Args;
use glae_api::{Column, Scores};
use glae_metrics::SCORER;
use sqlx::Row;

use super::{PortalFolders, told};
use crate::{
    contest::ladder,
    scoring, seeds,
    state::Portal,
    submission::{Submission, Unranked},
    versions,
};

/// How often the work is begun again because submissions came meanwhile.
const TRIES: usize = 10;

/// Scores all stored submissions anew, on the truth of now, and switches all of them at once. Says what changed.
#[derive(Debug, Args)]
pub struct Rescore {
    #[command(flatten)]
    places: PortalFolders,
}

/// What rescoring found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Submissions scored.
    pub scored: usize,
    /// Those whose numbers changed, each in a line.
    pub changed: Vec<String>,
    /// Those that could not be scored, each in a line with the reason. If there are any, nothing was written.
    pub failed: Vec<String>,
    /// Boards that have a new version of their truth, each in a line.
    pub versions: Vec<String>,
}

impl Rescore {
    /// Runs the command.
    ///
    /// # Errors
    /// If the portal cannot be opened, or a submission could not be scored.
    pub async fn run(self) -> Result<()> {
        let changes = rescore(&self.places.open().await?).await?;
        for line in changes.versions.iter().chain(&changes.changed).chain(&changes.failed) {
            println!("{line}");
        }
        println!("{} scored with {SCORER}, {} changed", changes.scored, changes.changed.len());
        anyhow::ensure!(
            changes.failed.is_empty(),
            "{} could not be scored, so nothing was changed: bring their files or boards back, or withdraw them",
            changes.failed.len()
        );
        Ok(())
    }
}

/// Scores every submission on the truth and with the scorer of now, in one transaction.
///
/// # Errors
/// If the database fails. If a submission cannot be scored, it is listed and nothing is changed.
pub async fn rescore(portal: &Portal) -> Result<Changes> {
    for _ in 0..TRIES {
        let mut changes = Changes::default();
        let mut scored = Vec::new();
        for submission in Submission::all(&portal.database).await.map_err(told)? {
            match score(portal, &submission).await {
                Ok((new, report)) => scored.push((submission, new, report)),
                Err(error) => changes.failed.push(format!("{} on {}: {error:#}", submission.id, submission.board)),
            }
        }
        if !changes.failed.is_empty() {
            return Ok(changes);
        }
        changes.scored = scored.len();
        if switch(portal, scored, &mut changes).await? {
            return Ok(changes);
        }
    }
    bail!("submissions come faster than they can be scored: stop the servers, then try again")
}

/// Writes everything in one transaction; false if submissions came or went since they were read.
async fn switch(
    portal: &Portal,
    mut scored: Vec<(Submission, Submission, String)>,
    changes: &mut Changes,
) -> Result<bool> {
    let mut transaction = portal.database.begin().await?;
    // Holds all versions: submissions that are being stored wait, and those that were are seen by the next statement.
    sqlx::query("UPDATE truths SET since = since").execute(&mut *transaction).await?;
    let ids = sqlx::query("SELECT id FROM submissions").fetch_all(&mut *transaction).await?;
    let ids: BTreeSet<String> = ids.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    if ids != scored.iter().map(|(old, _, _)| old.id.clone()).collect() {
        return Ok(false);
    }
    for (id, board) in portal.boards.iter().filter(|(_, board)| board.truth.is_some()) {
        let newest = "SELECT version, fingerprint FROM truths WHERE board = $1 ORDER BY version DESC LIMIT 1";
        let row = sqlx::query(newest).bind(id).fetch_optional(&mut *transaction).await?;
        let known = row.map(|row| Ok::<_, sqlx::Error>((row.try_get::<i64, _>(0)?, row.try_get::<String, _>(1)?)));
        let version = match known.transpose()? {
            Some((_, fingerprint)) if fingerprint == board.fingerprint => continue,
            Some((version, _)) => version + 1,
            None => 1,
        };
        versions::insert(&mut transaction, board, version, portal.now()).await.map_err(told)?;
        changes.versions.push(format!("{id}: version {version} of the truth"));
        let mut own: Vec<_> = scored.iter_mut().filter(|(old, _, _)| old.board == *id).map(|(_, new, _)| new).collect();
        let told_now = tell_again(portal, &mut own);
        for (team, best) in told_now {
            sqlx::query("UPDATE ladders SET told = $1 WHERE board = $2 AND team = $3")
                .bind(serde_json::to_string(&best)?)
                .bind(id)
                .bind(team)
                .execute(&mut *transaction)
                .await?;
        }
    }
    let mut series = BTreeSet::new();
    for (old, new, report) in &scored {
        if let Some(board) = portal.boards.get(&new.board) {
            new.rescore(&mut transaction, board, report).await.map_err(told)?;
            series.insert((new.board.as_str(), new.team.as_str(), new.series()));
        }
        changes.changed.extend(difference(old, new));
    }
    for (id, team, series) in series {
        if let Some(board) = portal.boards.get(id) {
            seeds::settle(&mut transaction, board, team, &series).await.map_err(told)?;
        }
    }
    sqlx::query("DELETE FROM results").execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Tells a contest's submissions again, as if they came to the new truth one after the other. Returns each team's best.
fn tell_again(portal: &Portal, submissions: &mut [&mut Submission]) -> BTreeMap<String, Scores> {
    let mut best = BTreeMap::new();
    submissions.sort_by_key(|submission| submission.created);
    for submission in submissions {
        let (Some(sealed), Some(hidden)) = (&submission.sealed, portal.hidden.get(&submission.board)) else { continue };
        let Some(board) = portal.boards.get(&submission.board) else { continue };
        let told = ladder::told(board.board.primary, &hidden.steps, best.get(&submission.team), &sealed.public);
        if let Some(told) = told {
            best.insert(submission.team.clone(), told);
        }
        submission.scores = told.unwrap_or_default();
    }
    best
}

/// The submission with its numbers of now, and its report.
async fn score(portal: &Portal, submission: &Submission) -> Result<(Submission, String)> {
    let missing = || anyhow::anyhow!("the board is not here");
    let board = portal.boards.get(&submission.board).filter(|board| board.truth.is_some()).ok_or_else(missing)?;
    let compressed = portal.store.get(&submission.predictions).await?;
    let (server, on, hash) = (portal.clone(), board.clone(), submission.predictions.clone());
    let work = move || {
        let content = scoring::unpack(&compressed, &hash).map_err(|reason| anyhow::anyhow!("{reason}"))?;
        let predictions = glae_metrics::Predictions::parse(&content)?;
        Ok::<_, anyhow::Error>(scoring::evaluate(&server, &on, &predictions)?)
    };
    let evaluation = portal.workers.run(work).await.map_err(told)??;
    let report = board.disclosed(evaluation.report)?;
    let mark = match submission.mark {
        Unranked::Hidden => Unranked::Hidden,
        _ if evaluation.equals_truth => Unranked::EqualsTruth,
        _ => Unranked::None,
    };
    let new = Submission {
        // What a contest told stays told; a new truth tells again.
        scores: if evaluation.sealed.is_some() { submission.scores } else { evaluation.scores },
        scorer: SCORER.to_owned(),
        truth: board.fingerprint.clone(),
        predicted: report.predicted as i64,
        samples: report.samples as i64,
        mark,
        sealed: evaluation.sealed,
        ..submission.clone()
    };
    Ok((new, serde_json::to_string(&report)?))
}

/// A line that says which numbers of the table changed, if any.
fn difference(old: &Submission, new: &Submission) -> Option<String> {
    let number = |value: Option<f64>| value.map_or("none".to_owned(), |value| format!("{value:.4}"));
    let differences: Vec<_> = Column::ALL
        .into_iter()
        .filter(|column| column.of(&new.scores) != column.of(&old.scores))
        .map(|column| {
            format!("{} {} -> {}", column.label(), number(column.of(&old.scores)), number(column.of(&new.scores)))
        })
        .collect();
    (!differences.is_empty()).then(|| format!("{} on {}: {}", new.id, new.board, differences.join(", ")))
}
