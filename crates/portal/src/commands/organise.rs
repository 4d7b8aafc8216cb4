//! `portal organise`.

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use super::Places;
use crate::{contest, deeds, organiser::Organiser};

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
    places: Places,
}

/// What is done.
#[derive(Debug, Subcommand)]
enum Deed {
    /// Admits a team to a contest.
    Admit {
        /// The contest's board.
        board: String,
        /// The team's name.
        team: String,
    },
    /// Refuses a team; what it has submitted stays.
    Refuse {
        /// The contest's board.
        board: String,
        /// The team's name.
        team: String,
    },
    /// Makes codes that let one team each into a contest, and prints them this once.
    Invite {
        /// The contest's board.
        board: String,
        /// How many.
        #[arg(long, default_value_t = 1)]
        count: u32,
    },
    /// Hides a submission from all but its team.
    Hide {
        /// The submission's id.
        submission: String,
    },
    /// Shows a hidden submission again.
    Unhide {
        /// The submission's id.
        submission: String,
    },
    /// Bans a team: it submits nothing any more, and its rows are hidden.
    Ban {
        /// The team's name.
        team: String,
    },
    /// Lets a banned team in again.
    Unban {
        /// The team's name.
        team: String,
    },
    /// Removes a team with all that is its, for good.
    RemoveTeam {
        /// The team's name.
        team: String,
    },
    /// Closes a contest now: the private part decides and is told.
    Close {
        /// The contest's board.
        board: String,
    },
    /// Moves the moment at which a contest closes.
    Extend {
        /// The contest's board.
        board: String,
        /// As in 2026-12-31T00:00:00Z.
        until: String,
    },
    /// Says something on a contest's page; an empty text takes it away.
    Announce {
        /// The contest's board.
        board: String,
        /// The text.
        text: String,
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
        let organiser = Organiser { portal: &portal, actor: self.actor, reason: self.reason };
        match self.deed {
            Deed::Admit { board, team } => organiser.admit(&board, &team, true).await?,
            Deed::Refuse { board, team } => organiser.admit(&board, &team, false).await?,
            Deed::Invite { board, count } => {
                for code in organiser.invite(&board, count).await? {
                    println!("{code}");
                }
            }
            Deed::Hide { submission } => organiser.hide(&submission, true).await?,
            Deed::Unhide { submission } => organiser.hide(&submission, false).await?,
            Deed::Ban { team } => organiser.ban(&team, true).await?,
            Deed::Unban { team } => organiser.ban(&team, false).await?,
            Deed::RemoveTeam { team } => {
                let submissions = organiser.remove(&team).await?;
                println!("the team and {submissions} submissions are gone");
            }
            Deed::Close { board } => organiser.close(&board, portal.now()).await?,
            Deed::Extend { board, until } => {
                let time = until.parse().with_context(|| format!("{until} is no time; write 2026-12-31T00:00:00Z"))?;
                organiser.close(&board, contest::seconds(time)?).await?;
            }
            Deed::Announce { board, text } => organiser.announce(&board, &text).await?,
            Deed::Log => {
                for deed in deeds::all(&portal.database).await? {
                    let deeds::Deed { at, actor, action, board, subject, reason } = deed;
                    println!("{at}\t{actor}\t{action}\t{board}\t{subject}\t{reason}");
                }
            }
        }
        portal.database.close().await;
        Ok(())
    }
}
