//! Submissions: rows of the database that stand on boards.

use glae_api::{Column, Metadata, Origin, Phase, ROOT, Row as BoardRow, Scores, Seeds, Unpredicted, Visibility};
use serde::{Deserialize, Serialize};
use sqlx::{Row, any::AnyRow};

use crate::{
    board::Loaded,
    contest::standing::rounded,
    database::{Database, Transaction},
    problem::{ApiError, ApiResult},
    random, rankings,
    seeds::{self, SeedSeries},
    text, tombstones,
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
    /// Its numbers; in a contest what its team was told.
    pub scores: Scores,
    /// What computed them.
    pub scorer: String,
    /// When it came.
    pub created: i64,
    /// The fingerprint of the truth that it was scored with.
    pub truth: String,
    /// Images that it predicts.
    pub predicted: i64,
    /// Images of the test set.
    pub samples: i64,
    /// Why it is not ranked.
    pub mark: Unranked,
    /// Why the organiser hid it.
    pub reason: String,
    /// In a contest: its numbers on both parts of the test set.
    pub sealed: Option<Sealed>,
    /// Whether its team is banned.
    pub banned: bool,
    /// What it and its other seeds have in common, if it stands for several.
    pub seeds: Option<SeedSeries>,
    /// Whether another seed of its method stands for it.
    pub folded: bool,
}

/// A contest's numbers: nothing of them is told before it closes but what the ladder tells.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sealed {
    /// On the public part.
    pub public: Scores,
    /// On the private part.
    pub private: Scores,
}

/// Why a submission is not ranked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unranked {
    /// It is ranked.
    #[default]
    None,
    /// It equals a truth that is public.
    EqualsTruth,
    /// The organiser hid it.
    Hidden,
}

impl Unranked {
    /// As it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Unranked::None => "",
            Unranked::EqualsTruth => "equals-truth",
            Unranked::Hidden => "hidden",
        }
    }

    fn named(name: &str) -> Self {
        match name {
            "equals-truth" => Unranked::EqualsTruth,
            "hidden" => Unranked::Hidden,
            _ => Unranked::None,
        }
    }
}

/// A statement over submissions with the names of their teams.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT submissions.id, submissions.board, submissions.team, teams.name, submissions.metadata, \
             submissions.predictions, submissions.scores, submissions.scorer, submissions.created, \
             submissions.truth, submissions.predicted, submissions.samples, submissions.mark, submissions.reason, \
             submissions.sealed, teams.banned, submissions.seeds, submissions.folded \
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
            "WHERE submissions.board = $1 AND submissions.folded = 0 AND (submissions.team = $2 OR \
             (submissions.visibility = 'public' AND submissions.mark <> 'hidden' AND teams.banned = 0)) \
             ORDER BY submissions.created, submissions.id"
        ))
        .bind(board)
        // No team has an empty id.
        .bind(team.unwrap_or_default())
        .fetch_all(database.read())
        .await?;
        rows.iter().map(Self::read).collect()
    }

    /// The submissions that a team sees, in the order of the ranking, from the place `start`.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn ranked(
        database: &Database,
        board: &str,
        team: Option<&str>,
        start: u32,
        limit: u32,
    ) -> ApiResult<Vec<Self>> {
        // Which rows they are is found in the index `submissions_by_place` alone, however far behind they stand.
        let rows = sqlx::query(select!(
            "WHERE submissions.id IN (SELECT one.id FROM submissions AS one WHERE one.board = $1 AND one.folded = 0 \
             AND (one.team = $2 OR (one.visibility = 'public' AND one.mark <> 'hidden' \
             AND one.team NOT IN (SELECT id FROM teams WHERE banned = 1))) \
             ORDER BY one.ranked, one.created, one.id LIMIT $3 OFFSET $4) \
             ORDER BY submissions.ranked, submissions.created, submissions.id"
        ))
        .bind(board)
        .bind(team.unwrap_or_default())
        .bind(i64::from(limit))
        .bind(i64::from(start))
        .fetch_all(database.read())
        .await?;
        rows.iter().map(Self::read).collect()
    }

    /// All submissions on a board, private ones too, as a transaction sees them.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn everything_on(transaction: &mut Transaction, board: &str) -> ApiResult<Vec<Self>> {
        let statement = sqlx::query(select!("WHERE submissions.board = $1")).bind(board);
        statement.fetch_all(&mut **transaction).await?.iter().map(Self::read).collect()
    }

    /// The submissions of a team on all boards, the newest first, folded ones too.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn of_team(database: &Database, team: &str, most: i64) -> ApiResult<Vec<Self>> {
        let statement =
            select!("WHERE submissions.team = $1 ORDER BY submissions.created DESC, submissions.id LIMIT $2");
        let rows = sqlx::query(statement).bind(team).bind(most).fetch_all(database.read()).await?;
        rows.iter().map(Self::read).collect()
    }

    /// The submissions of a series, oldest first, as a transaction sees them.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn of_series(
        transaction: &mut Transaction,
        board: &str,
        team: &str,
        series: &str,
    ) -> ApiResult<Vec<Self>> {
        let statement = select!(
            "WHERE submissions.board = $1 AND submissions.team = $2 AND submissions.series = $3 \
             ORDER BY submissions.created, submissions.id"
        );
        let rows = sqlx::query(statement).bind(board).bind(team).bind(series).fetch_all(&mut **transaction).await?;
        rows.iter().map(Self::read).collect()
    }

    /// Public and hidden submissions on a board, the hidden ones first, then the newest: for its organiser.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn for_organiser(database: &Database, board: &str, most: i64) -> ApiResult<Vec<Self>> {
        let statement = select!(
            "WHERE submissions.board = $1 AND (submissions.visibility = 'public' OR submissions.mark = 'hidden') \
             ORDER BY CASE submissions.mark WHEN 'hidden' THEN 0 ELSE 1 END, submissions.created DESC, submissions.id \
             LIMIT $2"
        );
        let rows = sqlx::query(statement).bind(board).bind(most).fetch_all(database.read()).await?;
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
    pub async fn insert(&self, transaction: &mut Transaction, board: &Loaded, report: &str) -> ApiResult<()> {
        sqlx::query(
            "INSERT INTO submissions (id, board, team, metadata, visibility, predictions, scores, report, scorer, \
             created, changed, truth, predicted, samples, mark, reason, sealed, ranked, published, series) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
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
        .bind(&self.truth)
        .bind(self.predicted)
        .bind(self.samples)
        .bind(self.mark.name())
        .bind(&self.reason)
        .bind(self.sealed_text()?)
        .bind(self.key(board))
        .bind(i64::from(self.metadata.visibility == Visibility::Public))
        .bind(self.series())
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }

    /// What it has in common with the other seeds of its method; empty without a seed.
    pub fn series(&self) -> String {
        match self.metadata.seed {
            Some(_) => format!("{} {}", visibility_name(self.metadata.visibility), text::folded(&self.metadata.method)),
            None => String::new(),
        }
    }

    fn sealed_text(&self) -> ApiResult<String> {
        Ok(self.sealed.map(|sealed| serde_json::to_string(&sealed)).transpose()?.unwrap_or_default())
    }

    /// Replaces the metadata.
    ///
    /// # Errors
    /// 404 if it was withdrawn meanwhile.
    pub async fn change(&mut self, database: &Database, board: &Loaded, metadata: Metadata, now: i64) -> ApiResult<()> {
        let before = self.series();
        self.metadata = metadata;
        let public = i64::from(self.metadata.visibility == Visibility::Public);
        let mut transaction = database.begin().await?;
        let changed = sqlx::query(
            "UPDATE submissions SET metadata = $1, visibility = $2, changed = $3, series = $4, \
             published = CASE WHEN $5 = 1 THEN 1 ELSE published END WHERE id = $6",
        )
        .bind(serde_json::to_string(&self.metadata)?)
        .bind(visibility_name(self.metadata.visibility))
        .bind(now)
        .bind(self.series())
        .bind(public)
        .bind(&self.id)
        .execute(&mut *transaction)
        .await?;
        if changed.rows_affected() == 0 {
            return Err(ApiError::not_found("submission"));
        }
        let after = self.series();
        for series in [&before, &after] {
            seeds::settle(&mut transaction, board, &self.team, series).await?;
        }
        seeds::settle_one(&mut transaction, board, self).await?;
        transaction.commit().await?;
        if !(before.is_empty() && after.is_empty()) {
            // Which seeds it stands for may have changed.
            *self = Self::find(database, &self.id).await?.ok_or_else(|| ApiError::not_found("submission"))?;
        }
        Ok(())
    }

    /// Replaces the numbers, and what says where they come from, with those of `self`.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn rescore(&self, transaction: &mut Transaction, board: &Loaded, report: &str) -> ApiResult<()> {
        sqlx::query(
            "UPDATE submissions SET scores = $1, report = $2, scorer = $3, truth = $4, predicted = $5, samples = $6, \
             mark = $7, sealed = $8, ranked = $9 WHERE id = $10",
        )
        .bind(serde_json::to_string(&self.scores)?)
        .bind(report)
        .bind(&self.scorer)
        .bind(&self.truth)
        .bind(self.predicted)
        .bind(self.samples)
        .bind(self.mark.name())
        .bind(self.sealed_text()?)
        .bind(self.key(board))
        .bind(&self.id)
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }

    /// Removes it; a tombstone is left. Quotas already used stay used.
    ///
    /// # Errors
    /// 404 if it is gone already.
    pub async fn withdraw(&self, database: &Database, board: &Loaded, now: i64) -> ApiResult<()> {
        let mut transaction = database.begin().await?;
        tombstones::lay(&mut transaction, self, now).await?;
        let removed =
            sqlx::query("DELETE FROM submissions WHERE id = $1").bind(&self.id).execute(&mut *transaction).await?;
        if removed.rows_affected() == 0 {
            return Err(ApiError::not_found("submission"));
        }
        seeds::settle(&mut transaction, board, &self.team, &self.series()).await?;
        Ok(transaction.commit().await?)
    }

    /// Whether it is public.
    pub fn is_public(&self) -> bool {
        self.metadata.visibility == Visibility::Public && self.mark != Unranked::Hidden && !self.banned
    }

    /// Whether it lacks images on a board whose ranking does not count them: one image would be enough to be first.
    pub fn is_incomplete(&self, board: &Loaded) -> bool {
        let counted = board.board.unpredicted == Unpredicted::Counted && board.board.primary == Column::Epsilon;
        self.predicted < self.samples && !counted
    }

    /// What it is ranked by, the least first.
    pub fn key(&self, board: &Loaded) -> f64 {
        match self.mark {
            Unranked::None if !self.folded => rankings::key(board.board.primary, &self.shown(board, Some(Phase::Open))),
            _ => rankings::key(board.board.primary, &Scores::default()),
        }
    }

    /// The numbers as they may be shown: in a contest what was told, and the private part's when it has closed. What is
    /// not to be ranked has no number to be ranked by.
    pub fn shown(&self, board: &Loaded, phase: Option<Phase>) -> Scores {
        let scores = match (&self.sealed, phase) {
            (Some(sealed), Some(Phase::Closed)) => rounded(sealed.private),
            // The contest's table was taken out of the board's file: its numbers stay sealed.
            (Some(_), None) => Scores::default(),
            _ => self.seeds.as_ref().map_or(self.scores, |seeds| seeds.mean),
        };
        match self.mark {
            Unranked::EqualsTruth => Scores::default(),
            Unranked::Hidden => board.board.primary.with(scores, None),
            Unranked::None if self.is_incomplete(board) => board.board.primary.with(scores, None),
            Unranked::None => scores,
        }
    }

    /// The submission as a row of its board, as the team `viewer` sees it; without one, as it is seen without a token.
    ///
    /// Predictions may be fetched by their owner, and by everybody once they are published on a board whose truth is
    /// public or whose contest has closed: elsewhere they would help to guess the truth.
    pub fn row(&self, board: &Loaded, viewer: Option<&str>, phase: Option<Phase>) -> BoardRow {
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
            scores: self.shown(board, phase),
            predictions: self
                .shows_predictions(board, viewer, phase)
                .then(|| format!("{ROOT}/submissions/{}/predictions", self.id)),
            visibility: self.metadata.visibility,
            seed: self.metadata.seed,
            seeds: self.seeds.as_ref().map(|seeds| Seeds { count: seeds.count, deviation: seeds.deviation }),
        }
    }

    /// Whether `viewer` may fetch the predictions.
    pub fn shows_predictions(&self, board: &Loaded, viewer: Option<&str>, phase: Option<Phase>) -> bool {
        let told = board.is_public() || phase == Some(Phase::Closed);
        viewer == Some(&self.team) || (self.is_public() && told)
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
            truth: row.try_get(9)?,
            predicted: row.try_get(10)?,
            samples: row.try_get(11)?,
            mark: Unranked::named(row.try_get(12)?),
            reason: row.try_get(13)?,
            sealed: match row.try_get(14)? {
                "" => None,
                text => Some(serde_json::from_str(text)?),
            },
            banned: row.try_get::<i64, _>(15)? != 0,
            seeds: match row.try_get(16)? {
                "" => None,
                text => Some(serde_json::from_str(text)?),
            },
            folded: row.try_get::<i64, _>(17)? != 0,
        })
    }
}

fn visibility_name(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Public => "public",
        Visibility::Private => "private",
    }
}
