//! From the bytes of a predictions file to its scores. Everything here takes CPU time and runs on blocking threads.

use std::{
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Write},
    sync::Arc,
    time::Instant,
};

use flate2::bufread::MultiGzDecoder;
use glae_api::Scores;
use glae_metrics::{Band, Parser, Predictions, Problems, Report, score, score_part};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::{
    board::Loaded,
    problem::{ApiError, ApiResult, Kind},
    random,
    state::Portal,
    submission::Sealed,
};

/// Beyond this many at once scoring gains nothing, and each may hold a large file in memory.
const MOST_AT_ONCE: usize = 8;
/// Level 3 packs predictions to about a third in a few milliseconds per megabyte.
const ZSTD_LEVEL: i32 = 3;

/// A file that was read and scored.
#[derive(Debug)]
pub struct Scored {
    /// SHA-256 of the file (after gzip is undone).
    pub hash: String,
    /// The file, compressed with zstd.
    pub compressed: Vec<u8>,
    /// What it scored, without intervals; or why it could not be scored.
    pub outcome: Result<Box<Evaluation>, ApiError>,
}

/// What predictions are worth on a board.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The report, as far as it may be told of a hidden truth.
    pub report: Report,
    /// The table's numbers.
    pub scores: Scores,
    /// In a contest: the numbers on both parts of the test set.
    pub sealed: Option<Sealed>,
    /// Whether the predictions equal a truth that is public.
    pub equals_truth: bool,
}

/// The threads that score: as many at once as there are processors, the others wait.
#[derive(Clone, Debug)]
pub struct Workers(Arc<Semaphore>);

impl Default for Workers {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Semaphore::new(processors.min(MOST_AT_ONCE))))
    }
}

impl Workers {
    /// A single thread.
    pub fn one() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }

    /// Runs `work` on a blocking thread when it is its turn. It runs to its end even if the asker has gone, and keeps
    /// its place until then.
    ///
    /// # Errors
    /// If `work` panics.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> ApiResult<T> {
        let permit = self.0.clone().acquire_owned().await.map_err(ApiError::internal)?;
        let work = move || {
            let _permit = permit;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(ApiError::internal)
    }
}

/// Reads and scores a file that has arrived.
///
/// # Errors
/// If it is no predictions file at all (an image, an archive); problems inside a file are part of [`Scored`].
pub fn receive(mut file: impl Read + Seek, portal: &Portal, board: &Loaded) -> ApiResult<Scored> {
    let limits = &portal.config.limits;
    file.seek(SeekFrom::Start(0)).map_err(ApiError::internal)?;
    let mut file = BufReader::with_capacity(1 << 16, file);
    let start = file.fill_buf().map_err(ApiError::internal)?;
    let gzip = start.starts_with(&[0x1f, 0x8b]);
    refuse_other_files(start)?;

    let started = Instant::now();
    let parser_limits =
        glae_metrics::ParserLimits { rows: limits.rows, bytes: limits.file_bytes, ..Default::default() };
    let mut intake = Intake::new(parser_limits)?;
    let read = match gzip {
        true => intake.read(MultiGzDecoder::new(file)),
        false => intake.read(file),
    };
    let (hash, compressed, parsed) = intake.finish(board)?;
    let outcome = match read {
        Err(error) => Err(ApiError::new(
            Kind::BAD_PREDICTIONS,
            format!("The file cannot be decompressed ({error}); nothing was scored. Send it again, or without gzip."),
        )),
        Ok(()) => match parsed.and_then(|predictions| evaluate(portal, board, &predictions)) {
            Ok(evaluation) => Ok(Evaluation { report: board.disclosed(evaluation.report)?, ..evaluation }),
            Err(problems) => Err(ApiError::predictions(problems)),
        },
    };
    if let Ok(evaluation) = &outcome {
        portal.metrics.scored(evaluation.report.predicted, started.elapsed());
    }
    Ok(Scored { hash, compressed, outcome: outcome.map(Box::new) })
}

/// Undoes the compression of a stored file.
///
/// # Errors
/// If the bytes are not what was stored.
pub fn unpack(compressed: &[u8], hash: &str) -> Result<Vec<u8>, String> {
    let content = zstd::decode_all(compressed).map_err(|error| error.to_string())?;
    match random::encode(&Sha256::digest(&content)) == hash {
        true => Ok(content),
        false => Err("its content has another hash".to_owned()),
    }
}

/// What predictions are worth on a board, without intervals.
///
/// # Errors
/// The problems of the predictions.
pub fn evaluate(portal: &Portal, board: &Loaded, predictions: &Predictions) -> Result<Evaluation, Problems> {
    let Some(truth) = &board.truth else { return Err(Problems { groups: Vec::new() }) };
    let options = board.options(None);
    let report = score(truth, predictions, &options)?;
    let sealed = match portal.hidden.get(&board.board.id) {
        Some(hidden) => {
            let part =
                |private| score_part(truth, predictions, &options, |row| hidden.division.is_private(row) == private);
            Some(Sealed { public: scores(&part(false)?), private: scores(&part(true)?) })
        }
        None => None,
    };
    let equals_truth = equals_truth(portal, predictions);
    // As told, not as computed: of a hidden truth that is three decimals.
    let told = board.rounded(&scores(&report)).unwrap_or_default();
    Ok(Evaluation { scores: told, report, sealed, equals_truth })
}

/// Whether predictions repeat a truth that can be downloaded.
pub fn equals_truth(portal: &Portal, predictions: &Predictions) -> bool {
    portal.boards.values().any(|other| other.is_public() && equals(other, predictions))
}

/// Whether predictions are a board's truth as far as whole years go: less than half a year from it, but for one image in
/// ten. Otherwise a few ages changed by hand would be enough to be first; the weights that ship are that near for one image in ten.
fn equals(board: &Loaded, predictions: &Predictions) -> bool {
    let Some(truth) = &board.truth else { return false };
    let most = truth.len().max(predictions.len()) / 10;
    let mut different = truth.len().saturating_sub(predictions.len());
    for row in 0..predictions.len() {
        // Most files are told from the truth by their first rows.
        if different > most {
            return false;
        }
        let own = truth.find(predictions.id(row)).map(|place| truth.row(place).age);
        different += usize::from(own.is_none_or(|age| (age - predictions.age(row)).abs() >= 0.5));
    }
    different <= most
}

/// The table's numbers of a report.
pub fn scores(report: &Report) -> Scores {
    let band = |wanted: Band| report.bands.iter().find(|found| found.band == wanted);
    let mae = |wanted| band(wanted).map(|found| found.mae);
    let cmae = |wanted| band(wanted).map(|found| found.cmae);
    Scores {
        cmae: Some(report.cmae),
        cmae_young: cmae(Band::Young),
        cmae_middle: cmae(Band::Middle),
        cmae_old: cmae(Band::Old),
        mae: Some(report.mae),
        mae_young: mae(Band::Young),
        mae_middle: mae(Band::Middle),
        mae_old: mae(Band::Old),
        cs5: report.cs.get(4).copied(),
        epsilon: report.epsilon,
        aar: Some(report.aar.score),
    }
}

/// Images and archives, told by their first bytes whatever their name says.
fn refuse_other_files(start: &[u8]) -> ApiResult<()> {
    let images: [&[u8]; 8] =
        [b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP", b"\xff\x0a"];
    let container =
        start.get(4..8) == Some(b"ftyp") || (start.starts_with(b"RIFF") && start.get(8..12) == Some(b"WEBP"));
    if container || images.iter().any(|magic| start.starts_with(magic)) {
        return Err(ApiError::new(Kind::MEDIA_TYPE, "This is an image. No image is ever taken here."));
    }
    if start.starts_with(b"PK\x03\x04") || start.starts_with(b"\x28\xb5\x2f\xfd") || start.starts_with(b"7z\xbc\xaf") {
        return Err(ApiError::new(Kind::MEDIA_TYPE, "This is an archive. Send the file itself, plain or with gzip."));
    }
    Ok(())
}

/// Hashes, compresses and parses a stream in one pass, so that memory holds the compressed file and the parsed rows,
/// never the text: a gzip bomb costs time up to the limit and no space.
struct Intake {
    hash: Sha256,
    archive: zstd::Encoder<'static, Vec<u8>>,
    parser: Parser,
    stopped: Option<Problems>,
}

impl Intake {
    fn new(limits: glae_metrics::ParserLimits) -> ApiResult<Self> {
        let archive = zstd::Encoder::new(Vec::new(), ZSTD_LEVEL).map_err(ApiError::internal)?;
        Ok(Self { hash: Sha256::new(), archive, parser: Parser::new(limits), stopped: None })
    }

    /// Reads to the end, or to where the parser says that going on is pointless.
    fn read(&mut self, mut stream: impl Read) -> std::io::Result<()> {
        let mut buffer = vec![0; 1 << 16];
        while self.stopped.is_none() {
            let chunk = match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => &buffer[..length],
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.hash.update(chunk);
            self.archive.write_all(chunk)?;
            self.stopped = self.parser.push(chunk).err();
        }
        Ok(())
    }

    /// Hash, compressed bytes, and the rows; problems of the file and of its ids come out together.
    fn finish(self, board: &Loaded) -> ApiResult<(String, Vec<u8>, Result<Predictions, Problems>)> {
        let hash = random::encode(&self.hash.finalize());
        let compressed = self.archive.finish().map_err(ApiError::internal)?;
        let parsed = match (self.stopped, &board.truth) {
            (Some(problems), _) => Err(problems),
            (None, Some(truth)) => self.parser.finish_for(truth, board.options(None).unpredicted),
            (None, None) => self.parser.finish(),
        };
        Ok((hash, compressed, parsed))
    }
}
