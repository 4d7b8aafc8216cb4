//! What is counted, and what is not counted twice.

use axum::http::StatusCode;
use serde_json::json;

use crate::support::{NOON, OPEN, TestApp, metadata, predictions, submission};

pub(crate) async fn quotas_start_anew_at_midnight(app: TestApp) {
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

pub(crate) async fn files_with_problems_are_counted_apart(app: TestApp) {
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

pub(crate) async fn the_last_of_the_quota_is_given_once(app: TestApp) {
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

pub(crate) async fn no_more_is_read_than_the_quota_has_left(app: TestApp) {
    let token = app.team("Ours").await;
    let file = predictions(&OPEN, 1.0);
    let sent = (0..60).map(|_| app.submit(&token, "open", metadata("M"), file.as_bytes()));
    let replies = futures_util::future::join_all(sent).await;
    let taken = replies.iter().filter(|reply| reply.status == StatusCode::CREATED).count();
    assert_eq!(taken, 3);
    let refused = replies.iter().find(|reply| reply.status != StatusCode::CREATED).unwrap();
    assert_eq!(refused.problem(), (429, "quota-used-up".to_owned()));
    assert!(refused.headers.contains_key("retry-after"));
    let metrics = app.get("/metrics", "").await.text();
    assert!(metrics.contains("\nportal_uploads_read_total 3\n"), "{metrics}");
}

pub(crate) async fn a_repeated_request_gets_the_first_answer(app: TestApp) {
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
