//! What the program can do, one module for each command.

pub mod backup;
pub mod board;
pub mod doctor;
pub mod enter;
pub mod export;
pub mod organise;
pub mod rescore;
pub mod restore;
pub mod score;
pub mod serve;
pub mod submit;
pub mod token;

mod copied;
mod renaming;

use std::path::PathBuf;

use anyhow::Result;

use crate::{config::Config, identity::Opening, problem::ApiError, state::Portal};

/// The folders that a portal lives in. `GLAE_DATABASE_URL` and `GLAE_STORE` name a database and a store elsewhere.
#[derive(Clone, Debug, clap::Args)]
pub struct PortalFolders {
    /// The server's own folder: database, predictions, boards with hidden truth.
    #[arg(long, global = true, value_name = "DIR", default_value = "data/portal")]
    pub data: PathBuf,
    /// The folder of public files (it holds weights/ and boards/).
    #[arg(long, global = true, value_name = "DIR", default_value = "public")]
    pub public: PathBuf,
}

impl PortalFolders {
    /// The configuration over these folders and the environment.
    ///
    /// # Errors
    /// If the environment names no database that is read.
    pub fn config(&self) -> Result<Config> {
        Config::from_environment(&self.data, &self.public)
    }

    /// Opens the portal that is there.
    ///
    /// # Errors
    /// Says what cannot be opened.
    pub async fn open(&self) -> Result<Portal> {
        Portal::open(self.config()?, Opening::Existing).await
    }
}

/// A problem as the error of a command.
pub(crate) fn told(error: ApiError) -> anyhow::Error {
    anyhow::anyhow!("{}", error.document().detail)
}
