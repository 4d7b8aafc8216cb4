//! Files that no submission names: those of withdrawn submissions, and those whose process was killed before its
//! transaction.
//!
//! A file is announced in the table `files` before it is stored. Announcing, settling and removing meet at that row, so
//! that a file cannot be removed while a submission is about to name it: `pending` counts the announcements, and is
//! `GOING` while the store is asked to remove the file, for which no transaction is held. Files that this database never
//! announced are left alone whatever they are: they belong to another database, or to a newer state of this one.

use std::{collections::HashSet, time::Duration};

use sqlx::Row;

use crate::{
    clock::DAY,
    database::Transaction,
    problem::{ApiError, ApiResult},
    state::Portal,
};

/// Of a hundred files in the store the sweep removes this many at most, and one in a smaller store.
const MOST_PER_HUNDRED: usize = 1;

/// `pending` of a file that is being removed.
const GOING: i64 = -1;

/// How long a removal is waited for, in seconds of the server's clock; a process that was killed in between never ends it. No
/// call of a store takes that long.
const GONE_AFTER: i64 = 600;

/// How often an announcement looks whether a removal has ended, and how long it waits in between.
const LOOKS: usize = 100;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files removed.
    pub removed: usize,
    /// Files that would have been removed, had they not been too many: then none was.
    pub refused: usize,
}

/// Tells the database that a file is about to be stored. Where it is just being removed, that is waited for.
///
/// # Errors
/// If the database fails, or the removal does not end.
pub async fn announce(portal: &Portal, hash: &str) -> ApiResult<()> {
    for _ in 0..LOOKS {
        let mut transaction = portal.database.begin().await?;
        let now = portal.now();
        let announced = sqlx::query(
            "INSERT INTO files (hash, stored, pending) VALUES ($1, $2, 1) \
             ON CONFLICT (hash) DO UPDATE SET stored = excluded.stored, \
             pending = CASE WHEN files.pending < 0 THEN 1 ELSE files.pending + 1 END \
             WHERE files.pending >= 0 OR files.stored < $3",
        )
        .bind(hash)
        .bind(now)
        .bind(now - GONE_AFTER)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        if announced.rows_affected() > 0 {
            return Ok(());
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    Err(ApiError::internal(format!("the removal of the file {hash} does not end")))
}

/// Ends an announcement, in the transaction that stores the submission.
///
/// # Errors
/// If the database fails.
pub async fn settle(transaction: &mut Transaction, hash: &str) -> ApiResult<()> {
    let statement = "UPDATE files SET pending = pending - 1 WHERE hash = $1 AND pending > 0";
    sqlx::query(statement).bind(hash).execute(&mut **transaction).await?;
    Ok(())
}

/// Ends an announcement whose submission came to nothing. Left undone, it only delays the file's removal.
pub async fn give_up(portal: &Portal, hash: &str) {
    let outcome = async {
        let mut transaction = portal.database.begin().await?;
        settle(&mut transaction, hash).await?;
        Ok::<_, ApiError>(transaction.commit().await?)
    };
    if let Err(error) = outcome.await {
        tracing::debug!(?error, "an announced file was not given up");
    }
}

/// Removes the file of a withdrawn submission, unless another names it or is about to.
///
/// # Errors
/// If the database or the store fails.
pub async fn remove(portal: &Portal, hash: &str) -> ApiResult<bool> {
    remove_where(portal, hash, i64::MIN).await
}

/// Removes files that were announced more than a day ago and that no submission names.
///
/// # Errors
/// If the database or the store fails.
pub async fn sweep(portal: &Portal) -> ApiResult<Swept> {
    let before = portal.now() - DAY;
    let rows = sqlx::query(
        "SELECT hash FROM files WHERE stored < $1 \
         AND NOT EXISTS (SELECT 1 FROM submissions WHERE submissions.predictions = files.hash)",
    )
    .bind(before)
    .fetch_all(portal.database.read())
    .await?;
    let known: HashSet<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    if known.is_empty() {
        return Ok(Swept::default());
    }
    let (all, leftovers): (usize, Vec<String>) = match portal.store.list().await {
        Ok(stored) => (stored.len(), stored.into_iter().filter(|hash| known.contains(hash)).collect()),
        // A key that may not list: what was announced stands for what is there.
        Err(error) if error.is_refusal() => {
            let row = sqlx::query("SELECT COUNT(*) FROM files").fetch_one(portal.database.read()).await?;
            (usize::try_from(row.try_get::<i64, _>(0)?).unwrap_or(usize::MAX), known.into_iter().collect())
        }
        Err(error) => return Err(ApiError::internal(error)),
    };
    let most = (all.saturating_mul(MOST_PER_HUNDRED) / 100).max(1);
    if leftovers.len() > most {
        return Ok(Swept { removed: 0, refused: leftovers.len() });
    }
    let mut swept = Swept::default();
    for hash in leftovers {
        // Announcements of killed processes never end, so `pending` does not count after a day.
        swept.removed += usize::from(remove_where(portal, &hash, before).await?);
    }
    Ok(swept)
}

/// Removes a file that no submission names, if it was announced before `before` or nothing is pending on it.
///
/// A submission that announces the same file meanwhile waits, and then finds that it has to store it again.
async fn remove_where(portal: &Portal, hash: &str, before: i64) -> ApiResult<bool> {
    let now = portal.now();
    let mut transaction = portal.database.begin().await?;
    // Waits for a transaction that holds the row; the next statement then sees what it has committed.
    sqlx::query("UPDATE files SET pending = pending WHERE hash = $1").bind(hash).execute(&mut *transaction).await?;
    let going = sqlx::query(
        "UPDATE files SET stored = $3, pending = $4 WHERE hash = $1 AND (stored < $2 OR pending = 0) \
         AND NOT EXISTS (SELECT 1 FROM submissions WHERE submissions.predictions = files.hash)",
    )
    .bind(hash)
    .bind(before)
    .bind(now)
    .bind(GOING)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    if going.rows_affected() == 0 {
        return Ok(false);
    }
    let removed = portal.store.remove(hash).await.map_err(ApiError::internal);
    // Where the store failed the file is left as one that nothing is pending on: the next sweep removes it.
    let statement = match removed {
        Ok(()) => "DELETE FROM files WHERE hash = $1 AND stored = $2 AND pending = $3",
        Err(_) => "UPDATE files SET pending = 0 WHERE hash = $1 AND stored = $2 AND pending = $3",
    };
    let mut transaction = portal.database.begin().await?;
    sqlx::query(statement).bind(hash).bind(now).bind(GOING).execute(&mut *transaction).await?;
    transaction.commit().await?;
    removed.map(|()| true)
}
