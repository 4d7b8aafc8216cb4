//! Counters for Prometheus, written out at `/metrics`.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Upper ends of the latency histogram's buckets, in seconds.
const ENDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// What became of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Scored and stored.
    Scored,
    /// The file had problems.
    Failed,
    /// An earlier answer was given again.
    Repeated,
}

/// The counters of this process.
#[derive(Debug, Default)]
pub struct Metrics(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    requests: BTreeMap<(String, String, u16), u64>,
    latencies: BTreeMap<String, Latency>,
    submissions: BTreeMap<Outcome, u64>,
    rows: u64,
    scoring_seconds: f64,
    uploads: u64,
    results: u64,
}

#[derive(Debug, Default)]
struct Latency {
    buckets: [u64; ENDS.len()],
    count: u64,
    seconds: f64,
}

impl Metrics {
    /// Counts an answered request. `route` is the route's pattern, never the path, which a client can invent.
    pub fn request(&self, route: &str, method: &str, status: u16, took: Duration) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.requests.entry((route.to_owned(), method.to_owned(), status)).or_default() += 1;
        let seconds = took.as_secs_f64();
        let latency = counts.latencies.entry(route.to_owned()).or_default();
        latency.count += 1;
        latency.seconds += seconds;
        for (bucket, end) in latency.buckets.iter_mut().zip(ENDS) {
            *bucket += u64::from(seconds <= end);
        }
    }

    /// Counts a submission.
    pub fn submission(&self, outcome: Outcome) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).submissions.entry(outcome).or_default() += 1;
    }

    /// Counts scored rows and the time that scoring them took.
    pub fn scored(&self, rows: usize, took: Duration) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.rows += rows as u64;
        counts.scoring_seconds += took.as_secs_f64();
    }

    /// Counts a form whose body is read.
    pub fn upload(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).uploads += 1;
    }

    /// Counts a report or comparison that was computed.
    pub fn computed(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).results += 1;
    }

    /// All of it in Prometheus's text format.
    pub fn text(&self) -> String {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        // Writing into a String does not fail.
        let _ = counts.write(&mut text);
        text
    }
}

impl Counts {
    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "# HELP portal_requests_total Answered requests.\n# TYPE portal_requests_total counter")?;
        for ((route, method, status), count) in &self.requests {
            writeln!(
                out,
                "portal_requests_total{{route=\"{route}\",method=\"{method}\",status=\"{status}\"}} {count}"
            )?;
        }
        let name = "portal_request_seconds";
        writeln!(out, "# HELP {name} Time from headers to answer.\n# TYPE {name} histogram")?;
        for (route, latency) in &self.latencies {
            for (end, count) in ENDS.iter().zip(latency.buckets) {
                writeln!(out, "{name}_bucket{{route=\"{route}\",le=\"{end}\"}} {count}")?;
            }
            writeln!(out, "{name}_bucket{{route=\"{route}\",le=\"+Inf\"}} {}", latency.count)?;
            writeln!(out, "{name}_sum{{route=\"{route}\"}} {}", latency.seconds)?;
            writeln!(out, "{name}_count{{route=\"{route}\"}} {}", latency.count)?;
        }
        writeln!(out, "# HELP portal_submissions_total Submissions.\n# TYPE portal_submissions_total counter")?;
        for outcome in [Outcome::Scored, Outcome::Failed, Outcome::Repeated] {
            let count = self.submissions.get(&outcome).copied().unwrap_or_default();
            writeln!(out, "portal_submissions_total{{outcome=\"{}\"}} {count}", outcome.label())?;
        }
        writeln!(out, "# HELP portal_scored_rows_total Rows scored.\n# TYPE portal_scored_rows_total counter")?;
        writeln!(out, "portal_scored_rows_total {}", self.rows)?;
        writeln!(out, "# HELP portal_scoring_seconds_total Time spent scoring.")?;
        writeln!(out, "# TYPE portal_scoring_seconds_total counter")?;
        writeln!(out, "portal_scoring_seconds_total {}", self.scoring_seconds)?;
        writeln!(out, "# HELP portal_uploads_read_total Submissions whose body was read.")?;
        writeln!(out, "# TYPE portal_uploads_read_total counter\nportal_uploads_read_total {}", self.uploads)?;
        writeln!(out, "# HELP portal_results_computed_total Reports and comparisons computed.")?;
        writeln!(out, "# TYPE portal_results_computed_total counter\nportal_results_computed_total {}", self.results)
    }
}

impl Outcome {
    fn label(self) -> &'static str {
        match self {
            Outcome::Scored => "scored",
            Outcome::Failed => "failed",
            Outcome::Repeated => "repeated",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative() {
        let metrics = Metrics::default();
        metrics.request("/a", "GET", 200, Duration::from_millis(2));
        metrics.request("/a", "GET", 200, Duration::from_secs(60));
        let text = metrics.text();
        for line in [
            "portal_requests_total{route=\"/a\",method=\"GET\",status=\"200\"} 2",
            "portal_request_seconds_bucket{route=\"/a\",le=\"0.001\"} 0",
            "portal_request_seconds_bucket{route=\"/a\",le=\"0.0025\"} 1",
            "portal_request_seconds_bucket{route=\"/a\",le=\"30\"} 1",
            "portal_request_seconds_bucket{route=\"/a\",le=\"+Inf\"} 2",
            "portal_submissions_total{outcome=\"scored\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
