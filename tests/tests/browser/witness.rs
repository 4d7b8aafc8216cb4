//! Looking back on all journeys: what left the browser, and what it complained about.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::session::Session;

/// How the page asks for a ranking's first rows.
const FIRST_ROWS: &str = "from=0&limit=100";

/// The longest path of a request: a file's name fits, the bytes of a picture do not.
const LONGEST_PATH: usize = 160;

/// Addresses that are answered with index.html, where the program draws the page, and the list of boards that one of them shows.
const PAGES: [&str; 4] = ["/", "/about", "/leaderboard", "/api/v1/boards"];

/// Image bytes never leave the browser: there were only plain GET requests to our own server, each for a file that it
/// has, and no other channel.
pub(crate) async fn privacy(session: &Session) -> Result<()> {
    session.watcher.catch_up().await?;
    let record = session.watcher.record();
    ensure!(record.channels.is_empty(), "other ways out were opened: {:?}", record.channels);
    let mut counted = 0;
    for request in &record.requests {
        let url = &request.url;
        if stays_inside(url) {
            continue;
        }
        // Chromium's own window, which is no page, loads the icons built into the program.
        if request.sender == "browser_ui" && url.starts_with("chrome://") {
            continue;
        }
        let Some(path) = url.strip_prefix(&session.origin).or_else(|| url.strip_prefix(&session.lan)) else {
            anyhow::bail!("a request left for another server: {request:?}");
        };
        ensure!(request.method == "GET", "not a GET: {request:?}");
        ensure!(!request.has_body, "a request with a body: {request:?}");
        ensure!(path.len() <= LONGEST_PATH, "a path long enough to carry something: {request:?}");
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        // A query could carry something: only the address that we opened ourselves has a free one. Weights are asked for
        // with the hash that their own manifest publishes, to the letter.
        // The first rows of a ranking are asked for in one way only.
        let first_rows = is_board(session, path) && query == FIRST_ROWS;
        let hash = published_hash(session, path)?.is_some_and(|own| own == query);
        let known = query.is_empty() || path == "/" || first_rows || hash;
        ensure!(known, "a request with a query: {request:?}");
        ensure!(
            PAGES.contains(&path) || is_board(session, path) || is_file(session, path),
            "a request for what the server does not have: {request:?}"
        );
        counted += 1;
    }
    // Had nothing been seen, nothing would be proven: the page itself, and the weights that only the worker fetches.
    let seen = |sender: &str, part: &str| record.requests.iter().any(|r| r.sender == sender && r.url.contains(part));
    ensure!(seen("page", "/?"), "the watcher did not see the page being opened: {:?}", record.requests);
    ensure!(seen("worker", ".safetensors"), "the watcher did not see the worker fetch weights: {:?}", record.requests);
    println!("{counted} requests, all of them GET to our own server");
    Ok(())
}

/// A blob is the browser's own memory, a data URL carries its content.
fn stays_inside(url: &str) -> bool {
    url.starts_with("blob:") || url.starts_with("data:")
}

/// How many requests were seen so far.
pub(crate) async fn requests(session: &Session) -> Result<usize> {
    // The service worker fetches the page once more, in its own time.
    session.kept().await?;
    session.watcher.catch_up().await?;
    Ok(session.watcher.record().requests.len())
}

/// Nothing was requested after the first so many requests.
pub(crate) async fn nothing_sent_since(session: &Session, before: usize) -> Result<()> {
    session.watcher.catch_up().await?;
    let sent = session.watcher.record().requests[before..].to_vec();
    let outside: Vec<_> = sent.iter().filter(|request| !stays_inside(&request.url)).collect();
    ensure!(outside.is_empty(), "something was sent: {outside:?}");
    Ok(())
}

/// A board that ships: its page, and what the server says of it.
fn is_board(session: &Session, path: &str) -> bool {
    let id = path.strip_prefix("/leaderboard/").or_else(|| path.strip_prefix("/api/v1/boards/"));
    let file = |id: &str| session.settings.public.join("boards").join(format!("{id}.toml")).is_file();
    id.is_some_and(|id| !id.contains('/') && file(id))
}

fn is_file(session: &Session, path: &str) -> bool {
    let relative = Path::new(path.trim_start_matches('/'));
    [&session.settings.site, &session.settings.public].iter().any(|folder| folder.join(relative).is_file())
}

/// The query `sha256=...` that belongs to a weights file, from the manifest beside it.
fn published_hash(session: &Session, path: &str) -> Result<Option<String>> {
    let file = session.settings.public.join(path.trim_start_matches('/'));
    let manifest = file.with_file_name("manifest.json");
    if file.extension().is_none_or(|extension| extension != "safetensors") || !manifest.is_file() {
        return Ok(None);
    }
    let manifest: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(manifest)?)?;
    Ok(manifest["sha256"].as_str().map(|hash| format!("sha256={hash}")))
}

/// No error on the console of the page or of a worker, by our own watcher and by ChromeDriver's log.
pub(crate) async fn console(session: &Session) -> Result<()> {
    session.watcher.catch_up().await?;
    let complaints: Vec<_> =
        session.watcher.record().complaints.iter().filter(|text| !is_expected(session, text)).cloned().collect();
    ensure!(complaints.is_empty(), "{complaints:#?}");
    let severe: Vec<_> = session
        .driver
        .browser_log()
        .await?
        .into_iter()
        .filter(|entry| entry.level == "SEVERE" && !is_expected(session, &entry.message))
        .collect();
    ensure!(severe.is_empty(), "{severe:#?}");
    Ok(())
}

/// Browsers say that they pass over a header which they take from secure addresses only.
fn is_expected(session: &Session, text: &str) -> bool {
    text.contains("Cross-Origin-Opener-Policy header has been ignored") && text.contains(&session.lan)
}
