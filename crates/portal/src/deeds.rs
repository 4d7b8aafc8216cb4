//! What organisers did: a log to which rows are added and in which none is changed.

use anyhow::Result;
use sqlx::Row;

use crate::{
    database::{Database, Transaction},
    problem::ApiResult,
    random,
};

/// One deed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// When, in seconds since 1970.
    pub at: i64,
    /// By whom, as the operator calls them.
    pub actor: String,
    /// What, in a word.
    pub action: String,
    /// On which board; empty if on all.
    pub board: String,
    /// To which team or submission; empty if to none.
    pub subject: String,
    /// Why.
    pub reason: String,
}

/// Writes a deed down, in the transaction that does it.
///
/// # Errors
/// If the database fails; then the deed is not done either.
pub async fn write(transaction: &mut Transaction, deed: &Deed) -> ApiResult<()> {
    sqlx::query(
        "INSERT INTO deeds (id, at, actor, action, board, subject, reason) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(random::hexadecimal(12))
    .bind(deed.at)
    .bind(&deed.actor)
    .bind(&deed.action)
    .bind(&deed.board)
    .bind(&deed.subject)
    .bind(&deed.reason)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// All deeds, the oldest first.
///
/// # Errors
/// If the database fails.
pub async fn all(database: &Database) -> Result<Vec<Deed>> {
    let rows = sqlx::query("SELECT at, actor, action, board, subject, reason FROM deeds ORDER BY at, id")
        .fetch_all(database.read())
        .await?;
    let read = |row: &sqlx::any::AnyRow| {
        Ok(Deed {
            at: row.try_get(0)?,
            actor: row.try_get(1)?,
            action: row.try_get(2)?,
            board: row.try_get(3)?,
            subject: row.try_get(4)?,
            reason: row.try_get(5)?,
        })
    };
    rows.iter().map(read).collect()
}
