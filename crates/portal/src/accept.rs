//! How a submission comes to stand on a board, or not at all.
//!
//! The file is announced to the database and stored; then one transaction counts it, inserts the submission with its
//! scores and remembers the answer. It is acknowledged after the commit. A process killed in between leaves at most a
//! file that was announced and that no submission names, which [`leftovers::sweep`] removes.

use std::sync::Arc;

use glae_api::{Metadata, Scores, Submitted};
use glae_metrics::{Report, SCORER};
use sqlx::Row;

use crate::{
    board::Loaded,
    clock::DAY,
    contest::{self, ladder},
    database::Transaction,
    leftovers,
    metrics::Outcome,
    problem::{ApiError, ApiResult, Kind},
    quota::{Allowance, Charge},
    rankings,
    scoring::Scored,
    seeds,
    state::Portal,
    submission::{Submission, Unranked},
    token::Caller,
    versions,
};

/// How long answers to requests with an Idempotency-Key are remembered, in seconds.
const REMEMBERED: i64 = 7 * DAY;

/// A request to submit.
#[derive(Debug)]
pub struct Attempt {
    /// The team, by its token.
    pub caller: Caller,
    /// The board that the path names.
    pub board: Arc<Loaded>,
    /// The text of the submission.
    pub metadata: Metadata,
    /// What the team may still send to this board today.
    pub allowance: Allowance,
    /// The contest, if the board is one.
    pub contest: Option<contest::Now>,
    /// The request's Idempotency-Key.
    pub key: Option<String>,
}

/// An answer as it was or will be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredResponse {
    /// The HTTP status.
    pub status: u16,
    /// The JSON text.
    pub body: String,
}

impl Attempt {
    /// Stores a scored file as a submission, or counts a failed one, and returns the answer.
    ///
    /// # Errors
    /// 429 if the quota is used up; 422 if the key belongs to another request.
    pub async fn finish(&self, portal: &Portal, scored: Scored) -> ApiResult<StoredResponse> {
        let fingerprint = self.fingerprint(&scored.hash)?;
        if let Some(answer) = self.earlier(portal, &fingerprint).await? {
            portal.metrics.submission(Outcome::Repeated);
            return Ok(answer);
        }
        let (answer, outcome) = match &scored.outcome {
            Ok(evaluation) => {
                leftovers::announce(portal, &scored.hash).await?;
                let stored = portal.store.put(&scored.hash, &scored.compressed).await;
                if let Err(error) = stored {
                    leftovers::give_up(portal, &scored.hash).await;
                    return Err(ApiError::internal(error));
                }
                let submission = Submission {
                    id: Submission::new_id(),
                    board: self.board.board.id.clone(),
                    team: self.caller.team.clone(),
                    team_name: self.caller.name.clone(),
                    metadata: self.metadata.clone(),
                    predictions: scored.hash.clone(),
                    scores: evaluation.scores,
                    scorer: SCORER.to_owned(),
                    created: self.allowance.now,
                    truth: self.board.fingerprint.clone(),
                    predicted: evaluation.report.predicted as i64,
                    samples: evaluation.report.samples as i64,
                    mark: if evaluation.equals_truth { Unranked::EqualsTruth } else { Unranked::None },
                    reason: String::new(),
                    sealed: evaluation.sealed,
                    banned: false,
                    seeds: None,
                    folded: false,
                };
                match self.store(portal, &evaluation.report, submission, &fingerprint).await {
                    Ok(Some(answer)) => (Some(answer), Outcome::Scored),
                    other => {
                        leftovers::give_up(portal, &scored.hash).await;
                        (other?, Outcome::Scored)
                    }
                }
            }
            Err(problem) => (self.fail(portal, problem, &fingerprint).await?, Outcome::Failed),
        };
        match answer {
            Some(answer) => {
                portal.metrics.submission(outcome);
                Ok(answer)
            }
            // A concurrent request with the same key was faster.
            None => self.earlier(portal, &fingerprint).await?.ok_or_else(|| ApiError::internal("the answer is gone")),
        }
    }

    async fn store(
        &self,
        portal: &Portal,
        report: &Report,
        mut submission: Submission,
        fingerprint: &str,
    ) -> ApiResult<Option<StoredResponse>> {
        let phase = self.contest.as_ref().map(|contest| contest.phase);
        let report = serde_json::to_string(report)?;
        let mut transaction = portal.database.begin().await?;
        versions::require(&portal.database, &mut transaction, &self.board).await?;
        leftovers::settle(&mut transaction, &submission.predictions).await?;
        let mut quota = self.allowance.charge(&mut transaction, Charge::Submission).await?;
        if let Some(sealed) = submission.sealed {
            let (told, left) = self.tell(portal, &mut transaction, &sealed.public).await?;
            submission.scores = told;
            quota.left_in_all = Some(left);
        }
        submission.insert(&mut transaction, &self.board, &report).await?;
        let series = seeds::settle(&mut transaction, &self.board, &self.caller.team, &submission.series()).await?;
        let row = submission.row(&self.board, Some(&self.caller.team), phase);
        let key = series.unwrap_or_else(|| submission.key(&self.board));
        let rank = rankings::place(&portal.database, &self.board, Some(&self.caller.team), key).await?;
        let answer = StoredResponse { status: 201, body: serde_json::to_string(&Submitted { row, rank, quota })? };
        if !self.remember(&mut transaction, fingerprint, &answer).await? {
            return Ok(None);
        }
        transaction.commit().await?;
        Ok(Some(answer))
    }

    async fn fail(&self, portal: &Portal, problem: &ApiError, fingerprint: &str) -> ApiResult<Option<StoredResponse>> {
        let mut transaction = portal.database.begin().await?;
        self.allowance.charge(&mut transaction, Charge::Failure).await?;
        let document = problem.document();
        let answer = StoredResponse { status: document.status, body: serde_json::to_string(&document)? };
        if !self.remember(&mut transaction, fingerprint, &answer).await? {
            return Ok(None);
        }
        transaction.commit().await?;
        Ok(Some(answer))
    }

    /// What the team is told of a contest's submission, and how many more it may send. The team's row is held until the
    /// transaction ends, so that two submissions at once are not both compared with the same best.
    async fn tell(&self, portal: &Portal, transaction: &mut Transaction, public: &Scores) -> ApiResult<(Scores, u32)> {
        let board = &self.board.board;
        let row = sqlx::query(
            "INSERT INTO ladders (board, team, told, taken) VALUES ($1, $2, '', 0) \
             ON CONFLICT (board, team) DO UPDATE SET taken = ladders.taken RETURNING told, taken",
        )
        .bind(&board.id)
        .bind(&self.caller.team)
        .fetch_one(&mut **transaction)
        .await?;
        let (before, taken): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        let most = i64::from(self.allowance.in_all.unwrap_or(u32::MAX));
        if taken >= most {
            return Err(self.allowance.used_up_in_all());
        }
        let best: Option<Scores> =
            Some(before.as_str()).filter(|text| !text.is_empty()).map(serde_json::from_str).transpose()?;
        let steps = portal.hidden.get(&board.id).map(|hidden| &hidden.steps);
        let told = steps.and_then(|steps| ladder::told(board.primary, steps, best.as_ref(), public));
        let kept = match &told {
            Some(told) => serde_json::to_string(told)?,
            None => before,
        };
        sqlx::query("UPDATE ladders SET told = $1, taken = $2 WHERE board = $3 AND team = $4")
            .bind(kept)
            .bind(taken + 1)
            .bind(&board.id)
            .bind(&self.caller.team)
            .execute(&mut **transaction)
            .await?;
        Ok((told.unwrap_or_default(), u32::try_from(most - taken - 1).unwrap_or(0)))
    }

    /// What makes two requests the same: board, metadata and file.
    fn fingerprint(&self, hash: &str) -> ApiResult<String> {
        Ok(format!("{} {hash} {}", self.board.board.id, serde_json::to_string(&self.metadata)?))
    }

    async fn earlier(&self, portal: &Portal, fingerprint: &str) -> ApiResult<Option<StoredResponse>> {
        let Some(key) = &self.key else { return Ok(None) };
        let row = sqlx::query("SELECT fingerprint, status, body FROM answers WHERE team = $1 AND key = $2")
            .bind(&self.caller.team)
            .bind(key)
            .fetch_optional(portal.database.read())
            .await?;
        let Some(row) = row else { return Ok(None) };
        if row.try_get::<String, _>(0)? != fingerprint {
            return Err(ApiError::new(Kind::KEY_REUSED, "This key was sent before with another file or text."));
        }
        let status: i64 = row.try_get(1)?;
        self.require_kept(portal, status, row.try_get(2)?).await?;
        Ok(Some(StoredResponse { status: u16::try_from(status).unwrap_or(500), body: row.try_get(2)? }))
    }

    /// 410 if the submission of an earlier answer has been withdrawn since: repeating the request does not bring it back.
    async fn require_kept(&self, portal: &Portal, status: i64, body: &str) -> ApiResult<()> {
        if status != 201 {
            return Ok(());
        }
        let earlier: Submitted = serde_json::from_str(body)?;
        match Submission::find(&portal.database, &earlier.row.id).await? {
            Some(_) => Ok(()),
            None => Err(ApiError::new(Kind::WITHDRAWN, "The submission of this key was withdrawn; use a new key.")),
        }
    }

    /// False if another request with the same key was faster.
    async fn remember(
        &self,
        transaction: &mut Transaction,
        fingerprint: &str,
        answer: &StoredResponse,
    ) -> ApiResult<bool> {
        let Some(key) = &self.key else { return Ok(true) };
        sqlx::query("DELETE FROM answers WHERE team = $1 AND answered < $2")
            .bind(&self.caller.team)
            .bind(self.allowance.now - REMEMBERED)
            .execute(&mut **transaction)
            .await?;
        let inserted = sqlx::query(
            "INSERT INTO answers (team, key, fingerprint, status, body, answered) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (team, key) DO NOTHING",
        )
        .bind(&self.caller.team)
        .bind(key)
        .bind(fingerprint)
        .bind(i64::from(answer.status))
        .bind(&answer.body)
        .bind(self.allowance.now)
        .execute(&mut **transaction)
        .await?;
        Ok(inserted.rows_affected() == 1)
    }
}

/// Whether an answer was already given to this team's key, so that quotas do not matter.
///
/// # Errors
/// If the database fails.
pub async fn is_repeated(portal: &Portal, caller: &Caller, key: Option<&str>) -> ApiResult<bool> {
    let Some(key) = key else { return Ok(false) };
    let found = sqlx::query("SELECT status FROM answers WHERE team = $1 AND key = $2")
        .bind(&caller.team)
        .bind(key)
        .fetch_optional(portal.database.read())
        .await?;
    Ok(found.is_some())
}
