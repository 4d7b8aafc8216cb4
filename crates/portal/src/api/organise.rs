//! What organisers do and see, with a token of their own.

use axum::extract::State;
use glae_api::{
    Admission, BoardOffice, ContestPage, Done, Entrant, EntryState, Log, NewDeed, OrganisedBoard, OrganisedRow,
    Organiser,
};
use serde::Deserialize;
use sqlx::Row;

use crate::{
    contest::{self, entry},
    deeds,
    extract::{Json, OnBoard, Query},
    organiser::ActingOrganiser,
    problem::{ApiError, ApiResult},
    state::Portal,
    submission::{Submission, Unranked},
    token::Organising,
};

/// Rows and teams that an organiser sees of a board at most.
const MOST_SHOWN: i64 = 1_000;

/// Which part of the log.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    from: Option<u32>,
    limit: Option<u32>,
}

/// The organiser behind the token, and the boards.
#[utoipa::path(get, path = "/api/v1/organise", tag = "organise", security(("organiser" = [])),
    responses((status = 200, description = "The organiser.", body = Organiser)))]
pub async fn me(State(portal): State<Portal>, organising: Organising) -> axum::Json<Organiser> {
    let boards = portal.boards.values().map(|loaded| OrganisedBoard {
        id: loaded.board.id.clone(),
        title: loaded.board.title.clone(),
        is_contest: loaded.contest.is_some(),
    });
    axum::Json(Organiser { name: organising.name, expires: organising.expires, boards: boards.collect() })
}

/// Does something and writes it into the log, in one transaction.
#[utoipa::path(post, path = "/api/v1/organise/deeds", tag = "organise", security(("organiser" = [])),
    request_body = NewDeed,
    responses((status = 200, description = "Done, with what there is to know.", body = Done),
        (status = 409, description = "The contest has closed.", body = glae_api::Problem,
            content_type = "application/problem+json")))]
pub async fn act(
    State(portal): State<Portal>,
    organising: Organising,
    Json(new): Json<NewDeed>,
) -> ApiResult<axum::Json<Done>> {
    let organiser = ActingOrganiser { portal: &portal, actor: organising.name, reason: new.reason };
    organiser.act(&new.deed).await.map(axum::Json)
}

/// What organisers did, the newest deed first. Nothing changes the log.
#[utoipa::path(get, path = "/api/v1/organise/log", tag = "organise", security(("organiser" = [])),
    params(("from" = Option<u32>, Query, description = "The first, from 0, which is the newest."),
        ("limit" = Option<u32>, Query, description = "How many, 1 to 1000; 100 if absent.", minimum = 1,
            maximum = 1000)),
    responses((status = 200, description = "A part of the log.", body = Log)))]
pub async fn log(
    State(portal): State<Portal>,
    _organising: Organising,
    Query(part): Query<Part>,
) -> ApiResult<axum::Json<Log>> {
    let limit = part.limit.unwrap_or(100);
    if !(1..=1000).contains(&limit) {
        return Err(ApiError::malformed("limit must lie between 1 and 1000."));
    }
    let (total, deeds) = deeds::page(&portal.database, part.from.unwrap_or_default(), limit).await?;
    Ok(axum::Json(Log { total, deeds }))
}

/// The teams of a board, its rows with the hidden ones, and its invitations.
#[utoipa::path(get, path = "/api/v1/organise/boards/{board}", tag = "organise", security(("organiser" = [])),
    params(("board" = String, Path, description = "The board's id.")),
    responses((status = 200, description = "The board as its organiser sees it.", body = BoardOffice)))]
pub async fn board(
    State(portal): State<Portal>,
    _organising: Organising,
    OnBoard(board): OnBoard,
) -> ApiResult<axum::Json<BoardOffice>> {
    let id = &board.board.id;
    let now = contest::now(&portal, &board).await?;
    let admission = now.as_ref().map(|now| now.rules.admission);
    let steps = portal.hidden.get(id).map(|hidden| hidden.steps.clone()).unwrap_or_default();
    let page =
        |now: contest::Now| ContestPage { rules: now.rules, phase: now.phase, steps, announcement: now.announcement };
    let rows = Submission::for_organiser(&portal.database, id, MOST_SHOWN).await?;
    let rows = rows.into_iter().map(|one| OrganisedRow {
        id: one.id,
        method: one.metadata.method,
        team: one.team_name,
        at: one.created,
        visibility: one.metadata.visibility,
        hidden: one.mark == Unranked::Hidden,
        reason: one.reason,
    });
    let counts = "SELECT COUNT(*), COALESCE(SUM(CASE WHEN team = '' THEN 0 ELSE 1 END), 0) FROM invitations \
                  WHERE board = $1";
    let made = sqlx::query(counts).bind(id).fetch_one(portal.database.read()).await?;
    let number = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
    Ok(axum::Json(BoardOffice {
        contest: now.map(page),
        teams: teams(&portal, id, admission).await?,
        rows: rows.collect(),
        invitations: number(made.try_get(0)?),
        invitations_used: number(made.try_get(1)?),
    }))
}

async fn teams(portal: &Portal, board: &str, admission: Option<Admission>) -> ApiResult<Vec<Entrant>> {
    let rows = sqlx::query(
        "SELECT teams.name, COALESCE(entrants.state, 'none'), teams.banned, \
         (SELECT COUNT(*) FROM submissions WHERE submissions.board = $1 AND submissions.team = teams.id) \
         FROM teams LEFT JOIN entrants ON entrants.board = $1 AND entrants.team = teams.id \
         WHERE entrants.team IS NOT NULL OR EXISTS \
         (SELECT 1 FROM submissions WHERE submissions.board = $1 AND submissions.team = teams.id) \
         ORDER BY CASE WHEN entrants.state = 'pending' THEN 0 ELSE 1 END, teams.name LIMIT $2",
    )
    .bind(board)
    .bind(MOST_SHOWN)
    .fetch_all(portal.database.read())
    .await?;
    let read = |row: &sqlx::any::AnyRow| {
        let state = match entry::state(row.try_get(1)?) {
            // Where every team may take part, those that submit do.
            EntryState::None if admission == Some(Admission::Open) => EntryState::Admitted,
            state => state,
        };
        Ok(Entrant {
            team: row.try_get(0)?,
            state,
            banned: row.try_get::<i64, _>(2)? != 0,
            submissions: u32::try_from(row.try_get::<i64, _>(3)?).unwrap_or(u32::MAX),
        })
    };
    rows.iter().map(read).collect()
}
