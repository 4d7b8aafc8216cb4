//! What the service worker keeps: every file of the built page.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::compress;

/// The service worker, in the built page's folder.
const WORKER: &str = "service-worker.js";

/// Tells the service worker of a built page which files there are.
///
/// # Errors
/// The folder has no service worker, or one without the two lines that are filled in.
pub(crate) fn fill_in(dist: &Path) -> Result<()> {
    let path = dist.join(WORKER);
    let worker = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let (mut names, mut hash) = (Vec::new(), Sha256::new());
    for file in compress::files(dist)? {
        let name = file.strip_prefix(dist)?.to_str().context("a file's name is no text")?.replace('\\', "/");
        if name.ends_with(".br") || name == WORKER {
            continue;
        }
        hash.update(name.as_bytes());
        hash.update(Sha256::digest(fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?));
        // The page itself is kept as "/".
        if name != "index.html" {
            names.push(format!("/{name}"));
        }
    }
    let version = format!("{:x}", hash.finalize());
    // File names of ours are as plain in JavaScript as in Rust.
    let files = format!("{names:?}");
    let filled = worker.replacen("const FILES = [];", &format!("const FILES = {files};"), 1).replacen(
        "page-development",
        &format!("page-{}", &version[..16]),
        1,
    );
    ensure!(filled.contains(&files) && filled.contains(&version[..16]), "{} has nothing to fill in", path.display());
    fs::write(&path, filled).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worker_learns_the_files_and_a_name_that_changes_with_them() {
        let dist = tempfile::tempdir().unwrap();
        let own = include_str!("../../web/assets/service-worker.js");
        let filled = |script: &str| {
            for (name, content) in
                [(WORKER, own), ("index.html", "<html>"), ("shell-0123.js", script), ("shell-0123.js.br", "br")]
            {
                fs::write(dist.path().join(name), content).unwrap();
            }
            fill_in(dist.path()).unwrap();
            fs::read_to_string(dist.path().join(WORKER)).unwrap()
        };
        let first = filled("1");
        assert!(first.contains("const FILES = [\"/shell-0123.js\"];"), "{first}");
        assert!(!first.contains("page-development"));
        assert_eq!(first, filled("1"));
        assert_ne!(first, filled("2"));
    }
}
