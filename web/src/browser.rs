//! The few things that the page and its workers ask of the browser.

use std::pin::pin;

use futures_util::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use js_sys::Reflect;
use wasm_bindgen::prelude::*;
use web_sys::DedicatedWorkerGlobalScope;

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
