//! The routes: the API, the built page, `public/`, and a health check.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use tower_http::services::{ServeDir, ServeFile};

use crate::{
    api, cache, policy,
    site::{Folders, SiteError},
    state::Portal,
};

/// Builds the whole application: the site, and the leaderboard's API where there is one.
///
/// The order in which a path is looked up: `/healthz`; the API's routes; a file of the built page; a file of `public/`;
/// then a page path such as `/leaderboard` gets `index.html` (the page routes itself; the status is 404 where it has no
/// such route), and anything else is 404. A file `x.br` beside `x` is sent in its place to browsers that accept Brotli.
/// `index.html` is read once, for the hashes of its inline scripts: start the server again after building the page anew.
///
/// # Errors
/// [`SiteError::Unreadable`] if `index.html` cannot be read as text.
pub fn router(folders: &Folders, portal: Option<Portal>) -> Result<Router, SiteError> {
    let headers = Arc::new(policy::headers(&folders.read_index()?));

    let page = ServeFile::new(folders.index()).precompressed_br();
    let pages = Router::new().fallback_service(page).layer(middleware::from_fn(only_page_paths));
    let public = ServeDir::new(&folders.public)
        .append_index_html_on_directories(false)
        .redirect_to_trailing_slash(false)
        .precompressed_br()
        .fallback(pages);
    let site = ServeDir::new(&folders.site).redirect_to_trailing_slash(false).precompressed_br().fallback(public);

    Ok(portal
        .map_or_else(Router::new, api::router)
        .route("/healthz", get(|| async { "ok\n" }))
        .fallback_service(site)
        .layer(middleware::from_fn_with_state(headers, finish)))
}

/// Lets page paths through to `index.html`, which says so itself where there is no such page, with the status 404; answers
/// 404 to the rest.
async fn only_page_paths(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if !is_page_path(path) {
        return (StatusCode::NOT_FOUND, "There is no such file here.\n").into_response();
    }
    let known = is_page(path);
    let mut response = next.run(request).await;
    if !known && response.status().is_success() {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}

/// Whether the page has a route for a path (`web/src/app.rs`).
fn is_page(path: &str) -> bool {
    match path.trim_matches('/').split_once('/') {
        None => matches!(path.trim_matches('/'), "" | "about" | "leaderboard" | "organise" | "submissions"),
        Some((first, board)) => first == "leaderboard" && !board.contains('/'),
    }
}

/// Whether a path can be one of the page's own: words of letters, digits, `-` and `_`, outside `/weights`.
///
/// A path with a dot names a file: a missing script must be a 404, not a page that the browser then fails to run.
fn is_page_path(path: &str) -> bool {
    let word = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    let mut parts = path.trim_matches('/').split('/');
    let first = parts.clone().next().unwrap_or_default();
    first != "weights" && parts.all(word)
}

/// Adds the headers that every answer carries.
async fn finish(State(security): State<Arc<HeaderMap>>, request: Request, next: Next) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    let status = response.status();
    tracing::debug!(%path, %status);
    let headers = response.headers_mut();
    // The API knows better than the path what may be kept.
    headers.entry(header::CACHE_CONTROL).or_insert_with(|| cache::control(&path, status));
    headers.extend(security.iter().map(|(name, value)| (name.clone(), value.clone())));
    response
}

#[cfg(test)]
mod tests {
    use super::{is_page, is_page_path};

    #[test]
    fn only_routes_of_the_page_are_pages() {
        for path in ["/", "/about", "/about/", "/leaderboard", "/leaderboard/utkface-lt", "/organise"] {
            assert!(is_page(path), "{path}");
        }
        for path in ["/nonsense", "/about/us", "/leaderboard/a/b", "/board/utkface-test"] {
            assert!(!is_page(path), "{path}");
        }
    }

    #[test]
    fn page_paths_are_plain_words() {
        for path in ["/", "/leaderboard", "/about/", "/board/utkface-test"] {
            assert!(is_page_path(path), "{path}");
        }
        for path in ["/missing.js", "/weights", "/weights/none", "/../etc/passwd", "/%2e%2e/etc", "/a/b.wasm"] {
            assert!(!is_page_path(path), "{path}");
        }
    }
}
