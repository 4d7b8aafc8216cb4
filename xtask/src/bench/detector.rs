//! The face detector beside onnxruntime, OpenCV and onnxruntime-web.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{DOCUMENT, install, stage::BenchTools};
use crate::{
    compress::Quality,
    native, page,
    project::Project,
    step::{Steps, execute},
};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    Native,
    Browser,
    Both,
}

/// Measures, prints tables and writes them into the document; the single measurements stay in the target folder.
///
/// All set-up comes first: what is missing shall be known before anything is built for minutes.
pub(crate) fn detector(project: &Project, steps: &mut Steps, part: Where) -> Result<()> {
    let python = match part {
        Where::Browser => None,
        _ => Some(
            steps
                .run("python", "onnxruntime and OpenCV to compare with", || install::python(project, "requirements"))?,
        ),
    };
    let stage = match part {
        Where::Native => None,
        _ => Some(BenchTools::set_up(project, steps)?),
    };
    native::build(project, steps)?;
    let files = project.target.join("artifacts").join("bench-detector");
    let mut measurements = Vec::new();
    // The browser's part needs the files that this leaves, though not its times.
    let why = match part {
        Where::Browser => "the graph, its input and our answers, for the browser",
        _ => "ours, onnxruntime and OpenCV, taking turns",
    };
    steps.run("native", why, || native(project, &files, python.as_deref()))?;
    if python.is_some() {
        measurements.push(files.join("native.json"));
    }
    if let Some(stage) = stage {
        let site = page::build(project, steps, Quality::Quick)?;
        steps.run("browser", "the page and onnxruntime-web in one Chromium, taking turns", || {
            stage.measure(project, "detector.mjs", &site, &project.path("public"), &files)
        })?;
        measurements.push(files.join("browser.json"));
    }
    steps.run("report", "tables of what was measured", || {
        let mut trainer = project.command(project.program("trainer"));
        execute(trainer.args(["bench", "report", "--into", DOCUMENT]).args(&measurements))
    })
}

fn native(project: &Project, files: &Path, python: Option<&Path>) -> Result<()> {
    let mut trainer = project.command(project.program("trainer"));
    trainer.args(["--device", "cpu", "bench", "detector", "--out"]).arg(files);
    match shipped(project)? {
        Some(weights) => {
            trainer.arg("--weights").arg(weights);
        }
        None => println!("no detector lies in public/weights: a network drawn from a seed stands in, as fast as any"),
    }
    match python {
        Some(python) => trainer.arg("--python").arg(python),
        None => trainer.args(["--rounds", "1"]),
    };
    execute(&mut trainer)
}

/// The first folder of weights of a detector that ships.
fn shipped(project: &Project) -> Result<Option<PathBuf>> {
    let weights = project.path("public/weights");
    let entries = std::fs::read_dir(&weights).with_context(|| format!("cannot read {}", weights.display()))?;
    let folders = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let is_detector =
        |path: &&PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("detector"));
    Ok(folders.iter().filter(is_detector).min().cloned())
}
