//! A second worker for the processor's second core: it computes the mirror images, while the first computes the images.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use futures_channel::oneshot;
use glae_model::engine::DeviceError;
use glae_model::{AgeManifest, EstimateError, Estimator, WeightsFile};
use js_sys::{ArrayBuffer, Float32Array, Uint8Array};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::device;
use crate::browser::{property, scope, within};
use crate::worker::bridge::{Bridge, Received};
use crate::worker::host::{self, post, post_with};
use crate::worker::port::WorkerPort;
use crate::worker::{self, About};

/// What starts it.
const LOADER: &str = "/inference_loader.js";

/// What the name of a worker ends with that is one; before that stands the program's name, the same as of the worker that
/// starts it.
const ROLE: &str = " helper";

/// How long a helper may take over anything, in seconds: loading on a slow phone takes ten. One that is late is not asked
/// again.
const SECONDS: u32 = 60;

/// From the estimator to its helper. `request` comes back with the reply.
#[derive(Serialize, Deserialize)]
enum Request {
    /// Load and check the network; its weights lie beside the message.
    Load { request: u32, manifest: Box<AgeManifest> },
    /// Compute the logits of normalised images, f32, which lie beside the message.
    Compute { request: u32 },
}

/// From the helper to the estimator.
#[derive(Serialize, Deserialize)]
enum Reply {
    Listening,
    Loaded {
        request: u32,
    },
    /// The logits, f32, lie beside the message.
    Computed {
        request: u32,
    },
    /// Why not.
    Failed {
        request: u32,
        reason: String,
    },
    /// It cannot go on.
    Broken(String),
}

impl worker::Request for Request {}

impl worker::Reply for Reply {
    fn about(&self) -> About {
        match self {
            Self::Listening => About::Listening,
            Self::Loaded { request } | Self::Computed { request } | Self::Failed { request, .. } => {
                About::Last(*request)
            }
            Self::Broken(_) => About::Worker,
        }
    }

    fn broken(reason: String) -> Self {
        Self::Broken(reason)
    }
}

/// A helper with the network on it. Ends with the last copy.
#[derive(Clone, Default)]
pub(super) struct Helper(Rc<RefCell<Bridge<WorkerPort<Request, Reply>>>>);

impl Helper {
    /// Whether there is a core for it.
    pub(super) fn is_welcome() -> bool {
        scope().navigator().hardware_concurrency() > 1.0
    }

    /// Starts one, and has it load and check the network.
    ///
    /// # Errors
    /// The browser refuses, or the helper failed.
    pub(super) async fn start(manifest: &AgeManifest, weights: &[u8]) -> Result<Self, String> {
        let helper = Self::default();
        let number = helper.0.borrow_mut().close();
        let bridge = Rc::downgrade(&helper.0);
        let port = WorkerPort::open(LOADER, &format!("{}{ROLE}", own_name()), move |reply, beside| {
            let Some(bridge) = bridge.upgrade() else { return };
            let received = bridge.borrow_mut().receive(number, reply);
            match received {
                Received::Answer(answered, reply) => answered(reply, beside),
                // Broken: whoever waits is not answered any more.
                Received::Worker(_) => {
                    bridge.borrow_mut().close();
                }
                Received::Nothing => {}
            }
        })?;
        port.post_to_loader(&property(&scope(), "program"));
        helper.0.borrow_mut().open(port);
        let (manifest, weights) = (Box::new(manifest.clone()), Uint8Array::from(weights));
        helper.ask(|request| Request::Load { request, manifest }, weights.buffer()).await?;
        Ok(helper)
    }

    /// Sends normalised images at once; waits for their logits when awaited.
    pub(super) fn logits(&self, planes: &[f32]) -> impl Future<Output = Result<Vec<f32>, EstimateError>> + use<> {
        let planes = Float32Array::from(planes);
        let asked = self.ask(|request| Request::Compute { request }, planes.buffer());
        async move { Ok(Float32Array::new(&asked.await.map_err(DeviceError::Stopped)?).to_vec()) }
    }

    /// Sends a request at once; waits for what lies beside its reply when awaited.
    fn ask<B: FnOnce(u32) -> Request>(
        &self,
        build: B,
        given: ArrayBuffer,
    ) -> impl Future<Output = Result<JsValue, String>> + use<B> {
        let (sender, receiver) = oneshot::channel();
        let sender = Cell::new(Some(sender));
        self.0.borrow_mut().ask(build, vec![given.into()], move |reply, beside| {
            if let Some(sender) = sender.take() {
                // Fails only where the reply came too late.
                let _ = sender.send((reply, beside));
            }
        });
        // It lives until it has answered.
        let helper = self.clone();
        async move {
            let answer = within(SECONDS, receiver).await;
            drop(helper);
            match answer.ok_or("it did not answer")?.map_err(|_| "it stopped working")? {
                (Reply::Failed { reason, .. }, _) => Err(reason),
                (_, beside) => Ok(beside),
            }
        }
    }
}

/// Whether this worker is a helper.
pub(super) fn is_this() -> bool {
    own_name().ends_with(ROLE)
}

fn own_name() -> String {
    property(&scope(), "name").as_string().unwrap_or_default()
}

/// The helper's own side: loads what it is sent, and answers images with logits.
pub(super) fn serve() {
    let network = Rc::new(OnceCell::new());
    host::serve(&Reply::Listening, move |request: Request, parts| {
        let (network, beside) = (Rc::clone(&network), parts.get(1));
        spawn_local(async move {
            match request {
                Request::Load { request, manifest } => match load(*manifest, &beside).await {
                    Ok(loaded) => {
                        let _ = network.set(loaded);
                        post(&Reply::Loaded { request });
                    }
                    Err(reason) => post(&Reply::Failed { request, reason }),
                },
                Request::Compute { request } => match logits(network.get(), &beside).await {
                    Ok(logits) => post_with(&Reply::Computed { request }, vec![logits.buffer().into()]),
                    Err(reason) => post(&Reply::Failed { request, reason }),
                },
            }
        });
    });
}

async fn load(manifest: AgeManifest, weights: &JsValue) -> Result<Estimator, String> {
    // The estimator has checked the hash.
    let weights = Uint8Array::new(weights).to_vec();
    let file = WeightsFile::open(&weights).map_err(|error| error.to_string())?;
    let estimator = Estimator::new(manifest, &file, &device::cpu()).map_err(|error| error.to_string())?;
    estimator.golden_check().await.map_err(|error| error.to_string())?;
    Ok(estimator)
}

async fn logits(network: Option<&Estimator>, planes: &JsValue) -> Result<Float32Array, String> {
    let network = network.ok_or("no network was loaded")?;
    let planes = Float32Array::new(planes).to_vec();
    let logits = network.inference().logits(&planes).await.map_err(|error| error.to_string())?;
    Ok(Float32Array::from(logits.as_slice()))
}
