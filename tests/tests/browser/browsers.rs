//! The browsers that journeys are played in, each started through its WebDriver.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tests::film;
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

/// What Firefox would fetch for itself.
const QUIET: [&str; 3] = ["browser.region.update.enabled", "extensions.getAddons.cache.enabled", "app.update.auto"];

/// Debian keeps WebKitGTK's small browser, which alone can be driven, off PATH.
const MINI_BROWSER: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
    "/usr/lib/aarch64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
    "/usr/libexec/webkit2gtk-4.1/MiniBrowser",
];

/// How long a WebDriver may take to listen.
const START: Duration = Duration::from_secs(30);

/// A browser beside Chromium, and the programs that it takes to drive it.
pub(crate) enum Other {
    /// Without a window.
    Firefox { browser: PathBuf, driver: PathBuf },
    /// The engine of Safari. It needs a screen, which Xvfb pretends to be.
    WebKit { browser: PathBuf, driver: PathBuf, screen: PathBuf },
}

impl Other {
    /// Firefox and its driver.
    ///
    /// # Errors
    /// What is missing, as the end of "because".
    pub(crate) fn firefox() -> Result<Self> {
        let browser = on_path(&["firefox-esr", "firefox"]).context("there is no firefox-esr")?;
        Ok(Self::Firefox { browser, driver: geckodriver().context("there is no geckodriver")? })
    }

    /// WebKitGTK, its driver, and a screen.
    ///
    /// # Errors
    /// What is missing, as the end of "because".
    pub(crate) fn web_kit() -> Result<Self> {
        let driver = on_path(&["WebKitWebDriver"]).context("there is no WebKitWebDriver (webkit2gtk-driver)")?;
        let browser = MINI_BROWSER.iter().map(PathBuf::from).find(|path| path.is_file());
        let browser = browser.context("WebKitGTK's MiniBrowser is at none of its places")?;
        Ok(Self::WebKit { browser, driver, screen: on_path(&["Xvfb"]).context("there is no Xvfb")? })
    }
}

/// A running browser.
pub(crate) struct Running {
    pub(crate) driver: WebDriver,
    /// Sees nothing but in Chromium.
    pub(crate) watcher: Watcher,
    /// They end when these are dropped.
    pub(crate) programs: Vec<Child>,
}

impl Running {
    /// Chromium, watched.
    pub(crate) async fn chromium(settings: &Settings, folder: &Path) -> Result<Self> {
        let mut chromedriver = Command::new(&settings.driver);
        chromedriver.arg("--port=0");
        let (chromedriver, port) = spawn_and_read(chromedriver, "started successfully on port ").await?;
        let profile = folder.join("profile");
        let mut capabilities = DesiredCapabilities::chrome();
        capabilities.set_binary(&settings.chromium.to_string_lossy())?;
        capabilities.add_arg(&format!("--user-data-dir={}", profile.display()))?;
        for flag in FLAGS {
            capabilities.add_arg(flag)?;
        }
        let camera = folder.join("camera.y4m");
        fs::write(&camera, film::y4m())?;
        capabilities.add_arg(&format!("--use-file-for-fake-video-capture={}", camera.display()))?;
        capabilities.set_browser_log_level(thirtyfour::LoggingPrefsLogLevel::All)?;
        let driver = drive(port.trim_end_matches('.'), capabilities).await.context("Chromium did not start")?;
        // Chromium's own start tab loads chrome:// files; the watcher is to see nothing but our page.
        driver.goto("about:blank").await?;
        let watcher = Watcher::connect(&profile).await?;
        Ok(Self { driver, watcher, programs: vec![chromedriver] })
    }

    /// Another browser.
    pub(crate) async fn other(other: &Other) -> Result<Self> {
        let (capabilities, driver, mut programs) = match other {
            Other::Firefox { browser, driver } => {
                let prefs: serde_json::Map<String, Value> =
                    QUIET.iter().map(|name| ((*name).to_owned(), json!(false))).collect();
                let options = json!({ "binary": browser, "args": ["-headless"], "prefs": prefs });
                let capabilities = json!({ "browserName": "firefox", "moz:firefoxOptions": options });
                (capabilities, Command::new(driver), Vec::new())
            }
            Other::WebKit { browser, driver, screen } => {
                let mut xvfb = Command::new(screen);
                // It writes the number of its screen to standard output.
                xvfb.args(["-displayfd", "1", "-screen", "0", "1440x1000x24", "-nolisten", "tcp"])
                    .stderr(Stdio::null());
                let (xvfb, number) = spawn_and_read(xvfb, "").await?;
                let options = json!({ "binary": browser, "args": ["--automation"] });
                let mut program = Command::new(driver);
                program.env("DISPLAY", format!(":{number}")).env("LIBGL_ALWAYS_SOFTWARE", "1");
                (json!({ "browserName": "MiniBrowser", "webkitgtk:browserOptions": options }), program, vec![xvfb])
            }
        };
        let port = free_port()?;
        programs.push(spawn_on(driver, &port).await?);
        let capabilities: Capabilities = serde_json::from_value(capabilities)?;
        let driver = drive(&port, capabilities).await.context("the browser did not start")?;
        driver.set_window_rect(0, 0, 1400, 960).await?;
        Ok(Self { driver, watcher: Watcher::blind(), programs })
    }
}

async fn drive(port: &str, capabilities: impl Into<Capabilities>) -> Result<WebDriver> {
    let url = format!("http://127.0.0.1:{port}");
    // A screenshot has to wait for SwiftShader like everything else.
    Ok(WebDriver::builder(url, capabilities.into()).request_timeout(Duration::from_secs(180)).await?)
}

/// A TCP port without a listener.
fn free_port() -> Result<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    Ok(listener.local_addr()?.port().to_string())
}

/// Starts a WebDriver and waits until it listens on `port`.
async fn spawn_on(mut command: Command, port: &str) -> Result<Child> {
    let program = Path::new(command.as_std().get_program()).display().to_string();
    command.arg(format!("--port={port}")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.kill_on_drop(true).spawn().with_context(|| format!("cannot start {program}"))?;
    let begun = Instant::now();
    while tokio::net::TcpStream::connect(format!("127.0.0.1:{port}")).await.is_err() {
        if let Some(status) = child.try_wait()? {
            bail!("{program} ended before it was ready: {status}");
        }
        ensure!(begun.elapsed() < START, "{program} does not listen after {} s", START.as_secs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(child)
}

/// The first of these programs on PATH.
/// The driver that `GECKODRIVER` names, or the one on PATH.
fn geckodriver() -> Option<PathBuf> {
    env::var_os("GECKODRIVER").map(PathBuf::from).or_else(|| on_path(&["geckodriver"]))
}

fn on_path(names: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    names.iter().find_map(|name| env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file()))
}

/// The portal's program. The environment's database and store are not for it.
pub(crate) fn portal(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_remove("DATABASE_URL").env_remove("GLAE_DATABASE_URL").env_remove("GLAE_STORE");
    command
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
            // The pipe is read to its end, or the program stops when it is full.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok((child, rest));
        }
    }
    bail!("{program} ended before it was ready: {}", child.wait().await?)
}
