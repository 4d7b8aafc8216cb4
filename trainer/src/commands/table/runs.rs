//! Which runs there are already. A run is known by what it was told, not by its name.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use glae_model::manifest::sha256;

use crate::checkpoint::{Checkpoint, Progress};
use crate::commands::train::CONFIG;
use crate::config::{Data, RunConfig};

/// A run that a table needs, and how far it is.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::commands) struct Located {
    /// Its folder; it may not exist yet.
    pub(in crate::commands) folder: PathBuf,
    /// How far it is.
    pub(in crate::commands) state: State,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum State {
    /// There is no such run.
    Missing,
    /// It was ended before its first checkpoint.
    Begun,
    /// It has a checkpoint and more to do.
    Unfinished(Progress),
    /// Both stages are done.
    Finished,
}

/// The runs in a folder and in the folders of its runs (`--seeds`).
#[derive(Debug)]
pub(in crate::commands) struct Runs {
    root: PathBuf,
    known: Vec<(PathBuf, RunConfig)>,
}

impl Runs {
    /// Reads all configurations; folders without one, or with one of another time, are passed over.
    ///
    /// # Errors
    /// The folder cannot be read. It need not exist.
    pub(in crate::commands) fn read(root: &Path) -> Result<Self> {
        let mut known = Vec::new();
        for folder in folders(root)? {
            for folder in folders(&folder)?.into_iter().chain([folder]) {
                known.extend(RunConfig::read(&folder.join(CONFIG)).ok().map(|config| (folder, config)));
            }
        }
        Ok(Self { root: root.to_owned(), known })
    }

    /// The run of a configuration: the one that is furthest where there are several; or where it would go.
    ///
    /// # Errors
    /// Its checkpoint is damaged.
    pub(in crate::commands) fn locate(&self, config: &RunConfig) -> Result<Located> {
        let wanted = comparable(config);
        let mut best: Option<(u8, Progress, Located)> = None;
        for (folder, _) in self.known.iter().filter(|(_, own)| comparable(own) == wanted) {
            let progress = Checkpoint::find(folder)?.map(|checkpoint| checkpoint.progress);
            let (rank, state) = match progress {
                None => (0, State::Begun),
                Some(progress) if progress.stage < 2 => (1, State::Unfinished(progress)),
                Some(_) => (2, State::Finished),
            };
            let at = progress.unwrap_or_default();
            let further = |(other, there, _): &(u8, Progress, Located)| {
                (*other, there.stage, there.epoch, there.step) < (rank, at.stage, at.epoch, at.step)
            };
            if best.as_ref().is_none_or(further) {
                best = Some((rank, at, Located { folder: folder.clone(), state }));
            }
        }
        if let Some((.., located)) = best {
            return Ok(located);
        }
        // The same name for the same settings, and another for others.
        let mark = sha256(wanted.to_toml()?.as_bytes());
        let name = format!("{}-seed-{}-{}", config.name, config.seed, &mark[..8]);
        Ok(Located { folder: self.root.join(name), state: State::Missing })
    }
}

/// What decides what a run learns: without names, descriptions, the test images and the file its crops are kept in; paths as
/// the file system knows them.
fn comparable(config: &RunConfig) -> RunConfig {
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let data = &config.data;
    let data = Data {
        images: real(&data.images),
        train: real(&data.train),
        val: real(&data.val),
        test: None,
        landmarks: data.landmarks.as_deref().map(real),
        cache: None,
        description: String::new(),
        licence: String::new(),
        ..data.clone()
    };
    RunConfig { name: String::new(), data, ..config.clone() }
}

/// The folders in a folder, by name; none where it does not exist.
fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut found: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    found.retain(|path| path.is_dir());
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glae_data::files::write_atomically;

    fn config(data: &Path) -> RunConfig {
        let mut config: RunConfig = toml::from_str(include_str!("../../../configs/utkface.toml")).unwrap();
        let part = |name: &str| data.join(name);
        config.data = Data {
            images: part("images"),
            train: part("train.csv"),
            val: part("val.csv"),
            test: Some(part("test.csv")),
            ..config.data
        };
        config
    }

    fn write(folder: &Path, config: &RunConfig, progress: Option<Progress>) {
        std::fs::create_dir_all(folder).unwrap();
        write_atomically(&folder.join(CONFIG), config.to_toml().unwrap().as_bytes()).unwrap();
        if let Some(progress) = progress {
            Checkpoint { progress, ..Checkpoint::default() }.write(folder).unwrap();
        }
    }

    #[test]
    fn a_run_is_known_by_its_settings_and_not_by_its_name() {
        let root = tempfile::tempdir().unwrap();
        let (data, runs) = (root.path().join("data"), root.path().join("runs"));
        std::fs::create_dir_all(data.join("images")).unwrap();
        let wanted = config(&data);
        let missing = Runs::read(&runs).unwrap().locate(&wanted).unwrap();
        assert_eq!(missing.state, State::Missing);
        assert!(missing.folder.starts_with(&runs), "{missing:?}");

        // Another name, another way to the same data, other words about it, no test images.
        let mut own = RunConfig { name: "anything".to_owned(), ..wanted.clone() };
        own.data.images = data.join("images/../images");
        (own.data.test, own.data.description) = (None, "the same in other words".to_owned());
        let finished = Progress { stage: 2, epoch: 0, step: 0 };
        write(&runs.join("20260101T000000-anything"), &own, Some(finished));
        // One that differs in one setting, and something that is no run.
        let mut other = wanted.clone();
        other.stage1.epochs += 1;
        write(&runs.join("other"), &other, Some(finished));
        std::fs::create_dir_all(runs.join("nothing")).unwrap();
        std::fs::write(runs.join("nothing").join(CONFIG), "no = 'run'").unwrap();
        let found = Runs::read(&runs).unwrap().locate(&wanted).unwrap();
        assert_eq!(found, Located { folder: runs.join("20260101T000000-anything"), state: State::Finished });

        let second = RunConfig { seed: 2, ..wanted.clone() };
        let elsewhere = Runs::read(&runs).unwrap().locate(&second).unwrap();
        assert_eq!(elsewhere.state, State::Missing);
        assert_ne!(elsewhere.folder, missing.folder);
    }

    #[test]
    fn the_furthest_of_several_goes_on_and_runs_of_seeds_count() {
        let root = tempfile::tempdir().unwrap();
        let wanted = config(root.path());
        let runs = root.path().join("runs");
        let at = |stage, epoch| Some(Progress { stage, epoch, step: 0 });
        write(&runs.join("a"), &wanted, None);
        let locate = || Runs::read(&runs).unwrap().locate(&wanted).unwrap();
        assert_eq!(locate().state, State::Begun);
        write(&runs.join("b/seed-1"), &wanted, at(0, 3));
        write(&runs.join("c"), &wanted, at(0, 2));
        let found = locate();
        assert_eq!(found.folder, runs.join("b/seed-1"));
        assert!(matches!(found.state, State::Unfinished(Progress { epoch: 3, .. })));
        write(&runs.join("d"), &wanted, at(2, 0));
        assert_eq!(locate(), Located { folder: runs.join("d"), state: State::Finished });
    }
}
