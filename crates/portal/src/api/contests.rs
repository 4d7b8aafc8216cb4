//! Taking part in a contest, and choosing what counts at its end.

use axum::extract::State;
use glae_api::{Entry, FinalChoice, NewEntry, Phase};

use crate::{
    board::Loaded,
    contest::{self, Now, entry},
    extract::{Json, OnBoard},
    problem::{ApiError, ApiResult, Kind},
    state::Portal,
    submission::Submission,
    token::Caller,
};

/// Whether the team takes part in a contest, and which submission it chose.
#[utoipa::path(get, path = "/api/v1/boards/{board}/entry", tag = "contests", security(("token" = [])),
    params(("board" = String, Path, description = "The board's id.")),
    responses((status = 200, description = "The team's entry.", body = Entry)))]
pub async fn entry(
    State(portal): State<Portal>,
    caller: Caller,
    OnBoard(board): OnBoard,
) -> ApiResult<axum::Json<Entry>> {
    of(&portal, &board).await?;
    entry::find(&portal.database, &board.board.id, &caller.team).await.map(axum::Json)
}

/// Asks to take part in a contest, with an invitation's code where one is needed.
#[utoipa::path(put, path = "/api/v1/boards/{board}/entry", tag = "contests", security(("token" = [])),
    params(("board" = String, Path, description = "The board's id.")), request_body = NewEntry,
    responses((status = 200, description = "The team's entry.", body = Entry),
        (status = 403, description = "Not with this code, or refused.", body = glae_api::Problem,
            content_type = "application/problem+json")))]
pub async fn enter(
    State(portal): State<Portal>,
    caller: Caller,
    OnBoard(board): OnBoard,
    Json(new): Json<NewEntry>,
) -> ApiResult<axum::Json<Entry>> {
    let now = of(&portal, &board).await?;
    let (database, id) = (&portal.database, &board.board.id);
    entry::enter(database, &now, id, &caller, new.code.as_deref(), portal.now()).await.map(axum::Json)
}

/// Chooses the submission that counts when the contest closes; without one the best on the public part counts.
#[utoipa::path(put, path = "/api/v1/boards/{board}/final", tag = "contests", security(("token" = [])),
    params(("board" = String, Path, description = "The board's id.")), request_body = FinalChoice,
    responses((status = 200, description = "The team's entry.", body = Entry),
        (status = 409, description = "The contest is not open.", body = glae_api::Problem,
            content_type = "application/problem+json")))]
pub async fn choose(
    State(portal): State<Portal>,
    caller: Caller,
    OnBoard(board): OnBoard,
    Json(choice): Json<FinalChoice>,
) -> ApiResult<axum::Json<Entry>> {
    let now = of(&portal, &board).await?;
    if now.phase == Phase::Closed {
        return Err(ApiError::new(Kind::CLOSED_BOARD, "This contest has closed: what counts is decided."));
    }
    entry::require(&portal.database, &now, &board.board.id, &caller).await?;
    if let Some(id) = &choice.submission {
        let own = Submission::find(&portal.database, id).await?;
        let own = own.filter(|own| own.team == caller.team && own.board == board.board.id);
        own.ok_or_else(|| ApiError::not_found("submission"))?;
    }
    let (database, id) = (&portal.database, &board.board.id);
    entry::choose(database, id, &caller.team, choice.submission.as_deref(), portal.now()).await.map(axum::Json)
}

async fn of(portal: &Portal, board: &Loaded) -> ApiResult<Now> {
    contest::now(portal, board).await?.ok_or_else(|| ApiError::not_found("contest"))
}
