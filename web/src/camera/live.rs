//! Starting and stopping the camera, and the loop from picture to answer.

use gloo_events::EventListener;
use js_sys::{Array, Object, Reflect};
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, HtmlVideoElement, MediaStream, MediaStreamTrack};

use super::rate::Rate;
use super::refusal;
use super::tracks::{Track, Tracks};
use crate::browser::{property, reason};
use crate::engine::WorkerHandle;
use crate::estimate::crop::Size;
use crate::estimate::wording::EngineState;
use crate::inference::protocol::{Reply, Request, Work};

/// Longer side, in pixels, of the pictures that are looked at: the browser shrinks them for less than the worker could.
const LONGEST_SIDE: f64 = 448.0;

/// Where the camera stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CameraState {
    /// Not in use, and released.
    Off,
    /// The visitor is being asked.
    Asking,
    /// Pictures come.
    On,
}

/// Handle to the camera; copies are cheap and all mean the same one.
#[derive(Clone, Copy)]
pub struct Camera {
    engine: WorkerHandle,
    /// Where it stands.
    pub phase: RwSignal<CameraState>,
    /// Faces in the newest picture, from left to right as they stand in it.
    pub tracks: RwSignal<Vec<Track>>,
    /// How fast answers come; `None` before the first.
    pub rate: RwSignal<Option<Rate>>,
    /// Size of the pictures that are looked at.
    pub size: RwSignal<Option<Size>>,
    /// Whether the picture is shown as in a mirror: unless the camera looks away from the visitor.
    pub mirrored: RwSignal<bool>,
    inner: StoredValue<Inner, LocalStorage>,
}

#[derive(Default)]
struct Inner {
    stream: Option<MediaStream>,
    /// Hears of the end of its track.
    ended: Option<EventListener>,
    video: Option<HtmlVideoElement>,
    canvas: Option<(HtmlCanvasElement, CanvasRenderingContext2d)>,
    tracks: Tracks,
    /// The picture whose answer is awaited.
    awaited: Option<u32>,
    /// Counts starts: what belongs to an earlier one is ignored.
    start: u32,
}

impl Camera {
    /// A camera at rest.
    pub fn new(engine: WorkerHandle) -> Self {
        let camera = Self {
            engine,
            phase: RwSignal::new(CameraState::Off),
            tracks: RwSignal::new(Vec::new()),
            rate: RwSignal::new(None),
            size: RwSignal::new(None),
            mirrored: RwSignal::new(true),
            inner: StoredValue::new_local(Inner::default()),
        };
        // A worker that takes over from a broken one knows nothing of the picture it was asked about.
        Effect::new(move |_| {
            let _ = engine.generation.get();
            if camera.phase.get_untracked() == CameraState::On
                && camera.inner.with_value(|inner| inner.awaited.is_some())
            {
                camera.inner.update_value(|inner| inner.awaited = None);
                camera.next_picture();
            }
        });
        Effect::new(move |_| {
            if matches!(engine.stage.get(), EngineState::Failed(_)) {
                camera.stop();
            }
        });
        camera
    }

    /// Asks the visitor for the camera.
    pub fn start(self) {
        if self.phase.get_untracked() != CameraState::Off {
            return;
        }
        self.engine.refusal.set(None);
        self.engine.wake();
        let Some(devices) = media_devices() else {
            self.engine.refusal.set(Some(refusal::unavailable(window().is_secure_context()).into()));
            return;
        };
        self.phase.set(CameraState::Asking);
        let start = self.inner.try_update_value(|inner| {
            inner.start += 1;
            inner.start
        });
        spawn_local(async move {
            let stream = open(&devices).await;
            let current = self.phase.get_untracked() == CameraState::Asking
                && self.inner.with_value(|inner| Some(inner.start) == start);
            match stream {
                Ok(stream) if current => self.take(stream),
                // Stopped while the visitor was being asked.
                Ok(stream) => release(&stream),
                Err(error) if current => {
                    let name = property(&error, "name").as_string().unwrap_or_default();
                    self.phase.set(CameraState::Off);
                    self.engine.refusal.set(Some(refusal::sentence(&name, &reason(&error))));
                }
                Err(_) => {}
            }
        });
    }

    /// Stops and releases the camera.
    pub fn stop(self) {
        let awaited = self.inner.try_update_value(|inner| {
            if let Some(stream) = inner.stream.take() {
                release(&stream);
            }
            if let Some(video) = inner.video.take() {
                video.set_src_object(None);
            }
            inner.canvas = None;
            inner.tracks = Tracks::default();
            inner.awaited.take()
        });
        if let Some(request) = awaited.flatten() {
            self.engine.cancel(request);
        }
        if self.phase.get_untracked() != CameraState::Off {
            self.phase.set(CameraState::Off);
        }
        self.tracks.set(Vec::new());
        self.rate.set(None);
        self.size.set(None);
    }

    fn take(self, stream: MediaStream) {
        let track: Option<MediaStreamTrack> = stream.get_video_tracks().get(0).dyn_into().ok();
        let facing = track.as_ref().and_then(|track| property(&track.get_settings(), "facingMode").as_string());
        self.mirrored.set(facing.as_deref() != Some("environment"));
        if let Some(track) = track {
            // Not when we stop it, only when it ends by itself.
            let ended = EventListener::once(&track, "ended", move |_| {
                if self.phase.get_untracked() == CameraState::On {
                    self.stop();
                    self.engine.refusal.set(Some(refusal::LOST.into()));
                }
            });
            self.inner.update_value(|inner| inner.ended = Some(ended));
        }
        self.inner.update_value(|inner| inner.stream = Some(stream));
        self.phase.set(CameraState::On);
    }

    /// Shows the pictures in this element, and begins to look at them.
    pub fn show_in(self, video: HtmlVideoElement) {
        let Some(stream) = self.inner.with_value(|inner| inner.stream.clone()) else { return };
        video.set_src_object(Some(&stream));
        if let Ok(promise) = video.play() {
            // Refused where the camera is stopped before its first picture, which is no error.
            spawn_local(async move {
                let _ = JsFuture::from(promise).await;
            });
        }
        self.inner.update_value(|inner| inner.video = Some(video));
        self.next_picture();
    }

    /// Looks at the picture that is shown with the next frame of the screen.
    fn next_picture(self) {
        request_animation_frame(move || {
            if self.phase.try_get_untracked() != Some(CameraState::On) || self.inner.with_value(|i| i.awaited.is_some())
            {
                return;
            }
            match self.picture() {
                Some((size, pixels)) => self.ask(size, pixels),
                // No picture has come yet.
                None => self.next_picture(),
            }
        });
    }

    fn ask(self, size: Size, pixels: JsValue) {
        let work = Work::Frame { width: size.width as u32, height: size.height as u32 };
        let request = self.engine.ask(
            |request| Request::Compute { request, work },
            Some(pixels),
            move |reply, _| {
                if let Reply::Seen { look, .. } = reply {
                    let now = performance_now();
                    let tracks = self.inner.try_update_value(|inner| {
                        inner.awaited = None;
                        inner.tracks.update(now, &look.seen)
                    });
                    self.size.set(Some(size));
                    self.tracks.set(tracks.unwrap_or_default());
                    let times = look.times;
                    let took = times.detect + times.crop + times.network;
                    self.rate.update(|rate| rate.get_or_insert_default().count(now, took));
                    self.next_picture();
                }
            },
        );
        self.inner.update_value(|inner| inner.awaited = Some(request));
    }

    /// The picture that is shown, RGBA8, as a buffer to give away.
    fn picture(self) -> Option<(Size, JsValue)> {
        let video = self.inner.with_value(|inner| inner.video.clone())?;
        let (width, height) = (f64::from(video.video_width()), f64::from(video.video_height()));
        if width < 1.0 || height < 1.0 {
            return None;
        }
        let scale = (LONGEST_SIDE / width.max(height)).min(1.0);
        let (width, height) = ((width * scale).round().max(1.0), (height * scale).round().max(1.0));
        let (canvas, context) = self.canvas()?;
        if (f64::from(canvas.width()), f64::from(canvas.height())) != (width, height) {
            canvas.set_width(width as u32);
            canvas.set_height(height as u32);
        }
        context.draw_image_with_html_video_element_and_dw_and_dh(&video, 0.0, 0.0, width, height).ok()?;
        let image = context.get_image_data(0.0, 0.0, width, height).ok()?;
        // Taken from the object itself: web-sys would copy the pixels into this program's memory first.
        let pixels = property(&property(&image, "data"), "buffer");
        Some((Size { width: width as f32, height: height as f32 }, pixels))
    }

    fn canvas(self) -> Option<(HtmlCanvasElement, CanvasRenderingContext2d)> {
        if let Some(canvas) = self.inner.with_value(|inner| inner.canvas.clone()) {
            return Some(canvas);
        }
        let canvas: HtmlCanvasElement = document().create_element("canvas").ok()?.unchecked_into();
        let options = Object::new();
        // Every picture is read back, so it had better stay in ordinary memory.
        Reflect::set(&options, &"willReadFrequently".into(), &true.into()).ok()?;
        let context = canvas.get_context_with_context_options("2d", &options).ok()??;
        let made = (canvas, context.unchecked_into());
        self.inner.update_value(|inner| inner.canvas = Some(made.clone()));
        Some(made)
    }
}

fn performance_now() -> f64 {
    window().performance().map_or(0.0, |clock| clock.now())
}

/// `navigator.mediaDevices`, which is missing where the address is not secure.
fn media_devices() -> Option<web_sys::MediaDevices> {
    window().navigator().media_devices().ok().filter(|devices| !devices.is_falsy())
}

async fn open(devices: &web_sys::MediaDevices) -> Result<MediaStream, JsValue> {
    let constraints = web_sys::MediaStreamConstraints::new();
    let video = Object::new();
    // Wishes, not conditions: a camera without them will do.
    Reflect::set(&video, &"facingMode".into(), &"user".into())?;
    let ideal = Object::new();
    Reflect::set(&ideal, &"ideal".into(), &640.into())?;
    Reflect::set(&video, &"width".into(), &ideal)?;
    constraints.set_video(&video);
    constraints.set_audio(&false.into());
    let promise = devices.get_user_media_with_constraints(&constraints)?;
    JsFuture::from(promise).await?.dyn_into()
}

fn release(stream: &MediaStream) {
    for track in Array::from(&stream.get_tracks()) {
        track.unchecked_into::<MediaStreamTrack>().stop();
    }
}
