//! The two-part form of a submission, read as a stream: small files stay in memory, large ones go to a temporary file.

use std::{
    io::{Seek, Write},
    time::Duration,
};

use axum::{
    body::HttpBody,
    extract::{FromRequest, Multipart, Request, multipart::Field},
    http::{StatusCode, header},
};
use glae_api::Metadata;
use tempfile::SpooledTempFile;

use crate::{
    config::Limits,
    problem::{ApiError, ApiResult, Kind},
};

/// Bytes of the metadata.
const METADATA_BYTES: usize = 64 << 10;
/// Files up to here stay in memory.
const SPOOL_BYTES: usize = 4 << 20;
/// How long the rest of a refused body is read, so that its sender hears the reason.
const DRAIN: Duration = Duration::from_secs(10);
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
pub struct Form(Multipart);

/// What a form holds.
#[derive(Debug)]
pub struct Parts {
    /// The part `metadata`.
    pub metadata: Metadata,
    /// The part `predictions`.
    pub predictions: SpooledTempFile,
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> ApiResult<Self> {
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
        Multipart::from_request(request, state).await.map(Self).map_err(|_| needed())
    }
}

impl Form {
    /// Reads both parts, each exactly once, in any order.
    ///
    /// # Errors
    /// If a part is missing, there twice or unknown, too large, or of a kind that is not taken.
    pub async fn read(mut self, limits: &Limits) -> ApiResult<Parts> {
        let (mut metadata, mut predictions) = (None, None);
        while let Some(mut field) = self.0.next_field().await.map_err(|error| broken(&error, limits))? {
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
        Ok(Parts {
            metadata: metadata.ok_or_else(|| missing("metadata"))?,
            predictions: predictions.ok_or_else(|| missing("predictions"))?,
        })
    }

    /// Reads and forgets the body, for a while.
    pub async fn drain(mut self) {
        let rest = async {
            while let Ok(Some(mut field)) = self.0.next_field().await {
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

fn broken(error: &axum::extract::multipart::MultipartError, limits: &Limits) -> ApiError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let mebibytes = limits.body_bytes >> 20;
        return ApiError::new(Kind::TOO_LARGE, format!("A submission may have {mebibytes} MiB at most; use gzip."));
    }
    ApiError::malformed(format!("The form cannot be read: {}.", error.body_text()))
}
