//! Inputs that mean no good. Each is answered with an error of the sender, at once, and the server goes on.
//!
//! A table for what can be written as a request; the rest (raw bytes on the wire, very large files) below it.

mod support;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use support::{BOUNDARY, FormRequest, HIDDEN, OPEN, TestApp, metadata, predictions, public, submission};

/// An answer must come within this time, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(30);

/// What every answer to a hostile request must be: no error of ours, and within bounds.
async fn judge(app: &TestApp, name: &str, request: Request<Body>, expected: &[u16]) {
    let started = Instant::now();
    let reply = tokio::time::timeout(PATIENCE, app.send(request)).await.unwrap_or_else(|_| panic!("{name}: no answer"));
    let status = reply.status.as_u16();
    assert!(status < 500, "{name}: {status} {}", reply.text());
    assert!(expected.contains(&status), "{name}: {status}, expected {expected:?}: {}", reply.text());
    assert!(reply.bytes.len() < 64 << 10, "{name}: an answer of {} bytes", reply.bytes.len());
    if status >= 400 && reply.headers.contains_key("content-type") && name.starts_with("api") {
        assert_eq!(reply.problem().0, status, "{name}");
    }
    assert!(started.elapsed() < PATIENCE, "{name}");
}

#[tokio::test]
async fn paths_and_queries() {
    let app = TestApp::sqlite().await;
    let long = "a".repeat(20_000);
    let table: Vec<(&str, String, &[u16])> = vec![
        ("api board up", "/api/v1/boards/..".into(), &[404]),
        ("api board up, encoded", "/api/v1/boards/%2e%2e%2f%2e%2e%2fetc%2fpasswd".into(), &[404]),
        ("api board up, backslash", "/api/v1/boards/..%5c..%5cwindows".into(), &[404]),
        ("api board with a zero byte", "/api/v1/boards/open%00".into(), &[404]),
        ("api board, not UTF-8", "/api/v1/boards/%ff%fe".into(), &[400, 404]),
        ("api board, overlong UTF-8", "/api/v1/boards/%c0%ae%c0%ae".into(), &[400, 404]),
        ("api board, broken escape", "/api/v1/boards/%zz".into(), &[400, 404]),
        ("api board, SQL", "/api/v1/boards/open'%20OR%201=1--".into(), &[404]),
        ("api board, SQL with quotes", "/api/v1/boards/%22;DROP%20TABLE%20teams;--".into(), &[404]),
        ("api board, very long", format!("/api/v1/boards/{long}"), &[404, 414]),
        ("api board, other case", "/api/v1/boards/OPEN".into(), &[404]),
        ("api board, full width", "/api/v1/boards/%ef%bd%8fpen".into(), &[404]),
        ("api board, trailing slash", "/api/v1/boards/open/".into(), &[404]),
        ("api board, double slash", "/api/v1//boards/open".into(), &[404]),
        ("api board, semicolon", "/api/v1/boards/open;jsessionid=1".into(), &[404]),
        ("api board, newline", "/api/v1/boards/open%0d%0aSet-Cookie:%20a=b".into(), &[404]),
        ("api truth of a hidden board", "/api/v1/boards/secret/truth".into(), &[404]),
        ("api truth by another way", "/api/v1/boards/secret.truth.csv".into(), &[404]),
        ("api row up", "/api/v1/boards/open/rows/..%2f..%2fsecret.truth/predictions".into(), &[404]),
        ("api row, zero byte", "/api/v1/boards/open/rows/%00/report".into(), &[404]),
        ("api row of a paper", "/api/v1/boards/open/rows/paper/predictions".into(), &[404]),
        ("api worst, huge", "/api/v1/boards/open/rows/shipped/worst?count=99999999999999999999".into(), &[400]),
        ("api worst, beyond 32 bits", "/api/v1/boards/open/rows/shipped/worst?count=4294967296".into(), &[400]),
        ("api worst, negative", "/api/v1/boards/open/rows/shipped/worst?count=-1".into(), &[400]),
        ("api worst, none", "/api/v1/boards/open/rows/shipped/worst?count=0".into(), &[400]),
        ("api worst, a fraction", "/api/v1/boards/open/rows/shipped/worst?count=1.5".into(), &[400]),
        ("api worst, NaN", "/api/v1/boards/open/rows/shipped/worst?count=NaN".into(), &[400]),
        ("api worst, twice", "/api/v1/boards/open/rows/shipped/worst?count=1&count=2".into(), &[400]),
        ("api worst, other digits", "/api/v1/boards/open/rows/shipped/worst?count=%d9%a1".into(), &[400]),
        ("api worst, of a hidden board", "/api/v1/boards/secret/rows/x/worst".into(), &[404]),
        ("api compare without rows", "/api/v1/boards/open/compare".into(), &[400]),
        ("api compare with one row", "/api/v1/boards/open/compare?a=shipped".into(), &[400]),
        ("api compare, SQL", "/api/v1/boards/open/compare?a=shipped&b='%20OR%20'1'='1".into(), &[404]),
        ("api compare, zero byte", "/api/v1/boards/open/compare?a=shipped&b=%00".into(), &[404]),
        ("api compare, a list", "/api/v1/boards/open/compare?a[]=shipped&b[]=x".into(), &[400]),
        ("api compare, very long", format!("/api/v1/boards/open/compare?a=shipped&b={long}"), &[404, 414]),
        ("api quota without a token", "/api/v1/boards/open/quota".into(), &[401]),
        ("api me without a token", "/api/v1/me".into(), &[401]),
        ("api submission, unknown", "/api/v1/submissions/s000000000000000000000000".into(), &[404]),
        ("api submission, a file", "/api/v1/submissions/..%2fportal.sqlite".into(), &[404]),
        ("api submission, wildcard", "/api/v1/submissions/%25".into(), &[404]),
        ("api submission, zero byte", "/api/v1/submissions/s%00".into(), &[404]),
        ("api submission, emoji", "/api/v1/submissions/%f0%9f%98%80".into(), &[404]),
        ("api submission, nothing", "/api/v1/submissions/".into(), &[404]),
        ("api problems, unknown", "/api/v1/problems/none".into(), &[404]),
        ("api problems, HTML", "/api/v1/problems/%3Cscript%3E".into(), &[404]),
        ("api nowhere", "/api/v1/admin".into(), &[404]),
        ("api another version", "/api/v1/../v2/boards".into(), &[404]),
        ("database as a file", "/data/portal.sqlite".into(), &[404]),
        ("database up", "/..%2fdata/portal.sqlite".into(), &[404]),
        ("board's truth as a file", "/boards/secret.truth.csv".into(), &[404]),
        ("board's folder: the page, not a list", "/boards/".into(), &[200]),
        ("dot file", "/.env".into(), &[404]),
    ];
    for (name, path, expected) in table {
        judge(&app, name, Request::get(path).body(Body::empty()).unwrap(), expected).await;
    }
}

#[tokio::test]
async fn methods_and_headers() {
    let app = TestApp::sqlite().await;
    let token = app.team("Ours").await;
    for method in ["PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "BREW"] {
        let request = Request::builder().method(method).uri("/api/v1/boards").body(Body::empty()).unwrap();
        judge(&app, &format!("api {method}"), request, &[405]).await;
    }
    let bearer = format!("Bearer {token}");
    let long = format!("Bearer glae_{}", "0".repeat(50_000));
    let tokens: [(&str, &[&str]); 14] = [
        ("empty", &[""]),
        ("scheme alone", &["Bearer"]),
        ("scheme and space", &["Bearer "]),
        ("no scheme", &[&token]),
        ("basic", &["Basic Z2xhZTpnbGFl"]),
        ("two tokens", &[&bearer, &bearer]),
        ("not ASCII", &["Bearer \u{e9}"]),
        ("SQL", &["Bearer ' OR '1'='1"]),
        ("SQL in the id", &["Bearer glae_' OR 1=1 --____'_00"]),
        ("empty parts", &["Bearer glae__"]),
        ("very long", &[&long]),
        ("truncated", &[&bearer[..bearer.len() - 1]]),
        ("null", &["Bearer null"]),
        ("JWT", &["Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."]),
    ];
    for (name, values) in tokens {
        let mut request = Request::get("/api/v1/me");
        for value in values {
            request = request.header("authorization", value.as_bytes());
        }
        judge(&app, &format!("api token, {name}"), request.body(Body::empty()).unwrap(), &[401]).await;
    }
    for (name, header, value) in [
        ("forwarded, nonsense", "x-forwarded-for", "999.999.999.999, <script>"),
        ("forwarded, many", "x-forwarded-for", &"1.1.1.1, ".repeat(2_000)),
        ("host", "host", "evil.example"),
        ("range", "range", "bytes=0-18446744073709551615"),
        ("ranges", "range", &format!("bytes={}", "0-,".repeat(1_000))),
        ("accept", "accept", "application/xml;q=nan"),
        ("method override", "x-http-method-override", "DELETE"),
        ("length of a GET", "expect", "100-continue"),
    ] {
        let request = Request::get("/api/v1/boards").header(header, value).body(Body::empty()).unwrap();
        judge(&app, &format!("api header, {name}"), request, &[200]).await;
    }
    // Without --trust-proxy the header changes nothing: it cannot be used to get around the rate limit.
    let strict = TestApp::with(None, |limits| limits.address_per_minute = 3).await;
    let mut statuses = Vec::new();
    for number in 0..5 {
        let request = Request::get("/api/v1/boards").header("x-forwarded-for", format!("10.0.0.{number}"));
        statuses.push(strict.send(request.body(Body::empty()).unwrap()).await.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
}

#[tokio::test]
async fn teams() {
    let app = TestApp::sqlite().await;
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

#[tokio::test]
async fn metadata_of_submissions() {
    let app = TestApp::sqlite().await;
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

#[tokio::test]
async fn forms() {
    let app = TestApp::sqlite().await;
    let token = app.team("Ours").await;
    let good = || submission(&token, "open", &metadata("M").to_string(), predictions(&OPEN, 1.0).as_bytes());
    let part = |header: &str, content: &[u8]| (header.to_owned(), content.to_vec());
    let bent = |change: &dyn Fn(&mut FormRequest)| {
        let mut form = good();
        change(&mut form);
        form.body("")
    };
    let multipart = format!("multipart/form-data; boundary={BOUNDARY}");
    let table: Vec<(&str, Request<Body>, &[u16])> = vec![
        ("no parts", bent(&|form| form.parts.clear()), &[400]),
        ("no file", bent(&|form| drop(form.parts.pop())), &[400]),
        ("no metadata", bent(&|form| drop(form.parts.remove(0))), &[400]),
        ("the file twice", bent(&|form| form.parts.push(form.parts[1].clone())), &[400]),
        ("the metadata twice", bent(&|form| form.parts.push(form.parts[0].clone())), &[400]),
        ("a part more", bent(&|form| form.parts.push(part("name=\"admin\"", b"1"))), &[400]),
        ("a part without a name", bent(&|form| form.parts.push(part("filename=\"x\"", b"1"))), &[400]),
        ("a thousand parts", bent(&|form| form.parts = vec![part("name=\"x\"", b""); 1000]), &[400]),
        (
            "an image by type",
            bent(&|form| form.parts[1].0 = "name=\"predictions\"\r\nContent-Type: image/jpeg".into()),
            &[415],
        ),
        (
            "HTML by type",
            bent(&|form| form.parts[1].0 = "name=\"predictions\"\r\nContent-Type: text/html".into()),
            &[415],
        ),
        (
            "metadata as an image",
            bent(&|form| form.parts[0].0 = "name=\"metadata\"\r\nContent-Type: image/png".into()),
            &[415],
        ),
        ("a JPEG as CSV", bent(&|form| form.parts[1].1 = b"\xff\xd8\xff\xe0\0\x10JFIF".to_vec()), &[415]),
        ("a PNG as CSV", bent(&|form| form.parts[1].1 = b"\x89PNG\r\n\x1a\n".to_vec()), &[415]),
        ("a WebP as CSV", bent(&|form| form.parts[1].1 = b"RIFF\0\0\0\0WEBPVP8 ".to_vec()), &[415]),
        ("a HEIC as CSV", bent(&|form| form.parts[1].1 = b"\0\0\0\x18ftypheic".to_vec()), &[415]),
        ("a zip as CSV", bent(&|form| form.parts[1].1 = b"PK\x03\x04\x14\0".to_vec()), &[415]),
        (
            "a name that leads up",
            bent(&|form| form.parts[1].0 = "name=\"predictions\"; filename=\"../../../../etc/cron.d/x\"".into()),
            &[201],
        ),
        (
            "a name with quotes",
            bent(&|form| form.parts[1].0 = "name=\"predictions\"; filename=\"a\\\"; DROP TABLE x.csv\"".into()),
            &[201],
        ),
        ("the wrong boundary", good().header("content-type", "multipart/form-data; boundary=other").body(""), &[400]),
        ("no boundary", good().header("content-type", "multipart/form-data").body(""), &[415]),
        ("an empty boundary", good().header("content-type", "multipart/form-data; boundary=").body(""), &[400, 415]),
        ("JSON", good().header("content-type", "application/json").body(""), &[415]),
        ("an image as the body", good().header("content-type", "image/jpeg").body(""), &[415]),
        ("compressed as a whole", good().header("content-encoding", "gzip").body(""), &[415]),
        ("something after the end", good().body(&"x".repeat(100_000)), &[201, 400]),
        (
            "no end",
            Request::post("/api/v1/boards/open/submissions")
                .header("authorization", format!("Bearer {token}"))
                .header("content-type", &multipart)
                .body(Body::from(format!(
                    "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n{{"
                )))
                .unwrap(),
            &[400],
        ),
        (
            "endless headers of a part",
            bent(&|form| form.parts[0].0 = format!("name=\"metadata\"\r\nX: {}", "y".repeat(1 << 20))),
            &[201, 400],
        ),
        (
            "an empty body",
            Request::post("/api/v1/boards/open/submissions")
                .header("authorization", format!("Bearer {token}"))
                .header("content-type", &multipart)
                .body(Body::empty())
                .unwrap(),
            &[400],
        ),
        ("an empty key", good().header("idempotency-key", "").body(""), &[400]),
        ("a key with spaces", good().header("idempotency-key", "a b").body(""), &[400]),
        ("a very long key", good().header("idempotency-key", &"k".repeat(201)).body(""), &[400]),
        ("to nowhere", FormRequest { path: "/api/v1/boards/none/submissions".into(), ..good() }.body(""), &[404]),
        ("without a token", good().header("authorization", "Bearer none").body(""), &[401]),
        ("too large", bent(&|form| form.parts[1].1 = vec![b'1'; 5 << 20]), &[413]),
    ];
    for (name, request, expected) in table {
        // Another day for each: quotas are not the matter here.
        app.pass(86_400);
        judge(&app, &format!("api form, {name}"), request, expected).await;
    }
    assert!(!app.folder.path().join("etc").exists() && !std::path::Path::new("/etc/cron.d/x").exists());
}

#[tokio::test]
async fn files() {
    let app = TestApp::with(None, |limits| limits.failures_per_day = 1000).await;
    let token = app.team("Ours").await;
    let gzip = |content: &[u8]| {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(content).unwrap();
        packer.finish().unwrap()
    };
    let good = predictions(&OPEN, 1.0);
    let replaced = |from: &str, to: &str| good.replacen(from, to, 1).into_bytes();
    let distribution = format!(
        "id,age,{}\nimg-a,1,{}\n",
        (0..101).map(|k| format!("p_{k}")).collect::<Vec<_>>().join(","),
        "9,".repeat(101)
    );
    let half = gzip(good.as_bytes())[..20].to_vec();
    let mut trailing = gzip(good.as_bytes());
    trailing.extend_from_slice(b"nonsense");
    let table: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", vec![]),
        ("only a header", b"id,age\n".to_vec()),
        ("no header", b"img-a,4\n".to_vec()),
        ("another header", b"name,years\nimg-a,4\n".to_vec()),
        ("header twice", b"id,age,age\nimg-a,4,5\n".to_vec()),
        ("ages of NaN", replaced("img-a,5", "img-a,NaN")),
        ("ages of infinity", replaced("img-a,5", "img-a,inf")),
        ("ages beyond doubles", replaced("img-a,5", "img-a,1e999")),
        ("negative ages", replaced("img-a,5", "img-a,-5")),
        ("ages beyond 120", replaced("img-a,5", "img-a,1000")),
        ("hexadecimal ages", replaced("img-a,5", "img-a,0x5")),
        ("ages as formulas", replaced("img-a,5", "img-a,=1+4")),
        ("no age", replaced("img-a,5", "img-a,")),
        ("an id missing", replaced("img-a,5\n", "")),
        ("an id unknown", format!("{good}img-z,5\n").into_bytes()),
        ("an id twice", format!("{good}img-a,5\n").into_bytes()),
        ("an id in other case", replaced("img-a", "IMG-A")),
        ("an id that leads up", replaced("img-a", "../../img-a")),
        ("an id with a zero byte", replaced("img-a", "img-\0a")),
        ("an id with an invisible letter", replaced("img-a", "img\u{200b}-a")),
        ("an open quote", replaced("img-a", "\"img-a")),
        ("only quotes", vec![b'"'; 100_000]),
        ("only commas", vec![b','; 1 << 20]),
        ("only line feeds", vec![b'\n'; 1 << 20]),
        ("not UTF-8", vec![0xc3; 1000]),
        ("UTF-16", good.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("zero bytes", vec![0; 1 << 20]),
        ("one long line", vec![b'a'; 3 << 20]),
        ("many columns", format!("id,age,{}\n", "x,".repeat(100_000)).into_bytes()),
        ("shares that are none", distribution.into_bytes()),
        ("HTML", b"<!doctype html><script>alert(1)</script>".to_vec()),
        ("JSON", b"{\"id\":\"img-a\"".to_vec()),
        ("deep JSON", [b"{\"id\":".as_slice(), &b"[".repeat(1 << 20)].concat()),
        ("wrong separator", good.replace(',', "|").into_bytes()),
        ("half a gzip file", half),
        ("gzip of nothing", gzip(b"")),
        ("gzip and more", trailing),
        ("gzip in gzip", gzip(&gzip(good.as_bytes()))),
        ("a gzip header", vec![0x1f, 0x8b]),
    ];
    for (name, file) in table {
        let request = submission(&token, "open", &metadata("M").to_string(), &file).body("");
        judge(&app, &format!("api file, {name}"), request, &[422]).await;
    }
    let rows = app.get("/api/v1/boards/open", &token).await.json();
    assert_eq!(rows["board"]["rows"].as_array().unwrap().len(), 2, "nothing of it stands on the board");
    assert!(app.portal.store.list().await.unwrap().is_empty(), "and nothing was stored");
}

/// A megabyte that becomes a gigabyte, a line without an end, a million times the same id: refused within the limits
/// of time, with answers of ordinary size.
#[tokio::test]
async fn large_files() {
    let app = TestApp::with(None, |limits| {
        limits.file_bytes = 256 << 20;
        limits.body_bytes = 64 << 20;
    })
    .await;
    let token = app.team("Ours").await;
    let packed = |start: &str, unit: &[u8], times: usize| {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(start.as_bytes()).unwrap();
        for _ in 0..times {
            packer.write_all(unit).unwrap();
        }
        packer.finish().unwrap()
    };
    let mebibyte = vec![b'7'; 1 << 20];
    let same = b"img-a,5\n".repeat(1000);
    for (name, file) in [
        ("a line of two gigabytes", packed("id,age\n", &mebibyte, 2048)),
        ("half a gigabyte of empty lines", packed("id,age\n", &vec![b'\n'; 1 << 20], 512)),
        ("a million times the same id", packed("id,age\n", &same, 1000)),
        ("three million rows", packed("id,age\n", &same, 3000)),
    ] {
        assert!(file.len() < 16 << 20, "{name}: {}", file.len());
        let request = submission(&token, "open", &metadata("M").to_string(), &file).body("");
        judge(&app, &format!("api file, {name}"), request, &[422]).await;
    }
    // Someone who has nothing left hears it although the file is large.
    let hidden = predictions(&HIDDEN, 1.0);
    for _ in 0..3 {
        app.submitted(&token, "secret", metadata("M"), &hidden).await;
    }
    let request = submission(&token, "secret", &metadata("M").to_string(), &vec![b'1'; 32 << 20]).body("");
    judge(&app, "api file, large and too many", request, &[429]).await;
}

/// Bytes that no HTTP library would send.
#[tokio::test(flavor = "multi_thread")]
async fn bytes_on_the_wire() {
    let app = TestApp::with(None, |limits| (limits.request_seconds, limits.upload_seconds) = (1, 1)).await;
    let token = app.team("Ours").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let router = app.router.clone();
    let server = tokio::spawn(portal::serve::serve(listener, router, async {
        let _ = stopped.await;
    }));
    let post = "POST /api/v1/teams HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let form = format!(
        "POST /api/v1/boards/open/submissions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
    );
    let requests: Vec<(&str, Vec<u8>)> = vec![
        ("nothing but line ends", b"\r\n\r\n\r\n\r\n".to_vec()),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        ("no version", b"GET /\r\n\r\n".to_vec()),
        ("version 9", b"GET / HTTP/9.9\r\n\r\n".to_vec()),
        ("a space before the header", b"GET / HTTP/1.1\r\n Host: x\r\n\r\n".to_vec()),
        ("a zero byte in a header", b"GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n".to_vec()),
        ("bare line feeds", b"GET /api/v1/boards HTTP/1.1\nHost: x\nConnection: close\n\n".to_vec()),
        ("a very long line", [b"GET /".as_slice(), &vec![b'a'; 1 << 20], b" HTTP/1.1\r\n\r\n"].concat()),
        (
            "ten thousand headers",
            format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(10_000)).into_bytes(),
        ),
        ("two lengths", format!("{post}Content-Length: 5\r\nContent-Length: 6\r\n\r\n{{}}").into_bytes()),
        ("a negative length", format!("{post}Content-Length: -1\r\n\r\n{{}}").into_bytes()),
        ("a huge length", format!("{post}Content-Length: 99999999999999999999\r\n\r\n{{}}").into_bytes()),
        (
            "length and chunks",
            format!("{post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /").into_bytes(),
        ),
        ("chunks of nonsense", format!("{post}Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n").into_bytes()),
        ("a huge chunk", format!("{post}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc").into_bytes()),
        ("a chunk cut off", format!("{post}Transfer-Encoding: chunked\r\n\r\n10\r\nabc").into_bytes()),
        ("a body that never comes", format!("{post}Content-Length: 1000\r\n\r\n{{").into_bytes()),
        ("a form that never ends", format!("{form}Content-Length: 100000\r\n\r\n--{BOUNDARY}\r\n").into_bytes()),
        (
            "a form in bad chunks",
            format!("{form}Transfer-Encoding: chunked\r\n\r\n5\r\n--{BOUNDARY}\r\n-1\r\n").into_bytes(),
        ),
        (
            "two requests in one",
            b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                .to_vec(),
        ),
    ];
    for (name, bytes) in requests {
        let answer = tokio::task::spawn_blocking(move || talk(address, &bytes)).await.unwrap();
        // Some get no answer, only an end; none may get an error of the server's.
        assert!(!answer.contains("HTTP/1.1 5"), "{name}: {answer}");
    }
    let alive = tokio::task::spawn_blocking(move || {
        talk(address, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    });
    assert!(alive.await.unwrap().starts_with("HTTP/1.1 200"));
    drop(stop);
    server.await.unwrap().unwrap();
    assert_eq!(app.get("/api/v1/me", &token).await.status, StatusCode::OK);
}

/// Sends bytes, then hears what comes until the other side ends the connection or falls silent.
fn talk(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    // The server may refuse before everything is sent.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(length) = stream.read(&mut buffer) {
        if length == 0 {
            break;
        }
        answer.extend_from_slice(&buffer[..length]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}
