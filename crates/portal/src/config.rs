//! What an operator can choose, with defaults that suit one computer.

use std::path::PathBuf;

use crate::{clock::Clock, database::Source, store::Location};

/// Everything that the leaderboard's server needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// The server's own folder: database, predictions, boards with hidden truth.
    pub data: PathBuf,
    /// The folder of public files; its `boards/` are read.
    pub public: PathBuf,
    /// The database.
    pub database: Source,
    /// Where predictions are stored.
    pub store: Location,
    /// How many requests, files and bytes are accepted.
    pub limits: Limits,
    /// Where the time comes from.
    pub clock: Clock,
}

/// How many requests, files and bytes are accepted, and how long they may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a submission's body as it is sent.
    pub body_bytes: usize,
    /// Bytes of a predictions file after decompression.
    pub file_bytes: u64,
    /// Rows of a predictions file.
    pub rows: usize,
    /// Files with problems per team, board and UTC day.
    pub failures_per_day: u32,
    /// Requests per minute from one address.
    pub address_per_minute: u32,
    /// Requests per minute with one token.
    pub token_per_minute: u32,
    /// New teams per hour from one address.
    pub teams_per_hour: u32,
    /// Seconds for a request, from its headers to its answer.
    pub request_seconds: u64,
    /// The same for a submission, whose file may come over a slow line.
    pub upload_seconds: u64,
    /// Days until a token ends.
    pub token_days: u32,
    /// Whether `X-Forwarded-For` is believed: only behind a proxy that sets it.
    pub trust_proxy: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 64 << 20,
            file_bytes: 256 << 20,
            rows: 2_000_000,
            failures_per_day: 20,
            address_per_minute: 600,
            token_per_minute: 300,
            teams_per_hour: 20,
            request_seconds: 30,
            upload_seconds: 120,
            token_days: 365,
            trust_proxy: false,
        }
    }
}

impl Config {
    /// The configuration over two folders, with database and store from the environment (`DATABASE_URL`,
    /// `GLAE_STORE`) or else in `data`.
    pub fn from_environment(data: impl Into<PathBuf>, public: impl Into<PathBuf>) -> Self {
        let data = data.into();
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            database: match set("DATABASE_URL") {
                Some(url) => Source::Postgres(url),
                None => Source::Sqlite(data.join("portal.sqlite")),
            },
            store: match set("GLAE_STORE") {
                Some(url) => Location::Url(url),
                None => Location::Folder(data.join("predictions")),
            },
            public: public.into(),
            limits: Limits::default(),
            clock: Clock::System,
            data,
        }
    }
}
