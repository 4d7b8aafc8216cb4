//! Requests to the API, and what can come back instead of an answer.

use glae_api::stranger::explained;
use glae_api::{FileProblem, Problem};
use js_sys::JSON;
use leptos::prelude::window;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{FormData, Headers, RequestInit, Response};

use crate::browser::{reason, within};

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
    fn no_answer(why: &JsValue) -> Self {
        let detail = format!("The server did not answer ({}). Check the connection and try again.", reason(why));
        Self { status: 0, title: "No answer".into(), detail, problems: Vec::new() }
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
    pub(super) method: &'static str,
    pub(super) address: &'a str,
    pub(super) token: Option<&'a str>,
    /// Makes sending the same thing twice harmless.
    pub(super) idempotency_key: Option<&'a str>,
    pub(super) body: Body,
}

impl<'a> Call<'a> {
    /// Asks for a document.
    pub(super) fn get(address: &'a str, token: Option<&'a str>) -> Self {
        Self { method: "GET", address, token, idempotency_key: None, body: Body::Empty }
    }

    /// Sends something.
    pub(super) fn send(method: &'static str, address: &'a str, token: Option<&'a str>, body: Body) -> Self {
        Self { method, address, token, idempotency_key: None, body }
    }

    /// The answer; `None` if it has no body or one that is not JSON.
    pub(super) async fn answer(self) -> Result<(u16, Option<JsValue>), Failure> {
        let response = self.fetch().await.map_err(|error| Failure::no_answer(&error))?;
        let kind = response.headers().get("content-type").ok().flatten().unwrap_or_default();
        if !kind.contains("json") {
            return Ok((response.status(), None));
        }
        let json = response.json().map_err(|error| Failure::no_answer(&error))?;
        // A static host may call a page JSON; what cannot be read is not the API's.
        let json = within(ANSWER_SECONDS, JsFuture::from(json)).await.and_then(Result::ok);
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

    async fn fetch(&self) -> Result<Response, JsValue> {
        let headers = Headers::new()?;
        headers.set("accept", "application/json")?;
        if let Some(token) = self.token {
            headers.set("authorization", &format!("Bearer {token}"))?;
        }
        if let Some(key) = self.idempotency_key {
            headers.set("idempotency-key", key)?;
        }
        let options = RequestInit::new();
        options.set_method(self.method);
        match &self.body {
            Body::Empty => {}
            Body::Json(text) => {
                headers.set("content-type", "application/json")?;
                options.set_body(&JsValue::from_str(text));
            }
            // The browser writes the content type, which names the boundary between the parts.
            Body::Form(form) => options.set_body(form),
        }
        options.set_headers(&headers);
        let seconds = if matches!(self.body, Body::Form(_)) { FILE_SECONDS } else { ANSWER_SECONDS };
        let response = within(seconds, JsFuture::from(window().fetch_with_str_and_init(self.address, &options))).await;
        let response = response.ok_or_else(|| JsValue::from(format!("waited for {seconds} seconds")))??;
        Ok(response.unchecked_into())
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
