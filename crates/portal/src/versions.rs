//! Which truth the rows of a board were scored with.
//!
//! All rows of a board belong to one version. A server whose truth is another refuses to start, and one that is running
//! takes no more submissions, until `portal rescore` has switched all rows in one transaction.

use anyhow::{Result, ensure};
use glae_api::TruthVersion;
use sqlx::Row;

use crate::{
    board::Loaded,
    commands::told,
    database::{Database, Transaction},
    problem::{ApiError, ApiResult, Kind},
    state::Portal,
};

/// The newest version of a board; nothing before its first start.
///
/// # Errors
/// If the database fails.
pub async fn newest(database: &Database, board: &str) -> ApiResult<Option<TruthVersion>> {
    let statement = "SELECT version, fingerprint, since FROM truths WHERE board = $1 ORDER BY version DESC LIMIT 1";
    let row = sqlx::query(statement).bind(board).fetch_optional(database.read()).await?;
    let read = |row: sqlx::any::AnyRow| {
        Ok::<_, sqlx::Error>(TruthVersion {
            version: row.try_get(0)?,
            fingerprint: row.try_get(1)?,
            since: row.try_get(2)?,
        })
    };
    Ok(row.map(read).transpose()?)
}

/// Gives each board its first version, and completes what submissions of earlier portals do not say.
///
/// # Errors
/// If the database fails.
pub async fn begin(portal: &Portal) -> Result<()> {
    for (id, board) in portal.boards.iter().filter(|(_, board)| board.truth.is_some()) {
        if newest(&portal.database, id).await.map_err(told)?.is_none() {
            let mut transaction = portal.database.begin().await?;
            insert(&mut transaction, board, 1, portal.now()).await.map_err(told)?;
            sqlx::query("UPDATE submissions SET truth = $1 WHERE board = $2 AND truth = ''")
                .bind(&board.fingerprint)
                .bind(id)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
        }
    }
    complete(&portal.database).await
}

/// Stops a server whose truths are not those of the rows.
///
/// # Errors
/// Names the board and the remedy.
pub async fn require_same(portal: &Portal) -> Result<()> {
    for (id, board) in portal.boards.iter().filter(|(_, board)| board.truth.is_some()) {
        let known = newest(&portal.database, id).await.map_err(told)?;
        ensure!(
            known.is_none_or(|known| known.fingerprint == board.fingerprint),
            "the truth of the board {id}, or the way it is scored, is another than the one its rows were scored with. \
             Run `portal rescore` to switch all rows to it, or put the earlier files back"
        );
    }
    Ok(())
}

/// Stops a submission that was scored on a truth that has been replaced since; holds the version until the
/// transaction ends.
///
/// # Errors
/// 503 if this server has to be started anew.
pub async fn require(database: &Database, transaction: &mut Transaction, board: &Loaded) -> ApiResult<()> {
    let newest = "SELECT fingerprint FROM truths WHERE board = $1 ORDER BY version DESC LIMIT 1";
    let shared = "SELECT fingerprint FROM truths WHERE board = $1 ORDER BY version DESC LIMIT 1 FOR SHARE";
    let statement = if database.is_postgres() { shared } else { newest };
    let row = sqlx::query(statement).bind(&board.board.id).fetch_optional(&mut **transaction).await?;
    let same = row.map(|row| row.try_get::<String, _>(0)).transpose()?.is_none_or(|known| known == board.fingerprint);
    if same {
        return Ok(());
    }
    tracing::error!(board = board.board.id, "the truth was replaced: start this server anew");
    Err(ApiError::new(Kind::UNAVAILABLE, "The truth of this board was replaced; the server has to be started anew."))
}

/// Writes a version.
///
/// # Errors
/// If the database fails.
pub async fn insert(transaction: &mut Transaction, board: &Loaded, version: i64, now: i64) -> ApiResult<()> {
    sqlx::query(
        "INSERT INTO truths (board, version, fingerprint, since) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (board, version) DO NOTHING",
    )
    .bind(&board.board.id)
    .bind(version)
    .bind(&board.fingerprint)
    .bind(now)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// How much of its test set each submission of an earlier portal predicts: its report says so.
async fn complete(database: &Database) -> Result<()> {
    let rows = sqlx::query("SELECT id, report FROM submissions WHERE samples = 0").fetch_all(database.read()).await?;
    if rows.is_empty() {
        return Ok(());
    }
    let mut transaction = database.begin().await?;
    for row in rows {
        let report: serde_json::Value = serde_json::from_str(row.try_get(1)?)?;
        let count = |name: &str| report[name].as_i64().unwrap_or_default();
        sqlx::query("UPDATE submissions SET predicted = $1, samples = $2 WHERE id = $3")
            .bind(count("predicted"))
            .bind(count("samples"))
            .bind(row.try_get::<String, _>(0)?)
            .execute(&mut *transaction)
            .await?;
    }
    Ok(transaction.commit().await?)
}
