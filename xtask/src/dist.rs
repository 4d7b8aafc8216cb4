//! `cargo xtask dist`: what is needed to publish, in `dist/`.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::{
    compress::{self, Quality},
    page,
    project::Project,
    step::{Steps, execute},
    tools,
};

/// Writes `dist/site` (static files for any web server) and `dist/portal` (our server, release build).
pub(crate) fn run(project: &Project, steps: &mut Steps) -> Result<()> {
    tools::install(project, steps)?;
    let built = page::build(project, steps, Quality::Best)?;
    let dist = project.path("dist");
    let site = dist.join("site");
    steps.run("site", "the page and public/ in one folder", || {
        if site.exists() {
            fs::remove_dir_all(&site).with_context(|| format!("cannot empty {}", site.display()))?;
        }
        copy(&project.path("public"), &site)?;
        // Second, so that nothing in public/ can hide a file of the page. This also brings the page's .br files;
        // the run below finds them again in its cache and adds those of public/.
        copy(&built, &site)?;
        compress::folder(&site, &project.target.join("precompressed"), Quality::Best)
    })?;
    steps.run("server", "portal as a release build", || {
        execute(&mut project.cargo(&["build", "--locked", "--release", "--package", "portal"])?)?;
        let name = format!("portal{}", std::env::consts::EXE_SUFFIX);
        fs::copy(project.target.join("release").join(&name), dist.join(&name)).context("cannot copy portal")?;
        Ok(())
    })?;
    println!("\nIn {}:", dist.display());
    println!("  site/    any web server can serve it; send the headers of crates/portal/src/policy.rs");
    println!("  portal   portal serve --site site --public site --listen 0.0.0.0:8080");
    Ok(())
}

/// Copies all files under `from` to the same places under `to`.
fn copy(from: &Path, to: &Path) -> Result<()> {
    for file in compress::files(from)? {
        let goal = to.join(file.strip_prefix(from)?);
        if let Some(parent) = goal.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        }
        fs::copy(&file, &goal).with_context(|| format!("cannot copy {} to {}", file.display(), goal.display()))?;
    }
    Ok(())
}
