//! One server, one browser, one watcher, for all journeys.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Mutex,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde_json::json;
use tempfile::TempDir;
use tests::{
    film,
    native::{self, Native},
};
use thirtyfour::prelude::*;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::{settings::Settings, watcher::Watcher};

/// WebGPU in Chromium on a machine with no GPU, a camera that shows a film, and no requests of the browser's own.
const FLAGS: [&str; 18] = [
    "--headless",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--enable-unsafe-webgpu",
    "--enable-features=Vulkan",
    "--use-vulkan=swiftshader",
    "--use-webgpu-adapter=swiftshader",
    "--disable-vulkan-surface",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
    "--use-fake-device-for-media-stream",
    // A name that is not this machine's own, so that pages below it count as insecure.
    "--host-resolver-rules=MAP glae-lan.test 127.0.0.1",
    // Nothing answers there by https.
    "--disable-features=HttpsUpgrades",
    "--window-size=1440,1000",
];

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
    // Both programs end when these are dropped.
    pub(crate) portal: tokio::sync::Mutex<Child>,
    _chromedriver: Child,
}

impl Session {
    pub(crate) async fn start(settings: &Settings) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut portal = Command::new(&settings.portal);
        portal.args(["serve", "--listen", "127.0.0.1:0", "--site"]).arg(&settings.site);
        portal.arg("--public").arg(&settings.public);
        portal.arg("--data").arg(folder.path().join("portal"));
        // A leaderboard of somebody's own must not see these journeys.
        portal.env_remove("DATABASE_URL").env_remove("GLAE_DATABASE_URL").env_remove("GLAE_STORE");
        let (portal, line) = spawn_and_read(portal, "listening on ").await?;
        let origin = line.trim_end_matches('/').to_owned();

        let mut chromedriver = Command::new(&settings.driver);
        chromedriver.arg("--port=0");
        let (chromedriver, port) = spawn_and_read(chromedriver, "started successfully on port ").await?;
        let profile = folder.path().join("profile");
        let mut capabilities = DesiredCapabilities::chrome();
        capabilities.set_binary(&settings.chromium.to_string_lossy())?;
        capabilities.add_arg(&format!("--user-data-dir={}", profile.display()))?;
        for flag in FLAGS {
            capabilities.add_arg(flag)?;
        }
        let camera = folder.path().join("camera.y4m");
        fs::write(&camera, film::y4m())?;
        capabilities.add_arg(&format!("--use-file-for-fake-video-capture={}", camera.display()))?;
        capabilities.set_browser_log_level(thirtyfour::LoggingPrefsLogLevel::All)?;
        let url = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
        // A screenshot has to wait for SwiftShader like everything else.
        let driver = WebDriver::builder(url, capabilities)
            .request_timeout(Duration::from_secs(180))
            .await
            .context("Chromium did not start")?;
        // Chromium's own start tab loads chrome:// files; the watcher is to see nothing but our page.
        driver.goto("about:blank").await?;
        let watcher = Watcher::connect(&profile).await?;
        let lan = origin.replace("127.0.0.1", "glae-lan.test");
        let (settings, times) = (settings.clone(), Mutex::default());
        let portal = portal.into();
        Ok(Self { settings, driver, watcher, origin, lan, times, folder, portal, _chromedriver: chromedriver })
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
        let times = self.times.into_inner().unwrap_or_default();
        if !times.is_empty() {
            let table = format!(
                "weights,device,answer,milliseconds_since_opening,milliseconds_since_photo,milliseconds_shown\n{}\n",
                times.join("\n")
            );
            println!("Times to an answer (also in times.csv):\n{table}");
            fs::write(self.settings.artifacts.join("times.csv"), table)?;
        }
        self.driver.quit().await.context("Chromium did not end well")
    }
}

/// Starts a program and returns what follows `marker` in the first line of its output that has it.
pub(crate) async fn spawn_and_read(mut command: Command, marker: &str) -> Result<(Child, String)> {
    let program = Path::new(command.as_std().get_program()).display().to_string();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    let output = child.stdout.take().context("its output is piped")?;
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some((_, rest)) = line.split_once(marker) {
            let rest = rest.trim().to_owned();
            // Somebody must go on reading, or the program stops when the pipe is full.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok((child, rest));
        }
    }
    bail!("{program} ended before it was ready: {}", child.wait().await?)
}
