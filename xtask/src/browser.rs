//! A real Chromium and its driver for the browser tests.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};

use crate::{project::Project, step::execute};

/// The two programs, of one version.
pub(crate) struct Browser {
    pub(crate) chromium: PathBuf,
    pub(crate) driver: PathBuf,
}

const CHROMIUM: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
const DRIVER: [&str; 2] = ["chromedriver", "chromium.chromedriver"];

/// What a person can do where we cannot install it.
const REMEDY: &str = "install Chromium and ChromeDriver of the same version, then run this again:
  Debian:  sudo apt-get install chromium chromium-driver
  Fedora:  sudo dnf install chromium chromedriver
  macOS:   brew install --cask chromium chromedriver
or name them with the environment variables CHROMIUM and CHROMEDRIVER";

/// Finds Chromium and its driver, or installs them where that is one harmless command.
pub(crate) fn install(project: &Project) -> Result<Browser> {
    let browser = match find() {
        Some(browser) => browser,
        None => {
            install_on_debian(project)?;
            find().with_context(|| format!("Chromium and its driver are still not on PATH: {REMEDY}"))?
        }
    };
    let (chromium, driver) = (version(&browser.chromium)?, version(&browser.driver)?);
    println!("Chromium {chromium}, ChromeDriver {driver}");
    if chromium.split('.').next() != driver.split('.').next() {
        bail!("Chromium {chromium} and ChromeDriver {driver} do not fit together: {REMEDY}");
    }
    Ok(browser)
}

fn find() -> Option<Browser> {
    Some(Browser { chromium: program("CHROMIUM", &CHROMIUM)?, driver: program("CHROMEDRIVER", &DRIVER)? })
}

/// Whether Firefox is there. It is not installed: its journey is skipped where it is missing.
pub(crate) fn has_firefox() -> bool {
    on_path(&["firefox-esr", "firefox"]).is_some()
}

/// The program that `variable` names, or the first of `names` on PATH.
fn program(variable: &str, names: &[&str]) -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(variable).filter(|value| !value.is_empty()) {
        return Some(named.into());
    }
    on_path(names)
}

fn on_path(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    names.iter().find_map(|name| {
        let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        folders.iter().map(|folder| folder.join(&file)).find(|candidate| candidate.is_file())
    })
}

/// `apt-get install`, where we may: as root on Debian. On Ubuntu the package only points to a snap, which needs a
/// running snapd; the message says what to do then.
fn install_on_debian(project: &Project) -> Result<()> {
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.starts_with(b"0\n"));
    let apt = Command::new("apt-get").arg("--version").output().is_ok_and(|output| output.status.success());
    if !(root && apt) {
        bail!("Chromium and ChromeDriver are not on PATH: {REMEDY}");
    }
    println!("not found; we are root and apt-get is here, so installing the Debian packages");
    let apt_get = |words: &[&str]| -> Result<()> {
        let mut command = project.command("apt-get");
        execute(command.args(words).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt_get(&["update", "-q"])
        .and_then(|()| {
            // The fonts are for the screenshots; without any, text is drawn as empty boxes.
            let packages = ["chromium", "chromium-driver", "fonts-dejavu-core"];
            apt_get(&[["install", "-q", "-y", "--no-install-recommends"].as_slice(), &packages].concat())
        })
        .with_context(|| format!("apt-get could not install Chromium: {REMEDY}"))
}

/// The first word with dots and digits that `PROGRAM --version` prints.
fn version(program: &PathBuf) -> Result<String> {
    let output = Command::new(program)
        .arg("--version")
        .output()
        .with_context(|| format!("cannot start {}", program.display()))?;
    version_in(&String::from_utf8_lossy(&output.stdout))
        .with_context(|| format!("`{} --version` names no version", program.display()))
}

fn version_in(text: &str) -> Option<String> {
    let is_version = |word: &&str| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit());
    text.split_whitespace().find(is_version).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::version_in;

    #[test]
    fn versions_are_found_in_what_browsers_print() {
        for text in [
            "Chromium 156.0.8078.79 built on Debian GNU/Linux 12 (bookworm)",
            "ChromeDriver 156.0.8078.79 (abc-refs/branch-heads/8078@{#1})",
            "Google Chrome 156.0.8078.79",
        ] {
            assert_eq!(version_in(text).as_deref(), Some("156.0.8078.79"), "{text}");
        }
        assert_eq!(version_in("none"), None);
    }
}
