//! `cargo xtask bench`: side by side with what a user would pick instead, in one run.

mod accuracy;
mod board;
mod browser;
mod detector;
pub(crate) mod install;
mod predict;
mod stage;
mod start;
mod training;

use anyhow::Result;

pub(crate) use accuracy::accuracy;
pub(crate) use board::board;
pub(crate) use browser::browser;
pub(crate) use detector::{Where, detector};
pub(crate) use predict::predict;
pub(crate) use start::{first_start, start};
pub(crate) use training::training;

use crate::{
    compress::Quality,
    journeys::JourneyTools,
    native, page,
    project::Project,
    step::{Steps, execute},
    tools,
};

/// Where the tables go.
const DOCUMENT: &str = "docs/performance.md";

/// A million predictions parsed and scored: natively and with pandas and scikit-learn, then in the page's worker.
pub(crate) fn scoring(project: &Project, steps: &mut Steps) -> Result<()> {
    tools::install(project, steps)?;
    let stage = JourneyTools::set_up(project, steps)?;
    let why = "pandas and scikit-learn to compare with";
    let python = steps.run("python", why, || install::python(project, "requirements-scoring"))?;
    steps.run("native", "glae-metrics beside pandas and scikit-learn, alternating", || {
        let example = ["run", "--locked", "--release", "--package", "glae-metrics", "--example", "bench_scoring"];
        execute(project.cargo(&example).arg("--").arg(&python))
    })?;
    native::build(project, steps)?;
    let site = page::build(project, steps, Quality::Quick)?;
    steps.run("browser", "the same number of rows in the page's worker", || {
        stage.play(project, &site, &["a_million_rows"], None)
    })
}
