//! Long rankings a page at a time, answers that are not sent twice, and what is gone for good.

use axum::{body::Body, http::Request};
use serde_json::{Value, json};

use crate::support::{OPEN, TestApp, metadata, predictions, public, submission};

pub(crate) async fn pages_are_parts_of_the_ranking(app: TestApp) {
    // Rows of 2.5 (a paper) and 4.0 (shipped) stand among the submissions.
    let mut tokens = Vec::new();
    for number in 0..4 {
        tokens.push(app.team(&format!("Team {number}")).await);
        for error in [1, 2, 4] {
            let file = predictions(&OPEN, f64::from(error + number));
            app.submitted(&tokens[number as usize], "open", public("M"), &file).await;
        }
    }
    app.pass(86_400);
    let private = app.submitted(&tokens[3], "open", metadata("Quiet"), &predictions(&OPEN, 1.0)).await;
    for token in ["", &tokens[3]] {
        let ids = |page: &Value| -> Vec<(Value, Value)> {
            let rows = page["board"]["rows"].as_array().unwrap();
            rows.iter().map(|row| (row["id"].clone(), row["scores"]["cmae"].clone())).collect()
        };
        let whole = app.get("/api/v1/boards/open", token).await.json();
        let scores = |rows: &[(Value, Value)]| rows.iter().map(|(_, score)| score.clone()).collect::<Vec<_>>();
        for limit in [1, 3, 5, 100] {
            let mut found = Vec::new();
            for from in (0..20).step_by(limit) {
                let page = app.get(&format!("/api/v1/boards/open?from={from}&limit={limit}"), token).await.json();
                assert_eq!(page["total"], json!(ids(&whole).len()));
                if let Some((_, first)) = ids(&page).first() {
                    let better = ids(&whole).iter().filter(|(_, other)| other.as_f64() < first.as_f64()).count();
                    assert_eq!(page["first_rank"], json!(better + 1), "rows of the same number share a place");
                }
                found.extend(ids(&page));
            }
            assert_eq!(scores(&found), scores(&ids(&whole)), "{limit}");
            let mut both =
                [found, ids(&whole)].map(|rows| rows.iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>());
            both.iter_mut().for_each(|ids| ids.sort());
            assert_eq!(both[0], both[1], "each row once");
        }
        let summary = &app.get("/api/v1/boards", "").await.json()[0];
        assert_eq!((&summary["rows"], &summary["best"]), (&json!(14), &json!(1.0)));
    }
    let own = app.get("/api/v1/boards/open?limit=1", &tokens[3]).await.json();
    assert_eq!((&own["own_rank"], &own["total"]), (&json!(1), &json!(15)));
    let own = app.get("/api/v1/boards/open?limit=1", &tokens[2]).await.json();
    // Better are 1.0 once, 2.0 twice, 2.5 of the paper; the team's best, 3.0, shares its place.
    assert_eq!(own["own_rank"], json!(5));
    assert_eq!(app.get("/api/v1/boards/open?limit=1", "").await.json().get("own_rank"), None);
    for wrong in ["limit=0", "limit=1001", "from=5", "from=-1&limit=5", "limit=5&from=99999999999"] {
        assert_eq!(app.get(&format!("/api/v1/boards/open?{wrong}"), "").await.status, 400, "{wrong}");
    }
    let beyond = app.get("/api/v1/boards/open?limit=5&from=4294967295", "").await.json();
    assert_eq!(beyond["board"]["rows"], json!([]));
    // The place of a new row is the same as in the whole ranking.
    let reply = app.submit(&tokens[0], "open", public("N"), predictions(&OPEN, 3.0).as_bytes()).await.json();
    let page = app.get("/api/v1/boards/open", &tokens[0]).await.json();
    let rows = page["board"]["rows"].as_array().unwrap();
    let better = rows.iter().filter(|row| row["scores"]["cmae"].as_f64().unwrap() < 3.0).count();
    assert_eq!(reply["rank"], json!(better + 1));
    assert!(!app.get("/api/v1/boards/open?limit=100", "").await.text().contains(&private));
}

pub(crate) async fn an_unchanged_answer_is_not_sent_twice(app: TestApp) {
    let first = app.get("/api/v1/boards/open", "").await;
    let tag = first.headers["etag"].clone();
    let again = |tag: axum::http::HeaderValue| {
        let request = Request::get("/api/v1/boards/open").header("if-none-match", tag);
        app.send(request.body(Body::empty()).unwrap())
    };
    let same = again(tag.clone()).await;
    assert_eq!((same.status.as_u16(), same.bytes.len(), &same.headers["etag"]), (304, 0, &tag));
    let token = app.team("Ours").await;
    app.submitted(&token, "open", public("M"), &predictions(&OPEN, 1.0)).await;
    let other = again(tag.clone()).await;
    assert_eq!(other.status, 200);
    assert_ne!(other.headers["etag"], tag);
}

pub(crate) async fn what_was_withdrawn_does_not_come_back(app: TestApp) {
    let token = app.team("Ours").await;
    let send = || {
        let request = submission(&token, "open", &metadata("M").to_string(), predictions(&OPEN, 1.0).as_bytes());
        app.send(request.header("idempotency-key", "one").body(""))
    };
    let first = send().await.json();
    let id = first["row"]["id"].as_str().unwrap().to_owned();
    assert_eq!(send().await.json(), first);
    app.call("DELETE", &format!("/api/v1/submissions/{id}"), &token, None).await;
    assert_eq!(send().await.problem(), (410, "withdrawn".to_owned()));
    assert_eq!(app.get("/api/v1/boards/open/quota", &token).await.json()["submissions_left"], 2);
}
