//! The worker's program: takes requests, keeps the networks and the open photograph, computes what was asked for last.

use std::cell::RefCell;
use std::rc::Rc;

use glae_estimate::{Host, Look, LookError, Pipeline};
use glae_face::RgbImage;
use glae_face::photo::{MEMORY, PhotoError};
use image::imageops::{rotate90, thumbnail};
use js_sys::{Array, Uint8Array};
use wasm_bindgen_futures::spawn_local;

use super::decode::{Decoded, decode, preview};
use super::helper::{self, Helper};
use super::host::{Task, Workers};
use super::protocol::{Decoder, DeviceKind, Making, Reply, Request, Work};
use super::queue::{Job, Newest};
use super::start::{Started, start};
use super::weights::WeightsSource;
use crate::browser::{next_turn, now};
use crate::worker::host::{self, post, post_with};

/// Sets the worker up and tells the page that it listens; or whoever has called it for help.
pub fn run() {
    if helper::is_this() {
        return helper::serve();
    }
    let worker = Worker::default();
    host::serve(&Reply::Listening, move |request, parts| worker.receive(request, parts));
}

#[derive(Clone, Default)]
struct Worker {
    state: Rc<RefCell<State>>,
}

#[derive(Default)]
struct State {
    pipeline: Option<Rc<Pipeline>>,
    workers: Rc<Workers>,
    photo: Option<Open>,
    /// The newest photograph that was given.
    given: u32,
    /// What is on screen: the newest question counts.
    on_screen: Newest<(Work, Vec<u8>)>,
    /// Files of the list, which is worked on whenever nothing on screen waits.
    listed: Newest<(Work, Vec<u8>)>,
    /// The computation whose search for small faces has gone far enough.
    enough: Option<u32>,
    /// Whether a task is computing, and will look at the queue again.
    computing: bool,
    /// What waits until the first answer is given: until then both cores have enough to do.
    later: Option<Later>,
}

/// Work behind the first answer.
struct Later {
    /// To be kept for the next visit; the age network's last.
    files: [(WeightsSource, Vec<u8>); 2],
    /// Whether to call a helper.
    helps: bool,
}

#[derive(Clone)]
struct Open {
    id: u32,
    pixels: Rc<RgbImage>,
    decode_milliseconds: f64,
    decoder: Decoder,
    cut_off: bool,
}

impl Open {
    /// What is known of the photograph before the networks see it.
    fn making(&self) -> Making {
        Making { decode: self.decode_milliseconds, decoder: self.decoder, cut_off: self.cut_off, ..Making::default() }
    }
}

/// What became of a job.
enum JobEnd {
    Seen(Look, Making),
    /// The file cannot be used.
    Refused(String),
    /// It was about a photograph that is no longer open.
    Outdated,
}

impl State {
    fn queue_of(&mut self, work: &Work) -> &mut Newest<(Work, Vec<u8>)> {
        if matches!(work, Work::Read) { &mut self.listed } else { &mut self.on_screen }
    }
}

impl Worker {
    fn receive(&self, request: Request, parts: &Array) {
        let bytes = || Uint8Array::new(&parts.get(1)).to_vec();
        match request {
            Request::Start { device, weights, alone, measured } => {
                let worker = self.clone();
                spawn_local(async move {
                    match start(device, weights, measured).await {
                        Ok(Started { pipeline, device, files }) => {
                            let (template, kind) = (pipeline.template(), device.kind);
                            let mut state = worker.state.borrow_mut();
                            state.pipeline = Some(Rc::new(pipeline));
                            let helps = kind == DeviceKind::Cpu && !alone && Helper::is_welcome();
                            state.later = Some(Later { files, helps });
                            drop(state);
                            post(&Reply::Ready { device, template });
                            worker.compute();
                        }
                        Err(sentence) => post(&Reply::CannotStart(sentence)),
                    }
                });
            }
            Request::Open { request } => self.open(request, bytes()),
            Request::Compute { request, work } => {
                let bytes = if matches!(work, Work::Frame { .. } | Work::Read) { bytes() } else { Vec::new() };
                self.state.borrow_mut().queue_of(&work).put(Job { request, work: (work, bytes) });
                self.compute();
            }
            Request::Turn { request, photo } => self.turn(request, photo),
            Request::Enough { request } => self.state.borrow_mut().enough = Some(request),
            Request::Cancel { request } => {
                let mut state = self.state.borrow_mut();
                state.on_screen.cancel(request);
                state.listed.cancel(request);
            }
        }
    }

    /// Turns the open photograph clockwise by a quarter.
    fn turn(&self, request: u32, photo: u32) {
        let open = self.state.borrow_mut().photo.take_if(|open| open.id == photo);
        let Some(mut open) = open else { return };
        let (width, height) = open.pixels.dimensions();
        // The two lie side by side for a moment: a large one is turned at half its size.
        if 2 * open.pixels.len() as u64 > MEMORY {
            open.pixels = Rc::new(thumbnail(&*open.pixels, width.div_ceil(2), height.div_ceil(2)));
        }
        let pixels = rotate90(&*open.pixels);
        let (width, height) = pixels.dimensions();
        let (preview, shown) = preview(&pixels);
        self.state.borrow_mut().photo = Some(Open { id: request, pixels: Rc::new(pixels), ..open });
        post_with(&Reply::Opened { request, width, height, preview }, vec![shown.buffer().into()]);
    }

    fn open(&self, request: u32, bytes: Vec<u8>) {
        {
            let mut state = self.state.borrow_mut();
            // The old photograph goes first: two large ones side by side may be more than the tab is given.
            state.photo = None;
            state.given = request;
        }
        let worker = self.clone();
        spawn_local(async move {
            let begin = now();
            let decoded = decode(&bytes).await;
            // While the browser's decoder was at work, another photograph may have come.
            if worker.state.borrow().given != request {
                return;
            }
            match decoded {
                Ok(Decoded { pixels, decoder, cut_off }) => {
                    let (width, height) = pixels.dimensions();
                    let decode_milliseconds = now() - begin;
                    let (preview, shown) = preview(&pixels);
                    let open = Open { id: request, pixels: Rc::new(pixels), decode_milliseconds, decoder, cut_off };
                    worker.state.borrow_mut().photo = Some(open);
                    post_with(&Reply::Opened { request, width, height, preview }, vec![shown.buffer().into()]);
                }
                Err(sentence) => post(&Reply::Refused { request, sentence }),
            }
        });
    }

    /// Works the queues off in one task, however many requests arrive meanwhile. Before the networks are there, jobs wait.
    fn compute(&self) {
        let mut state = self.state.borrow_mut();
        let Some(pipeline) = state.pipeline.clone().filter(|_| !state.computing) else { return };
        let workers = state.workers.clone();
        state.computing = true;
        drop(state);
        let worker = self.clone();
        spawn_local(async move {
            loop {
                next_turn().await;
                let job = {
                    let mut state = worker.state.borrow_mut();
                    state.on_screen.take().or_else(|| state.listed.take())
                };
                let Some(Job { request, work: (work, bytes) }) = job else { break };
                let photo = worker.state.borrow().photo.clone();
                // No borrow is held while the device computes: messages keep arriving.
                let wanted = || {
                    let mut state = worker.state.borrow_mut();
                    state.enough != Some(request) && state.queue_of(&work).wants(request)
                };
                let task = Task { workers: &workers, request, began: now(), is_wanted: wanted };
                let outcome = serve(&pipeline, &task, work.clone(), bytes, photo).await;
                let wanted = worker.state.borrow_mut().queue_of(&work).wants(request);
                match outcome {
                    Ok(JobEnd::Seen(look, making)) if wanted => {
                        post(&Reply::Seen { request, look, making: Making { workers: workers.count(), ..making } });
                    }
                    Ok(JobEnd::Refused(sentence)) if wanted => post(&Reply::Refused { request, sentence }),
                    Ok(_) => {}
                    Err(reason) => post(&Reply::Broken(reason)),
                }
            }
            let later = {
                let mut state = worker.state.borrow_mut();
                state.computing = false;
                state.later.take()
            };
            let Some(Later { files, helps }) = later else { return };
            files.iter().for_each(|(source, bytes)| source.keep(bytes));
            if helps {
                let [_, (_, weights)] = &files;
                workers.call_for_help(&pipeline, weights).await;
            }
        });
    }
}

/// Does one job.
///
/// # Errors
/// The device failed.
async fn serve(
    pipeline: &Pipeline,
    host: &impl Host,
    work: Work,
    bytes: Vec<u8>,
    open: Option<Open>,
) -> Result<JobEnd, String> {
    let begin = now();
    let failed = |error: LookError| error.to_string();
    let (look, making) = match (work, open) {
        (Work::Look { photo }, Some(open)) if open.id == photo => {
            (pipeline.look(&open.pixels, host).await.map_err(failed)?, open.making())
        }
        (Work::Square { photo, square }, Some(open)) if open.id == photo => {
            let look = pipeline.square(&open.pixels, square, host).await;
            (look.map_err(|error| error.to_string())?, open.making())
        }
        (Work::Look { .. } | Work::Square { .. }, _) => return Ok(JobEnd::Outdated),
        (Work::Frame { width, height }, _) => {
            let rgb = bytes.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
            match RgbImage::from_raw(width, height, rgb) {
                Some(frame) => (pipeline.glance(&frame, host).await.map_err(failed)?, Making::default()),
                None => return Err("a picture of the camera had another size than it said".to_owned()),
            }
        }
        (Work::Read, _) => match decode(&bytes).await {
            // Rows of a list go into a file unseen, so that half a photograph gets no age there.
            Ok(Decoded { cut_off: true, .. }) => return Ok(JobEnd::Refused(PhotoError::CutOff.to_string())),
            Ok(Decoded { pixels, decoder, .. }) => {
                let making = Making { decode: now() - begin, decoder, ..Making::default() };
                (pipeline.look(&pixels, host).await.map_err(failed)?, making)
            }
            Err(sentence) => return Ok(JobEnd::Refused(sentence)),
        },
    };
    Ok(JobEnd::Seen(look, making))
}
