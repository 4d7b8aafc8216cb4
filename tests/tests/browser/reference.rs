//! The right answers by the trainer as its user runs it, and photographs that lie beside the repository.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use glae_estimate::{Look, Seen};
use tests::native::Native;
use tokio::process::Command;

use crate::session::Session;

/// One line of the trainer's predictions.
#[derive(Debug, Clone)]
pub(crate) struct Prediction {
    pub(crate) age: f32,
    pub(crate) route: String,
}

/// Runs `trainer predict` on whole photographs; its answers by their names without extension. Photographs whose main face
/// has no age have none.
pub(crate) async fn trainer_predict(
    session: &Session,
    weights: &Path,
    files: &[PathBuf],
) -> Result<HashMap<String, Prediction>> {
    let out = session.scratch("predictions.csv");
    let output = Command::new(&session.settings.trainer)
        .args(["--device", "cpu", "predict", "--weights"])
        .arg(weights)
        .arg("--detector")
        .arg(session.detector_weights()?)
        .arg("--out")
        .arg(&out)
        .args(files)
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
        let name = Path::new(words[id]).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        found.insert(name, Prediction { age: words[age].parse()?, route: words[route].to_owned() });
    }
    Ok(found)
}

/// A test chip of UTKFace with a single face whose age can be told, where that data set lies beside the repository. It is
/// licensed to each researcher, so it is neither copied nor shown: no screenshot is taken while it is on the page.
pub(crate) async fn utkface_chip(native: &Native) -> Result<Option<PathBuf>> {
    let folder = tests::root().join("../shared/data/utkface");
    if !folder.is_dir() {
        return Ok(None);
    }
    let split = fs::read_to_string(folder.join("splits/test.csv"))?;
    for line in split.lines().skip(1).take(50) {
        let name = line.split(',').next().context("a line of splits/test.csv is empty")?;
        let chip = folder.join("images").join(name).canonicalize()?;
        if let [Seen { estimate: Some(_), .. }] = native.look(&chip).await?.seen.as_slice() {
            return Ok(Some(chip));
        }
    }
    anyhow::bail!("not one of UTKFace's first 50 test chips has a single face")
}

/// Photographs with several people, and what the library sees in them: `count` of those that the detector's training never
/// saw, from both sets in turn. `None` where they do not lie beside the repository; see [`utkface_chip`] for how they are
/// treated.
pub(crate) async fn photographs(native: &Native, count: usize) -> Result<Option<Vec<(PathBuf, Look)>>> {
    let data = tests::root().join("../shared/data");
    let mut sets = Vec::new();
    for set in ["fairface", "natural"] {
        let folder = data.join(set);
        if !folder.is_dir() {
            return Ok(None);
        }
        let labels = fs::read_to_string(folder.join("faces.csv"))?;
        // `file,width,height,face,...`: faces are counted from 1, so a second one makes a photograph of several.
        let several = |file: &str| {
            labels.lines().any(|line| {
                let mut words = line.split(',');
                words.next() == Some(file) && words.nth(2) == Some("2")
            })
        };
        let kept = fs::read_to_string(tests::root().join(format!("trainer/configs/detector/kept-{set}.txt")))?;
        let files =
            kept.lines().filter(|file| several(file)).map(|file| folder.join("images").join(file).canonicalize());
        sets.push(files.collect::<Result<Vec<_>, _>>()?);
    }
    let mut found = Vec::new();
    let longest = sets.iter().map(Vec::len).max().unwrap_or(0);
    for file in (0..longest).flat_map(|index| sets.iter().filter_map(move |set| set.get(index))) {
        let look = native.look(file).await?;
        if look.seen.len() >= 2 {
            found.push((file.clone(), look));
        }
        if found.len() == count {
            return Ok(Some(found));
        }
    }
    anyhow::bail!("only {} of the kept photographs have several faces", found.len())
}
