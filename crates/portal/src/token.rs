//! Tokens: `glae_ID_SECRET`. The id finds the row, the secret proves it; only the secret's argon2 hash is stored.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version, password_hash::phc::PasswordHash};
use glae_api::Token;
use sha2::{Digest, Sha256};
use sqlx::Row;

use crate::{
    clock::DAY,
    database::{Database, Transaction},
    problem::{ApiError, ApiResult},
    random,
};

/// 8 MiB and one pass: about five milliseconds. The secret has 256 random bits, so it cannot be guessed even from a fast
/// hash; the cost bounds what a flood of wrong tokens can take, so it is kept small.
const COST: (u32, u32, u32) = (8 * 1024, 1, 1);
/// How long a verified secret is remembered.
const REMEMBERED: Duration = Duration::from_secs(60);
/// How many are remembered.
const MOST_REMEMBERED: usize = 10_000;

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
}

/// Secrets that were verified within the last minute, by the SHA-256 of the token and with the stored hash they were
/// verified against.
///
/// It spares a busy client argon2 for each request. The price: within that minute a reader of this process's memory could
/// act as the team behind a digest; the token itself passes through the same memory. Rotation and expiry act at once
/// nevertheless, because the row is read each time and a rotated token has no row.
#[derive(Debug, Default)]
pub struct Verified(Mutex<HashMap<[u8; 32], (Instant, String)>>);

/// Makes a token for a team; one that it had ends.
///
/// # Errors
/// If the database fails.
pub async fn issue(transaction: &mut Transaction, team: &str, name: &str, now: i64, days: u32) -> ApiResult<Token> {
    let (id, secret) = (random::hexadecimal(8), random::hexadecimal(32));
    let hash = {
        let secret = secret.clone();
        tokio::task::spawn_blocking(move || hash(&secret)).await.map_err(ApiError::internal)??
    };
    let expires = now + i64::from(days) * DAY;
    sqlx::query("DELETE FROM tokens WHERE team = $1").bind(team).execute(&mut **transaction).await?;
    sqlx::query("INSERT INTO tokens (id, team, hash, created, expires) VALUES ($1, $2, $3, $4, $5)")
        .bind(&id)
        .bind(team)
        .bind(hash)
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
pub async fn verify(database: &Database, verified: &Verified, token: &str, now: i64) -> ApiResult<Caller> {
    let unknown = || ApiError::unauthorized("The token is not valid: it may have been replaced by a new one.");
    let (id, secret) = parts(token)
        .ok_or_else(|| ApiError::unauthorized("This is no token: tokens look like glae_0123456789abcdef_..."))?;
    let row = sqlx::query(
        "SELECT tokens.team, teams.name, tokens.hash, tokens.expires \
         FROM tokens JOIN teams ON teams.id = tokens.team WHERE tokens.id = $1",
    )
    .bind(id)
    .fetch_optional(database.read())
    .await?
    .ok_or_else(unknown)?;
    let hash: String = row.try_get(2)?;
    let digest: [u8; 32] = Sha256::digest(token).into();
    if !verified.knows(&digest, &hash) {
        let (secret, stored) = (secret.to_owned(), hash.clone());
        let matches =
            tokio::task::spawn_blocking(move || matches(&secret, &stored)).await.map_err(ApiError::internal)?;
        if !matches {
            return Err(unknown());
        }
        verified.remember(digest, hash);
    }
    let expires: i64 = row.try_get(3)?;
    if expires <= now {
        return Err(ApiError::unauthorized("The token has ended. The operator can make a new one."));
    }
    Ok(Caller { team: row.try_get(0)?, name: row.try_get(1)?, token: id.to_owned(), expires })
}

/// Id and secret of a token that is written correctly.
fn parts(token: &str) -> Option<(&str, &str)> {
    let (id, secret) = token.strip_prefix("glae_")?.split_once('_')?;
    let hexadecimal = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    (id.len() == 16 && secret.len() == 64 && hexadecimal(id) && hexadecimal(secret)).then_some((id, secret))
}

fn hash(secret: &str) -> ApiResult<String> {
    let (memory, passes, lanes) = COST;
    let parameters = Params::new(memory, passes, lanes, None).map_err(ApiError::internal)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(ApiError::internal)?;
    let hash: PasswordHash = argon2.hash_password_with_salt(secret.as_bytes(), &salt).map_err(ApiError::internal)?;
    Ok(hash.to_string())
}

fn matches(secret: &str, stored: &str) -> bool {
    // The parameters come from the stored text, so that a later change of COST leaves old tokens valid.
    PasswordHash::new(stored).is_ok_and(|hash| Argon2::default().verify_password(secret.as_bytes(), &hash).is_ok())
}

impl Verified {
    fn knows(&self, digest: &[u8; 32], hash: &str) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(digest).is_some_and(|(since, stored)| since.elapsed() < REMEMBERED && stored == hash)
    }

    fn remember(&self, digest: [u8; 32], hash: String) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_REMEMBERED {
            known.retain(|_, (since, _)| since.elapsed() < REMEMBERED);
        }
        if known.len() < MOST_REMEMBERED {
            known.insert(digest, (Instant::now(), hash));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_secret_matches() {
        let stored = hash("one").unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=8192,t=1,p=1$"), "{stored}");
        assert!(matches("one", &stored));
        assert!(!matches("two", &stored) && !matches("one", "") && !matches("one", "$argon2id$"));
    }

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
