//! What is left of a submission that was withdrawn: its id, its names and two dates.

use glae_api::Tombstone;
use sqlx::{Row, any::AnyRow};

use crate::{
    database::{Database, Transaction},
    problem::ApiResult,
    submission::Submission,
};

/// Tombstones that a board shows at most.
const MOST_SHOWN: i64 = 100;

/// Lays one, in the transaction that removes the submission. It is shown to all if the submission has ever been public
/// and no organiser has hidden it.
///
/// # Errors
/// If the database fails.
pub async fn lay(transaction: &mut Transaction, submission: &Submission, now: i64) -> ApiResult<()> {
    sqlx::query(
        "INSERT INTO tombstones (id, board, team, method, submitted, withdrawn, published) \
         SELECT id, board, team, $1, created, $2, CASE WHEN mark = 'hidden' THEN 0 ELSE published END \
         FROM submissions WHERE id = $3",
    )
    .bind(&submission.metadata.method)
    .bind(now)
    .bind(&submission.id)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// A statement over tombstones with the names of their teams. Those of banned teams are shown to them alone.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT tombstones.id, tombstones.board, tombstones.method, COALESCE(teams.name, ''), \
             tombstones.submitted, tombstones.withdrawn \
             FROM tombstones LEFT JOIN teams ON teams.id = tombstones.team ",
            $rest
        )
    };
}

/// Those of a board that all may see, the newest first.
///
/// # Errors
/// If the database fails.
pub async fn on_board(database: &Database, board: &str) -> ApiResult<Vec<Tombstone>> {
    let statement = select!(
        "WHERE tombstones.board = $1 AND tombstones.published = 1 AND COALESCE(teams.banned, 0) = 0 \
         ORDER BY tombstones.withdrawn DESC, tombstones.id LIMIT $2"
    );
    let rows = sqlx::query(statement).bind(board).bind(MOST_SHOWN).fetch_all(database.read()).await?;
    rows.iter().map(read).collect()
}

/// Those of a team, the newest first.
///
/// # Errors
/// If the database fails.
pub async fn of_team(database: &Database, team: &str, most: i64) -> ApiResult<Vec<Tombstone>> {
    let statement = select!("WHERE tombstones.team = $1 ORDER BY tombstones.withdrawn DESC, tombstones.id LIMIT $2");
    let rows = sqlx::query(statement).bind(team).bind(most).fetch_all(database.read()).await?;
    rows.iter().map(read).collect()
}

/// The one of a submission, if the team (empty for none) may see it.
///
/// # Errors
/// If the database fails.
pub async fn find(database: &Database, id: &str, team: &str) -> ApiResult<Option<Tombstone>> {
    let statement = select!(
        "WHERE tombstones.id = $1 AND ((tombstones.team = $2 AND tombstones.team <> '') OR \
         (tombstones.published = 1 AND COALESCE(teams.banned, 0) = 0))"
    );
    let row = sqlx::query(statement).bind(id).bind(team).fetch_optional(database.read()).await?;
    row.as_ref().map(read).transpose()
}

/// Takes the names of a team that is removed off its tombstones.
///
/// # Errors
/// If the database fails.
pub async fn forget_team(transaction: &mut Transaction, team: &str) -> ApiResult<()> {
    let statement = sqlx::query("UPDATE tombstones SET team = '', method = '' WHERE team = $1").bind(team);
    statement.execute(&mut **transaction).await?;
    Ok(())
}

fn read(row: &AnyRow) -> ApiResult<Tombstone> {
    Ok(Tombstone {
        id: row.try_get(0)?,
        board: row.try_get(1)?,
        method: row.try_get(2)?,
        team: row.try_get(3)?,
        submitted: row.try_get(4)?,
        withdrawn: row.try_get(5)?,
    })
}
