//! Teams and their tokens.

use std::time::Instant;

use axum::{extract::State, http::StatusCode};
use glae_api::{NewTeam, NewToken, OwnSubmission, OwnSubmissions, Team, Token, TokenEntry};

use crate::{
    address::Address,
    contest::{self, standing},
    extract::{Json, TokenId},
    problem::{ApiError, ApiResult},
    state::Portal,
    submission::Submission,
    team,
    token::Caller,
    tombstones,
};

/// Submissions and tombstones that a team is shown at most.
const MOST_SHOWN: i64 = 1_000;

/// Makes a team. The token in the answer is shown this once.
#[utoipa::path(post, path = "/api/v1/teams", tag = "teams", request_body = NewTeam,
    responses((status = 201, description = "The team's token.", body = Token),
        (status = 409, description = "The name is taken.", body = glae_api::Problem,
            content_type = "application/problem+json")))]
pub async fn create(
    State(portal): State<Portal>,
    Address(address): Address,
    Json(new): Json<NewTeam>,
) -> ApiResult<(StatusCode, axum::Json<Token>)> {
    portal.new_teams.take(address, Instant::now()).map_err(ApiError::rate)?;
    let token = team::create(&portal.database, &new.name, portal.now(), portal.config.limits.token_days).await?;
    Ok((StatusCode::CREATED, axum::Json(token)))
}

/// The team behind the token.
#[utoipa::path(get, path = "/api/v1/me", tag = "teams", security(("token" = [])),
    responses((status = 200, description = "The team.", body = Team)))]
pub async fn me(caller: Caller) -> axum::Json<Team> {
    axum::Json(Team { name: caller.name, expires: caller.expires })
}

/// Makes a new token in place of the one sent with this request, which ends when the new one is first used.
#[utoipa::path(post, path = "/api/v1/me/token", tag = "teams", security(("token" = [])),
    responses((status = 200, description = "The new token, shown this once.", body = Token)))]
pub async fn rotate(State(portal): State<Portal>, caller: Caller) -> ApiResult<axum::Json<Token>> {
    let days = portal.config.limits.token_days;
    team::replace(&portal.database, &caller, portal.now(), days).await.map(axum::Json)
}

/// The team's tokens that have not ended.
#[utoipa::path(get, path = "/api/v1/me/tokens", tag = "teams", security(("token" = [])),
    responses((status = 200, description = "The tokens, the oldest first, without their secrets.",
        body = [TokenEntry])))]
pub async fn tokens(State(portal): State<Portal>, caller: Caller) -> ApiResult<axum::Json<Vec<TokenEntry>>> {
    team::tokens(&portal.database, &caller, portal.now()).await.map(axum::Json)
}

/// Makes one more token for the team, up to ten.
#[utoipa::path(post, path = "/api/v1/me/tokens", tag = "teams", security(("token" = [])), request_body = NewToken,
    responses((status = 201, description = "The token, shown this once.", body = Token)))]
pub async fn add_token(
    State(portal): State<Portal>,
    caller: Caller,
    Json(new): Json<NewToken>,
) -> ApiResult<(StatusCode, axum::Json<Token>)> {
    let days = portal.config.limits.token_days;
    let token = team::add_token(&portal.database, &caller, &new.name, portal.now(), days).await?;
    Ok((StatusCode::CREATED, axum::Json(token)))
}

/// Ends one of the team's tokens, which may be the one sent with this request.
#[utoipa::path(delete, path = "/api/v1/me/tokens/{token}", tag = "teams", security(("token" = [])),
    params(("token" = String, Path, description = "The token's id.")),
    responses((status = 204, description = "Ended.")))]
pub async fn end_token(State(portal): State<Portal>, caller: Caller, TokenId(id): TokenId) -> ApiResult<StatusCode> {
    team::end_token(&portal.database, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The team's submissions on all boards, and those that it withdrew.
#[utoipa::path(get, path = "/api/v1/me/submissions", tag = "teams", security(("token" = [])),
    responses((status = 200, description = "The submissions, the newest first.", body = OwnSubmissions)))]
pub async fn submissions(State(portal): State<Portal>, caller: Caller) -> ApiResult<axum::Json<OwnSubmissions>> {
    let all = Submission::of_team(&portal.database, &caller.team, MOST_SHOWN).await?;
    let mut submissions = Vec::with_capacity(all.len());
    for one in &all {
        // The board's file may have been taken away.
        let Some(board) = portal.boards.get(&one.board) else { continue };
        let phase = contest::now(&portal, board).await?.map(|now| now.phase);
        submissions.push(OwnSubmission {
            board: one.board.clone(),
            title: board.board.title.clone(),
            row: one.row(board, Some(&caller.team), phase),
            standing: standing::alone(board, one, Some(&caller.team)),
        });
    }
    let withdrawn = tombstones::of_team(&portal.database, &caller.team, MOST_SHOWN).await?;
    Ok(axum::Json(OwnSubmissions { submissions, withdrawn }))
}
