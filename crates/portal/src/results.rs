//! Results that take long: reports with intervals, comparisons. Computed when first asked for, kept in the database.
//!
//! Scoring a submission leaves intervals out, so that it is answered at once: a thousand resamples of a hundred
//! thousand rows take seconds. A result follows from what its key names (scorer, truth, predictions), so it never goes
//! stale. The table is bounded, and `portal rescore` empties it.

use std::{future::Future, sync::Arc};

use glae_metrics::{Bootstrap, Predictions, Problems, SCORER, compare, score};
use sqlx::Row;
use thiserror::Error;

use crate::{
    board::{Loaded, Shipped},
    extract::visible,
    problem::{ApiError, ApiResult},
    scoring::unpack,
    state::Portal,
    submission::Submission,
    token::Caller,
};

/// Why a result cannot be computed. All of them are the server's fault.
#[derive(Debug, Error)]
enum ResultError {
    /// The board was changed while the server ran over it.
    #[error("the board has no truth any more")]
    NoTruth,
    /// The store holds something else than the predictions that were put there.
    #[error("the stored file {hash} is damaged: {reason}")]
    Damaged {
        /// Its name.
        hash: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Predictions that were scored before cannot be scored again.
    #[error("stored predictions do not fit the truth: {0}")]
    Unfit(#[from] Problems),
    /// What may be told of the result could not be taken out of it.
    #[error("the result cannot be written: {0}")]
    Unwritable(#[from] serde_json::Error),
}

/// Results kept at most; the oldest go first.
const MOST_KEPT: i64 = 2_000;

/// A row whose predictions are stored.
#[derive(Clone, Debug)]
pub enum Rated {
    /// It came with the board.
    Shipped(Shipped),
    /// A team submitted it.
    Submitted(Box<Submission>),
}

impl Rated {
    /// The row of a board with this id, if its predictions are stored and `viewer` may see it.
    ///
    /// # Errors
    /// 404 otherwise.
    pub async fn find(portal: &Portal, board: &Loaded, row: &str, viewer: Option<&Caller>) -> ApiResult<Self> {
        if let Some(shipped) = board.shipped(row) {
            return Ok(Rated::Shipped(shipped.clone()));
        }
        let submission = visible(portal, row, viewer).await.map_err(|_| ApiError::not_found("row with predictions"))?;
        if submission.board != board.board.id {
            return Err(ApiError::not_found("row with predictions"));
        }
        Ok(Rated::Submitted(Box::new(submission)))
    }

    /// The content hash of its predictions.
    pub fn hash(&self) -> &str {
        match self {
            Rated::Shipped(shipped) => &shipped.hash,
            Rated::Submitted(submission) => &submission.predictions,
        }
    }

    /// Its predictions.
    ///
    /// # Errors
    /// If the store fails or the stored file is damaged.
    pub async fn predictions(&self, portal: &Portal) -> ApiResult<Arc<Predictions>> {
        match self {
            Rated::Shipped(shipped) => Ok(shipped.predictions.clone()),
            Rated::Submitted(submission) => stored(portal, &submission.predictions).await.map(Arc::new),
        }
    }
}

/// Reads predictions from the store.
///
/// # Errors
/// If the store fails or the stored file is damaged.
pub async fn stored(portal: &Portal, hash: &str) -> ApiResult<Predictions> {
    let compressed = portal.store.get(hash).await.map_err(ApiError::internal)?;
    let name = hash.to_owned();
    let parse = move || {
        let damaged = |reason: String| ResultError::Damaged { hash: name.clone(), reason };
        let content = unpack(&compressed, &name).map_err(|reason| damaged(reason.to_string()))?;
        Predictions::parse(&content).map_err(|problems| damaged(problems.to_string()))
    };
    portal.reporters.run(parse).await?.map_err(ApiError::internal)
}

/// The full report of a row, with intervals, as JSON.
///
/// # Errors
/// If the store or the database fails.
pub async fn report(portal: &Portal, board: &Arc<Loaded>, rated: &Rated) -> ApiResult<String> {
    let key = format!("report {SCORER} {} {}", board.fingerprint, rated.hash());
    let (server, board, rated) = (portal.clone(), board.clone(), rated.clone());
    once(portal, key, async move {
        let predictions = rated.predictions(&server).await?;
        let work = move || {
            let truth = board.truth.as_ref().ok_or(ResultError::NoTruth)?;
            let report = score(truth, &predictions, &board.options(Some(Bootstrap::default())))?;
            Ok::<_, ResultError>(board.disclosed(report)?)
        };
        let report = server.reporters.run(work).await?.map_err(ApiError::internal)?;
        Ok(serde_json::to_string(&report)?)
    })
    .await
}

/// The comparison of two rows, as JSON.
///
/// # Errors
/// If the store or the database fails.
pub async fn comparison(portal: &Portal, board: &Arc<Loaded>, a: &Rated, b: &Rated) -> ApiResult<String> {
    let key = format!("comparison {SCORER} {} {} {}", board.fingerprint, a.hash(), b.hash());
    let (server, board, a, b) = (portal.clone(), board.clone(), a.clone(), b.clone());
    once(portal, key, async move {
        let (first, second) = (a.predictions(&server).await?, b.predictions(&server).await?);
        let work = move || {
            let truth = board.truth.as_ref().ok_or(ResultError::NoTruth)?;
            Ok::<_, ResultError>(board.rounded(&compare(truth, &first, &second, Bootstrap::default())?)?)
        };
        let comparison = server.reporters.run(work).await?.map_err(ApiError::internal)?;
        Ok(serde_json::to_string(&comparison)?)
    })
    .await
}

/// The known result, or a new one. Those who ask for the same at the same moment share one computation, which goes on
/// and is kept although they leave.
async fn once(
    portal: &Portal,
    key: String,
    compute: impl Future<Output = ApiResult<String>> + Send + 'static,
) -> ApiResult<String> {
    if let Some(known) = find(portal, &key).await? {
        return Ok(known);
    }
    let portal = portal.clone();
    let computing = tokio::spawn(async move {
        let _place = portal.computing.take(key.clone()).await;
        if let Some(known) = find(&portal, &key).await? {
            return Ok(known);
        }
        let value = compute.await?;
        portal.metrics.computed();
        keep(&portal, &key, value).await
    });
    computing.await.map_err(ApiError::internal)?
}

/// Forgets all of them.
///
/// # Errors
/// If the database fails.
pub async fn clear(portal: &Portal) -> ApiResult<()> {
    let mut transaction = portal.database.begin().await?;
    sqlx::query("DELETE FROM results").execute(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}

async fn find(portal: &Portal, key: &str) -> ApiResult<Option<String>> {
    let statement = sqlx::query("SELECT value FROM results WHERE key = $1").bind(key);
    let row = statement.fetch_optional(portal.database.read()).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

async fn keep(portal: &Portal, key: &str, value: String) -> ApiResult<String> {
    let mut transaction = portal.database.begin().await?;
    // Two processes may compute the same; the second changes nothing.
    sqlx::query("INSERT INTO results (key, value, computed) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING")
        .bind(key)
        .bind(&value)
        .bind(portal.now())
        .execute(&mut *transaction)
        .await?;
    sqlx::query("DELETE FROM results WHERE key NOT IN (SELECT key FROM results ORDER BY computed DESC, key LIMIT $1)")
        .bind(MOST_KEPT)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(value)
}
