//! Tokens: `glae_ID_SECRET` of teams, `glae-organiser_ID_SECRET` of organisers. The id finds the row, the secret proves
//! it; only the secret's SHA-256 is stored.
//!
//! A secret has 256 random bits, so a slow hash would protect nothing. Portals before 0.2 stored argon2 hashes: they
//! are still verified, one at a time, and replaced at the token's next use.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Block, Params, Version, password_hash::phc::PasswordHash};
use glae_api::Token;
use sha2::{Digest, Sha256};
use sqlx::Row;
use tokio::sync::Mutex;

use crate::{
    clock::DAY,
    database::{Database, Transaction},
    problem::{ApiError, ApiResult},
    random,
};

/// How a stored hash of today begins.
const PREFIX: &str = "sha256:";
/// How a team's token begins.
const TEAM: &str = "glae_";
/// How an organiser's token begins.
const ORGANISER: &str = "glae-organiser_";

/// The memory in which argon2 hashes are verified, one at a time: 8 MiB and about five milliseconds each. Wrong secrets
/// wait in line. Memory of its own for each would stay with the thread that used it.
#[derive(Clone, Debug, Default)]
pub struct OldHashes(Arc<Mutex<Vec<Block>>>);

/// The team that a valid token speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The team's id.
    pub team: String,
    /// The team's name.
    pub name: String,
    /// The token's id.
    pub token: String,
    /// When the token ends.
    pub expires: i64,
    /// Whether the organiser has banned the team: it may read and withdraw, and submit nothing.
    pub banned: bool,
}

/// The organiser whom a valid token speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organising {
    /// The name that the log shows.
    pub name: String,
    /// The token's id.
    pub token: String,
    /// When the token ends.
    pub expires: i64,
}

/// A token to be made.
#[derive(Clone, Copy, Debug)]
pub struct New<'a> {
    /// The team's id.
    pub team: &'a str,
    /// The team's name.
    pub team_name: &'a str,
    /// What it is for.
    pub name: &'a str,
    /// The id of the token that ends when this one is first used; empty for none.
    pub replaces: &'a str,
    /// The time.
    pub now: i64,
    /// Days until it ends.
    pub days: u32,
}

/// Makes a token for a team.
///
/// # Errors
/// If the database fails.
pub async fn issue(transaction: &mut Transaction, new: New<'_>) -> ApiResult<Token> {
    let (id, secret) = (random::hexadecimal(8), random::hexadecimal(32));
    let expires = new.now + i64::from(new.days) * DAY;
    sqlx::query(
        "INSERT INTO tokens (id, team, name, hash, created, expires, replaces) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&id)
    .bind(new.team)
    .bind(new.name)
    .bind(hash(&secret))
    .bind(new.now)
    .bind(expires)
    .bind(new.replaces)
    .execute(&mut **transaction)
    .await?;
    Ok(Token { team: new.team_name.to_owned(), token: format!("{TEAM}{id}_{secret}"), expires })
}

/// Makes a token for an organiser; one of the same name ends. Returns it with the moment of its end.
///
/// # Errors
/// If the database fails.
pub async fn issue_organiser(
    transaction: &mut Transaction,
    name: &str,
    now: i64,
    days: u32,
) -> ApiResult<(String, i64)> {
    let (id, secret) = (random::hexadecimal(8), random::hexadecimal(32));
    let expires = now + i64::from(days) * DAY;
    retire_organiser(transaction, name).await?;
    sqlx::query("INSERT INTO organisers (id, name, hash, created, expires) VALUES ($1, $2, $3, $4, $5)")
        .bind(&id)
        .bind(name)
        .bind(hash(&secret))
        .bind(now)
        .bind(expires)
        .execute(&mut **transaction)
        .await?;
    Ok((format!("{ORGANISER}{id}_{secret}"), expires))
}

/// Ends an organiser's token; false if there is none of this name.
///
/// # Errors
/// If the database fails.
pub async fn retire_organiser(transaction: &mut Transaction, name: &str) -> ApiResult<bool> {
    let statement = sqlx::query("DELETE FROM organisers WHERE name = $1").bind(name);
    Ok(statement.execute(&mut **transaction).await?.rows_affected() > 0)
}

/// The organiser behind a token.
///
/// # Errors
/// 401 if it is malformed, unknown or has ended.
pub async fn verify_organiser(database: &Database, token: &str, now: i64) -> ApiResult<Organising> {
    if token.starts_with(TEAM) {
        return Err(ApiError::unauthorized("This is a team's token; an organiser's begins with glae-organiser_."));
    }
    let (id, secret) = parts(ORGANISER, token).ok_or_else(|| {
        ApiError::unauthorized("This is no organiser's token: these look like glae-organiser_0123...")
    })?;
    let statement = sqlx::query("SELECT name, hash, expires FROM organisers WHERE id = $1").bind(id);
    let row = statement.fetch_optional(database.read()).await?;
    let row = row.filter(|row| row.try_get::<String, _>(1).is_ok_and(|stored| stored == hash(secret)));
    let row = row.ok_or_else(|| ApiError::unauthorized("The token is not valid: it may have been replaced."))?;
    let expires: i64 = row.try_get(2)?;
    if expires <= now {
        return Err(ApiError::unauthorized("The token has ended. The operator can make a new one."));
    }
    Ok(Organising { name: row.try_get(0)?, token: id.to_owned(), expires })
}

/// The team behind a token.
///
/// # Errors
/// 401 if it is malformed, unknown, replaced or has ended.
pub async fn verify(database: &Database, old: &OldHashes, token: &str, now: i64) -> ApiResult<Caller> {
    let unknown = || ApiError::unauthorized("The token is not valid: it may have been replaced by a new one.");
    let (id, secret) = parts(TEAM, token)
        .ok_or_else(|| ApiError::unauthorized("This is no token: tokens look like glae_0123456789abcdef_..."))?;
    let row = sqlx::query(
        "SELECT tokens.team, teams.name, tokens.hash, tokens.expires, teams.banned, tokens.replaces \
         FROM tokens JOIN teams ON teams.id = tokens.team WHERE tokens.id = $1",
    )
    .bind(id)
    .fetch_optional(database.read())
    .await?
    .ok_or_else(unknown)?;
    let stored: String = row.try_get(2)?;
    let own = hash(secret);
    let is_old = !stored.starts_with(PREFIX);
    // Comparing hashes of random secrets byte by byte tells nothing about a secret.
    let matches = if is_old { old.matches(secret, &stored).await? } else { stored == own };
    if !matches {
        return Err(unknown());
    }
    if is_old {
        renew(database, id, &stored, &own).await;
    }
    let expires: i64 = row.try_get(3)?;
    if expires <= now {
        return Err(ApiError::unauthorized("The token has ended. The operator can make a new one."));
    }
    let replaces: String = row.try_get(5)?;
    if !replaces.is_empty() {
        end_replaced(database, id, &replaces).await?;
    }
    Ok(Caller {
        team: row.try_get(0)?,
        name: row.try_get(1)?,
        token: id.to_owned(),
        expires,
        banned: row.try_get::<i64, _>(4)? != 0,
    })
}

/// Ends the token that this one, used for the first time, replaces.
async fn end_replaced(database: &Database, id: &str, replaced: &str) -> ApiResult<()> {
    let mut transaction = database.begin().await?;
    sqlx::query("DELETE FROM tokens WHERE id = $1").bind(replaced).execute(&mut *transaction).await?;
    sqlx::query("UPDATE tokens SET replaces = '' WHERE id = $1").bind(id).execute(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}

/// Id and secret of a token that is written correctly and begins with `prefix`.
fn parts<'a>(prefix: &str, token: &'a str) -> Option<(&'a str, &'a str)> {
    let (id, secret) = token.strip_prefix(prefix)?.split_once('_')?;
    let hexadecimal = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    (id.len() == 16 && secret.len() == 64 && hexadecimal(id) && hexadecimal(secret)).then_some((id, secret))
}

fn hash(secret: &str) -> String {
    format!("{PREFIX}{}", random::encode(&Sha256::digest(secret)))
}

/// Replaces a verified argon2 hash. If that fails, the next use tries again.
async fn renew(database: &Database, id: &str, stored: &str, own: &str) {
    let outcome = async {
        let mut transaction = database.begin().await?;
        let statement = "UPDATE tokens SET hash = $1 WHERE id = $2 AND hash = $3";
        sqlx::query(statement).bind(own).bind(id).bind(stored).execute(&mut *transaction).await?;
        transaction.commit().await
    };
    if let Err(error) = outcome.await {
        tracing::debug!(%error, "an old hash was not replaced");
    }
}

/// Whether the secret has this argon2 hash; nothing if that is no such hash.
fn verified(secret: &str, stored: &str, memory: &mut Vec<Block>) -> Option<bool> {
    let hash = PasswordHash::new(stored).ok()?;
    let parameters = Params::try_from(&hash).ok()?;
    let (salt, expected) = (hash.salt?, hash.hash?);
    memory.resize(parameters.block_count().max(memory.len()), Block::default());
    let mut found = vec![0; expected.len()];
    let argon2 = Argon2::new(Algorithm::try_from(hash.algorithm.as_str()).ok()?, Version::V0x13, parameters);
    argon2.hash_password_into_with_memory(secret.as_bytes(), &salt, &mut found, memory).ok()?;
    Some(found == expected.as_ref())
}

impl OldHashes {
    /// Whether the secret has this argon2 hash.
    async fn matches(&self, secret: &str, stored: &str) -> ApiResult<bool> {
        let mut memory = self.0.clone().lock_owned().await;
        let (secret, stored) = (secret.to_owned(), stored.to_owned());
        let verify = move || verified(&secret, &stored, &mut memory).unwrap_or(false);
        tokio::task::spawn_blocking(verify).await.map_err(ApiError::internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_tokens_have_parts() {
        let whole = format!("glae_{}_{}", "0".repeat(16), "f".repeat(64));
        assert!(parts(TEAM, &whole).is_some() && parts(ORGANISER, &whole).is_none());
        for wrong in [&whole[1..], &whole[..whole.len() - 1], &whole.to_uppercase(), "glae__", "", "glae_' OR 1=1 --_"]
        {
            assert!(parts(TEAM, wrong).is_none(), "{wrong}");
        }
    }
}
