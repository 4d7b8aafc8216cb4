//! What happens around every request of the API: rate limit, time limit, panics, counting.

use std::{
    any::Any,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    address::Address,
    problem::{ApiError, Kind},
    random,
    state::Portal,
};

/// Turns away an address that asks too often, and ends requests that take too long.
pub async fn limit(State(portal): State<Portal>, request: Request, next: Next) -> Response {
    let limits = &portal.config.limits;
    let (parts, body) = request.into_parts();
    let Address(address) = Address::of(&parts, limits.proxies);
    // Health checks come often, from one address, and cost nothing.
    let health = matches!(parts.uri.path(), "/readyz" | "/metrics");
    if !health && let Err(seconds) = portal.by_address.take(address, Instant::now()) {
        return ApiError::rate(seconds).into_response();
    }
    let upload = parts.method == Method::POST && parts.uri.path().ends_with("/submissions");
    let seconds = if upload { limits.upload_seconds } else { limits.request_seconds };
    let private = parts.headers.contains_key(header::AUTHORIZATION);
    let known = parts.headers.get(header::IF_NONE_MATCH).cloned();
    let get = parts.method == Method::GET;
    let answer = next.run(Request::from_parts(parts, body));
    let mut response = match tokio::time::timeout(Duration::from_secs(seconds), answer).await {
        Ok(response) => response,
        Err(_) => {
            let detail = format!("The request was not received and answered within {seconds} s.");
            ApiError::new(Kind::TIMEOUT, detail).into_response()
        }
    };
    if get && response.status() == StatusCode::OK {
        response = tagged(response, known.as_ref()).await;
    }
    // What a team sees with its token must not be handed to the next person by a cache in between.
    let keep = if private { "no-store" } else { "no-cache" };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    response.headers_mut().append(header::VARY, HeaderValue::from_static("authorization"));
    response
}

/// Gives JSON an ETag, and leaves its body out where the asker has the same already.
async fn tagged(response: Response, known: Option<&HeaderValue>) -> Response {
    if response.headers().get(header::CONTENT_TYPE).is_none_or(|kind| kind != "application/json") {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let bytes = match axum::body::to_bytes(body, usize::MAX).await {
        Ok(bytes) => bytes,
        Err(error) => return ApiError::internal(error).into_response(),
    };
    // Weak: the same content may be sent compressed or not.
    let tag = format!("W/\"{}\"", &random::encode(&Sha256::digest(&bytes))[..32]);
    let same = known
        .and_then(|known| known.to_str().ok())
        .is_some_and(|known| known.split(',').any(|known| known.trim() == tag));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        parts.headers.insert(header::ETAG, tag);
    }
    if same {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// Turns a panic into a 500 problem; the server goes on.
pub fn catch_panics() -> CatchPanicLayer<fn(Box<dyn Any + Send>) -> Response> {
    CatchPanicLayer::custom(answer_panic as fn(Box<dyn Any + Send>) -> Response)
}

/// Counts and logs the answered request: method, route, status and time; no query, body or token.
pub async fn count(State(portal): State<Portal>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = known_method(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    let (status, took) = (response.status().as_u16(), started.elapsed());
    portal.metrics.request(&route, method, status, took);
    tracing::debug!(method, route, status, milliseconds = took.as_secs_f64() * 1e3, "request");
    response
}

/// Methods are free text on the wire; an invented one must not become a label.
fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    }
}

fn answer_panic(panic: Box<dyn Any + Send>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message");
    ApiError::internal(message).into_response()
}
