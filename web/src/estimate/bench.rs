//! What is on the page: one photograph, many of them, or the camera; each makes way for the next.

use leptos::prelude::*;

use super::viewer::Viewer;
use crate::batch::Batch;
use crate::batch::files::Named;
use crate::camera::{Camera, Phase};
use crate::engine::Engine;

/// Handles to all three; copies are cheap.
#[derive(Clone, Copy)]
pub struct Bench {
    /// One photograph.
    pub viewer: Viewer,
    /// Many photographs.
    pub batch: Batch,
    /// Live pictures.
    pub camera: Camera,
}

/// What is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Showing {
    /// An invitation.
    Nothing,
    /// One photograph.
    Photo,
    /// Many photographs.
    Batch,
    /// Live pictures.
    Camera,
}

impl Bench {
    /// An empty page.
    pub fn new(engine: Engine) -> Self {
        Self { viewer: Viewer::new(engine), batch: Batch::new(engine), camera: Camera::new(engine) }
    }

    /// Takes what the visitor gave: one photograph is shown, several are queued. Nothing changes without any.
    pub(crate) fn take(self, files: Vec<Named>) {
        match <[Named; 1]>::try_from(files) {
            Ok([one]) => {
                self.camera.stop();
                self.batch.clear();
                self.viewer.show(one.file);
            }
            Err(files) if files.is_empty() => {}
            Err(many) => {
                self.camera.stop();
                self.viewer.clear();
                self.batch.start(many);
            }
        }
    }

    /// Starts the camera in place of whatever there is.
    pub(crate) fn live(self) {
        self.viewer.clear();
        self.batch.clear();
        self.camera.start();
    }

    /// What is seen. A photograph lies on top of the list that it was picked from.
    pub(crate) fn showing(self) -> Memo<Showing> {
        Memo::new(move |_| {
            if self.camera.phase.get() != Phase::Off {
                Showing::Camera
            } else if self.viewer.photo.with(Option::is_some) {
                Showing::Photo
            } else if !self.batch.rows.with(Vec::is_empty) {
                Showing::Batch
            } else {
                Showing::Nothing
            }
        })
    }
}
