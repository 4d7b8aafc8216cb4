//! What the components see of the scorer: signals, and a few verbs.

use glae_api::FileProblem;
use gloo_timers::callback::Interval;
use js_sys::Array;
use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use web_sys::File;

use super::protocol::{FileKind, Reply, Request, ScoredFile};
use super::renaming::Renaming;
use crate::worker::bridge::{Bridge, BridgeLimits, Life, Received};
use crate::worker::port::WorkerPort;

/// Built beside the page; see `scorer_loader.js`.
const PROGRAM: &str = "/scorer_loader.js";

/// How often the scorer is looked at, in seconds.
const TICK: u32 = 5;

/// How long the program may take to arrive, in seconds.
const ARRIVAL: u32 = 120;

/// How long it may say nothing while it computes, in seconds: millions of rows on a slow phone.
const SILENCE: u32 = 600;

/// How long it is kept with nothing to do, in seconds: a large file leaves it with hundreds of megabytes.
const REST: u32 = 300;

/// How far the scorer has got.
#[derive(Clone, Debug, PartialEq)]
pub enum ScorerState {
    /// Nothing was given, or it was taken back.
    Idle,
    /// The program is being fetched.
    Waking,
    /// A file is being read: bytes so far, bytes in all.
    Reading(FileKind, f64, f64),
    /// The arithmetic is under way.
    Computing,
    /// The file is well formed; number of predictions.
    Checked(u32),
    /// There are scores.
    Scored,
    /// A file has problems, all of them listed; and what would help, where unknown ids are all there is.
    Refused(FileKind, Vec<FileProblem>, Option<Renaming>),
    /// The work could not be done; why and what to do.
    Failed(String),
}

impl ScorerState {
    /// Whether there is something to cancel.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Waking | Self::Reading(..) | Self::Computing)
    }
}

/// Where the truth comes from.
pub enum TruthSource {
    /// An address of this site.
    Address(String),
    /// A file of the visitor's own.
    Own(File),
}

/// Handle to the scorer; copies are cheap and all mean the same one.
#[derive(Clone, Copy)]
pub struct Scoring {
    /// How far it has got.
    pub stage: RwSignal<ScorerState>,
    /// The newest scores; they go when another file is given.
    pub scored: RwSignal<Option<ScoredFile>>,
    /// The predictions under other ids, as they were asked for.
    pub renamed: RwSignal<Option<File>, LocalStorage>,
    inner: StoredValue<Inner, LocalStorage>,
}

#[derive(Default)]
struct Inner {
    bridge: Bridge<WorkerPort<Request, Reply>>,
    /// Looks whether the worker lives, from the first one on.
    clock: Option<Interval>,
}

impl Scoring {
    /// A scorer at rest; its worker ends with the page that owns it.
    pub fn new() -> Self {
        let inner = StoredValue::new_local(Inner::default());
        on_cleanup(move || inner.set_value(Inner::default()));
        Self {
            stage: RwSignal::new(ScorerState::Idle),
            scored: RwSignal::new(None),
            renamed: RwSignal::new_local(None),
            inner,
        }
    }

    /// Reads a file and says whether it is well formed.
    pub fn check(self, file: &File) {
        self.give(|request| Request::Check { request }, file, None);
    }

    /// Scores a file against a truth.
    pub fn score(self, file: &File, truth: TruthSource, counted: bool, training_counts: Vec<u32>) {
        let (truth, own) = truth.split();
        self.give(|request| Request::Score { request, truth, counted, training_counts }, file, own);
    }

    /// Writes a file anew under the truth's names; it comes as [`Self::renamed`].
    pub fn rename(self, file: &File, truth: TruthSource, renaming: Renaming) {
        let (truth, own) = truth.split();
        self.give(|request| Request::Rename { request, truth, renaming }, file, own);
    }

    /// Stops whatever is under way and forgets the scores.
    pub fn reset(self) {
        // There is no softer way: the arithmetic runs without looking up. A program that has nothing to do is kept.
        if self.stage.with_untracked(ScorerState::is_busy) || self.is_resampling() {
            self.close();
        }
        self.scored.set(None);
        self.stage.set(ScorerState::Idle);
    }

    fn close(self) {
        self.inner.update_value(|inner| {
            inner.bridge.close();
        });
    }

    /// Whether the intervals of the scores on screen are still being computed.
    fn is_resampling(self) -> bool {
        self.scored.with_untracked(|scored| scored.as_ref().is_some_and(|scored| scored.report.intervals.is_none()))
    }

    fn give(self, build: impl FnOnce(u32) -> Request, file: &File, own_truth: Option<File>) {
        self.reset();
        self.stage.set(ScorerState::Waking);
        let beside = std::iter::once(file.clone()).chain(own_truth).map(JsValue::from).collect();
        let name = file.name();
        let asked = self.inner.try_update_value(|Inner { bridge, clock }| {
            if !bridge.is_open() {
                clock.get_or_insert_with(|| Interval::new(TICK * 1000, move || self.tick()));
                let number = bridge.close();
                bridge.open(WorkerPort::open(PROGRAM, "scorer", move |reply, beside| {
                    match self.inner.try_update_value(|inner| inner.bridge.receive(number, reply)) {
                        Some(Received::Answer(answered, reply)) => answered(reply, beside),
                        Some(Received::Worker(Reply::Broken(reason))) => self.broken(&reason),
                        _ => {}
                    }
                })?);
            }
            bridge.ask(build, beside, move |reply, beside| self.receive(&name, reply, &beside));
            Ok::<_, String>(())
        });
        if let Some(Err(reason)) = asked {
            self.broken(&format!("the browser does not allow a worker here: {reason}"));
        }
    }

    fn tick(self) {
        let life = self.inner.try_update_value(|Inner { bridge, .. }| {
            let silent = if bridge.is_listening() { SILENCE } else { ARRIVAL };
            let silent = bridge.is_awaited().then_some(silent);
            bridge.tick(TICK, BridgeLimits { silent, idle: Some(REST) })
        });
        match life {
            Some(Life::Silent(seconds)) => self.broken(&format!("it did not answer for {seconds} seconds")),
            Some(Life::Idle) => self.close(),
            Some(Life::Fine) | None => {}
        }
    }

    /// Takes a reply about the file of this name.
    fn receive(self, name: &str, reply: Reply, buffer: &JsValue) {
        match reply {
            Reply::Reading { part, read, total, .. } => self.stage.set(ScorerState::Reading(part, read, total)),
            Reply::Computing { .. } => self.stage.set(ScorerState::Computing),
            Reply::Checked { rows, .. } => self.stage.set(ScorerState::Checked(rows)),
            Reply::Scored { score, .. } => {
                self.scored.set(Some(*score));
                self.stage.set(ScorerState::Scored);
            }
            Reply::Intervals { report, .. } => {
                self.scored.update(|scored| scored.iter_mut().for_each(|scored| scored.report = (*report).clone()));
            }
            Reply::Refused { part, problems, renaming, .. } => {
                self.stage.set(ScorerState::Refused(part, problems, renaming));
            }
            Reply::Renamed { renaming, .. } => {
                // Fails only for parts that are no bytes.
                let name = renamed_name(name, &renaming);
                if let Ok(file) = File::new_with_buffer_source_sequence(&Array::of1(buffer), &name) {
                    self.renamed.set(Some(file));
                }
            }
            Reply::Failed { sentence, .. } => self.stage.set(ScorerState::Failed(sentence)),
            // Not about a file.
            Reply::Listening | Reply::Broken(_) => {}
        }
    }

    fn broken(self, reason: &str) {
        self.close();
        // Scores on screen stay: only their intervals are missing.
        if !self.stage.with_untracked(|stage| *stage == ScorerState::Scored) {
            self.stage.set(ScorerState::Failed(format!(
                "The scorer stopped working ({reason}). Reload the page; if it happens again, try a smaller file."
            )));
        }
    }
}

impl TruthSource {
    /// The address, or the file.
    fn split(self) -> (Option<String>, Option<File>) {
        match self {
            Self::Address(address) => (Some(address), None),
            Self::Own(file) => (None, Some(file)),
        }
    }
}

/// The new file's name says what was done to it.
fn renamed_name(name: &str, renaming: &Renaming) -> String {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    // A slash would look like a folder once more.
    format!("{stem} without {}.csv", renaming.words().replace('/', ""))
}

impl Default for Scoring {
    fn default() -> Self {
        Self::new()
    }
}
