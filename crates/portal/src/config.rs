//! What an operator can choose, with defaults that suit one computer.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::{address::Proxies, clock::Clock, database::DatabaseAddress, store::Location};

/// Everything that the leaderboard's server needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// The server's own folder: database, predictions, boards with hidden truth.
    pub data: PathBuf,
    /// The folder of public files; its `boards/` are read.
    pub public: PathBuf,
    /// The database.
    pub database: DatabaseAddress,
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
    /// Uploads of one team that are read and scored at once; the next wait.
    pub team_uploads: usize,
    /// The same from one address.
    pub address_uploads: usize,
    /// Seconds without a byte of a body until it is given up.
    pub stall_seconds: u64,
    /// The proxies in front of the server.
    pub proxies: Proxies,
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
            team_uploads: 4,
            address_uploads: 8,
            stall_seconds: 20,
            proxies: Proxies::default(),
        }
    }
}

impl Config {
    /// The configuration over two folders, with database and store from the environment (`GLAE_DATABASE_URL`,
    /// `GLAE_STORE`) or else in `data`.
    ///
    /// # Errors
    /// If only `DATABASE_URL` is set: falling back to SQLite would silently start an empty leaderboard.
    pub fn from_environment(data: impl Into<PathBuf>, public: impl Into<PathBuf>) -> Result<Self> {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self::with(data.into(), public.into(), set)
    }

    fn with(data: PathBuf, public: PathBuf, set: impl Fn(&'static str) -> Option<String>) -> Result<Self> {
        let url = set("GLAE_DATABASE_URL");
        ensure!(
            url.is_some() || set("DATABASE_URL").is_none(),
            "DATABASE_URL is set and no longer read: call it GLAE_DATABASE_URL, or remove it to use SQLite in {}",
            data.display()
        );
        Ok(Self {
            database: url
                .map_or_else(|| DatabaseAddress::Sqlite(data.join("portal.sqlite")), DatabaseAddress::Postgres),
            store: match set("GLAE_STORE") {
                Some(url) => Location::Url(url),
                None => Location::Folder(data.join("predictions")),
            },
            public,
            limits: Limits::default(),
            clock: Clock::System,
            data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_general_name_of_the_database_alone_stops_the_start() {
        let with = |known: &'static [(&str, &str)]| {
            let find = move |name| known.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            Config::with("data".into(), "public".into(), find)
        };
        let said = with(&[("DATABASE_URL", "postgres://a/b")]).unwrap_err().to_string();
        assert!(said.contains("GLAE_DATABASE_URL"), "{said}");
        let both = with(&[("DATABASE_URL", "postgres://a/b"), ("GLAE_DATABASE_URL", "postgres://c/d")]).unwrap();
        assert!(matches!(both.database, DatabaseAddress::Postgres(url) if url == "postgres://c/d"));
        assert!(matches!(with(&[]).unwrap().database, DatabaseAddress::Sqlite(_)));
    }
}
