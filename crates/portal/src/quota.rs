//! What a team may send to a board per UTC day. Scored submissions and files with problems are counted apart.

use glae_api::Quota;
use sqlx::Row;

use crate::{
    clock::{DAY, day},
    database::{Database, Transaction},
    problem::{ApiError, ApiResult},
};

/// One team's allowance on one board on one day.
#[derive(Clone, Debug)]
pub struct Allowance {
    /// The board.
    pub board: String,
    /// The team's id.
    pub team: String,
    /// Scored submissions a day.
    pub submissions: u32,
    /// Files with problems a day.
    pub failures: u32,
    /// Scored submissions until the contest closes; nothing where they are not limited.
    pub in_all: Option<u32>,
    /// The time of the request: it decides which day is charged, however long scoring takes.
    pub now: i64,
}

/// What is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// A scored submission.
    Submission,
    /// A file with problems.
    Failure,
}

impl Allowance {
    /// What is left.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn left(&self, database: &Database) -> ApiResult<Quota> {
        let row = sqlx::query("SELECT submissions, failures FROM quotas WHERE board = $1 AND team = $2 AND day = $3")
            .bind(&self.board)
            .bind(&self.team)
            .bind(day(self.now))
            .fetch_optional(database.read())
            .await?;
        let (submissions, failures) = match row {
            Some(row) => (row.try_get(0)?, row.try_get(1)?),
            None => (0, 0),
        };
        let mut quota = self.quota(submissions, failures);
        if let Some(most) = self.in_all {
            let row = sqlx::query("SELECT taken FROM ladders WHERE board = $1 AND team = $2")
                .bind(&self.board)
                .bind(&self.team)
                .fetch_optional(database.read())
                .await?;
            let taken = row.map(|row| row.try_get::<i64, _>(0)).transpose()?.unwrap_or_default();
            quota.left_in_all = Some(u32::try_from(i64::from(most) - taken).unwrap_or(0));
        }
        Ok(quota)
    }

    /// Counts one, in the transaction that stores what it was used for.
    ///
    /// The check and the count are one statement, so requests at the same moment, to whichever process, cannot both
    /// take the last one.
    ///
    /// # Errors
    /// 429 if nothing is left.
    pub async fn charge(&self, transaction: &mut Transaction, charge: Charge) -> ApiResult<Quota> {
        let (submission, failure, most) = match charge {
            Charge::Submission => (1_i64, 0_i64, self.submissions),
            Charge::Failure => (0, 1, self.failures),
        };
        if most == 0 {
            return Err(self.used_up(charge));
        }
        let statement = match charge {
            Charge::Submission => {
                "INSERT INTO quotas (board, team, day, submissions, failures) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (board, team, day) DO UPDATE SET submissions = quotas.submissions + 1 \
                 WHERE quotas.submissions < $6 RETURNING submissions, failures"
            }
            Charge::Failure => {
                "INSERT INTO quotas (board, team, day, submissions, failures) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (board, team, day) DO UPDATE SET failures = quotas.failures + 1 \
                 WHERE quotas.failures < $6 RETURNING submissions, failures"
            }
        };
        let row = sqlx::query(statement)
            .bind(&self.board)
            .bind(&self.team)
            .bind(day(self.now))
            .bind(submission)
            .bind(failure)
            .bind(i64::from(most))
            .fetch_optional(&mut **transaction)
            .await?
            .ok_or_else(|| self.used_up(charge))?;
        Ok(self.quota(row.try_get(0)?, row.try_get(1)?))
    }

    /// 429 unless there is something left for each of the `uploads` under way; whether they will be scored or fail is
    /// known only later.
    ///
    /// # Errors
    /// 429 if either is used up, or may be by the time those that came before are answered.
    pub fn require(&self, left: Quota, uploads: u32) -> ApiResult<()> {
        match left {
            Quota { left_in_all: Some(0), .. } => Err(self.used_up_in_all()),
            Quota { submissions_left: 0, .. } => Err(self.used_up(Charge::Submission)),
            Quota { failed_left: 0, .. } => Err(self.used_up(Charge::Failure)),
            left if uploads > left.submissions_left.min(left.failed_left).min(left.left_in_all.unwrap_or(u32::MAX)) => {
                Err(ApiError::quota(
                    format!(
                        "{} files of this team are being read for {} and no more are left today; try again when they are \
                     answered.",
                        uploads - 1,
                        self.board
                    ),
                    1,
                ))
            }
            _ => Ok(()),
        }
    }

    fn quota(&self, submissions: i64, failures: i64) -> Quota {
        let left = |most: u32, used: i64| u32::try_from(i64::from(most) - used).unwrap_or(0);
        Quota {
            submissions_left: left(self.submissions, submissions),
            failed_left: left(self.failures, failures),
            resets: self.resets(),
            left_in_all: None,
        }
    }

    fn resets(&self) -> i64 {
        (day(self.now) + 1) * DAY
    }

    /// 429 for a team that has sent all that it may in a contest.
    pub fn used_up_in_all(&self) -> ApiError {
        let most = self.in_all.unwrap_or_default();
        let detail = format!("All {most} submissions of this team to {} are used up; 0 are left.", self.board);
        ApiError::quota(detail, self.resets() - self.now)
    }

    fn used_up(&self, charge: Charge) -> ApiError {
        let seconds = self.resets() - self.now;
        let (most, what) = match charge {
            Charge::Submission => (self.submissions, "scored submissions"),
            Charge::Failure => (self.failures, "files with problems"),
        };
        let (hours, minutes) = (seconds / 3600, seconds % 3600 / 60);
        let board = &self.board;
        ApiError::quota(
            format!(
                "Today's {most} {what} on {board} are used up; 0 are left. The count starts anew at midnight UTC, in \
                 {hours} h {minutes} min."
            ),
            seconds,
        )
    }
}
