//! SQLite or PostgreSQL behind one SQL text.
//!
//! `sqlx::Any` takes `$1` for both, and the schema keeps to TEXT and BIGINT, so each statement exists once. Two things
//! differ: how a writing transaction starts, and how the schema is locked while it is brought up to date.

use std::{path::PathBuf, time::Duration};

use sqlx::{AnyPool, Executor, Row, any::AnyPoolOptions};
use thiserror::Error;

/// A writing transaction. Dropped without `commit`, it leaves nothing behind.
pub type Transaction = sqlx::Transaction<'static, sqlx::Any>;

/// The schema's steps, oldest first. Published steps are never edited: the next change is a new file.
const MIGRATIONS: [&str; 1] = [include_str!("../migrations/0001_first.sql")];

/// How long a writer waits for another process to finish its transaction.
const PATIENCE: Duration = Duration::from_secs(15);

/// Which database.
#[derive(Clone, Debug)]
pub enum Source {
    /// A SQLite file; made if it is not there.
    Sqlite(PathBuf),
    /// The address of a PostgreSQL database, `postgres://...`.
    Postgres(String),
}

/// Why the database cannot be used.
#[derive(Debug, Error)]
pub enum DatabaseError {
    /// The file or server does not answer, or refuses.
    #[error("cannot open the database {name}: {source}")]
    Open {
        /// The file or server, without a password.
        name: String,
        /// What it said.
        source: sqlx::Error,
    },
    /// The schema could not be brought up to date; nothing was changed.
    #[error("cannot bring the database's schema up to date: {0}")]
    Migrate(sqlx::Error),
    /// A later portal wrote this database.
    #[error("the database has schema {found}, this portal knows {known}: use the portal that wrote it, or a later one")]
    TooNew {
        /// The schema found.
        found: i64,
        /// The latest known here.
        known: i64,
    },
}

/// The open database.
#[derive(Clone, Debug)]
pub struct Database {
    read: AnyPool,
    write: AnyPool,
    begin: &'static str,
}

impl Database {
    /// Opens it and brings its schema up to date.
    ///
    /// # Errors
    /// See [`DatabaseError`].
    pub async fn open(source: &Source) -> Result<Self, DatabaseError> {
        sqlx::any::install_default_drivers();
        let opened = match source {
            Source::Sqlite(_) => Self::open_sqlite(source).await,
            Source::Postgres(url) => Self::open_postgres(url).await,
        };
        let database = opened.map_err(|error| DatabaseError::Open { name: source.name(), source: error })?;
        database.migrate(matches!(source, Source::Postgres(_))).await?;
        Ok(database)
    }

    /// For statements that only read.
    pub fn read(&self) -> &AnyPool {
        &self.read
    }

    /// Starts a writing transaction.
    ///
    /// In SQLite writers stand in line for the one writing connection, and `BEGIN IMMEDIATE` takes the file's lock at
    /// once: a transaction that reads first and writes later could otherwise fail halfway, without waiting.
    ///
    /// # Errors
    /// If the database does not answer in time.
    pub async fn begin(&self) -> Result<Transaction, sqlx::Error> {
        self.write.begin_with(self.begin).await
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// What it said instead.
    pub async fn ping(&self) -> Result<(), sqlx::Error> {
        sqlx::query("SELECT 1").execute(&self.read).await.map(|_| ())
    }

    /// Writes a SQLite database as it is now to a new file, while others go on writing.
    ///
    /// # Errors
    /// If it is not SQLite, or the file cannot be written.
    pub async fn snapshot(&self, path: &std::path::Path) -> Result<(), sqlx::Error> {
        let path = path.to_string_lossy().into_owned();
        sqlx::query("VACUUM INTO $1").bind(path).execute(&self.write).await.map(|_| ())
    }

    /// Waits for statements under way and closes the connections.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }

    async fn open_sqlite(source: &Source) -> Result<Self, sqlx::Error> {
        let url = source.url();
        let write = AnyPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(PATIENCE)
            .after_connect(|connection, _| {
                // FULL: in WAL mode only this makes a committed transaction outlive a power failure.
                let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                                PRAGMA busy_timeout = 15000; PRAGMA foreign_keys = ON";
                Box::pin(async move { connection.execute(sqlx::raw_sql(settings)).await.map(|_| ()) })
            })
            .connect(&url)
            .await?;
        let read = AnyPoolOptions::new()
            .max_connections(8)
            .acquire_timeout(PATIENCE)
            .after_connect(|connection, _| {
                let settings = "PRAGMA busy_timeout = 15000; PRAGMA query_only = ON";
                Box::pin(async move { connection.execute(sqlx::raw_sql(settings)).await.map(|_| ()) })
            })
            .connect(&url)
            .await?;
        Ok(Self { read, write, begin: "BEGIN IMMEDIATE" })
    }

    async fn open_postgres(url: &str) -> Result<Self, sqlx::Error> {
        let pool = AnyPoolOptions::new().max_connections(16).acquire_timeout(PATIENCE).connect(url).await?;
        Ok(Self { read: pool.clone(), write: pool, begin: "BEGIN" })
    }

    /// Applies the steps that are missing, in one transaction.
    async fn migrate(&self, postgres: bool) -> Result<(), DatabaseError> {
        let known = MIGRATIONS.len() as i64;
        let mut transaction = self.begin().await.map_err(DatabaseError::Migrate)?;
        let found = Self::schema(&mut transaction, postgres).await.map_err(DatabaseError::Migrate)?;
        if found > known {
            return Err(DatabaseError::TooNew { found, known });
        }
        for (step, text) in (1..).zip(MIGRATIONS).skip(found as usize) {
            let outcome = async {
                transaction.execute(sqlx::raw_sql(text)).await?;
                sqlx::query("INSERT INTO schema_steps (step) VALUES ($1)").bind(step).execute(&mut *transaction).await
            };
            outcome.await.map_err(DatabaseError::Migrate)?;
        }
        transaction.commit().await.map_err(DatabaseError::Migrate)
    }

    /// The number of steps already applied.
    async fn schema(transaction: &mut Transaction, postgres: bool) -> Result<i64, sqlx::Error> {
        if postgres {
            // Portals that start together would create the same tables; SQLite's BEGIN IMMEDIATE already excludes that.
            transaction.execute(sqlx::raw_sql("SELECT pg_advisory_xact_lock(71762769)")).await?;
        }
        let create = "CREATE TABLE IF NOT EXISTS schema_steps (step BIGINT PRIMARY KEY)";
        transaction.execute(sqlx::raw_sql(create)).await?;
        let row = sqlx::query("SELECT COUNT(*) FROM schema_steps").fetch_one(&mut **transaction).await?;
        row.try_get(0)
    }
}

impl Source {
    /// What to call it in messages: never with a password.
    fn name(&self) -> String {
        match self {
            Source::Sqlite(path) => path.display().to_string(),
            Source::Postgres(url) => match url::Url::parse(url) {
                Ok(url) => format!("{}{}", url.host_str().unwrap_or("(local)"), url.path()),
                Err(_) => "of DATABASE_URL (its address cannot be read)".to_owned(),
            },
        }
    }

    fn url(&self) -> String {
        match self {
            Source::Sqlite(path) => {
                let path = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
                format!("sqlite://{path}?mode=rwc")
            }
            Source::Postgres(url) => url.clone(),
        }
    }
}
