//! Names and tokens.

use axum::http::StatusCode;
use serde_json::json;

use crate::support::{OPEN, TestApp, metadata, predictions};

pub(crate) async fn tokens_end(app: TestApp) {
    let token = app.team("Ours").await;
    assert_eq!(app.get("/api/v1/me", &token).await.status, StatusCode::OK);
    app.pass(365 * 86_400 - 1);
    assert_eq!(app.get("/api/v1/me", &token).await.status, StatusCode::OK);
    app.pass(1);
    let reply = app.get("/api/v1/me", &token).await;
    assert_eq!(reply.problem(), (401, "unauthorized".to_owned()));
    assert_eq!(reply.headers["www-authenticate"], "Bearer");
    assert_eq!(app.call("POST", "/api/v1/me/token", &token, None).await.status, StatusCode::UNAUTHORIZED);
}

pub(crate) async fn tokens_are_replaced(app: TestApp) {
    let old = app.team("Ours").await;
    let id = app.submitted(&old, "open", metadata("M"), &predictions(&OPEN, 1.0)).await;
    let new = app.call("POST", "/api/v1/me/token", &old, None).await.json()["token"].as_str().unwrap().to_owned();
    assert_ne!(old, new);
    assert_eq!(app.get("/api/v1/me", &old).await.problem(), (401, "unauthorized".to_owned()));
    assert_eq!(app.get(&format!("/api/v1/submissions/{id}"), &new).await.status, StatusCode::OK);
    // The id of one token with the secret of another.
    let mixed = format!("{}{}", &new[..22], &old[22..]);
    assert_eq!(app.get("/api/v1/me", &mixed).await.status, StatusCode::UNAUTHORIZED);
    for malformed in ["x", "glae_", "glae_0_0", &new.to_uppercase(), &format!("{new}0"), &new[..new.len() - 1]] {
        assert_eq!(app.get("/api/v1/me", malformed).await.problem().0, 401, "{malformed}");
    }
    // A token that is not valid is an error even where none is needed.
    assert_eq!(app.get("/api/v1/boards/open", &old).await.problem().0, 401);
}

pub(crate) async fn team_names_are_unique(app: TestApp) {
    app.team("Team One").await;
    for name in ["Team One", "team  one", "TEAM ONE", "\u{ff34}eam One"] {
        let reply = app.call("POST", "/api/v1/teams", "", Some(json!({ "name": name }))).await;
        assert_eq!(reply.problem(), (409, "name-taken".to_owned()), "{name}");
    }
    app.team("Team Two").await;
}
