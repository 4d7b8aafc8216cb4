//! Bytes from files and addresses, a piece at a time.

use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, Response};

use crate::browser::{reason, scope, within};

/// How much of a file is in memory beside what was parsed of it.
const PIECE_BYTES: f64 = 2.0 * 1024.0 * 1024.0;

/// How long the truth may take to begin to arrive, and to arrive, in seconds each.
const SECONDS: u32 = 120;

/// Hands the bytes of a file to `take` piece by piece, with the number of bytes read before and after. `take` ends the
/// reading by returning an error.
///
/// # Errors
/// What `take` returned, or, made by `unreadable`, that the file cannot be read (any more).
pub(super) async fn pieces<E>(
    file: &Blob,
    mut take: impl FnMut(&[u8], f64) -> Result<(), E>,
    unreadable: impl Fn(String) -> E,
) -> Result<(), E> {
    let total = file.size();
    let mut piece = Vec::new();
    let mut at = 0.0;
    while at < total {
        let end = (at + PIECE_BYTES).min(total);
        let slice = file.slice_with_f64_and_f64(at, end).map_err(|error| unreadable(reason(&error)))?;
        let buffer = JsFuture::from(slice.array_buffer()).await.map_err(|error| unreadable(reason(&error)))?;
        let bytes = Uint8Array::new(&buffer);
        piece.resize(bytes.length() as usize, 0);
        bytes.copy_to(&mut piece);
        take(&piece, end)?;
        at = end;
    }
    Ok(())
}

/// The bytes at an address of this site.
///
/// # Errors
/// Why there are none, as a sentence.
pub(super) async fn fetched(address: &str) -> Result<Vec<u8>, String> {
    let failed = |why: String| format!("The truth could not be fetched ({why}). Check the connection and try again.");
    let late = || failed(format!("it did not arrive within {SECONDS} seconds"));
    let response = within(SECONDS, JsFuture::from(scope().fetch_with_str(address))).await.ok_or_else(late)?;
    let response = response.map_err(|error| failed(reason(&error)))?;
    let response: Response = response.unchecked_into();
    if !response.ok() {
        return Err(failed(format!("the server answered {}", response.status())));
    }
    let buffer = response.array_buffer().map_err(|error| failed(reason(&error)))?;
    let buffer = within(SECONDS, JsFuture::from(buffer)).await.ok_or_else(late)?;
    let buffer = buffer.map_err(|error| failed(reason(&error)))?;
    Ok(Uint8Array::new(&buffer).to_vec())
}
