//! What boards tell, and what hidden boards keep.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use sqlx::Row;

use crate::support::{HIDDEN, OPEN, TestApp, metadata, predictions, public};

pub(crate) async fn hidden_truth_never_leaves(app: TestApp) {
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
    // More decimals would tell about single images.
    let scores = app.get(&format!("/api/v1/submissions/{id}"), "").await.json()["scores"].clone();
    for number in [&report["mae"], &report["rmse"], &scores["mae"], &scores["cmae"]] {
        assert!(number.to_string().split('.').nth(1).unwrap().len() <= 3, "{number}");
    }
    // Published predictions of a hidden board are for their owner only: they say what the truth may be.
    for path in [format!("/api/v1/submissions/{id}/predictions"), format!("{rows}/predictions")] {
        assert_eq!(app.get(&path, "").await.problem(), (404, "not-found".to_owned()));
        assert_eq!(app.get(&path, &token).await.status, StatusCode::OK);
    }
    assert_eq!(app.get(&format!("/api/v1/submissions/{id}"), "").await.json()["predictions"], Value::Null);
}

pub(crate) async fn reports_and_comparisons(app: TestApp) {
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

pub(crate) async fn a_report_is_computed_once(app: TestApp) {
    let token = app.team("Ours").await;
    let id = app.submitted(&token, "open", public("M"), &predictions(&OPEN, 1.0)).await;
    let path = format!("/api/v1/submissions/{id}/report");
    let replies = futures_util::future::join_all((0..8).map(|_| app.get(&path, ""))).await;
    assert!(replies.iter().all(|reply| reply.status == StatusCode::OK && reply.bytes == replies[0].bytes));
    let metrics = app.get("/metrics", "").await.text();
    assert!(metrics.contains("\nportal_results_computed_total 1\n"), "{metrics}");
}

pub(crate) async fn a_submission_does_not_wait_for_reports(app: TestApp) {
    let token = app.team("Ours").await;
    // The report ends when the channel says so.
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let reporters = app.portal.reporters.clone();
    let report = tokio::spawn(async move { reporters.run(move || ended.recv()).await });
    app.submitted(&token, "open", public("M"), &predictions(&OPEN, 1.0)).await;
    assert!(!report.is_finished());
    end.send(()).unwrap();
    report.await.unwrap().unwrap().unwrap();
}

pub(crate) async fn a_report_is_kept_although_the_asker_has_gone(app: TestApp) {
    let token = app.team("Ours").await;
    let id = app.submitted(&token, "open", public("M"), &predictions(&OPEN, 1.0)).await;
    // The thread that computes reports waits until the asker has gone.
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let reporters = app.portal.reporters.clone();
    let before = tokio::spawn(async move { reporters.run(move || ended.recv()).await });
    let path = format!("/api/v1/submissions/{id}/report");
    assert!(tokio::time::timeout(Duration::from_secs(1), app.get(&path, "")).await.is_err(), "there was no report yet");
    end.send(()).unwrap();
    before.await.unwrap().unwrap().unwrap();
    let computed = async || app.get("/metrics", "").await.text().contains("\nportal_results_computed_total 1\n");
    let kept = async {
        while !computed().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), kept).await.expect("what was asked for is computed");
    assert_eq!(app.get(&path, "").await.status, StatusCode::OK);
    assert!(computed().await, "it was computed again");
}

pub(crate) async fn kept_results_are_bounded(app: TestApp) {
    let token = app.team("Ours").await;
    let id = app.submitted(&token, "open", public("M"), &predictions(&OPEN, 1.0)).await;
    let mut transaction = app.portal.database.begin().await.unwrap();
    for number in 0..2_100_i64 {
        let statement = "INSERT INTO results (key, value, computed) VALUES ($1, '{}', $2)";
        let statement = sqlx::query(statement).bind(format!("old {number:04}")).bind(number);
        statement.execute(&mut *transaction).await.unwrap();
    }
    transaction.commit().await.unwrap();
    assert_eq!(app.get(&format!("/api/v1/submissions/{id}/report"), "").await.status, StatusCode::OK);
    let oldest = "SELECT COUNT(*), MIN(computed) FROM results";
    let row = sqlx::query(oldest).fetch_one(app.portal.database.read()).await.unwrap();
    // The new one and the 1,999 newest of the others.
    assert_eq!((row.get::<i64, _>(0), row.get::<i64, _>(1)), (2_000, 101));
}
