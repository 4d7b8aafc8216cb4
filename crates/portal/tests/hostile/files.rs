//! Forms and predictions files.

use std::io::Write;

use axum::{body::Body, http::Request};
use flate2::{Compression, write::GzEncoder};

use crate::{
    judge,
    support::{BOUNDARY, FormRequest, HIDDEN, OPEN, TestApp, metadata, predictions, submission},
};

pub(crate) async fn forms(database: Option<String>) {
    let app = TestApp::with(database, |_| {}).await;
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

pub(crate) async fn files(database: Option<String>) {
    let app = TestApp::with(database, |limits| limits.failures_per_day = 1000).await;
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
pub(crate) async fn large_files(database: Option<String>) {
    let app = TestApp::with(database, |limits| {
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
