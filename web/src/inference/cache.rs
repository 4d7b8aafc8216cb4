//! Weights kept in Cache Storage, under an address that carries their SHA-256.
//!
//! Everything here may fail quietly: at insecure addresses, in private windows, or on a full disk, there is no cache, and
//! the weights are fetched anew.

use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Cache, Request, Response};

use crate::browser::{scope, within};

const NAME: &str = "glae-weights";

/// The service worker's own name for lists and manifests.
const BESIDE: &str = "beside";

/// How long the storage may take, in seconds, before it counts as missing.
const SECONDS: u32 = 10;

/// The cache, where there is one.
pub(crate) async fn open() -> Option<Cache> {
    named(NAME).await
}

async fn named(name: &str) -> Option<Cache> {
    // Insecure addresses have no such property, and reading it gives `undefined` instead of an error.
    let caches = scope().caches().ok().filter(|caches| !caches.is_falsy())?;
    within(SECONDS, JsFuture::from(caches.open(name))).await?.ok()?.dyn_into().ok()
}

/// The bytes kept under `url`.
pub(crate) async fn get(cache: &Cache, url: &str) -> Option<Vec<u8>> {
    let found = within(SECONDS, JsFuture::from(cache.match_with_str(url))).await?;
    let response: Response = found.ok()?.dyn_into().ok()?;
    let buffer = within(SECONDS, JsFuture::from(response.array_buffer().ok()?)).await?.ok()?;
    Some(Uint8Array::new(&buffer).to_vec())
}

/// Begins at once to keep the bytes under `url`; awaited, it is done, and every other entry for which `outdated` holds is
/// forgotten.
pub(crate) fn put<F: Fn(&str) -> bool>(
    cache: Cache,
    url: String,
    bytes: &[u8],
    outdated: F,
) -> impl Future<Output = ()> + use<F> {
    let response = Response::new_with_opt_js_u8_array(Some(&Uint8Array::from(bytes)));
    let kept = response.map(|response| cache.put_with_str(&url, &response));
    async move {
        if let Ok(kept) = kept {
            let _ = JsFuture::from(kept).await;
        }
        let Ok(keys) = JsFuture::from(cache.keys()).await else { return };
        for key in keys.unchecked_into::<Array>() {
            let key: Request = key.unchecked_into();
            if !key.url().ends_with(&url) && outdated(&key.url()) {
                let _ = JsFuture::from(cache.delete_with_request(&key)).await;
            }
        }
    }
}

/// Fetches these files once more, and keeps them where the service worker (`web/assets/service-worker.js`) finds them when there is
/// no network. `None` where that is not possible.
pub(crate) async fn keep_beside(urls: &[String]) -> Option<()> {
    let cache = named(BESIDE).await?;
    let urls: Array = urls.iter().map(JsValue::from).collect();
    JsFuture::from(cache.add_all_with_str_sequence(&urls)).await.ok().map(drop)
}

/// Forgets what is kept under `url`.
pub(crate) async fn remove(cache: &Cache, url: &str) {
    let _ = JsFuture::from(cache.delete_with_str(url)).await;
}
