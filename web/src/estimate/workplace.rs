//! What is on the page: one photograph, many of them, or the camera; each makes way for the next.

use leptos::prelude::*;
use wasm_bindgen::JsValue;
use web_sys::PopStateEvent;

use super::viewer::Viewer;
use crate::batch::FileList;
use crate::batch::files::Given;
use crate::browser::property;
use crate::camera::{Camera, CameraState};
use crate::engine::WorkerHandle;

/// Names the step of the browser's history in which a photograph of the list is open; its value is the row's place.
const LISTED: &str = "glaeListed";

/// Handles to all three; copies are cheap.
#[derive(Clone, Copy)]
pub struct Workplace {
    /// One photograph.
    pub viewer: Viewer,
    /// Many photographs.
    pub batch: FileList,
    /// Live pictures.
    pub camera: Camera,
    /// What was given and left out, as a sentence.
    pub left_out: RwSignal<Option<String>>,
    engine: WorkerHandle,
    /// The row of the list whose photograph is open.
    open_row: RwSignal<Option<usize>>,
}

/// What is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Showing {
    /// An invitation.
    Nothing,
    /// One photograph.
    Photo,
    /// Many photographs.
    FileList,
    /// Live pictures.
    Camera,
}

impl Workplace {
    /// An empty page.
    pub fn new(engine: WorkerHandle) -> Self {
        let bench = Self {
            viewer: Viewer::new(engine),
            batch: FileList::new(engine),
            camera: Camera::new(engine),
            left_out: RwSignal::new(None),
            engine,
            open_row: RwSignal::new(None),
        };
        // Back and forward between the list and a photograph of it. Lives as long as the program.
        let _ = window_event_listener(leptos::ev::popstate, move |event: PopStateEvent| {
            bench.follow(listed_in(&event.state()));
        });
        bench
    }

    /// Takes what the visitor gave: one photograph is shown, several are queued. Without any, what is there stays, and it
    /// is said why nothing happens.
    pub(crate) fn take(self, given: Given) {
        let Given { mut photos, left_out } = given;
        match photos.len() {
            0 => {
                self.left_out.set(None);
                let left_out = left_out.map(|sentence| format!(" {sentence}")).unwrap_or_default();
                let sentence =
                    format!("There is no photo in what was given.{left_out} Choose JPEG, PNG or WebP images.");
                self.engine.refusal.set(Some(sentence));
            }
            1 => {
                self.camera.stop();
                self.batch.clear();
                self.open_row.set(None);
                self.left_out.set(left_out);
                self.viewer.show(photos.remove(0).file);
            }
            _ => {
                self.camera.stop();
                self.viewer.clear();
                self.open_row.set(None);
                self.left_out.set(left_out);
                self.batch.start(photos);
            }
        }
    }

    /// Starts the camera in place of whatever there is.
    pub(crate) fn live(self) {
        self.viewer.clear();
        self.batch.clear();
        self.left_out.set(None);
        self.open_row.set(None);
        self.camera.start();
    }

    /// Forgets the list.
    pub(crate) fn close_list(self) {
        self.left_out.set(None);
        self.batch.clear();
    }

    /// Shows a photograph of the list, as a step of the browser's history: Back leads to the list and not out of the site.
    pub(crate) fn open_listed(self, index: usize) {
        let state = js_sys::Object::new();
        let _ = js_sys::Reflect::set(&state, &LISTED.into(), &JsValue::from_f64(index as f64));
        // Without an address the step has that of the page, so the router sees no other place. Refused only where a page
        // writes hundreds of steps in a moment; then the button alone leads back.
        let _ = window().history().and_then(|history| history.push_state(&state, ""));
        self.follow(Some(index));
    }

    /// From a photograph of the list to the list.
    pub(crate) fn back_to_list(self) {
        let history = window().history();
        let is_ours = history.as_ref().is_ok_and(|history| listed_in(&history.state().unwrap_or_default()).is_some());
        match history {
            Ok(history) if is_ours && history.back().is_ok() => {}
            _ => self.follow(None),
        }
    }

    /// Shows what a step of the history stands for.
    fn follow(self, row: Option<usize>) {
        let elsewhere = location().pathname().is_ok_and(|path| path != "/");
        if elsewhere || self.batch.rows.with_untracked(Vec::is_empty) {
            return;
        }
        match row {
            Some(index) if self.open_row.get_untracked() != Some(index) => {
                if let Some(file) = self.batch.file(index) {
                    self.viewer.show(file);
                    self.open_row.set(Some(index));
                }
            }
            Some(_) => {}
            None if self.open_row.get_untracked().is_some() => {
                self.open_row.set(None);
                self.viewer.clear();
            }
            None => {}
        }
    }

    /// What is seen. A photograph lies on top of the list that it was picked from.
    pub(crate) fn showing(self) -> Memo<Showing> {
        Memo::new(move |_| {
            if self.camera.phase.get() != CameraState::Off {
                Showing::Camera
            } else if self.viewer.photo.with(Option::is_some) {
                Showing::Photo
            } else if !self.batch.rows.with(Vec::is_empty) {
                Showing::FileList
            } else {
                Showing::Nothing
            }
        })
    }
}

/// The row in a step of the history, if a photograph of a list was open in it.
fn listed_in(state: &JsValue) -> Option<usize> {
    property(state, LISTED).as_f64().map(|index| index as usize)
}
