//! Errors as documents (RFC 9457): one type, made by functions that are named after what went wrong.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use glae_api::{FileProblem, Problem, ROOT};
use glae_metrics::Problems;

/// What can be wrong with a request, or here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The last part of its address.
    pub slug: &'static str,
    /// The HTTP status.
    pub status: StatusCode,
    /// The kind in words.
    pub title: &'static str,
    /// What it means and what helps.
    pub meaning: &'static str,
}

macro_rules! kinds {
    ($($name:ident: $slug:literal, $status:ident, $title:literal, $meaning:literal;)*) => {
        impl Kind {
            $(#[doc = $title] pub const $name: Kind = Kind {
                slug: $slug, status: StatusCode::$status, title: $title, meaning: $meaning,
            };)*
            /// All kinds.
            pub const ALL: &[Kind] = &[$(Kind::$name),*];
        }
    };
}

kinds! {
    MALFORMED: "malformed-request", BAD_REQUEST, "The request cannot be read",
        "Its path, query, headers or body are not what the API's description asks for. The detail names the part.";
    UNAUTHORIZED: "unauthorized", UNAUTHORIZED, "A valid token is needed",
        "Send `Authorization: Bearer TOKEN`. Tokens end after a while and when a new one is made. A team gets its first \
         token from POST /api/v1/teams and the next from POST /api/v1/me/token; the operator can make one as well.";
    NOT_FOUND: "not-found", NOT_FOUND, "There is no such thing here",
        "Nothing has this address, or it is private and belongs to another team: the two are not told apart.";
    NO_TRUTH: "no-truth", NOT_FOUND, "This board's truth is not given out",
        "The truth is hidden on the server, or nobody here has it and researchers score against their own copy.";
    METHOD: "method-not-allowed", METHOD_NOT_ALLOWED, "This address does not take that method",
        "The Allow header names the methods that it takes.";
    TIMEOUT: "timeout", REQUEST_TIMEOUT, "The request took too long",
        "The request did not arrive, or was not answered, in the time allowed. Send it again; compress large files.";
    NAME_TAKEN: "name-taken", CONFLICT, "The name is taken",
        "Another team has this name, or one that looks like it. Choose another.";
    CLOSED_BOARD: "closed-board", CONFLICT, "This board takes no submissions",
        "The server has no truth for this board, so it cannot score. Score in the browser against your own copy.";
    NOT_YET: "not-yet", FORBIDDEN, "This is told later",
        "A contest tells its own columns while it is open, in steps, and everything else when it has closed.";
    NOT_ADMITTED: "not-admitted", FORBIDDEN, "This team does not take part",
        "The contest is for teams that were invited or admitted, or the organiser has refused or banned this team. The \
         detail says which, and what to do.";
    WITHDRAWN: "withdrawn", GONE, "The submission was withdrawn",
        "Its team has withdrawn it: what is left is its id and its dates. A request with the same Idempotency-Key does \
         not bring it back.";
    TOO_LARGE: "too-large", PAYLOAD_TOO_LARGE, "The request is too large",
        "The detail names the limit. Predictions may be sent compressed with gzip.";
    MEDIA_TYPE: "media-type", UNSUPPORTED_MEDIA_TYPE, "This kind of content is not taken here",
        "Submissions are multipart/form-data with CSV or JSON lines, plain or gzip; everything else is JSON. Images are \
         never taken: estimating happens in the browser.";
    BAD_PREDICTIONS: "bad-predictions", UNPROCESSABLE_ENTITY, "The predictions file has problems",
        "Every problem is listed, with line numbers. Nothing was scored; the file counts as a failed one.";
    BAD_METADATA: "bad-metadata", UNPROCESSABLE_ENTITY, "A text or number is not allowed",
        "The detail names the field and what it takes.";
    KEY_REUSED: "idempotency-key-reused", UNPROCESSABLE_ENTITY, "The Idempotency-Key belongs to another request",
        "The same key was sent before with other content. Use a new key for a new submission.";
    QUOTA: "quota-used-up", TOO_MANY_REQUESTS, "Today's submissions are used up",
        "Each team has a number of scored submissions per board and UTC day, and a number of files with problems. The \
         Retry-After header says when both start anew.";
    RATE: "too-many-requests", TOO_MANY_REQUESTS, "Too many requests",
        "Wait as many seconds as the Retry-After header says.";
    INTERNAL: "internal", INTERNAL_SERVER_ERROR, "Something went wrong here",
        "This is an error of the server, not of the request; it has been logged.";
    UNAVAILABLE: "unavailable", SERVICE_UNAVAILABLE, "Not ready",
        "The database or the file store does not answer. Try again later.";
}

impl Kind {
    /// The kind with this slug.
    pub fn named(slug: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.slug == slug)
    }
}

/// An error that becomes a response.
#[derive(Clone, Debug)]
pub struct ApiError {
    kind: Kind,
    detail: String,
    problems: Vec<FileProblem>,
    retry_after: Option<i64>,
}

/// What handlers return.
pub type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// An error of `kind`, with what happened in words.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), problems: Vec::new(), retry_after: None }
    }

    /// 404: it does not exist, or the request may not see it; the answer does not say which.
    pub fn not_found(what: &str) -> Self {
        Self::new(Kind::NOT_FOUND, format!("There is no such {what}, or it is not yours to see."))
    }

    /// No token, or none that is valid.
    pub fn unauthorized(detail: &str) -> Self {
        Self::new(Kind::UNAUTHORIZED, detail)
    }

    /// A request that cannot be read.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(Kind::MALFORMED, detail)
    }

    /// A field of the metadata that is not allowed.
    pub fn metadata(detail: impl Into<String>) -> Self {
        Self::new(Kind::BAD_METADATA, detail)
    }

    /// Problems of a predictions file.
    pub fn predictions(problems: Problems) -> Self {
        let detail = match problems.count() {
            1 => "One problem was found; nothing was scored.".to_owned(),
            count => format!("{count} problems were found; nothing was scored."),
        };
        let problems = problems.groups.into_iter().map(FileProblem::from).collect();
        Self { problems, ..Self::new(Kind::BAD_PREDICTIONS, detail) }
    }

    /// The quota of the day is used up; `seconds` until the next day.
    pub fn quota(detail: impl Into<String>, seconds: i64) -> Self {
        Self { retry_after: Some(seconds.max(1)), ..Self::new(Kind::QUOTA, detail) }
    }

    /// Too many requests; `seconds` until the next is taken.
    pub fn rate(seconds: i64) -> Self {
        let detail = format!("Too many requests from here; try again in {seconds} s.");
        Self { retry_after: Some(seconds.max(1)), ..Self::new(Kind::RATE, detail) }
    }

    /// An internal error: logged in full, answered without details.
    pub fn internal(error: impl std::fmt::Display) -> Self {
        tracing::error!(error = %format!("{error:#}"), "internal error");
        Self::new(Kind::INTERNAL, "The error has been logged.")
    }

    /// The kind of error.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The document.
    pub fn document(&self) -> Problem {
        Problem {
            kind: format!("{ROOT}/problems/{}", self.kind.slug),
            title: self.kind.title.to_owned(),
            status: self.kind.status.as_u16(),
            detail: self.detail.clone(),
            problems: self.problems.clone(),
        }
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            // Nothing of the kind reached the database, so the request can simply be sent again.
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => {
                tracing::error!(%error, "the database does not answer");
                Self::new(Kind::UNAVAILABLE, "The database does not answer; try again later.")
            }
            error => Self::internal(error),
        }
    }
}

impl From<serde_json::Error> for ApiError {
    fn from(error: serde_json::Error) -> Self {
        Self::internal(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let document = serde_json::to_string(&self.document()).unwrap_or_default();
        let mut response = problem_response(self.kind.status, document);
        let headers = response.headers_mut();
        if self.kind == Kind::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// A problem document that is already text.
pub fn problem_response(status: StatusCode, document: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/problem+json")], document).into_response()
}
