//! What every handler can reach.

use std::{collections::BTreeMap, net::IpAddr, ops::Deref, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};

use crate::{
    board::{self, Boards},
    commands::told,
    config::Config,
    contest::{
        division::PrivatePart,
        ladder::{self, Steps},
    },
    database::Database,
    identity::{self, Opening},
    limits::Buckets,
    metrics::Metrics,
    places::{Places, Reservations},
    rankings,
    scoring::Workers,
    store::Store,
    team,
    token::OldHashes,
    versions,
};

/// The leaderboard's server. Cheap to clone.
///
/// Nothing in it must survive the process or be known to another one: rate limits and places protect this process,
/// boards are files, and the rest is in the database and the store.
#[derive(Clone, Debug)]
pub struct Portal(Arc<SharedState>);

/// The parts of a [`Portal`].
#[derive(Debug)]
pub struct SharedState {
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
    /// The threads that compute reports and comparisons: others than those that score, so that a submission never
    /// waits for them.
    pub reporters: Workers,
    /// One computation of a result at a time.
    pub computing: Places<String>,
    /// What only the server knows of contests, by the board's id.
    pub hidden: BTreeMap<String, ContestSecrets>,
    /// Tokens of earlier portals being verified.
    pub old_hashes: OldHashes,
    /// One request of a team with the same Idempotency-Key at a time.
    pub keys: Places<(String, String)>,
    /// Uploads by team.
    pub team_uploads: Places<String>,
    /// Uploads by address.
    pub address_uploads: Places<IpAddr>,
    /// Uploads under way by team and board.
    pub reservations: Reservations,
    /// Requests by address.
    pub by_address: Buckets<IpAddr>,
    /// Requests by token.
    pub by_token: Buckets<String>,
    /// New teams by address.
    pub new_teams: Buckets<IpAddr>,
}

/// What only the server knows of a contest.
#[derive(Clone, Debug)]
pub struct ContestSecrets {
    /// Which images decide.
    pub division: PrivatePart,
    /// The steps in which numbers are told.
    pub steps: Steps,
}

impl Portal {
    /// Opens everything. A database is made only where `opening` allows it.
    ///
    /// # Errors
    /// Says what cannot be opened, and why.
    pub async fn open(config: Config, opening: Opening) -> Result<Self> {
        let absolute = |path: &std::path::Path| path.canonicalize().or_else(|_| std::path::absolute(path));
        let data = absolute(&config.data).with_context(|| format!("cannot find {}", config.data.display()))?;
        let public = config.public.canonicalize().unwrap_or_default();
        ensure!(
            public.as_os_str().is_empty() || !data.starts_with(&public),
            "the data folder {} lies inside the public folder {}: everybody could read the hidden truth",
            data.display(),
            public.display()
        );
        let boards = board::load(&config.public, &config.data)?;
        let (database, store) = identity::open(&config, opening).await?;
        let seed = database.seed().await?;
        let hidden = boards.iter().filter_map(|(id, loaded)| {
            let (contest, truth) = (loaded.contest.as_ref()?, loaded.truth.as_ref()?);
            let division = PrivatePart::new(truth, &seed, id, contest.private_share);
            let steps = ladder::steps(&loaded.board, contest, truth, &division);
            Some((id.clone(), ContestSecrets { division, steps }))
        });
        let hidden = hidden.collect();
        let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
        let portal = Self(Arc::new(SharedState {
            by_address: Buckets::new(config.limits.address_per_minute, minute),
            by_token: Buckets::new(config.limits.token_per_minute, minute),
            new_teams: Buckets::new(config.limits.teams_per_hour, hour),
            boards,
            database,
            store,
            workers: Workers::default(),
            metrics: Metrics::default(),
            hidden,
            reporters: Workers::one(),
            computing: Places::new(1),
            old_hashes: OldHashes::default(),
            keys: Places::new(1),
            team_uploads: Places::new(config.limits.team_uploads),
            address_uploads: Places::new(config.limits.address_uploads),
            reservations: Reservations::default(),
            config,
        }));
        versions::begin(&portal).await?;
        rankings::settle(&portal).await?;
        team::draw_all(&portal.database).await.map_err(told)?;
        if opening != Opening::Existing {
            versions::require_same(&portal).await?;
        }
        Ok(portal)
    }

    /// What this server works with, a line for each: database, store, boards, limits.
    pub fn description(&self) -> Vec<String> {
        let (limits, boards) = (&self.config.limits, &self.boards);
        let names: Vec<_> = boards.iter().map(|(id, board)| format!("{id} ({})", board.kind())).collect();
        vec![
            format!("database: {}", self.config.database.name()),
            format!("predictions: {}", self.config.store.name()),
            format!("{} boards: {}", names.len(), names.join(", ")),
            format!(
                "limits: {} requests a minute from one address, {} with one token, {} new teams an hour; files of {} \
                 MiB, {} MiB unpacked, {} rows; {} files with problems a day",
                limits.address_per_minute,
                limits.token_per_minute,
                limits.teams_per_hour,
                limits.body_bytes >> 20,
                limits.file_bytes >> 20,
                limits.rows,
                limits.failures_per_day
            ),
        ]
    }

    /// Seconds since 1970.
    pub fn now(&self) -> i64 {
        self.0.config.clock.now()
    }
}

impl Deref for Portal {
    type Target = SharedState;

    fn deref(&self) -> &SharedState {
        &self.0
    }
}
