//! Small texts that the browser keeps. Where it keeps nothing (site data is blocked), reading gives nothing and writing does
//! nothing. Not `gloo_storage`: its accessors panic there.

use leptos::prelude::window;
use web_sys::Storage;

/// Kept until the visitor clears it.
pub(crate) fn lasting() -> Option<Storage> {
    window().local_storage().ok()?
}

/// Kept until the tab is closed.
pub(crate) fn of_the_tab() -> Option<Storage> {
    window().session_storage().ok()?
}

/// What is kept under a name in any of the storages, the first one that has it.
pub(crate) fn read(storages: [Option<Storage>; 2], name: &str) -> Option<String> {
    storages.into_iter().flatten().find_map(|storage| storage.get_item(name).ok()?)
}

/// Keeps a text, or forgets it.
pub(crate) fn write(storage: Option<Storage>, name: &str, text: Option<&str>) {
    let Some(storage) = storage else { return };
    // Fails where the storage is full, which costs the visitor nothing but the memory.
    let _ = match text {
        Some(text) => storage.set_item(name, text),
        None => storage.remove_item(name),
    };
}
