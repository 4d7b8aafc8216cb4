//! Finding and fetching weights: the age network's and the detector's.

use std::cell::Cell;
use std::rc::Rc;

use futures_util::future::{join, try_join};
use glae_face::detector::manifest::DetectorManifest;
use glae_model::manifest::{lower_hex, sha256};
use glae_model::{AgeManifest, Manifest, ManifestHead};
use gloo_net::http::Response;
use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Cache, ReadableStreamDefaultReader, RequestCache};

use super::cache;
use super::protocol::{FETCH_SECONDS, Reply};
use crate::browser::{NoAnswer, answered, get, property, reason, scope, within};
use crate::estimate::wording::sentence;
use crate::weights::{Index, Wanted, named};
use crate::worker::host::post;

/// The list of all weights.
const INDEX: &str = "/weights/index.json";

const RETRY: &str = "Check the connection and reload the page.";

/// The weights of one network that have been found and not fetched yet.
pub(crate) struct WeightsSource {
    name: String,
    url: String,
    sha256: String,
    total: u64,
    /// Names of all weights on this site.
    names: Vec<String>,
    progress: Rc<Received>,
    /// Where weights are kept, if they can be.
    cache: Option<Cache>,
    /// Whether they were fetched and are to be kept.
    fresh: Cell<bool>,
}

/// How far all weights together have arrived.
#[derive(Default)]
struct Received {
    received: Cell<u64>,
    /// Bytes of what is being fetched; what was kept since the last visit does not count.
    total: Cell<u64>,
}

impl Received {
    fn add(&self, received: u64, total: u64) {
        self.received.update(|sum| sum + received);
        self.total.update(|sum| sum + total);
        post(&Reply::Loading { received: self.received.get(), total: self.total.get() });
    }
}

/// Reads the index and the manifests of the detector and of the age network that is wanted.
///
/// # Errors
/// A sentence and the remedy.
pub(crate) async fn find(
    wanted: Wanted,
) -> Result<((DetectorManifest, WeightsSource), (AgeManifest, WeightsSource)), String> {
    let (index, cache) = join(text(INDEX), cache::open()).await;
    let index = index?;
    let index = js_sys::JSON::parse(&index).map_err(|error| reason(&error));
    let index: Index = index
        .and_then(|value| serde_wasm_bindgen::from_value(value).map_err(|error| error.to_string()))
        .map_err(|error| format!("The list of weights on this site is damaged ({error}). {RETRY}"))?;
    let name = wanted.of(&index);
    if !index.weights.contains(&name) {
        return Err(format!("This site has no weights called “{name}”. Use one of: {}.", index.weights.join(", ")));
    }
    let names = [index.weights.as_slice(), std::slice::from_ref(&index.detector)].concat();
    let progress = Rc::<Received>::default();
    let source = |name: &str, head: &ManifestHead| WeightsSource {
        name: name.to_owned(),
        // The hash in the address keeps any cache on the way from answering with older weights.
        url: format!("/weights/{name}/{}?sha256={}", head.file, head.sha256),
        sha256: head.sha256.clone(),
        total: head.bytes,
        names: names.clone(),
        progress: Rc::clone(&progress),
        cache: cache.clone(),
        fresh: Cell::new(false),
    };
    let (finder, manifest): (DetectorManifest, AgeManifest) =
        try_join(manifest(&index.detector), manifest(&name)).await?;
    let sources = (source(&index.detector, &finder.head), source(&name, &manifest.head));
    Ok(((finder, sources.0), (manifest, sources.1)))
}

fn manifest_of(name: &str) -> String {
    format!("/weights/{name}/manifest.json")
}

async fn manifest<M: Manifest>(name: &str) -> Result<M, String> {
    let text = text(&manifest_of(name)).await?;
    M::parse(&text).map_err(|error| format!("{} {RETRY}", sentence(&error.to_string())))
}

impl WeightsSource {
    /// The weights, proven to be the manifest's.
    ///
    /// # Errors
    /// A sentence and the remedy.
    pub(crate) async fn checked(&self) -> Result<Vec<u8>, String> {
        if let Some(cache) = &self.cache
            && let Some(bytes) = cache::get(cache, &self.url).await
        {
            if hash(&bytes).await == self.sha256 {
                return Ok(bytes);
            }
            cache::remove(cache, &self.url).await;
        }
        let bytes = self.fetch().await?;
        if hash(&bytes).await != self.sha256 {
            return Err(format!(
                "The weights “{}” arrived damaged. Reload the page; if it happens again, tell whoever runs this site.",
                self.name
            ));
        }
        self.fresh.set(true);
        Ok(bytes)
    }

    /// Fetches the weights past every cache.
    async fn fetch(&self) -> Result<Vec<u8>, String> {
        self.progress.add(0, self.total);
        // `no-store`: they go to Cache Storage, a second copy in the HTTP cache would only take room.
        let response = fetched(&self.url, RequestCache::NoStore).await?;
        let body = response.body().ok_or_else(|| format!("The weights are empty. {RETRY}"))?;
        let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
        let mut bytes = Vec::with_capacity(usize::try_from(self.total).unwrap_or(0));
        loop {
            let step = within(FETCH_SECONDS, JsFuture::from(reader.read())).await;
            let step =
                step.ok_or_else(|| format!("The weights stopped arriving for {FETCH_SECONDS} seconds. {RETRY}"))?;
            let step = step.map_err(|error| format!("The weights stopped arriving ({}). {RETRY}", reason(&error)))?;
            if property(&step, "done").is_truthy() {
                return Ok(bytes);
            }
            let chunk: Uint8Array = property(&step, "value").unchecked_into();
            let begin = bytes.len();
            bytes.resize(begin + chunk.length() as usize, 0);
            chunk.copy_to(&mut bytes[begin..]);
            self.progress.add(u64::from(chunk.length()), 0);
        }
    }

    /// Keeps checked weights for the next visit, while this one goes on. Entries of weights this site no longer has, and
    /// older ones of the same name, go. What is copied for it takes tens of milliseconds.
    pub(crate) fn keep(&self, bytes: &[u8]) {
        let Some(cache) = self.cache.clone().filter(|_| self.fresh.take()) else { return };
        let (url, names, own) = (self.url.clone(), self.names.clone(), format!("/weights/{}/", self.name));
        let outdated =
            move |url: &str| url.contains(&own) || !names.iter().any(|name| url.contains(&format!("/weights/{name}/")));
        // Begun here and not in the task, which gets its turn only once the networks have computed: a visitor who leaves soon
        // would leave nothing behind.
        let kept = cache::put(cache, url, bytes, outdated);
        // They were read before the service worker, which would have kept them, was there.
        let beside = [INDEX.to_owned(), manifest_of(&self.name)];
        spawn_local(async move {
            kept.await;
            let _ = cache::keep_beside(&beside).await;
        });
    }
}

/// SHA-256 as lower-case hex: by the browser, which takes a third of the time, where its address is secure enough for that.
async fn hash(bytes: &[u8]) -> String {
    let subtle = scope().crypto().map(|crypto| crypto.subtle()).ok().filter(|subtle| !subtle.is_falsy());
    let begun = subtle.and_then(|subtle| subtle.digest_with_str_and_u8_array("SHA-256", bytes).ok());
    let digest = match begun {
        Some(begun) => JsFuture::from(begun).await.ok(),
        None => None,
    };
    digest.map_or_else(|| sha256(bytes), |digest| lower_hex(&Uint8Array::new(&digest).to_vec()))
}

/// A small text file, revalidated with the server.
async fn text(url: &str) -> Result<String, String> {
    let response = fetched(url, RequestCache::NoCache).await?;
    answered(FETCH_SECONDS, response.text()).await.map_err(|why| unfetched(url, &why))
}

async fn fetched(url: &str, cache: RequestCache) -> Result<Response, String> {
    get(url, cache, FETCH_SECONDS).await.map_err(|why| unfetched(url, &why))
}

fn unfetched(url: &str, why: &NoAnswer) -> String {
    match why {
        NoAnswer::Late(seconds) => format!("“{}” did not arrive within {seconds} seconds. {RETRY}", named(url)),
        why => format!("“{}” could not be fetched ({why}). {RETRY}", named(url)),
    }
}
