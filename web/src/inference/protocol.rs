//! The messages between the page and its worker.
//!
//! Each `postMessage` carries an array `[message, bytes]`: the message as serde-wasm-bindgen writes it, and for
//! [`Request::Open`] the photograph as a transferred `ArrayBuffer`, so that no photograph is copied on the main thread.
//!
//! The page waits for [`Reply::Listening`] before it sends anything: what is posted before the worker's program runs is
//! lost.

use glae_face::crop::Square;
use glae_model::Estimate;
use serde::{Deserialize, Serialize};

/// What computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceKind {
    /// A graphics card (or what the browser offers as one).
    WebGpu,
    /// The processor, with 128-bit SIMD.
    Cpu,
}

impl DeviceKind {
    /// The name used in addresses and attributes: `webgpu` or `cpu`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WebGpu => "webgpu",
            Self::Cpu => "cpu",
        }
    }
}

/// Which devices may be tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceChoice {
    /// WebGPU, and the CPU if that fails.
    Auto,
    /// Only WebGPU; if it fails, so does the start.
    WebGpu,
    /// Only the CPU.
    Cpu {
        /// Why, as the end of "CPU: …".
        because: String,
    },
}

/// The device in use, for the visitor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceReport {
    /// Which kind.
    pub kind: DeviceKind,
    /// The adapter's name on WebGPU; on the CPU why it is the CPU.
    pub detail: String,
}

/// From the page to the worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// Load the weights and check a device. The first message, sent once.
    Start {
        /// Which devices may be tried.
        device: DeviceChoice,
        /// A folder under `/weights/`; `None` for the default.
        weights: Option<String>,
    },
    /// Decode a photograph (its bytes lie beside the message) and keep it, instead of the one before.
    Open {
        /// Names the photograph in later messages.
        photo: u32,
    },
    /// Estimate the age in a square of the open photograph. The newest request wins: one still waiting is dropped
    /// without a reply.
    Estimate {
        /// Comes back with the reply.
        request: u32,
        /// Which photograph is meant; if it is no longer the open one, there is no reply.
        photo: u32,
        /// In pixels of the upright photograph.
        square: Square,
    },
    /// The answer is not wanted any more.
    Cancel {
        /// Of the estimate.
        request: u32,
    },
}

/// Where the time went, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// File bytes to pixels; once per photograph.
    pub decode: f64,
    /// Cutting out and resampling the square.
    pub crop: f64,
    /// The network on the square and its mirror image, from upload to the answer read back.
    pub network: f64,
}

/// From the worker to the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// The program runs and takes messages.
    Listening,
    /// Weights are arriving.
    Loading {
        /// Bytes so far.
        received: u64,
        /// Bytes in all, from the manifest.
        total: u64,
    },
    /// The golden input is being computed on this device.
    Checking(DeviceReport),
    /// WebGPU did not work out and the CPU is next. Why, as a sentence.
    FellBack(String),
    /// Estimates are welcome.
    Ready(DeviceReport),
    /// The start failed for good. Why and what to do, as sentences.
    CannotStart(String),
    /// The photograph is decoded.
    Opened {
        /// As in the request.
        photo: u32,
        /// Of the upright photograph, in pixels.
        width: u32,
        /// Of the upright photograph, in pixels.
        height: u32,
    },
    /// The photograph cannot be used. Why and what to do, as sentences.
    Refused {
        /// As in the request.
        photo: u32,
        /// For the visitor.
        sentence: String,
    },
    /// An age.
    Estimated {
        /// As in the request.
        request: u32,
        /// The answer of both heads, and the routing.
        estimate: Box<Estimate>,
        /// Where the time went.
        times: Times,
    },
    /// The worker cannot go on: a panic, a lost device. The page ends it and decides what is next.
    Broken(String),
}
