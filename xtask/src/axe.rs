//! The accessibility checker axe-core, for the browser tests only: it is never part of the page.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::{project::Project, step::execute};

const VERSION: &str = "4.14.1";

/// Finds the script, or fetches it from the npm registry; `None`, visibly, where there is no npm.
pub(crate) fn install(project: &Project) -> Result<Option<PathBuf>> {
    let folder = project.tools().join(format!("axe-core-{VERSION}"));
    let script = folder.join("package").join("axe.min.js");
    if script.is_file() {
        println!("already there");
        return Ok(Some(script));
    }
    let there = project.command("npm").arg("--version").output().is_ok_and(|output| output.status.success());
    if !there {
        println!("SKIPPED: the accessibility journeys, because npm is not on PATH (install Node.js to run them)");
        return Ok(None);
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let archive = format!("axe-core-{VERSION}.tgz");
    execute(project.command("npm").args(["pack", "--silent", &format!("axe-core@{VERSION}")]).current_dir(&folder))?;
    execute(project.command("tar").args(["-xzf", &archive, "package/axe.min.js"]).current_dir(&folder))?;
    Ok(Some(script))
}
