//! What the server says about itself.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

use super::html_response;
use crate::{
    extract::NamedKind,
    pages,
    problem::{ApiError, ApiResult, Kind},
    state::Portal,
};

/// What a kind of problem means, and what helps.
#[utoipa::path(get, path = "/api/v1/problems/{kind}", tag = "about",
    params(("kind" = String, Path, description = "The last part of a problem's `type`.")),
    responses((status = 200, description = "A page.", body = String, content_type = "text/html")))]
pub async fn problem(NamedKind(kind): NamedKind) -> Response {
    html_response(pages::problem(kind))
}

/// Whether the database answers, so that a load balancer may send requests here.
#[utoipa::path(get, path = "/readyz", tag = "about",
    responses((status = 200, description = "Ready.", body = String, content_type = "text/plain")))]
pub async fn ready(State(portal): State<Portal>) -> ApiResult<&'static str> {
    match portal.database.ping().await {
        Ok(()) => Ok("ready\n"),
        Err(error) => {
            tracing::error!(%error, "the database does not answer");
            Err(ApiError::new(Kind::UNAVAILABLE, "The database does not answer."))
        }
    }
}

/// Counters in the OpenMetrics text format, which Prometheus reads.
#[utoipa::path(get, path = "/metrics", tag = "about",
    responses((status = 200, description = "The counters.", body = String, content_type = "application/openmetrics-text")))]
pub async fn metrics(State(portal): State<Portal>) -> Response {
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], portal.metrics.text())
        .into_response()
}
