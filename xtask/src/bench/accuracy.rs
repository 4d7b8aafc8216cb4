//! Ages by ours beside ages by packages of npm.

use std::path::Path;

use anyhow::Result;

use super::install;
use crate::{
    browser, native,
    project::Project,
    step::{Steps, execute},
};

/// Where the tables go.
const DOCUMENT: &str = "docs/accuracy.md";

/// Estimates, scores, prints tables and writes them into the document; the single answers stay in the target folder.
pub(crate) fn accuracy(project: &Project, steps: &mut Steps) -> Result<()> {
    steps.run("node", "drives the browser", || install::node(project))?;
    let packages = steps.run("packages", "face-api.js and human, to compare with", || install::packages(project))?;
    let browser = steps.run("browser", "the packages run in one", || browser::install(project))?;
    native::build(project, steps)?;
    let files = project.target.join("artifacts").join("bench-accuracy");
    steps.run("ours", "photographs listed and estimated, as in the page", || {
        let mut trainer = project.command(project.program("trainer"));
        execute(trainer.args(["--device", "cpu", "bench", "accuracy", "estimate", "--out"]).arg(&files))
    })?;
    let why = "the same photographs, about an hour on two cores unless the packages have answered before";
    steps.run("others", why, || {
        let mut node = project.command("node");
        node.arg(project.path("tests/bench/accuracy.mjs"));
        let named: [(&str, &Path); 4] = [
            ("--chromium", &browser.chromium),
            ("--driver", &browser.driver),
            ("--modules", &packages),
            ("--files", &files),
        ];
        for (name, path) in named {
            node.arg(name).arg(path);
        }
        execute(&mut node)
    })?;
    steps.run("report", "tables of how far each is off", || {
        let mut trainer = project.command(project.program("trainer"));
        execute(trainer.args(["bench", "accuracy", "report", "--into", DOCUMENT, "--files"]).arg(&files))
    })
}
