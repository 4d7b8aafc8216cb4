//! Inputs that mean no good. Each is answered with an error of the sender, at once, and the server goes on.
//!
//! Tables for what can be written as a request; the rest (raw bytes on the wire, very large files) beside them.

#[path = "../support/mod.rs"]
mod support;

mod files;
mod requests;
mod texts;
mod wire;

use std::time::{Duration, Instant};

use axum::{body::Body, http::Request};
use support::{Postgres, TestApp};

/// Makes one test per table on SQLite, and one that runs all of them on PostgreSQL, which takes other bytes amiss.
macro_rules! tables {
    ($($module:ident: $($name:ident)*;)*) => {
        mod sqlite {
            $($(#[tokio::test(flavor = "multi_thread")] async fn $name() { crate::$module::$name(None).await; })*)*
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn postgres() {
            let Some(server) = tokio::task::spawn_blocking(|| Postgres::start(false)).await.unwrap() else { return };
            $($($module::$name(Some(server.fresh_database())).await;)*)*
        }
    };
}

tables! {
    requests: paths_and_queries methods_and_headers;
    texts: teams metadata_of_submissions;
    files: forms files large_files;
    wire: bytes_on_the_wire a_form_that_stalls;
}

/// An answer must come within this time, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(30);

/// What every answer to a hostile request must be: no error of ours, and within bounds.
pub(crate) async fn judge(app: &TestApp, name: &str, request: Request<Body>, expected: &[u16]) {
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
