//! The queue: one file after the other goes to the worker.

use std::sync::Arc;

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen_futures::JsFuture;
use web_sys::File;

use super::files::Named;
use super::list::{FileState, by_number, csv, unique};
use crate::engine::WorkerHandle;
use crate::estimate::viewer::too_large;
use crate::estimate::wording::EngineState;
use crate::inference::protocol::{Decoder, Reply, Request, Work};

/// One file in the table. Reference-counted: a list is begun by an event of a page and outlives that page, with which
/// values of the page's own arena end.
#[derive(Clone)]
pub struct ListedFile {
    /// Its place.
    pub index: usize,
    /// Its name; no other row has it.
    pub name: Arc<str>,
    /// How far it has got.
    pub progress: ArcRwSignal<FileState>,
}

/// Handle to the queue; copies are cheap and all mean the same one.
#[derive(Clone, Copy)]
pub struct FileList {
    engine: WorkerHandle,
    /// All files, in the order given.
    pub rows: RwSignal<Vec<ListedFile>>,
    /// How many are done.
    pub done: RwSignal<usize>,
    /// Whether it is being worked on.
    pub running: RwSignal<bool>,
    /// How many photographs the browser's own decoder had to read.
    pub by_browser: RwSignal<usize>,
    inner: StoredValue<Inner, LocalStorage>,
}

#[derive(Default)]
struct Inner {
    files: Vec<File>,
    /// Counts starts and stops: answers of an earlier run are ignored.
    run: u32,
    /// The file the worker has.
    awaited: Option<u32>,
}

impl FileList {
    /// An empty queue.
    pub fn new(engine: WorkerHandle) -> Self {
        let batch = Self {
            engine,
            rows: RwSignal::new(Vec::new()),
            done: RwSignal::new(0),
            running: RwSignal::new(false),
            by_browser: RwSignal::new(0),
            inner: StoredValue::new_local(Inner::default()),
        };
        // A worker that takes over from a broken one is given the file again that the other one had.
        Effect::new(move |_| {
            let _ = engine.generation.get();
            if batch.running.get_untracked() && batch.inner.with_value(|inner| inner.awaited.is_some()) {
                batch.resume();
            }
        });
        Effect::new(move |_| {
            if matches!(engine.stage.get(), EngineState::Failed(_)) {
                batch.stop();
            }
        });
        batch
    }

    /// Begins with these files; what was there before goes.
    pub(crate) fn start(self, mut files: Vec<Named>) {
        self.clear();
        // Folders come in whatever order their disk keeps.
        files.sort_by(|a, b| by_number(&a.name, &b.name));
        let names = unique(files.iter().map(|named| named.name.clone()).collect());
        let row =
            |(index, name): (usize, String)| ListedFile { index, name: name.into(), progress: ArcRwSignal::default() };
        self.rows.set(names.into_iter().enumerate().map(row).collect());
        self.inner.update_value(|inner| inner.files = files.into_iter().map(|named| named.file).collect());
        self.resume();
    }

    /// Goes on with the first file that is not done.
    pub fn resume(self) {
        self.stop();
        self.engine.refusal.set(None);
        self.engine.wake();
        self.running.set(true);
        let run = self.inner.try_update_value(|inner| {
            inner.run += 1;
            inner.run
        });
        self.next(run.unwrap_or_default());
    }

    /// Stops after nothing: the file that is being read waits again.
    pub fn stop(self) {
        let awaited = self.inner.try_update_value(|inner| {
            inner.run += 1;
            inner.awaited.take()
        });
        if let Some(request) = awaited.flatten() {
            self.engine.cancel(request);
        }
        self.rows.with_untracked(|rows| {
            for row in rows.iter().filter(|row| row.progress.with_untracked(|p| *p == FileState::Reading)) {
                row.progress.set(FileState::Waiting);
            }
        });
        self.running.set(false);
    }

    /// Forgets all files and answers.
    pub fn clear(self) {
        self.stop();
        self.rows.set(Vec::new());
        self.done.set(0);
        self.by_browser.set(0);
        self.inner.update_value(|inner| inner.files.clear());
    }

    /// The file of a row, to be looked at by itself.
    pub fn file(self, index: usize) -> Option<File> {
        self.inner.with_value(|inner| inner.files.get(index).cloned())
    }

    /// The predictions file of all rows that have an age.
    ///
    /// With `all` also of those without, which the leaderboard does not take.
    pub fn csv(self, all: bool) -> String {
        let rows = self.rows.get_untracked();
        let known: Vec<_> = rows.iter().map(|row| (&*row.name, row.progress.get_untracked())).collect();
        csv(known.iter().map(|(name, progress)| (*name, progress)), all)
    }

    fn next(self, run: u32) {
        let rows = self.rows.get_untracked();
        let Some(row) = rows.into_iter().find(|row| row.progress.with_untracked(|p| !p.is_done())) else {
            self.running.set(false);
            return;
        };
        let Some(file) = self.file(row.index) else { return };
        if let Some(sentence) = too_large(&file) {
            return self.finish(run, &row, FileState::Refused(sentence));
        }
        row.progress.set(FileState::Reading);
        spawn_local(async move {
            let bytes = JsFuture::from(file.array_buffer()).await;
            if self.inner.with_value(|inner| inner.run) != run {
                return;
            }
            let Ok(bytes) = bytes else {
                return self.finish(run, &row, FileState::Refused("This file cannot be read any more.".into()));
            };
            let build = |request| Request::Compute { request, work: Work::Read };
            let request = self.engine.ask(build, Some(bytes), move |reply, _| match reply {
                Reply::Seen { look, making, .. } => {
                    if making.decoder == Decoder::Browser && self.inner.with_value(|inner| inner.run) == run {
                        self.by_browser.update(|count| *count += 1);
                    }
                    self.finish(run, &row, FileState::Seen(Box::new(look)));
                }
                Reply::Refused { sentence, .. } => self.finish(run, &row, FileState::Refused(sentence)),
                _ => {}
            });
            self.inner.update_value(|inner| inner.awaited = Some(request));
        });
    }

    fn finish(self, run: u32, row: &ListedFile, progress: FileState) {
        if self.inner.with_value(|inner| inner.run) != run {
            return;
        }
        self.inner.update_value(|inner| inner.awaited = None);
        row.progress.set(progress);
        self.done.update(|done| *done += 1);
        self.next(run);
    }
}
