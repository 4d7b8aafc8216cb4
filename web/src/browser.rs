//! The few things that the page and its workers ask of the browser.

use std::pin::pin;

use futures_util::future::{Either, select};
use gloo_net::http::{Request, Response};
use gloo_timers::future::TimeoutFuture;
use js_sys::Reflect;
use wasm_bindgen::prelude::*;
use web_sys::{DedicatedWorkerGlobalScope, RequestCache};

/// The worker's global object.
pub(crate) fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// What `answer` gives, or `None` if it takes longer than `seconds`. For everything that may never answer: a device, a
/// server, another worker.
pub(crate) async fn within<T>(seconds: u32, answer: impl Future<Output = T>) -> Option<T> {
    let limit = TimeoutFuture::new(seconds.saturating_mul(1000));
    match select(pin!(answer), limit).await {
        Either::Left((answer, _)) => Some(answer),
        Either::Right(_) => None,
    }
}

/// Why a request has no answer, in words that go into brackets.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// It was waited for so many seconds.
    #[error("it did not arrive within {0} seconds")]
    Late(u32),
    /// The browser's own words.
    #[error("{0}")]
    Failed(String),
    /// The HTTP status of an answer that is none of success.
    #[error("the server answered {0}")]
    Refused(u16),
}

impl From<gloo_net::Error> for NoAnswer {
    fn from(error: gloo_net::Error) -> Self {
        Self::Failed(match error {
            gloo_net::Error::JsError(error) => error.message,
            other => other.to_string(),
        })
    }
}

/// The answer to a GET request for an address of this site, one of success; what it holds is still to be read.
pub(crate) async fn get(url: &str, cache: RequestCache, seconds: u32) -> Result<Response, NoAnswer> {
    let response = answered(seconds, Request::get(url).cache(cache).send()).await?;
    if response.ok() { Ok(response) } else { Err(NoAnswer::Refused(response.status())) }
}

/// What is asked of the network, or why there is nothing after so many seconds.
pub(crate) async fn answered<T>(
    seconds: u32,
    answer: impl Future<Output = Result<T, gloo_net::Error>>,
) -> Result<T, NoAnswer> {
    Ok(within(seconds, answer).await.ok_or(NoAnswer::Late(seconds))??)
}

/// Milliseconds since the worker began.
pub(crate) fn now() -> f64 {
    scope().performance().map_or(0.0, |clock| clock.now())
}

/// Lets messages that already wait in the event queue be handled before going on.
pub(crate) async fn next_turn() {
    // A timer of zero is queued behind the messages that have arrived.
    TimeoutFuture::new(0).await;
}

/// A property of an object that web-sys knows only behind its "unstable" switch, or `undefined`.
pub(crate) fn property(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// What a rejected promise or thrown exception says, for a sentence.
pub(crate) fn reason(error: &JsValue) -> String {
    let message = property(error, "message").as_string().filter(|text| !text.is_empty());
    message.or_else(|| error.as_string()).unwrap_or_else(|| "the browser gave no reason".into())
}
