//! The scorer's program: reads files, parses them as they arrive, scores them.

use glae_api::FileProblem;
use glae_metrics::{Bootstrap, Options, Parser, ParserLimits, ProblemKind, Problems, Truth, Unpredicted, score, worst};
use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::Blob;

use super::protocol::{FileKind, Reply, Request, ScoredFile};
use super::read;
use super::renaming::Renaming;
use crate::browser::{next_turn, now};
use crate::worker::host::{self, post, post_with};

/// How many of the largest errors are named.
const WORST: usize = 20;

/// A truth larger than this is not one of faces: three times ImageNet would fit.
const MAX_TRUTH_BYTES: f64 = 256.0 * 1024.0 * 1024.0;

/// Sets the worker up and tells the page that it listens.
pub fn run() {
    host::serve(&Reply::Listening, receive);
}

/// Why there is no score.
enum Stop {
    Problems(FileKind, Problems, Option<Renaming>),
    Failed(String),
}

fn receive(request: Request, parts: &Array) {
    let predictions: Blob = parts.get(1).unchecked_into();
    let truth: Option<Blob> = parts.get(2).dyn_into().ok();
    spawn_local(async move {
        let (request, outcome) = match request {
            Request::Check { request } => (request, check(request, &predictions).await),
            Request::Score { request, truth: address, counted, training_counts } => {
                let unpredicted = if counted { Unpredicted::Counted } else { Unpredicted::Refused };
                let options = Options { unpredicted, training_counts, intervals: None };
                (request, score_files(request, &predictions, truth, address, options).await)
            }
            Request::Rename { request, truth: address, renaming } => {
                (request, rename(request, &predictions, truth, address, renaming).await)
            }
        };
        match outcome {
            Ok(()) => {}
            Err(Stop::Problems(part, problems, renaming)) => {
                // Where a click renames, the command line's remedy is nothing for this reader.
                let is_said = |kind| renaming.is_none() || kind != ProblemKind::OtherIds;
                let groups = problems.groups.into_iter().filter(|group| is_said(group.kind));
                let problems = groups.map(FileProblem::from);
                post(&Reply::Refused { request, part, problems: problems.collect(), renaming });
            }
            Err(Stop::Failed(sentence)) => post(&Reply::Failed { request, sentence }),
        }
    });
}

async fn check(request: u32, file: &Blob) -> Result<(), Stop> {
    let predictions = parse(request, file).await?.finish();
    let predictions = predictions.map_err(|problems| Stop::Problems(FileKind::Predictions, problems, None))?;
    post(&Reply::Checked { request, rows: predictions.len() as u32 });
    Ok(())
}

async fn score_files(
    request: u32,
    file: &Blob,
    own_truth: Option<Blob>,
    address: Option<String>,
    mut options: Options,
) -> Result<(), Stop> {
    let begin = now();
    let truth = known_truth(request, own_truth, address).await?;
    let parser = parse(request, file).await?;
    post(&Reply::Computing { request });
    let refused = |problems| Stop::Problems(FileKind::Predictions, problems, None);
    // With the truth at hand, unknown and missing ids are reported together with everything else.
    let predictions = match parser.finish_for(&truth, options.unpredicted) {
        Ok(predictions) => predictions,
        Err(problems) if problems.of(ProblemKind::UnknownId).is_some() => {
            // Read once more, for itself: that is possible only where nothing else is wrong with it.
            let alone = parse(request, file).await?.finish().ok();
            let renaming = alone.and_then(|predictions| Renaming::find(&predictions, &truth));
            return Err(Stop::Problems(FileKind::Predictions, problems, renaming));
        }
        Err(problems) => return Err(refused(problems)),
    };
    let report = score(&truth, &predictions, &options).map_err(refused)?;
    let worst = worst(&truth, &predictions, WORST);
    post(&Reply::Scored { request, score: Box::new(ScoredFile { report, worst, milliseconds: now() - begin }) });
    // A thousand resamples take longer than all the rest: the page shows the scores meanwhile.
    next_turn().await;
    options.intervals = Some(Bootstrap::default());
    let report = score(&truth, &predictions, &options).map_err(refused)?;
    post(&Reply::Intervals { request, report: Box::new(report) });
    Ok(())
}

/// Writes a file anew under the truth's names.
async fn rename(
    request: u32,
    file: &Blob,
    own_truth: Option<Blob>,
    address: Option<String>,
    renaming: Renaming,
) -> Result<(), Stop> {
    let truth = known_truth(request, own_truth, address).await?;
    let predictions = parse(request, file).await?.finish();
    let predictions = predictions.map_err(|problems| Stop::Problems(FileKind::Predictions, problems, None))?;
    let renamed = Uint8Array::from(renaming.apply(&predictions, &truth).as_bytes());
    post_with(&Reply::Renamed { request, renaming }, vec![renamed.buffer().into()]);
    Ok(())
}

/// The truth out of the visitor's file or from its address.
async fn known_truth(request: u32, own: Option<Blob>, address: Option<String>) -> Result<Truth, Stop> {
    let truth = match (own, address) {
        (Some(file), None) => read_truth(request, &file).await?,
        (_, Some(address)) => read::fetched(&address).await.map_err(Stop::Failed)?,
        (None, None) => return Err(Stop::Failed("Choose a truth file first.".into())),
    };
    Truth::parse(&truth).map_err(|problems| Stop::Problems(FileKind::Truth, problems, None))
}

/// Parses a predictions file while it is read.
async fn parse(request: u32, file: &Blob) -> Result<Parser, Stop> {
    let total = file.size();
    let mut parser = Parser::new(ParserLimits::default());
    let take = |bytes: &[u8], read: f64| {
        post(&Reply::Reading { request, part: FileKind::Predictions, read, total });
        parser.push(bytes).map_err(|problems| Stop::Problems(FileKind::Predictions, problems, None))
    };
    read::pieces(file, take, unreadable("predictions")).await?;
    Ok(parser)
}

async fn read_truth(request: u32, file: &Blob) -> Result<Vec<u8>, Stop> {
    let total = file.size();
    if total > MAX_TRUTH_BYTES {
        return Err(Stop::Failed(format!("The truth file has {:.0} MB; the limit is 256 MB.", total / 1e6)));
    }
    let mut truth = Vec::with_capacity(total as usize);
    let take = |bytes: &[u8], read: f64| {
        post(&Reply::Reading { request, part: FileKind::Truth, read, total });
        truth.extend_from_slice(bytes);
        Ok(())
    };
    read::pieces(file, take, unreadable("truth")).await?;
    Ok(truth)
}

fn unreadable(which: &'static str) -> impl Fn(String) -> Stop {
    move |why| Stop::Failed(format!("The {which} file cannot be read ({why}). Choose it again."))
}
