//! Teams: a name that looks like no other's, and tokens.

use glae_api::{Token, TokenEntry};
use sqlx::Row;

use crate::{
    database::{Database, Transaction},
    problem::{ApiError, ApiResult, Kind},
    random, text,
    token::{self, Caller, New},
};

/// Tokens that a team may have at once.
const MOST_TOKENS: usize = 10;

/// Makes a team and its first token.
///
/// # Errors
/// If the name is not allowed or taken, or looks like one that is.
pub async fn create(database: &Database, name: &str, now: i64, days: u32) -> ApiResult<Token> {
    let name = text::line("name", name, 2..=60).map_err(ApiError::metadata)?;
    let taken = || ApiError::new(Kind::NAME_TAKEN, "Another team has this name, or one that looks like it.");
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
    if inserted.rows_affected() == 0 || !draw(&mut transaction, &id, &name).await? {
        return Err(taken());
    }
    let new = New { team: &id, team_name: &name, name: "", replaces: "", now, days };
    let token = token::issue(&mut transaction, new).await?;
    transaction.commit().await?;
    Ok(token)
}

/// Writes down what a name looks like; false if another team's looks the same.
async fn draw(transaction: &mut Transaction, team: &str, name: &str) -> ApiResult<bool> {
    for skeleton in text::skeletons(name) {
        let inserted =
            sqlx::query("INSERT INTO skeletons (skeleton, team) VALUES ($1, $2) ON CONFLICT (skeleton) DO NOTHING")
                .bind(skeleton)
                .bind(team)
                .execute(&mut **transaction)
                .await?;
        if inserted.rows_affected() == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Writes down what the names of earlier portals' teams look like. Those that look alike already keep their names.
///
/// # Errors
/// If the database fails.
pub async fn draw_all(database: &Database) -> ApiResult<()> {
    let undrawn = "SELECT id, name FROM teams WHERE id NOT IN (SELECT team FROM skeletons) ORDER BY created, id";
    let rows = sqlx::query(undrawn).fetch_all(database.read()).await?;
    if rows.is_empty() {
        return Ok(());
    }
    let mut transaction = database.begin().await?;
    for row in rows {
        let (id, name): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        draw(&mut transaction, &id, &name).await?;
    }
    Ok(transaction.commit().await?)
}

/// Makes a token in place of the caller's, which ends when the new one is first used: an answer that gets lost leaves
/// the old token valid. A replacement that was never used ends at once.
///
/// # Errors
/// If the database fails.
pub async fn replace(database: &Database, caller: &Caller, now: i64, days: u32) -> ApiResult<Token> {
    let mut transaction = database.begin().await?;
    lock(&mut transaction, &caller.team).await?;
    sqlx::query("DELETE FROM tokens WHERE replaces = $1").bind(&caller.token).execute(&mut *transaction).await?;
    let statement = sqlx::query("SELECT name FROM tokens WHERE id = $1").bind(&caller.token);
    let row = statement.fetch_optional(&mut *transaction).await?;
    let row = row.ok_or_else(|| ApiError::unauthorized("The token has been ended meanwhile."))?;
    let name: String = row.try_get(0)?;
    let new = New { team: &caller.team, team_name: &caller.name, name: &name, replaces: &caller.token, now, days };
    let token = token::issue(&mut transaction, new).await?;
    transaction.commit().await?;
    Ok(token)
}

/// Makes one more token of a team.
///
/// # Errors
/// If the name is not allowed, or the team has ten tokens.
pub async fn add_token(database: &Database, caller: &Caller, name: &str, now: i64, days: u32) -> ApiResult<Token> {
    let name = text::line("name", name, 1..=60).map_err(ApiError::metadata)?;
    let mut transaction = database.begin().await?;
    lock(&mut transaction, &caller.team).await?;
    let statement = sqlx::query("SELECT id FROM tokens WHERE team = $1 AND expires > $2").bind(&caller.team).bind(now);
    if statement.fetch_all(&mut *transaction).await?.len() >= MOST_TOKENS {
        return Err(ApiError::metadata(format!("A team may have {MOST_TOKENS} tokens; end one first.")));
    }
    let new = New { team: &caller.team, team_name: &caller.name, name: &name, replaces: "", now, days };
    let token = token::issue(&mut transaction, new).await?;
    transaction.commit().await?;
    Ok(token)
}

/// Makes a token for a team that has lost its own; all others of the team end.
///
/// # Errors
/// If the database fails.
pub async fn renew(database: &Database, team: &str, name: &str, now: i64, days: u32) -> ApiResult<Token> {
    let mut transaction = database.begin().await?;
    lock(&mut transaction, team).await?;
    sqlx::query("DELETE FROM tokens WHERE team = $1").bind(team).execute(&mut *transaction).await?;
    let new = New { team, team_name: name, name: "", replaces: "", now, days };
    let token = token::issue(&mut transaction, new).await?;
    transaction.commit().await?;
    Ok(token)
}

/// The tokens of a team that have not ended, the oldest first.
///
/// # Errors
/// If the database fails.
pub async fn tokens(database: &Database, caller: &Caller, now: i64) -> ApiResult<Vec<TokenEntry>> {
    let rows = sqlx::query(
        "SELECT id, name, created, expires, replaces FROM tokens WHERE team = $1 AND expires > $2 \
         ORDER BY created, id",
    )
    .bind(&caller.team)
    .bind(now)
    .fetch_all(database.read())
    .await?;
    let read = |row: &sqlx::any::AnyRow| {
        let id: String = row.try_get(0)?;
        Ok(TokenEntry {
            is_this: id == caller.token,
            id,
            name: row.try_get(1)?,
            created: row.try_get(2)?,
            expires: row.try_get(3)?,
            replaces: Some(row.try_get::<String, _>(4)?).filter(|id| !id.is_empty()),
        })
    };
    rows.iter().map(read).collect()
}

/// Ends a token of the caller's team.
///
/// # Errors
/// 404 if the team has no such token.
pub async fn end_token(database: &Database, caller: &Caller, id: &str) -> ApiResult<()> {
    let mut transaction = database.begin().await?;
    let statement = sqlx::query("DELETE FROM tokens WHERE id = $1 AND team = $2").bind(id).bind(&caller.team);
    if statement.execute(&mut *transaction).await?.rows_affected() == 0 {
        return Err(ApiError::not_found("token"));
    }
    Ok(transaction.commit().await?)
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

/// Two replacements at once would both insert a token; the second waits here for the first.
async fn lock(transaction: &mut Transaction, team: &str) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE teams SET created = created WHERE id = $1").bind(team).execute(&mut **transaction).await?;
    Ok(())
}
