//! The two-part form of a submission, read as a stream: small files stay in memory, large ones go to a temporary file.
//!
//! The form's parser keeps what it has not understood, and looks at all of it again with every piece that comes. So the
//! stream in front of it, `guard`, gives it pieces of some size, ends a part's head that does not end, and gives up on
//! a body that stalls.

use std::{
    io::{Error, ErrorKind, Seek, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    body::{Body, BodyDataStream, Bytes, HttpBody},
    extract::{
        FromRequest, Multipart, Request,
        multipart::{Field, MultipartError},
    },
    http::{StatusCode, header},
};
use futures_util::{Stream, StreamExt, stream};
use glae_api::Metadata;
use tempfile::SpooledTempFile;

use crate::{
    config::Limits,
    problem::{ApiError, ApiResult, Kind},
    state::Portal,
};

/// Bytes of the metadata.
const METADATA_BYTES: usize = 64 << 10;
/// Files up to here stay in memory.
const SPOOL_BYTES: usize = 4 << 20;
/// How long the rest of a refused body is read, so that its sender hears the reason.
const DRAIN: Duration = Duration::from_secs(10);
/// Bytes before a part begins: its boundary and its headers, which are some hundred bytes.
const HEAD_BYTES: usize = 64 << 10;
/// Smaller pieces of a body are put together to this size before the parser sees them.
const PIECE_BYTES: usize = 8 << 10;
/// What a predictions file may call itself. Windows calls CSV a spreadsheet; browsers say octet-stream when unsure.
const FILE_TYPES: [&str; 13] = [
    "text/csv",
    "text/plain",
    "text/tab-separated-values",
    "application/csv",
    "application/json",
    "application/jsonl",
    "application/x-jsonlines",
    "application/x-ndjson",
    "application/vnd.ms-excel",
    "application/octet-stream",
    "application/gzip",
    "application/x-gzip",
    "application/x-gzip-compressed",
];

/// A form that has not been read yet.
#[derive(Debug)]
pub struct Form {
    parts: Multipart,
    allowance: Arc<AtomicUsize>,
}

/// What a form holds.
#[derive(Debug)]
pub struct FormParts {
    /// The part `metadata`.
    pub metadata: Metadata,
    /// The part `predictions`.
    pub predictions: SpooledTempFile,
}

impl FromRequest<Portal> for Form {
    type Rejection = ApiError;

    async fn from_request(request: Request, portal: &Portal) -> ApiResult<Self> {
        let needed = || {
            ApiError::new(
                Kind::MEDIA_TYPE,
                "A submission is multipart/form-data with the parts `metadata` (JSON) and `predictions` (CSV or JSON \
                 lines, plain or gzip).",
            )
        };
        if request.headers().get_all(header::CONTENT_ENCODING).iter().any(|value| value != "identity") {
            return Err(ApiError::new(
                Kind::MEDIA_TYPE,
                "The request as a whole must not be compressed; the part `predictions` may hold a gzip file.",
            ));
        }
        if request.body().size_hint().exact() == Some(0) {
            return Err(ApiError::malformed("The request has no body."));
        }
        let allowance = Arc::new(AtomicUsize::new(usize::MAX));
        let stall = Duration::from_secs(portal.config.limits.stall_seconds);
        let guarded = |body: Body| Body::from_stream(guard(body.into_data_stream(), allowance.clone(), stall));
        let parts = Multipart::from_request(request.map(guarded), portal).await.map_err(|_| needed())?;
        Ok(Self { parts, allowance })
    }
}

impl Form {
    /// Reads both parts, each exactly once, in any order.
    ///
    /// # Errors
    /// If a part is missing, there twice or unknown, too large, or of a kind that is not taken.
    pub async fn read(mut self, limits: &Limits) -> ApiResult<FormParts> {
        let (mut metadata, mut predictions) = (None, None);
        while let Some(mut field) = self.next().await.map_err(|error| broken(&error, limits))? {
            match field.name() {
                Some("metadata") if metadata.is_none() => metadata = Some(read_metadata(&mut field, limits).await?),
                Some("predictions") if predictions.is_none() => {
                    predictions = Some(read_file(&mut field, limits).await?);
                }
                Some(name @ ("metadata" | "predictions")) => {
                    return Err(ApiError::malformed(format!("The part `{name}` is there twice.")));
                }
                _ => {
                    return Err(ApiError::malformed("A form has the parts `metadata` and `predictions` and no other."));
                }
            }
        }
        let missing = |name| ApiError::malformed(format!("The part `{name}` is missing."));
        Ok(FormParts {
            metadata: metadata.ok_or_else(|| missing("metadata"))?,
            predictions: predictions.ok_or_else(|| missing("predictions"))?,
        })
    }

    /// The next part, whose head must end.
    async fn next(&mut self) -> Result<Option<Field<'_>>, MultipartError> {
        self.allowance.store(HEAD_BYTES, Ordering::Relaxed);
        let next = self.parts.next_field().await;
        self.allowance.store(usize::MAX, Ordering::Relaxed);
        next
    }

    /// Reads and forgets the body, for a while.
    pub async fn drain(mut self) {
        let rest = async {
            while let Ok(Some(mut field)) = self.next().await {
                while let Ok(Some(_)) = field.chunk().await {}
            }
        };
        // Too slow: then the connection is simply closed.
        let _ = tokio::time::timeout(DRAIN, rest).await;
    }
}

async fn read_metadata(field: &mut Field<'_>, limits: &Limits) -> ApiResult<Metadata> {
    check_type(field, &["application/json", "text/plain", "application/octet-stream"])?;
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| broken(&error, limits))? {
        if bytes.len() + chunk.len() > METADATA_BYTES {
            return Err(ApiError::new(Kind::TOO_LARGE, "The part `metadata` may have 64 KiB at most."));
        }
        bytes.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| ApiError::metadata(format!("The part `metadata` cannot be read as JSON: {error}.")))
}

async fn read_file(field: &mut Field<'_>, limits: &Limits) -> ApiResult<SpooledTempFile> {
    check_type(field, &FILE_TYPES)?;
    let mut file = SpooledTempFile::new(SPOOL_BYTES);
    while let Some(chunk) = field.chunk().await.map_err(|error| broken(&error, limits))? {
        file.write_all(&chunk).map_err(ApiError::internal)?;
    }
    file.rewind().map_err(ApiError::internal)?;
    Ok(file)
}

/// 415 unless the part calls itself one of `known`, or nothing at all.
fn check_type(field: &Field<'_>, known: &[&str]) -> ApiResult<()> {
    let Some(given) = field.content_type() else { return Ok(()) };
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if known.contains(&essence.as_str()) {
        return Ok(());
    }
    let name = field.name().unwrap_or_default();
    Err(ApiError::new(Kind::MEDIA_TYPE, format!("The part `{name}` is of a kind that is not taken here.")))
}

fn broken(error: &MultipartError, limits: &Limits) -> ApiError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let mebibytes = limits.body_bytes >> 20;
        return ApiError::new(Kind::TOO_LARGE, format!("A submission may have {mebibytes} MiB at most; use gzip."));
    }
    match stopped(error) {
        Some(ErrorKind::TimedOut) => return ApiError::new(Kind::TIMEOUT, "The form stopped arriving."),
        Some(ErrorKind::InvalidData) => return ApiError::malformed("The head of a part of the form does not end."),
        _ => {}
    }
    ApiError::malformed(format!("The form cannot be read: {}.", error.body_text()))
}

/// The body in pieces of some size. It ends with an error when `allowance` bytes have come, or none for `stall`.
fn guard(
    body: BodyDataStream,
    allowance: Arc<AtomicUsize>,
    stall: Duration,
) -> impl Stream<Item = Result<Bytes, axum::BoxError>> {
    stream::try_unfold((body, allowance), move |(mut body, allowance)| async move {
        let mut piece = Vec::new();
        while piece.len() < PIECE_BYTES {
            let stalled = |_| Error::new(ErrorKind::TimedOut, "the body stalls");
            let Some(chunk) = tokio::time::timeout(stall, body.next()).await.map_err(stalled)? else { break };
            let chunk = chunk.map_err(axum::Error::into_inner)?;
            let left = allowance.load(Ordering::Relaxed);
            if left == 0 {
                return Err(Error::new(ErrorKind::InvalidData, "the head of a part does not end").into());
            }
            allowance.store(left.saturating_sub(chunk.len()), Ordering::Relaxed);
            if piece.is_empty() && chunk.len() >= PIECE_BYTES {
                return Ok(Some((chunk, (body, allowance))));
            }
            piece.extend_from_slice(&chunk);
        }
        Ok((!piece.is_empty()).then(|| (piece.into(), (body, allowance))))
    })
}

/// Why the guard ended the body, if it did.
fn stopped(error: &MultipartError) -> Option<ErrorKind> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(own) = error.downcast_ref::<Error>() {
            return Some(own.kind());
        }
        cause = error.source();
    }
    None
}
