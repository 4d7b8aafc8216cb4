//! How long the answers about a board take with 200, 2,000 and 20,000 rows, side by side.
//!
//! `cargo xtask bench board`. SQLite, and a PostgreSQL that is started for it where its programs are installed. Times are
//! medians of the answers inside the process, without a network; sizes are those of the first page as a browser gets it,
//! packed with gzip. `bench_board fill DIR` writes a data folder of each size instead, for the page in a browser.

#[allow(dead_code, unreachable_pub, reason = "the tests use all of it")]
#[path = "../tests/support/postgres.rs"]
mod postgres;
#[allow(unreachable_pub, reason = "the tests' own")]
#[path = "../../../tests/src/skip.rs"]
mod skip;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use axum::{Router, body::Body, http::Request};
use glae_api::Token;
use http_body_util::BodyExt;
use portal::{
    api,
    clock::Clock,
    config::{Config, Limits},
    database::DatabaseAddress,
    identity::Opening,
    leftovers,
    state::Portal,
    store::Location,
    submission::Submission,
    team,
};
use sqlx::Connection;
use tower::ServiceExt;

const SIZES: [usize; 3] = [200, 2_000, 20_000];
const IMAGES: usize = 1_000;
const BOUNDARY: &str = "bench";

#[tokio::main]
async fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => measure_all().await,
        ["fill", folder] => {
            for size in SIZES {
                let data = Path::new(folder).join(size.to_string());
                let mut board = Busy::open(&data, sqlite(&data)).await?;
                board.grow(size).await?;
                board.portal.database.close().await;
            }
            Ok(())
        }
        _ => bail!("bench_board [fill DIR]"),
    }
}

fn sqlite(data: &Path) -> DatabaseAddress {
    DatabaseAddress::Sqlite(data.join("portal.sqlite"))
}

async fn measure_all() -> Result<()> {
    println!(
        "| database | rows | GET boards | GET board, 100 rows | its bytes, packed | the last 100 | GET board, all rows | POST |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("sqlite");
    measure("SQLite", &data, sqlite(&data)).await?;
    if let Some(server) = tokio::task::spawn_blocking(|| postgres::Postgres::start(true)).await? {
        let database = DatabaseAddress::Postgres(server.fresh_database());
        measure("PostgreSQL", &folder.path().join("postgres"), database).await?;
    }
    Ok(())
}

async fn measure(name: &str, data: &Path, database: DatabaseAddress) -> Result<()> {
    let mut board = Busy::open(data, database.clone()).await?;
    for size in SIZES {
        board.grow(size).await?;
        if let DatabaseAddress::Postgres(url) = &database {
            // What PostgreSQL does by itself within a minute.
            let mut connection = sqlx::AnyConnection::connect(url).await?;
            sqlx::query("VACUUM (ANALYZE)").execute(&mut connection).await?;
        }
        let api = &board.api;
        let (list, _) = get(api, "/api/v1/boards", 21).await?;
        let (page, bytes) = get(api, "/api/v1/boards/busy?limit=100", 21).await?;
        let (last, _) = get(api, &format!("/api/v1/boards/busy?from={}&limit=100", size - 100), 21).await?;
        let (all, _) = get(api, "/api/v1/boards/busy", 3).await?;
        let mut times = Vec::new();
        for number in 0..21 {
            let started = Instant::now();
            // Behind all others: the place of the worst row is found last.
            post(api, &board.token, 20.0 + f64::from(number)).await?;
            times.push(started.elapsed());
            board.rows += 1;
        }
        times.sort();
        let ms = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
        let (list, page, last, all, post) = (ms(list), ms(page), ms(last), ms(all), ms(times[10]));
        println!("| {name} | {size} | {list} | {page} | {bytes} | {last} | {all} | {post} |");
    }
    board.portal.database.close().await;
    Ok(())
}

/// A portal with one board.
struct Busy {
    portal: Portal,
    api: Router,
    token: Token,
    /// What the rows are copies of.
    model: Submission,
    rows: usize,
}

impl Busy {
    async fn open(data: &Path, database: DatabaseAddress) -> Result<Self> {
        let boards = data.join("boards");
        fs::create_dir_all(&boards)?;
        fs::write(
            boards.join("busy.toml"),
            "id = \"busy\"\ntitle = \"Busy\"\nmeasures = \"Years.\"\nprotocol = \"Any.\"\ntruth = \"public\"\n\
             primary = \"cmae\"\ncolumns = [\"cmae\", \"mae\"]\nsubmissions_per_day = 1000000\n\n\
             [dataset]\nname = \"Drawn\"\nlicence = \"None\"\nsource = \"https://example.org/\"\n",
        )?;
        fs::write(boards.join("busy.truth.csv"), ages(0.0))?;
        let many = Limits {
            address_per_minute: u32::MAX,
            token_per_minute: u32::MAX,
            teams_per_hour: u32::MAX,
            ..Limits::default()
        };
        let config = Config {
            public: data.join("public"),
            database,
            store: Location::Folder(data.join("predictions")),
            limits: many,
            clock: Clock::System,
            data: data.to_path_buf(),
        };
        let portal = Portal::open(config, Opening::Serving).await?;
        let api = api::router(portal.clone());
        let token = team::create(&portal.database, "Bench", portal.now(), 1).await.map_err(refused)?;
        let first = post(&api, &token, 10.0).await?;
        let id = first["row"]["id"].as_str().context("a submission")?;
        let model = Submission::find(&portal.database, id).await.map_err(refused)?.context("the submission")?;
        Ok(Self { portal, api, token, model, rows: 1 })
    }

    /// Adds rows until there are as many.
    async fn grow(&mut self, size: usize) -> Result<()> {
        let mut transaction = self.portal.database.begin().await?;
        while self.rows < size {
            let mut row = Submission { id: Submission::new_id(), ..self.model.clone() };
            row.scores.cmae = Some(5.0 + self.rows as f64 / 1e4);
            row.metadata.method = format!("Method {}", self.rows * 7919 % size);
            row.insert(&mut transaction, &self.portal.boards["busy"], "{}").await.map_err(refused)?;
            leftovers::settle(&mut transaction, &row.predictions).await.map_err(refused)?;
            self.rows += 1;
        }
        transaction.commit().await?;
        Ok(())
    }
}

fn refused(error: portal::problem::ApiError) -> anyhow::Error {
    anyhow::anyhow!("{error:?}")
}

/// The median time of a GET, and the size of its answer.
async fn get(api: &Router, path: &str, times: usize) -> Result<(Duration, usize)> {
    let (mut taken, mut bytes) = (Vec::new(), 0);
    for _ in 0..times {
        let started = Instant::now();
        let request = Request::get(path).header("accept-encoding", "gzip").body(Body::empty())?;
        let response = api.clone().oneshot(request).await?;
        anyhow::ensure!(response.status().is_success(), "{path}: {}", response.status());
        bytes = response.into_body().collect().await?.to_bytes().len();
        taken.push(started.elapsed());
    }
    taken.sort();
    Ok((taken[times / 2], bytes))
}

async fn post(api: &Router, token: &Token, error: f64) -> Result<serde_json::Value> {
    let metadata = "{\"method\":\"M\",\"external_data\":\"none\",\"visibility\":\"public\"}";
    let body = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n{metadata}\r\n\
         --{BOUNDARY}\r\nContent-Disposition: form-data; name=\"predictions\"; filename=\"p.csv\"\r\n\r\n{}\r\n\
         --{BOUNDARY}--\r\n",
        ages(error)
    );
    let request = Request::post("/api/v1/boards/busy/submissions")
        .header("authorization", format!("Bearer {}", token.token))
        .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
        .body(Body::from(body))?;
    let response = api.clone().oneshot(request).await?;
    let bytes = response.into_body().collect().await?.to_bytes();
    Ok(serde_json::from_slice(&bytes)?)
}

fn ages(error: f64) -> String {
    let row = |number: usize| format!("image-{number:05},{}\n", (1 + number % 80) as f64 + error);
    "id,age\n".to_owned() + &(0..IMAGES).map(row).collect::<String>()
}
