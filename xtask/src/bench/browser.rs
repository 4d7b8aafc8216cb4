//! The whole page beside onnxruntime-web: an estimate, the first answer of a new visitor, what is downloaded for it.

use anyhow::Result;

use super::{DOCUMENT, stage::BenchTools};
use crate::{
    compress::Quality,
    native, page,
    project::Project,
    step::{Steps, execute},
};

/// Measures, prints the tables and writes them into the document; the single measurements stay in the target folder.
pub(crate) fn browser(project: &Project, steps: &mut Steps) -> Result<()> {
    let stage = BenchTools::set_up(project, steps)?;
    native::build(project, steps)?;
    let files = project.target.join("artifacts").join("bench-browser");
    steps.run("networks", "weights for the page, and the same as graphs, with input and answers", || {
        let mut trainer = project.command(project.program("trainer"));
        execute(trainer.args(["bench", "browser", "--out"]).arg(&files))
    })?;
    // As it is published: how much is downloaded is measured too.
    let site = page::build(project, steps, Quality::Best)?;
    steps.run("browser", "the page and onnxruntime-web, taking turns", || {
        stage.measure(project, "browser.mjs", &site, &files.join("public"), &files)
    })?;
    steps.run("report", "tables of what was measured", || {
        let mut trainer = project.command(project.program("trainer"));
        execute(trainer.args(["bench", "report", "--into", DOCUMENT]).arg(files.join("browser.json")))
    })
}
