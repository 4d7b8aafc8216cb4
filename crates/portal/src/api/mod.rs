//! The routes below `/api/v1`, and `/readyz` and `/metrics` beside them.
//!
//! Reading order: [`boards`], [`contests`], [`rows`], [`submissions`], [`teams`], [`organise`], [`about`] (documentation
//! and health), [`layers`] (what happens around every request).

pub mod about;
pub mod boards;
pub mod contests;
pub mod layers;
pub mod organise;
pub mod rows;
pub mod submissions;
pub mod teams;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::header,
    middleware,
    response::{IntoResponse, Response},
    routing::{any, get},
};
use glae_api::ROOT;
use tower_http::{CompressionLevel, compression::CompressionLayer};
use utoipa::openapi::OpenApi;
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouterExt},
    routes,
};

use crate::{
    openapi,
    problem::{ApiError, Kind},
    state::Portal,
};

/// Bytes of a JSON body.
const JSON_BYTES: usize = 64 << 10;
/// What a submission's body may hold beside the file: boundaries, headers of the parts, the metadata.
const FORM_BYTES: usize = 128 << 10;

/// The API of `portal`.
pub fn router(portal: Portal) -> Router {
    let (routes, document) = described(portal.config.limits.body_bytes + FORM_BYTES);
    let document = Arc::new(openapi::complete(document));
    let unknown = || async { ApiError::new(Kind::NOT_FOUND, "The API has no such address; see /api/v1/.") };
    let json = serde_json::to_string(&*document).expect("the document is JSON");
    let page = crate::pages::api(&document);
    routes
        .route(&format!("{ROOT}/openapi.json"), get(move || async move { json_response(json) }))
        .route(&format!("{ROOT}/"), get(move || async move { html_response(page) }))
        .route(ROOT, get(|| async { axum::response::Redirect::permanent("/api/v1/") }))
        .route(&format!("{ROOT}/{{*rest}}"), any(unknown))
        .method_not_allowed_fallback(|| async {
            ApiError::new(Kind::METHOD, "This address does not take that method; see the Allow header.")
        })
        .layer(middleware::from_fn_with_state(portal.clone(), layers::limit))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(layers::catch_panics())
        .layer(middleware::from_fn_with_state(portal.clone(), layers::count))
        .with_state(portal)
}

/// The OpenAPI document, for `portal export`.
pub fn document() -> OpenApi {
    openapi::complete(described(0).1)
}

fn described(upload_bytes: usize) -> (Router<Portal>, OpenApi) {
    let submit = routes!(submissions::submit).layer(DefaultBodyLimit::max(upload_bytes));
    let (routes, document) = OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(boards::list))
        .routes(routes!(boards::page))
        .routes(routes!(boards::truth))
        .routes(routes!(boards::quota))
        .routes(routes!(boards::compare))
        .routes(routes!(boards::frozen_ranking))
        .routes(routes!(boards::citation))
        .routes(routes!(contests::entry, contests::enter))
        .routes(routes!(contests::choose))
        .routes(routes!(rows::predictions))
        .routes(routes!(rows::report))
        .routes(routes!(rows::worst))
        .routes(routes!(submissions::read, submissions::change, submissions::withdraw))
        .routes(routes!(submissions::report))
        .routes(routes!(submissions::predictions))
        .routes(routes!(teams::create))
        .routes(routes!(teams::me))
        .routes(routes!(teams::rotate))
        .routes(routes!(teams::tokens, teams::add_token))
        .routes(routes!(teams::end_token))
        .routes(routes!(teams::submissions))
        .routes(routes!(organise::me))
        .routes(routes!(organise::act))
        .routes(routes!(organise::log))
        .routes(routes!(organise::board))
        .routes(routes!(about::problem))
        .routes(routes!(about::ready))
        .routes(routes!(about::metrics))
        .layer(DefaultBodyLimit::max(JSON_BYTES))
        .routes(submit)
        .split_for_parts();
    (routes, document)
}

/// JSON that is already text.
pub(crate) fn json_response(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// A page.
pub(crate) fn html_response(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response()
}

/// CSV to be saved under `name`, which is an id and so holds nothing that needs quoting.
pub(crate) fn csv_response(text: String, name: &str) -> Response {
    let disposition = format!("attachment; filename=\"{name}.csv\"");
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CONTENT_DISPOSITION, &disposition)];
    (headers, text).into_response()
}
