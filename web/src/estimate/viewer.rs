//! The photograph on screen and what is seen in it: signals, and a few verbs.

use std::time::Duration;

use glae_estimate::{Look, Searched};
use glae_face::crop::Square;
use js_sys::Uint8Array;
use leptos::leptos_dom::helpers::TimeoutHandle;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::{File, Url};

use super::crop::Size;
use super::overlay::square_like;
use super::preview;
use crate::engine::WorkerHandle;
use crate::inference::protocol::{DeviceReport, Making, Reply, Request, Work};

/// How long the square must rest before its age is estimated.
const REST: Duration = Duration::from_millis(200);

/// Larger files are hardly photographs (200 megapixels have some 50 MB as JPEG), and reading them could end the tab.
pub(crate) const MAX_FILE_BYTES: f64 = 256e6;

/// Files of so many pixels at most are shown by the browser until they are decoded: it holds four bytes for each.
const MOST_SHOWN_PIXELS: u64 = 16_000_000;

/// How much of a file is looked at for its size in pixels: more than what cameras write in front of it.
const HEAD_BYTES: f64 = 256.0 * 1024.0;

/// The photograph on screen.
#[derive(Clone, Debug, PartialEq)]
pub struct ShownPhoto {
    /// Counts photographs.
    id: u32,
    /// Address for an `img`: of the file, as the browser turns it, until the worker has decoded it, or none where the file has
    /// many pixels; then of the decoded ones.
    pub preview: Option<String>,
    /// Once the worker has decoded it.
    pub size: Option<Size>,
}

/// What is seen in it, and how that came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// Faces and times.
    pub look: Look,
    /// Decoder and workers.
    pub making: Making,
    /// What computed it.
    pub device: DeviceReport,
}

/// Handle to the photograph on screen; copies are cheap and all mean the same one.
#[derive(Clone, Copy)]
pub struct Viewer {
    engine: WorkerHandle,
    /// The photograph on screen.
    pub photo: RwSignal<Option<ShownPhoto>>,
    /// The square chosen by hand; without one the faces are found.
    pub square: RwSignal<Option<Square>>,
    /// The newest answer about this photograph.
    pub shown: RwSignal<Option<Shown>>,
    /// Which face's details are shown.
    pub chosen: RwSignal<usize>,
    /// Whether a newer answer is on its way.
    pub busy: RwSignal<bool>,
    inner: StoredValue<Inner, LocalStorage>,
}

#[derive(Default)]
struct Inner {
    file: Option<File>,
    last_id: u32,
    /// Which worker was given the file.
    generation: u32,
    /// The number under which the worker knows the photograph, once it has it.
    opened: Option<u32>,
    /// The computation whose answer is wanted.
    awaited: Option<u32>,
    timer: Option<TimeoutHandle>,
}

impl Viewer {
    /// Nothing on screen.
    pub fn new(engine: WorkerHandle) -> Self {
        let viewer = Self {
            engine,
            photo: RwSignal::new(None),
            square: RwSignal::new(None),
            shown: RwSignal::new(None),
            chosen: RwSignal::new(0),
            busy: RwSignal::new(false),
            inner: StoredValue::new_local(Inner::default()),
        };
        // A worker that takes over from a broken one knows nothing of the photograph.
        Effect::new(move |_| {
            let generation = engine.generation.get();
            if viewer.photo.with_untracked(Option::is_some) && viewer.inner.with_value(|i| i.generation != generation) {
                viewer.send();
            }
        });
        viewer
    }

    /// Shows a photograph and looks for faces in it.
    pub fn show(self, file: File) {
        self.clear();
        if let Some(sentence) = too_large(&file) {
            self.engine.refusal.set(Some(sentence));
            return;
        }
        let id = self.inner.try_update_value(|inner| {
            inner.file = Some(file.clone());
            inner.last_id += 1;
            inner.last_id
        });
        let id = id.unwrap_or_default();
        self.photo.set(Some(ShownPhoto { id, preview: None, size: None }));
        self.send();
        spawn_local(self.show_file(id, file));
    }

    /// Shows the file itself until it is decoded, unless it has so many pixels that the browser would hold too much for that,
    /// or does not say how many.
    async fn show_file(self, id: u32, file: File) {
        let Ok(head) = file.slice_with_f64_and_f64(0.0, HEAD_BYTES) else { return };
        let Ok(head) = JsFuture::from(head.array_buffer()).await else { return };
        let Ok(size) = imagesize::blob_size(&Uint8Array::new(&head).to_vec()) else { return };
        if size.width as u64 * size.height as u64 > MOST_SHOWN_PIXELS {
            return;
        }
        let Ok(address) = Url::create_object_url_with_blob(&file) else { return };
        let waits = |photo: &ShownPhoto| photo.id == id && photo.preview.is_none();
        if self.photo.with_untracked(|photo| photo.as_ref().is_some_and(waits)) {
            self.photo.update(|photo| photo.iter_mut().for_each(|photo| photo.preview = Some(address.clone())));
        } else {
            let _ = Url::revoke_object_url(&address);
        }
    }

    /// Takes the photograph off the screen.
    pub fn clear(self) {
        self.cancel();
        self.inner.update_value(|inner| (inner.file, inner.opened) = (None, None));
        if let Some(preview) = self.photo.get_untracked().and_then(|photo| photo.preview) {
            let _ = Url::revoke_object_url(&preview);
        }
        self.photo.set(None);
        self.square.set(None);
        self.shown.set(None);
        self.chosen.set(0);
        self.engine.refusal.set(None);
    }

    /// Lets the visitor choose the square: around the face whose details are shown, or in the middle.
    pub fn by_hand(self) {
        let Some(size) = self.size() else { return };
        let face = self.shown.with_untracked(|it| it.as_ref()?.look.seen.get(self.chosen.get_untracked())?.face);
        let square = match (face, self.engine.template.get_untracked()) {
            (Some(face), Some(template)) => square_like(&face, &template, size),
            _ => Square::centred(size.width as u32, size.height as u32),
        };
        self.shown.set(None);
        self.chosen.set(0);
        self.crop(square);
    }

    /// Finds the faces again.
    pub fn by_detector(self) {
        self.cancel();
        self.square.set(None);
        self.shown.set(None);
        self.chosen.set(0);
        self.compute();
    }

    /// Moves the square; the estimate follows when it rests.
    pub fn crop(self, square: Square) {
        if self.square.get_untracked() == Some(square) {
            return;
        }
        self.square.set(Some(square));
        self.cancel();
        self.busy.set(true);
        let timer = set_timeout_with_handle(move || self.compute(), REST).ok();
        self.inner.update_value(|inner| inner.timer = timer);
    }

    /// Of the upright photograph, once it is decoded.
    pub fn size(self) -> Option<Size> {
        self.photo.with_untracked(|photo| photo.as_ref()?.size)
    }

    /// Reads the file and gives its bytes to the worker.
    fn send(self) {
        let (Some(photo), Some(file)) = (self.photo.get_untracked(), self.inner.with_value(|i| i.file.clone())) else {
            return;
        };
        let engine = self.engine;
        engine.wake();
        self.inner.update_value(|inner| (inner.generation, inner.opened) = (engine.generation.get_untracked(), None));
        self.busy.set(true);
        spawn_local(async move {
            let bytes = JsFuture::from(file.array_buffer()).await;
            let on_screen = move || self.photo.with_untracked(|now| now.as_ref().is_some_and(|now| now.id == photo.id));
            // While the file was read, another photograph may have come, or another worker, which is sent it anew.
            if !on_screen() || self.inner.with_value(|i| i.generation != engine.generation.get_untracked()) {
                return;
            }
            let Ok(bytes) = bytes else {
                return self.refuse("This file cannot be read any more. Choose it again.".into());
            };
            let open = |request| Request::Open { request };
            engine.ask(open, Some(bytes), move |reply, pixels| match reply {
                Reply::Opened { .. } if on_screen() => self.opened(photo.id, reply, pixels),
                Reply::Refused { sentence, .. } if on_screen() => self.refuse(sentence),
                _ => {}
            });
        });
    }

    /// Takes in the decoded photograph, and asks for what is in it.
    fn opened(self, id: u32, reply: Reply, pixels: JsValue) {
        let Reply::Opened { request, width, height, preview: [shown_width, shown_height] } = reply else { return };
        let size = Size { width: width as f32, height: height as f32 };
        self.photo.update(|photo| photo.iter_mut().for_each(|photo| photo.size = Some(size)));
        self.inner.update_value(|inner| inner.opened = Some(request));
        self.compute();
        spawn_local(async move {
            // Without it, the browser's own picture of the file stays.
            let Ok(address) = preview::address(shown_width, shown_height, &pixels).await else { return };
            self.replace_preview(id, address);
        });
    }

    /// Turns the photograph clockwise by a quarter, and looks at it anew.
    pub fn turn(self) {
        let (Some(shown), Some(photo)) = (self.photo.get_untracked(), self.inner.with_value(|inner| inner.opened))
        else {
            return;
        };
        self.cancel();
        self.square.set(None);
        self.shown.set(None);
        self.busy.set(true);
        self.inner.update_value(|inner| inner.opened = None);
        let on_screen = move || self.photo.with_untracked(|now| now.as_ref().is_some_and(|now| now.id == shown.id));
        self.engine.ask(
            |request| Request::Turn { request, photo },
            None,
            move |reply, pixels| {
                if on_screen() {
                    self.opened(shown.id, reply, pixels);
                }
            },
        );
    }

    /// How far the closer look at the photograph is, while there is one.
    pub fn searching(self) -> Option<Searched> {
        let (request, step) = self.engine.searching.get()?;
        self.inner.with_value(|inner| inner.awaited == Some(request)).then_some(step)
    }

    /// Ends the closer look: the faces found until then stay.
    pub fn enough(self) {
        if let Some(request) = self.inner.with_value(|inner| inner.awaited) {
            self.engine.enough(request);
        }
    }

    /// Shows the picture at this address, if the photograph is still on screen.
    fn replace_preview(self, id: u32, address: String) {
        let old = self.photo.try_update(|photo| match photo {
            Some(photo) if photo.id == id => photo.preview.replace(address),
            _ => Some(address),
        });
        if let Some(old) = old.flatten() {
            let _ = Url::revoke_object_url(&old);
        }
    }

    /// Asks for what is on screen: the faces, or the age in the square.
    fn compute(self) {
        let Some(photo) = self.inner.with_value(|inner| inner.opened) else { return };
        self.cancel();
        self.busy.set(true);
        let work = match self.square.get_untracked() {
            Some(square) => Work::Square { photo, square },
            None => Work::Look { photo },
        };
        let engine = self.engine;
        let request = engine.ask(
            |request| Request::Compute { request, work },
            None,
            move |reply, _| {
                if let (Reply::Seen { look, making, .. }, Some(device)) = (reply, engine.device.get_untracked()) {
                    self.inner.update_value(|inner| inner.awaited = None);
                    self.busy.set(false);
                    self.chosen.set(look.main.unwrap_or_default());
                    self.shown.set(Some(Shown { look, making, device }));
                }
            },
        );
        self.inner.update_value(|inner| inner.awaited = Some(request));
    }

    /// Forgets the answer that is due or on its way.
    fn cancel(self) {
        self.busy.set(false);
        let awaited = self.inner.try_update_value(|inner| {
            inner.timer.take().inspect(TimeoutHandle::clear);
            inner.awaited.take()
        });
        if let Some(request) = awaited.flatten() {
            self.engine.cancel(request);
        }
    }

    fn refuse(self, sentence: String) {
        self.clear();
        self.engine.refusal.set(Some(sentence));
    }
}

/// What to say of a file that is too large to be read.
pub(crate) fn too_large(file: &File) -> Option<String> {
    (file.size() > MAX_FILE_BYTES).then(|| {
        let megabytes = file.size() / 1e6;
        format!("This file has {megabytes:.0} MB; the limit is 256 MB. Save a smaller copy and choose that.")
    })
}
