//! Where things lie: the repository, the compiled files, the tools.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

/// The repository and its target folder, both as absolute paths.
pub(crate) struct Project {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
}

impl Project {
    /// Finds the repository that `cargo xtask` was called in.
    pub(crate) fn find() -> Result<Self> {
        // Cargo sets this when it runs us. The path known at compile time would be wrong where one target folder
        // serves several clones.
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
        let root = Path::new(&manifest).parent().context("xtask lies in no folder")?.to_path_buf();
        if !root.join("Cargo.lock").is_file() {
            bail!("{} is not the root of the repository: it has no Cargo.lock", root.display());
        }
        let target = match target_folder(|name| std::env::var_os(name)) {
            Some(folder) => std::path::absolute(folder)?,
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// A file or folder of the repository.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Where pinned tools are installed: what tests and benches bring along.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// A program built from this workspace in the dev profile.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.target.join("debug").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }

    /// A command in the repository's root that shares our target folder.
    pub(crate) fn command(&self, program: impl Into<OsString>) -> Command {
        let mut command = Command::new(program.into());
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        // What Cargo told us about the package `xtask` is wrong for the commands we start.
        for (name, _) in std::env::vars_os() {
            let of_xtask = name.to_str().is_some_and(|name| {
                name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || name == "CARGO_BIN_NAME"
            });
            if of_xtask {
                command.env_remove(name);
            }
        }
        command
    }

    /// `cargo` with these words.
    pub(crate) fn cargo(&self, words: &[&str]) -> Command {
        let mut command = self.command("cargo");
        command.args(words);
        command
    }
}

/// The target folder that the environment asks for.
///
/// A continuous-integration run starts from a fresh clone each time; outside the clone, what it compiled is still
/// there for the next one.
fn target_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    if let Some(folder) = set("CARGO_TARGET_DIR") {
        return Some(folder.into());
    }
    if set("CI")? != "true" {
        return None;
    }
    let cache = match set("XDG_CACHE_HOME") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(set("HOME")?).join(".cache"),
    };
    Some(cache.join("glae").join("target"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_folder_outlives_a_ci_clone() {
        let folder = |set: &[(&str, &str)]| {
            target_folder(|name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
        };
        assert_eq!(folder(&[("HOME", "/h")]), None);
        assert_eq!(folder(&[("HOME", "/h"), ("CI", "true")]), Some("/h/.cache/glae/target".into()));
        assert_eq!(folder(&[("HOME", "/h"), ("CI", "true"), ("XDG_CACHE_HOME", "/c")]), Some("/c/glae/target".into()));
        assert_eq!(folder(&[("CI", "true"), ("CARGO_TARGET_DIR", "/t")]), Some("/t".into()));
    }
}
