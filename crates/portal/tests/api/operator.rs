//! What the operator does and sees: rescoring, export, backup, the description, health.

use std::{collections::BTreeSet, fs, path::Path};

use axum::http::StatusCode;
use portal::{
    commands::{
        backup::backup,
        doctor::examine,
        export::{deep_links, export},
        rescore::rescore,
        restore::restore,
    },
    identity::Opening,
    state::Portal,
    submission::Submission,
};
use serde_json::json;

use crate::support::{HIDDEN, OPEN, TestApp, metadata, predictions, public};

pub(crate) async fn rescoring_says_what_changed(app: TestApp) {
    let token = app.team("Ours").await;
    let id = app.submitted(&token, "open", public("M"), &predictions(&OPEN, 1.0)).await;
    let same = rescore(&app.portal).await.unwrap();
    assert_eq!((same.scored, same.changed.len(), same.failed.len()), (1, 0, 0));

    // One label of the truth was wrong: 4 becomes 7, and the prediction of 5 is two years off instead of one.
    let truth = app.folder.path().join("public/boards/open.truth.csv");
    fs::write(&truth, fs::read_to_string(&truth).unwrap().replace("img-a,4", "img-a,7")).unwrap();
    // A server with another truth than its rows' does not start, and one that runs with the old truth goes on until the
    // rows are switched.
    let refused = Portal::open(app.config(), Opening::Serving).await.map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("board open") && refused.contains("portal rescore"), "{refused}");
    app.submitted(&token, "open", metadata("Meanwhile"), &predictions(&OPEN, 2.0)).await;
    let command = Portal::open(app.config(), Opening::Existing).await.unwrap();
    let changes = rescore(&command).await.unwrap();
    assert_eq!((changes.scored, changes.changed.len()), (2, 2));
    assert_eq!(changes.versions, ["open: version 2 of the truth"]);
    let late = app.submit(&token, "open", metadata("Late"), predictions(&OPEN, 3.0).as_bytes()).await;
    assert_eq!(late.problem(), (503, "unavailable".to_owned()), "its truth is the old one");
    let again = app.restarted().await;
    let version = again.get("/api/v1/boards/open", "").await.json()["truth_version"].clone();
    assert_eq!((&version["version"], version["fingerprint"].as_str().unwrap().len()), (&json!(2), 16));
    let line = changes.changed.iter().find(|line| line.contains(&id)).unwrap();
    assert!(line.contains("MAE 1.0000 -> 1.1667"), "{changes:?}");
    let row = again.get(&format!("/api/v1/submissions/{id}"), "").await.json();
    assert!((row["scores"]["mae"].as_f64().unwrap() - 7.0 / 6.0).abs() < 1e-12);
    // The report with its intervals is not the remembered one of the old truth.
    let report = again.get(&format!("/api/v1/submissions/{id}/report"), "").await.json();
    assert!((report["mae"].as_f64().unwrap() - 7.0 / 6.0).abs() < 1e-12);

    // A damaged file is reported and the numbers stay.
    let stored = Submission::find(&again.portal.database, &id).await.unwrap().unwrap().predictions;
    let path = again.data().join(format!("predictions/{}/{stored}.zst", &stored[..2]));
    fs::write(&path, zstd::encode_all(predictions(&OPEN, 0.0).as_bytes(), 3).unwrap()).unwrap();
    let changes = rescore(&again.portal).await.unwrap();
    assert_eq!((changes.scored, changes.failed.len()), (0, 1), "and nothing else is switched");
    assert!(changes.failed[0].contains("another hash"), "{changes:?}");
}

pub(crate) async fn the_export_holds_every_public_row(app: TestApp) {
    let token = app.team("Ours").await;
    let shown = app.submitted(&token, "open", public("Shown"), &predictions(&OPEN, 1.0)).await;
    let kept = app.submitted(&token, "open", metadata("Kept back"), &predictions(&OPEN, 2.0)).await;
    let hidden = app.submitted(&token, "secret", public("On a hidden board"), &predictions(&HIDDEN, 3.0)).await;
    let folder = app.folder.path().join("export");
    let count = export(&app.portal, &folder).await.unwrap();
    let mut files = BTreeSet::new();
    list(&folder, &folder, &mut files);
    assert_eq!(files.len(), count);
    for wanted in [
        "api/v1/index.html".to_owned(),
        "api/v1/openapi.json".to_owned(),
        "api/v1/boards.json".to_owned(),
        "api/v1/boards/open.json".to_owned(),
        "api/v1/boards/open/truth.csv".to_owned(),
        "api/v1/boards/open/rows/shipped/predictions.csv".to_owned(),
        "api/v1/boards/open/rows/shipped/report.json".to_owned(),
        format!("api/v1/submissions/{shown}.json"),
        format!("api/v1/boards/open/compare/{shown}/shipped.json"),
        format!("api/v1/submissions/{shown}/predictions.csv"),
        format!("api/v1/submissions/{hidden}/report.json"),
        "api/v1/problems/not-found.html".to_owned(),
    ] {
        assert!(files.contains(&wanted), "{wanted} in {files:#?}");
    }
    for file in &files {
        assert!(!file.contains(&kept) && !file.contains("secret/truth"), "{file}");
        let text = fs::read_to_string(folder.join(file)).unwrap();
        assert!(!text.contains("Kept back") && !text.contains(HIDDEN[0].0), "{file}");
    }
    assert!(!files.contains(&format!("api/v1/submissions/{hidden}/predictions.csv")));
    let page = fs::read(folder.join("api/v1/boards/open.json")).unwrap();
    assert_eq!(page, app.get("/api/v1/boards/open", "").await.bytes);

    // A second export leaves nothing of the first, and the page's addresses are files.
    app.call("DELETE", &format!("/api/v1/submissions/{shown}"), &token, None).await;
    assert_eq!(deep_links(&app.portal, &folder).unwrap(), 0, "there is no page yet");
    fs::write(folder.join("index.html"), "<!doctype html>").unwrap();
    fs::create_dir_all(folder.join("leaderboard/gone")).unwrap();
    export(&app.portal, &folder).await.unwrap();
    assert_eq!(deep_links(&app.portal, &folder).unwrap(), 2 + app.portal.boards.len());
    let mut files = BTreeSet::new();
    list(&folder, &folder, &mut files);
    assert!(!files.iter().any(|file| file.contains(&shown)), "{files:#?}");
    for link in ["leaderboard/index.html", "leaderboard/open/index.html", "about/index.html"] {
        assert!(files.contains(link), "{link}");
    }
    assert!(!folder.join("leaderboard/gone").exists());
    // What is no export is left alone.
    let other = app.folder.path().join("other");
    fs::create_dir_all(other.join("api")).unwrap();
    let refused = export(&app.portal, &other).await.unwrap_err().to_string();
    assert!(refused.contains("no export"), "{refused}");
}

pub(crate) async fn a_backup_brings_everything_back(app: TestApp) {
    let token = app.team("Ours").await;
    let id = app.submitted(&token, "secret", metadata("M"), &predictions(&HIDDEN, 1.0)).await;
    let file = app.folder.path().join("backup.tar.zst");
    assert_eq!(backup(&app.portal, &file).await.unwrap(), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0, "it holds hidden truth");
    }
    let config = app.elsewhere("restored").await;
    let restored = restore(&config, &file).await.unwrap();
    assert_eq!((restored.files, restored.boards), (1, 1));
    assert!(config.data.join("boards/secret.truth.csv").is_file());
    let again = app.over(config.clone()).await;
    let changes = rescore(&again.portal).await.unwrap();
    assert_eq!((changes.scored, changes.changed.len(), changes.failed.len()), (1, 0, 0));
    assert_eq!(Submission::find(&again.portal.database, &id).await.unwrap().unwrap().team_name, "Ours");
    assert_eq!(again.get("/api/v1/me", &token).await.json()["name"], "Ours");
    assert_eq!(again.get("/api/v1/boards/secret/quota", &token).await.json()["submissions_left"], 2);
    assert_eq!(examine(&again.portal, true).await.unwrap().wrong, [""; 0]);

    // A second time it would overwrite what is there, and a damaged file brings nothing back.
    let message = restore(&config, &file).await.unwrap_err().to_string();
    assert!(message.contains("already"), "{message}");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let other = app.elsewhere("damaged").await;
    assert!(restore(&other, &file).await.is_err());
    assert!(Portal::open(other, Opening::Existing).await.is_err(), "no database was made");
}

pub(crate) async fn the_description_is_complete(app: TestApp) {
    let document = app.get("/api/v1/openapi.json", "").await.json();
    for (path, methods) in [
        ("/api/v1/boards", "get"),
        ("/api/v1/boards/{board}", "get"),
        ("/api/v1/boards/{board}/truth", "get"),
        ("/api/v1/boards/{board}/quota", "get"),
        ("/api/v1/boards/{board}/compare", "get"),
        ("/api/v1/boards/{board}/submissions", "post"),
        ("/api/v1/boards/{board}/rows/{row}/predictions", "get"),
        ("/api/v1/boards/{board}/rows/{row}/report", "get"),
        ("/api/v1/boards/{board}/rows/{row}/worst", "get"),
        ("/api/v1/submissions/{id}", "get patch delete"),
        ("/api/v1/submissions/{id}/report", "get"),
        ("/api/v1/submissions/{id}/predictions", "get"),
        ("/api/v1/teams", "post"),
        ("/api/v1/me", "get"),
        ("/api/v1/me/token", "post"),
        ("/api/v1/me/tokens", "get post"),
        ("/api/v1/me/tokens/{token}", "delete"),
        ("/api/v1/me/submissions", "get"),
        ("/api/v1/boards/{board}/frozen/{number}", "get"),
        ("/api/v1/boards/{board}/frozen/{number}/citation", "get"),
        ("/api/v1/organise", "get"),
        ("/api/v1/organise/deeds", "post"),
        ("/api/v1/organise/log", "get"),
        ("/api/v1/organise/boards/{board}", "get"),
        ("/api/v1/problems/{kind}", "get"),
    ] {
        for method in methods.split(' ') {
            let operation = &document["paths"][path][method];
            assert!(operation["summary"].is_string(), "{method} {path}");
            let answers = operation["responses"].as_object().unwrap();
            assert!(answers.contains_key("429") && answers.contains_key("500"), "{method} {path}");
            for (status, answer) in answers {
                let schema = &answer["content"]["application/json"]["schema"];
                let named = schema["$ref"].is_string() || schema["items"]["$ref"].is_string();
                assert!(schema.is_null() || named, "{method} {path}, {status}: {schema}");
            }
        }
    }
    // Every reference leads somewhere.
    let text = document.to_string();
    for reference in text.split("\"#/components/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document.pointer(&format!("/components/{reference}")).is_some(), "{reference}");
    }
    let page = app.get("/api/v1/", "").await;
    assert_eq!(
        (page.status, page.headers["content-type"].to_str().unwrap()),
        (StatusCode::OK, "text/html; charset=utf-8")
    );
    assert!(page.headers.contains_key("content-security-policy"));
}

pub(crate) async fn health_and_metrics(app: TestApp) {
    assert_eq!(app.get("/readyz", "").await.text(), "ready\n");
    let token = app.team("Ours").await;
    app.submitted(&token, "open", metadata("M"), &predictions(&OPEN, 1.0)).await;
    app.submit(&token, "open", metadata("M"), b"id,age\n").await;
    app.get("/api/v1/made-up-by-a-visitor", "").await;
    let text = app.get("/metrics", "").await.text();
    for line in [
        "portal_requests_total{route=\"/api/v1/boards/{board}/submissions\",method=\"POST\",status=\"201\"} 1",
        "portal_requests_total{route=\"/api/v1/boards/{board}/submissions\",method=\"POST\",status=\"422\"} 1",
        "portal_submissions_total{outcome=\"scored\"} 1",
        "portal_submissions_total{outcome=\"failed\"} 1",
        "portal_submissions_total{outcome=\"repeated\"} 0",
        "portal_request_seconds_count{route=\"/api/v1/boards/{board}/submissions\"} 2",
        "portal_scored_rows_total 6",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(!text.contains("made-up"), "paths that anyone can invent are no labels");

    app.portal.database.close().await;
    assert_eq!(app.get("/readyz", "").await.problem(), (503, "unavailable".to_owned()));
    assert_eq!(app.get("/healthz", "").await.status, StatusCode::OK, "the process itself lives");
    let refused = app.call("POST", "/api/v1/teams", "", Some(json!({ "name": "Late" }))).await;
    assert_eq!(refused.problem(), (503, "unavailable".to_owned()));
}

fn list(root: &Path, folder: &Path, files: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            list(root, &path, files);
        } else {
            files.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
        }
    }
}
