//! Building the page: Trunk compiles it to wasm, then every file that shrinks gets a Brotli copy beside it.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::{
    compress::{self, Quality},
    offline,
    project::Project,
    step::{Steps, execute},
    strip,
};

/// Builds `web/dist` and returns its path. The tools must be there.
pub(crate) fn build(project: &Project, steps: &mut Steps, quality: Quality) -> Result<PathBuf> {
    let dist = project.path("web/dist");
    steps.run("page", "compiles web/ to wasm, optimised as a whole (minutes when cold)", || {
        let mut trunk = project.command("trunk")?;
        trunk.current_dir(project.path("web"));
        // Trunk takes NO_COLOR for a yes-or-no option and refuses the usual value 1.
        if std::env::var_os("NO_COLOR").is_some() {
            trunk.env_remove("NO_COLOR").args(["--color", "never"]);
        }
        execute(trunk.args(["build", "--offline", "true", "--locked", "true", "--cargo-profile", "wasm-release"]))?;
        if !dist.join("index.html").is_file() {
            bail!("Trunk ended well, yet {} has no index.html", dist.display());
        }
        strip::folder(&dist)?;
        offline::fill_in(&dist)
    })?;
    steps.run("precompress", "a third of the bytes to download", || {
        compress::folder(&dist, &project.target.join("precompressed"), quality)
    })?;
    Ok(dist)
}
