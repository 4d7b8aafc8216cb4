//! Predictions as files: compressed with zstd, named by the SHA-256 of their content, in a folder or an object store.
//!
//! A store carries the identity of the database that it belongs to, in the file `identity`.

use std::{path::PathBuf, sync::Arc};

use futures_util::{StreamExt, TryStreamExt};
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, local::LocalFileSystem, path::Path};
use thiserror::Error;

/// Where files are kept.
#[derive(Clone, Debug)]
pub enum Location {
    /// A folder of this computer (or one shared over the network).
    Folder(PathBuf),
    /// An object store, `s3://bucket/prefix`. Needs the cargo feature `s3`; keys come from the usual `AWS_*` variables.
    Url(String),
}

/// Why a file cannot be stored or read.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The folder cannot be made.
    #[error("cannot make the folder {path}: {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The address names no store that this program knows.
    #[error("cannot use the store {0}: expected s3://bucket/prefix, and a portal built with the feature `s3`")]
    Address(String),
    /// The store failed.
    #[error("the file store failed: {0}")]
    Store(#[from] object_store::Error),
    /// The stored bytes are not what was put there.
    #[error("the stored file {hash} is damaged: {reason}")]
    Damaged {
        /// Its name.
        hash: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl StoreError {
    /// Whether the store answers, and does not allow this key to do what was asked.
    pub fn is_refusal(&self) -> bool {
        match self {
            StoreError::Store(object_store::Error::PermissionDenied { .. }) => true,
            // A refused list request keeps its status in the text alone.
            StoreError::Store(error @ object_store::Error::Generic { .. }) => {
                error.to_string().contains("403 Forbidden")
            }
            _ => false,
        }
    }
}

/// The open store.
#[derive(Clone, Debug)]
pub struct Store {
    files: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl Store {
    /// Opens the store if it is there. An object store always is; whether it answers, its first use shows.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn find(location: &Location) -> Result<Option<Self>, StoreError> {
        match location {
            Location::Folder(path) if !path.is_dir() => Ok(None),
            location => Self::make(location).map(Some),
        }
    }

    /// Opens the store; a folder is made if it is not there.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn make(location: &Location) -> Result<Self, StoreError> {
        match location {
            Location::Folder(path) => {
                std::fs::create_dir_all(path).map_err(|source| StoreError::Folder { path: path.clone(), source })?;
                // Without fsync a power failure could leave the database pointing at a file that never arrived.
                let files = LocalFileSystem::new_with_prefix(path)?.with_fsync(true);
                Ok(Self { files: Arc::new(files), prefix: Path::default() })
            }
            Location::Url(url) => Self::open_url(url),
        }
    }

    /// The identity of the database that this store belongs to, if one has claimed it.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn identity(&self) -> Result<Option<String>, StoreError> {
        match self.files.get(&self.prefix.clone().join(IDENTITY)).await {
            Ok(found) => Ok(Some(String::from_utf8_lossy(&found.bytes().await?).trim().to_owned())),
            // S3 says so of a missing object to a key that may not list the bucket.
            Err(object_store::Error::NotFound { .. } | object_store::Error::PermissionDenied { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the identity of the database that this store belongs to from now on. One that is there already stays.
    /// Returns the identity that the store has now.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn claim(&self, identity: &str) -> Result<String, StoreError> {
        let path = self.prefix.clone().join(IDENTITY);
        let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.files.put_opts(&path, PutPayload::from(format!("{identity}\n").into_bytes()), create).await {
            Ok(_) => Ok(identity.to_owned()),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(self.identity().await?.unwrap_or_default()),
            Err(error) => Err(error.into()),
        }
    }

    /// Stores the compressed bytes of the file with this content hash. A file that is there already stays.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn put(&self, hash: &str, compressed: &[u8]) -> Result<(), StoreError> {
        if self.has(hash).await? {
            return Ok(());
        }
        let payload = PutPayload::from(compressed.to_vec());
        Ok(self.files.put(&self.path(hash), payload).await.map(|_| ())?)
    }

    /// Whether the file is there.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn has(&self, hash: &str) -> Result<bool, StoreError> {
        match self.files.head(&self.path(hash)).await {
            Ok(_) => Ok(true),
            // S3 says so of a missing object to a key that may not list the bucket.
            Err(object_store::Error::NotFound { .. } | object_store::Error::PermissionDenied { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The compressed bytes of a file.
    ///
    /// # Errors
    /// If it is not there or the store fails.
    pub async fn get(&self, hash: &str) -> Result<Vec<u8>, StoreError> {
        Ok(self.files.get(&self.path(hash)).await?.bytes().await?.to_vec())
    }

    /// Removes a file; one that is not there is no error.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn remove(&self, hash: &str) -> Result<(), StoreError> {
        match self.files.delete(&self.path(hash)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The hashes of all files.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn list(&self) -> Result<Vec<String>, StoreError> {
        let names = self.files.list(Some(&self.prefix)).map_ok(|found| found.location.filename().map(str::to_owned));
        let names: Vec<_> = names.boxed().try_collect().await?;
        let hashes = names.into_iter().flatten().filter_map(|name| Some(name.strip_suffix(SUFFIX)?.to_owned()));
        Ok(hashes.filter(|hash| hash.len() == 64).collect())
    }

    /// `ab/abcdef....zst`: two levels, since some file systems are slow with very large folders.
    fn path(&self, hash: &str) -> Path {
        self.prefix.clone().join(&hash[..2]).join(format!("{hash}{SUFFIX}"))
    }

    #[cfg(feature = "s3")]
    fn open_url(url: &str) -> Result<Self, StoreError> {
        let unknown = || StoreError::Address(url.to_owned());
        let parsed = url::Url::parse(url).map_err(|_| unknown())?;
        if parsed.scheme() != "s3" {
            return Err(unknown());
        }
        let bucket = parsed.host_str().ok_or_else(unknown)?;
        let files = object_store::aws::AmazonS3Builder::from_env().with_bucket_name(bucket).build()?;
        let prefix = Path::from_url_path(parsed.path()).map_err(|_| unknown())?;
        Ok(Self { files: Arc::new(files), prefix })
    }

    #[cfg(not(feature = "s3"))]
    fn open_url(url: &str) -> Result<Self, StoreError> {
        Err(StoreError::Address(url.to_owned()))
    }
}

impl Location {
    /// What to call it in messages.
    pub fn name(&self) -> String {
        match self {
            Location::Folder(path) => path.display().to_string(),
            Location::Url(url) => url.clone(),
        }
    }
}

/// The name of the file that holds the identity.
const IDENTITY: &str = "identity";
/// What follows the hash in a file's name.
const SUFFIX: &str = ".zst";
