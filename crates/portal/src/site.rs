//! The two folders that are served, checked before the first request.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// The folders that the server reads from.
#[derive(Debug, Clone)]
pub struct Folders {
    /// The built page: `index.html` and its hashed scripts and wasm files.
    pub site: PathBuf,
    /// Files served as they are: weights with their manifests, icons, the web manifest.
    pub public: PathBuf,
}

/// Why the folders cannot be served.
#[derive(Debug, Error)]
pub enum SiteError {
    /// The page has not been built, or the path is wrong.
    #[error(
        "there is no built page at {path}: build and serve it with `cargo xtask serve`, or name its folder with --site"
    )]
    NoPage {
        /// Where `index.html` was looked for.
        path: PathBuf,
    },
    /// The folder of public files does not exist.
    #[error("there is no folder {path}: name the folder that holds weights/ with --public")]
    NoPublic {
        /// The folder that was looked for.
        path: PathBuf,
    },
    /// The page exists and cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
}

impl Folders {
    /// Checks that `site` holds an `index.html` and that `public` is a folder.
    ///
    /// # Errors
    /// [`SiteError`] names the missing path and the command that makes it.
    pub fn open(site: impl AsRef<Path>, public: impl AsRef<Path>) -> Result<Self, SiteError> {
        let (site, public) = (site.as_ref().to_path_buf(), public.as_ref().to_path_buf());
        let index = site.join("index.html");
        if !index.is_file() {
            return Err(SiteError::NoPage { path: index });
        }
        if !public.is_dir() {
            return Err(SiteError::NoPublic { path: public });
        }
        Ok(Self { site, public })
    }

    /// Where the page's `index.html` lies.
    pub fn index(&self) -> PathBuf {
        self.site.join("index.html")
    }

    /// Reads the page's `index.html`.
    pub(crate) fn read_index(&self) -> Result<String, SiteError> {
        let path = self.index();
        std::fs::read_to_string(&path).map_err(|source| SiteError::Unreadable { path, source })
    }
}
