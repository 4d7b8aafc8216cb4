//! How long scoring takes, beside the same work in pandas and scikit-learn, alternating within one run:
//!
//! `cargo run --release -p glae-metrics --example bench_scoring -- [python3]`
//!
//! Times are of processor time, from bytes in memory (here) or a file in the page cache (pandas) to the report. The best
//! of several rounds is printed: everything else that runs on a machine can only make a round longer.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use glae_metrics::{Bootstrap, Options, Predictions, Truth, score};

const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let python = std::env::args().nth(1).unwrap_or_else(|| "python3".to_owned());
    let folder = std::env::temp_dir().join(format!("glae-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    for rows in [114_688, 1_000_000] {
        for shuffled in [false, true] {
            let (truth, predictions) = files(rows, shuffled);
            let paths = [folder.join("truth.csv"), folder.join("predictions.csv")];
            std::fs::write(&paths[0], &truth)?;
            std::fs::write(&paths[1], &predictions)?;
            println!(
                "{rows} rows, {}",
                if shuffled { "predictions shuffled" } else { "predictions in the truth's order" }
            );
            bench(truth.as_bytes(), predictions.as_bytes(), &python, &paths)?;
        }
    }
    let (truth, predictions) = files(114_688, false);
    let (truth, predictions) = (parsed(&truth, Truth::parse)?, parsed(&predictions, Predictions::parse)?);
    let clock = Clock::start();
    let options = Options { intervals: Some(Bootstrap::default()), ..Options::default() };
    let report = score(&truth, &predictions, &options)?;
    let seconds = clock.milliseconds() / 1000.0;
    println!("114688 rows with 1000 resamples: {seconds:.2} s, CMAE {:.3} {:?}", report.cmae, report.intervals);
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

/// Processor time of this thread where the system tells (Linux), or else time on the wall.
struct Clock {
    wall: Instant,
    processor: Option<Duration>,
}

impl Clock {
    fn start() -> Self {
        Self { wall: Instant::now(), processor: Self::processor() }
    }

    fn milliseconds(&self) -> f64 {
        let processor = Self::processor().zip(self.processor).map(|(now, then)| now - then);
        processor.unwrap_or_else(|| self.wall.elapsed()).as_secs_f64() * 1000.0
    }

    fn processor() -> Option<Duration> {
        let nanoseconds = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        Some(Duration::from_nanos(nanoseconds.split_whitespace().next()?.parse().ok()?))
    }
}

fn parsed<T, E>(text: &str, parse: impl Fn(&[u8]) -> Result<T, E>) -> Result<T, E> {
    parse(text.as_bytes())
}

fn bench(
    truth_bytes: &[u8],
    prediction_bytes: &[u8],
    python: &str,
    paths: &[std::path::PathBuf; 2],
) -> Result<(), Box<dyn std::error::Error>> {
    let (mut best, mut pandas, mut scores) = ([f64::INFINITY; 3], Vec::new(), String::new());
    for _ in 0..ROUNDS {
        let mut times = [0.0; 3];
        let clock = Clock::start();
        let truth = Truth::parse(truth_bytes)?;
        times[0] = clock.milliseconds();
        let clock = Clock::start();
        let predictions = Predictions::parse(prediction_bytes)?;
        times[1] = clock.milliseconds();
        let clock = Clock::start();
        let report = score(&truth, &predictions, &Options::default())?;
        times[2] = clock.milliseconds();
        best = std::array::from_fn(|part| best[part].min(times[part]));
        scores = format!("MAE {:.9}, CMAE {:.9}", report.mae, report.cmae);
        pandas.push(run_pandas(python, paths));
    }
    println!(
        "  glae-metrics: truth {:.1} ms, predictions {:.1} ms, join and score {:.1} ms, together {:.1} ms; {scores}",
        best[0],
        best[1],
        best[2],
        best.iter().sum::<f64>()
    );
    let of = |line: &String| line.split_whitespace().nth(1).and_then(|ms| ms.parse().ok()).unwrap_or(f64::INFINITY);
    match pandas.into_iter().collect::<Result<Vec<String>, String>>() {
        Ok(lines) => {
            println!("  pandas:       {}", lines.into_iter().min_by(|a, b| of(a).total_cmp(&of(b))).unwrap_or_default())
        }
        Err(reason) => println!("  pandas:       not measured: {reason}"),
    }
    Ok(())
}

/// One round in Python, which times itself: starting the interpreter and its imports does not count.
fn run_pandas(python: &str, paths: &[std::path::PathBuf; 2]) -> Result<String, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/score_pandas.py");
    let output = Command::new(python).arg(script).args(paths).output().map_err(|error| format!("{python}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or("it failed").to_owned())
}

/// A truth and predictions with ids as in file names, whole ages and errors of a few years.
fn files(rows: u32, shuffled: bool) -> (String, String) {
    let (mut truth, mut predictions) = (String::from("id,age\n"), String::from("id,age\n"));
    // Multiplying by a number without a common factor visits every row once.
    let step = if shuffled { 386_093_u64 } else { 1 };
    let age = |row: u64| 1 + (row * 7919) % 81;
    for row in 0..u64::from(rows) {
        let _ = writeln!(truth, "images/{row:07}.jpg,{}", age(row));
        let other = (row * step) % u64::from(rows);
        let error = ((other * 104_729) % 10_007) as f64 / 1000.0 - 5.0;
        let _ = writeln!(predictions, "images/{other:07}.jpg,{:.4}", (age(other) as f64 + error).max(0.0));
    }
    (truth, predictions)
}
