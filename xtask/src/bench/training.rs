//! A step of training and an estimate beside PyTorch and onnxruntime.

use anyhow::Result;

use super::{DOCUMENT, install};
use crate::{
    native,
    project::Project,
    step::{Steps, execute},
};

/// Measures, prints the table and writes it into the document; the single measurements stay in the target folder.
pub(crate) fn training(project: &Project, steps: &mut Steps) -> Result<()> {
    let why = "PyTorch and onnxruntime to compare with (about 5 GB, once)";
    let python = steps.run("python", why, || install::python(project, "requirements-training"))?;
    native::build(project, steps)?;
    let files = project.target.join("artifacts").join("bench-training");
    steps.run("training", "ours, PyTorch and onnxruntime, taking turns", || {
        let mut trainer = project.command(project.program("trainer"));
        execute(trainer.args(["bench", "training", "--out"]).arg(&files).arg("--python").arg(&python))
    })?;
    steps.run("report", "the table of what was measured", || {
        let mut trainer = project.command(project.program("trainer"));
        execute(trainer.args(["bench", "report", "--into", DOCUMENT]).arg(files.join("training.json")))
    })
}
