//! Tokens: `glae_ID_SECRET`. The id finds the row, the secret proves it; only the secret's SHA-256 is stored.
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

/// Makes a token for a team; one that it had ends.
///
/// # Errors
/// If the database fails.
pub async fn issue(transaction: &mut Transaction, team: &str, name: &str, now: i64, days: u32) -> ApiResult<Token> {
    let (id, secret) = (random::hexadecimal(8), random::hexadecimal(32));
    let expires = now + i64::from(days) * DAY;
    sqlx::query("DELETE FROM tokens WHERE team = $1").bind(team).execute(&mut **transaction).await?;
    sqlx::query("INSERT INTO tokens (id, team, hash, created, expires) VALUES ($1, $2, $3, $4, $5)")
        .bind(&id)
        .bind(team)
        .bind(hash(&secret))
        .bind(now)
        .bind(expires)
        .execute(&mut **transaction)
        .await?;
    Ok(Token { team: name.to_owned(), token: format!("glae_{id}_{secret}"), expires })
}

/// The team behind a token.
///
/// # Errors
/// 401 if it is malformed, unknown, replaced or has ended.
pub async fn verify(database: &Database, old: &OldHashes, token: &str, now: i64) -> ApiResult<Caller> {
    let unknown = || ApiError::unauthorized("The token is not valid: it may have been replaced by a new one.");
    let (id, secret) = parts(token)
        .ok_or_else(|| ApiError::unauthorized("This is no token: tokens look like glae_0123456789abcdef_..."))?;
    let row = sqlx::query(
        "SELECT tokens.team, teams.name, tokens.hash, tokens.expires, teams.banned \
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
    Ok(Caller {
        team: row.try_get(0)?,
        name: row.try_get(1)?,
        token: id.to_owned(),
        expires,
        banned: row.try_get::<i64, _>(4)? != 0,
    })
}

/// Id and secret of a token that is written correctly.
fn parts(token: &str) -> Option<(&str, &str)> {
    let (id, secret) = token.strip_prefix("glae_")?.split_once('_')?;
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
        assert!(parts(&whole).is_some());
        for wrong in [&whole[1..], &whole[..whole.len() - 1], &whole.to_uppercase(), "glae__", "", "glae_' OR 1=1 --_"]
        {
            assert!(parts(wrong).is_none(), "{wrong}");
        }
    }
}
