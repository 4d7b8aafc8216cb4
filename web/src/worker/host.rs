//! A Web Worker from inside.

use std::panic;

use gloo_events::EventListener;
use js_sys::Array;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;
use web_sys::{MessageEvent, PromiseRejectionEvent};

use super::Reply;
use super::port::packed;
use crate::browser::{reason, scope};

/// Takes requests from now on, and tells the page with `listening`. `receive` gets each request and the whole message, in
/// which things may lie beside it. After a panic or an error that escapes a task the page is told with [`Reply::broken`] and
/// ends this worker: nothing here can be trusted any more.
pub(crate) fn serve<Q: DeserializeOwned, R: Reply + Serialize + 'static>(
    listening: &R,
    receive: impl Fn(Q, &Array) + 'static,
) {
    panic::set_hook(Box::new(|info| {
        console_error_panic_hook::hook(info);
        let text = info.payload_as_str().unwrap_or("no reason given").lines().next().unwrap_or_default();
        post(&R::broken(text.to_owned()));
    }));
    let on_message = EventListener::new(&scope(), "message", move |event| {
        let parts: Array = event.unchecked_ref::<MessageEvent>().data().unchecked_into();
        match serde_wasm_bindgen::from_value(parts.get(0)) {
            Ok(request) => receive(request, &parts),
            Err(error) => post(&R::broken(format!("a message could not be read: {error}"))),
        }
    });
    on_message.forget();
    // A trap without a panic, such as memory that ran out inside an async task, ends up here and not in the page's `error`
    // event.
    let on_rejection = EventListener::new(&scope(), "unhandledrejection", |event| {
        post(&R::broken(reason(&event.unchecked_ref::<PromiseRejectionEvent>().reason())));
    });
    on_rejection.forget();
    post(listening);
}

/// Sends a reply.
pub(crate) fn post(reply: &impl Serialize) {
    post_with(reply, Vec::new());
}

/// Sends a reply with things beside it; buffers are given away.
pub(crate) fn post_with(reply: &impl Serialize, beside: Vec<JsValue>) {
    let (message, given) = packed(reply, beside);
    // Fails only for values that cannot be cloned.
    let _ = scope().post_message_with_transfer(&message, &given);
}
