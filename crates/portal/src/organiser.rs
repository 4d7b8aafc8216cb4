//! What an organiser can do. Each deed and its line in the log are one transaction.

use glae_api::{Action, Done, EntryState, Phase};
use sqlx::Row;

use crate::{
    board::Loaded,
    contest::{self, entry},
    database::Transaction,
    deeds::{self, DeedEntry},
    frozen, leftovers,
    problem::{ApiError, ApiResult, Kind},
    results, scoring, seeds,
    state::Portal,
    submission::{Submission, Unranked},
    team, text, tombstones,
};

/// Codes of invitations that are made at once at most.
const MOST_CODES: u32 = 1_000;

/// 9999-12-31T23:59:59Z: beyond it neither the page nor a citation has a date.
const LAST_MOMENT: i64 = 253_402_300_799;

/// Who acts, where, and why.
#[derive(Debug)]
pub struct ActingOrganiser<'a> {
    /// Where.
    pub portal: &'a Portal,
    /// Who: the name of an organiser's token, or as the operator calls them.
    pub actor: String,
    /// Why.
    pub reason: String,
}

impl ActingOrganiser<'_> {
    /// Does it, and writes it down.
    ///
    /// # Errors
    /// If there is no such board, contest, team or submission, or a text is not allowed; then nothing is done.
    pub async fn act(&self, action: &Action) -> ApiResult<Done> {
        text::lines("reason", &self.reason, 0..=500).map_err(ApiError::metadata)?;
        match action {
            Action::Admit { board, team } => self.admit(board, team, EntryState::Admitted).await,
            Action::Refuse { board, team } => self.admit(board, team, EntryState::Refused).await,
            Action::Invite { board, count } => self.invite(board, *count).await,
            Action::Hide { submission } => self.hide(submission, true).await,
            Action::Unhide { submission } => self.hide(submission, false).await,
            Action::Ban { team } => self.ban(team, true).await,
            Action::Unban { team } => self.ban(team, false).await,
            Action::RemoveTeam { team } => self.remove(team).await,
            Action::Freeze { board } => self.freeze(board).await,
            Action::Close { board } => self.close(board, None).await,
            Action::Extend { board, until } => self.close(board, Some(*until)).await,
            Action::Announce { board, text } => self.announce(board, text).await,
        }
    }

    async fn admit(&self, board: &str, team: &str, state: EntryState) -> ApiResult<Done> {
        self.contest(board).await?;
        let id = self.team(team).await?;
        let action = if state == EntryState::Admitted { "admit" } else { "refuse" };
        let mut transaction = self.portal.database.begin().await?;
        entry::write(&mut transaction, board, &id, state, self.portal.now()).await?;
        self.log(transaction, action, board, &id).await
    }

    async fn invite(&self, board: &str, count: u32) -> ApiResult<Done> {
        self.contest(board).await?;
        if !(1..=MOST_CODES).contains(&count) {
            return Err(ApiError::metadata(format!("count must lie between 1 and {MOST_CODES}.")));
        }
        let mut transaction = self.portal.database.begin().await?;
        let mut codes = Vec::new();
        for _ in 0..count {
            codes.push(entry::invite(&mut transaction, board, self.portal.now()).await?);
        }
        let done = self.log(transaction, "invite", board, &count.to_string()).await?;
        Ok(Done { codes, ..done })
    }

    async fn hide(&self, id: &str, hidden: bool) -> ApiResult<Done> {
        let found = Submission::find(&self.portal.database, id).await?;
        let submission = found.ok_or_else(|| ApiError::not_found("submission"))?;
        let (mark, reason, action) = match hidden {
            true => (Unranked::Hidden, self.reason.as_str(), "hide"),
            false => (self.mark_when_shown(&submission).await?, "", "unhide"),
        };
        let board = self.board(&submission.board)?;
        let changed = Submission { mark, seeds: None, folded: false, ..submission };
        let mut transaction = self.portal.database.begin().await?;
        sqlx::query("UPDATE submissions SET mark = $1, reason = $2, ranked = $3, seeds = '', folded = 0 WHERE id = $4")
            .bind(mark.name())
            .bind(reason)
            .bind(changed.key(board))
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        seeds::settle(&mut transaction, board, &changed.team, &changed.series()).await?;
        self.log(transaction, action, &changed.board, id).await
    }

    /// The mark that a submission had before it was hidden: that of its predictions.
    async fn mark_when_shown(&self, submission: &Submission) -> ApiResult<Unranked> {
        if submission.mark != Unranked::Hidden {
            return Err(ApiError::new(Kind::NOT_FOUND, format!("The submission {} is not hidden.", submission.id)));
        }
        let predictions = results::stored(self.portal, &submission.predictions).await?;
        let portal = self.portal.clone();
        let equals = self.portal.workers.run(move || scoring::equals_truth(&portal, &predictions)).await?;
        Ok(if equals { Unranked::EqualsTruth } else { Unranked::None })
    }

    async fn ban(&self, team: &str, banned: bool) -> ApiResult<Done> {
        let id = self.team(team).await?;
        let mut transaction = self.portal.database.begin().await?;
        sqlx::query("UPDATE teams SET banned = $1 WHERE id = $2")
            .bind(i64::from(banned))
            .bind(&id)
            .execute(&mut *transaction)
            .await?;
        self.log(transaction, if banned { "ban" } else { "unban" }, "", &id).await
    }

    /// Removes a team with all that is its: tokens, submissions and their files, entries, quotas, answers. Tombstones and
    /// frozen rankings keep ids and numbers without a name, and the log a number in place of it.
    async fn remove(&self, team: &str) -> ApiResult<Done> {
        let id = self.team(team).await?;
        let mut transaction = self.portal.database.begin().await?;
        let rows = sqlx::query("SELECT id, predictions FROM submissions WHERE team = $1")
            .bind(&id)
            .fetch_all(&mut *transaction)
            .await?;
        let files: Vec<String> = rows.iter().map(|row| row.try_get(1)).collect::<Result<_, _>>()?;
        let gone = sqlx::query("SELECT id FROM tombstones WHERE team = $1").bind(&id);
        let gone = gone.fetch_all(&mut *transaction).await?;
        let ids: Vec<String> = rows.iter().chain(&gone).map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        frozen::forget_rows(&mut transaction, &ids, self.portal.now()).await?;
        tombstones::forget_team(&mut transaction, &id).await?;
        for statement in [
            "DELETE FROM submissions WHERE team = $1",
            "DELETE FROM tokens WHERE team = $1",
            "DELETE FROM skeletons WHERE team = $1",
            "DELETE FROM quotas WHERE team = $1",
            "DELETE FROM answers WHERE team = $1",
            "DELETE FROM ladders WHERE team = $1",
            "DELETE FROM entrants WHERE team = $1",
            "DELETE FROM teams WHERE id = $1",
        ] {
            sqlx::query(statement).bind(&id).execute(&mut *transaction).await?;
        }
        let done = self.log(transaction, "remove-team", "", &id).await?;
        for file in &files {
            // The team is gone whatever happens to its files; the next sweep would find them.
            if let Err(error) = leftovers::remove(self.portal, file).await {
                tracing::warn!(?error, "a file of a removed team was not removed");
            }
        }
        Ok(Done { removed: Some(u32::try_from(files.len()).unwrap_or(u32::MAX)), ..done })
    }

    async fn freeze(&self, board: &str) -> ApiResult<Done> {
        let loaded = self.board(board)?;
        if contest::now(self.portal, loaded).await?.is_some_and(|now| now.phase != Phase::Closed) {
            return Err(ApiError::new(Kind::NOT_YET, "A contest's ranking is frozen when it has closed."));
        }
        let ranking = frozen::ranking(self.portal, loaded).await?;
        let mut transaction = self.portal.database.begin().await?;
        let kept = frozen::keep(&mut transaction, ranking).await?;
        let done = self.log(transaction, "freeze", board, &kept.number.to_string()).await?;
        Ok(Done { frozen: Some(kept), ..done })
    }

    /// Moves the moment at which a contest closes; without one it closes at once.
    async fn close(&self, board: &str, until: Option<i64>) -> ApiResult<Done> {
        let (contest, now) = (self.contest(board).await?, self.portal.now());
        if contest.phase == Phase::Closed {
            return Err(ApiError::new(
                Kind::CLOSED_BOARD,
                format!(
                    "The contest {board} has closed: its private part has been told, so it cannot be opened again."
                ),
            ));
        }
        if let Some(until) = until
            && !(now.max(contest.rules.opens) + 1..=LAST_MOMENT).contains(&until)
        {
            return Err(ApiError::metadata(format!(
                "until must lie in the future, after the contest opens and before the year 10000, in seconds since 1970; \
                 now is {now}. To end the contest, close it."
            )));
        }
        let (action, closes) = until.map_or(("close", now), |until| ("extend", until));
        let mut transaction = self.portal.database.begin().await?;
        change(&mut transaction, board, closes, &contest.announcement).await?;
        self.log(transaction, action, board, &closes.to_string()).await
    }

    async fn announce(&self, board: &str, text: &str) -> ApiResult<Done> {
        let now = self.contest(board).await?;
        let text = text::lines("text", text, 0..=2000).map_err(ApiError::metadata)?;
        let mut transaction = self.portal.database.begin().await?;
        change(&mut transaction, board, now.rules.closes, &text).await?;
        self.log(transaction, "announce", board, "").await
    }

    fn board(&self, id: &str) -> ApiResult<&Loaded> {
        let found = self.portal.boards.get(id).map(AsRef::as_ref);
        found.ok_or_else(|| ApiError::new(Kind::NOT_FOUND, format!("There is no board {id}.")))
    }

    async fn contest(&self, board: &str) -> ApiResult<contest::Now> {
        contest::now(self.portal, self.board(board)?).await?.ok_or_else(|| {
            ApiError::new(Kind::NOT_FOUND, format!("The board {board} is no contest: its file has no table [contest]."))
        })
    }

    /// The id of the team of this name.
    async fn team(&self, name: &str) -> ApiResult<String> {
        let found = team::find(&self.portal.database, name).await?;
        let found = found.ok_or_else(|| ApiError::new(Kind::NOT_FOUND, format!("There is no team {name:?}.")));
        Ok(found?.0)
    }

    async fn log(&self, mut transaction: Transaction, action: &str, board: &str, subject: &str) -> ApiResult<Done> {
        let (at, actor, reason) = (self.portal.now(), &self.actor, &self.reason);
        deeds::write(&mut transaction, &DeedEntry { at, actor, action, board, subject, reason }).await?;
        transaction.commit().await?;
        Ok(Done::default())
    }
}

async fn change(transaction: &mut Transaction, board: &str, closes: i64, announcement: &str) -> ApiResult<()> {
    sqlx::query(
        "INSERT INTO contests (board, closes, announcement) VALUES ($1, $2, $3) \
         ON CONFLICT (board) DO UPDATE SET closes = excluded.closes, announcement = excluded.announcement",
    )
    .bind(board)
    .bind(closes)
    .bind(announcement)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
