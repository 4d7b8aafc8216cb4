//! Names and tokens.

use axum::http::StatusCode;
use serde_json::json;

use crate::support::{HIDDEN, OPEN, TestApp, metadata, predictions, public};

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
    let replace =
        async || app.call("POST", "/api/v1/me/token", &old, None).await.json()["token"].as_str().unwrap().to_owned();
    let lost = replace().await;
    let new = replace().await;
    assert_ne!(old, new);
    // An answer may get lost: the old one ends when the new one is used, and one that never was ends at once.
    assert_eq!(app.get("/api/v1/me", &lost).await.problem(), (401, "unauthorized".to_owned()));
    let alive = app.get("/api/v1/me/tokens", &old).await.json();
    let (this, next): (Vec<_>, Vec<_>) = alive.as_array().unwrap().iter().partition(|one| one["is_this"] == true);
    assert_eq!((this.len(), next.len(), &next[0]["replaces"]), (1, 1, &this[0]["id"]));
    assert_eq!(app.get("/api/v1/me", &new).await.status, StatusCode::OK);
    assert_eq!(app.get("/api/v1/me", &old).await.problem(), (401, "unauthorized".to_owned()));
    assert_eq!(app.get("/api/v1/me", &new).await.status, StatusCode::OK);
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

pub(crate) async fn tokens_have_names(app: TestApp) {
    let first = app.team("Ours").await;
    let add = async |name: &str| app.call("POST", "/api/v1/me/tokens", &first, Some(json!({ "name": name }))).await;
    app.pass(1);
    let reply = add("cluster").await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text());
    let cluster = reply.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(app.get("/api/v1/me", &cluster).await.json()["name"], "Ours");
    let listed = app.get("/api/v1/me/tokens", &cluster).await.json();
    let known: Vec<_> = listed.as_array().unwrap().iter().map(|one| (&one["name"], &one["is_this"])).collect();
    assert_eq!(known, [(&json!(""), &json!(false)), (&json!("cluster"), &json!(true))]);
    assert!(!listed.to_string().contains(&cluster[22..]), "no secret");
    // A replacement keeps the name.
    app.pass(1);
    let next = app.call("POST", "/api/v1/me/token", &cluster, None).await.json()["token"].clone();
    let listed = app.get("/api/v1/me/tokens", next.as_str().unwrap()).await.json();
    assert_eq!((listed.as_array().unwrap().len(), &listed[1]["name"]), (2, &json!("cluster")));
    assert_eq!(add("").await.problem().0, 422);
    for number in 0..8 {
        assert_eq!(add(&format!("node {number}")).await.status, StatusCode::CREATED);
    }
    assert_eq!(add("one too many").await.problem(), (422, "bad-metadata".to_owned()));
    // Another team ends none of them.
    let others = app.team("Others").await;
    let address = format!("/api/v1/me/tokens/{}", listed[1]["id"].as_str().unwrap());
    assert_eq!(app.call("DELETE", &address, &others, None).await.problem().0, 404);
    assert_eq!(app.call("DELETE", &address, &first, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(app.get("/api/v1/me", next.as_str().unwrap()).await.problem().0, 401);
}

pub(crate) async fn a_change_touches_what_it_names(app: TestApp) {
    let token = app.team("Ours").await;
    let said =
        json!({ "method": "M", "external_data": "used", "notes": "Long.", "year": 2020, "visibility": "public" });
    let id = app.submitted(&token, "open", said, &predictions(&OPEN, 1.0)).await;
    let address = format!("/api/v1/submissions/{id}");
    let row = app.call("PATCH", &address, &token, Some(json!({ "year": null, "authors": "A. B." }))).await.json();
    assert_eq!(
        (&row["notes"], &row["external_data"], &row["visibility"], &row["year"], &row["authors"]),
        (&json!("Long."), &json!("used"), &json!("public"), &json!(null), &json!("A. B."))
    );
    assert_eq!(app.call("PATCH", &address, &token, Some(json!({ "method": "" }))).await.problem().0, 422);
    assert_eq!(app.get(&address, &token).await.json(), row);
}

pub(crate) async fn own_submissions_are_on_one_page(app: TestApp) {
    let (token, others) = (app.team("Ours").await, app.team("Others").await);
    app.submitted(&others, "open", public("Theirs"), &predictions(&OPEN, 1.0)).await;
    let open = app.submitted(&token, "open", metadata("Quiet"), &predictions(&OPEN, 1.0)).await;
    app.pass(1);
    let secret = app.submitted(&token, "secret", public("Loud"), &predictions(&HIDDEN, 1.0)).await;
    app.pass(1);
    app.call("DELETE", &format!("/api/v1/submissions/{open}"), &token, None).await;
    let own = app.get("/api/v1/me/submissions", &token).await.json();
    assert_eq!((own["submissions"].as_array().unwrap().len(), own["withdrawn"].as_array().unwrap().len()), (1, 1));
    assert_eq!(
        (&own["submissions"][0]["row"]["id"], &own["submissions"][0]["title"]),
        (&json!(secret), &json!("Board secret"))
    );
    assert_eq!((&own["withdrawn"][0]["id"], &own["withdrawn"][0]["method"]), (&json!(open), &json!("Quiet")));
    assert_eq!(app.get("/api/v1/me/submissions", "").await.problem().0, 401);
}

pub(crate) async fn seeds_of_a_method_are_one_row(app: TestApp) {
    let token = app.team("Ours").await;
    let submit = async |seed: u32, error: f64| {
        let said = json!({ "method": "M", "external_data": "none", "visibility": "public", "seed": seed });
        let id = app.submitted(&token, "open", said, &predictions(&OPEN, error)).await;
        app.pass(86_400);
        id
    };
    let rows = async || {
        let page = app.get("/api/v1/boards/open?limit=100", "").await.json();
        let rows = page["board"]["rows"].as_array().unwrap().clone();
        assert_eq!(page["total"], json!(rows.len()));
        rows.into_iter().filter(|row| row["origin"]["kind"] == "submitted").collect::<Vec<_>>()
    };
    let first = submit(1, 1.0).await;
    assert_eq!((rows().await[0]["seed"].clone(), rows().await[0].get("seeds")), (json!(1), None));
    let second = submit(2, 3.0).await;
    let third = submit(3, 5.0).await;
    let shown = rows().await;
    assert_eq!((shown.len(), &shown[0]["id"]), (1, &json!(first)));
    assert_eq!(
        (&shown[0]["scores"]["mae"], &shown[0]["seeds"]["count"], &shown[0]["seeds"]["deviation"]["mae"]),
        (&json!(3.0), &json!(3), &json!(2.0))
    );
    // The row stands where its mean does: behind the paper's 2.5, before the shipped 4.0.
    let page = app.get("/api/v1/boards/open", "").await.json();
    assert_eq!(page["board"]["rows"][1]["id"], json!(first));
    // Each of them keeps its own numbers, and the newest of a seed counts.
    assert_eq!(app.get(&format!("/api/v1/submissions/{third}"), "").await.json()["scores"]["mae"], json!(5.0));
    submit(3, 2.0).await;
    assert_eq!(rows().await[0]["scores"]["mae"], json!(2.0));
    // One that is withdrawn, becomes private, or is another method's, leaves the mean.
    app.call("DELETE", &format!("/api/v1/submissions/{first}"), &token, None).await;
    let shown = rows().await;
    assert_eq!((&shown[0]["scores"]["mae"], &shown[0]["seeds"]["count"]), (&json!(2.5), &json!(2)));
    let address = format!("/api/v1/submissions/{second}");
    app.call("PATCH", &address, &token, Some(json!({ "seed": null }))).await;
    let mut maes: Vec<f64> = rows().await.iter().map(|row| row["scores"]["mae"].as_f64().unwrap()).collect();
    maes.sort_by(f64::total_cmp);
    assert_eq!(maes, [2.0, 3.0, 5.0], "one seed is no series");
    assert!(rows().await.iter().all(|row| row.get("seeds").is_none()));
}

pub(crate) async fn team_names_are_unique(app: TestApp) {
    app.team("Team One").await;
    for name in ["Team One", "team  one", "TEAM ONE", "\u{ff34}eam One", "T\u{435}am One", "Team 0ne"] {
        let reply = app.call("POST", "/api/v1/teams", "", Some(json!({ "name": name }))).await;
        assert_eq!(reply.problem(), (409, "name-taken".to_owned()), "{name}");
    }
    app.team("Team Two").await;
}
