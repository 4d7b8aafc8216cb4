//! Which teams take part in a contest, and which submission of each counts at the end.

use glae_api::{Admission, Entry, EntryState};
use sha2::{Digest, Sha256};
use sqlx::Row;

use super::Now;
use crate::{
    database::Database,
    problem::{ApiError, ApiResult, Kind},
    random,
    token::Caller,
};

/// A team's entry, as it is stored.
///
/// # Errors
/// If the database fails.
pub async fn find(database: &Database, board: &str, team: &str) -> ApiResult<Entry> {
    let row = sqlx::query("SELECT state, final FROM entrants WHERE board = $1 AND team = $2")
        .bind(board)
        .bind(team)
        .fetch_optional(database.read())
        .await?;
    let Some(row) = row else { return Ok(Entry { state: EntryState::None, final_submission: None }) };
    let final_submission = Some(row.try_get::<String, _>(1)?).filter(|id| !id.is_empty());
    Ok(Entry { state: state(row.try_get(0)?), final_submission })
}

/// Stops a team that does not take part.
///
/// # Errors
/// 403, with what to do.
pub async fn require(database: &Database, now: &Now, board: &str, caller: &Caller) -> ApiResult<()> {
    let state = find(database, board, &caller.team).await?.state;
    let help = match (state, now.rules.admission) {
        (EntryState::Admitted, _) | (EntryState::None, Admission::Open) => return Ok(()),
        (EntryState::Refused, _) => "The organiser has refused this team.",
        (EntryState::Pending, _) => "The organiser has not admitted this team yet.",
        (_, Admission::Invited) => "This contest is for invited teams: send the invitation's code to its entry.",
        (_, _) => "This contest is for teams that its organiser admits: ask for it at its entry.",
    };
    Err(ApiError::new(Kind::NOT_ADMITTED, help))
}

/// Enters a team: at once where all may take part or the code is right, else to wait for the organiser.
///
/// # Errors
/// 403 if the code is missing, wrong or used; or if the organiser has refused the team.
pub async fn enter(
    database: &Database,
    now: &Now,
    board: &str,
    caller: &Caller,
    code: Option<&str>,
    moment: i64,
) -> ApiResult<Entry> {
    let known = find(database, board, &caller.team).await?;
    match known.state {
        EntryState::Refused => return Err(ApiError::new(Kind::NOT_ADMITTED, "The organiser has refused this team.")),
        EntryState::Admitted => return Ok(known),
        EntryState::None | EntryState::Pending => {}
    }
    let mut transaction = database.begin().await?;
    let state = match now.rules.admission {
        Admission::Open => EntryState::Admitted,
        Admission::Approved => EntryState::Pending,
        Admission::Invited => {
            // One statement, so that a code lets one team in however many send it.
            let used = sqlx::query("UPDATE invitations SET team = $1 WHERE hash = $2 AND board = $3 AND team = ''")
                .bind(&caller.team)
                .bind(hash(code.unwrap_or_default()))
                .bind(board)
                .execute(&mut *transaction)
                .await?;
            if used.rows_affected() == 0 {
                return Err(ApiError::new(Kind::NOT_ADMITTED, "This is no invitation's code, or it was used already."));
            }
            EntryState::Admitted
        }
    };
    write(&mut transaction, board, &caller.team, state, moment).await?;
    transaction.commit().await?;
    find(database, board, &caller.team).await
}

/// Sets what an entry is.
///
/// # Errors
/// If the database fails.
pub async fn write(
    transaction: &mut crate::database::Transaction,
    board: &str,
    team: &str,
    state: EntryState,
    moment: i64,
) -> ApiResult<()> {
    sqlx::query(
        "INSERT INTO entrants (board, team, state, final, since) VALUES ($1, $2, $3, '', $4) \
         ON CONFLICT (board, team) DO UPDATE SET state = excluded.state",
    )
    .bind(board)
    .bind(team)
    .bind(name(state))
    .bind(moment)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Remembers which submission of a team counts at the end; nothing for its best.
///
/// # Errors
/// If the database fails.
pub async fn choose(
    database: &Database,
    board: &str,
    team: &str,
    submission: Option<&str>,
    moment: i64,
) -> ApiResult<Entry> {
    let mut transaction = database.begin().await?;
    sqlx::query(
        "INSERT INTO entrants (board, team, state, final, since) VALUES ($1, $2, 'admitted', $3, $4) \
         ON CONFLICT (board, team) DO UPDATE SET final = excluded.final",
    )
    .bind(board)
    .bind(team)
    .bind(submission.unwrap_or_default())
    .bind(moment)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    find(database, board, team).await
}

/// Makes a code that lets one team in. Only its hash is stored.
///
/// # Errors
/// If the database fails.
pub async fn invite(transaction: &mut crate::database::Transaction, board: &str, moment: i64) -> ApiResult<String> {
    let code = random::hexadecimal(12);
    sqlx::query("INSERT INTO invitations (hash, board, created, team) VALUES ($1, $2, $3, '')")
        .bind(hash(&code))
        .bind(board)
        .bind(moment)
        .execute(&mut **transaction)
        .await?;
    Ok(code)
}

fn hash(code: &str) -> String {
    random::encode(&Sha256::digest(code.trim()))
}

fn name(state: EntryState) -> &'static str {
    match state {
        EntryState::None => "none",
        EntryState::Pending => "pending",
        EntryState::Admitted => "admitted",
        EntryState::Refused => "refused",
    }
}

/// An entry's state as it is stored.
pub fn state(name: &str) -> EntryState {
    match name {
        "pending" => EntryState::Pending,
        "admitted" => EntryState::Admitted,
        "refused" => EntryState::Refused,
        _ => EntryState::None,
    }
}
