//! What the components see of the scorer: signals, and a few verbs.

use std::time::Duration;

use glae_api::FileProblem;
use glae_metrics::{Report, Worst};
use js_sys::Array;
use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use web_sys::{ErrorEvent, File, MessageEvent, Worker, WorkerOptions};

use super::protocol::{Part, Reply, Request};
use super::renaming::Renaming;

/// Built beside the page; see `scorer_loader.js`.
const PROGRAM: &str = "/scorer_loader.js";

/// How long the program may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(120);

/// How far the scorer has got.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// Nothing was given, or it was taken back.
    Idle,
    /// The program is being fetched.
    Waking,
    /// A file is being read: bytes so far, bytes in all.
    Reading(Part, f64, f64),
    /// The arithmetic is under way.
    Computing,
    /// The file is well formed; number of predictions.
    Checked(u32),
    /// There are scores.
    Scored,
    /// A file has problems, all of them listed; and what would help, where unknown ids are all there is.
    Refused(Part, Vec<FileProblem>, Option<Renaming>),
    /// The work could not be done; why and what to do.
    Failed(String),
}

impl Stage {
    /// Whether there is something to cancel.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Waking | Self::Reading(..) | Self::Computing)
    }
}

/// The scores of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// Every metric; the intervals arrive a moment later.
    pub report: Report,
    /// The largest errors.
    pub worst: Vec<Worst>,
    /// Reading, parsing and scoring.
    pub milliseconds: f64,
}

/// Handle to the scorer; copies are cheap and all mean the same one.
#[derive(Clone, Copy)]
pub struct Scoring {
    /// How far it has got.
    pub stage: RwSignal<Stage>,
    /// The newest scores; they go when another file is given.
    pub scored: RwSignal<Option<Scored>>,
    /// The predictions under other ids, as they were asked for.
    pub renamed: RwSignal<Option<File>, LocalStorage>,
    inner: StoredValue<Inner, LocalStorage>,
}

#[derive(Default)]
struct Inner {
    worker: Option<Running>,
    last_request: u32,
    /// What to post as soon as the program listens.
    waiting: Option<(Request, Array)>,
    listening: bool,
    /// Name of the file that is being renamed.
    name: String,
}

/// A worker that ends when dropped.
struct Running(Worker);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.terminate();
    }
}

impl Scoring {
    /// A scorer at rest; its worker ends with the page that owns it.
    pub fn new() -> Self {
        let inner = StoredValue::new_local(Inner::default());
        on_cleanup(move || inner.update_value(|inner| inner.worker = None));
        Self {
            stage: RwSignal::new(Stage::Idle),
            scored: RwSignal::new(None),
            renamed: RwSignal::new_local(None),
            inner,
        }
    }

    /// Reads a file and says whether it is well formed.
    pub fn check(self, file: &File) {
        self.give(|request| Request::Check { request }, file, None);
    }

    /// Scores a file against the truth at `address`, or against the visitor's own file.
    pub fn score(self, file: &File, truth: Result<String, File>, counted: bool, training_counts: Vec<u32>) {
        let (address, own) = split(truth);
        self.give(|request| Request::Score { request, truth: address, counted, training_counts }, file, own.as_ref());
    }

    /// Writes a file anew under the truth's names; it comes as [`Self::renamed`].
    pub fn rename(self, file: &File, truth: Result<String, File>, renaming: Renaming) {
        let (address, own) = split(truth);
        self.give(|request| Request::Rename { request, truth: address, renaming }, file, own.as_ref());
        self.inner.update_value(|inner| inner.name = file.name());
    }

    /// Stops whatever is under way and forgets the scores.
    pub fn reset(self) {
        // There is no softer way: the arithmetic runs without looking up. A program that only waits is kept.
        let busy = self.stage.with_untracked(Stage::is_busy) || self.is_resampling();
        self.inner.update_value(|inner| {
            inner.waiting = None;
            inner.last_request += 1;
            if busy {
                inner.worker = None;
                inner.listening = false;
            }
        });
        self.scored.set(None);
        self.stage.set(Stage::Idle);
    }

    /// Whether the intervals of the scores on screen are still being computed.
    fn is_resampling(self) -> bool {
        self.scored.with_untracked(|scored| scored.as_ref().is_some_and(|scored| scored.report.intervals.is_none()))
    }

    fn give(self, request: impl FnOnce(u32) -> Request, file: &File, own_truth: Option<&File>) {
        self.reset();
        self.stage.set(Stage::Waking);
        let id = self.inner.with_value(|inner| inner.last_request);
        let files = Array::of2(file, &own_truth.map_or(JsValue::UNDEFINED, |truth| truth.clone().into()));
        self.inner.update_value(|inner| inner.waiting = Some((request(id), files)));
        if self.inner.with_value(|inner| inner.worker.is_none()) {
            match self.open() {
                Ok(worker) => self.inner.update_value(|inner| inner.worker = Some(worker)),
                Err(_) => self.broken("the browser does not allow a worker here"),
            }
        }
        self.post_waiting();
    }

    fn open(self) -> Result<Running, JsValue> {
        let options = WorkerOptions::new();
        options.set_name("scorer");
        let worker = Worker::new_with_options(PROGRAM, &options)?;
        let ours = worker.clone();
        // A message of an ended worker may still be in the page's queue.
        let is_current = move || {
            self.inner
                .try_with_value(|inner| inner.worker.as_ref().is_some_and(|running| running.0 == ours))
                .unwrap_or(false)
        };
        let (current, is_current_too) = (is_current.clone(), is_current.clone());
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            if current() {
                let parts: Array = event.data().unchecked_into();
                match serde_wasm_bindgen::from_value(parts.get(0)) {
                    Ok(reply) => self.receive(reply, &parts.get(1)),
                    Err(error) => self.broken(&format!("a reply could not be read: {error}")),
                }
            }
        });
        let on_error = Closure::<dyn FnMut(ErrorEvent)>::new(move |event: ErrorEvent| {
            if is_current() {
                // A script that could not be fetched gives a plain event without a message.
                let message = js_sys::Reflect::get(&event, &"message".into()).ok().and_then(|text| text.as_string());
                self.broken(message.filter(|text| !text.is_empty()).as_deref().unwrap_or("it did not load"));
            }
        });
        let late = is_current_too;
        set_timeout(
            move || {
                let waits = self.inner.try_with_value(|inner| !inner.listening).unwrap_or(false);
                if late() && waits {
                    self.broken(&format!("it did not load within {} seconds", ARRIVAL.as_secs()));
                }
            },
            ARRIVAL,
        );
        // Handed over to the collector: a listener must not free itself while it runs.
        worker.set_onmessage(Some(on_message.into_js_value().unchecked_ref()));
        worker.set_onerror(Some(on_error.into_js_value().unchecked_ref()));
        Ok(Running(worker))
    }

    /// Posts what waits, if the program listens already.
    fn post_waiting(self) {
        self.inner.update_value(|inner| {
            if let (true, Some(Running(worker))) = (inner.listening, &inner.worker)
                && let Some((request, files)) = inner.waiting.take()
            {
                let message = serde_wasm_bindgen::to_value(&request).expect("every request is plain data");
                // Fails only for values that cannot be cloned; files can.
                let _ = worker.post_message(&Array::of3(&message, &files.get(0), &files.get(1)));
            }
        });
    }

    fn receive(self, reply: Reply, buffer: &JsValue) {
        let last = self.inner.with_value(|inner| inner.last_request);
        match reply {
            Reply::Listening => {
                self.inner.update_value(|inner| inner.listening = true);
                self.post_waiting();
            }
            Reply::Broken(reason) => self.broken(&reason),
            Reply::Reading { request, part, read, total } if request == last => {
                self.stage.set(Stage::Reading(part, read, total));
            }
            Reply::Computing { request } if request == last => self.stage.set(Stage::Computing),
            Reply::Checked { request, rows } if request == last => self.stage.set(Stage::Checked(rows)),
            Reply::Scored { request, score } if request == last => {
                let score = *score;
                let scored = Scored { report: score.report, worst: score.worst, milliseconds: score.milliseconds };
                self.scored.set(Some(scored));
                self.stage.set(Stage::Scored);
            }
            Reply::Intervals { request, report } if request == last => {
                self.scored.update(|scored| scored.iter_mut().for_each(|scored| scored.report = (*report).clone()));
            }
            Reply::Refused { request, part, problems, renaming } if request == last => {
                self.stage.set(Stage::Refused(part, problems, renaming));
            }
            Reply::Renamed { request, renaming } if request == last => {
                let name = self.inner.with_value(|inner| renamed_name(&inner.name, &renaming));
                // Fails only for parts that are no bytes.
                if let Ok(file) = File::new_with_buffer_source_sequence(&Array::of1(buffer), &name) {
                    self.renamed.set(Some(file));
                }
            }
            Reply::Failed { request, sentence } if request == last => self.stage.set(Stage::Failed(sentence)),
            // Replies about files that are no longer wanted.
            _ => {}
        }
    }

    fn broken(self, reason: &str) {
        self.inner.update_value(|inner| {
            inner.worker = None;
            inner.listening = false;
            inner.waiting = None;
        });
        // Scores on screen stay: only their intervals are missing.
        if !self.stage.with_untracked(|stage| *stage == Stage::Scored) {
            self.stage.set(Stage::Failed(format!(
                "The scorer stopped working ({reason}). Reload the page; if it happens again, try a smaller file."
            )));
        }
    }
}

/// The truth's address, or its file.
fn split(truth: Result<String, File>) -> (Option<String>, Option<File>) {
    match truth {
        Ok(address) => (Some(address), None),
        Err(own) => (None, Some(own)),
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
