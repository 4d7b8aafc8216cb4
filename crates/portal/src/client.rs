//! The other side of the API: what `portal submit` and the load test use.

use std::{io::Write, time::Duration};

use flate2::{Compression, write::GzEncoder};
use glae_api::{BoardPage, Entry, FinalChoice, Metadata, NewEntry, NewTeam, Problem, ROOT, Submitted, Token, stranger};
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

/// Talks to one server.
#[derive(Clone, Debug)]
pub struct Client {
    agent: ureq::Agent,
    server: String,
    token: Option<String>,
}

/// Why there is no answer to use.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The server refused.
    #[error("{}", told(.0))]
    Refused(Box<Problem>),
    /// The server did not answer, or not in its own words.
    #[error("{0}")]
    Broken(String),
}

impl Client {
    /// A client of the server at `server`, as in `https://example.org`.
    pub fn new(server: &str, token: Option<String>) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_global(Some(Duration::from_secs(180)))
            .build();
        Self { agent: config.into(), server: server.trim_end_matches('/').to_owned(), token }
    }

    /// Makes a team; the token is shown this once.
    ///
    /// # Errors
    /// If the name is not allowed or taken.
    pub fn create_team(&self, name: &str) -> Result<Token, ClientError> {
        let body = serde_json::to_string(&NewTeam { name: name.to_owned() }).map_err(broken)?;
        let request = self.agent.post(self.address("teams")).header("content-type", "application/json");
        read(request.send(body))
    }

    /// Reads a board, with the team's private rows.
    ///
    /// # Errors
    /// If there is no such board.
    pub fn board(&self, board: &str) -> Result<BoardPage, ClientError> {
        let mut request = self.agent.get(self.address(&format!("boards/{board}")));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        read(request.call())
    }

    /// Takes part in a contest, with an invitation's code where one is needed.
    ///
    /// # Errors
    /// If there is no such contest, or the code does not let the team in.
    pub fn enter(&self, board: &str, code: Option<String>) -> Result<Entry, ClientError> {
        self.put(&format!("boards/{board}/entry"), &NewEntry { code })
    }

    /// Chooses the submission that counts when a contest closes; without one the best on the public part does.
    ///
    /// # Errors
    /// If it is not the team's, or the contest has closed.
    pub fn choose(&self, board: &str, submission: Option<String>) -> Result<Entry, ClientError> {
        self.put(&format!("boards/{board}/final"), &FinalChoice { submission })
    }

    fn put<T: DeserializeOwned>(&self, path: &str, value: &impl Serialize) -> Result<T, ClientError> {
        let body = serde_json::to_string(value).map_err(broken)?;
        let request = self
            .agent
            .put(self.address(path))
            .header("authorization", format!("Bearer {}", self.token.as_deref().unwrap_or_default()))
            .header("content-type", "application/json");
        read(request.send(body))
    }

    /// Submits predictions. With the same `key` it may be sent again after a failure without counting twice.
    ///
    /// # Errors
    /// The problems of the file, or why it was not taken.
    pub fn submit(
        &self,
        board: &str,
        metadata: &Metadata,
        predictions: &[u8],
        key: &str,
    ) -> Result<Submitted, ClientError> {
        let boundary = crate::random::hexadecimal(16);
        let body = form(&boundary, metadata, predictions).map_err(broken)?;
        let request = self
            .agent
            .post(self.address(&format!("boards/{board}/submissions")))
            .header("authorization", format!("Bearer {}", self.token.as_deref().unwrap_or_default()))
            .header("content-type", format!("multipart/form-data; boundary={boundary}"))
            .header("idempotency-key", key);
        read(request.send(&body))
    }

    fn address(&self, path: &str) -> String {
        format!("{}{ROOT}/{path}", self.server)
    }
}

/// The two-part form, the file packed with gzip unless it already is. Written here, because the HTTP client's own forms are in the
/// part of it that may change with any version (`ureq::unversioned`).
fn form(boundary: &str, metadata: &Metadata, predictions: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    write!(body, "--{boundary}\r\nContent-Disposition: form-data; name=\"metadata\"\r\n")?;
    write!(body, "Content-Type: application/json\r\n\r\n{}\r\n", serde_json::to_string(metadata)?)?;
    write!(body, "--{boundary}\r\nContent-Disposition: form-data; name=\"predictions\"; filename=\"predictions\"\r\n")?;
    write!(body, "Content-Type: application/octet-stream\r\n\r\n")?;
    if predictions.starts_with(&[0x1f, 0x8b]) {
        body.write_all(predictions)?;
    } else {
        let mut packer = GzEncoder::new(&mut body, Compression::fast());
        packer.write_all(predictions)?;
        packer.finish()?;
    }
    write!(body, "\r\n--{boundary}--\r\n")?;
    Ok(body)
}

fn read<T: DeserializeOwned>(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<T, ClientError> {
    let mut answer = answer.map_err(broken)?;
    let status = answer.status();
    let text = answer.body_mut().read_to_string().map_err(broken)?;
    let of_a_stranger = || {
        let (title, detail) = stranger::explained(status.as_u16());
        ClientError::Broken(format!("{title}: {detail}"))
    };
    if status.is_success() {
        return serde_json::from_str(&text).map_err(|_| of_a_stranger());
    }
    match serde_json::from_str(&text) {
        Ok(problem) => Err(ClientError::Refused(Box::new(problem))),
        Err(_) => Err(of_a_stranger()),
    }
}

fn broken(error: impl std::fmt::Display) -> ClientError {
    ClientError::Broken(error.to_string())
}

/// A problem in lines: what it is, then each group with its first examples.
fn told(problem: &Problem) -> String {
    let mut lines = vec![format!("{} ({}): {}", problem.title, problem.status, problem.detail)];
    for group in &problem.problems {
        lines.push(format!("  {} ({}):", group.kind, group.count));
        lines.extend(group.first.iter().map(|sentence| format!("    {sentence}")));
    }
    lines.join("\n")
}
