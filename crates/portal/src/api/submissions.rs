//! Submitting, reading, editing, withdrawing.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use glae_api::{Metadata, MetadataChange, Phase, ROOT, Row, Submitted};

use super::{boards::allowance, csv_response, json_response};
use crate::{
    accept::{self, Attempt, StoredResponse},
    address::Address,
    board::Loaded,
    contest::{self, entry},
    extract::{Json, OnBoard, Owned, Visible},
    form::Form,
    leftovers, metadata,
    problem::{ApiError, ApiResult, Kind, problem_response},
    results::{self, Rated},
    scoring,
    state::Portal,
    token::Caller,
};

/// The two parts of a submission, for the API's description.
#[derive(Debug, utoipa::ToSchema)]
#[allow(dead_code, reason = "only its schema is used; the parts are read as a stream")]
pub struct SubmissionForm {
    /// What the team says about it, as JSON.
    metadata: Metadata,
    /// CSV or JSON lines, plain or gzip.
    #[schema(value_type = String, format = Binary)]
    predictions: Vec<u8>,
}

/// Submits predictions: they are scored at once and stand on the board, private until the team says otherwise.
///
/// Nothing is stored unless the answer is 201. A repeated request with the same Idempotency-Key, text and file gets
/// the first answer again and is not counted again.
#[utoipa::path(post, path = "/api/v1/boards/{board}/submissions", tag = "submissions", security(("token" = [])),
    params(("board" = String, Path, description = "The board's id."),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 200 visible ASCII characters.")),
    request_body(content = SubmissionForm, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "Scored and stored.", body = Submitted,
            headers(("Location" = String, description = "The submission's address."))),
        (status = 409, description = "The board takes no submissions.", body = glae_api::Problem,
            content_type = "application/problem+json")))]
pub async fn submit(
    State(portal): State<Portal>,
    caller: Caller,
    Address(address): Address,
    OnBoard(board): OnBoard,
    headers: HeaderMap,
    form: Form,
) -> ApiResult<Response> {
    if board.truth.is_none() {
        return Err(ApiError::new(Kind::CLOSED_BOARD, "The server has no truth for this board."));
    }
    if caller.banned {
        return Err(ApiError::new(Kind::NOT_ADMITTED, "The organiser has banned this team."));
    }
    let contest = contest::now(&portal, &board).await?;
    if let Some(contest) = &contest {
        contest::require_open(contest)?;
        entry::require(&portal.database, contest, &board.board.id, &caller).await?;
    }
    let key = idempotency_key(&headers)?;
    let allowance = allowance(&portal, &board, &caller, contest.as_ref());
    // Of requests with the same key the first is answered first; the others then get its answer.
    let _turn = match &key {
        Some(key) => Some(portal.keys.take((caller.team.clone(), key.clone())).await),
        None => None,
    };
    let mut reservation = None;
    if !accept::is_repeated(&portal, &caller, key.as_deref()).await? {
        // Reserved first and read then: an upload that ends in between is counted in one of the two.
        let reserved = portal.reservations.reserve(&caller.team, &board.board.id);
        if let Err(used_up) = allowance.require(allowance.left(&portal.database).await?, reserved.count) {
            drop(reserved);
            // A client that is still sending does not read: take the rest, so that it hears why.
            form.drain().await;
            return Err(used_up);
        }
        reservation = Some(reserved);
    }
    let _team = portal.team_uploads.take(caller.team.clone()).await;
    let _address = portal.address_uploads.take(address).await;
    portal.metrics.upload();
    let parts = form.read(&portal.config.limits).await?;
    let attempt = Attempt { caller, board, metadata: metadata::checked(parts.metadata)?, allowance, contest, key };
    let (server, on) = (portal.clone(), attempt.board.clone());
    let receive = move || scoring::receive(parts.predictions, &server, &on);
    let scored = portal.workers.run(receive).await??;
    let answer = attempt.finish(&portal, scored).await?;
    drop(reservation);
    Ok(response(answer))
}

/// A submission as a row of its board.
#[utoipa::path(get, path = "/api/v1/submissions/{id}", tag = "submissions", security((), ("token" = [])),
    params(("id" = String, Path, description = "The submission's id.")),
    responses((status = 200, description = "The row.", body = Row)))]
pub async fn read(State(portal): State<Portal>, Visible { submission, viewer }: Visible) -> ApiResult<axum::Json<Row>> {
    let board = board_of(&portal, &submission.board)?;
    let phase = phase(&portal, board).await?;
    Ok(axum::Json(submission.row(board, viewer.as_ref().map(|caller| caller.team.as_str()), phase)))
}

/// Changes the text of a submission, or who may see it: the fields that the body names.
#[utoipa::path(patch, path = "/api/v1/submissions/{id}", tag = "submissions", security(("token" = [])),
    params(("id" = String, Path, description = "The submission's id.")), request_body = MetadataChange,
    responses((status = 200, description = "The row as it is now.", body = Row)))]
pub async fn change(
    State(portal): State<Portal>,
    Owned(mut submission): Owned,
    Json(change): Json<MetadataChange>,
) -> ApiResult<axum::Json<Row>> {
    let board = board_of(&portal, &submission.board)?;
    let metadata = metadata::checked(change.applied(submission.metadata.clone()))?;
    submission.change(&portal.database, board, metadata, portal.now()).await?;
    let phase = phase(&portal, board).await?;
    Ok(axum::Json(submission.row(board, Some(&submission.team), phase)))
}

/// Withdraws a submission: it and its predictions are gone. If it has ever been public, a tombstone with its names and
/// dates is left, and its address answers 410. The quota stays used.
#[utoipa::path(delete, path = "/api/v1/submissions/{id}", tag = "submissions", security(("token" = [])),
    params(("id" = String, Path, description = "The submission's id.")),
    responses((status = 204, description = "Withdrawn.")))]
pub async fn withdraw(State(portal): State<Portal>, Owned(submission): Owned) -> ApiResult<StatusCode> {
    let board = board_of(&portal, &submission.board)?;
    submission.withdraw(&portal.database, board, portal.now()).await?;
    // The submission is gone whatever happens to its file; the next sweep would find it.
    if let Err(error) = leftovers::remove(&portal, &submission.predictions).await {
        tracing::warn!(?error, "a withdrawn file was not removed");
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The full report of a submission, with 95 % intervals. For hidden boards only what does not give away the truth.
#[utoipa::path(get, path = "/api/v1/submissions/{id}/report", tag = "submissions", security((), ("token" = [])),
    params(("id" = String, Path, description = "The submission's id.")),
    responses((status = 200, description = "All scores.", body = glae_metrics::Report)))]
pub async fn report(State(portal): State<Portal>, Visible { submission, .. }: Visible) -> ApiResult<Response> {
    let board = portal.boards.get(&submission.board).ok_or_else(|| ApiError::not_found("board"))?;
    contest::require_closed(&portal, board).await?;
    results::report(&portal, board, &Rated::Submitted(Box::new(submission))).await.map(json_response)
}

/// The predictions of a submission: with its team's token, and without one once it is published on a board whose truth
/// is public or whose contest has closed.
#[utoipa::path(get, path = "/api/v1/submissions/{id}/predictions", tag = "submissions",
    security((), ("token" = [])), params(("id" = String, Path, description = "The submission's id.")),
    responses((status = 200, description = "The predictions.", body = String, content_type = "text/csv")))]
pub async fn predictions(State(portal): State<Portal>, Visible { submission, viewer }: Visible) -> ApiResult<Response> {
    let board = board_of(&portal, &submission.board)?;
    let phase = phase(&portal, board).await?;
    if !submission.shows_predictions(board, viewer.as_ref().map(|caller| caller.team.as_str()), phase) {
        return Err(ApiError::not_found("submission with predictions"));
    }
    let predictions = results::stored(&portal, &submission.predictions).await?;
    let text = portal.workers.run(move || predictions.to_csv()).await?;
    Ok(csv_response(text, &submission.id))
}

/// Where the board's contest stands, if it is one.
async fn phase(portal: &Portal, board: &Loaded) -> ApiResult<Option<Phase>> {
    Ok(contest::now(portal, board).await?.map(|contest| contest.phase))
}

fn board_of<'a>(portal: &'a Portal, id: &str) -> ApiResult<&'a Loaded> {
    portal.boards.get(id).map(AsRef::as_ref).ok_or_else(|| ApiError::not_found("board"))
}

fn idempotency_key(headers: &HeaderMap) -> ApiResult<Option<String>> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key =
        value.to_str().ok().filter(|key| (1..=200).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()));
    match (key, values.next()) {
        (Some(key), None) => Ok(Some(key.to_owned())),
        _ => Err(ApiError::malformed("Idempotency-Key must be one value of 1 to 200 visible ASCII characters.")),
    }
}

fn response(answer: StoredResponse) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status != StatusCode::CREATED {
        return problem_response(status, answer.body);
    }
    let id = serde_json::from_str::<Submitted>(&answer.body).map(|submitted| submitted.row.id);
    let mut response = (status, json_response(answer.body)).into_response();
    if let Ok(location) = HeaderValue::try_from(format!("{ROOT}/submissions/{}", id.unwrap_or_default())) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
