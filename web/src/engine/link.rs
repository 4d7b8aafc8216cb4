//! A running worker and the listeners on it.

use js_sys::Array;
use wasm_bindgen::prelude::*;
use web_sys::{ErrorEvent, MessageEvent, Worker, WorkerOptions};

use crate::inference::protocol::{Reply, Request};

/// Built beside the page; see `inference_loader.js`.
const PROGRAM: &str = "/inference_loader.js";

/// Ends the worker when dropped.
pub(super) struct Link {
    worker: Worker,
}

impl Link {
    /// Starts a worker. `on_reply` gets each reply and the buffer beside it, if there is one; errors that escape the worker
    /// arrive as [`Reply::Broken`].
    ///
    /// # Errors
    /// The browser refuses workers.
    pub(super) fn open(on_reply: impl Fn(Reply, JsValue) + Clone + 'static) -> Result<Self, JsValue> {
        let options = WorkerOptions::new();
        options.set_name("inference");
        let worker = Worker::new_with_options(PROGRAM, &options)?;
        let replies = on_reply.clone();
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let parts: Array = event.data().unchecked_into();
            let reply = serde_wasm_bindgen::from_value(parts.get(0));
            let reply = reply.unwrap_or_else(|error| Reply::Broken(format!("a reply could not be read: {error}")));
            replies(reply, parts.get(1));
        });
        let on_error = Closure::<dyn FnMut(ErrorEvent)>::new(move |event: ErrorEvent| {
            // A script that could not be fetched gives a plain event without a message.
            let message = js_sys::Reflect::get(&event, &"message".into()).ok().and_then(|text| text.as_string());
            let reason = message.filter(|text| !text.is_empty()).unwrap_or("it did not load".into());
            on_reply(Reply::Broken(reason), JsValue::UNDEFINED);
        });
        // Handed over to the collector: a restart happens inside a listener, which must not free itself while it runs.
        worker.set_onmessage(Some(on_message.into_js_value().unchecked_ref()));
        worker.set_onerror(Some(on_error.into_js_value().unchecked_ref()));
        Ok(Self { worker })
    }

    /// Sends a request, and gives a buffer away with it.
    pub(super) fn send(&self, request: &Request, bytes: Option<&JsValue>) {
        let message = serde_wasm_bindgen::to_value(request).expect("every request is plain data");
        // Fails only for values that cannot be cloned, and these are plain data.
        let _ = match bytes {
            None => self.worker.post_message(&Array::of1(&message)),
            Some(bytes) => self.worker.post_message_with_transfer(&Array::of2(&message, bytes), &Array::of1(bytes)),
        };
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.worker.terminate();
    }
}
