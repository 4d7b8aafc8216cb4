//! Files that are written whole or not at all.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

/// Writes a file so that a crash leaves the old content or the new one, never half.
///
/// # Errors
/// The folder cannot be written or the disk is full; the old file is untouched then.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomically_with(path, |file| Ok(file.write_all(bytes)?))
}

/// The same for what is too large to hold: `write` gets the new file, buffered.
///
/// # Errors
/// As for [`write_atomically`], or `write` fails.
pub fn write_atomically_with<T>(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> Result<T>) -> Result<T> {
    let attempt = || -> Result<T> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        // Temporary files are private by default; a run's files are as readable as the system makes new ones.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        // Removed unless it takes the file's place: on a full disk half a file would take the room that is left.
        let (file, temporary) = builder.tempfile_in(folder).map(NamedTempFile::into_parts)?;
        let mut file = BufWriter::new(file);
        let written = write(&mut file)?;
        file.flush()?;
        file.get_ref().sync_all()?;
        temporary.persist(path)?;
        Ok(written)
    };
    attempt().with_context(|| format!("cannot write {}", path.display()))
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

    #[cfg(unix)]
    #[test]
    fn new_files_are_as_readable_as_others() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        std::fs::write(folder.path().join("plain"), b"").unwrap();
        write_atomically(&folder.path().join("whole"), b"").unwrap();
        assert_eq!(mode("whole"), mode("plain"));
    }
}
