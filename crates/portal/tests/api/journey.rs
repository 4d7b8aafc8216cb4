//! From making a team to withdrawing.

use axum::http::StatusCode;
use serde_json::json;

use crate::support::{NOON, OPEN, TestApp, metadata, predictions, public};

pub(crate) async fn the_whole_journey(app: TestApp) {
    let boards = app.get("/api/v1/boards", "").await.json();
    let ids: Vec<_> = boards.as_array().unwrap().iter().map(|board| board["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["open", "secret", "yours"]);
    assert_eq!((&boards[0]["rows"], &boards[0]["best"]), (&json!(2), &json!(2.5)));

    let token = app.team("Ours").await;
    let me = app.get("/api/v1/me", &token).await.json();
    assert_eq!(me, json!({ "name": "Ours", "expires": NOON + 365 * 86_400 }));

    let sent = public("Better");
    let reply = app.submit(&token, "open", sent, predictions(&OPEN, 1.0).as_bytes()).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text());
    let answer = reply.json();
    let id = answer["row"]["id"].as_str().unwrap();
    assert_eq!(reply.headers["location"], format!("/api/v1/submissions/{id}"));
    assert_eq!(reply.headers["cache-control"], "no-store");
    assert_eq!((&answer["rank"], &answer["row"]["scores"]["cmae"]), (&json!(1), &json!(1.0)));
    assert_eq!(answer["quota"], json!({ "submissions_left": 2, "failed_left": 20, "resets": NOON + 43_200 }));
    assert_eq!(answer["row"]["origin"]["kind"], "submitted");
    assert_eq!(answer["row"]["origin"]["team"], "Ours");
    assert_eq!(answer["row"]["origin"]["scorer"], glae_metrics::SCORER);

    let page = app.get("/api/v1/boards/open", "").await.json();
    let rows: Vec<_> =
        page["board"]["rows"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(rows, [id, "paper", "shipped"]);
    assert_eq!(page["test_counts"].as_array().unwrap()[4], 2);

    let kept = app.get(page["board"]["rows"][0]["predictions"].as_str().unwrap(), "").await;
    assert_eq!(kept.headers["content-type"], "text/csv; charset=utf-8");
    assert_eq!(kept.text().lines().collect::<Vec<_>>()[..2], ["id,age", "img-a,5"]);

    let change = json!({ "method": "Renamed", "external_data": "used", "visibility": "public", "year": 2026 });
    let changed = app.call("PATCH", &format!("/api/v1/submissions/{id}"), &token, Some(change)).await;
    assert_eq!((changed.status, &changed.json()["method"]), (StatusCode::OK, &json!("Renamed")));
    let row = app.get(&format!("/api/v1/submissions/{id}"), "").await.json();
    assert_eq!((&row["method"], &row["year"], &row["scores"]["cmae"]), (&json!("Renamed"), &json!(2026), &json!(1.0)));

    let gone = app.call("DELETE", &format!("/api/v1/submissions/{id}"), &token, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(app.get("/api/v1/boards/open", "").await.json()["board"]["rows"].as_array().unwrap().len(), 2);
}

pub(crate) async fn everything_is_private_until_published(app: TestApp) {
    let token = app.team("Ours").await;
    let id = app.submitted(&token, "open", metadata("Quiet"), &predictions(&OPEN, 1.0)).await;
    let address = format!("/api/v1/submissions/{id}");
    let others = app.team("Others").await;
    for viewer in ["", &others] {
        let page = app.get("/api/v1/boards/open", viewer).await;
        assert!(!page.text().contains("Quiet"), "{}", page.text());
        for path in ["", "/report", "/predictions"] {
            assert_eq!(app.get(&format!("{address}{path}"), viewer).await.problem(), (404, "not-found".to_owned()));
        }
        for path in ["predictions", "report", "worst"] {
            let reply = app.get(&format!("/api/v1/boards/open/rows/{id}/{path}"), viewer).await;
            assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
        }
        let compared = app.get(&format!("/api/v1/boards/open/compare?a={id}&b=shipped"), viewer).await;
        assert_eq!(compared.status, StatusCode::NOT_FOUND);
    }
    let own = app.get("/api/v1/boards/open", &token).await.json();
    assert_eq!(
        (&own["board"]["rows"][0]["method"], &own["board"]["rows"][0]["visibility"]),
        (&json!("Quiet"), &json!("private"))
    );
    assert_eq!(app.get(&address, &token).await.status, StatusCode::OK);

    app.call("PATCH", &address, &token, Some(public("Loud"))).await;
    assert_eq!(app.get(&address, "").await.json()["method"], "Loud");
    app.call("PATCH", &address, &token, Some(json!({ "visibility": "private" }))).await;
    assert_eq!(app.get(&address, "").await.status, StatusCode::NOT_FOUND);
}

pub(crate) async fn others_submissions_do_not_exist(app: TestApp) {
    let (ours, theirs) = (app.team("Ours").await, app.team("Theirs").await);
    let hidden = app.submitted(&theirs, "open", metadata("Theirs"), &predictions(&OPEN, 1.0)).await;
    let shown = app.submitted(&theirs, "open", public("Theirs too"), &predictions(&OPEN, 2.0)).await;
    let unknown = app.call("DELETE", "/api/v1/submissions/s000000000000000000000000", &ours, None).await;
    for id in [&hidden, &shown] {
        let address = format!("/api/v1/submissions/{id}");
        for (method, body) in [("PATCH", Some(public("Mine"))), ("DELETE", None)] {
            let reply = app.call(method, &address, &ours, body.clone()).await;
            assert_eq!((reply.status, &reply.bytes), (StatusCode::NOT_FOUND, &unknown.bytes), "{method}");
            assert_eq!(app.call(method, &address, "", body).await.problem().0, 401);
        }
        assert_eq!(app.get(&address, &theirs).await.status, StatusCode::OK);
    }
}

pub(crate) async fn withdrawn_is_gone(app: TestApp) {
    let token = app.team("Ours").await;
    let id = app.submitted(&token, "open", public("M"), &predictions(&OPEN, 1.0)).await;
    let address = format!("/api/v1/submissions/{id}");
    assert_eq!(app.portal.store.list().await.unwrap().len(), 1);
    assert_eq!(app.call("DELETE", &address, &token, None).await.status, StatusCode::NO_CONTENT);
    assert!(app.portal.store.list().await.unwrap().is_empty(), "the file goes too");
    for viewer in ["", &token] {
        assert_eq!(app.get(&address, viewer).await.problem(), (410, "withdrawn".to_owned()));
        assert_eq!(app.get(&format!("{address}/report"), viewer).await.problem(), (410, "withdrawn".to_owned()));
    }
    let page = app.get("/api/v1/boards/open", "").await.json();
    assert_eq!((&page["withdrawn"][0]["id"], &page["withdrawn"][0]["method"]), (&json!(id), &json!("M")));
    // What was never public leaves nothing for others to see, whatever it was called last.
    let quiet = app.submitted(&token, "open", metadata("Quiet"), &predictions(&OPEN, 2.0)).await;
    let quiet = format!("/api/v1/submissions/{quiet}");
    assert_eq!(app.call("DELETE", &quiet, &token, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(app.get(&quiet, "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(app.get(&quiet, &token).await.status, StatusCode::GONE);
    assert_eq!(app.get("/api/v1/boards/open", "").await.json()["withdrawn"].as_array().unwrap().len(), 1);
    assert_eq!(app.call("DELETE", &address, &token, None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(app.get("/api/v1/boards/open/quota", &token).await.json()["submissions_left"], 1);
}

pub(crate) async fn a_file_that_others_use_stays(app: TestApp) {
    let (ours, theirs) = (app.team("Ours").await, app.team("Theirs").await);
    let file = predictions(&OPEN, 1.0);
    let own = app.submitted(&ours, "open", metadata("M"), &file).await;
    let same = app.submitted(&theirs, "open", public("M"), &file).await;
    assert_eq!(app.portal.store.list().await.unwrap().len(), 1, "the same content is stored once");
    app.call("DELETE", &format!("/api/v1/submissions/{own}"), &ours, None).await;
    assert_eq!(app.get(&format!("/api/v1/submissions/{same}/predictions"), "").await.status, StatusCode::OK);
    assert_eq!(app.portal.store.list().await.unwrap().len(), 1);
    assert_eq!(app.get(&format!("/api/v1/submissions/{same}/predictions"), "").await.status, StatusCode::OK);
}

pub(crate) async fn nothing_is_lost_by_a_restart(app: TestApp) {
    let token = app.team("Ours").await;
    let id = app.submitted(&token, "open", public("M"), &predictions(&OPEN, 1.0)).await;
    let before = app.get(&format!("/api/v1/submissions/{id}"), "").await;
    app.portal.database.close().await;
    let again = app.restarted().await;
    assert_eq!(again.get(&format!("/api/v1/submissions/{id}"), "").await.bytes, before.bytes);
    assert_eq!(again.get("/api/v1/me", &token).await.json()["name"], "Ours");
    // A second process beside the first, as behind a load balancer.
    let beside = app.restarted().await;
    let other = beside.submitted(&token, "open", public("N"), &predictions(&OPEN, 2.0)).await;
    assert_eq!(again.get(&format!("/api/v1/submissions/{other}"), "").await.status, StatusCode::OK);
    assert_eq!(again.get("/api/v1/boards/open/quota", &token).await.json()["submissions_left"], 1);
}

pub(crate) async fn text_is_only_text(app: TestApp) {
    let nasty =
        "<img src=x onerror=alert(1)>'; DROP TABLE submissions; -- {{7*7}} ${jndi:ldap://x} %s \\u0000 \u{1f600}";
    let token = app.team("<b>Robert'); DROP TABLE teams;--</b>").await;
    let sent = json!({
        "method": nasty, "authors": nasty, "backbone": "\"'><svg/onload=alert(1)>", "notes": format!("{nasty}\n\tmore"),
        "paper": "https://example.org/?q=<script>", "external_data": "none", "visibility": "public",
    });
    let id = app.submitted(&token, "open", sent, &predictions(&OPEN, 1.0)).await;
    let reply = app.get(&format!("/api/v1/submissions/{id}"), "").await;
    assert_eq!(reply.headers["content-type"], "application/json");
    assert_eq!(reply.headers["x-content-type-options"], "nosniff");
    let row = reply.json();
    assert_eq!((&row["method"], &row["authors"]), (&json!(nasty), &json!(nasty)));
    assert_eq!(row["notes"], format!("{nasty}\n\tmore"));
    assert_eq!(row["paper"], "https://example.org/?q=%3Cscript%3E");
    assert_eq!(row["origin"]["team"], "<b>Robert'); DROP TABLE teams;--</b>");
    assert_eq!(app.get("/api/v1/me", &token).await.status, StatusCode::OK, "the tables are still there");
}
