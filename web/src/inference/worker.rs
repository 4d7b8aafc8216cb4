//! The worker's program: takes requests, keeps the network and the open photograph, computes the newest estimate.

use std::cell::RefCell;
use std::panic;
use std::rc::Rc;

use glae_face::{RgbImage, crop, photo};
use glae_model::Estimator;
use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::{MessageEvent, PromiseRejectionEvent};

use super::protocol::{Reply, Request, Times};
use super::queue::{Job, Queue};
use super::start::start;
use crate::browser::{next_turn, now, post, reason, scope};

/// Sets the worker up and tells the page that it listens.
pub fn run() {
    panic::set_hook(Box::new(|info| {
        console_error_panic_hook::hook(info);
        // After a panic nothing here can be trusted; the page ends this worker.
        let text = info.payload_as_str().unwrap_or("no reason given").lines().next().unwrap_or_default();
        post(&Reply::Broken(text.to_owned()));
    }));
    let worker = Worker::default();
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| worker.receive(&event));
    scope().set_onmessage(Some(on_message.into_js_value().unchecked_ref()));
    // A trap without a panic, such as memory that ran out inside an async task, ends up here and not in the page's
    // `error` event.
    let on_rejection = Closure::<dyn FnMut(PromiseRejectionEvent)>::new(|event: PromiseRejectionEvent| {
        post(&Reply::Broken(reason(&event.reason())));
    });
    let _ =
        scope().add_event_listener_with_callback("unhandledrejection", on_rejection.into_js_value().unchecked_ref());
    post(&Reply::Listening);
}

#[derive(Clone, Default)]
struct Worker {
    state: Rc<RefCell<State>>,
}

#[derive(Default)]
struct State {
    estimator: Option<Rc<Estimator>>,
    photo: Option<Open>,
    queue: Queue,
    /// Whether a task is computing, and will look at the queue again.
    computing: bool,
}

#[derive(Clone)]
struct Open {
    id: u32,
    pixels: Rc<RgbImage>,
    decode_milliseconds: f64,
}

impl Worker {
    fn receive(&self, event: &MessageEvent) {
        let parts: Array = event.data().unchecked_into();
        match serde_wasm_bindgen::from_value(parts.get(0)) {
            Ok(Request::Start { device, weights }) => {
                let worker = self.clone();
                spawn_local(async move {
                    match start(device, weights).await {
                        Ok((estimator, report)) => {
                            worker.state.borrow_mut().estimator = Some(Rc::new(estimator));
                            post(&Reply::Ready(report));
                        }
                        Err(sentence) => post(&Reply::CannotStart(sentence)),
                    }
                });
            }
            Ok(Request::Open { photo }) => self.open(photo, Uint8Array::new(&parts.get(1)).to_vec()),
            Ok(Request::Estimate { request, photo, square }) => {
                self.state.borrow_mut().queue.put(Job { request, photo, square });
                self.compute();
            }
            Ok(Request::Cancel { request }) => self.state.borrow_mut().queue.cancel(request),
            Err(error) => post(&Reply::Broken(format!("a message could not be read: {error}"))),
        }
    }

    fn open(&self, id: u32, bytes: Vec<u8>) {
        // The old photograph goes first: two large ones side by side may be more than the tab is given.
        self.state.borrow_mut().photo = None;
        let begin = now();
        match photo::decode(&bytes) {
            Ok(pixels) => {
                let (width, height) = pixels.dimensions();
                let open = Open { id, pixels: Rc::new(pixels), decode_milliseconds: now() - begin };
                self.state.borrow_mut().photo = Some(open);
                post(&Reply::Opened { photo: id, width, height });
            }
            Err(error) => post(&Reply::Refused { photo: id, sentence: error.to_string() }),
        }
    }

    /// Works the queue off in one task, however many requests arrive meanwhile.
    fn compute(&self) {
        if std::mem::replace(&mut self.state.borrow_mut().computing, true) {
            return;
        }
        let worker = self.clone();
        spawn_local(async move {
            loop {
                next_turn().await;
                let Some(job) = worker.state.borrow_mut().queue.take() else { break };
                worker.estimate(job).await;
            }
            worker.state.borrow_mut().computing = false;
        });
    }

    async fn estimate(&self, job: Job) {
        // No borrow is held while the device computes: messages keep arriving.
        let (estimator, open) = {
            let state = self.state.borrow();
            match (&state.estimator, &state.photo) {
                (Some(estimator), Some(open)) if open.id == job.photo => (estimator.clone(), open.clone()),
                _ => return,
            }
        };
        let begin = now();
        let size = estimator.manifest().input.size as u32;
        let face = crop::crop_square(&open.pixels, job.square, size);
        let cropped = now();
        let estimates = estimator.estimate(&[face.as_raw()]).await;
        let times = Times { decode: open.decode_milliseconds, crop: cropped - begin, network: now() - cropped };
        if !self.state.borrow().queue.wants(job.request) {
            return;
        }
        match estimates.map(|list| list.into_iter().next()) {
            Ok(Some(estimate)) => {
                post(&Reply::Estimated { request: job.request, estimate: Box::new(estimate), times });
            }
            Ok(None) => post(&Reply::Broken("the network gave no answer".into())),
            Err(error) => post(&Reply::Broken(error.to_string())),
        }
    }
}
