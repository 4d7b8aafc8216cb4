//! The server's answers, asked without a network: what is served, with which headers, and what is refused.

use std::fs;

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, Method, Request, Response, StatusCode, header},
};
use http_body_util::BodyExt;
use portal::{app, site::Folders};
use tempfile::TempDir;
use tower::ServiceExt;

const PAGE: &str = "<!doctype html><title>GLAE</title><script type=\"module\">doSubmit()</script>";

/// A small built page and public folder, and the application over them.
struct TestApp {
    app: Router,
    _folder: TempDir,
}

impl TestApp {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (site, public) = (folder.path().join("dist"), folder.path().join("public"));
        let files: [(_, &str, &[u8]); 9] = [
            (&site, "index.html", PAGE.as_bytes()),
            (&site, "shell-0123456789abcdef.js", b"plain script"),
            (&site, "shell-0123456789abcdef.js.br", b"pretend this is brotli"),
            (&site, "shell-0123456789abcdef_bg.wasm", b"\0asm\x01\0\0\0"),
            (&site, "inference.js", b"worker"),
            (&public, "weights/index.json", br#"{"default":"tiny","weights":["tiny"]}"#),
            (&public, "weights/tiny/manifest.json", b"{}"),
            (&public, "weights/tiny/tiny.safetensors", b"0123456789"),
            (&public, "app.webmanifest", b"{}"),
        ];
        for (root, name, content) in files {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        fs::write(folder.path().join("secret.txt"), "outside").unwrap();
        let app = app::router(&Folders::open(&site, &public).unwrap(), None).unwrap();
        Self { app, _folder: folder }
    }

    async fn ask(&self, request: Request<Body>) -> (StatusCode, HeaderMap, Bytes) {
        let response: Response<Body> = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        (parts.status, parts.headers, body.collect().await.unwrap().to_bytes())
    }

    async fn get(&self, path: &str) -> (StatusCode, HeaderMap, Bytes) {
        self.ask(Request::get(path).body(Body::empty()).unwrap()).await
    }
}

#[tokio::test]
async fn each_kind_of_file_has_its_type_and_its_lifetime() {
    let app = TestApp::new();
    let forever = "public, max-age=31536000, immutable";
    for (path, mime, lifetime) in [
        ("/", "text/html", "no-cache"),
        ("/index.html", "text/html", "no-cache"),
        ("/shell-0123456789abcdef.js", "text/javascript", forever),
        ("/shell-0123456789abcdef_bg.wasm", "application/wasm", forever),
        ("/inference.js", "text/javascript", "no-cache"),
        ("/weights/index.json", "application/json", "no-cache"),
        ("/weights/tiny/manifest.json", "application/json", "no-cache"),
        ("/weights/tiny/tiny.safetensors", "application/octet-stream", "no-cache"),
        ("/app.webmanifest", "application/manifest+json", "no-cache"),
    ] {
        let (status, headers, _) = app.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert_eq!(headers[header::CONTENT_TYPE], mime, "{path}");
        assert_eq!(headers[header::CACHE_CONTROL], lifetime, "{path}");
        assert!(headers.contains_key(header::ETAG) && headers.contains_key(header::LAST_MODIFIED), "{path}");
    }
}

#[tokio::test]
async fn brotli_goes_to_those_who_accept_it() {
    let app = TestApp::new();
    let path = "/shell-0123456789abcdef.js";
    let (_, plain_headers, plain) = app.get(path).await;
    assert_eq!(plain, "plain script");
    assert!(!plain_headers.contains_key(header::CONTENT_ENCODING));

    let request = Request::get(path).header(header::ACCEPT_ENCODING, "gzip, deflate, br").body(Body::empty()).unwrap();
    let (status, headers, packed) = app.ask(request).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(packed, "pretend this is brotli");
    assert_eq!(headers[header::CONTENT_ENCODING], "br");
    assert_eq!(headers[header::CONTENT_TYPE], "text/javascript");
    // Caches between server and browser must not mix the two up.
    assert_eq!(headers[header::VARY].to_str().unwrap().to_ascii_lowercase(), "accept-encoding");
    assert_ne!(headers[header::ETAG], plain_headers[header::ETAG]);
}

#[tokio::test]
async fn an_unchanged_file_is_not_sent_twice() {
    let app = TestApp::new();
    let (_, headers, _) = app.get("/weights/tiny/tiny.safetensors").await;
    for (name, value) in [
        (header::IF_NONE_MATCH, headers[header::ETAG].clone()),
        (header::IF_MODIFIED_SINCE, headers[header::LAST_MODIFIED].clone()),
    ] {
        let request = Request::get("/weights/tiny/tiny.safetensors").header(&name, value).body(Body::empty()).unwrap();
        let (status, _, body) = app.ask(request).await;
        assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0), "{name}");
    }
    let request = Request::get("/weights/tiny/tiny.safetensors")
        .header(header::IF_NONE_MATCH, "\"another\"")
        .body(Body::empty())
        .unwrap();
    assert_eq!(app.ask(request).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_range_can_be_asked_for() {
    let app = TestApp::new();
    let request =
        Request::get("/weights/tiny/tiny.safetensors").header(header::RANGE, "bytes=2-4").body(Body::empty()).unwrap();
    let (status, _, body) = app.ask(request).await;
    assert_eq!((status, body.as_ref()), (StatusCode::PARTIAL_CONTENT, b"234".as_slice()));
}

#[tokio::test]
async fn page_paths_get_the_page_and_missing_files_do_not() {
    let app = TestApp::new();
    // The page says itself that there is no such page; the status says it to programs.
    for (path, expected) in [
        ("/leaderboard", StatusCode::OK),
        ("/leaderboard/utkface-lt", StatusCode::OK),
        ("/about", StatusCode::OK),
        ("/board/utkface", StatusCode::NOT_FOUND),
    ] {
        let (status, headers, body) = app.get(path).await;
        assert_eq!((status, body.as_ref()), (expected, PAGE.as_bytes()), "{path}");
        assert_eq!(headers[header::CONTENT_TYPE], "text/html");
        assert_eq!(headers[header::CACHE_CONTROL], "no-cache");
    }
    for path in [
        "/missing.js",
        "/shell-ffffffffffffffff.js",
        "/weights/none/manifest.json",
        "/weights/none",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
    ] {
        let (status, headers, body) = app.get(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(headers[header::CACHE_CONTROL], "no-cache", "{path}");
        assert!(!String::from_utf8_lossy(&body).contains("outside"), "{path}");
    }
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let app = TestApp::new();
    for path in ["/", "/inference.js", "/weights/index.json", "/missing.js", "/healthz"] {
        let (_, headers, _) = app.get(path).await;
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert_eq!(
            policy,
            "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' \
             'sha256-jzgBGA4UWFFmpOBq0JpdsySukE1FrEN5bUpoK8Z29fY='; worker-src 'self' blob:; \
             img-src 'self' blob: data:; connect-src 'self'; style-src 'self' 'unsafe-inline'; object-src 'none'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            "{path}"
        );
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-embedder-policy", "require-corp"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(headers[name], value, "{path}");
        }
        assert!(headers["permissions-policy"].to_str().unwrap().contains("camera=(self)"), "{path}");
    }
}

#[tokio::test]
async fn nothing_can_be_sent_here() {
    let app = TestApp::new();
    for path in ["/", "/estimate", "/weights/index.json", "/healthz", "/missing.js"] {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let request =
                Request::builder().method(&method).uri(path).body(Body::from("\u{ff}\u{d8} a photo")).unwrap();
            let (status, headers, _) = app.ask(request).await;
            assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            assert!(headers[header::ALLOW].to_str().unwrap().contains("GET"), "{method} {path}");
        }
    }
    let request = Request::head("/weights/index.json").body(Body::empty()).unwrap();
    let (status, headers, body) = app.ask(request).await;
    assert_eq!((status, body.len()), (StatusCode::OK, 0));
    assert_eq!(headers[header::CONTENT_LENGTH], "37");
}

#[tokio::test]
async fn the_health_check_answers() {
    let (status, _, body) = TestApp::new().get("/healthz").await;
    assert_eq!((status, body.as_ref()), (StatusCode::OK, b"ok\n".as_slice()));
}

#[test]
fn missing_folders_are_named_with_their_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("dist");
    let message = Folders::open(&nowhere, folder.path()).unwrap_err().to_string();
    assert!(message.contains("index.html") && message.contains("cargo xtask serve"), "{message}");

    fs::write(folder.path().join("index.html"), PAGE).unwrap();
    let message = Folders::open(folder.path(), &nowhere).unwrap_err().to_string();
    assert!(message.contains("dist") && message.contains("--public"), "{message}");
}
