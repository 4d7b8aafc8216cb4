//! What the components see of the worker: its state as signals, and questions that are answered later.

use std::collections::HashMap;
use std::time::Duration;

use glae_estimate::{Look, Step};
use leptos::leptos_dom::helpers::IntervalHandle;
use leptos::prelude::*;
use wasm_bindgen::JsValue;

use super::link::Link;
use super::recovery::{Recovery, after_breaking, patience};
use crate::estimate::wording::Stage;
use crate::inference::protocol::{DeviceChoice, DeviceKind, DeviceReport, Making, Measured, Reply, Request};
use crate::settings::Settings;
use crate::storage;
use crate::weights::Wanted;

/// How often the worker's silence is looked at, in seconds.
const TICK: u32 = 5;

/// The name under which the measurement of the adapter is kept.
const MEASURED: &str = "glae-adapter";

/// The name under which the last notice about a device is kept: it is shown once, not on every visit.
const TOLD: &str = "glae-told";

/// The worker's answer to a question.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The photograph is decoded.
    Opened {
        /// The worker's name for it in later requests.
        photo: u32,
        /// Of the upright photograph, in pixels.
        width: u32,
        /// Of the upright photograph, in pixels.
        height: u32,
        /// Width and height of a copy to show, in pixels.
        preview: [u32; 2],
        /// The copy, RGBA8, row by row, in a buffer.
        pixels: JsValue,
    },
    /// The file cannot be used: a sentence with the remedy.
    Refused(String),
    /// What is in the picture.
    Seen(Look, Making),
}

/// Handle to the worker and to everything known about it; copies are cheap and all mean the same one.
#[derive(Clone, Copy)]
pub struct Engine {
    /// What the worker is doing.
    pub stage: RwSignal<Stage>,
    /// The device it runs on, as soon as that is known.
    pub device: RwSignal<Option<DeviceReport>>,
    /// Where the age network wants a face's five points, in shares of the crop's side; known once it is loaded.
    pub template: RwSignal<Option<[[f32; 2]; 5]>>,
    /// Which question is being looked at more closely, and how far that is.
    pub searching: RwSignal<Option<(u32, Step)>>,
    /// Something worth knowing that is not an error.
    pub notice: RwSignal<Option<String>>,
    /// What is wrong with what the visitor gave or asked for, and the remedy.
    pub refusal: RwSignal<Option<String>>,
    /// Counts workers. When one takes over from a broken one, what was asked before is forgotten and must be asked anew.
    pub generation: RwSignal<u32>,
    inner: StoredValue<Inner, LocalStorage>,
}

struct Inner {
    settings: Settings,
    link: Option<Link>,
    choice: DeviceChoice,
    listening: bool,
    /// Asked before the worker listens.
    outbox: Vec<(Request, Option<JsValue>)>,
    last_id: u32,
    /// Who waits for which answer.
    waiting: HashMap<u32, Box<dyn FnOnce(Answer)>>,
    /// For how many seconds the worker has said nothing that was waited for.
    silent: u32,
    /// Looks at the silence, from the first worker on.
    clock: Option<IntervalHandle>,
}

impl Engine {
    /// An engine at rest.
    pub fn new(settings: Settings) -> Self {
        Self {
            stage: RwSignal::new(Stage::Asleep),
            device: RwSignal::new(None),
            template: RwSignal::new(None),
            searching: RwSignal::new(None),
            notice: RwSignal::new(settings.complaint.clone()),
            refusal: RwSignal::new(None),
            generation: RwSignal::new(0),
            inner: StoredValue::new_local(Inner {
                choice: settings.device.clone(),
                settings,
                link: None,
                listening: false,
                outbox: Vec::new(),
                last_id: 0,
                waiting: HashMap::new(),
                silent: 0,
                clock: None,
            }),
        }
    }

    /// The weights asked for.
    pub fn wanted_weights(self) -> Wanted {
        self.inner.with_value(|inner| inner.settings.weights.clone())
    }

    /// Starts the worker if it has not been started.
    pub fn wake(self) {
        if self.stage.get_untracked() == Stage::Asleep {
            let choice = self.inner.with_value(|inner| inner.settings.device.clone());
            self.open_worker(choice);
        }
    }

    /// Starts anew after a failure.
    pub fn retry(self) {
        self.stage.set(Stage::Asleep);
        self.notice.set(None);
        self.wake();
    }

    /// Asks the worker, and starts it if need be. `build` gets the number of the request, which is returned too; a buffer
    /// is given away with it. The answer may never come: a newer question overtakes it, or the worker breaks.
    pub fn ask(
        self,
        build: impl FnOnce(u32) -> Request,
        bytes: Option<JsValue>,
        answered: impl FnOnce(Answer) + 'static,
    ) -> u32 {
        self.wake();
        self.inner
            .try_update_value(|inner| {
                inner.last_id += 1;
                let id = inner.last_id;
                inner.waiting.insert(id, Box::new(answered));
                let request = build(id);
                if inner.waiting.len() == 1 {
                    inner.silent = 0;
                }
                match &inner.link {
                    Some(link) if inner.listening => link.send(&request, bytes.as_ref()),
                    _ => inner.outbox.push((request, bytes)),
                }
                id
            })
            .unwrap_or_default()
    }

    /// The answer is not wanted any more.
    pub fn cancel(self, request: u32) {
        self.inner.update_value(|inner| {
            inner
                .outbox
                .retain(|(waiting, _)| !matches!(waiting, Request::Compute { request: id, .. } if *id == request));
            if inner.waiting.remove(&request).is_some()
                && let Some(link) = inner.link.as_ref().filter(|_| inner.listening)
            {
                link.send(&Request::Cancel { request }, None);
            }
        });
    }

    /// The closer look for an answer may end.
    pub fn enough(self, request: u32) {
        self.inner.with_value(|inner| {
            if let Some(link) = inner.link.as_ref().filter(|_| inner.listening) {
                link.send(&Request::Enough { request }, None);
            }
        });
    }

    fn open_worker(self, choice: DeviceChoice) {
        let generation = self.generation.get_untracked() + 1;
        let link = Link::open(move |reply, buffer| {
            // Replies of an ended worker may still be in the page's queue.
            if self.generation.get_untracked() == generation {
                self.receive(reply, buffer);
            }
        });
        self.device.set(None);
        self.stage.set(Stage::Waking);
        let refused = link.is_err();
        self.inner.update_value(|inner| {
            inner.link = link.ok();
            inner.choice = choice;
            inner.listening = false;
            inner.outbox.clear();
            inner.waiting.clear();
            inner.silent = 0;
            if inner.clock.is_none() {
                let tick = Duration::from_secs(TICK.into());
                inner.clock = set_interval_with_handle(move || self.tick(), tick).ok();
            }
        });
        self.generation.set(generation);
        if refused {
            self.broken("the browser does not allow a worker here");
        }
    }

    /// Counts how long the worker has been silent, in steps: while the computer sleeps, neither it nor this counts.
    fn tick(self) {
        let (ready, device) = (
            self.stage.get_untracked() == Stage::Ready,
            self.device.with_untracked(|it| it.as_ref().map(|it| it.kind)),
        );
        let silence = self.inner.try_update_value(|inner| {
            inner.link.as_ref()?;
            let limit = patience(&inner.choice, inner.listening, ready, device, !inner.waiting.is_empty());
            inner.silent = if limit.is_some() { inner.silent + TICK } else { 0 };
            limit.filter(|limit| inner.silent >= *limit)
        });
        if let Some(seconds) = silence.flatten() {
            self.broken(&format!("it did not answer for {seconds} seconds"));
        }
    }

    fn receive(self, reply: Reply, buffer: JsValue) {
        self.inner.update_value(|inner| inner.silent = 0);
        match reply {
            Reply::Listening => self.inner.update_value(|inner| {
                inner.listening = true;
                let (device, weights) = (inner.choice.clone(), inner.settings.weights.clone());
                let alone = inner.settings.alone;
                let measured = storage::read([storage::lasting(), None], MEASURED);
                let measured = measured.and_then(|text| Measured::from_text(&text));
                if let Some(link) = &inner.link {
                    link.send(&Request::Start { device, weights, alone, measured }, None);
                    for (request, bytes) in inner.outbox.drain(..) {
                        link.send(&request, bytes.as_ref());
                    }
                }
            }),
            Reply::Loading { received, total } => self.stage.set(Stage::Loading { received, total }),
            Reply::Checking(report) => {
                self.stage.set(Stage::Checking(report.kind));
                self.device.set(Some(report));
            }
            Reply::Measured(measured) => storage::write(storage::lasting(), MEASURED, Some(&measured.to_text())),
            Reply::FellBack(notice) => {
                let told = storage::read([storage::lasting(), None], TOLD);
                if told.as_deref() != Some(&notice) {
                    storage::write(storage::lasting(), TOLD, Some(&notice));
                    self.notice.set(Some(notice));
                }
            }
            Reply::Ready { device, template } => {
                self.device.set(Some(device));
                self.template.set(Some(template));
                self.stage.set(Stage::Ready);
            }
            Reply::CannotStart(sentence) => self.fail(sentence),
            Reply::Opened { request, width, height, preview } => {
                let pixels = buffer;
                self.answer(request, Answer::Opened { photo: request, width, height, preview, pixels });
            }
            Reply::Refused { request, sentence } => self.answer(request, Answer::Refused(sentence)),
            Reply::Searching { request, step } => self.searching.set(Some((request, step))),
            Reply::Seen { request, look, making } => self.answer(request, Answer::Seen(look, making)),
            Reply::Broken(reason) => self.broken(&reason),
        }
    }

    fn answer(self, request: u32, answer: Answer) {
        if self.searching.with_untracked(Option::is_some) {
            self.searching.set(None);
        }
        // Taken out first: who is answered may ask again at once.
        let waiting = self.inner.try_update_value(|inner| inner.waiting.remove(&request)).flatten();
        if let Some(answered) = waiting {
            answered(answer);
        }
    }

    fn broken(self, reason: &str) {
        let device: Option<DeviceKind> = self.device.with_untracked(|report| report.as_ref().map(|report| report.kind));
        let recovery = self.inner.with_value(|inner| after_breaking(&inner.choice, inner.listening, device, reason));
        match recovery {
            Recovery::OnCpu { notice, because } => {
                self.notice.set(Some(notice));
                self.open_worker(DeviceChoice::Cpu { because });
            }
            Recovery::GiveUp(sentence) => self.fail(sentence),
        }
    }

    fn fail(self, sentence: String) {
        self.inner.update_value(|inner| {
            inner.link = None;
            inner.outbox.clear();
            inner.waiting.clear();
        });
        self.stage.set(Stage::Failed(sentence));
    }
}
