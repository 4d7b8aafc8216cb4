//! What is known about one row of a board: shipped or submitted.

use axum::{extract::State, response::Response};
use serde::Deserialize;

use super::{csv_response, json_response};
use crate::{
    contest,
    extract::{OnBoard, Query, RowId},
    problem::{ApiError, ApiResult, Kind},
    results::{self, Rated},
    state::Portal,
    token::Caller,
};

/// How many worst cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HowMany {
    count: Option<u32>,
}

/// The predictions behind a row.
#[utoipa::path(get, path = "/api/v1/boards/{board}/rows/{row}/predictions", tag = "rows",
    security((), ("token" = [])),
    params(("board" = String, Path, description = "The board's id."),
        ("row" = String, Path, description = "The row's id.")),
    responses((status = 200, description = "The predictions.", body = String, content_type = "text/csv")))]
pub async fn predictions(
    State(portal): State<Portal>,
    viewer: Option<Caller>,
    OnBoard(board): OnBoard,
    RowId(row): RowId,
) -> ApiResult<Response> {
    let rated = Rated::find(&portal, &board, &row, viewer.as_ref()).await?;
    let team = viewer.as_ref().map(|caller| caller.team.as_str());
    let phase = contest::now(&portal, &board).await?.map(|contest| contest.phase);
    if let Rated::Submitted(submission) = &rated
        && !submission.shows_predictions(&board, team, phase)
    {
        return Err(ApiError::not_found("row with predictions"));
    }
    let predictions = rated.predictions(&portal).await?;
    let text = portal.workers.run(move || predictions.to_csv()).await?;
    Ok(csv_response(text, &row))
}

/// The full report of a row, with 95 % intervals. For hidden boards only what does not give away the truth.
#[utoipa::path(get, path = "/api/v1/boards/{board}/rows/{row}/report", tag = "rows", security((), ("token" = [])),
    params(("board" = String, Path, description = "The board's id."),
        ("row" = String, Path, description = "The row's id.")),
    responses((status = 200, description = "All scores.", body = glae_metrics::Report)))]
pub async fn report(
    State(portal): State<Portal>,
    viewer: Option<Caller>,
    OnBoard(board): OnBoard,
    RowId(row): RowId,
) -> ApiResult<Response> {
    let rated = Rated::find(&portal, &board, &row, viewer.as_ref()).await?;
    contest::require_closed(&portal, &board).await?;
    results::report(&portal, &board, &rated).await.map(json_response)
}

/// The images with the largest errors, on boards whose truth is public.
#[utoipa::path(get, path = "/api/v1/boards/{board}/rows/{row}/worst", tag = "rows", security((), ("token" = [])),
    params(("board" = String, Path, description = "The board's id."),
        ("row" = String, Path, description = "The row's id."),
        ("count" = Option<u32>, Query, description = "How many, 1 to 1000; 20 if absent.", minimum = 1,
            maximum = 1000)),
    responses((status = 200, description = "The largest error first.", body = Vec<glae_metrics::Worst>)))]
pub async fn worst(
    State(portal): State<Portal>,
    viewer: Option<Caller>,
    OnBoard(board): OnBoard,
    RowId(row): RowId,
    Query(HowMany { count }): Query<HowMany>,
) -> ApiResult<Response> {
    let count = count.unwrap_or(20);
    if !(1..=1000).contains(&count) {
        return Err(ApiError::malformed("count must lie between 1 and 1000."));
    }
    let rated = Rated::find(&portal, &board, &row, viewer.as_ref()).await?;
    if !board.is_public() {
        return Err(ApiError::new(Kind::NO_TRUTH, "Errors of single images are shown only where the truth is public."));
    }
    let predictions = rated.predictions(&portal).await?;
    let list = move || match &board.truth {
        Some(truth) => serde_json::to_string(&glae_metrics::worst(truth, &predictions, count as usize)),
        None => Ok("[]".to_owned()),
    };
    Ok(json_response(portal.workers.run(list).await??))
}
