//! Files that an export copies as they are: the built page and the public folder. The export's folder keeps a list of them,
//! so that the next export takes away those that are not copied any more, and no file that is not in the list.

use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path},
};

use anyhow::{Context, Result};

/// The list: a path in each line, with slashes.
const LIST: &str = ".glae-export";

/// The files of one export.
#[derive(Debug, Default)]
pub(super) struct Copied(BTreeSet<String>);

impl Copied {
    /// Copies a folder with everything in it into `to`.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub(super) fn copy(&mut self, from: &Path, to: &Path) -> Result<()> {
        self.copy_below(from, to, "")
    }

    fn copy_below(&mut self, from: &Path, to: &Path, below: &str) -> Result<()> {
        fs::create_dir_all(to).with_context(|| format!("cannot make the folder {}", to.display()))?;
        for entry in fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
            let entry = entry?;
            let target = to.join(entry.file_name());
            let name = format!("{below}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                self.copy_below(&entry.path(), &target, &format!("{name}/"))?;
            } else {
                fs::copy(entry.path(), &target).with_context(|| format!("cannot write {}", target.display()))?;
                self.0.insert(name);
            }
        }
        Ok(())
    }

    /// Removes from `folder` what an earlier export copied there and this one did not, and writes the list of this one.
    /// Returns how many files went.
    ///
    /// # Errors
    /// If a file cannot be removed or the list cannot be written.
    pub(super) fn replace(&self, folder: &Path) -> Result<usize> {
        let list = folder.join(LIST);
        let earlier = fs::read_to_string(&list).unwrap_or_default();
        let mut removed = 0;
        for name in earlier.lines().filter(|name| !self.0.contains(*name)) {
            // A list that was edited shall not lead out of the folder.
            let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
            let path = folder.join(name);
            if !inside || !path.is_file() {
                continue;
            }
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            removed += 1;
            // Folders that are empty now go as well; the others stay.
            for parent in path.ancestors().skip(1).take_while(|parent| *parent != folder) {
                if fs::remove_dir(parent).is_err() {
                    break;
                }
            }
        }
        let names: String = self.0.iter().map(|name| format!("{name}\n")).collect();
        fs::write(&list, names).with_context(|| format!("cannot write {}", list.display()))?;
        Ok(removed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_copied_any_more_goes_and_the_rest_stays() {
        let place = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let path = place.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        };
        let (from, to) = (place.path().join("from"), place.path().join("to"));
        let export = || {
            let mut copied = Copied::default();
            copied.copy(&from, &to).unwrap();
            copied.replace(&to).unwrap()
        };
        ["from/a-1.js", "from/boards/old/p.csv", "from/boards/kept.toml", "to/CNAME"].into_iter().for_each(write);
        assert_eq!(export(), 0);
        fs::remove_file(from.join("a-1.js")).unwrap();
        fs::remove_dir_all(from.join("boards/old")).unwrap();
        ["from/a-2.js", "outside"].into_iter().for_each(write);
        let list = fs::read_to_string(to.join(LIST)).unwrap();
        fs::write(to.join(LIST), format!("{list}../outside\n")).unwrap();
        assert_eq!(export(), 2);
        assert!(!to.join("a-1.js").exists() && !to.join("boards/old").exists());
        for name in ["to/a-2.js", "to/boards/kept.toml", "to/CNAME", "outside"] {
            assert!(place.path().join(name).is_file(), "{name}");
        }
    }
}
