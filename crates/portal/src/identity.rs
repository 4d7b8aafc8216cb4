//! Which database belongs to which file store and data folder.
//!
//! A database has an identity, drawn when it is made. The file store carries the same in the file `identity`, and so
//! does the data folder. A server that was started over the wrong one of the three, over a new database beside an old
//! store, or between the two halves of a restore, stops here, before it can take files for leftovers.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use sqlx::Row;

use crate::{
    config::Config,
    database::Database,
    random,
    store::{Location, Store},
};

/// Whether a database may be made where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Never: how every command but `serve` opens.
    Existing,
    /// Only over a data folder and a store that have never held anything.
    Serving,
    /// Also where the data folder had one before. A store that belongs to another database is refused nevertheless.
    Anew,
}

/// How many of the files that a database names are looked for in a store that carries no identity yet.
const SAMPLE: i64 = 32;

/// Opens database and store, after checking that they belong together; makes them where `opening` allows it.
///
/// # Errors
/// Says what does not belong together, or what is missing, and the remedy. Nothing is changed then.
pub async fn open(config: &Config, opening: Opening) -> Result<(Database, Store)> {
    let marked = read_mark(&config.data)?;
    let store = Store::find(&config.store)?;
    let Some(database) = Database::find(&config.database).await? else {
        refuse_to_make(config, opening, marked.as_deref(), store.as_ref()).await?;
        let store = Store::make(&config.store)?;
        let database = Database::make(&config.database).await?;
        let identity = database.identity().await?.context("a new database has no identity")?;
        if opening == Opening::Anew && marked.is_some() {
            fs::remove_file(mark(&config.data))?;
        }
        settle(config, &store, &identity).await?;
        return Ok((database, store));
    };
    let checked = check_pair(config, &database, store.as_ref(), marked.as_deref()).await;
    if let Err(error) = checked {
        database.close().await;
        return Err(error);
    }
    // The store's identity is taken up by a database that has none: a crash during the first start left it there.
    let proposed = match &store {
        Some(store) => store.identity().await?,
        None => None,
    };
    database.upgrade(&proposed.unwrap_or_else(|| random::hexadecimal(16))).await?;
    let identity = database.identity().await?.context("the database has no identity")?;
    let store = Store::make(&config.store)?;
    settle(config, &store, &identity).await?;
    Ok((database, store))
}

/// Writes the identity into store and data folder where it is missing.
///
/// # Errors
/// If another database claimed the store meanwhile, or it cannot be written.
pub async fn settle(config: &Config, store: &Store, identity: &str) -> Result<()> {
    let claimed = store.claim(identity).await?;
    ensure!(claimed == identity, "{}", strangers(config, &claimed, identity));
    write_mark(&config.data, identity)
}

/// The identity in the data folder.
///
/// # Errors
/// If it is there and cannot be read.
pub fn read_mark(data: &Path) -> Result<Option<String>> {
    let path = mark(data);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn write_mark(data: &Path, identity: &str) -> Result<()> {
    let path = mark(data);
    if path.exists() {
        return Ok(());
    }
    fs::create_dir_all(data).with_context(|| format!("cannot make the folder {}", data.display()))?;
    fs::write(&path, format!("{identity}\n")).with_context(|| format!("cannot write {}", path.display()))
}

fn mark(data: &Path) -> PathBuf {
    data.join("identity")
}

/// Stops unless a new database may be made here.
async fn refuse_to_make(config: &Config, opening: Opening, marked: Option<&str>, store: Option<&Store>) -> Result<()> {
    let (database, data) = (config.database.name(), config.data.display());
    if opening == Opening::Existing {
        bail!(
            "there is no portal's database at {database}: name the data folder with --data, or the database with \
             GLAE_DATABASE_URL. Only `portal serve` makes a new one"
        );
    }
    if opening == Opening::Serving && marked.is_some() {
        bail!(
            "there is no portal's database at {database}, but the data folder {data} has held one before. Put it back \
             (`portal restore FILE`), or correct GLAE_DATABASE_URL; `portal serve --new-database` makes an empty one"
        );
    }
    let Some(store) = store else { return Ok(()) };
    // A key that may write objects but not list them cannot tell; the identity is checked nevertheless.
    let files = store.list().await.unwrap_or_default().len();
    if let Some(owner) = store.identity().await? {
        bail!(
            "there is no portal's database at {database}, but the file store {} belongs to one ({owner}) and holds \
             {files} files. Put that database back (`portal restore FILE`), or name an empty store with GLAE_STORE or a \
             new folder with --data",
            config.store.name()
        );
    }
    ensure!(
        files == 0,
        "there is no portal's database at {database}, but the file store {} holds {files} files. Put their database \
         back (`portal restore FILE`), or name an empty store with GLAE_STORE or a new folder with --data",
        config.store.name()
    );
    Ok(())
}

/// Stops unless the database that was found, the store and the data folder belong together.
async fn check_pair(config: &Config, database: &Database, store: Option<&Store>, marked: Option<&str>) -> Result<()> {
    let own = database.identity().await?;
    let claimed = match store {
        Some(store) => store.identity().await?,
        None => None,
    };
    if let (Some(own), Some(marked)) = (&own, marked) {
        ensure!(
            own == marked,
            "the data folder {} belongs to another database ({marked}) than {} ({own}): correct --data or \
             GLAE_DATABASE_URL. If this database is meant to take the other's place, remove the file {}",
            config.data.display(),
            config.database.name(),
            mark(&config.data).display()
        );
    }
    match (own, claimed) {
        (Some(own), Some(claimed)) => ensure!(own == claimed, "{}", strangers(config, &claimed, &own)),
        (_, None) => {
            let (named, found) = sample(database, store).await?;
            ensure!(
                named == 0 || 2 * found > named,
                "the file store {} is not marked as this database's, and {} of {named} files that the database {} names \
                 are not in it: correct GLAE_STORE or --data, or bring the files back (`portal restore FILE`)",
                config.store.name(),
                named - found,
                config.database.name()
            );
        }
        (None, Some(_)) => {
            let (named, found) = sample(database, store).await?;
            ensure!(
                named == 0 || 2 * found > named,
                "the file store {} belongs to another database than {}",
                config.store.name(),
                config.database.name()
            );
        }
    }
    Ok(())
}

/// Of the files that the database names, a sample: how many it names, and how many of them the store holds.
async fn sample(database: &Database, store: Option<&Store>) -> Result<(usize, usize)> {
    let rows = sqlx::query("SELECT predictions FROM submissions ORDER BY created DESC, id LIMIT $1")
        .bind(SAMPLE)
        .fetch_all(database.read())
        .await?;
    let mut found = 0;
    for row in &rows {
        if let Some(store) = store {
            found += usize::from(store.has(row.try_get::<&str, _>(0)?).await?);
        }
    }
    Ok((rows.len(), found))
}

fn strangers(config: &Config, claimed: &str, own: &str) -> String {
    let option = match config.store {
        Location::Folder(_) => "--data",
        Location::Url(_) => "GLAE_STORE",
    };
    format!(
        "the file store {} belongs to another database ({claimed}) than {} ({own}): correct {option} or \
         GLAE_DATABASE_URL",
        config.store.name(),
        config.database.name()
    )
}
