//! `portal token`.

use anyhow::{Context, Result};
use clap::Args;

use super::{PortalFolders, told};
use crate::team;

/// Makes a new token for a team; the old one ends.
#[derive(Debug, Args)]
pub struct NewTokenCommand {
    /// The team's name.
    team: String,
    /// Makes the team if there is none of this name.
    #[arg(long)]
    create: bool,
    #[command(flatten)]
    places: PortalFolders,
}

impl NewTokenCommand {
    /// Runs the command. The token is the only thing on standard output.
    ///
    /// # Errors
    /// If there is no such team, or the database fails.
    pub async fn run(self) -> Result<()> {
        let portal = self.places.open().await?;
        let (now, days) = (portal.now(), portal.config.limits.token_days);
        let token = match team::find(&portal.database, &self.team).await.map_err(told)? {
            Some((id, name)) => team::renew(&portal.database, &id, &name, now, days).await.map_err(told)?,
            None if self.create => team::create(&portal.database, &self.team, now, days).await.map_err(told)?,
            None => {
                return Err(anyhow::anyhow!("make it with --create"))
                    .with_context(|| format!("there is no team {:?}", self.team));
            }
        };
        println!("{}", token.token);
        portal.database.close().await;
        Ok(())
    }
}
