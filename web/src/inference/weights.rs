//! Finding and fetching weights.

use glae_model::Manifest;
use js_sys::Uint8Array;
use serde::Deserialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{ReadableStreamDefaultReader, RequestCache, RequestInit, Response};

use super::cache;
use super::protocol::Reply;
use crate::browser::{post, property, reason, scope};

const RETRY: &str = "Check the connection and reload the page.";

/// `/weights/index.json`.
#[derive(Deserialize)]
struct Index {
    default: String,
    weights: Vec<String>,
}

/// Weights that have been found and not fetched yet.
pub(crate) struct Source {
    /// What they say of themselves.
    pub(crate) manifest: Manifest,
    url: String,
    /// Names of all weights on this site.
    names: Vec<String>,
}

/// Reads the index and the manifest of `wanted`, or of the default.
///
/// # Errors
/// A sentence and the remedy.
pub(crate) async fn find(wanted: Option<String>) -> Result<Source, String> {
    let index = text("/weights/index.json").await?;
    let index = js_sys::JSON::parse(&index).map_err(|error| reason(&error));
    let index: Index = index
        .and_then(|value| serde_wasm_bindgen::from_value(value).map_err(|error| error.to_string()))
        .map_err(|error| format!("The list of weights on this site is damaged ({error}). {RETRY}"))?;
    let name = wanted.unwrap_or(index.default);
    if !index.weights.contains(&name) {
        return Err(format!("This site has no weights called “{name}”. Use one of: {}.", index.weights.join(", ")));
    }
    let manifest = text(&format!("/weights/{name}/manifest.json")).await?;
    let manifest = Manifest::parse(&manifest).map_err(|error| format!("{error}. {RETRY}"))?;
    // The hash in the address keeps any cache on the way from answering with older weights.
    let url = format!("/weights/{name}/{}?sha256={}", manifest.file, manifest.sha256);
    Ok(Source { manifest, url, names: index.weights })
}

/// Where the bytes came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Cache Storage.
    Kept,
    /// The server.
    Fetched,
}

impl Source {
    /// The weights' bytes: kept ones if there are any, otherwise fetched, with the progress reported to the page.
    ///
    /// # Errors
    /// A sentence and the remedy.
    pub(crate) async fn bytes(&self) -> Result<(Vec<u8>, Origin), String> {
        match cache::get(&self.url).await {
            Some(bytes) => Ok((bytes, Origin::Kept)),
            None => Ok((self.fetch().await?, Origin::Fetched)),
        }
    }

    /// Fetches the weights past every cache.
    ///
    /// # Errors
    /// A sentence and the remedy.
    pub(crate) async fn fetch(&self) -> Result<Vec<u8>, String> {
        let total = self.manifest.bytes;
        post(&Reply::Loading { received: 0, total });
        // `no-store`: they go to Cache Storage, a second copy in the HTTP cache would only take room.
        let response = get(&self.url, RequestCache::NoStore).await?;
        let body = response.body().ok_or_else(|| format!("The weights are empty. {RETRY}"))?;
        let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
        let mut bytes = Vec::with_capacity(usize::try_from(total).unwrap_or(0));
        loop {
            let step = JsFuture::from(reader.read()).await;
            let step = step.map_err(|error| format!("The weights stopped arriving ({}). {RETRY}", reason(&error)))?;
            if property(&step, "done").is_truthy() {
                return Ok(bytes);
            }
            let chunk: Uint8Array = property(&step, "value").unchecked_into();
            let begin = bytes.len();
            bytes.resize(begin + chunk.length() as usize, 0);
            chunk.copy_to(&mut bytes[begin..]);
            post(&Reply::Loading { received: bytes.len() as u64, total });
        }
    }

    /// Keeps checked weights for the next visit. Entries of weights this site no longer has, and older ones of the same
    /// name, go.
    pub(crate) async fn keep(&self, bytes: &[u8]) {
        let own = format!("/weights/{}/", self.manifest.name);
        cache::put(&self.url, bytes, |url| {
            url.contains(&own) || !self.names.iter().any(|name| url.contains(&format!("/weights/{name}/")))
        })
        .await;
    }

    /// Drops kept weights that turned out damaged.
    pub(crate) async fn forget(&self) {
        cache::remove(&self.url).await;
    }
}

/// A small text file, revalidated with the server.
async fn text(url: &str) -> Result<String, String> {
    let unreadable = |error: JsValue| format!("“{url}” could not be read ({}). {RETRY}", reason(&error));
    let response = get(url, RequestCache::NoCache).await?;
    let text = JsFuture::from(response.text().map_err(unreadable)?).await.map_err(unreadable)?;
    Ok(text.as_string().unwrap_or_default())
}

async fn get(url: &str, cache: RequestCache) -> Result<Response, String> {
    let init = RequestInit::new();
    init.set_cache(cache);
    let response = JsFuture::from(scope().fetch_with_str_and_init(url, &init)).await;
    let response: Response = response
        .map_err(|error| format!("“{url}” could not be fetched ({}). {RETRY}", reason(&error)))?
        .unchecked_into();
    if !response.ok() {
        return Err(format!("“{url}” could not be fetched (the server answered {}). {RETRY}", response.status()));
    }
    Ok(response)
}
