//! Rankings as they were at a moment, to be cited: a document, its SHA-256, and a line of BibTeX.

use glae_api::{Frozen, FrozenRanking, FrozenRow, Origin};
use sha2::{Digest, Sha256};
use sqlx::{Row, any::AnyRow};

use crate::{
    api::boards::{self, Part},
    board::Loaded,
    clock::date,
    database::{Database, Transaction},
    problem::{ApiError, ApiResult},
    random,
    state::Portal,
};

/// The ranking of a board as it is seen without a token now. Its number is given when it is kept.
///
/// # Errors
/// If the database fails.
pub async fn ranking(portal: &Portal, board: &Loaded) -> ApiResult<FrozenRanking> {
    let page = boards::assembled(portal, board, None, Part::default()).await?;
    let primary = board.board.primary;
    let mut rows: Vec<FrozenRow> = Vec::with_capacity(page.board.rows.len());
    for (number, row) in (1..).zip(&page.board.rows) {
        let standing = page.standings.get(&row.id);
        // Rows come best first; equal ones share a place.
        let place = primary.of(&row.scores).map(|own| match rows.last() {
            Some(before) if primary.of(&before.scores) == Some(own) => before.place.unwrap_or(number),
            _ => number,
        });
        rows.push(FrozenRow {
            place: standing.and_then(|standing| standing.private_rank).or(place),
            id: row.id.clone(),
            method: row.method.clone(),
            authors: row.authors.clone(),
            by: match &row.origin {
                Origin::Submitted { team, .. } => team.clone(),
                Origin::Reported { source } => source.clone(),
                Origin::Computed { scorer } => scorer.clone(),
            },
            scores: row.scores,
        });
    }
    Ok(FrozenRanking {
        board: board.board.id.clone(),
        title: board.board.title.clone(),
        number: 0,
        at: portal.now(),
        primary,
        truth_version: page.truth_version,
        rows,
    })
}

/// Keeps a ranking under the board's next number.
///
/// # Errors
/// If the database fails.
pub async fn keep(transaction: &mut Transaction, mut ranking: FrozenRanking) -> ApiResult<Frozen> {
    let last = "SELECT COALESCE(MAX(number), 0) FROM frozen WHERE board = $1";
    let row = sqlx::query(last).bind(&ranking.board).fetch_one(&mut **transaction).await?;
    ranking.number = row.try_get::<i64, _>(0)? + 1;
    let document = serde_json::to_string(&ranking)?;
    let checksum = checksum(&document);
    sqlx::query("INSERT INTO frozen (board, number, at, document, checksum, revised) VALUES ($1, $2, $3, $4, $5, 0)")
        .bind(&ranking.board)
        .bind(ranking.number)
        .bind(ranking.at)
        .bind(document)
        .bind(&checksum)
        .execute(&mut **transaction)
        .await?;
    Ok(Frozen { number: ranking.number, at: ranking.at, checksum, revised: None })
}

/// What was kept of a board, the newest first.
///
/// # Errors
/// If the database fails.
pub async fn list(database: &Database, board: &str) -> ApiResult<Vec<Frozen>> {
    let statement = "SELECT number, at, checksum, revised FROM frozen WHERE board = $1 ORDER BY number DESC";
    let rows = sqlx::query(statement).bind(board).fetch_all(database.read()).await?;
    rows.iter().map(entry).collect()
}

/// A ranking that was kept, with its document.
///
/// # Errors
/// 404 if there is none of this number.
pub async fn find(database: &Database, board: &str, number: i64) -> ApiResult<(Frozen, String)> {
    let statement = "SELECT number, at, checksum, revised, document FROM frozen WHERE board = $1 AND number = $2";
    let row = sqlx::query(statement).bind(board).bind(number).fetch_optional(database.read()).await?;
    let row = row.ok_or_else(|| ApiError::not_found("frozen ranking"))?;
    Ok((entry(&row)?, row.try_get(4)?))
}

/// A citation in BibTeX. `site` is the server's address as the asker knows it.
///
/// # Errors
/// If the document cannot be read.
pub fn citation(kept: &Frozen, document: &str, site: Option<&str>) -> ApiResult<String> {
    let ranking: FrozenRanking = serde_json::from_str(document)?;
    let (year, month, day) = date(kept.at);
    let (board, number) = (&ranking.board, kept.number);
    let path = format!("/api/v1/boards/{board}/frozen/{number}");
    let url = site.map(|site| format!("  url = {{{site}{path}}},\n")).unwrap_or_default();
    let truth = ranking.truth_version.map(|truth| format!(", version {} of the truth", truth.version));
    Ok(format!(
        "@misc{{glae-{board}-{number},\n  title = {{Ranking of {{{}}}, frozen on {year}-{month:02}-{day:02}}},\n  \
         author = {{{{The GLAE leaderboard}}}},\n  year = {{{year}}},\n{url}  note = {{{} methods{}. SHA-256 {}}}\n}}\n",
        escaped(&ranking.title),
        ranking.rows.len(),
        truth.unwrap_or_default(),
        kept.checksum
    ))
}

/// Takes the names of a team that is removed out of every ranking that holds its rows, which changes their checksums.
///
/// # Errors
/// If the database fails.
pub async fn forget_rows(transaction: &mut Transaction, ids: &[String], now: i64) -> ApiResult<()> {
    let rows = sqlx::query("SELECT board, number, document FROM frozen").fetch_all(&mut **transaction).await?;
    for row in rows {
        let mut ranking: FrozenRanking = serde_json::from_str(row.try_get(2)?)?;
        let mut found = false;
        for row in ranking.rows.iter_mut().filter(|row| ids.contains(&row.id)) {
            found = true;
            (row.method, row.authors, row.by) = Default::default();
        }
        if !found {
            continue;
        }
        let document = serde_json::to_string(&ranking)?;
        sqlx::query("UPDATE frozen SET document = $1, checksum = $2, revised = $3 WHERE board = $4 AND number = $5")
            .bind(&document)
            .bind(checksum(&document))
            .bind(now)
            .bind(row.try_get::<String, _>(0)?)
            .bind(row.try_get::<i64, _>(1)?)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

fn entry(row: &AnyRow) -> ApiResult<Frozen> {
    Ok(Frozen {
        number: row.try_get(0)?,
        at: row.try_get(1)?,
        checksum: row.try_get(2)?,
        revised: Some(row.try_get(3)?).filter(|at| *at != 0),
    })
}

fn checksum(document: &str) -> String {
    random::encode(&Sha256::digest(document))
}

/// A text in which TeX reads no command.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\textbackslash{}"),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '{' | '}' | '%' | '&' | '$' | '#' | '_' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_no_commands() {
        assert_eq!(escaped(r"50% of \input{x} & ~y_1"), r"50\% of \textbackslash{}input\{x\} \& \textasciitilde{}y\_1");
    }
}
