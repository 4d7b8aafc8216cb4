//! A Web Worker from outside.

use std::marker::PhantomData;

use gloo_events::EventListener;
use js_sys::{Array, ArrayBuffer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;
use web_sys::{MessageEvent, Worker, WorkerOptions};

use super::bridge::Port;
use super::{Reply, Request};
use crate::browser::{property, reason};

/// A worker and the listeners on it. Ends when dropped.
pub(crate) struct WorkerPort<Q, R> {
    worker: Worker,
    _listeners: [EventListener; 2],
    protocol: PhantomData<(Q, R)>,
}

impl<Q, R: Reply + DeserializeOwned> WorkerPort<Q, R> {
    /// Starts a worker. `on_reply` gets each reply and what lies beside it; errors that escape the worker arrive as
    /// [`Reply::broken`].
    ///
    /// # Errors
    /// Why the browser allows none, as the end of "because".
    pub(crate) fn open(
        program: &str,
        name: &str,
        on_reply: impl Fn(R, JsValue) + Clone + 'static,
    ) -> Result<Self, String> {
        let options = WorkerOptions::new();
        options.set_name(name);
        let worker = Worker::new_with_options(program, &options).map_err(|error| reason(&error))?;
        let replies = on_reply.clone();
        let on_message = EventListener::new(&worker, "message", move |event| {
            let parts: Array = event.unchecked_ref::<MessageEvent>().data().unchecked_into();
            let reply = serde_wasm_bindgen::from_value(parts.get(0));
            let reply = reply.unwrap_or_else(|error| R::broken(format!("a reply could not be read: {error}")));
            replies(reply, parts.get(1));
        });
        let on_error = EventListener::new(&worker, "error", move |event| {
            // A script that could not be fetched gives a plain event without a message.
            let message = property(event, "message").as_string().filter(|text| !text.is_empty());
            on_reply(R::broken(message.unwrap_or_else(|| "it did not load".into())), JsValue::UNDEFINED);
        });
        Ok(Self { worker, _listeners: [on_message, on_error], protocol: PhantomData })
    }

    /// Posts a value that is no request of the protocol, to the loader of the program.
    #[cfg(feature = "inference")]
    pub(crate) fn post_to_loader(&self, value: &JsValue) {
        // Fails only for values that cannot be cloned.
        let _ = self.worker.post_message(value);
    }
}

impl<Q: Request + Serialize, R: Reply> Port for WorkerPort<Q, R> {
    type Request = Q;
    type Reply = R;
    type Beside = JsValue;

    fn post(&self, request: &Q, beside: Vec<JsValue>) {
        let (message, given) = packed(request, beside);
        // Fails only for values that cannot be cloned: requests are plain data, and files and buffers can.
        let _ = self.worker.post_message_with_transfer(&message, &given);
    }
}

impl<Q, R> Drop for WorkerPort<Q, R> {
    fn drop(&mut self) {
        self.worker.terminate();
    }
}

/// A message as it is posted, and the buffers in it, which are given away.
pub(super) fn packed(message: &impl Serialize, beside: Vec<JsValue>) -> (Array, Array) {
    let message = serde_wasm_bindgen::to_value(message).expect("every message is plain data");
    let given = beside.iter().filter(|value| value.is_instance_of::<ArrayBuffer>()).cloned().collect();
    (std::iter::once(message).chain(beside).collect(), given)
}
