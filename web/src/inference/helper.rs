//! A second worker for the processor's second core: it computes the mirror images, while the first computes the images.
//!
//! Between the two go a compiled program, a manifest with its weights, then again and again images and their logits. An
//! answer that is a text is a failure.

use std::rc::Rc;

use glae_model::layers::DeviceError;
use glae_model::{EstimateError, Estimator, Manifest, StateDict};
use js_sys::{Array, Float32Array, Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{MessageEvent, Worker, WorkerOptions};

use super::device;
use crate::browser::{property, reason, scope, within};

/// The same program as that of the worker which starts it.
const PROGRAM: &str = "/inference_loader.js";

/// The name by which a worker knows that it is one.
const NAME: &str = "helper";

/// How long a helper may take over anything, in seconds: loading on a slow phone takes ten. One that is late is not asked
/// again.
const SECONDS: u32 = 60;

/// A helper with the network on it. Ends with the last copy.
#[derive(Clone)]
pub(super) struct Helper(Rc<Running>);

struct Running(Worker);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.terminate();
    }
}

impl Helper {
    /// Whether there is a core for it.
    pub(super) fn is_welcome() -> bool {
        scope().navigator().hardware_concurrency() > 1.0
    }

    /// Starts one, and has it load and check the network.
    ///
    /// # Errors
    /// The browser refuses, or the helper failed.
    pub(super) async fn start(manifest: &Manifest, weights: &[u8]) -> Result<Self, String> {
        let options = WorkerOptions::new();
        options.set_name(NAME);
        let worker = Worker::new_with_options(PROGRAM, &options).map_err(|error| reason(&error))?;
        let helper = Self(Rc::new(Running(worker)));
        helper.ask(&property(&scope(), "program"), None)?.await?;
        let manifest = serde_wasm_bindgen::to_value(manifest).map_err(|error| error.to_string())?;
        let weights = Uint8Array::from(weights);
        helper.ask(&Array::of2(&manifest, &weights), Some(&weights.buffer()))?.await?;
        Ok(helper)
    }

    /// Sends normalised images at once; waits for their logits when awaited.
    pub(super) fn logits(&self, planes: &[f32]) -> impl Future<Output = Result<Vec<f32>, EstimateError>> + use<> {
        let planes = Float32Array::from(planes);
        let asked = self.ask(&planes, Some(&planes.buffer()));
        let helper = self.clone();
        async move {
            let answer = async { asked?.await }.await.map_err(DeviceError::Stopped);
            // It lives until it has answered.
            drop(helper);
            Ok(answer?.unchecked_into::<Float32Array>().to_vec())
        }
    }

    /// Posts a message, and gives a buffer away with it. One at a time: an answer belongs to the last message.
    fn ask(
        &self,
        message: &JsValue,
        given: Option<&JsValue>,
    ) -> Result<impl Future<Output = Result<JsValue, String>> + use<>, String> {
        let worker = &self.0.0;
        let answered = Promise::new(&mut |resolve, reject| {
            worker.set_onmessage(Some(&resolve));
            worker.set_onerror(Some(&reject));
        });
        let given = given.map_or_else(Array::new, Array::of1);
        worker.post_message_with_transfer(message, &given).map_err(|error| reason(&error))?;
        Ok(async move {
            let event = within(SECONDS, JsFuture::from(answered)).await;
            let event = event.ok_or("it did not answer")?.map_err(|error| reason(&error))?;
            let answer = event.unchecked_into::<MessageEvent>().data();
            answer.as_string().map_or(Ok(answer), Err)
        })
    }
}

/// Whether this worker is a helper.
pub(super) fn is_this() -> bool {
    property(&scope(), "name").as_string().as_deref() == Some(NAME)
}

/// The helper's own side: loads what it is sent, and answers images with logits.
pub(super) fn serve() {
    std::panic::set_hook(Box::new(|info| answer(&info.to_string().into())));
    let network = Rc::new(std::cell::OnceCell::new());
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        let (network, data) = (network.clone(), event.data());
        spawn_local(async move {
            let done = match network.get() {
                None => load(&data).await.map(|loaded| {
                    let _ = network.set(loaded);
                    JsValue::NULL
                }),
                Some(network) => logits(network, data.unchecked_into()).await,
            };
            answer(&done.unwrap_or_else(JsValue::from));
        });
    });
    scope().set_onmessage(Some(on_message.into_js_value().unchecked_ref()));
    answer(&JsValue::NULL);
}

async fn load(data: &JsValue) -> Result<Estimator, String> {
    let parts: &Array = data.unchecked_ref();
    let manifest: Manifest = serde_wasm_bindgen::from_value(parts.get(0)).map_err(|error| error.to_string())?;
    let weights = parts.get(1).unchecked_into::<Uint8Array>().to_vec();
    // Whoever sent them has checked them.
    let state = StateDict::from_safetensors(&weights).map_err(|error| error.to_string())?;
    let estimator = Estimator::new(manifest, &state, &device::cpu()).map_err(|error| error.to_string())?;
    estimator.golden_check().await.map_err(|error| error.to_string())?;
    Ok(estimator)
}

async fn logits(network: &Estimator, planes: Float32Array) -> Result<JsValue, String> {
    let logits = network.inference().logits(&planes.to_vec()).await.map_err(|error| error.to_string())?;
    Ok(Float32Array::from(logits.as_slice()).into())
}

fn answer(answer: &JsValue) {
    // Fails only for values that cannot be cloned.
    let _ = scope().post_message(answer);
}
