//! Counters for Prometheus, written out at `/metrics` in the OpenMetrics text format.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Upper ends of the latency histogram's buckets, in seconds.
const ENDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// What became of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Scored and stored.
    Scored,
    /// The file had problems.
    Failed,
    /// An earlier answer was given again.
    Repeated,
}

impl EncodeLabelValue for Outcome {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> fmt::Result {
        let label = match self {
            Self::Scored => "scored",
            Self::Failed => "failed",
            Self::Repeated => "repeated",
        };
        label.encode(encoder)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: Outcome,
}

/// The counters of this process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    latencies: Family<RouteLabel, Histogram, fn() -> Histogram>,
    submissions: Family<OutcomeLabel, Counter>,
    rows: Counter,
    scoring_seconds: Counter<f64, AtomicU64>,
    uploads: Counter,
    results: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let latencies = Family::new_with_constructor((|| Histogram::new(ENDS)) as fn() -> Histogram);
        let mut registry = Registry::with_prefix("portal");
        let metrics = Self {
            requests: Family::default(),
            latencies,
            submissions: Family::default(),
            rows: Counter::default(),
            scoring_seconds: Counter::default(),
            uploads: Counter::default(),
            results: Counter::default(),
            registry: Registry::default(),
        };
        registry.register("requests", "Answered requests", metrics.requests.clone());
        registry.register("request_seconds", "Time from headers to answer", metrics.latencies.clone());
        registry.register("submissions", "Submissions", metrics.submissions.clone());
        registry.register("scored_rows", "Rows scored", metrics.rows.clone());
        registry.register("scoring_seconds", "Time spent scoring", metrics.scoring_seconds.clone());
        registry.register("uploads_read", "Submissions whose body was read", metrics.uploads.clone());
        registry.register("results_computed", "Reports and comparisons computed", metrics.results.clone());
        // Zero is told too.
        for outcome in [Outcome::Scored, Outcome::Failed, Outcome::Repeated] {
            let _ = metrics.submissions.get_or_create(&OutcomeLabel { outcome });
        }
        Self { registry, ..metrics }
    }
}

impl Metrics {
    /// Counts an answered request. `route` is the route's pattern, never the path, which a client can invent.
    pub fn request(&self, route: &str, method: &str, status: u16, took: Duration) {
        let (route, method) = (route.to_owned(), method.to_owned());
        self.latencies.get_or_create(&RouteLabel { route: route.clone() }).observe(took.as_secs_f64());
        self.requests.get_or_create(&RequestLabels { route, method, status }).inc();
    }

    /// Counts a submission.
    pub fn submission(&self, outcome: Outcome) {
        self.submissions.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// Counts scored rows and the time that scoring them took.
    pub fn scored(&self, rows: usize, took: Duration) {
        self.rows.inc_by(rows as u64);
        self.scoring_seconds.inc_by(took.as_secs_f64());
    }

    /// Counts a form whose body is read.
    pub fn upload(&self) {
        self.uploads.inc();
    }

    /// Counts a report or comparison that was computed.
    pub fn computed(&self) {
        self.results.inc();
    }

    /// All of it as text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a String does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
