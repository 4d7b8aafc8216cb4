//! Photographs to ages, a folder at a time, beside a script of onnxruntime and OpenCV.

use anyhow::Result;

use super::{DOCUMENT, install};
use crate::{
    native,
    project::Project,
    step::{Steps, execute},
};

/// Measures, prints the table and writes it into the document; photographs and measurements stay in the target folder.
pub(crate) fn predict(project: &Project, steps: &mut Steps) -> Result<()> {
    let why = "onnxruntime and OpenCV to compare with";
    let python = steps.run("python", why, || install::python(project, "requirements"))?;
    native::build(project, steps)?;
    let files = project.target.join("artifacts").join("bench-predict");
    steps.run("predict", "`trainer predict` and the script, taking turns", || {
        let mut trainer = project.command(project.program("trainer"));
        execute(trainer.args(["--device", "cpu", "bench", "predict", "--out"]).arg(&files).arg("--python").arg(&python))
    })?;
    steps.run("report", "the table of what was measured", || {
        let mut trainer = project.command(project.program("trainer"));
        execute(trainer.args(["bench", "report", "--into", DOCUMENT]).arg(files.join("predict.json")))
    })
}
