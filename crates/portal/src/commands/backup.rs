//! `portal backup`.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::{PortalFolders, told};
use crate::{
    copy,
    database::{Database, DatabaseAddress},
    state::Portal,
    submission::Submission,
};

/// Writes database, predictions and boards to one file (tar, zstd), while the server goes on. `portal restore` brings it
/// back, into SQLite or PostgreSQL whichever it came from. The file holds hidden truth.
#[derive(Debug, Args)]
pub struct Backup {
    /// The file to write.
    file: PathBuf,
    #[command(flatten)]
    places: PortalFolders,
}

impl Backup {
    /// Runs the command.
    ///
    /// # Errors
    /// If something cannot be read or written.
    pub async fn run(self) -> Result<()> {
        let portal = self.places.open().await?;
        let files = backup(&portal, &self.file).await?;
        println!("{}: the database and {files} predictions files", self.file.display());
        portal.database.close().await;
        Ok(())
    }
}

/// Writes the backup; returns the number of predictions files in it.
///
/// The database is copied first. A file that it names can be missing only if its submission was withdrawn since, and
/// such a submission must not come back complete.
///
/// # Errors
/// If something cannot be read or written, or the store lacks a file that a submission names.
pub async fn backup(portal: &Portal, path: &Path) -> Result<usize> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Written beside its place and renamed: a backup is whole or not there. Only its owner can read it.
    let target =
        tempfile::NamedTempFile::new_in(folder).with_context(|| format!("cannot write into {}", folder.display()))?;
    let mut archive = tar::Builder::new(zstd::Encoder::new(target.as_file(), 3)?);
    archive.mode(tar::HeaderMode::Deterministic);
    let workspace = tempfile::tempdir_in(folder)?;
    let copy = workspace.path().join("portal.sqlite");
    copy_database(portal, &copy).await.context("cannot copy the database")?;
    archive.append_path_with_name(&copy, "portal.sqlite")?;
    let boards = portal.config.data.join("boards");
    if boards.is_dir() {
        archive.append_dir_all("boards", &boards)?;
    }
    let submissions = Submission::all(&portal.database).await.map_err(told)?;
    let mut hashes: Vec<_> = submissions.into_iter().map(|submission| submission.predictions).collect();
    hashes.sort();
    hashes.dedup();
    let (mut files, mut missing) = (0, Vec::new());
    for hash in hashes {
        if !portal.store.has(&hash).await? {
            missing.push(hash);
            continue;
        }
        let bytes = portal.store.get(&hash).await?;
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        header.set_cksum();
        archive.append_data(&mut header, format!("predictions/{}/{hash}.zst", &hash[..2]), bytes.as_slice())?;
        files += 1;
    }
    if !missing.is_empty() {
        let named = Submission::all(&portal.database).await.map_err(told)?;
        missing.retain(|hash| named.iter().any(|submission| submission.predictions == *hash));
    }
    ensure!(
        missing.is_empty(),
        "the store lacks {} files that submissions name, so no backup was written; `portal doctor` lists them",
        missing.len()
    );
    let written: &File = archive.into_inner()?.finish()?;
    written.sync_all()?;
    target.persist(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(files)
}

/// Writes the database as it is at one moment to a SQLite file.
async fn copy_database(portal: &Portal, path: &Path) -> Result<()> {
    if matches!(portal.config.database, DatabaseAddress::Sqlite(_)) {
        return Ok(portal.database.snapshot(path).await?);
    }
    let target = Database::make(&DatabaseAddress::Sqlite(path.to_path_buf())).await?;
    let mut from = portal.database.moment().await?;
    let mut to = target.begin().await?;
    // A new database has drawn an identity; the copy is to have that of the original.
    sqlx::query("DELETE FROM facts").execute(&mut *to).await?;
    copy::copy(&mut from, &mut to).await?;
    to.commit().await?;
    target.settle_into_one_file().await?;
    Ok(())
}
