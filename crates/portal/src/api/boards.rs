//! Boards: as they are seen without a token, and as a team sees them with its private rows.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use glae_api::{BoardPage, BoardSummary, Quota};
use serde::Deserialize;

use super::{csv_response, json_response};
use crate::{
    board::{Loaded, truth_name},
    extract::{OnBoard, Query},
    problem::{ApiError, ApiResult, Kind},
    quota::Allowance,
    results::{self, Rated},
    state::Portal,
    submission::Submission,
    token::Caller,
};

/// The two rows to compare.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    a: String,
    b: String,
}

/// All boards.
#[utoipa::path(get, path = "/api/v1/boards", tag = "boards",
    responses((status = 200, description = "The boards, by id.", body = [BoardSummary])))]
pub async fn list(State(portal): State<Portal>) -> ApiResult<axum::Json<Vec<BoardSummary>>> {
    let mut boards = Vec::with_capacity(portal.boards.len());
    for board in portal.boards.values() {
        boards.push(board.summary(rows(&portal, board, None).await?));
    }
    Ok(axum::Json(boards))
}

/// A board with its rows, best first. With a token also the team's private rows.
#[utoipa::path(get, path = "/api/v1/boards/{board}", tag = "boards", security((), ("token" = [])),
    params(("board" = String, Path, description = "The board's id.")),
    responses((status = 200, description = "The board.", body = BoardPage)))]
pub async fn page(
    State(portal): State<Portal>,
    viewer: Option<Caller>,
    OnBoard(board): OnBoard,
) -> ApiResult<axum::Json<BoardPage>> {
    let rows = rows(&portal, &board, viewer.as_ref().map(|caller| caller.team.as_str())).await?;
    Ok(axum::Json(BoardPage { board: board.ranked(rows), test_counts: board.test_counts() }))
}

/// The truth of a board, if it is public.
#[utoipa::path(get, path = "/api/v1/boards/{board}/truth", tag = "boards",
    params(("board" = String, Path, description = "The board's id.")),
    responses((status = 200, description = "The truth: id, age, and what else is known.", body = String,
        content_type = "text/csv")))]
pub async fn truth(OnBoard(board): OnBoard) -> ApiResult<Response> {
    match &board.truth {
        Some(truth) if board.is_public() => {
            let name = truth_name(&board.board.id);
            Ok(csv_response(truth.to_csv(), name.trim_end_matches(".csv")))
        }
        _ => Err(ApiError::new(Kind::NO_TRUTH, why_no_truth(&board))),
    }
}

/// What the team has left on a board today.
#[utoipa::path(get, path = "/api/v1/boards/{board}/quota", tag = "boards", security(("token" = [])),
    params(("board" = String, Path, description = "The board's id.")),
    responses((status = 200, description = "What is left, and when it starts anew.", body = Quota)))]
pub async fn quota(
    State(portal): State<Portal>,
    caller: Caller,
    OnBoard(board): OnBoard,
) -> ApiResult<axum::Json<Quota>> {
    Ok(axum::Json(allowance(&portal, &board, &caller).left(&portal.database).await?))
}

/// A paired bootstrap between two rows whose predictions are stored: is A better than B?
#[utoipa::path(get, path = "/api/v1/boards/{board}/compare", tag = "boards", security((), ("token" = [])),
    params(("board" = String, Path, description = "The board's id."),
        ("a" = String, Query, description = "A row."), ("b" = String, Query, description = "Another row.")),
    responses((status = 200, description = "A `glae_metrics::Comparison`.", body = serde_json::Value)))]
pub async fn compare(
    State(portal): State<Portal>,
    viewer: Option<Caller>,
    OnBoard(board): OnBoard,
    Query(pair): Query<Pair>,
) -> ApiResult<Response> {
    let a = Rated::find(&portal, &board, &pair.a, viewer.as_ref()).await?;
    let b = Rated::find(&portal, &board, &pair.b, viewer.as_ref()).await?;
    results::comparison(&portal, &board, &a, &b).await.map(json_response)
}

/// What a team may send to a board now.
pub(crate) fn allowance(portal: &Portal, board: &Loaded, caller: &Caller) -> Allowance {
    Allowance {
        board: board.board.id.clone(),
        team: caller.team.clone(),
        submissions: board.board.submissions_per_day,
        failures: portal.config.limits.failures_per_day,
        now: portal.now(),
    }
}

async fn rows(portal: &Portal, board: &Arc<Loaded>, team: Option<&str>) -> ApiResult<Vec<glae_api::Row>> {
    let submissions = Submission::on_board(&portal.database, &board.board.id, team).await?;
    Ok(submissions.iter().map(|submission| submission.row(board, team)).collect())
}

fn why_no_truth(board: &Loaded) -> &'static str {
    match board.board.truth {
        glae_api::Truth::Hidden => "The truth of this board is hidden: only the server scores with it.",
        _ => "Nobody here has the truth of this board: score in the browser against your own copy.",
    }
}
