//! `origin.toml` in a run's folder: which source and which data it was made with.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use glae_data::files::write_atomically;
use glae_data::{Set, TrainingSet};

/// Name of the file in a run's folder.
pub const FILE: &str = "origin.toml";

/// Source and data of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunOrigin {
    /// Version of the trainer.
    pub trainer: String,
    /// Commit of the working tree the trainer was started in, where that is its own.
    pub commit: Option<String>,
    /// Whether tracked files differed from that commit.
    pub changed: Option<bool>,
    /// What it learns from.
    pub train: SplitOrigin,
    /// What choices are made on.
    pub val: SplitOrigin,
    /// Faces with a soft label only.
    pub faces: Option<SplitOrigin>,
    /// SHA-256 of the weights it began with.
    pub start: Option<String>,
    /// SHA-256 of the truth that is touched for reported numbers only, where it was there; runs of earlier versions have none.
    pub test: Option<String>,
}

/// One part of the data, as it was read: unusable images are not in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SplitOrigin {
    /// Images that can be used.
    pub images: usize,
    /// Over names, ages and crops: [`TrainingSet::sha256`].
    pub sha256: String,
}

impl RunOrigin {
    /// Of a run that starts now, in the working directory.
    ///
    /// # Errors
    /// A picture can no longer be read.
    pub fn new(train: &TrainingSet, val: &Set, faces: Option<&TrainingSet>, start: Option<String>) -> Result<Self> {
        let source = commit(Path::new("."));
        Ok(Self {
            trainer: env!("CARGO_PKG_VERSION").to_owned(),
            commit: source.as_ref().map(|(commit, _)| commit.clone()),
            changed: source.map(|(_, changed)| changed),
            train: SplitOrigin { images: train.ids.len(), sha256: train.sha256()? },
            val: SplitOrigin { images: val.ids.len(), sha256: val.sha256() },
            faces: faces
                .map(|faces| Ok::<_, anyhow::Error>(SplitOrigin { images: faces.ids.len(), sha256: faces.sha256()? }))
                .transpose()?,
            start,
            test: None,
        })
    }

    /// As it was saved with a run; `None` for runs of earlier versions.
    pub fn read(folder: &Path) -> Option<Self> {
        toml::from_str(&std::fs::read_to_string(folder.join(FILE)).ok()?).ok()
    }

    /// Saves it with a new run; a run that goes on must have the data it began with.
    ///
    /// # Errors
    /// The data are others, or the folder cannot be written.
    pub fn keep(&self, folder: &Path) -> Result<()> {
        let path = folder.join(FILE);
        if !path.exists() {
            return write_atomically(&path, toml::to_string_pretty(self)?.as_bytes());
        }
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let old: Self = toml::from_str(&text).with_context(|| format!("{} is damaged", path.display()))?;
        for (name, then, now) in [("training", &old.train, &self.train), ("validation", &old.val, &self.val)] {
            ensure!(
                then == now,
                "the {name} data are not those this run began with ({} images then, {} now; names, ages or crops differ): \
                 bring them back, or start a new run",
                then.images,
                now.images
            );
        }
        ensure!(
            (&old.faces, &old.start) == (&self.faces, &self.start),
            "the faces without an age, or the weights to begin with, are not those this run began with: bring them back, or \
             start a new run"
        );
        ensure!(
            old.test.is_none() || self.test.is_none() || old.test == self.test,
            "the test truth is not the one this run began with: bring it back, or start a new run"
        );
        if old.commit != self.commit {
            let name = |commit: &Option<String>| commit.clone().unwrap_or_else(|| "an unknown commit".to_owned());
            eprintln!("this run began with {}, and goes on with {}", name(&old.commit), name(&self.commit));
        }
        Ok(())
    }
}

/// Commit of the tree a folder lies in, and whether tracked files differ from it. `None` without git, outside a tree, and in
/// a tree that is not the trainer's.
fn commit(folder: &Path) -> Option<(String, bool)> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(folder).args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let root = PathBuf::from(git(&["rev-parse", "--show-toplevel"])?);
    if !root.join("trainer/Cargo.toml").is_file() {
        return None;
    }
    Some((git(&["rev-parse", "HEAD"])?, !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use glae_face::RgbImage;

    fn set(ages: &[f32]) -> Set {
        let crops = ages.iter().map(|age| RgbImage::from_pixel(4, 4, image::Rgb([*age as u8; 3]))).collect();
        Set { ids: ages.iter().map(ToString::to_string).collect(), crops, ages: ages.to_vec() }
    }

    #[test]
    fn a_run_goes_on_with_the_data_it_began_with_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let origin =
            |train: &Set, val: &Set| RunOrigin::new(&TrainingSet::from(train.clone()), val, None, None).unwrap();
        let (train, val) = (set(&[20.0, 30.0]), set(&[40.0]));
        let first = origin(&train, &val);
        first.keep(folder.path()).unwrap();
        let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert_eq!(toml::from_str::<RunOrigin>(&text).unwrap(), first);
        origin(&train, &val).keep(folder.path()).unwrap();

        let refused = |train: &Set, val: &Set| origin(train, val).keep(folder.path()).unwrap_err().to_string();
        // One value of one pixel, one age, one name, one image.
        let mut other = train.clone();
        other.crops[1].put_pixel(2, 2, image::Rgb([1, 2, 3]));
        assert!(refused(&other, &val).contains("the training data are not those this run began with"));
        let other = Set { ages: vec![20.0, 31.0], ..train.clone() };
        assert!(refused(&other, &val).contains("the training data"));
        let other = Set { ids: vec!["41".to_owned()], ..val.clone() };
        assert!(refused(&train, &other).contains("the validation data"));
        assert!(refused(&train, &set(&[40.0, 50.0])).contains("1 images then, 2 now"));
        // A truth for reported numbers, which the run did not name at first.
        let tested = |test: &str| RunOrigin { test: Some(test.to_owned()), ..origin(&train, &val) };
        tested("one").keep(folder.path()).unwrap();
        let other = tempfile::tempdir().unwrap();
        tested("one").keep(other.path()).unwrap();
        origin(&train, &val).keep(other.path()).unwrap();
        assert!(tested("two").keep(other.path()).unwrap_err().to_string().contains("the test truth is not the one"));
        assert_eq!(std::fs::read_to_string(folder.path().join(FILE)).unwrap(), text);
    }

    #[test]
    fn the_commit_is_that_of_the_trainers_own_tree() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(commit(folder.path()), None);
        let git = |arguments: &[&str]| {
            let names = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"];
            let output = Command::new("git").current_dir(folder.path()).args(names).args(arguments).output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        };
        git(&["init", "--quiet"]);
        std::fs::write(folder.path().join("a.txt"), "1").unwrap();
        git(&["add", "."]);
        git(&["commit", "--quiet", "-m", "one"]);
        assert_eq!(commit(folder.path()), None);
        std::fs::create_dir(folder.path().join("trainer")).unwrap();
        std::fs::write(folder.path().join("trainer/Cargo.toml"), "").unwrap();
        let (id, changed) = commit(&folder.path().join("trainer")).unwrap();
        assert!(id.len() == 40 && id.chars().all(|c| c.is_ascii_hexdigit()) && !changed, "{id} {changed}");
        std::fs::write(folder.path().join("a.txt"), "2").unwrap();
        assert_eq!(commit(folder.path()), Some((id, true)));
    }
}
