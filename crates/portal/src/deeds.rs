//! What organisers did: a log to which rows are added and in which none is changed.

use std::time::{SystemTime, UNIX_EPOCH};

use glae_api::Deed;
use sqlx::{Row, any::AnyRow};

use crate::{
    database::{Database, Transaction},
    problem::ApiResult,
    random,
};

/// A deed to be written down.
#[derive(Clone, Copy, Debug)]
pub struct DeedEntry<'a> {
    /// When, in seconds since 1970.
    pub at: i64,
    /// By whom.
    pub actor: &'a str,
    /// What, in a word.
    pub action: &'a str,
    /// On which board; empty if on all.
    pub board: &'a str,
    /// To which team (its id) or submission; empty if to none.
    pub subject: &'a str,
    /// Why.
    pub reason: &'a str,
}

/// Writes a deed down, in the transaction that does it.
///
/// # Errors
/// If the database fails; then the deed is not done either.
pub async fn write(transaction: &mut Transaction, deed: &DeedEntry<'_>) -> ApiResult<()> {
    sqlx::query(
        "INSERT INTO deeds (id, at, actor, action, board, subject, reason) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(new_id())
    .bind(deed.at)
    .bind(deed.actor)
    .bind(deed.action)
    .bind(deed.board)
    .bind(deed.subject)
    .bind(deed.reason)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Deeds of one second stand in the order of their ids, so an id begins with the moment in nanoseconds.
fn new_id() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:020}-{}", now.as_nanos(), random::hexadecimal(4))
}

/// A statement over deeds in which teams that are still there have their names.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT deeds.at, deeds.actor, deeds.action, deeds.board, COALESCE(teams.name, deeds.subject), deeds.reason \
             FROM deeds LEFT JOIN teams ON teams.id = deeds.subject ",
            $rest
        )
    };
}

/// All deeds, the oldest first.
///
/// # Errors
/// If the database fails.
pub async fn all(database: &Database) -> ApiResult<Vec<Deed>> {
    let rows = sqlx::query(select!("ORDER BY deeds.at, deeds.id")).fetch_all(database.read()).await?;
    rows.iter().map(read).collect()
}

/// How many deeds there are, and those from the place `from`, the newest being 0.
///
/// # Errors
/// If the database fails.
pub async fn page(database: &Database, from: u32, limit: u32) -> ApiResult<(u32, Vec<Deed>)> {
    let count = sqlx::query("SELECT COUNT(*) FROM deeds").fetch_one(database.read()).await?;
    let rows = sqlx::query(select!("ORDER BY deeds.at DESC, deeds.id DESC LIMIT $1 OFFSET $2"))
        .bind(i64::from(limit))
        .bind(i64::from(from))
        .fetch_all(database.read())
        .await?;
    let deeds = rows.iter().map(read).collect::<ApiResult<_>>()?;
    Ok((u32::try_from(count.try_get::<i64, _>(0)?).unwrap_or(u32::MAX), deeds))
}

fn read(row: &AnyRow) -> ApiResult<Deed> {
    Ok(Deed {
        at: row.try_get(0)?,
        actor: row.try_get(1)?,
        action: row.try_get(2)?,
        board: row.try_get(3)?,
        subject: row.try_get(4)?,
        reason: row.try_get(5)?,
    })
}
