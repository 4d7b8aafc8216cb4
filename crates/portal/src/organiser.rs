//! What an organiser can do. Each deed and its line in the log are one transaction.

use anyhow::{Context, Result, ensure};
use glae_api::EntryState;
use sqlx::Row;

use crate::{
    commands::told,
    contest::{self, entry},
    database::Transaction,
    deeds::{self, Deed},
    leftovers,
    state::Portal,
    submission::{Mark, Submission},
    team,
};

/// A deed to be done, with who does it and why.
#[derive(Debug)]
pub struct Organiser<'a> {
    /// Where.
    pub portal: &'a Portal,
    /// Who, as the operator calls them.
    pub actor: String,
    /// Why.
    pub reason: String,
}

impl Organiser<'_> {
    /// Admits a team to a contest, or refuses it.
    ///
    /// # Errors
    /// If there is no such contest or team.
    pub async fn admit(&self, board: &str, team: &str, admitted: bool) -> Result<()> {
        self.contest(board).await?;
        let (id, name) = self.team(team).await?;
        let (state, action) = match admitted {
            true => (EntryState::Admitted, "admit"),
            false => (EntryState::Refused, "refuse"),
        };
        let mut transaction = self.portal.database.begin().await?;
        entry::write(&mut transaction, board, &id, state, self.portal.now()).await.map_err(told)?;
        self.log(transaction, action, board, &name).await
    }

    /// Makes codes that let one team each into a contest. They are shown this once.
    ///
    /// # Errors
    /// If there is no such contest.
    pub async fn invite(&self, board: &str, count: u32) -> Result<Vec<String>> {
        self.contest(board).await?;
        let mut transaction = self.portal.database.begin().await?;
        let mut codes = Vec::new();
        for _ in 0..count {
            codes.push(entry::invite(&mut transaction, board, self.portal.now()).await.map_err(told)?);
        }
        self.log(transaction, "invite", board, &count.to_string()).await?;
        Ok(codes)
    }

    /// Hides a submission from all but its team, which sees the reason; or shows it again.
    ///
    /// # Errors
    /// If there is no such submission.
    pub async fn hide(&self, id: &str, hidden: bool) -> Result<()> {
        let found = Submission::find(&self.portal.database, id).await.map_err(told)?;
        let submission = found.with_context(|| format!("there is no submission {id}"))?;
        let (mark, reason, action) = match hidden {
            true => (Mark::Hidden, self.reason.as_str(), "hide"),
            false => (Mark::None, "", "unhide"),
        };
        let board = self.portal.boards.get(&submission.board).context("its board is not here")?;
        let changed = Submission { mark, ..submission };
        let mut transaction = self.portal.database.begin().await?;
        sqlx::query("UPDATE submissions SET mark = $1, reason = $2, ranked = $3 WHERE id = $4")
            .bind(mark.name())
            .bind(reason)
            .bind(changed.key(board))
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        self.log(transaction, action, &changed.board, id).await
    }

    /// Bans a team: it submits nothing any more, and its rows are hidden. Or lets it in again.
    ///
    /// # Errors
    /// If there is no such team.
    pub async fn ban(&self, team: &str, banned: bool) -> Result<()> {
        let (id, name) = self.team(team).await?;
        let mut transaction = self.portal.database.begin().await?;
        sqlx::query("UPDATE teams SET banned = $1 WHERE id = $2")
            .bind(i64::from(banned))
            .bind(&id)
            .execute(&mut *transaction)
            .await?;
        self.log(transaction, if banned { "ban" } else { "unban" }, "", &name).await
    }

    /// Removes a team with all that is its: token, submissions and their files, entries, quotas, answers. The log keeps
    /// a number in place of its name. Returns how many submissions went.
    ///
    /// # Errors
    /// If there is no such team.
    pub async fn remove(&self, team: &str) -> Result<usize> {
        let (id, _) = self.team(team).await?;
        let mut transaction = self.portal.database.begin().await?;
        let rows = sqlx::query("SELECT predictions FROM submissions WHERE team = $1")
            .bind(&id)
            .fetch_all(&mut *transaction)
            .await?;
        let files: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        for statement in [
            "DELETE FROM submissions WHERE team = $1",
            "DELETE FROM tokens WHERE team = $1",
            "DELETE FROM quotas WHERE team = $1",
            "DELETE FROM answers WHERE team = $1",
            "DELETE FROM ladders WHERE team = $1",
            "DELETE FROM entrants WHERE team = $1",
            "DELETE FROM teams WHERE id = $1",
        ] {
            sqlx::query(statement).bind(&id).execute(&mut *transaction).await?;
        }
        self.log(transaction, "remove-team", "", &id).await?;
        for file in &files {
            leftovers::remove(self.portal, file).await.map_err(told)?;
        }
        Ok(files.len())
    }

    /// Moves the moment at which a contest closes; now closes it at once.
    ///
    /// # Errors
    /// If there is no such contest, or it has closed: then the private part is told and cannot be untold.
    pub async fn close(&self, board: &str, closes: i64) -> Result<()> {
        let now = self.contest(board).await?;
        ensure!(
            now.phase != glae_api::Phase::Closed,
            "the contest {board} has closed: its private part has been told, so it cannot be opened again"
        );
        let action = if closes > self.portal.now() { "extend" } else { "close" };
        let mut transaction = self.portal.database.begin().await?;
        change(&mut transaction, board, closes, &now.announcement).await?;
        self.log(transaction, action, board, &closes.to_string()).await
    }

    /// Says something on a contest's page; an empty text takes it away.
    ///
    /// # Errors
    /// If there is no such contest.
    pub async fn announce(&self, board: &str, text: &str) -> Result<()> {
        let now = self.contest(board).await?;
        let text = crate::text::lines("announcement", text, 0..=2000).map_err(anyhow::Error::msg)?;
        let mut transaction = self.portal.database.begin().await?;
        change(&mut transaction, board, now.rules.closes, &text).await?;
        self.log(transaction, "announce", board, "").await
    }

    async fn contest(&self, board: &str) -> Result<contest::Now> {
        let loaded = self.portal.boards.get(board).with_context(|| format!("there is no board {board}"))?;
        let now = contest::now(self.portal, loaded).await.map_err(told)?;
        now.with_context(|| format!("the board {board} is no contest: its file has no table [contest]"))
    }

    async fn team(&self, name: &str) -> Result<(String, String)> {
        let found = team::find(&self.portal.database, name).await.map_err(told)?;
        found.with_context(|| format!("there is no team {name:?}"))
    }

    async fn log(&self, mut transaction: Transaction, action: &str, board: &str, subject: &str) -> Result<()> {
        let deed = Deed {
            at: self.portal.now(),
            actor: self.actor.clone(),
            action: action.to_owned(),
            board: board.to_owned(),
            subject: subject.to_owned(),
            reason: self.reason.clone(),
        };
        deeds::write(&mut transaction, &deed).await.map_err(told)?;
        Ok(transaction.commit().await?)
    }
}

async fn change(transaction: &mut Transaction, board: &str, closes: i64, announcement: &str) -> Result<()> {
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
