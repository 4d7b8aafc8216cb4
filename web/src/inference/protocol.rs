//! The messages between the page and its worker.
//!
//! Each `postMessage` carries an array `[message, bytes]`: the message as serde-wasm-bindgen writes it, and for
//! [`Request::Open`], [`Work::Read`] and [`Work::Frame`] the file or the pixels as a transferred `ArrayBuffer`, so
//! that no picture is copied on the main thread.
//!
//! The page waits for [`Reply::Listening`] before it sends anything: what is posted before the worker's program runs is
//! lost. Everything that needs the networks may be asked for before they are loaded; it waits in the worker.

use glae_estimate::{Look, Searched};
use glae_face::crop::Square;
use serde::{Deserialize, Serialize};

use crate::weights::Wanted;
use crate::worker::{self, About};

/// How long a fetch of the worker may bring nothing, in seconds, before it counts as failed.
pub const FETCH_SECONDS: u32 = 60;

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
    /// WebGPU, and the CPU where that fails, is a program itself, or was measured to be slower.
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

/// From the page to the worker. `request` is the page's number for a request; the reply to it carries the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// Load the networks and check a device. The first message, sent once.
    Start {
        /// Which devices may be tried.
        device: DeviceChoice,
        /// Which weights of the age network.
        weights: Wanted,
        /// Whether one core has to do, even if there are more.
        alone: bool,
        /// What an earlier visit has measured.
        measured: Option<Measured>,
    },
    /// Decode a photograph (its bytes lie beside the message) and keep it, instead of the one before. Answered with
    /// [`Reply::Opened`] or [`Reply::Refused`].
    Open {
        /// Also names the photograph in later messages.
        request: u32,
    },
    /// Something for the networks. The newest wins: one still waiting is dropped without a reply. [`Work::Read`] waits in a
    /// line of its own, behind everything else.
    Compute {
        /// Of this request.
        request: u32,
        /// What to look at.
        work: Work,
    },
    /// Turn the open photograph clockwise by a quarter. Answered with [`Reply::Opened`]; from then on its number is this
    /// request's. Without a reply if another one is open.
    Turn {
        /// Also names the photograph in later messages.
        request: u32,
        /// Which photograph is meant.
        photo: u32,
    },
    /// The closer look at a photograph may end: its answer has the faces found until then.
    Enough {
        /// Of the computation.
        request: u32,
    },
    /// The answer is not wanted any more.
    Cancel {
        /// Of the computation.
        request: u32,
    },
}

/// Something for the networks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Work {
    /// Find the faces of the open photograph and estimate their ages. Answered with [`Reply::Seen`].
    Look {
        /// Which photograph is meant; if it is no longer the open one, there is no reply.
        photo: u32,
    },
    /// Estimate the age in a square of the open photograph. Answered with [`Reply::Seen`], one entry without a face.
    Square {
        /// Which photograph is meant; if it is no longer the open one, there is no reply.
        photo: u32,
        /// In pixels of the upright photograph.
        square: Square,
    },
    /// Find the faces in a picture of the camera, RGBA8, row by row; its bytes lie beside the message. Answered with
    /// [`Reply::Seen`].
    Frame {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
    /// Decode a file that lies beside the message, look at it, forget it. Answered with [`Reply::Seen`] or
    /// [`Reply::Refused`].
    Read,
}

/// How an answer came about, beside [`glae_estimate::Times`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Making {
    /// File bytes to pixels, in milliseconds; once per photograph.
    pub decode: f64,
    /// Who decoded the file.
    pub decoder: Decoder,
    /// How many workers shared the age network.
    pub workers: u32,
    /// Whether the photograph's file ends before its picture does.
    #[serde(default)]
    pub cut_off: bool,
}

/// Who turned a file into pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decoder {
    /// This program, with the same pixels everywhere.
    #[default]
    Own,
    /// The browser, for formats that only it knows.
    Browser,
}

/// What was measured of an adapter: the detector's known input once more, after everything is compiled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The adapter's name, by which it is known on the next visit.
    pub adapter: String,
    /// On WebGPU, in milliseconds.
    pub gpu_ms: f64,
    /// On the processor, in milliseconds.
    pub cpu_ms: f64,
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
    /// WebGPU and the processor were compared; to be kept for the next visit.
    Measured(Measured),
    /// The golden inputs are being computed on this device.
    Checking(DeviceReport),
    /// WebGPU did not work out and the CPU is next. Why, as a sentence.
    FellBack(String),
    /// Estimates are welcome.
    Ready {
        /// What computes.
        device: DeviceReport,
        /// Where a straightened face has its five points, in shares of the crop's side.
        template: [[f32; 2]; 5],
    },
    /// The start failed for good. Why and what to do, as sentences.
    CannotStart(String),
    /// The photograph is decoded. A smaller copy to show, RGBA8, row by row, lies beside the message.
    Opened {
        /// As in the request.
        request: u32,
        /// Of the upright photograph, in pixels.
        width: u32,
        /// Of the upright photograph, in pixels.
        height: u32,
        /// Width and height of the copy, in pixels.
        preview: [u32; 2],
    },
    /// The file cannot be used. Why and what to do, as sentences.
    Refused {
        /// As in the request.
        request: u32,
        /// For the visitor.
        sentence: String,
    },
    /// A photograph is looked at more closely, for small faces.
    Searching {
        /// As in the request.
        request: u32,
        /// How far.
        step: Searched,
    },
    /// What is in a picture.
    Seen {
        /// As in the request.
        request: u32,
        /// The faces and where the time went.
        look: Look,
        /// How it came about.
        making: Making,
    },
    /// The worker cannot go on: a panic, a lost device. The page ends it and decides what is next.
    Broken(String),
}

impl worker::Request for Request {
    fn cancel(request: u32) -> Option<Self> {
        Some(Self::Cancel { request })
    }
}

impl worker::Reply for Reply {
    fn about(&self) -> About {
        match self {
            Self::Listening => About::Listening,
            Self::Opened { request, .. } | Self::Refused { request, .. } | Self::Seen { request, .. } => {
                About::Last(*request)
            }
            _ => About::Worker,
        }
    }

    fn broken(reason: String) -> Self {
        Self::Broken(reason)
    }
}
