//! What teams call themselves and say about their submissions.

use axum::{body::Body, http::Request};
use serde_json::{Value, json};

use crate::{
    judge,
    support::{OPEN, TestApp, predictions, public, submission},
};

pub(crate) async fn teams(database: Option<String>) {
    let app = TestApp::with(database, |_| {}).await;
    let json = "application/json";
    let deep = "[".repeat(100_000);
    let bodies: Vec<(&str, &str, String, &[u16])> = vec![
        ("nothing", json, String::new(), &[400]),
        ("not JSON", json, "{".into(), &[400]),
        ("a list", json, "[]".into(), &[400]),
        ("a number", json, "1e999".into(), &[400]),
        ("null", json, "null".into(), &[400]),
        ("very deep", json, deep, &[400, 413]),
        ("wrong type", json, json!({ "name": 5 }).to_string(), &[400]),
        ("null name", json, json!({ "name": null }).to_string(), &[400]),
        ("an object as name", json, json!({ "name": { "$ne": null } }).to_string(), &[400]),
        ("another field", json, json!({ "name": "Good", "admin": true }).to_string(), &[400]),
        ("the name twice", json, "{\"name\":\"One\",\"name\":\"Two\"}".into(), &[400]),
        ("half a surrogate", json, "{\"name\":\"\\ud800ab\"}".into(), &[400]),
        ("zero byte", json, json!({ "name": "a\0b" }).to_string(), &[422]),
        ("escape sequence", json, json!({ "name": "\u{1b}[2Jab" }).to_string(), &[422]),
        ("right to left", json, json!({ "name": "ab\u{202e}cd" }).to_string(), &[422]),
        ("zero width", json, json!({ "name": "a\u{200b}b" }).to_string(), &[422]),
        ("invisible letters", json, json!({ "name": "\u{3164}\u{115f}" }).to_string(), &[422]),
        ("tags", json, json!({ "name": "ab\u{e0061}" }).to_string(), &[422]),
        ("spaces", json, json!({ "name": "   \u{3000}" }).to_string(), &[422]),
        ("one letter", json, json!({ "name": "a" }).to_string(), &[422]),
        ("too long", json, json!({ "name": "a".repeat(61) }).to_string(), &[422]),
        ("many marks", json, json!({ "name": format!("a{}", "\u{301}".repeat(70)) }).to_string(), &[422]),
        ("far too long", json, json!({ "name": "a".repeat(60_000) }).to_string(), &[422]),
        ("beyond the body's limit", json, json!({ "name": "a".repeat(100_000) }).to_string(), &[413]),
        ("a form", "application/x-www-form-urlencoded", "name=Good".into(), &[415]),
        ("XML", "application/xml", "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]>".into(), &[415]),
        ("an image", "image/jpeg", "\u{ff}\u{d8}".into(), &[415]),
        ("no type", "", json!({ "name": "Good" }).to_string(), &[415]),
        ("odd type", "application/json; charset=utf-7, text/html", "+".into(), &[400, 415]),
    ];
    for (name, kind, body, expected) in bodies {
        let mut request = Request::post("/api/v1/teams");
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        judge(&app, &format!("api team, {name}"), request.body(Body::from(body)).unwrap(), expected).await;
    }
    let bytes =
        Request::post("/api/v1/teams").header("content-type", json).body(Body::from(vec![0xff, 0xfe, 0x00])).unwrap();
    judge(&app, "api team, not UTF-8", bytes, &[400]).await;
}

pub(crate) async fn metadata_of_submissions(database: Option<String>) {
    let app = TestApp::with(database, |_| {}).await;
    let token = app.team("Ours").await;
    let file = predictions(&OPEN, 1.0);
    let with = |field: &str, value: Value| {
        let mut sent = public("M");
        sent[field] = value;
        sent.to_string()
    };
    let table: Vec<(&str, String, &[u16])> = vec![
        ("not JSON", "method=M".into(), &[422]),
        ("empty", String::new(), &[422]),
        ("a list", "[]".into(), &[422]),
        ("no method", json!({ "external_data": "none" }).to_string(), &[422]),
        ("unknown field", with("rank", json!(1)), &[422]),
        ("scores of its own", with("scores", json!({ "cmae": 0.0 })), &[422]),
        ("another's team", with("team", json!("Others")), &[422]),
        ("method of 101", with("method", json!("m".repeat(101))), &[422]),
        ("method of null bytes", with("method", json!("\0\0")), &[422]),
        ("method over lines", with("method", json!("a\nb")), &[422]),
        ("authors reversed", with("authors", json!("\u{202e}eoD")), &[422]),
        ("year 0", with("year", json!(0)), &[422]),
        ("year of minus one", with("year", json!(-1)), &[422]),
        ("year of many digits", with("year", json!(99999999999u64)), &[422]),
        ("year as text", with("year", json!("2026")), &[422]),
        ("no parameters", with("parameters_millions", json!(0)), &[422]),
        ("negative parameters", with("parameters_millions", json!(-1)), &[422]),
        ("infinite parameters", public("M").to_string().replace('}', ",\"parameters_millions\":1e999}"), &[422]),
        ("NaN parameters", public("M").to_string().replace('}', ",\"parameters_millions\":NaN}"), &[422]),
        ("external data maybe", with("external_data", json!("maybe")), &[422]),
        ("visibility admin", with("visibility", json!("admin")), &[422]),
        ("script as a paper", with("paper", json!("javascript:alert(1)")), &[422]),
        ("script as code, in disguise", with("code", json!("java\tscript:alert(1)")), &[422]),
        ("data as a paper", with("paper", json!("data:text/html,<script>")), &[422]),
        ("a file as a paper", with("paper", json!("file:///etc/passwd")), &[422]),
        ("no host", with("paper", json!("https:///")), &[422]),
        ("a password in the address", with("paper", json!("https://bank.example@evil.example/")), &[422]),
        ("a very long address", with("paper", json!(format!("https://a.example/{}", "a".repeat(500)))), &[422]),
        ("notes of 2001", with("notes", json!("n".repeat(2001))), &[422]),
        ("a megabyte of notes", with("notes", json!("n".repeat(1 << 20))), &[413]),
        ("very deep", format!("{{\"method\":{}", "[".repeat(60_000)), &[422]),
    ];
    for (name, sent, expected) in table {
        let request = submission(&token, "open", &sent, file.as_bytes()).body("");
        judge(&app, &format!("api metadata, {name}"), request, expected).await;
    }
    let quota = app.get("/api/v1/boards/open/quota", &token).await.json();
    assert_eq!((&quota["submissions_left"], &quota["failed_left"]), (&json!(3), &json!(20)));
    let (ours, theirs) = (app.team("A team").await, &token);
    let id = app.submitted(theirs, "open", public("Theirs"), &file).await;
    for (method, body) in [("PATCH", Some(public("Stolen"))), ("DELETE", None)] {
        assert_eq!(app.call(method, &format!("/api/v1/submissions/{id}"), &ours, body).await.problem().0, 404);
    }
}
