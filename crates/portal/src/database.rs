//! SQLite or PostgreSQL behind one SQL text.
//!
//! `sqlx::Any` takes `$1` for both, and the schema keeps to TEXT, BIGINT and DOUBLE PRECISION, so each statement exists
//! once. Three things differ: how a writing transaction starts, how the schema is locked while it is brought up to date,
//! and how one finds out whether a database is there at all.
//!
//! The schema is brought up to date here and not by `sqlx::migrate!`, which would begin a count of its own in databases that have
//! counted their steps from the first version on.

use std::{path::PathBuf, time::Duration};

use sqlx::{AnyPool, Executor, Row, any::AnyPoolOptions};
use thiserror::Error;

use crate::random;

/// A writing transaction. Dropped without `commit`, it leaves nothing behind.
pub type Transaction = sqlx::Transaction<'static, sqlx::Any>;

/// The schema's steps, oldest first. Published steps are never edited: the next change is a new file.
const MIGRATIONS: [&str; 5] = [
    include_str!("../migrations/0001_first.sql"),
    include_str!("../migrations/0002_identity.sql"),
    include_str!("../migrations/0003_contests.sql"),
    include_str!("../migrations/0004_organisers.sql"),
    include_str!("../migrations/0005_places.sql"),
];

/// How long a writer waits for another process to finish its transaction.
const PATIENCE: Duration = Duration::from_secs(15);
/// Connections to PostgreSQL for statements that only read.
const READERS: u32 = 12;
/// Connections to PostgreSQL for transactions that write: a crowd of readers leaves them free.
const WRITERS: u32 = 6;

/// Which database.
#[derive(Clone, Debug)]
pub enum DatabaseAddress {
    /// A SQLite file.
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
    /// The folder of a new SQLite file cannot be made.
    #[error("cannot make the folder {path}: {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
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
    postgres: bool,
}

impl Database {
    /// Opens the database if there is one, and changes nothing in it.
    ///
    /// A SQLite file without content and a PostgreSQL database without a portal's tables are none.
    ///
    /// # Errors
    /// If the file or server does not answer, or a later portal wrote it.
    pub async fn find(source: &DatabaseAddress) -> Result<Option<Self>, DatabaseError> {
        if let DatabaseAddress::Sqlite(path) = source
            && !std::fs::metadata(path).is_ok_and(|file| file.len() > 0)
        {
            return Ok(None);
        }
        let database = Self::connect(source).await?;
        let found = database.schema().await.map_err(|error| source.unusable(error))?;
        let known = MIGRATIONS.len() as i64;
        match found {
            0 => {
                database.close().await;
                Ok(None)
            }
            found if found > known => Err(DatabaseError::TooNew { found, known }),
            _ => Ok(Some(database)),
        }
    }

    /// Makes a database with an identity, in an empty file or an empty PostgreSQL database.
    ///
    /// # Errors
    /// If the file or server does not answer, or refuses.
    pub async fn make(source: &DatabaseAddress) -> Result<Self, DatabaseError> {
        if let DatabaseAddress::Sqlite(path) = source
            && let Some(folder) = path.parent()
        {
            let refused = |source| DatabaseError::Folder { path: folder.to_path_buf(), source };
            std::fs::create_dir_all(folder).map_err(refused)?;
        }
        let database = Self::connect(source).await?;
        database.upgrade(&random::hexadecimal(16)).await?;
        Ok(database)
    }

    /// Brings the schema up to date; a database that has no identity yet gets `identity`.
    ///
    /// # Errors
    /// If a step fails; then nothing is changed.
    pub async fn upgrade(&self, identity: &str) -> Result<(), DatabaseError> {
        let mut transaction = self.begin().await.map_err(DatabaseError::Migrate)?;
        self.upgrade_within(&mut transaction).await?;
        // The seed decides which images of a contest are private; it never changes and never leaves the server.
        for (name, value) in [("identity", identity), ("seed", &random::hexadecimal(32))] {
            sqlx::query("INSERT INTO facts (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
                .bind(name)
                .bind(value)
                .execute(&mut *transaction)
                .await
                .map_err(DatabaseError::Migrate)?;
        }
        transaction.commit().await.map_err(DatabaseError::Migrate)
    }

    /// Applies the steps of the schema that are missing, as part of a transaction.
    ///
    /// # Errors
    /// If a step fails, or a later portal wrote the database.
    pub async fn upgrade_within(&self, transaction: &mut Transaction) -> Result<(), DatabaseError> {
        let known = MIGRATIONS.len() as i64;
        if self.postgres {
            // Portals that start together would create the same tables; SQLite's BEGIN IMMEDIATE already excludes that.
            let lock = sqlx::raw_sql("SELECT pg_advisory_xact_lock(71762769)");
            transaction.execute(lock).await.map_err(DatabaseError::Migrate)?;
        }
        let create = "CREATE TABLE IF NOT EXISTS schema_steps (step BIGINT PRIMARY KEY)";
        transaction.execute(sqlx::raw_sql(create)).await.map_err(DatabaseError::Migrate)?;
        let count = sqlx::query("SELECT COUNT(*) FROM schema_steps").fetch_one(&mut **transaction).await;
        let found: i64 = count.and_then(|row| row.try_get(0)).map_err(DatabaseError::Migrate)?;
        if found > known {
            return Err(DatabaseError::TooNew { found, known });
        }
        for (step, text) in (1..).zip(MIGRATIONS).skip(found as usize) {
            let outcome = async {
                transaction.execute(sqlx::raw_sql(text)).await?;
                sqlx::query("INSERT INTO schema_steps (step) VALUES ($1)").bind(step).execute(&mut **transaction).await
            };
            outcome.await.map_err(DatabaseError::Migrate)?;
        }
        Ok(())
    }

    /// What the database calls itself; nothing before the schema has identities.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn identity(&self) -> Result<Option<String>, sqlx::Error> {
        if self.schema().await? < 2 {
            return Ok(None);
        }
        let row = sqlx::query("SELECT value FROM facts WHERE name = 'identity'").fetch_optional(&self.read).await?;
        row.map(|row| row.try_get(0)).transpose()
    }

    /// The secret from which the divisions of contests follow.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn seed(&self) -> Result<String, sqlx::Error> {
        sqlx::query("SELECT value FROM facts WHERE name = 'seed'").fetch_one(&self.read).await?.try_get(0)
    }

    /// Whether it is PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        self.postgres
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

    /// Starts a transaction that sees one moment of the database, whatever others write meanwhile.
    ///
    /// # Errors
    /// If the database does not answer in time.
    pub async fn moment(&self) -> Result<Transaction, sqlx::Error> {
        match self.postgres {
            true => self.read.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await,
            false => self.read.begin_with("BEGIN").await,
        }
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

    /// Moves everything that a SQLite database has written beside its file into it, and closes the connections.
    ///
    /// # Errors
    /// If another process uses the file.
    pub async fn settle_into_one_file(&self) -> Result<(), sqlx::Error> {
        self.read.close().await;
        self.write.execute(sqlx::raw_sql("PRAGMA journal_mode = DELETE")).await?;
        self.write.close().await;
        Ok(())
    }

    /// Waits for statements under way and closes the connections.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }

    /// Opens the database as it is, whatever is in it.
    ///
    /// # Errors
    /// If the file or server does not answer.
    pub async fn connect(source: &DatabaseAddress) -> Result<Self, DatabaseError> {
        sqlx::any::install_default_drivers();
        let opened = match source {
            DatabaseAddress::Sqlite(_) => Self::open_sqlite(source).await,
            DatabaseAddress::Postgres(url) => Self::open_postgres(url).await,
        };
        opened.map_err(|error| source.unusable(error))
    }

    async fn open_sqlite(source: &DatabaseAddress) -> Result<Self, sqlx::Error> {
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
        Ok(Self { read, write, begin: "BEGIN IMMEDIATE", postgres: false })
    }

    async fn open_postgres(url: &str) -> Result<Self, sqlx::Error> {
        let pool = |most| AnyPoolOptions::new().max_connections(most).acquire_timeout(PATIENCE);
        let read = pool(READERS).connect(url).await?;
        Ok(Self { read, write: pool(WRITERS).connect_lazy(url)?, begin: "BEGIN", postgres: true })
    }

    /// The number of steps already applied; 0 where a portal's tables are not there.
    async fn schema(&self) -> Result<i64, sqlx::Error> {
        let table = match self.postgres {
            true => {
                "SELECT COUNT(*) FROM information_schema.tables \
                 WHERE table_schema = current_schema() AND table_name = 'schema_steps'"
            }
            false => "SELECT COUNT(*) FROM sqlite_master WHERE name = 'schema_steps'",
        };
        let there: i64 = sqlx::query(table).fetch_one(&self.read).await?.try_get(0)?;
        if there == 0 {
            return Ok(0);
        }
        sqlx::query("SELECT COUNT(*) FROM schema_steps").fetch_one(&self.read).await?.try_get(0)
    }
}

impl DatabaseAddress {
    /// What to call it in messages: never with a password.
    pub fn name(&self) -> String {
        match self {
            DatabaseAddress::Sqlite(path) => path.display().to_string(),
            DatabaseAddress::Postgres(url) => match url::Url::parse(url) {
                Ok(url) => format!("{}{}", url.host_str().unwrap_or("(local)"), url.path()),
                Err(_) => "of GLAE_DATABASE_URL (its address cannot be read)".to_owned(),
            },
        }
    }

    fn unusable(&self, source: sqlx::Error) -> DatabaseError {
        DatabaseError::Open { name: self.name(), source }
    }

    fn url(&self) -> String {
        match self {
            DatabaseAddress::Sqlite(path) => {
                let path = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
                format!("sqlite://{path}?mode=rwc")
            }
            DatabaseAddress::Postgres(url) => url.clone(),
        }
    }
}
