//! The application under test, over a real SQLite file or a real PostgreSQL, with boards of its own.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test program uses its own part of this")]

mod boards;
mod objects;
mod postgres;
#[path = "../../../../tests/src/skip.rs"]
mod skip;

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use http_body_util::BodyExt;
use portal::{
    app, clock::Clock, config::Config, config::Limits, database::DatabaseAddress, identity::Opening, site::Folders,
    state::Portal, store::Location,
};
use serde_json::{Value, json};
use sqlx::{Connection, Executor};
use tempfile::TempDir;
use tower::ServiceExt;

pub use boards::{HIDDEN, OPEN, board_text, predictions, truth_file, write_boards};
pub use objects::Objects;
pub use postgres::Postgres;

/// Noon of a day of no importance.
pub const NOON: i64 = 1_700_000_000 / 86_400 * 86_400 + 43_200;

/// The application, and what it stands on.
pub struct TestApp {
    pub portal: Portal,
    pub router: Router,
    pub folder: Arc<TempDir>,
    clock: Arc<AtomicI64>,
    config: Config,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl TestApp {
    /// Over a new SQLite file.
    pub async fn sqlite() -> Self {
        Self::with(None, |_| {}).await
    }

    /// Over a new database of a running PostgreSQL.
    pub async fn postgres(server: &Postgres) -> Self {
        Self::with(Some(server.fresh_database()), |_| {}).await
    }

    /// Over SQLite, or the PostgreSQL database with this address; `change` changes the limits.
    pub async fn with(database: Option<String>, change: impl FnOnce(&mut Limits)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (site, public, data) = folders(&folder);
        fs::create_dir_all(&site).unwrap();
        fs::write(site.join("index.html"), "<!doctype html><title>GLAE</title>").unwrap();
        write_boards(&public, &data);
        let clock = Arc::new(AtomicI64::new(NOON));
        let mut limits = Limits { address_per_minute: 1_000_000, teams_per_hour: 1_000_000, ..Limits::default() };
        limits.token_per_minute = 1_000_000;
        limits.file_bytes = 8 << 20;
        limits.body_bytes = 4 << 20;
        change(&mut limits);
        let config = Config {
            database: match database {
                Some(url) => DatabaseAddress::Postgres(url),
                None => DatabaseAddress::Sqlite(data.join("portal.sqlite")),
            },
            store: Location::Folder(data.join("predictions")),
            limits,
            clock: Clock::Set(clock.clone()),
            public,
            data,
        };
        Self::open(Arc::new(folder), config, clock).await
    }

    /// The same again, as after a restart.
    pub async fn restarted(&self) -> Self {
        Self::open(self.folder.clone(), self.config.clone(), self.clock.clone()).await
    }

    async fn open(folder: Arc<TempDir>, config: Config, clock: Arc<AtomicI64>) -> Self {
        let (site, public, _) = folders(&folder);
        let portal = Portal::open(config.clone(), Opening::Serving).await.unwrap();
        let router = app::router(&Folders::open(site, public).unwrap(), Some(portal.clone())).unwrap();
        Self { portal, router, folder, clock, config }
    }

    /// The configuration that it was opened with.
    pub fn config(&self) -> Config {
        self.config.clone()
    }

    /// The same configuration over places of its own that hold nothing yet: another database, store and data folder.
    pub async fn elsewhere(&self, name: &str) -> Config {
        let data = self.folder.path().join(name);
        let database = match &self.config.database {
            DatabaseAddress::Sqlite(_) => DatabaseAddress::Sqlite(data.join("portal.sqlite")),
            DatabaseAddress::Postgres(url) => {
                sqlx::any::install_default_drivers();
                let mut connection = sqlx::AnyConnection::connect(url).await.unwrap();
                let own: String =
                    sqlx::query_scalar("SELECT current_database()::text").fetch_one(&mut connection).await.unwrap();
                let other = format!("{own}_{name}");
                let create = format!("CREATE DATABASE {other} TEMPLATE template0");
                connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(create))).await.unwrap();
                connection.close().await.unwrap();
                DatabaseAddress::Postgres(url.replacen(&format!("/{own}?"), &format!("/{other}?"), 1))
            }
        };
        Config { database, store: Location::Folder(data.join("predictions")), data, ..self.config() }
    }

    /// The application over another configuration.
    pub async fn over(&self, config: Config) -> Self {
        Self::open(self.folder.clone(), config, self.clock.clone()).await
    }

    /// The server's own folder.
    pub fn data(&self) -> PathBuf {
        folders(&self.folder).2
    }

    /// Moves the clock.
    pub fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }

    pub async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        Reply { status: parts.status, headers: parts.headers, bytes }
    }

    /// GET, with a token unless it is empty.
    pub async fn get(&self, path: &str, token: &str) -> Reply {
        self.call("GET", path, token, None).await
    }

    /// A request to the API, with a JSON body if there is one.
    pub async fn call(&self, method: &str, path: &str, token: &str, body: Option<Value>) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = match body {
            Some(value) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(value.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    /// Makes a team and returns its token.
    pub async fn team(&self, name: &str) -> String {
        let reply = self.call("POST", "/api/v1/teams", "", Some(json!({ "name": name }))).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text());
        reply.json()["token"].as_str().unwrap().to_owned()
    }

    /// Submits a file under a method's name.
    pub async fn submit(&self, token: &str, board: &str, metadata: Value, file: &[u8]) -> Reply {
        self.send(submission(token, board, &metadata.to_string(), file).body("")).await
    }

    /// Submits a file and returns the new id.
    pub async fn submitted(&self, token: &str, board: &str, metadata: Value, file: &str) -> String {
        let reply = self.submit(token, board, metadata, file.as_bytes()).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text());
        reply.json()["row"]["id"].as_str().unwrap().to_owned()
    }
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Status and kind of a problem document.
    pub fn problem(&self) -> (u16, String) {
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json", "{}", self.text());
        let document = self.json();
        assert_eq!(document["status"], self.status.as_u16());
        (self.status.as_u16(), document["type"].as_str().unwrap().rsplit('/').next().unwrap().to_owned())
    }
}

/// A form that can be bent before it is sent.
#[derive(Clone)]
pub struct FormRequest {
    pub method: &'static str,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub parts: Vec<(String, Vec<u8>)>,
}

pub const BOUNDARY: &str = "-----------------------------9051914041544843365972754266";

/// The form that submits a file.
pub fn submission(token: &str, board: &str, metadata: &str, file: &[u8]) -> FormRequest {
    let file_header = "name=\"predictions\"; filename=\"p.csv\"\r\nContent-Type: text/csv";
    FormRequest {
        method: "POST",
        path: format!("/api/v1/boards/{board}/submissions"),
        headers: vec![
            ("authorization".to_owned(), format!("Bearer {token}")),
            ("content-type".to_owned(), format!("multipart/form-data; boundary={BOUNDARY}")),
        ],
        parts: vec![
            ("name=\"metadata\"\r\nContent-Type: application/json".to_owned(), metadata.as_bytes().to_vec()),
            (file_header.to_owned(), file.to_vec()),
        ],
    }
}

impl FormRequest {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The request; `tail` follows the form's end.
    pub fn body(self, tail: &str) -> Request<Body> {
        let mut body = Vec::new();
        for (header, content) in &self.parts {
            let start = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {header}\r\n\r\n");
            body.extend_from_slice(start.as_bytes());
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{BOUNDARY}--\r\n{tail}").as_bytes());
        let mut request = Request::builder().method(self.method).uri(self.path);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        request.body(Body::from(body)).unwrap()
    }
}

/// The least that a submission says about itself.
pub fn metadata(method: &str) -> Value {
    json!({ "method": method, "external_data": "none" })
}

/// The same, for everybody to see.
pub fn public(method: &str) -> Value {
    json!({ "method": method, "external_data": "none", "visibility": "public" })
}

fn folders(folder: &TempDir) -> (PathBuf, PathBuf, PathBuf) {
    ["site", "public", "data"].map(|name| folder.path().join(name)).into()
}
