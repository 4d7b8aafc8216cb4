//! What every handler can reach.

use std::{net::IpAddr, ops::Deref, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};

use crate::{
    board::{self, Boards},
    config::Config,
    database::Database,
    limits::Buckets,
    metrics::Metrics,
    scoring::Workers,
    store::Store,
    token::Verified,
};

/// The leaderboard's server. Cheap to clone.
///
/// Nothing in it must survive the process or be known to another one: rate limits and remembered tokens are
/// conveniences, boards are files, and the rest is in the database and the store.
#[derive(Clone, Debug)]
pub struct Portal(Arc<Parts>);

/// The parts of a [`Portal`].
#[derive(Debug)]
pub struct Parts {
    /// What the operator chose.
    pub config: Config,
    /// The boards.
    pub boards: Boards,
    /// The database.
    pub database: Database,
    /// The predictions files.
    pub store: Store,
    /// The threads that score.
    pub workers: Workers,
    /// Counters.
    pub metrics: Metrics,
    /// Tokens verified a moment ago.
    pub verified: Verified,
    /// Requests by address.
    pub by_address: Buckets<IpAddr>,
    /// Requests by token.
    pub by_token: Buckets<String>,
    /// New teams by address.
    pub new_teams: Buckets<IpAddr>,
}

impl Portal {
    /// Opens everything, making what is not there.
    ///
    /// # Errors
    /// Says what cannot be opened, and why.
    pub async fn open(config: Config) -> Result<Self> {
        std::fs::create_dir_all(&config.data)
            .with_context(|| format!("cannot make the folder {}; name another with --data", config.data.display()))?;
        let (data, public) = (config.data.canonicalize()?, config.public.canonicalize().unwrap_or_default());
        ensure!(
            public.as_os_str().is_empty() || !data.starts_with(&public),
            "the data folder {} lies inside the public folder {}: everybody could read the hidden truth",
            data.display(),
            public.display()
        );
        let boards = board::load(&config.public, &config.data)?;
        let database = Database::open(&config.database).await?;
        let store = Store::open(&config.store)?;
        let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
        Ok(Self(Arc::new(Parts {
            by_address: Buckets::new(config.limits.address_per_minute, minute),
            by_token: Buckets::new(config.limits.token_per_minute, minute),
            new_teams: Buckets::new(config.limits.teams_per_hour, hour),
            boards,
            database,
            store,
            workers: Workers::default(),
            metrics: Metrics::default(),
            verified: Verified::default(),
            config,
        })))
    }

    /// Seconds since 1970.
    pub fn now(&self) -> i64 {
        self.0.config.clock.now()
    }
}

impl Deref for Portal {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
