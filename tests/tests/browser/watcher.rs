//! A second pair of eyes on the browser: every request and every complaint, of the page and of its workers.
//!
//! ChromeDriver's own logs do not show what a worker requests or prints. This speaks the Chrome DevTools Protocol
//! directly: it attaches to each page and, through it, to each worker before its first line runs.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot},
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

/// Reports each compute dispatch. What a page says of its device is a label; this is the work.
pub(crate) const COUNT_DISPATCHES: &str = "
    for (const name of ['dispatchWorkgroups', 'dispatchWorkgroupsIndirect']) {
        const original = GPUComputePassEncoder.prototype[name];
        GPUComputePassEncoder.prototype[name] = function (...rest) {
            console.debug('gpu-dispatch');
            return original.apply(this, rest);
        };
    }";

/// A worker's prelude that runs `script` once WebGPU's interfaces are there. They are not yet when a worker waits for
/// its first line, so it waits for the first import.
pub(crate) fn when_loading(script: &str) -> String {
    format!(
        "const load = self.importScripts;
        self.importScripts = function (...files) {{
            self.importScripts = load;
            {script}
            return load.apply(self, files);
        }};"
    )
}

/// How long a target may take to answer. A worker that computes answers when it is done with a picture.
const PATIENCE: Duration = Duration::from_secs(60);

/// One request that the page or a worker sent.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) has_body: bool,
    /// "page" or "worker".
    pub(crate) sender: String,
}

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) requests: Vec<Request>,
    /// Other ways out: WebSocket, WebTransport.
    pub(crate) channels: Vec<String>,
    /// Errors on the console, uncaught exceptions, complaints of the browser about the page.
    pub(crate) complaints: Vec<String>,
    /// Compute dispatches that workers sent to the GPU while [`COUNT_DISPATCHES`] was in their prelude.
    pub(crate) gpu_dispatches: usize,
    /// Session and kind ("page", "worker") of each target that is open, the newest last.
    targets: Vec<(String, String)>,
    /// Runs in each new worker before its own code.
    prelude: Option<String>,
}

/// The connection to the browser.
pub(crate) struct Watcher {
    record: Arc<Mutex<Record>>,
    /// To the browser; `None` where it cannot be watched.
    orders: Option<mpsc::UnboundedSender<Order>>,
}

/// A command, and who waits for its answer.
struct Order {
    /// Of the target; `None` means the browser itself.
    session: Option<String>,
    method: String,
    params: Value,
    answered: oneshot::Sender<Value>,
}

impl Watcher {
    /// Connects to the browser that runs with this profile and watches all its pages.
    pub(crate) async fn connect(profile: &Path) -> Result<Self> {
        // Chromium writes port and path of its endpoint here before ChromeDriver reports the session.
        let file = profile.join("DevToolsActivePort");
        let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let (port, path) = text.split_once('\n').context("DevToolsActivePort has two lines")?;
        let url = format!("ws://127.0.0.1:{port}{}", path.trim());
        let (socket, _) = tokio_tungstenite::connect_async(&url).await.with_context(|| format!("cannot open {url}"))?;
        let record = Arc::<Mutex<Record>>::default();
        let (orders, receiver) = mpsc::unbounded_channel();
        let connection = Connection { socket, record: Arc::clone(&record), next_id: 0, waiting: HashMap::new() };
        tokio::spawn(connection.run(receiver));
        let watcher = Self { record, orders: Some(orders) };
        watcher.catch_up().await?;
        Ok(watcher)
    }

    /// One for a browser that speaks no DevTools Protocol: its record stays empty, and everything else is an error.
    pub(crate) fn blind() -> Self {
        Self { record: Arc::default(), orders: None }
    }

    /// Waits until everything that happened in the browser before this call is in the record.
    pub(crate) async fn catch_up(&self) -> Result<()> {
        if self.orders.is_none() {
            return Ok(());
        }
        // Answers and events come in one stream, in order.
        self.order(None, "Browser.getVersion", json!({})).await?;
        Ok(())
    }

    /// Sends a command to the newest target of a kind, "page" or "worker", and returns what it answers.
    pub(crate) async fn ask(&self, kind: &str, method: &str, params: Value) -> Result<Value> {
        let newest = self.record().targets.iter().rfind(|(_, own)| own == kind).map(|(session, _)| session.clone());
        let session = newest.with_context(|| format!("no {kind} is open"))?;
        let answer = self.order(Some(session), method, params).await?;
        let problem = [&answer["error"], &answer["result"]["exceptionDetails"]].into_iter().find(|it| !it.is_null());
        ensure!(problem.is_none(), "{method} failed in the {kind}: {answer}");
        Ok(answer["result"].clone())
    }

    async fn order(&self, session: Option<String>, method: &str, params: Value) -> Result<Value> {
        const CLOSED: &str = "the browser closed the watcher's connection";
        let (answered, answer) = oneshot::channel();
        let order = Order { session, method: method.to_owned(), params, answered };
        self.orders.as_ref().context("this browser cannot be watched")?.send(order).ok().context(CLOSED)?;
        let answer = tokio::time::timeout(PATIENCE, answer).await;
        answer.with_context(|| format!("{method} was not answered in {} s", PATIENCE.as_secs()))?.context(CLOSED)
    }

    /// What was seen so far.
    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        lock(&self.record)
    }

    /// Sets or removes the script that runs in each new worker before its own code.
    pub(crate) fn set_worker_prelude(&self, script: Option<&str>) {
        self.record().prelude = script.map(str::to_owned);
    }
}

fn lock(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Connection {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    record: Arc<Mutex<Record>>,
    next_id: u64,
    /// Who wants to know of the answer to which command.
    waiting: HashMap<u64, oneshot::Sender<Value>>,
}

impl Connection {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) -> Result<()> {
        self.attach_to_what_comes(None).await?;
        loop {
            tokio::select! {
                order = orders.recv() => {
                    let Some(Order { session, method, params, answered }) = order else { return Ok(()) };
                    let id = self.send(session.as_deref(), &method, params).await?;
                    self.waiting.insert(id, answered);
                }
                message = self.socket.next() => {
                    let Some(message) = message else { return Ok(()) };
                    if let Message::Text(text) = message? {
                        self.receive(&serde_json::from_str(text.as_str())?).await?;
                    }
                }
            }
        }
    }

    async fn send(&mut self, session: Option<&str>, method: &str, params: Value) -> Result<u64> {
        self.next_id += 1;
        let mut command = json!({ "id": self.next_id, "method": method, "params": params });
        if let Some(session) = session {
            command["sessionId"] = session.into();
        }
        self.socket.send(Message::text(command.to_string())).await?;
        Ok(self.next_id)
    }

    async fn attach_to_what_comes(&mut self, session: Option<&str>) -> Result<()> {
        let params = json!({ "autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true });
        self.send(session, "Target.setAutoAttach", params).await?;
        Ok(())
    }

    async fn receive(&mut self, message: &Value) -> Result<()> {
        if let Some(answered) = message["id"].as_u64().and_then(|id| self.waiting.remove(&id)) {
            // Nobody listens any more if the journey was given up.
            let _ = answered.send(message.clone());
            return Ok(());
        }
        // A prelude that fails must not look like one that saw nothing.
        if let Some(failure) = message["result"]["exceptionDetails"]["exception"]["description"].as_str() {
            lock(&self.record).complaints.push(format!("our own prelude: {failure}"));
        }
        let params = &message["params"];
        if message["method"] == "Target.attachedToTarget" {
            return self.welcome(params).await;
        }
        if message["method"] == "Target.detachedFromTarget" {
            lock(&self.record).targets.retain(|(session, _)| params["sessionId"] != *session);
        }
        let sender = {
            let record = lock(&self.record);
            let own = record.targets.iter().find(|(session, _)| message["sessionId"] == *session);
            own.map(|(_, kind)| kind.clone()).unwrap_or_default()
        };
        note(&mut lock(&self.record), &sender, message["method"].as_str().unwrap_or_default(), params);
        Ok(())
    }

    /// A new page or worker waits for us: switch on what we want to see, then let it run.
    async fn welcome(&mut self, params: &Value) -> Result<()> {
        let session = params["sessionId"].as_str().context("a target has a session")?.to_owned();
        let kind = params["targetInfo"]["type"].as_str().unwrap_or_default().to_owned();
        let prelude = {
            let mut record = lock(&self.record);
            record.targets.push((session.clone(), kind.clone()));
            record.prelude.clone().filter(|_| kind == "worker")
        };
        for domain in ["Network.enable", "Runtime.enable", "Log.enable"] {
            self.send(Some(&session), domain, json!({})).await?;
        }
        self.attach_to_what_comes(Some(&session)).await?;
        if let Some(script) = prelude {
            self.send(Some(&session), "Runtime.evaluate", json!({ "expression": script })).await?;
        }
        self.send(Some(&session), "Runtime.runIfWaitingForDebugger", json!({})).await?;
        Ok(())
    }
}

/// Writes an event into the record if it is of a kind that we look for.
fn note(record: &mut Record, sender: &str, method: &str, params: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match method {
        "Network.requestWillBeSent" => {
            let request = &params["request"];
            let has_body = request["hasPostData"] == true || request["postData"].is_string();
            let (method, url) = (text(&request["method"]), text(&request["url"]));
            record.requests.push(Request { method, url, has_body, sender: sender.to_owned() });
        }
        "Network.webSocketCreated" | "Network.webTransportCreated" | "Network.directTCPSocketCreated" => {
            record.channels.push(format!("{sender}: {method} {}", params["url"]));
        }
        "Runtime.consoleAPICalled" if params["type"] == "error" || params["type"] == "assert" => {
            let words = params["args"].as_array().into_iter().flatten();
            let words: Vec<String> = words
                .map(|word| word["value"].as_str().or(word["description"].as_str()).unwrap_or("…").to_owned())
                .collect();
            record.complaints.push(format!("{sender}: {}", words.join(" ")));
        }
        "Runtime.consoleAPICalled" if params["args"][0]["value"] == "gpu-dispatch" => record.gpu_dispatches += 1,
        "Runtime.exceptionThrown" => {
            let details = &params["exceptionDetails"];
            let what = details["exception"]["description"].as_str().or(details["text"].as_str()).unwrap_or("…");
            record.complaints.push(format!("{sender}: uncaught {what}"));
        }
        "Log.entryAdded" if params["entry"]["level"] == "error" => {
            let entry = &params["entry"];
            record.complaints.push(format!("{sender}: {} ({})", text(&entry["text"]), text(&entry["url"])));
        }
        _ => {}
    }
}
