//! `portal enter`.

use anyhow::Result;
use clap::Args;
use glae_api::EntryState;

use crate::client::Client;

/// Takes part in a contest of a server, or chooses what counts at its end.
#[derive(Debug, Args)]
pub struct Enter {
    /// The server's address.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// The team's token. Prefer the environment variable: other users of a computer can see arguments.
    #[arg(long, env = "GLAE_TOKEN", hide_env_values = true)]
    token: String,
    /// The contest's board.
    #[arg(long, value_name = "ID")]
    board: String,
    /// The invitation's code, where one is needed.
    #[arg(long)]
    code: Option<String>,
    /// The submission that is to count when the contest closes.
    #[arg(long, value_name = "ID")]
    final_submission: Option<String>,
}

impl Enter {
    /// Runs the command.
    ///
    /// # Errors
    /// Why the server refused.
    pub fn run(self) -> Result<()> {
        let client = Client::new(&self.server, Some(self.token));
        let entry = match self.final_submission {
            Some(submission) => client.choose(&self.board, Some(submission))?,
            None => client.enter(&self.board, self.code)?,
        };
        let state = match entry.state {
            EntryState::Admitted => "the team takes part",
            EntryState::Pending => "the team waits for the organiser",
            EntryState::Refused => "the organiser has refused the team",
            EntryState::None => "the team has not asked to take part",
        };
        println!("{state}; at the end counts {}", entry.final_submission.as_deref().unwrap_or("its best"));
        Ok(())
    }
}
