//! `portal serve`.

use std::{
    io::{IsTerminal, Write},
    net::SocketAddr,
    path::PathBuf,
    time::Duration,
};

use anyhow::Result;
use clap::{Args, ValueEnum};

use super::PortalFolders;
use crate::{
    address::{Forwarding, Proxies},
    app,
    config::Limits,
    identity::Opening,
    leftovers,
    leftovers::Swept,
    serve::{self, Patience},
    site::Folders,
    state::Portal,
};

/// How often files that no submission names are looked for.
const SWEEP: Duration = Duration::from_secs(24 * 3600);

/// Serves the built page, the folder of public files and the leaderboard.
#[derive(Debug, Args)]
pub struct Serve {
    /// The folder of the built page (it holds index.html).
    #[arg(long, value_name = "DIR", default_value = "web/dist")]
    site: PathBuf,
    #[command(flatten)]
    places: PortalFolders,
    /// Where to listen; port 0 takes any free port.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Also logs every request.
    #[arg(long, short)]
    verbose: bool,
    /// How log lines are written.
    #[arg(long, value_enum, default_value_t)]
    log: Format,
    /// Makes a new, empty database although the data folder has held one before.
    #[arg(long)]
    new_database: bool,
    /// How many proxies stand in front of the server. With N, the N-th address from the end of the header that they
    /// write is the client's.
    #[arg(long, value_name = "N", default_value_t = 0)]
    trusted_proxies: u8,
    /// The header that the proxies write.
    #[arg(long, value_enum, default_value_t)]
    forwarding: Forwarding,
    /// The same as --trusted-proxies 1.
    #[arg(long, hide = true, conflicts_with = "trusted_proxies")]
    trust_proxy: bool,
    /// Connections at once from one address; with proxies in front there is no such limit.
    #[arg(long, value_name = "N", default_value_t = 256)]
    address_connections: usize,
    /// Requests per minute from one address.
    #[arg(long, value_name = "N", default_value_t = Limits::default().address_per_minute)]
    address_per_minute: u32,
    /// Requests per minute with one token.
    #[arg(long, value_name = "N", default_value_t = Limits::default().token_per_minute)]
    token_per_minute: u32,
    /// New teams per hour from one address.
    #[arg(long, value_name = "N", default_value_t = Limits::default().teams_per_hour)]
    teams_per_hour: u32,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for programs.
    Json,
}

impl Serve {
    /// Serves until it is told to stop.
    ///
    /// # Errors
    /// If a folder, the database or the address cannot be used.
    pub async fn run(self) -> Result<()> {
        self.start_log();
        let folders = Folders::open(&self.site, &self.places.public)?;
        let mut config = self.places.config()?;
        let trusted = self.trusted_proxies.max(u8::from(self.trust_proxy));
        config.limits.proxies = Proxies { trusted, header: self.forwarding };
        config.limits.address_per_minute = self.address_per_minute;
        config.limits.token_per_minute = self.token_per_minute;
        config.limits.teams_per_hour = self.teams_per_hour;
        // The address first: a taken port is the likeliest mistake, and opening a large leaderboard takes a moment.
        let listener = serve::bind(self.listen).await?;
        let opening = if self.new_database { Opening::Anew } else { Opening::Serving };
        let portal = Portal::open(config, opening).await?;
        for line in portal.description() {
            tracing::info!("{line}");
        }
        let app = app::router(&folders, Some(portal.clone()))?;
        let stop = serve::stop_signal()?;
        let sweeping = tokio::spawn(sweep(portal.clone()));
        // Programs that start the server with port 0 read this line to learn the port; it must not wait in a buffer.
        let mut out = std::io::stdout();
        writeln!(out, "listening on http://{}/", listener.local_addr()?)?;
        out.flush()?;
        let per_address = (trusted == 0).then_some(self.address_connections);
        let outcome = serve::serve(listener, app, stop, Patience { per_address, ..Patience::default() }).await;
        sweeping.abort();
        portal.database.close().await;
        outcome
    }

    fn start_log(&self) {
        let level = if self.verbose { tracing::Level::DEBUG } else { tracing::Level::INFO };
        // Other crates' details (each SQL statement, for one) are not about requests.
        let own =
            tracing_subscriber::filter::Targets::new().with_target("portal", level).with_default(tracing::Level::WARN);
        use tracing_subscriber::{Layer, layer::SubscriberExt, util::SubscriberInitExt};
        let (lines, colours) = (tracing_subscriber::fmt::layer(), std::io::stderr().is_terminal());
        let lines = lines.with_writer(std::io::stderr).with_ansi(colours);
        match self.log {
            Format::Text => tracing_subscriber::registry().with(lines.without_time().with_filter(own)).init(),
            Format::Json => tracing_subscriber::registry().with(lines.json().with_filter(own)).init(),
        }
    }
}

async fn sweep(portal: Portal) {
    loop {
        match leftovers::sweep(&portal).await {
            Ok(Swept { removed: 0, refused: 0 }) => {}
            Ok(Swept { removed, refused: 0 }) => tracing::info!(removed, "removed files that no submission names"),
            Ok(Swept { refused, .. }) => tracing::error!(
                refused,
                "removed nothing: more than one file in a hundred is named by no submission; run `portal doctor`"
            ),
            Err(error) => tracing::warn!(?error, "could not look for files that no submission names"),
        }
        tokio::time::sleep(SWEEP).await;
    }
}
