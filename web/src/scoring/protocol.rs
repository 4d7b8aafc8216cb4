//! The messages between the page and the scorer.
//!
//! Each `postMessage` carries an array: the message as serde-wasm-bindgen writes it, and beside a [`Request`] the
//! predictions file and the visitor's own truth file, if there is one. Files cross as handles; their bytes are read in the
//! worker.

use glae_api::FileProblem;
use glae_metrics::{Report, Worst};
use serde::{Deserialize, Serialize};

use super::renaming::Renaming;
use crate::worker::{self, About};

/// From the page to the worker. To cancel, the page ends the worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// Read the file and say whether it is well formed; the truth is elsewhere.
    Check {
        /// Comes back with every reply.
        request: u32,
    },
    /// Read the file and score it.
    Score {
        /// Comes back with every reply.
        request: u32,
        /// The address of the truth; `None`: its file lies beside the message.
        truth: Option<String>,
        /// Whether images without a prediction are counted instead of refused.
        counted: bool,
        /// Number of training images at each age from 0; empty when not known.
        training_counts: Vec<u32>,
    },
    /// Write the file anew under the truth's names. Answered with [`Reply::Renamed`].
    Rename {
        /// Comes back with every reply.
        request: u32,
        /// The address of the truth; `None`: its file lies beside the message.
        truth: Option<String>,
        /// What is left out of the ids.
        renaming: Renaming,
    },
}

/// Which of the two files is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileKind {
    /// The truth.
    Truth,
    /// The predictions.
    Predictions,
}

/// A file that passed every check, scored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoredFile {
    /// Every metric; without intervals, which follow.
    pub report: Report,
    /// The largest errors, the largest first.
    pub worst: Vec<Worst>,
    /// Reading, parsing and scoring, in milliseconds.
    pub milliseconds: f64,
}

/// From the worker to the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// The program runs and takes messages.
    Listening,
    /// A file is being read.
    Reading {
        /// As in the request.
        request: u32,
        /// Which file.
        part: FileKind,
        /// Bytes so far.
        read: f64,
        /// Bytes in all.
        total: f64,
    },
    /// All files are read; the arithmetic begins.
    Computing {
        /// As in the request.
        request: u32,
    },
    /// The file is well formed.
    Checked {
        /// As in the request.
        request: u32,
        /// Number of predictions.
        rows: u32,
    },
    /// The scores.
    Scored {
        /// As in the request.
        request: u32,
        /// What came out.
        score: Box<ScoredFile>,
    },
    /// The same report once more, with 95 % intervals.
    Intervals {
        /// As in the request.
        request: u32,
        /// Replaces the one in [`ScoredFile`].
        report: Box<Report>,
    },
    /// The file has problems. All of them are here.
    Refused {
        /// As in the request.
        request: u32,
        /// Which file.
        part: FileKind,
        /// The problems, by kind.
        problems: Vec<FileProblem>,
        /// What would help, where unknown ids are all there is.
        renaming: Option<Renaming>,
    },
    /// The file under the truth's names; its bytes lie beside the message, in a buffer.
    Renamed {
        /// As in the request.
        request: u32,
        /// What was left out.
        renaming: Renaming,
    },
    /// The work could not be done. Why and what to do, as sentences.
    Failed {
        /// As in the request.
        request: u32,
        /// For the visitor.
        sentence: String,
    },
    /// The worker cannot go on.
    Broken(String),
}

impl worker::Request for Request {}

impl worker::Reply for Reply {
    fn about(&self) -> About {
        match self {
            Self::Listening => About::Listening,
            Self::Reading { request, .. } | Self::Computing { request } | Self::Scored { request, .. } => {
                About::More(*request)
            }
            Self::Checked { request, .. }
            | Self::Intervals { request, .. }
            | Self::Refused { request, .. }
            | Self::Renamed { request, .. }
            | Self::Failed { request, .. } => About::Last(*request),
            Self::Broken(_) => About::Worker,
        }
    }

    fn broken(reason: String) -> Self {
        Self::Broken(reason)
    }
}
