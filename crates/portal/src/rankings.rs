//! Rankings of boards with many rows: counted, and read a page at a time, by the column `ranked` and its indexes.
//!
//! `ranked` holds what a submission's number in the primary column is worth, the least first. It is written with the
//! scores; a board whose primary column changed since has it written anew at start.

use anyhow::Result;
use glae_api::{Column, Row as BoardRow, Scores};
use sqlx::Row;

use crate::{board::Loaded, database::Database, problem::ApiResult, state::Portal, submission::Submission};

/// The key of what is not ranked: after all others. Larger than any score, and the same in both databases.
const UNRANKED: f64 = 1e300;

/// What scores are ranked by, the least first.
pub fn key(primary: Column, scores: &Scores) -> f64 {
    match primary.of(scores) {
        Some(number) if primary.ascending() => number,
        Some(number) => -number,
        None => UNRANKED,
    }
}

/// How many submissions a team sees on a board, and the best key among them.
///
/// # Errors
/// If the database fails.
pub async fn count(database: &Database, board: &str, team: Option<&str>) -> ApiResult<(u32, Option<f64>)> {
    let statement = "SELECT COUNT(*), MIN(ranked) FROM submissions WHERE board = $1 AND visibility = 'public' AND \
                     mark IN ('', 'equals-truth') AND folded = 0 AND \
                     (team = $2 OR team NOT IN (SELECT id FROM teams WHERE banned = 1))";
    let row = sqlx::query(statement).bind(board).bind(team.unwrap_or_default()).fetch_one(database.read()).await?;
    let (mut all, mut best): (i64, Option<f64>) = (row.try_get(0)?, row.try_get(1)?);
    if let Some(team) = team {
        // What this team alone sees.
        let statement = "SELECT COUNT(*), MIN(ranked) FROM submissions WHERE board = $1 AND team = $2 AND folded = 0 \
                         AND (visibility = 'private' OR mark = 'hidden')";
        let row = sqlx::query(statement).bind(board).bind(team).fetch_one(database.read()).await?;
        all += row.try_get::<i64, _>(0)?;
        let own: Option<f64> = row.try_get(1)?;
        best = best.into_iter().chain(own).reduce(f64::min);
    }
    Ok((number(all), best.filter(|best| *best < UNRANKED)))
}

/// How many of the submissions that a team sees are better than this key.
///
/// Public rows and the team's private ones are ranges of the index `submissions_for_counts`, which holds all that is asked
/// (a mark or a fold leaves a row without a key). Rows of banned teams are subtracted: there are few of them, and to ask for
/// the team of each row would take as long again. SQLite joins in the order that CROSS JOIN says: banned teams first.
///
/// # Errors
/// If the database fails.
async fn ahead(database: &Database, board: &str, team: Option<&str>, key: f64) -> ApiResult<u32> {
    let statement = "SELECT (SELECT COUNT(*) FROM submissions WHERE board = $1 AND visibility = 'public' AND mark = '' \
                     AND folded = 0 AND ranked < $3) + \
                     (SELECT COUNT(*) FROM submissions WHERE board = $1 AND visibility = 'private' AND mark = '' \
                     AND folded = 0 AND ranked < $3 AND team = $2) - \
                     (SELECT COUNT(*) FROM teams CROSS JOIN submissions WHERE submissions.team = teams.id \
                     AND teams.banned = 1 AND teams.id <> $2 AND submissions.board = $1 \
                     AND submissions.visibility = 'public' AND submissions.mark = '' AND submissions.folded = 0 \
                     AND submissions.ranked < $3)";
    let row =
        sqlx::query(statement).bind(board).bind(team.unwrap_or_default()).bind(key).fetch_one(database.read()).await?;
    Ok(number(row.try_get(0)?))
}

/// The best place of a team's own submissions, from 1; nothing if none is ranked.
///
/// # Errors
/// If the database fails.
pub async fn own(database: &Database, board: &Loaded, team: &str) -> ApiResult<Option<u32>> {
    let best = "SELECT ranked FROM submissions WHERE board = $1 AND folded = 0 AND team = $2 ORDER BY ranked LIMIT 1";
    let row = sqlx::query(best).bind(&board.board.id).bind(team).fetch_optional(database.read()).await?;
    match row.map(|row| row.try_get::<f64, _>(0)).transpose()? {
        Some(best) if best < UNRANKED => Ok(Some(place(database, board, Some(team), best).await?)),
        _ => Ok(None),
    }
}

/// The place of a key among the rows that a team sees, those of the board's file included, from 1.
///
/// # Errors
/// If the database fails.
pub async fn place(database: &Database, board: &Loaded, team: Option<&str>, key: f64) -> ApiResult<u32> {
    let submitted = ahead(database, &board.board.id, team, key).await?;
    let of_file = of_file(board).filter(|(other, _)| *other < key).count();
    Ok(u32::try_from(of_file).unwrap_or(u32::MAX).saturating_add(submitted).saturating_add(1))
}

/// The rows of the board's file with their keys.
pub fn of_file(board: &Loaded) -> impl Iterator<Item = (f64, &BoardRow)> {
    board.board.rows.iter().map(|row| (key(board.board.primary, &row.scores), row))
}

/// A row of a page: one of the board's file, or a submission.
#[derive(Clone, Debug)]
pub enum RankedRow {
    /// From the file.
    File(Box<BoardRow>),
    /// From a team.
    Submitted(Box<Submission>),
}

impl RankedRow {
    /// What it is ranked by on its board, the least first.
    pub fn key(&self, board: &Loaded) -> f64 {
        match self {
            RankedRow::File(row) => key(board.board.primary, &row.scores),
            RankedRow::Submitted(submission) => submission.key(board),
        }
    }

    /// The submission, if it is one.
    pub fn submission(&self) -> Option<&Submission> {
        match self {
            RankedRow::File(_) => None,
            RankedRow::Submitted(submission) => Some(submission),
        }
    }
}

/// The rows in the places `from` to `from + limit`, the first being 0: those of the file and the submissions that a
/// team sees, as one ranking. A row of the file stands before a submission of the same number.
///
/// # Errors
/// If the database fails.
pub async fn page(
    database: &Database,
    board: &Loaded,
    team: Option<&str>,
    from: u32,
    limit: u32,
) -> ApiResult<Vec<RankedRow>> {
    let mut file: Vec<(f64, &BoardRow)> = of_file(board).collect();
    file.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Before a page lie at most as many rows of the file as there are: the page's submissions begin no earlier.
    let start = from.saturating_sub(file.len() as u32);
    let window = Submission::ranked(database, &board.board.id, team, start, limit + file.len() as u32).await?;
    let mut merged = Vec::new();
    let mut file = file.into_iter().peekable();
    let mut place = start;
    for submission in window {
        let own = submission.key(board);
        while let Some((_, row)) = file.next_if(|(key, _)| *key <= own) {
            merged.push((place, RankedRow::File(Box::new(row.clone()))));
            place += 1;
        }
        merged.push((place, RankedRow::Submitted(Box::new(submission))));
        place += 1;
    }
    for (_, row) in file {
        merged.push((place, RankedRow::File(Box::new(row.clone()))));
        place += 1;
    }
    Ok(merged.into_iter().filter(|(place, _)| (from..from + limit).contains(place)).map(|(_, row)| row).collect())
}

/// Writes the keys of boards whose primary column is another than the one that they were written for.
///
/// # Errors
/// If the database fails.
pub async fn settle(portal: &Portal) -> Result<()> {
    for (id, board) in &portal.boards {
        let (name, wanted) = (format!("ranked by {id}"), board.board.primary.label());
        let known = sqlx::query("SELECT value FROM facts WHERE name = $1")
            .bind(&name)
            .fetch_optional(portal.database.read())
            .await?;
        let known: Option<String> = known.map(|row| row.try_get(0)).transpose()?;
        if known.as_deref() == Some(wanted) {
            continue;
        }
        let mut transaction = portal.database.begin().await?;
        for submission in Submission::everything_on(&mut transaction, id).await.map_err(crate::commands::told)? {
            sqlx::query("UPDATE submissions SET ranked = $1 WHERE id = $2")
                .bind(submission.key(board))
                .bind(&submission.id)
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query(
            "INSERT INTO facts (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(name)
        .bind(wanted)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
    }
    Ok(())
}

fn number(count: i64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
