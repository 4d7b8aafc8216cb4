//! `portal board add`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use glae_api::TruthAccess;

use crate::board;

/// What can be done with boards.
#[derive(Debug, Subcommand)]
pub enum BoardCommand {
    /// Checks a board's file and its truth and copies both into the server's own folder. Takes effect when the server
    /// starts next.
    Add {
        /// The board's file, ID.toml.
        file: PathBuf,
        /// The truth: CSV with id and age. Hidden truth is kept nowhere else.
        #[arg(long, value_name = "CSV")]
        truth: Option<PathBuf>,
        /// The server's own folder.
        #[arg(long, value_name = "DIR", default_value = "data/portal")]
        data: PathBuf,
    },
}

impl BoardCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// Says what is wrong with the board or its truth; nothing is copied then.
    pub fn run(self) -> Result<()> {
        let BoardCommand::Add { file, truth, data } = self;
        let (board, _) = board::read(&file)?;
        if !board::counts_missing(&board) {
            bail!(
                "unpredicted = \"counted\" needs primary = \"epsilon\": by any other number one image would be enough to \
                 be first"
            );
        }
        let bytes = match (board.truth, &truth) {
            (TruthAccess::Yours, Some(_)) => {
                bail!("this board says truth = \"yours\": the server must not have its truth")
            }
            (TruthAccess::Yours, None) => None,
            (_, None) => bail!("this board needs its truth: name the file with --truth"),
            (_, Some(path)) => {
                let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
                let parsed = glae_metrics::Truth::parse(&bytes).map_err(|found| board::file_problems(path, &found))?;
                println!("{}: {} images", path.display(), parsed.len());
                Some(bytes)
            }
        };
        if board.rows.iter().any(|row| row.predictions.is_some()) {
            bail!("rows of a board added here cannot bring predictions: submit them instead");
        }
        let folder = data.join("boards");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        // The truth first: a board without its truth would be shown and take no submissions.
        if let Some(bytes) = bytes {
            write(&folder.join(board::truth_name(&board.id)), &bytes)?;
        }
        write(&folder.join(format!("{}.toml", board.id)), &fs::read(&file)?)?;
        println!("added {}; start the server anew to show it", board.id);
        Ok(())
    }
}

/// Writes a file in one step, readable by its owner only.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // A temporary file is made readable by its owner only, and keeps that when it is renamed.
    let file = tempfile::NamedTempFile::new_in(folder).with_context(|| format!("cannot write {}", folder.display()))?;
    fs::write(file.path(), bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}
