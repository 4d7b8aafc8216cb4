//! Files that are written whole or not at all.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};

/// Writes a file so that a crash leaves the old content or the new one, never half.
///
/// # Errors
/// The folder cannot be written or the disk is full; the old file is untouched then.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomically_with(path, |file| Ok(file.write_all(bytes)?))
}

/// The same for what is too large to hold: `write` gets the new file, buffered.
///
/// CHOICE: the new file has the old one's name with the ending `tmp`, and no random one as `tempfile` would give: what a
/// killed process leaves is overwritten by the next write, so that leftovers as large as a checkpoint do not pile up.
///
/// # Errors
/// As for [`write_atomically`], or `write` fails.
pub fn write_atomically_with<T>(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> Result<T>) -> Result<T> {
    let temporary = path.with_extension("tmp");
    let attempt = || {
        let mut file = BufWriter::new(File::create(&temporary)?);
        let written = write(&mut file)?;
        file.flush()?;
        file.get_ref().sync_all()?;
        std::fs::rename(&temporary, path)?;
        Ok(written)
    };
    attempt()
        .inspect_err(|_: &anyhow::Error| {
            // On a full disk half a file would take the room that is left.
            let _ = std::fs::remove_file(&temporary);
        })
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_file_stands_until_the_new_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_atomically(&path, b"old").unwrap();
        let failed = write_atomically_with(&path, |file| -> Result<()> {
            file.write_all(b"half")?;
            anyhow::bail!("no more room")
        });
        assert!(
            format!("{:#}", failed.unwrap_err()).contains("cannot write") && std::fs::read(&path).unwrap() == b"old"
        );
        write_atomically(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(write_atomically(&folder.path().join("missing/file"), b"").is_err());
    }
}
