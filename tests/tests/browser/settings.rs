//! What the environment says about where things are.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

/// The built page, the programs, the browser.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// `GLAE_SITE`: the folder that `cargo xtask` wrote.
    pub(crate) site: PathBuf,
    /// `GLAE_PUBLIC`: the folder with `weights/`.
    pub(crate) public: PathBuf,
    /// `GLAE_PORTAL_BIN`.
    pub(crate) portal: PathBuf,
    /// `GLAE_TRAINER_BIN`.
    pub(crate) trainer: PathBuf,
    /// `GLAE_ARTIFACTS`: where screenshots and times are left.
    pub(crate) artifacts: PathBuf,
    /// `GLAE_AXE`: the script of axe-core; without it the accessibility journeys are skipped.
    pub(crate) axe: Option<PathBuf>,
    /// `CHROMIUM`, else found on PATH.
    pub(crate) chromium: PathBuf,
    /// `CHROMEDRIVER`, else found on PATH.
    pub(crate) driver: PathBuf,
}

impl Settings {
    /// Reads the environment; `None` without `GLAE_SITE`.
    pub(crate) fn from_environment() -> Result<Option<Self>> {
        let Some(site) = set("GLAE_SITE") else {
            return Ok(None);
        };
        let settings = Self {
            site: site.into(),
            public: set("GLAE_PUBLIC").map_or_else(|| tests::root().join("public"), PathBuf::from),
            portal: needed("GLAE_PORTAL_BIN")?,
            trainer: needed("GLAE_TRAINER_BIN")?,
            artifacts: needed("GLAE_ARTIFACTS")?,
            axe: set("GLAE_AXE").map(PathBuf::from),
            chromium: program("CHROMIUM", "chromium")?,
            driver: program("CHROMEDRIVER", "chromedriver")?,
        };
        for path in [&settings.site, &settings.public, &settings.portal, &settings.trainer] {
            ensure!(path.exists(), "{} does not exist; `cargo xtask test` builds it", path.display());
        }
        std::fs::create_dir_all(&settings.artifacts)?;
        Ok(Some(settings))
    }
}

fn set(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

fn needed(name: &str) -> Result<PathBuf> {
    let value =
        set(name).with_context(|| format!("GLAE_SITE is set and {name} is not; `cargo xtask test` sets both"))?;
    Ok(value.into())
}

fn program(variable: &str, name: &str) -> Result<PathBuf> {
    if let Some(path) = set(variable) {
        return Ok(path.into());
    }
    let path = set("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|candidate| Path::is_file(candidate))
        .with_context(|| format!("{name} is not on PATH, and {variable} does not name it"))
}
