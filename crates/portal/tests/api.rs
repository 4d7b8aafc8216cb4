//! The leaderboard's API, from making a team to withdrawing: each scenario on SQLite and on PostgreSQL.

mod support;

use axum::http::StatusCode;
use serde_json::{Value, json};
use support::{HIDDEN, NOON, OPEN, Postgres, TestApp, metadata, predictions, public, submission};

/// Makes one test per scenario on SQLite, and one that runs all of them on one PostgreSQL server.
macro_rules! scenarios {
    ($($name:ident)*) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() { super::$name(super::TestApp::sqlite().await).await; })*
        }

        #[tokio::test]
        async fn postgres() {
            let Some(server) = tokio::task::spawn_blocking(|| Postgres::start(false)).await.unwrap() else { return };
            $($name(TestApp::postgres(&server).await).await;)*
        }
    };
}

scenarios! {
    the_whole_journey
    everything_is_private_until_published
    others_submissions_do_not_exist
    quotas_start_anew_at_midnight
    files_with_problems_are_counted_apart
    hidden_truth_never_leaves
    a_repeated_request_gets_the_first_answer
    the_last_of_the_quota_is_given_once
    tokens_end
    tokens_are_replaced
    team_names_are_unique
    withdrawn_is_gone
    a_file_that_others_use_stays
    nothing_is_lost_by_a_restart
    text_is_only_text
    reports_and_comparisons
}

async fn the_whole_journey(app: TestApp) {
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

async fn everything_is_private_until_published(app: TestApp) {
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
    app.call("PATCH", &address, &token, Some(metadata("Quiet again"))).await;
    assert_eq!(app.get(&address, "").await.status, StatusCode::NOT_FOUND);
}

async fn others_submissions_do_not_exist(app: TestApp) {
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

async fn quotas_start_anew_at_midnight(app: TestApp) {
    let token = app.team("Ours").await;
    app.pass(43_199);
    for left in [2, 1, 0] {
        let reply = app.submit(&token, "open", metadata("M"), predictions(&OPEN, f64::from(left)).as_bytes()).await;
        let quota = &reply.json()["quota"];
        assert_eq!((&quota["submissions_left"], &quota["resets"]), (&json!(left), &json!(NOON + 43_200)));
    }
    let refused = app.submit(&token, "open", metadata("M"), predictions(&OPEN, 1.0).as_bytes()).await;
    assert_eq!(refused.problem(), (429, "quota-used-up".to_owned()));
    assert_eq!(refused.headers["retry-after"], "1");
    assert!(refused.text().contains("0 are left") && refused.text().contains("0 h 0 min"), "{}", refused.text());
    // Another board and another team have their own.
    assert_eq!(app.get("/api/v1/boards/secret/quota", &token).await.json()["submissions_left"], 3);
    let others = app.team("Others").await;
    assert_eq!(app.get("/api/v1/boards/open/quota", &others).await.json()["submissions_left"], 3);

    app.pass(1);
    let quota = app.get("/api/v1/boards/open/quota", &token).await.json();
    assert_eq!(quota, json!({ "submissions_left": 3, "failed_left": 20, "resets": NOON + 43_200 + 86_400 }));
    app.submitted(&token, "open", metadata("M"), &predictions(&OPEN, 1.0)).await;
}

async fn files_with_problems_are_counted_apart(app: TestApp) {
    let token = app.team("Ours").await;
    let bad = b"id,age\nimg-a,NaN\nimg-b,x\nnobody,3\nimg-c,30\nimg-c,31\n";
    let reply = app.submit(&token, "open", metadata("M"), bad).await;
    assert_eq!(reply.problem(), (422, "bad-predictions".to_owned()));
    let problems = reply.json();
    let groups = problems["problems"].as_array().unwrap();
    assert!(groups.len() >= 4, "all kinds at once: {}", reply.text());
    assert!(groups.iter().all(|group| group["count"].as_u64().unwrap() > 0), "{}", reply.text());
    let quota = app.get("/api/v1/boards/open/quota", &token).await.json();
    assert_eq!((&quota["submissions_left"], &quota["failed_left"]), (&json!(3), &json!(19)));
    assert_eq!(app.get("/api/v1/boards/open", &token).await.json()["board"]["rows"].as_array().unwrap().len(), 2);

    for _ in 0..19 {
        assert_eq!(app.submit(&token, "open", metadata("M"), bad).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(app.submit(&token, "open", metadata("M"), bad).await.problem().0, 429);
    // A mistake in the text is found before the file is scored, and costs nothing.
    let others = app.team("Others").await;
    assert_eq!(app.submit(&others, "open", metadata(""), bad).await.problem(), (422, "bad-metadata".to_owned()));
    assert_eq!(app.get("/api/v1/boards/open/quota", &others).await.json()["failed_left"], 20);
}

async fn hidden_truth_never_leaves(app: TestApp) {
    let token = app.team("Ours").await;
    // Rounded predictions, so that not even our own file holds an age of the truth.
    let id = app.submitted(&token, "secret", public("M"), &predictions(&HIDDEN, 3.0)).await;
    let other = app.submitted(&token, "secret", metadata("N"), &predictions(&HIDDEN, 5.0)).await;
    let rows = format!("/api/v1/boards/secret/rows/{id}");
    for (path, expected) in [
        ("/api/v1/boards".to_owned(), 200),
        ("/api/v1/boards/secret".to_owned(), 200),
        ("/api/v1/boards/secret/truth".to_owned(), 404),
        ("/api/v1/boards/secret/quota".to_owned(), 200),
        (format!("/api/v1/boards/secret/compare?a={id}&b={other}"), 200),
        (format!("/api/v1/submissions/{id}"), 200),
        (format!("/api/v1/submissions/{id}/report"), 200),
        (format!("{rows}/report"), 200),
        (format!("{rows}/worst?count=1000"), 404),
        ("/api/v1/openapi.json".to_owned(), 200),
        ("/api/v1/".to_owned(), 200),
        ("/metrics".to_owned(), 200),
        ("/boards/secret.toml".to_owned(), 200),
        ("/boards/secret.truth.csv".to_owned(), 404),
        ("/data/boards/secret.truth.csv".to_owned(), 404),
        ("/../data/boards/secret.truth.csv".to_owned(), 404),
        ("/boards/..%2f..%2fdata/boards/secret.truth.csv".to_owned(), 404),
    ] {
        let reply = app.get(&path, &token).await;
        assert_eq!(reply.status.as_u16(), expected, "{path}: {}", reply.text());
        for (image, age) in HIDDEN {
            assert!(!reply.text().contains(image) && !reply.text().contains(&age.to_string()), "{path} tells {image}");
        }
    }
    let page = app.get("/api/v1/boards/secret", &token).await.json();
    assert_eq!(page["test_counts"], json!([]));
    let report = app.get(&format!("/api/v1/submissions/{id}/report"), "").await.json();
    assert_eq!((&report["by_age"], &report["aar"]["groups"]), (&json!([]), &json!([])));
    assert!(report["mae"].as_f64().unwrap() > 0.0 && report["intervals"].is_object());
    // Published predictions of a hidden board are for their owner only: they say what the truth may be.
    for path in [format!("/api/v1/submissions/{id}/predictions"), format!("{rows}/predictions")] {
        assert_eq!(app.get(&path, "").await.problem(), (404, "not-found".to_owned()));
        assert_eq!(app.get(&path, &token).await.status, StatusCode::OK);
    }
    assert_eq!(app.get(&format!("/api/v1/submissions/{id}"), "").await.json()["predictions"], Value::Null);
}

async fn a_repeated_request_gets_the_first_answer(app: TestApp) {
    let token = app.team("Ours").await;
    let send = |file: String, key: &'static str| {
        let request = submission(&token, "open", &metadata("M").to_string(), file.as_bytes());
        app.send(request.header("idempotency-key", key).body(""))
    };
    let first = send(predictions(&OPEN, 1.0), "one").await;
    assert_eq!(first.status, StatusCode::CREATED);
    let again = send(predictions(&OPEN, 1.0), "one").await;
    assert_eq!((again.status, &again.bytes), (StatusCode::CREATED, &first.bytes));
    assert_eq!(again.headers["location"], first.headers["location"]);
    assert_eq!(send(predictions(&OPEN, 2.0), "one").await.problem(), (422, "idempotency-key-reused".to_owned()));
    assert_eq!(app.get("/api/v1/boards/open/quota", &token).await.json()["submissions_left"], 2);

    // A failed file too, and also when nothing is left, and for each team apart.
    let failed = send("id,age\n".to_owned(), "two").await;
    assert_eq!(failed.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(send("id,age\n".to_owned(), "two").await.bytes, failed.bytes);
    assert_eq!(app.get("/api/v1/boards/open/quota", &token).await.json()["failed_left"], 19);
    for (error, key) in [(3.0, "three"), (4.0, "four")] {
        assert_eq!(send(predictions(&OPEN, error), key).await.status, StatusCode::CREATED);
    }
    assert_eq!(send(predictions(&OPEN, 5.0), "five").await.problem().0, 429);
    assert_eq!(send(predictions(&OPEN, 1.0), "one").await.bytes, first.bytes);
    let others = app.team("Others").await;
    let request = submission(&others, "open", &metadata("M").to_string(), predictions(&OPEN, 1.0).as_bytes());
    let theirs = app.send(request.header("idempotency-key", "one").body("")).await;
    assert_ne!(theirs.json()["row"]["id"], first.json()["row"]["id"]);

    // All at once: one is stored, all are told the same.
    let file = predictions(&OPEN, 6.0);
    let text = metadata("M").to_string();
    let send = || app.send(submission(&others, "open", &text, file.as_bytes()).header("idempotency-key", "x").body(""));
    let replies = futures_util::future::join_all([send(), send(), send(), send()]).await;
    assert!(replies.iter().all(|reply| reply.bytes == replies[0].bytes && reply.status == StatusCode::CREATED));
    assert_eq!(app.get("/api/v1/boards/open/quota", &others).await.json()["submissions_left"], 1);
}

async fn the_last_of_the_quota_is_given_once(app: TestApp) {
    let token = app.team("Ours").await;
    let file = predictions(&OPEN, 1.0);
    let sent = (0..8).map(|_| app.submit(&token, "open", metadata("M"), file.as_bytes()));
    let replies = futures_util::future::join_all(sent).await;
    let taken = replies.iter().filter(|reply| reply.status == StatusCode::CREATED).count();
    let refused = replies.iter().filter(|reply| reply.status == StatusCode::TOO_MANY_REQUESTS).count();
    assert_eq!((taken, refused), (3, 5));
    let rows = app.get("/api/v1/boards/open", &token).await.json();
    assert_eq!(rows["board"]["rows"].as_array().unwrap().len(), 2 + 3);
}

async fn tokens_end(app: TestApp) {
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

async fn tokens_are_replaced(app: TestApp) {
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

async fn team_names_are_unique(app: TestApp) {
    app.team("Team One").await;
    for name in ["Team One", "team  one", "TEAM ONE", "\u{ff34}eam One"] {
        let reply = app.call("POST", "/api/v1/teams", "", Some(json!({ "name": name }))).await;
        assert_eq!(reply.problem(), (409, "name-taken".to_owned()), "{name}");
    }
    app.team("Team Two").await;
}

async fn withdrawn_is_gone(app: TestApp) {
    let token = app.team("Ours").await;
    let id = app.submitted(&token, "open", public("M"), &predictions(&OPEN, 1.0)).await;
    let address = format!("/api/v1/submissions/{id}");
    assert_eq!(app.portal.store.list().await.unwrap().len(), 1);
    assert_eq!(app.call("DELETE", &address, &token, None).await.status, StatusCode::NO_CONTENT);
    assert!(app.portal.store.list().await.unwrap().is_empty(), "the file goes too");
    for viewer in ["", &token] {
        assert_eq!(app.get(&address, viewer).await.status, StatusCode::NOT_FOUND);
        assert_eq!(app.get(&format!("{address}/report"), viewer).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(app.call("DELETE", &address, &token, None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(app.get("/api/v1/boards/open/quota", &token).await.json()["submissions_left"], 2);
}

async fn a_file_that_others_use_stays(app: TestApp) {
    let (ours, theirs) = (app.team("Ours").await, app.team("Theirs").await);
    let file = predictions(&OPEN, 1.0);
    let own = app.submitted(&ours, "open", metadata("M"), &file).await;
    let same = app.submitted(&theirs, "open", public("M"), &file).await;
    assert_eq!(app.portal.store.list().await.unwrap().len(), 1, "the same content is stored once");
    app.call("DELETE", &format!("/api/v1/submissions/{own}"), &ours, None).await;
    assert_eq!(app.get(&format!("/api/v1/submissions/{same}/predictions"), "").await.status, StatusCode::OK);
    // What a killed process left is swept, what is in use is not.
    let orphan = "ab".repeat(32);
    app.portal.store.put(&orphan, b"half").await.unwrap();
    assert_eq!(portal::accept::sweep(&app.portal).await.unwrap(), 1);
    assert_eq!(app.portal.store.list().await.unwrap().len(), 1);
    assert_eq!(app.get(&format!("/api/v1/submissions/{same}/predictions"), "").await.status, StatusCode::OK);
}

async fn nothing_is_lost_by_a_restart(app: TestApp) {
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

async fn text_is_only_text(app: TestApp) {
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

async fn reports_and_comparisons(app: TestApp) {
    let token = app.team("Ours").await;
    let id = app.submitted(&token, "open", public("M"), &predictions(&OPEN, 1.0)).await;
    let report = app.get(&format!("/api/v1/submissions/{id}/report"), "").await;
    let by_row = app.get(&format!("/api/v1/boards/open/rows/{id}/report"), "").await;
    assert_eq!(report.bytes, by_row.bytes);
    let report: glae_metrics::Report = serde_json::from_slice(&report.bytes).unwrap();
    assert_eq!((report.mae, report.cmae, report.samples), (1.0, 1.0, 6));
    assert!(report.intervals.is_some() && !report.by_age.is_empty());
    let shipped: glae_metrics::Report =
        serde_json::from_slice(&app.get("/api/v1/boards/open/rows/shipped/report", "").await.bytes).unwrap();
    assert_eq!(shipped.mae, 4.0);

    let compared = app.get(&format!("/api/v1/boards/open/compare?a={id}&b=shipped"), "").await;
    let comparison: glae_metrics::Comparison = serde_json::from_slice(&compared.bytes).unwrap();
    assert_eq!((comparison.mae.a, comparison.mae.b, comparison.samples), (1.0, 4.0, 6));
    let again = app.get(&format!("/api/v1/boards/open/compare?a={id}&b=shipped"), "").await;
    assert_eq!(again.bytes, compared.bytes);
    // A row from a paper has no predictions.
    assert_eq!(app.get("/api/v1/boards/open/compare?a=paper&b=shipped", "").await.problem().0, 404);

    let worst = app.get("/api/v1/boards/open/rows/shipped/worst?count=2", "").await.json();
    assert_eq!((worst.as_array().unwrap().len(), &worst[0]["error"]), (2, &json!(4.0)));
    assert_eq!(app.get("/api/v1/boards/open/truth", "").await.text().lines().nth(1), Some("img-a,4"));
    assert_eq!(app.get("/api/v1/boards/yours/truth", "").await.problem(), (404, "no-truth".to_owned()));
    let closed = app.submit(&token, "yours", metadata("M"), b"id,age\n").await;
    assert_eq!(closed.problem(), (409, "closed-board".to_owned()));
}
