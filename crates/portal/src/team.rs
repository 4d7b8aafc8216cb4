//! Teams: a name and a token.

use glae_api::Token;
use sqlx::Row;

use crate::{
    database::{Database, Transaction},
    problem::{ApiError, ApiResult, Kind},
    random, text, token,
};

/// Makes a team and its first token.
///
/// # Errors
/// If the name is not allowed or taken.
pub async fn create(database: &Database, name: &str, now: i64, token_days: u32) -> ApiResult<Token> {
    let name = text::line("name", name, 2..=60).map_err(ApiError::metadata)?;
    let id = random::hexadecimal(12);
    let mut transaction = database.begin().await?;
    let inserted = sqlx::query(
        "INSERT INTO teams (id, name, folded, created) VALUES ($1, $2, $3, $4) ON CONFLICT (folded) DO NOTHING",
    )
    .bind(&id)
    .bind(&name)
    .bind(text::folded(&name))
    .bind(now)
    .execute(&mut *transaction)
    .await?;
    if inserted.rows_affected() == 0 {
        return Err(ApiError::new(Kind::NAME_TAKEN, "Another team has this name, or one that looks like it."));
    }
    let token = token::issue(&mut transaction, &id, &name, now, token_days).await?;
    transaction.commit().await?;
    Ok(token)
}

/// Makes a new token for a team; the old one ends.
///
/// # Errors
/// If the database fails.
pub async fn rotate(database: &Database, team: &str, name: &str, now: i64, token_days: u32) -> ApiResult<Token> {
    let mut transaction = database.begin().await?;
    lock(&mut transaction, team).await?;
    let token = token::issue(&mut transaction, team, name, now, token_days).await?;
    transaction.commit().await?;
    Ok(token)
}

/// The id and name of the team whose name reads like `name`.
///
/// # Errors
/// If the database fails.
pub async fn find(database: &Database, name: &str) -> ApiResult<Option<(String, String)>> {
    let row = sqlx::query("SELECT id, name FROM teams WHERE folded = $1")
        .bind(text::folded(name))
        .fetch_optional(database.read())
        .await?;
    Ok(row.map(|row| Ok::<_, sqlx::Error>((row.try_get(0)?, row.try_get(1)?))).transpose()?)
}

/// Two rotations at once would both insert a token; the second waits here for the first.
async fn lock(transaction: &mut Transaction, team: &str) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE teams SET created = created WHERE id = $1").bind(team).execute(&mut **transaction).await?;
    Ok(())
}
