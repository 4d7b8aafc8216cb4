//! What handlers take out of a request. Every refusal is a problem document, and ownership is checked in one place.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{
        FromRequest, FromRequestParts, OptionalFromRequestParts, RawPathParams, Request, rejection::JsonRejection,
    },
    http::{StatusCode, header, request::Parts},
};
use serde::de::DeserializeOwned;

use crate::{
    address::Address,
    board::Loaded,
    problem::{ApiError, ApiResult, Kind},
    state::Portal,
    submission::Submission,
    token::{self, Caller, Organising},
    tombstones,
};

/// A JSON body.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// The values of the query, as in `?a=1&b=2`.
#[derive(Debug)]
pub struct Query<T>(pub T);

/// The board that the path names.
#[derive(Debug)]
pub struct OnBoard(pub Arc<Loaded>);

/// The row that the path names. It may not exist.
#[derive(Debug)]
pub struct RowId(pub String);

/// The token that the path names. It may not exist.
#[derive(Debug)]
pub struct TokenId(pub String);

/// The number of a frozen ranking that the path names. It may not exist.
#[derive(Debug)]
pub struct Number(pub i64);

/// The kind of problem that the path names.
#[derive(Debug)]
pub struct NamedKind(pub Kind);

/// The submission that the path names, which the request may see: it is published, or its own team's.
#[derive(Debug)]
pub struct Visible {
    /// The submission.
    pub submission: Submission,
    /// The team of the request, if it carries a token.
    pub viewer: Option<Caller>,
}

/// The submission that the path names, which belongs to the request's team.
#[derive(Debug)]
pub struct Owned(pub Submission);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> ApiResult<Self> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(JsonRejection::MissingJsonContentType(_)) => {
                Err(ApiError::new(Kind::MEDIA_TYPE, "The body must be JSON: send Content-Type: application/json."))
            }
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(ApiError::new(Kind::TOO_LARGE, "The body may have 64 KiB at most."))
            }
            Err(rejection) => Err(ApiError::malformed(format!("The body cannot be read: {}.", rejection.body_text()))),
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(ApiError::malformed(format!("The query cannot be read: {}.", rejection.body_text()))),
        }
    }
}

impl FromRequestParts<Portal> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> ApiResult<Self> {
        let missing = || ApiError::unauthorized("This needs a token: send Authorization: Bearer TOKEN.");
        match <Self as OptionalFromRequestParts<Portal>>::from_request_parts(parts, portal).await? {
            Some(caller) => Ok(caller),
            None => Err(missing()),
        }
    }
}

impl OptionalFromRequestParts<Portal> for Caller {
    type Rejection = ApiError;

    /// `None` without the header; a header that is not valid is an error even where no token is needed.
    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> ApiResult<Option<Self>> {
        let Some(token) = bearer(parts)? else { return Ok(None) };
        let caller = token::verify(&portal.database, &portal.old_hashes, token, portal.now()).await?;
        portal.by_token.take(caller.token.clone(), Instant::now()).map_err(ApiError::rate)?;
        Ok(Some(caller))
    }
}

impl FromRequestParts<Portal> for Organising {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> ApiResult<Self> {
        let missing = || ApiError::unauthorized("This needs an organiser's token: send Authorization: Bearer TOKEN.");
        let token = bearer(parts)?.ok_or_else(missing)?;
        let organising = token::verify_organiser(&portal.database, token, portal.now()).await?;
        portal.by_token.take(organising.token.clone(), Instant::now()).map_err(ApiError::rate)?;
        Ok(organising)
    }
}

impl FromRequestParts<Portal> for TokenId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> ApiResult<Self> {
        path_value(parts, portal, "token").await.map(Self)
    }
}

impl FromRequestParts<Portal> for Number {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> ApiResult<Self> {
        let number = path_value(parts, portal, "number").await?;
        number.parse().map(Self).map_err(|_| ApiError::not_found("frozen ranking"))
    }
}

impl FromRequestParts<Portal> for OnBoard {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> ApiResult<Self> {
        let id = path_value(parts, portal, "board").await?;
        portal.boards.get(&id).cloned().map(Self).ok_or_else(|| ApiError::not_found("board"))
    }
}

impl FromRequestParts<Portal> for RowId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> ApiResult<Self> {
        path_value(parts, portal, "row").await.map(Self)
    }
}

impl FromRequestParts<Portal> for NamedKind {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> ApiResult<Self> {
        let slug = path_value(parts, portal, "kind").await?;
        Kind::named(&slug).map(Self).ok_or_else(|| ApiError::not_found("kind of problem"))
    }
}

impl FromRequestParts<Portal> for Visible {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> ApiResult<Self> {
        let viewer = <Caller as OptionalFromRequestParts<Portal>>::from_request_parts(parts, portal).await?;
        let id = path_value(parts, portal, "id").await?;
        let submission = visible(portal, &id, viewer.as_ref()).await?;
        Ok(Self { submission, viewer })
    }
}

impl FromRequestParts<Portal> for Owned {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> ApiResult<Self> {
        let caller = <Caller as FromRequestParts<Portal>>::from_request_parts(parts, portal).await?;
        let id = path_value(parts, portal, "id").await?;
        let found = Submission::find(&portal.database, &id).await?;
        // Another team's published submission is 404 here as well: only its own team may change it.
        let own = found.filter(|submission| submission.team == caller.team);
        own.map(Self).ok_or_else(|| ApiError::not_found("submission"))
    }
}

impl FromRequestParts<Portal> for Address {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> ApiResult<Self> {
        Ok(Self::of(parts, portal.config.limits.proxies))
    }
}

/// The token of a request; nothing without the header.
fn bearer(parts: &Parts) -> ApiResult<Option<&str>> {
    let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let wrong = || ApiError::unauthorized("The Authorization header must be one: Bearer TOKEN.");
    if values.next().is_some() {
        return Err(wrong());
    }
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(wrong)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(wrong());
    }
    Ok(Some(token.trim()))
}

/// The submission with this id, if `viewer` may see it.
///
/// # Errors
/// 404 if there is none or `viewer` may not see it; 410 if it was withdrawn and `viewer` could see it.
pub async fn visible(portal: &Portal, id: &str, viewer: Option<&Caller>) -> ApiResult<Submission> {
    let Some(found) = Submission::find(&portal.database, id).await? else {
        let team = viewer.map(|caller| caller.team.as_str()).unwrap_or_default();
        return Err(match tombstones::find(&portal.database, id, team).await? {
            Some(_) => ApiError::new(Kind::WITHDRAWN, "Its team has withdrawn this submission."),
            None => ApiError::not_found("submission"),
        });
    };
    Some(found)
        .filter(|submission| submission.is_public() || viewer.is_some_and(|caller| caller.team == submission.team))
        .filter(|submission| portal.boards.contains_key(&submission.board))
        .ok_or_else(|| ApiError::not_found("submission"))
}

/// A part of the path. Names are printable ASCII; anything else names nothing here (and PostgreSQL refuses zero bytes).
async fn path_value(parts: &mut Parts, portal: &Portal, name: &str) -> ApiResult<String> {
    let values = RawPathParams::from_request_parts(parts, portal)
        .await
        .map_err(|rejection| ApiError::malformed(format!("The path cannot be read: {}.", rejection.body_text())))?;
    let value = values.iter().find(|(found, _)| *found == name).map(|(_, value)| value.to_owned());
    value
        .filter(|value| value.len() <= 100 && value.bytes().all(|b| b.is_ascii_graphic()))
        .ok_or_else(|| ApiError::not_found(name))
}
