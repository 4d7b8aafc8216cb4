//! Photographs out of what was chosen, dropped or pasted: files, many files, whole folders.

use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{DataTransfer, File, FileList, FileSystemDirectoryEntry, FileSystemEntry, FileSystemFileEntry};

use super::kind::{Role, left_out, role};
use crate::browser::property;

/// A file and what it is called in a table: its path, if it came with a folder.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) file: File,
}

/// What was given, sorted out.
#[derive(Debug, Default)]
pub(crate) struct Given {
    /// What may be a photograph.
    pub(crate) photos: Vec<Named>,
    /// What was left out, as a sentence.
    pub(crate) left_out: Option<String>,
}

/// All files of a list, sorted out.
pub(crate) fn listed(files: Option<FileList>) -> Given {
    let files = files.into_iter().flat_map(|list| (0..list.length()).filter_map(move |index| list.get(index)));
    let named = files.map(|file| {
        let path = property(&file, "webkitRelativePath").as_string().filter(|path| !path.is_empty());
        Named { name: path.unwrap_or_else(|| file.name()), file }
    });
    sorted_out(named.collect())
}

/// Everything that was dropped, folders included.
pub(crate) async fn dropped(data: DataTransfer) -> Given {
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
    sorted_out(named)
}

/// What was pasted; `None`: no picture at all, such as text.
///
/// # Errors
/// There was a picture, and the browser does not hand it over. A sentence with the remedy.
pub(crate) fn pasted(data: &DataTransfer) -> Option<Result<Given, &'static str>> {
    let given = listed(data.files());
    if !given.photos.is_empty() {
        return Some(Ok(given));
    }
    // Some browsers list a pasted picture as an item and not among the files.
    let items = data.items();
    let files = (0..items.length()).filter_map(|index| items.get(index)?.get_as_file().ok().flatten());
    let named: Vec<Named> = files.map(|file| Named { name: file.name(), file }).collect();
    if !named.is_empty() {
        return Some(Ok(sorted_out(named)));
    }
    let kinds = data.types();
    let is_picture = kinds.iter().filter_map(|kind| kind.as_string()).any(|kind| {
        let kind = kind.to_lowercase();
        kind.starts_with("image/") || kind == "files"
    });
    is_picture.then_some(Err(
        "This browser does not hand the pasted picture over. Save it to this device first, then choose it or drop it here.",
    ))
}

/// Photographs, and a sentence about the rest. A single file is kept whatever it is, so that what is wrong with it can be
/// said.
fn sorted_out(mut named: Vec<Named>) -> Given {
    if named.len() == 1 {
        return Given { photos: named, left_out: None };
    }
    let mut others = Vec::new();
    named.retain(|named| match role(&named.name, &named.file.type_()) {
        Role::Photo => true,
        Role::Hidden => false,
        Role::Other(kind) => {
            others.push(kind);
            false
        }
    });
    Given { photos: named, left_out: left_out(&others) }
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
