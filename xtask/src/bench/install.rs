//! What the bench compares with, in the versions that `tests/bench` names, beside the other tools.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{project::Project, step::execute};

/// A Python that has what `tests/bench/LIST.txt` names; returns its program. Each list has a folder of its own.
pub(crate) fn python(project: &Project, list: &str) -> Result<PathBuf> {
    let folder = project.tools().join(format!("bench-{list}"));
    let program = folder.join("bin").join("python");
    let wanted = project.path(&format!("tests/bench/{list}.txt"));
    install_once(&folder, &wanted, || {
        execute(project.command("python3").args(["-m", "venv", "--clear"]).arg(&folder))
            .context("Python 3 with its venv module is needed: install python3 and python3-venv")?;
        let mut pip = project.command(&program);
        execute(pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&wanted))
            .context("the Python package index could not be asked, or has no such versions for this Python")
    })?;
    Ok(program)
}

/// The packages of npm; returns their folder `node_modules`.
pub(super) fn packages(project: &Project) -> Result<PathBuf> {
    let folder = project.tools().join("bench-node");
    let wanted = project.path("tests/bench/package.json");
    install_once(&folder, &wanted, || {
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        fs::copy(&wanted, folder.join("package.json"))?;
        let words = ["install", "--omit=dev", "--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund"];
        execute(project.command("npm").args(words).current_dir(&folder)).context("npm is needed: install Node.js")
    })?;
    Ok(folder.join("node_modules"))
}

/// Node.js, in a version that knows what our scripts use.
pub(super) fn node(project: &Project) -> Result<()> {
    const REMEDY: &str = "install Node.js 20 or newer (https://nodejs.org, or your distribution's package `nodejs`)";
    let output = project.command("node").arg("--version").output().with_context(|| format!("no `node`: {REMEDY}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let major: Option<u32> = text.trim().trim_start_matches('v').split('.').next().and_then(|text| text.parse().ok());
    match major {
        Some(20..) => {
            println!("Node.js {}", text.trim());
            Ok(())
        }
        _ => bail!("`node --version` says {:?}: {REMEDY}", text.trim()),
    }
}

/// Installs unless the folder says that it was done for the very same list. The copy is written last, so that what was
/// broken off is done again.
fn install_once(folder: &Path, wanted: &Path, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let list = fs::read(wanted).with_context(|| format!("cannot read {}", wanted.display()))?;
    let done = folder.join("installed");
    if fs::read(&done).is_ok_and(|installed| installed == list) {
        println!("already there");
        return Ok(());
    }
    work()?;
    fs::write(&done, list).with_context(|| format!("cannot write {}", done.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_is_installed_once_and_again_for_another_list() {
        let folder = tempfile::tempdir().unwrap();
        let (tools, wanted) = (folder.path().join("tools"), folder.path().join("list"));
        fs::create_dir(&tools).unwrap();
        fs::write(&wanted, "a==1").unwrap();
        let mut runs = 0;
        let broken = install_once(&tools, &wanted, || bail!("no network"));
        assert!(broken.is_err());
        for list in ["a==1", "a==1", "a==2"] {
            fs::write(&wanted, list).unwrap();
            install_once(&tools, &wanted, || {
                runs += 1;
                Ok(())
            })
            .unwrap();
        }
        assert_eq!(runs, 2);
    }
}
