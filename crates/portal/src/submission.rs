//! Submissions: rows of the database that stand on boards.

use glae_api::{Metadata, Origin, ROOT, Row as BoardRow, Scores, Visibility};
use sqlx::{Row, any::AnyRow};

use crate::{
    board::Loaded,
    database::{Database, Transaction},
    problem::{ApiError, ApiResult},
    random,
};

/// A submission as it is stored.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Its id: `s` and 24 random hexadecimal digits.
    pub id: String,
    /// The board it stands on.
    pub board: String,
    /// The id of its team.
    pub team: String,
    /// The name of its team.
    pub team_name: String,
    /// What the team says about it.
    pub metadata: Metadata,
    /// The content hash of its predictions.
    pub predictions: String,
    /// Its numbers.
    pub scores: Scores,
    /// What computed them.
    pub scorer: String,
    /// When it came.
    pub created: i64,
}

/// A statement over submissions with the names of their teams.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT submissions.id, submissions.board, submissions.team, teams.name, submissions.metadata, \
             submissions.predictions, submissions.scores, submissions.scorer, submissions.created \
             FROM submissions JOIN teams ON teams.id = submissions.team ",
            $rest
        )
    };
}

impl Submission {
    /// A new id.
    pub fn new_id() -> String {
        format!("s{}", random::hexadecimal(12))
    }

    /// The submission with this id.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn find(database: &Database, id: &str) -> ApiResult<Option<Self>> {
        let row = sqlx::query(select!("WHERE submissions.id = $1")).bind(id).fetch_optional(database.read()).await?;
        row.map(|row| Self::read(&row)).transpose()
    }

    /// The public submissions on a board and, with a team, its private ones, oldest first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn on_board(database: &Database, board: &str, team: Option<&str>) -> ApiResult<Vec<Self>> {
        let rows = sqlx::query(select!(
            "WHERE submissions.board = $1 AND (submissions.visibility = 'public' OR submissions.team = $2) \
             ORDER BY submissions.created, submissions.id"
        ))
        .bind(board)
        // No team has an empty id.
        .bind(team.unwrap_or_default())
        .fetch_all(database.read())
        .await?;
        rows.iter().map(Self::read).collect()
    }

    /// All submissions, private ones too, oldest first: for the operator's commands.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn all(database: &Database) -> ApiResult<Vec<Self>> {
        let statement = select!("ORDER BY submissions.created, submissions.id");
        let rows = sqlx::query(statement).fetch_all(database.read()).await?;
        rows.iter().map(Self::read).collect()
    }

    /// Stores it with its full report.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn insert(&self, transaction: &mut Transaction, report: &str) -> ApiResult<()> {
        sqlx::query(
            "INSERT INTO submissions (id, board, team, metadata, visibility, predictions, scores, report, scorer, \
             created, changed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)",
        )
        .bind(&self.id)
        .bind(&self.board)
        .bind(&self.team)
        .bind(serde_json::to_string(&self.metadata)?)
        .bind(visibility_name(self.metadata.visibility))
        .bind(&self.predictions)
        .bind(serde_json::to_string(&self.scores)?)
        .bind(report)
        .bind(&self.scorer)
        .bind(self.created)
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }

    /// Replaces the metadata.
    ///
    /// # Errors
    /// 404 if it was withdrawn meanwhile.
    pub async fn change(&mut self, database: &Database, metadata: Metadata, now: i64) -> ApiResult<()> {
        let mut transaction = database.begin().await?;
        let changed = sqlx::query("UPDATE submissions SET metadata = $1, visibility = $2, changed = $3 WHERE id = $4")
            .bind(serde_json::to_string(&metadata)?)
            .bind(visibility_name(metadata.visibility))
            .bind(now)
            .bind(&self.id)
            .execute(&mut *transaction)
            .await?;
        if changed.rows_affected() == 0 {
            return Err(ApiError::not_found("submission"));
        }
        transaction.commit().await?;
        self.metadata = metadata;
        Ok(())
    }

    /// Replaces the scores.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn rescore(&self, database: &Database, scores: &Scores, report: &str, scorer: &str) -> ApiResult<()> {
        let mut transaction = database.begin().await?;
        sqlx::query("UPDATE submissions SET scores = $1, report = $2, scorer = $3 WHERE id = $4")
            .bind(serde_json::to_string(scores)?)
            .bind(report)
            .bind(scorer)
            .bind(&self.id)
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// Removes it. Quotas already used stay used.
    ///
    /// # Errors
    /// 404 if it is gone already.
    pub async fn withdraw(&self, database: &Database) -> ApiResult<()> {
        let mut transaction = database.begin().await?;
        let removed =
            sqlx::query("DELETE FROM submissions WHERE id = $1").bind(&self.id).execute(&mut *transaction).await?;
        if removed.rows_affected() == 0 {
            return Err(ApiError::not_found("submission"));
        }
        Ok(transaction.commit().await?)
    }

    /// Whether it is public.
    pub fn is_public(&self) -> bool {
        self.metadata.visibility == Visibility::Public
    }

    /// The submission as a row of its board, as the team `viewer` sees it; without one, as it is seen without a token.
    ///
    /// Predictions may be fetched by their team, and without a token once they are published on a board whose truth is
    /// public: on a hidden board they would help to guess the truth.
    pub fn row(&self, board: &Loaded, viewer: Option<&str>) -> BoardRow {
        let Metadata {
            method, authors, year, backbone, parameters_millions, external_data, paper, code, notes, ..
        } = self.metadata.clone();
        BoardRow {
            id: self.id.clone(),
            method,
            authors,
            year,
            backbone,
            parameters_millions,
            external_data,
            paper,
            code,
            notes,
            origin: Origin::Submitted { team: self.team_name.clone(), at: self.created, scorer: self.scorer.clone() },
            scores: self.scores,
            predictions: self
                .shows_predictions(board, viewer)
                .then(|| format!("{ROOT}/submissions/{}/predictions", self.id)),
            visibility: self.metadata.visibility,
        }
    }

    /// Whether `viewer` may fetch the predictions.
    pub fn shows_predictions(&self, board: &Loaded, viewer: Option<&str>) -> bool {
        viewer == Some(&self.team) || (self.is_public() && board.is_public())
    }

    fn read(row: &AnyRow) -> ApiResult<Self> {
        Ok(Self {
            id: row.try_get(0)?,
            board: row.try_get(1)?,
            team: row.try_get(2)?,
            team_name: row.try_get(3)?,
            metadata: serde_json::from_str(row.try_get(4)?)?,
            predictions: row.try_get(5)?,
            scores: serde_json::from_str(row.try_get(6)?)?,
            scorer: row.try_get(7)?,
            created: row.try_get(8)?,
        })
    }
}

fn visibility_name(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Public => "public",
        Visibility::Private => "private",
    }
}
