//! What the components see of the worker: signals, and a few verbs.

use std::time::Duration;

use glae_face::crop::Square;
use glae_model::Estimate;
use leptos::leptos_dom::helpers::TimeoutHandle;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen_futures::JsFuture;
use web_sys::{File, Url};

use super::link::Link;
use super::recovery::{Recovery, after_breaking};
use crate::estimate::crop::Size;
use crate::estimate::wording::Stage;
use crate::inference::protocol::{DeviceChoice, DeviceKind, DeviceReport, Reply, Request, Times};
use crate::settings::Settings;

/// How long the square must rest before its age is estimated.
const REST: Duration = Duration::from_millis(200);

/// Larger files cannot be photographs of 50 megapixels, and reading them could end the tab.
const MAX_FILE_BYTES: f64 = 256e6;

/// The photograph on screen.
#[derive(Clone, Debug, PartialEq)]
pub struct Photo {
    /// Names it in messages.
    pub id: u32,
    /// Address of the file for an `img`; the browser turns it upright.
    pub preview: String,
    /// Once the worker has decoded it.
    pub size: Option<Size>,
}

/// An estimate and what it took.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// Both classifiers' answers and the routing.
    pub estimate: Estimate,
    /// Where the time went.
    pub times: Times,
    /// What computed it.
    pub device: DeviceReport,
}

/// Handle to the worker and to everything known about it; copies are cheap and all mean the same one.
#[derive(Clone, Copy)]
pub struct Engine {
    /// What the worker is doing.
    pub stage: RwSignal<Stage>,
    /// The device it runs on, as soon as that is known.
    pub device: RwSignal<Option<DeviceReport>>,
    /// Something worth knowing that is not an error.
    pub notice: RwSignal<Option<String>>,
    /// What is wrong with the photograph, and the remedy.
    pub refusal: RwSignal<Option<String>>,
    /// The photograph on screen.
    pub photo: RwSignal<Option<Photo>>,
    /// The crop.
    pub square: RwSignal<Option<Square>>,
    /// The newest estimate of this photograph.
    pub shown: RwSignal<Option<Shown>>,
    /// Whether a newer one is on its way.
    pub busy: RwSignal<bool>,
    inner: StoredValue<Inner, LocalStorage>,
}

struct Inner {
    settings: Settings,
    link: Option<Link>,
    /// Counts workers: replies of an ended one may still be in the page's queue.
    generation: u32,
    choice: DeviceChoice,
    listening: bool,
    file: Option<File>,
    last_id: u32,
    /// The estimate whose answer is wanted.
    awaited: Option<u32>,
    timer: Option<TimeoutHandle>,
}

impl Engine {
    /// An engine at rest.
    pub fn new(settings: Settings) -> Self {
        Self {
            stage: RwSignal::new(Stage::Asleep),
            device: RwSignal::new(None),
            notice: RwSignal::new(settings.complaint.clone()),
            refusal: RwSignal::new(None),
            photo: RwSignal::new(None),
            square: RwSignal::new(None),
            shown: RwSignal::new(None),
            busy: RwSignal::new(false),
            inner: StoredValue::new_local(Inner {
                choice: settings.device.clone(),
                settings,
                link: None,
                generation: 0,
                listening: false,
                file: None,
                last_id: 0,
                awaited: None,
                timer: None,
            }),
        }
    }

    /// The weights asked for in the address.
    pub fn wanted_weights(self) -> Option<String> {
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

    /// Shows a photograph and estimates the age in its largest centred square.
    pub fn show(self, file: File) {
        self.clear();
        if file.size() > MAX_FILE_BYTES {
            let megabytes = file.size() / 1e6;
            self.refuse(format!(
                "This file has {megabytes:.0} MB; the limit is 256 MB. Save a smaller copy and choose that."
            ));
            return;
        }
        if let Ok(preview) = Url::create_object_url_with_blob(&file) {
            self.photo.set(Some(Photo { id: self.next_id(), preview, size: None }));
            self.inner.update_value(|inner| inner.file = Some(file));
            self.busy.set(true);
            self.wake();
            self.send_photo();
        }
    }

    /// Says what is wrong with what the visitor gave.
    pub fn refuse(self, sentence: String) {
        self.clear();
        self.refusal.set(Some(sentence));
    }

    /// Takes the photograph off the screen.
    pub fn clear(self) {
        self.cancel();
        self.inner.update_value(|inner| inner.file = None);
        if let Some(photo) = self.photo.get_untracked() {
            let _ = Url::revoke_object_url(&photo.preview);
        }
        self.photo.set(None);
        self.square.set(None);
        self.shown.set(None);
        self.refusal.set(None);
    }

    /// Moves the crop; the estimate follows when it rests.
    pub fn crop(self, square: Square) {
        if self.square.get_untracked() == Some(square) {
            return;
        }
        self.square.set(Some(square));
        self.cancel();
        self.busy.set(true);
        let timer = set_timeout_with_handle(move || self.estimate(), REST).ok();
        self.inner.update_value(|inner| inner.timer = timer);
    }

    /// Asks for an estimate of what is on screen, if everything for it is there.
    fn estimate(self) {
        let photo = self.photo.get_untracked().filter(|photo| photo.size.is_some());
        let (Some(photo), Some(square)) = (photo, self.square.get_untracked()) else { return };
        if self.stage.get_untracked() != Stage::Ready {
            return;
        }
        let request = self.next_id();
        self.busy.set(true);
        self.inner.update_value(|inner| {
            inner.awaited = Some(request);
            if let Some(link) = &inner.link {
                link.send(&Request::Estimate { request, photo: photo.id, square });
            }
        });
    }

    /// Forgets the estimate that is due or on its way.
    fn cancel(self) {
        self.busy.set(false);
        self.inner.update_value(|inner| {
            inner.timer.take().inspect(TimeoutHandle::clear);
            if let (Some(request), Some(link)) = (inner.awaited.take(), &inner.link) {
                link.send(&Request::Cancel { request });
            }
        });
    }

    fn next_id(self) -> u32 {
        self.inner
            .try_update_value(|inner| {
                inner.last_id += 1;
                inner.last_id
            })
            .unwrap_or_default()
    }

    fn open_worker(self, choice: DeviceChoice) {
        let generation = self.next_id();
        let link = Link::open(move |reply| {
            if self.inner.with_value(|inner| inner.generation == generation) {
                self.receive(reply);
            }
        });
        self.device.set(None);
        self.stage.set(Stage::Waking);
        let refused = link.is_err();
        self.inner.update_value(|inner| {
            inner.link = link.ok();
            inner.generation = generation;
            inner.choice = choice;
            inner.listening = false;
        });
        if refused {
            self.broken("the browser does not allow a worker here");
        }
    }

    /// Reads the file and gives its bytes to the worker. Until the worker listens this does nothing, and is called again
    /// when it does.
    fn send_photo(self) {
        let (Some(photo), Some(file)) = (self.photo.get_untracked(), self.inner.with_value(|i| i.file.clone())) else {
            return;
        };
        if !self.inner.with_value(|inner| inner.listening) {
            return;
        }
        spawn_local(async move {
            let bytes = JsFuture::from(file.array_buffer()).await;
            if self.photo.get_untracked().is_none_or(|now| now.id != photo.id) {
                return;
            }
            match bytes {
                Ok(bytes) => self.inner.with_value(|inner| {
                    if let Some(link) = &inner.link {
                        link.send_with(&Request::Open { photo: photo.id }, &bytes);
                    }
                }),
                Err(_) => self.refuse("This file cannot be read any more. Choose it again.".into()),
            }
        });
    }

    fn receive(self, reply: Reply) {
        let on_screen = |id: u32| self.photo.with_untracked(|photo| photo.as_ref().is_some_and(|photo| photo.id == id));
        match reply {
            Reply::Listening => {
                self.inner.update_value(|inner| {
                    inner.listening = true;
                    let (device, weights) = (inner.choice.clone(), inner.settings.weights.clone());
                    if let Some(link) = &inner.link {
                        link.send(&Request::Start { device, weights });
                    }
                });
                self.send_photo();
            }
            Reply::Loading { received, total } => self.stage.set(Stage::Loading { received, total }),
            Reply::Checking(report) => {
                self.stage.set(Stage::Checking(report.kind));
                self.device.set(Some(report));
            }
            Reply::FellBack(notice) => self.notice.set(Some(notice)),
            Reply::Ready(report) => {
                self.device.set(Some(report));
                self.stage.set(Stage::Ready);
                self.estimate();
            }
            Reply::CannotStart(sentence) => self.fail(sentence),
            Reply::Opened { photo, width, height } if on_screen(photo) => {
                let size = Size { width: width as f32, height: height as f32 };
                self.photo.update(|photo| photo.iter_mut().for_each(|photo| photo.size = Some(size)));
                if self.square.get_untracked().is_none() {
                    self.square.set(Some(Square::centred(width, height)));
                }
                self.estimate();
            }
            Reply::Refused { photo, sentence } if on_screen(photo) => self.refuse(sentence),
            Reply::Estimated { request, estimate, times } => {
                let awaited = self.inner.with_value(|inner| inner.awaited) == Some(request);
                if let (true, Some(device)) = (awaited, self.device.get_untracked()) {
                    self.inner.update_value(|inner| inner.awaited = None);
                    self.busy.set(false);
                    self.shown.set(Some(Shown { estimate: *estimate, times, device }));
                }
            }
            Reply::Broken(reason) => self.broken(&reason),
            // Answers about a photograph that is no longer on screen.
            Reply::Opened { .. } | Reply::Refused { .. } => {}
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
            inner.generation = 0;
            inner.awaited = None;
        });
        self.busy.set(false);
        self.stage.set(Stage::Failed(sentence));
    }
}
