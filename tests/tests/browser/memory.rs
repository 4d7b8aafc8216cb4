//! How much memory the page and its worker hold, after everything that nobody needs has been collected.

use std::fmt;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::session::Session;

/// Keeps a hold of the program's memory, which is not reachable from outside otherwise. Runs before the page's or the
/// worker's own code.
pub(crate) const KEEP: &str = "
    for (const name of ['instantiate', 'instantiateStreaming']) {
        const original = WebAssembly[name];
        WebAssembly[name] = async (...rest) => {
            const made = await original.apply(WebAssembly, rest);
            self.wasmMemory = (made.instance ?? made).exports.memory;
            return made;
        };
    }";

/// The most that anything counted in bytes may grow. A picture of the camera has 300 KB as RGBA: one that is kept each
/// second would pass this in a quarter of a minute.
const MOST_BYTES: f64 = 4.0 * 1024.0 * 1024.0;

/// The most that elements and listeners may become more: a face in the picture and its card have a few dozen.
const MOST_NODES: f64 = 100.0;

/// What is held at one moment.
pub(crate) struct Memory(Vec<Part>);

struct Part {
    name: &'static str,
    held: f64,
    most_growth: f64,
}

impl Memory {
    /// Collects what is not needed, and measures the rest.
    pub(crate) async fn measure(session: &Session) -> Result<Self> {
        let mut parts = Vec::new();
        for (kind, heap, buffers, program) in [
            ("page", "page: heap", "page: buffers", "page: program"),
            ("worker", "worker: heap", "worker: buffers", "worker: program"),
        ] {
            // What the first collection finds unused may hold more, which its finalisers then let go of.
            for _ in 0..2 {
                session.watcher.ask(kind, "HeapProfiler.collectGarbage", json!({})).await?;
            }
            let usage = session.watcher.ask(kind, "Runtime.getHeapUsage", json!({})).await?;
            let bytes = |name: &str| number(&usage, name);
            parts.push((heap, bytes("usedSize")? + bytes("embedderHeapUsedSize")?, MOST_BYTES));
            parts.push((buffers, bytes("backingStorageSize")?, MOST_BYTES));
            parts.push((program, held_by_program(session, kind).await?, MOST_BYTES));
        }
        let counters = session.watcher.ask("page", "Memory.getDOMCounters", json!({})).await?;
        parts.push(("page: nodes", number(&counters, "nodes")?, MOST_NODES));
        parts.push(("page: listeners", number(&counters, "jsEventListeners")?, MOST_NODES));
        Ok(Self(parts.into_iter().map(|(name, held, most_growth)| Part { name, held, most_growth }).collect()))
    }

    /// Nothing has grown since `earlier` by more than it may.
    pub(crate) fn ensure_steady_since(&self, earlier: &Self) -> Result<()> {
        for (now, then) in self.0.iter().zip(&earlier.0) {
            let growth = now.held - then.held;
            ensure!(growth <= now.most_growth, "{} grew by {growth}: from {earlier} to {self}", now.name);
        }
        Ok(())
    }
}

/// Bytes that the program of the "page" or the "worker" holds, where [`KEEP`] ran before it. It gives none back, so this is
/// the most that it has ever held.
pub(crate) async fn held_by_program(session: &Session, kind: &str) -> Result<f64> {
    let expression = json!({ "expression": "self.wasmMemory.buffer.byteLength", "returnByValue": true });
    let length = session.watcher.ask(kind, "Runtime.evaluate", expression).await?;
    number(&length["result"], "value")
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Part { name, held, most_growth }) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            if *most_growth == MOST_BYTES {
                write!(f, "{separator}{name} {:.2} MiB", held / 1024.0 / 1024.0)?;
            } else {
                write!(f, "{separator}{name} {held}")?;
            }
        }
        Ok(())
    }
}

fn number(data: &Value, name: &str) -> Result<f64> {
    data[name].as_f64().with_context(|| format!("the browser tells no {name}: {data}"))
}
