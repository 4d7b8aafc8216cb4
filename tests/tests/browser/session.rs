//! One server, one browser, one watcher, for all journeys.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tempfile::TempDir;
use tests::native::{self, Native};
use thirtyfour::prelude::*;
use tokio::process::Child;

use crate::{
    browsers::{Other, Running, portal, spawn_and_read},
    settings::Settings,
    watcher::Watcher,
};

/// Everything a journey can use.
pub(crate) struct Session {
    pub(crate) settings: Settings,
    pub(crate) driver: WebDriver,
    pub(crate) watcher: Watcher,
    /// The server's address, as in `http://127.0.0.1:41234`.
    pub(crate) origin: String,
    /// The same server under a name of the local network, as in `http://glae-lan.test:41234`.
    pub(crate) lan: String,
    /// Lines for `times.csv`.
    pub(crate) times: Mutex<Vec<String>>,
    folder: TempDir,
    // The programs end when these are dropped.
    portal: tokio::sync::Mutex<Child>,
    _programs: Vec<Child>,
}

impl Session {
    /// A server, and Chromium.
    pub(crate) async fn start(settings: &Settings) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let browser = Running::chromium(settings, folder.path()).await?;
        Self::with(settings, folder, browser).await
    }

    /// A server, and another browser.
    pub(crate) async fn elsewhere(settings: &Settings, other: &Other) -> Result<Self> {
        Self::with(settings, tempfile::tempdir()?, Running::other(other).await?).await
    }

    async fn with(settings: &Settings, folder: TempDir, browser: Running) -> Result<Self> {
        let (portal, origin) = serve(settings, folder.path(), "127.0.0.1:0").await?;
        let lan = origin.replace("127.0.0.1", "glae-lan.test");
        let (settings, times, portal) = (settings.clone(), Mutex::default(), portal.into());
        let Running { driver, watcher, programs } = browser;
        Ok(Self { settings, driver, watcher, origin, lan, times, folder, portal, _programs: programs })
    }

    /// Ends the server.
    pub(crate) async fn end_server(&self) -> Result<()> {
        self.portal.lock().await.kill().await?;
        let address = self.origin.trim_start_matches("http://");
        let answers = tokio::net::TcpStream::connect(address).await.is_ok();
        ensure!(!answers, "the server was ended, and {address} still answers");
        Ok(())
    }

    /// Starts it again, at the same address and with the same data.
    pub(crate) async fn restart_server(&self) -> Result<()> {
        let address = self.origin.trim_start_matches("http://");
        *self.portal.lock().await = serve(&self.settings, self.folder.path(), address).await?.0;
        Ok(())
    }

    /// Writes a file that can be given to the page.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> Result<PathBuf> {
        let path = self.folder.path().join(name);
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// A path in the session's own folder.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder of the age network that the page takes when nothing is asked for.
    pub(crate) fn default_weights(&self) -> Result<PathBuf> {
        self.named_weights("default")
    }

    /// The detector's folder.
    pub(crate) fn detector_weights(&self) -> Result<PathBuf> {
        self.named_weights("detector")
    }

    fn named_weights(&self, key: &str) -> Result<PathBuf> {
        let folder = self.settings.public.join("weights");
        Ok(folder.join(native::named(&folder, key)?))
    }

    /// The detector and an age network, for the right answers.
    pub(crate) fn native(&self, weights: &str) -> Result<Native> {
        Native::load(&self.settings.public.join("weights"), weights)
    }

    /// Runs a script in the page and returns its value.
    pub(crate) async fn script(&self, script: &str) -> Result<serde_json::Value> {
        Ok(self.driver.execute(script, Vec::new()).await?.json().clone())
    }

    /// Waits until what has changed is painted.
    pub(crate) async fn frames(&self) -> Result<()> {
        let two = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()));";
        self.driver.execute_async(two, Vec::new()).await.context("nothing is painted")?;
        Ok(())
    }

    /// Waits until the page is kept for visits without a network.
    pub(crate) async fn kept(&self) -> Result<()> {
        let ready = "const done = arguments[arguments.length - 1]; navigator.serviceWorker.ready.then(() => done());";
        self.driver.execute_async(ready, Vec::new()).await.context("the service worker did not start")?;
        Ok(())
    }

    /// Lets pages use the camera ("granted"), or refuses it ("denied").
    pub(crate) async fn permit_camera(&self, setting: &str) -> Result<()> {
        let params = json!({ "permission": { "name": "camera" }, "setting": setting, "origin": self.origin });
        self.driver.cdp().send_raw("Browser.setPermission", params).await?;
        Ok(())
    }

    /// Ends the browser and leaves the measured times behind.
    pub(crate) async fn close(self) -> Result<()> {
        let times = std::mem::take(&mut *self.times.lock().unwrap_or_else(PoisonError::into_inner));
        if !times.is_empty() {
            let table = format!(
                "weights,device,answer,milliseconds_since_opening,milliseconds_since_photo,milliseconds_shown\n{}\n",
                times.join("\n")
            );
            println!("Times to an answer (also in times.csv):\n{table}");
            fs::write(self.settings.artifacts.join("times.csv"), table)?;
        }
        self.quit().await
    }

    /// Ends the browser.
    pub(crate) async fn quit(self) -> Result<()> {
        self.driver.quit().await.context("the browser did not end well")
    }
}

/// Starts the server at an address, with its data in a folder. Returns it, and where it listens, as in
/// `http://127.0.0.1:41234`.
async fn serve(settings: &Settings, folder: &Path, listen: &str) -> Result<(Child, String)> {
    let mut portal = portal(&settings.portal);
    portal.args(["serve", "--listen", listen, "--site"]).arg(&settings.site);
    portal.arg("--public").arg(&settings.public);
    portal.arg("--data").arg(folder.join("portal"));
    let (portal, line) = spawn_and_read(portal, "listening on ").await?;
    Ok((portal, line.trim_end_matches('/').to_owned()))
}
