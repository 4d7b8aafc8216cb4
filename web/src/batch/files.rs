//! Photographs out of what was chosen, dropped or pasted: files, many files, whole folders.

use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{DataTransfer, File, FileList, FileSystemDirectoryEntry, FileSystemEntry, FileSystemFileEntry};

use crate::browser::property;

/// A file and what it is called in a table: its path, if it came with a folder.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) file: File,
}

/// All files of a list; of a folder's list only what may be a photograph.
pub(crate) fn listed(files: Option<FileList>) -> Vec<Named> {
    let files = files.into_iter().flat_map(|list| (0..list.length()).filter_map(move |index| list.get(index)));
    let named = files.map(|file| {
        let path = property(&file, "webkitRelativePath").as_string().filter(|path| !path.is_empty());
        Named { name: path.unwrap_or_else(|| file.name()), file }
    });
    photos(named.collect())
}

/// Everything that was dropped, folders included.
pub(crate) async fn dropped(data: DataTransfer) -> Vec<Named> {
    let items = data.items();
    // Entries must be asked for before the first wait: afterwards the browser has forgotten what was dropped.
    let entries: Vec<FileSystemEntry> =
        (0..items.length()).filter_map(|index| items.get(index)?.webkit_get_as_entry().ok().flatten()).collect();
    if !entries.iter().any(FileSystemEntry::is_directory) {
        return listed(data.files());
    }
    let (mut named, mut waiting) = (Vec::new(), entries);
    while let Some(entry) = waiting.pop() {
        if let Some(folder) = entry.dyn_ref::<FileSystemDirectoryEntry>() {
            waiting.extend(inside(folder).await);
        } else if let Some(file) = entry.dyn_ref::<FileSystemFileEntry>()
            && let Some(file) = opened(file).await
        {
            named.push(Named { name: entry.full_path().trim_start_matches('/').to_owned(), file });
        }
    }
    named.sort_by(|a, b| a.name.cmp(&b.name));
    photos(named)
}

/// Among many files, those the browser knows to be something else are left out. A single file is kept whatever it is, so
/// that what is wrong with it can be said.
fn photos(mut named: Vec<Named>) -> Vec<Named> {
    if named.len() > 1 {
        named.retain(|named| {
            let kind = named.file.type_();
            kind.starts_with("image/") && !kind.contains("svg")
        });
    }
    named
}

/// What lies directly in a folder. The browser tells it in portions, an empty one at the end.
async fn inside(folder: &FileSystemDirectoryEntry) -> Vec<FileSystemEntry> {
    let reader = folder.create_reader();
    let mut entries = Vec::new();
    loop {
        let portion = Promise::new(&mut |resolve, reject| {
            let _ = reader.read_entries_with_callback_and_callback(&resolve, &reject);
        });
        let Ok(portion) = JsFuture::from(portion).await else { return entries };
        let portion: Array = portion.unchecked_into();
        if portion.length() == 0 {
            return entries;
        }
        entries.extend(portion.iter().map(JsCast::unchecked_into::<FileSystemEntry>));
    }
}

async fn opened(entry: &FileSystemFileEntry) -> Option<File> {
    let promise = Promise::new(&mut |resolve, reject| entry.file_with_callback_and_callback(&resolve, &reject));
    JsFuture::from(promise).await.ok()?.dyn_into().ok()
}
