//! `portal organise`.

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use glae_api::Action;

use super::{PortalFolders, told};
use crate::{contest, database::Transaction, deeds, organiser::ActingOrganiser, state::Portal, text, token};

/// Runs contests and keeps boards clean. Every deed is written into a log that `portal organise log` shows.
#[derive(Debug, Args)]
pub struct Organise {
    #[command(subcommand)]
    deed: Deed,
    /// Who does it, for the log.
    #[arg(long, global = true, env = "USER", default_value = "operator", value_name = "NAME")]
    actor: String,
    /// Why, for the log; the team of a hidden submission sees it.
    #[arg(long, global = true, default_value = "", value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    places: PortalFolders,
}

/// What is done.
#[derive(Debug, Subcommand)]
enum Deed {
    #[command(flatten)]
    Act(Action),
    /// Moves the moment at which a contest closes.
    Extend {
        /// The contest's board.
        board: String,
        /// As in 2026-12-31T00:00:00Z.
        until: String,
    },
    /// Makes a token for an organiser, who may do all of this from the page and over the API; one of the same name ends.
    Token {
        /// The name that the log shows.
        name: String,
    },
    /// Ends an organiser's token.
    Retire {
        /// The name that the log shows.
        name: String,
    },
    /// Shows what was done: seconds since 1970, who, what, board, subject, reason, with tabs between.
    Log,
}

impl Organise {
    /// Runs the command.
    ///
    /// # Errors
    /// If there is no such board, team or submission; nothing is changed then.
    pub async fn run(self) -> Result<()> {
        let portal = self.places.open().await?;
        let organiser = ActingOrganiser { portal: &portal, actor: self.actor, reason: self.reason };
        let action = match self.deed {
            Deed::Act(action) => action,
            Deed::Extend { board, until } => {
                let time = until.parse().with_context(|| format!("{until} is no time; write 2026-12-31T00:00:00Z"))?;
                Action::Extend { board, until: contest::seconds(time)? }
            }
            Deed::Token { name } => return hire(&portal, &organiser.actor, &name).await,
            Deed::Retire { name } => return retire(&portal, &organiser.actor, &name).await,
            Deed::Log => return log(&portal).await,
        };
        let done = organiser.act(&action).await.map_err(told)?;
        for code in done.codes {
            println!("{code}");
        }
        if let Some(submissions) = done.removed {
            println!("the team and {submissions} submissions are gone");
        }
        if let Some(frozen) = done.frozen {
            println!("ranking {} is kept: SHA-256 {}", frozen.number, frozen.checksum);
        }
        portal.database.close().await;
        Ok(())
    }
}

/// Prints an organiser's new token, the only thing on standard output.
async fn hire(portal: &Portal, actor: &str, name: &str) -> Result<()> {
    let name = text::line("name", name, 1..=60).map_err(anyhow::Error::msg)?;
    let mut transaction = portal.database.begin().await?;
    let days = portal.config.limits.token_days;
    let (token, _) = token::issue_organiser(&mut transaction, &name, portal.now(), days).await.map_err(told)?;
    note(portal, transaction, actor, "token", &name).await?;
    println!("{token}");
    Ok(())
}

async fn retire(portal: &Portal, actor: &str, name: &str) -> Result<()> {
    let mut transaction = portal.database.begin().await?;
    let there = token::retire_organiser(&mut transaction, name).await.map_err(told)?;
    anyhow::ensure!(there, "there is no organiser {name:?}");
    note(portal, transaction, actor, "retire", name).await
}

async fn note(portal: &Portal, mut transaction: Transaction, actor: &str, action: &str, name: &str) -> Result<()> {
    let deed = deeds::DeedEntry { at: portal.now(), actor, action, board: "", subject: name, reason: "" };
    deeds::write(&mut transaction, &deed).await.map_err(told)?;
    transaction.commit().await?;
    portal.database.close().await;
    Ok(())
}

async fn log(portal: &Portal) -> Result<()> {
    for deed in deeds::all(&portal.database).await.map_err(told)? {
        let glae_api::Deed { at, actor, action, board, subject, reason } = deed;
        println!("{at}\t{actor}\t{action}\t{board}\t{subject}\t{reason}");
    }
    portal.database.close().await;
    Ok(())
}
