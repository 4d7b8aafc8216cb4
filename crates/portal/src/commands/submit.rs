//! `portal submit`.

use std::{fs, io::Read, path::PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use flate2::read::MultiGzDecoder;
use glae_api::{ExternalData, Metadata, Visibility};
use glae_metrics::Predictions;

use super::renaming::Renaming;
use crate::{board, client::Client, random};

/// Submits a predictions file to a server.
#[derive(Debug, Args)]
pub struct Submit {
    /// The server's address.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// The team's token. Prefer the environment variable: other users of a computer can see arguments.
    #[arg(long, env = "GLAE_TOKEN", hide_env_values = true)]
    token: String,
    /// The board.
    #[arg(long, value_name = "ID")]
    board: String,
    /// The predictions: CSV or JSON lines, plain or gzip.
    #[arg(long, value_name = "FILE")]
    predictions: PathBuf,
    /// The method's name.
    #[arg(long)]
    method: String,
    /// Who made it.
    #[arg(long, default_value = "")]
    authors: String,
    /// Year of publication.
    #[arg(long)]
    year: Option<u16>,
    /// The network under it.
    #[arg(long, default_value = "")]
    backbone: String,
    /// Number of parameters in millions.
    #[arg(long, value_name = "N")]
    parameters_millions: Option<f64>,
    /// It learned from other faces than the board's training part.
    #[arg(long)]
    external_data: bool,
    /// Address of the paper.
    #[arg(long, value_name = "URL")]
    paper: Option<String>,
    /// Address of the code.
    #[arg(long, value_name = "URL")]
    code: Option<String>,
    /// Anything else.
    #[arg(long, default_value = "")]
    notes: String,
    /// The seed of the training run: seeds of one method are one row, with mean and deviation.
    #[arg(long, value_name = "N")]
    seed: Option<u32>,
    /// Publishes it at once; otherwise only its team sees it.
    #[arg(long)]
    public: bool,
    /// Names this submission, so that sending it again after a failure does not count twice.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    #[command(flatten)]
    renaming: Renaming,
}

impl Submit {
    /// Runs the command.
    ///
    /// # Errors
    /// Why the server did not take it.
    pub fn run(self) -> Result<()> {
        let mut bytes =
            fs::read(&self.predictions).with_context(|| format!("cannot read {}", self.predictions.display()))?;
        if self.renaming.is_wanted() {
            bytes = self.renamed(&bytes)?;
        }
        let metadata = Metadata {
            method: self.method,
            authors: self.authors,
            year: self.year,
            backbone: self.backbone,
            parameters_millions: self.parameters_millions,
            external_data: if self.external_data { ExternalData::Used } else { ExternalData::None },
            paper: self.paper,
            code: self.code,
            notes: self.notes,
            seed: self.seed,
            visibility: if self.public { Visibility::Public } else { Visibility::Private },
        };
        let key = self.key.unwrap_or_else(|| random::hexadecimal(16));
        let done = Client::new(&self.server, Some(self.token)).submit(&self.board, &metadata, &bytes, &key)?;
        println!("{} stands at place {} of {}", done.row.id, done.rank, self.board);
        for (name, value) in [("CMAE", done.row.scores.cmae), ("MAE", done.row.scores.mae)] {
            if let Some(value) = value {
                println!("{name:5}{value:8.3}");
            }
        }
        println!(
            "left today: {} submissions, {} files with problems",
            done.quota.submissions_left, done.quota.failed_left
        );
        Ok(())
    }

    /// The file under other ids, as plain CSV.
    fn renamed(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let shown = self.predictions.display();
        let mut unpacked = Vec::new();
        let bytes = match bytes.starts_with(&[0x1f, 0x8b]) {
            true => {
                let mut packed = MultiGzDecoder::new(bytes);
                packed.read_to_end(&mut unpacked).with_context(|| format!("{shown} is no gzip file"))?;
                &unpacked
            }
            false => bytes,
        };
        let predictions =
            Predictions::parse(bytes).map_err(|problems| board::file_problems(&self.predictions, &problems))?;
        Ok(self.renaming.apply(&predictions).to_csv().into_bytes())
    }
}
