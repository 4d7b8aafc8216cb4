//! Bytes from files and addresses, a piece at a time.

use gloo_file::Blob;
use gloo_file::futures::read_as_bytes;
use web_sys::RequestCache;

use crate::browser::{answered, get};

/// How much of a file is in memory beside what was parsed of it.
const PIECE_BYTES: u64 = 2 * 1024 * 1024;

/// How long the truth may take to begin to arrive, and to arrive, in seconds each.
const SECONDS: u32 = 120;

/// Hands the bytes of a file to `take` piece by piece, with the number of bytes read before and after. `take` ends the
/// reading by returning an error.
///
/// # Errors
/// What `take` returned, or, made by `unreadable`, that the file cannot be read (any more).
pub(super) async fn pieces<E>(
    file: &web_sys::Blob,
    mut take: impl FnMut(&[u8], f64) -> Result<(), E>,
    unreadable: impl Fn(String) -> E,
) -> Result<(), E> {
    let file = Blob::from(file.clone());
    let total = file.size();
    let mut at = 0;
    while at < total {
        let end = (at + PIECE_BYTES).min(total);
        let piece = read_as_bytes(&file.slice(at, end)).await.map_err(|error| unreadable(error.to_string()))?;
        take(&piece, end as f64)?;
        at = end;
    }
    Ok(())
}

/// The bytes at an address of this site.
///
/// # Errors
/// Why there are none, as a sentence.
pub(super) async fn fetched(address: &str) -> Result<Vec<u8>, String> {
    let fetched = async { answered(SECONDS, get(address, RequestCache::Default, SECONDS).await?.binary()).await };
    let failed = |why| format!("The truth could not be fetched ({why}). Check the connection and try again.");
    fetched.await.map_err(failed)
}
