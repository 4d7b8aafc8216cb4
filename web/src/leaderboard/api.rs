//! Requests to the API, and what can come back instead of an answer.

use glae_api::stranger::explained;
use glae_api::{FileProblem, Problem};
pub(super) use gloo_net::http::Method;
use gloo_net::http::{RequestBuilder, Response};
use js_sys::JSON;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::*;
use web_sys::FormData;

use crate::browser::{NoAnswer, answered};

/// How long an answer may take, in seconds. The server counts itself late after 30.
const ANSWER_SECONDS: u32 = 60;

/// How long a file may be on its way, in seconds: the largest one over a slow connection.
const FILE_SECONDS: u32 = 20 * 60;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Failure {
    /// The HTTP status; 0: no answer came at all.
    pub(super) status: u16,
    /// What happened, in a few words.
    pub(super) title: String,
    /// The details and the remedy.
    pub(super) detail: String,
    /// Every problem of a file that was sent.
    pub(super) problems: Vec<FileProblem>,
}

impl Failure {
    fn no_answer(why: &NoAnswer) -> Self {
        let detail = format!("The server did not answer ({why}). Check the connection and try again.");
        Self { status: 0, title: "No answer".into(), detail, problems: Vec::new() }
    }

    fn impossible_token() -> Self {
        let detail = "The token has characters that no token has. Copy it again from where it was shown.";
        Self { status: 401, title: "Unknown token".into(), detail: detail.into(), problems: Vec::new() }
    }

    /// What came back was not a document of the API.
    pub(super) fn not_the_api(status: u16) -> Self {
        let (title, detail) = explained(status);
        Self { status, title, detail: detail.into(), problems: Vec::new() }
    }

    /// Title and details in one.
    pub(super) fn sentence(&self) -> String {
        if self.detail.is_empty() { self.title.clone() } else { self.detail.clone() }
    }
}

/// What a request carries.
pub(super) enum Body {
    /// Nothing.
    Empty,
    /// A JSON text.
    Json(String),
    /// A form in parts.
    Form(FormData),
}

/// A request that is about to be sent.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) address: &'a str,
    pub(super) token: Option<&'a str>,
    /// Makes sending the same thing twice harmless.
    pub(super) idempotency_key: Option<&'a str>,
    pub(super) body: Body,
}

impl<'a> Call<'a> {
    /// Asks for a document.
    pub(super) fn get(address: &'a str, token: Option<&'a str>) -> Self {
        Self { method: Method::GET, address, token, idempotency_key: None, body: Body::Empty }
    }

    /// Sends something.
    pub(super) fn send(method: Method, address: &'a str, token: Option<&'a str>, body: Body) -> Self {
        Self { method, address, token, idempotency_key: None, body }
    }

    /// The answer; `None` if it has no body or one that is not JSON.
    pub(super) async fn answer(self) -> Result<(u16, Option<JsValue>), Failure> {
        // What a header cannot hold would stop the page.
        if self.token.is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(Failure::impossible_token());
        }
        let response = self.sent().await.map_err(|why| Failure::no_answer(&why))?;
        let kind = response.headers().get("content-type").unwrap_or_default();
        if !kind.contains("json") {
            return Ok((response.status(), None));
        }
        let text = answered(ANSWER_SECONDS, response.text()).await.ok();
        // A static host may call a page JSON; what cannot be read is not the API's.
        let json = text.and_then(|text| JSON::parse(&text).ok());
        if response.ok() {
            return Ok((response.status(), json));
        }
        let problem = json.and_then(|json| serde_wasm_bindgen::from_value::<Problem>(json).ok());
        let problem = problem.ok_or_else(|| Failure::not_the_api(response.status()))?;
        let Problem { title, status, detail, problems, .. } = problem;
        Err(Failure { status, title, detail, problems })
    }

    /// The answer as a value.
    pub(super) async fn value<T: DeserializeOwned>(self) -> Result<T, Failure> {
        let (status, json) = self.answer().await?;
        json.and_then(|json| serde_wasm_bindgen::from_value(json).ok()).ok_or_else(|| Failure::not_the_api(status))
    }

    /// Whether it went well; the answer's text does not matter.
    pub(super) async fn done(self) -> Result<(), Failure> {
        let (status, _) = self.answer().await?;
        if (200..300).contains(&status) { Ok(()) } else { Err(Failure::not_the_api(status)) }
    }

    async fn sent(&self) -> Result<Response, NoAnswer> {
        let headers = [
            Some(("accept", "application/json".to_owned())),
            self.token.map(|token| ("authorization", format!("Bearer {token}"))),
            self.idempotency_key.map(|key| ("idempotency-key", key.to_owned())),
            matches!(self.body, Body::Json(_)).then(|| ("content-type", "application/json".to_owned())),
        ];
        let mut request = RequestBuilder::new(self.address).method(self.method.clone());
        for (name, value) in headers.into_iter().flatten() {
            request = request.header(name, &value);
        }
        let request = match &self.body {
            Body::Empty => request.build(),
            Body::Json(text) => request.body(text.as_str()),
            // The browser writes the content type, which names the boundary between the parts.
            Body::Form(form) => request.body(form),
        }?;
        let seconds = if matches!(self.body, Body::Form(_)) { FILE_SECONDS } else { ANSWER_SECONDS };
        answered(seconds, request.send()).await
    }
}

/// A value as JSON; `indent` for people.
pub(super) fn json(value: &impl Serialize, indent: bool) -> String {
    let value = value.serialize(&Serializer::json_compatible()).expect("wire types are plain data");
    let space = if indent { JsValue::from(2) } else { JsValue::UNDEFINED };
    JSON::stringify_with_replacer_and_space(&value, &JsValue::NULL, &space).map(String::from).unwrap_or_default()
}

/// A value from JSON.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_wasm_bindgen::from_value(JSON::parse(text).ok()?).ok()
}
