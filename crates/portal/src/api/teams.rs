//! Teams and their tokens.

use std::time::Instant;

use axum::{extract::State, http::StatusCode};
use glae_api::{NewTeam, Team, Token};

use crate::{
    address::Address,
    extract::Json,
    problem::{ApiError, ApiResult},
    state::Portal,
    team,
    token::Caller,
};

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

/// Makes a new token; the one sent with this request ends.
#[utoipa::path(post, path = "/api/v1/me/token", tag = "teams", security(("token" = [])),
    responses((status = 200, description = "The new token, shown this once.", body = Token)))]
pub async fn rotate(State(portal): State<Portal>, caller: Caller) -> ApiResult<axum::Json<Token>> {
    let days = portal.config.limits.token_days;
    team::rotate(&portal.database, &caller.team, &caller.name, portal.now(), days).await.map(axum::Json)
}
