//! The right answers, computed natively: by the library, and by the trainer as its user runs it.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use glae_face::{
    crop::{Square, crop_square},
    photo,
};
use glae_model::{Estimate, Estimator, manifest::Manifest};
use tokio::process::Command;

use crate::session::Session;

/// What the library says of a file, on the CPU and without a browser.
pub(crate) async fn native(weights: &Path, file: &Path) -> Result<Estimate> {
    let manifest = Manifest::parse(&fs::read_to_string(weights.join("manifest.json"))?)?;
    let bytes = fs::read(weights.join(&manifest.file))?;
    let size = manifest.input.size as u32;
    let photo = photo::decode(&fs::read(file)?)?;
    let crop = crop_square(&photo, Square::centred(photo.width(), photo.height()), size);
    let estimator = Estimator::load(manifest, &bytes, &Device::flex())?;
    let mut estimates = estimator.estimate(&[crop.as_raw()]).await?;
    estimates.pop().context("one crop gives one estimate")
}

/// One line of the trainer's predictions.
#[derive(Debug, Clone)]
pub(crate) struct Prediction {
    pub(crate) age: f32,
    pub(crate) route: String,
}

/// Runs `trainer predict` and returns its answers in the order of `files`.
pub(crate) async fn trainer_predict(session: &Session, weights: &Path, files: &[PathBuf]) -> Result<Vec<Prediction>> {
    let out = session.scratch("predictions.csv");
    let output = Command::new(&session.settings.trainer)
        .args(["--device", "cpu", "predict", "--weights"])
        .arg(weights)
        .args(files)
        .arg("--out")
        .arg(&out)
        .output()
        .await
        .context("cannot start the trainer")?;
    ensure!(output.status.success(), "trainer predict failed: {}", String::from_utf8_lossy(&output.stderr));
    let table = fs::read_to_string(&out)?;
    let mut lines = table.lines();
    let header: Vec<&str> = lines.next().context("predictions.csv is empty")?.split(',').collect();
    let column = |name| header.iter().position(|word| *word == name).with_context(|| format!("no column {name}"));
    let (id, age, route) = (column("id")?, column("age")?, column("route")?);
    let mut found = HashMap::new();
    for line in lines {
        let words: Vec<&str> = line.split(',').collect();
        ensure!(words.len() == header.len(), "a line of predictions.csv has another number of columns: {line}");
        found.insert(words[id].to_owned(), Prediction { age: words[age].parse()?, route: words[route].to_owned() });
    }
    files
        .iter()
        .map(|file| {
            let (stem, name) = (file.file_stem(), file.file_name());
            let known = [stem, name].into_iter().flatten().find_map(|id| found.get(id.to_string_lossy().as_ref()));
            known.cloned().with_context(|| format!("{} is not in {table}", file.display()))
        })
        .collect()
}

/// A test chip of UTKFace, where that data set lies beside the repository. It is licensed to each researcher, so it is
/// neither copied nor shown: no screenshot is taken while it is on the page.
pub(crate) fn utkface_chip() -> Result<Option<PathBuf>> {
    let folder = tests::root().join("../shared/data/utkface");
    if !folder.is_dir() {
        return Ok(None);
    }
    let split = fs::read_to_string(folder.join("splits/test.csv"))?;
    let first = split.lines().nth(1).and_then(|line| line.split(',').next()).context("splits/test.csv has no line")?;
    Ok(Some(folder.join("images").join(first).canonicalize()?))
}
