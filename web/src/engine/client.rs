//! What the components see of the worker: its state as signals, and questions that are answered later.

use glae_estimate::Searched;
use gloo_timers::callback::Interval;
use leptos::prelude::*;
use wasm_bindgen::JsValue;

use super::recovery::{Recovery, after_breaking, patience};
use crate::browser::property;
use crate::estimate::wording::EngineState;
use crate::inference::protocol::{DeviceChoice, DeviceKind, DeviceReport, Measured, Reply, Request};
use crate::settings::AddressSettings;
use crate::storage;
use crate::weights::Wanted;
use crate::worker::bridge::{Bridge, BridgeLimits, Life, Received};
use crate::worker::port::WorkerPort;

/// Built beside the page.
const LOADER: &str = "/inference_loader.js";

/// How often the worker's silence is looked at, in seconds.
const TICK: u32 = 5;

/// The name under which the measurement of the adapter is kept.
const MEASURED: &str = "glae-adapter";

/// The name under which the last notice about a device is kept: it is shown once, not on every visit.
const TOLD: &str = "glae-told";

/// Handle to the worker and to everything known about it; copies are cheap and all mean the same one.
#[derive(Clone, Copy)]
pub struct WorkerHandle {
    /// What the worker is doing.
    pub stage: RwSignal<EngineState>,
    /// The device it runs on, as soon as that is known.
    pub device: RwSignal<Option<DeviceReport>>,
    /// Where the age network wants a face's five points, in shares of the crop's side; known once it is loaded.
    pub template: RwSignal<Option<[[f32; 2]; 5]>>,
    /// Which question is being looked at more closely, and how far that is.
    pub searching: RwSignal<Option<(u32, Searched)>>,
    /// Something worth knowing that is not an error.
    pub notice: RwSignal<Option<String>>,
    /// What is wrong with what the visitor gave or asked for, and the remedy.
    pub refusal: RwSignal<Option<String>>,
    /// Counts workers. When one takes over from a broken one, what was asked before is forgotten and must be asked anew.
    pub generation: RwSignal<u32>,
    inner: StoredValue<Inner, LocalStorage>,
}

struct Inner {
    settings: AddressSettings,
    choice: DeviceChoice,
    bridge: Bridge<WorkerPort<Request, Reply>>,
    /// Looks whether the worker lives, from the first one on.
    clock: Option<Interval>,
}

impl WorkerHandle {
    /// An engine at rest.
    pub fn new(settings: AddressSettings) -> Self {
        Self {
            stage: RwSignal::new(EngineState::Asleep),
            device: RwSignal::new(None),
            template: RwSignal::new(None),
            searching: RwSignal::new(None),
            notice: RwSignal::new(settings.complaint.clone()),
            refusal: RwSignal::new(None),
            generation: RwSignal::new(0),
            inner: StoredValue::new_local(Inner {
                choice: settings.device.clone(),
                settings,
                bridge: Bridge::default(),
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
        if self.stage.get_untracked() == EngineState::Asleep {
            let choice = self.inner.with_value(|inner| inner.settings.device.clone());
            self.open_worker(choice);
        }
    }

    /// Starts anew after a failure.
    pub fn retry(self) {
        self.stage.set(EngineState::Asleep);
        self.notice.set(None);
        self.wake();
    }

    /// Asks the worker, and starts it if need be. `build` gets the number of the request, which is returned too; a buffer
    /// is given away with it. `answered` gets [`Reply::Opened`], [`Reply::Seen`] or [`Reply::Refused`] and the buffer beside
    /// it, or nothing ever: a newer question overtakes it, or the worker breaks.
    pub fn ask(
        self,
        build: impl FnOnce(u32) -> Request,
        bytes: Option<JsValue>,
        answered: impl Fn(Reply, JsValue) + 'static,
    ) -> u32 {
        self.wake();
        let asked = |inner: &mut Inner| inner.bridge.ask(build, bytes.into_iter().collect(), answered);
        self.inner.try_update_value(asked).unwrap_or_default()
    }

    /// The answer is not wanted any more.
    pub fn cancel(self, request: u32) {
        self.inner.update_value(|inner| inner.bridge.cancel(request));
    }

    /// The closer look for an answer may end.
    pub fn enough(self, request: u32) {
        self.inner.update_value(|inner| inner.bridge.tell(Request::Enough { request }));
    }

    fn open_worker(self, choice: DeviceChoice) {
        self.device.set(None);
        self.stage.set(EngineState::Waking);
        let opened = self.inner.try_update_value(|inner| {
            inner.choice = choice;
            inner.clock.get_or_insert_with(|| Interval::new(TICK * 1000, move || self.tick()));
            let number = inner.bridge.close();
            let heard = move |reply, buffer| self.receive(number, reply, buffer);
            inner.bridge.open(WorkerPort::open(LOADER, program(&inner.choice), heard)?);
            let (device, weights) = (inner.choice.clone(), inner.settings.weights.clone());
            let measured = storage::read([storage::lasting(), None], MEASURED);
            let measured = measured.and_then(|text| Measured::from_text(&text));
            inner.bridge.tell(Request::Start { device, weights, alone: inner.settings.alone, measured });
            Ok::<_, String>(())
        });
        self.generation.update(|generation| *generation += 1);
        if let Some(Err(reason)) = opened {
            self.broken(&format!("the browser does not allow a worker here: {reason}"));
        }
    }

    fn tick(self) {
        let (ready, device) = (
            self.stage.get_untracked() == EngineState::Ready,
            self.device.with_untracked(|it| it.as_ref().map(|it| it.kind)),
        );
        let life = self.inner.try_update_value(|Inner { bridge, choice, .. }| {
            let silent = patience(choice, bridge.is_listening(), ready, device, bridge.is_awaited());
            // A visitor at rest may give the next photograph at any time, and the networks take seconds to load.
            bridge.tick(TICK, BridgeLimits { silent, idle: None })
        });
        if let Some(Life::Silent(seconds)) = life {
            self.broken(&format!("it did not answer for {seconds} seconds"));
        }
    }

    fn receive(self, number: u32, reply: Reply, buffer: JsValue) {
        match self.inner.try_update_value(|inner| inner.bridge.receive(number, reply)) {
            Some(Received::Answer(answered, reply)) => {
                if self.searching.with_untracked(Option::is_some) {
                    self.searching.set(None);
                }
                answered(reply, buffer);
            }
            Some(Received::Worker(reply)) => self.hear(reply),
            Some(Received::Nothing) | None => {}
        }
    }

    /// Takes what the worker says about itself.
    fn hear(self, reply: Reply) {
        match reply {
            Reply::Loading { received, total } => self.stage.set(EngineState::Loading { received, total }),
            Reply::Checking(report) => {
                self.stage.set(EngineState::Checking(report.kind));
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
                self.stage.set(EngineState::Ready);
            }
            Reply::CannotStart(sentence) => self.fail(sentence),
            Reply::Searching { request, step } => self.searching.set(Some((request, step))),
            Reply::Broken(reason) => self.broken(&reason),
            // The bridge's, and answers to requests.
            Reply::Listening | Reply::Opened { .. } | Reply::Refused { .. } | Reply::Seen { .. } => {}
        }
    }

    fn broken(self, reason: &str) {
        let device: Option<DeviceKind> = self.device.with_untracked(|report| report.as_ref().map(|report| report.kind));
        let recovery =
            self.inner.with_value(|inner| after_breaking(&inner.choice, inner.bridge.is_listening(), device, reason));
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
            inner.bridge.close();
        });
        self.stage.set(EngineState::Failed(sentence));
    }
}

/// The program that a worker gets, by which it is named; see `inference_loader.js`. Where there is no WebGPU to ask for, the
/// smaller one.
fn program(choice: &DeviceChoice) -> &'static str {
    let offered = || property(&window().navigator(), "gpu").is_truthy();
    match choice {
        DeviceChoice::Auto if offered() => "inference",
        DeviceChoice::WebGpu => "inference",
        DeviceChoice::Auto | DeviceChoice::Cpu { .. } => "processor",
    }
}
