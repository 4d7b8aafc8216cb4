//! A table that is written row by row beside its place, and takes it when it is whole.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use glae_model::manifest::sha256;
use indicatif::{ProgressBar, ProgressStyle};

/// A bar over so many images, with their speed and the time that is left, where there is a terminal.
pub(super) fn progress(images: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} images, {per_sec}, {eta} left");
    ProgressBar::new(images as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// The rows so far lie in a file beside the table's. Its name holds the first digits of a checksum over the header and what
/// the rows are made with, so that only a run that would make the same rows goes on with it.
#[derive(Debug)]
pub(super) struct RowFile {
    path: PathBuf,
    partial: PathBuf,
    writer: csv::Writer<File>,
    /// Ids of the rows that are there.
    ids: BTreeSet<String>,
}

impl RowFile {
    /// Begins a table, or goes on with one that was interrupted. The first column holds ids.
    ///
    /// # Errors
    /// There is an interrupted one and `resume` does not say to go on with it, or a file cannot be read or written.
    pub(super) fn open(path: &Path, header: &[String], made_with: &str, resume: bool) -> Result<Self> {
        let digest = sha256(format!("{}\n{made_with}", header.join(",")).as_bytes());
        let partial = path.with_added_extension(format!("{}.partial", &digest[..8]));
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let cannot = || format!("cannot write {}", partial.display());
        if !partial.exists() {
            let mut writer = csv::Writer::from_writer(File::create(&partial).with_context(cannot)?);
            writer.write_record(header)?;
            writer.flush().with_context(cannot)?;
            return Ok(Self { path: path.to_owned(), partial, writer, ids: BTreeSet::new() });
        }
        if !resume {
            bail!(
                "{} holds the rows of the same command, which was interrupted: go on with --resume, or delete the file to \
                 begin anew",
                partial.display()
            );
        }
        let ids = whole_rows(&partial)?;
        let file = OpenOptions::new().append(true).open(&partial).with_context(cannot)?;
        Ok(Self { path: path.to_owned(), partial, writer: csv::Writer::from_writer(file), ids })
    }

    /// Whether there is a row of this id.
    pub(super) fn has(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        self.ids.len()
    }

    /// Adds a row. It is on disk after [`Self::flush`].
    ///
    /// # Errors
    /// The disk is full.
    pub(super) fn write(&mut self, row: &[String]) -> Result<()> {
        self.writer.write_record(row)?;
        self.ids.extend(row.first().cloned());
        Ok(())
    }

    /// Hands the rows so far to the system: an end of the program does not lose them.
    ///
    /// # Errors
    /// The disk is full.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.writer.flush().with_context(|| format!("cannot write {}", self.partial.display()))
    }

    /// Where the rows lie until the table is whole.
    pub(super) fn partial(&self) -> &Path {
        &self.partial
    }

    /// Puts the table into its place, whatever was there.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn finish(mut self) -> Result<()> {
        self.flush()?;
        let cannot = || format!("cannot write {}", self.path.display());
        self.writer.get_ref().sync_all().with_context(cannot)?;
        std::fs::rename(&self.partial, &self.path).with_context(cannot)
    }

    /// Leaves nothing behind.
    pub(super) fn discard(self) {
        let _ = std::fs::remove_file(&self.partial);
    }
}

/// Ids of the rows of an interrupted table, which loses a row that was half written.
fn whole_rows(partial: &Path) -> Result<BTreeSet<String>> {
    let bytes = std::fs::read(partial).with_context(|| format!("cannot read {}", partial.display()))?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let file = OpenOptions::new().write(true).open(partial);
    let cannot = || format!("cannot write {}", partial.display());
    file.and_then(|file| file.set_len(whole as u64)).with_context(cannot)?;
    let mut reader = csv::Reader::from_reader(&bytes[..whole]);
    let id = |row: csv::Result<csv::StringRecord>| Ok(row?.get(0).unwrap_or_default().to_owned());
    reader
        .records()
        .map(id)
        .collect::<Result<_>>()
        .with_context(|| format!("{} is damaged: delete it and begin anew", partial.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str) -> Vec<String> {
        vec![id.to_owned(), "1".to_owned()]
    }

    #[test]
    fn an_interrupted_table_goes_on_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/p.csv");
        let header = ["id", "age"].map(str::to_owned);
        let open = |made_with: &str, resume| RowFile::open(&path, &header, made_with, resume);
        let mut table = open("weights 1", false).unwrap();
        table.write(&row("a, b")).unwrap();
        table.flush().unwrap();
        let partial = table.partial().to_owned();
        drop(table);
        assert!(!path.exists() && partial.exists());
        // Half a row, as a crash leaves it.
        std::fs::write(&partial, [std::fs::read(&partial).unwrap(), b"c,".to_vec()].concat()).unwrap();

        let error = open("weights 1", false).unwrap_err().to_string();
        assert!(error.contains("--resume") && error.contains("delete the file"), "{error}");
        // Other weights make other rows: theirs is a file of its own.
        let other = open("weights 2", true).unwrap();
        assert!(!other.has("a, b") && other.partial() != partial);
        other.discard();

        let mut table = open("weights 1", true).unwrap();
        assert!(table.has("a, b") && !table.has("c") && table.rows() == 1);
        table.write(&row("c")).unwrap();
        table.finish().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "id,age\n\"a, b\",1\nc,1\n");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
