//! `portal restore`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use sha2::{Digest, Sha256};

use super::PortalFolders;
use crate::{
    config::Config,
    copy,
    database::{Database, DatabaseAddress},
    identity, random, scoring,
    store::Store,
};

/// Brings a backup back: predictions and boards first, the database last. Until that is there no server starts over
/// them, and a restore that was interrupted is simply run again.
#[derive(Debug, Args)]
pub struct Restore {
    /// The file that `portal backup` wrote.
    file: PathBuf,
    #[command(flatten)]
    places: PortalFolders,
}

/// What was brought back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Predictions files.
    pub files: usize,
    /// Files of boards and truths.
    pub boards: usize,
}

impl Restore {
    /// Runs the command.
    ///
    /// # Errors
    /// If the backup is damaged, or a place is not free.
    pub async fn run(self) -> Result<()> {
        let config = self.places.config()?;
        let restored = restore(&config, &self.file).await?;
        println!(
            "{}: the database, {} predictions files in {}, {} files of boards",
            config.database.name(),
            restored.files,
            config.store.name(),
            restored.boards
        );
        Ok(())
    }
}

/// Unpacks the backup into the places of `config`.
///
/// # Errors
/// If the backup is damaged, or there is a database already, or another one's files, or another board of the same name:
/// then the message names it, and no database is made.
pub async fn restore(config: &Config, file: &Path) -> Result<Restored> {
    if let Some(database) = Database::find(&config.database).await? {
        database.close().await;
        bail!("there is a database at {} already: restore into an empty place", config.database.name());
    }
    fs::create_dir_all(&config.data).with_context(|| format!("cannot make the folder {}", config.data.display()))?;
    // Inside the data folder, so that files move into their places within one file system.
    let unpacked = tempfile::tempdir_in(&config.data)?;
    let hashes = unpack(file, unpacked.path()).with_context(|| format!("cannot read {}", file.display()))?;
    let copy = unpacked.path().join("portal.sqlite");
    ensure!(copy.is_file(), "{} holds no database", file.display());

    // A backup from before identities gets one that follows from it, so that a second attempt has the same.
    let proposed = random::encode(&Sha256::digest(fs::read(&copy)?))[..32].to_owned();
    let database =
        Database::find(&DatabaseAddress::Sqlite(copy.clone())).await?.context("the backup's database is empty")?;
    database.upgrade(&proposed).await?;
    let own = database.identity().await?.context("the backup's database has no identity")?;

    let mark = identity::read_mark(&config.data)?;
    ensure!(
        mark.as_ref().is_none_or(|mark| *mark == own),
        "the data folder {} belongs to another database: restore into an empty one",
        config.data.display()
    );
    let store = Store::make(&config.store)?;
    if store.identity().await?.is_none() {
        let strangers =
            store.list().await.unwrap_or_default().into_iter().filter(|hash| !hashes.contains(hash)).count();
        ensure!(
            strangers == 0,
            "the file store {} holds {strangers} files that are not in the backup: restore into an empty store",
            config.store.name()
        );
    }
    let boards = place_boards(&unpacked.path().join("boards"), &config.data.join("boards"))?;
    // From here on the store and the folder are the backup's, and only its database fits them.
    identity::settle(config, &store, &own).await?;
    for hash in &hashes {
        let bytes = fs::read(unpacked.path().join(stored_name(hash)))?;
        scoring::unpack(&bytes, hash).map_err(|reason| anyhow::anyhow!("the file {hash} is damaged: {reason}"))?;
        store.put(hash, &bytes).await?;
    }
    match &config.database {
        DatabaseAddress::Sqlite(path) => {
            database.settle_into_one_file().await?;
            fs::rename(&copy, path).with_context(|| format!("cannot write {}", path.display()))?;
        }
        DatabaseAddress::Postgres(_) => {
            let target = Database::connect(&config.database).await?;
            let mut to = target.begin().await?;
            target.upgrade_within(&mut to).await?;
            let mut from = database.moment().await?;
            copy::copy(&mut from, &mut to).await?;
            to.commit().await?;
            drop(from);
            database.close().await;
            target.close().await;
        }
    }
    Ok(Restored { files: hashes.len(), boards })
}

fn stored_name(hash: &str) -> PathBuf {
    Path::new("predictions").join(&hash[..2]).join(format!("{hash}.zst"))
}

/// Unpacks what a backup holds and nothing else; returns the hashes of its predictions.
fn unpack(file: &Path, folder: &Path) -> Result<BTreeSet<String>> {
    let mut archive = tar::Archive::new(zstd::Decoder::new(fs::File::open(file)?)?);
    let mut hashes = BTreeSet::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let parts: Vec<_> = path.components().collect();
        let plain = parts.iter().all(|part| matches!(part, Component::Normal(_)));
        let known = path == Path::new("portal.sqlite") || path.starts_with("boards") || path.starts_with("predictions");
        ensure!(plain && known, "it holds {}, which no backup does", path.display());
        if !entry.header().entry_type().is_file() {
            continue;
        }
        if path.starts_with("predictions") {
            let hash = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
            let word = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
            ensure!(word && path == stored_name(&hash), "it holds {}, which no backup does", path.display());
            hashes.insert(hash);
        }
        ensure!(entry.unpack_in(folder)?, "{} cannot be unpacked", path.display());
    }
    Ok(hashes)
}

/// Copies the files of boards and truths; one that is there already must be the same. Returns how many.
fn place_boards(from: &Path, to: &Path) -> Result<usize> {
    if !from.is_dir() {
        return Ok(0);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        let bytes = fs::read(&path)?;
        ensure!(
            !target.exists() || fs::read(&target)? == bytes,
            "{} is there already and differs from the backup's: move it away",
            target.display()
        );
        files.push((target, path));
    }
    fs::create_dir_all(to)?;
    for (target, path) in &files {
        fs::copy(path, target).with_context(|| format!("cannot write {}", target.display()))?;
    }
    Ok(files.len())
}
