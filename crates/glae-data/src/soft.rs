//! Soft labels: age distributions of other networks, as targets beside labelled ages, and faces that have no others.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use glae_metrics::CellRow;
use glae_model::manifest::{Input, sha256};
use glae_model::weights::Array;
use glae_model::{AGES, Precision, StateDict};
use serde::{Deserialize, Serialize};

use crate::images::{Crops, Set, load, load_wide};
use crate::tables::{LabelledFile, Landmarks, moved, read_cells, read_landmarks};
use crate::training_set::TrainingSet;

/// Age distributions of other networks ("soft labels"), as targets beside the ages. They are made by `trainer teach`, or by
/// anything that writes the same two files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Soft {
    /// Safetensors file with `probabilities` `[rows, 101]`, ages 0 to 100, f16 or f32, and `confidence` `[rows]`.
    pub labels: PathBuf,
    /// CSV with `file` and `set`, a line for each of these rows, in their order.
    pub rows: PathBuf,
    /// Share of the soft label in the target of an image that has an age as well; the rest is its label distribution.
    #[serde(default = "half")]
    pub weight: f32,
    /// Above this age in years the label stands alone: distributions of networks are drawn towards the middle.
    #[serde(default = "old")]
    pub label_alone_above: f32,
    /// Faces without an age.
    pub faces: Option<Faces>,
}

/// Faces that have a soft label only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faces {
    /// Value of `set` of their rows.
    pub set: String,
    /// Folder of the images.
    pub images: PathBuf,
    /// Landmarks of the images, for `crop = { landmarks = ... }`.
    pub landmarks: Option<PathBuf>,
    /// Added to both coordinates of every landmark, in pixels.
    #[serde(default)]
    pub landmarks_offset: f32,
    /// Share of each step's images, drawn evenly over ages and weighted by `confidence`.
    pub share: f64,
    /// So many are kept apart to validate on.
    #[serde(default)]
    pub held_out: usize,
    /// Beginnings of names that are kept apart before others are.
    #[serde(default)]
    pub held_out_first: Vec<String>,
}

fn half() -> f32 {
    0.5
}

fn old() -> f32 {
    75.0
}

/// Distributions by file name.
#[derive(Debug)]
pub struct SoftLabels {
    settings: Soft,
    rows: BTreeMap<String, SoftRow>,
}

#[derive(Debug)]
struct SoftRow {
    set: String,
    /// Ages 0 to 100; sums to 1.
    probabilities: Vec<f32>,
    /// 0 to 1: how much the networks' answer is to be trusted beside others of its age.
    confidence: f32,
}

impl SoftRow {
    /// Expectation, in years.
    fn age(&self) -> f32 {
        self.probabilities.iter().enumerate().map(|(age, p)| age as f32 * p).sum()
    }
}

impl SoftLabels {
    /// Reads both files.
    ///
    /// # Errors
    /// One cannot be read, they do not have as many rows, a name occurs twice, or a row is no distribution.
    pub fn read(settings: &Soft) -> Result<Self> {
        let Soft { labels, rows, .. } = settings;
        let bytes = std::fs::read(labels).with_context(|| format!("cannot read {}", labels.display()))?;
        let state = StateDict::from_safetensors(&bytes).with_context(|| labels.display().to_string())?;
        let shown = labels.display();
        let probabilities = state.get("probabilities").with_context(|| format!("{shown} holds no soft labels"))?;
        let confidence = state.get("confidence").with_context(|| format!("{shown} holds no soft labels"))?;
        let names = read_rows(rows)?;
        let count = names.len();
        ensure!(
            probabilities.shape == [count, AGES] && confidence.shape == [count],
            "{shown} has {:?} probabilities and {:?} confidences; {} has {count} rows, which takes [{count}, {AGES}] and \
             [{count}]",
            probabilities.shape,
            confidence.shape,
            rows.display()
        );
        let mut all = BTreeMap::new();
        let values = probabilities.values.chunks_exact(AGES).zip(&confidence.values);
        for (line, ((file, set), (own, confidence))) in (2..).zip(names.into_iter().zip(values)) {
            let sum: f32 = own.iter().sum();
            // Half precision leaves a few thousandths.
            let good = own.iter().all(|p| p.is_finite() && *p >= 0.0) && (0.9..=1.1).contains(&sum);
            ensure!(good, "{shown}: the row of {file} is no distribution over {AGES} ages (its sum is {sum})");
            ensure!(
                (0.0..=1.0).contains(confidence),
                "{shown}: the confidence of {file} is {confidence}, not in 0..=1"
            );
            let probabilities = own.iter().map(|p| p / sum).collect();
            let twice = all.insert(file.clone(), SoftRow { set, probabilities, confidence: *confidence }).is_some();
            ensure!(!twice, "{}, line {line}: {file} occurs twice", rows.display());
        }
        Ok(Self { settings: settings.clone(), rows: all })
    }

    /// The target of each image with an age, `[images, 101]` row by row: its label distribution, which `label` gives for an age
    /// in years, and where it has a soft label, as much of that as [`Soft::weight`] says.
    ///
    /// # Errors
    /// None of the soft labels is of one of the images.
    pub fn targets(&self, ids: &[String], ages: &[f32], label: impl Fn(f32) -> Vec<f32>) -> Result<Vec<f32>> {
        let Soft { rows, weight, label_alone_above, .. } = &self.settings;
        let mut found = 0;
        let mut all = Vec::with_capacity(ids.len() * AGES);
        for (id, age) in ids.iter().zip(ages) {
            let own = label(*age);
            match self.rows.get(id).filter(|_| age <= label_alone_above) {
                Some(soft) => {
                    found += 1;
                    all.extend(own.iter().zip(&soft.probabilities).map(|(own, other)| own + weight * (other - own)));
                }
                None => all.extend(own),
            }
        }
        ensure!(
            found > 0 || *weight == 0.0,
            "none of the {} training images has a row in {}",
            ids.len(),
            rows.display()
        );
        eprintln!("{found} of {} training images have a soft label beside their age", ids.len());
        Ok(all)
    }

    /// The faces that have a soft label only, as crops of this kind with a margin of so many pixels; `None` for a run without.
    ///
    /// # Errors
    /// A file cannot be read, or more than this share of the faces cannot be used.
    pub fn faces(&self, input: Input, margin: u32, max_bad_share: f64) -> Result<Option<SoftFaces>> {
        let Some(faces) = &self.settings.faces else { return Ok(None) };
        let (learnt, apart) = self.divided(faces)?;
        let crops = faces.crops(input)?;
        let (train, _) = load_wide(&faces.images, &truth(&learnt), &crops, margin, max_bad_share)?;
        let held_out = faces.load(&apart, &crops, max_bad_share)?;
        let weights = self.weights(&train.ids, &train.ages);
        let targets = train.ids.iter().flat_map(|id| self.rows[id].probabilities.iter().copied()).collect();
        let mut train = TrainingSet::from(train);
        train.targets = Some(targets);
        eprintln!("{} faces with a soft label only, {} more held out", train.ids.len(), held_out.ids.len());
        Ok(Some(SoftFaces { train, weights, held_out }))
    }

    /// Only the faces that are kept apart to validate on; `None` for a run without.
    ///
    /// # Errors
    /// As for [`Self::faces`].
    pub fn held_out(&self, input: Input, max_bad_share: f64) -> Result<Option<Set>> {
        let Some(faces) = &self.settings.faces else { return Ok(None) };
        let (_, apart) = self.divided(faces)?;
        Ok(Some(faces.load(&apart, &faces.crops(input)?, max_bad_share)?).filter(|set| !set.ids.is_empty()))
    }

    /// How likely each of these faces is drawn, see [`SoftFaces::weights`].
    fn weights(&self, ids: &[String], ages: &[f32]) -> Vec<f32> {
        let mut counts = HashMap::<i32, f32>::new();
        ages.iter().for_each(|age| *counts.entry(age.round() as i32).or_default() += 1.0);
        let weight = |(id, age): (&String, &f32)| self.rows[id].confidence / counts[&(age.round() as i32)].sqrt();
        ids.iter().zip(ages).map(weight).collect()
    }

    /// Names of the faces that have a soft label only: those to learn from, the most often drawn first, and those held out.
    ///
    /// # Errors
    /// Fewer are there than are to be held out.
    pub fn names(&self) -> Result<[Vec<String>; 2]> {
        let Some(faces) = &self.settings.faces else { return Ok(Default::default()) };
        let (learnt, apart) = self.divided(faces)?;
        let (ids, ages): (Vec<String>, Vec<f32>) = truth(&learnt).into_iter().map(|row| (row.id, row.age)).unzip();
        let mut weighed: Vec<(f32, String)> = self.weights(&ids, &ages).into_iter().zip(ids).collect();
        weighed.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        let learnt = weighed.into_iter().map(|(_, id)| id).collect();
        Ok([learnt, apart.into_iter().map(|(id, _)| id.clone()).collect()])
    }

    /// The labels of these images alone, those that have one: content of a file of labels (f16) and of its file of rows.
    ///
    /// # Errors
    /// Never but for a lack of memory.
    pub fn only(&self, wanted: &BTreeSet<&String>) -> Result<(Vec<u8>, Vec<u8>)> {
        let rows: Named = self.rows.iter().filter(|(file, _)| wanted.contains(file)).collect();
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(["file", "set"])?;
        rows.iter().try_for_each(|(file, row)| csv.write_record([file.as_str(), &row.set]))?;
        let probabilities = rows.iter().flat_map(|(_, row)| row.probabilities.iter().copied()).collect();
        let confidence = rows.iter().map(|(_, row)| row.confidence).collect();
        let mut state = StateDict::default();
        state.0.insert("probabilities".into(), Array { shape: vec![rows.len(), AGES], values: probabilities });
        state.0.insert("confidence".into(), Array { shape: vec![rows.len()], values: confidence });
        Ok((state.to_safetensors(Precision::Half), csv.into_inner().context("cannot finish the rows")?))
    }

    /// What is learnt and what is held out: first the names that begin as asked, then others by their SHA-256, so that the
    /// choice depends on nothing but the names.
    fn divided(&self, Faces { set, held_out, held_out_first, .. }: &Faces) -> Result<(Named<'_>, Named<'_>)> {
        let mut own: Named = self.rows.iter().filter(|(_, row)| row.set == *set).collect();
        ensure!(
            own.len() > *held_out,
            "the soft labels have {} rows of the set {set:?}, of which {held_out} are to be held out: name another `set`, or \
             hold out fewer",
            own.len()
        );
        own.sort_by_cached_key(|(file, _)| {
            let first = held_out_first.iter().any(|beginning| file.starts_with(beginning.as_str()));
            (!first, sha256(file.as_bytes()))
        });
        let learnt = own.split_off(*held_out);
        Ok((learnt, own))
    }
}

impl Faces {
    /// How the images become crops of this kind.
    ///
    /// # Errors
    /// The landmarks cannot be read.
    pub fn crops(&self, input: Input) -> Result<Crops> {
        let landmarks = self.landmarks.as_deref().map_or_else(|| Ok(Landmarks::new()), read_landmarks)?;
        Ok(Crops { input, landmarks: moved(landmarks, self.landmarks_offset), allow_cut_off: false })
    }

    /// Crops without a margin.
    fn load(&self, rows: &Named<'_>, crops: &Crops, max_bad_share: f64) -> Result<Set> {
        if rows.is_empty() {
            return Ok(Set::default());
        }
        Ok(load(&self.images, &truth(rows), crops, max_bad_share)?.0)
    }
}

/// `file` and `set` of each line.
fn read_rows(path: &Path) -> Result<Vec<(String, String)>> {
    let cells = read_cells(path, &[&["file", "id"], &["set"]])?;
    let own = |row: CellRow<'_>| [0, 1].map(|column| row.cell(cells.needed[column]).to_owned());
    Ok(cells.rows().map(own).map(|[file, set]| (file, set)).collect())
}

/// Faces that have a soft label only.
#[derive(Debug)]
pub struct SoftFaces {
    /// To learn from; the ages are the expectations of the soft labels.
    pub train: TrainingSet,
    /// How likely each is drawn, not normalised: its confidence by the root of the number of faces of its age. Evenly over
    /// ages would show the ten youngest of a set of adults hundreds of times.
    pub weights: Vec<f32>,
    /// Kept apart to validate on.
    pub held_out: Set,
}

/// Names and soft ages.
fn truth(rows: &Named<'_>) -> Vec<LabelledFile> {
    rows.iter().map(|(file, row)| LabelledFile { id: (*file).clone(), age: row.age() }).collect()
}

/// Rows by name.
type Named<'a> = Vec<(&'a String, &'a SoftRow)>;

#[cfg(test)]
mod tests {
    use super::*;

    /// Soft labels in a folder: each sure of an age but for a tenth at 50.
    fn write(folder: &Path, rows: &[(&str, &str, usize)]) -> [PathBuf; 2] {
        let mut probabilities = Vec::new();
        let mut csv = "file,set,age,confidence\n".to_owned();
        for (file, set, age) in rows {
            let mut own = vec![0f32; AGES];
            own[*age] += 0.9;
            own[50] += 0.1;
            probabilities.extend(own);
            csv += &format!("{file},{set},{age},1\n");
        }
        let mut state = StateDict::default();
        state.0.insert("probabilities".into(), Array { shape: vec![rows.len(), AGES], values: probabilities });
        state.0.insert("confidence".into(), Array { shape: vec![rows.len()], values: vec![0.5; rows.len()] });
        let paths = ["soft.safetensors", "soft.csv"].map(|name| folder.join(name));
        std::fs::write(&paths[0], state.to_safetensors(Precision::Half)).unwrap();
        std::fs::write(&paths[1], csv).unwrap();
        paths
    }

    fn settings(folder: &Path) -> Soft {
        let text = format!(
            r#"
            labels = "{0}/soft.safetensors"
            rows = "{0}/soft.csv"
            [faces]
            set = "extra"
            images = "{0}"
            share = 0.25
            held_out = 2
            held_out_first = ["photo-"]
            "#,
            folder.display()
        );
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn a_target_is_half_label_and_half_soft_and_the_label_alone_in_old_age() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &[("a.jpg", "x", 20), ("old.jpg", "x", 70)]);
        let ids = ["a.jpg", "old.jpg", "other.jpg"].map(str::to_owned);
        let labels = SoftLabels::read(&settings(folder.path())).unwrap();
        // All of a label at its own age.
        let label = |age: f32| (0..AGES).map(|place| f32::from(u8::from(place == age as usize))).collect::<Vec<_>>();
        let found = labels.targets(&ids, &[30.0, 80.0, 40.0], label).unwrap();
        let rows: Vec<&[f32]> = found.chunks_exact(AGES).collect();
        assert!((rows[0][30] - 0.5).abs() < 1e-4 && (rows[0][20] - 0.45).abs() < 1e-3);
        assert!((rows[0].iter().sum::<f32>() - 1.0).abs() < 1e-4);
        assert_eq!(rows[1], label(80.0));
        assert_eq!(rows[2], label(40.0));
        let error = labels.targets(&ids[2..], &[40.0], label).unwrap_err().to_string();
        assert!(error.contains("none of the 1 training images"), "{error}");
    }

    #[test]
    fn faces_are_held_out_by_name_and_weighed_by_rarity() {
        let folder = tempfile::tempdir().unwrap();
        let mut rows = vec![("photo-1.png", "extra", 30), ("not.png", "x", 30)];
        let others: Vec<String> = (0..5).map(|index| format!("lfw-{index}.png")).collect();
        rows.extend(
            others.iter().enumerate().map(|(index, name)| (name.as_str(), "extra", if index < 4 { 30 } else { 60 })),
        );
        write(folder.path(), &rows);
        for (name, ..) in &rows {
            glae_face::RgbImage::new(20, 20).save(folder.path().join(name)).unwrap();
        }
        let read = |settings: &Soft| SoftLabels::read(settings).unwrap().faces(Input::paper(16), 0, 0.0);
        let mut settings = settings(folder.path());
        let faces = read(&settings).unwrap().unwrap();
        assert_eq!((faces.train.ids.len(), faces.held_out.ids.len()), (4, 2));
        assert!(faces.held_out.ids.contains(&"photo-1.png".to_owned()));
        assert!(!faces.train.ids.contains(&"not.png".to_owned()));
        // 0.9 of the age and 0.1 of 50.
        assert!(faces.train.ages.iter().all(|age| (age - 32.0).abs() < 0.1 || (age - 59.0).abs() < 0.1));
        for (age, weight) in faces.train.ages.iter().zip(&faces.weights) {
            let of_this_age = faces.train.ages.iter().filter(|other| (*other - age).abs() < 1.0).count();
            assert!((weight - 0.5 / (of_this_age as f32).sqrt()).abs() < 1e-3);
        }
        settings.faces.as_mut().unwrap().held_out = 6;
        assert!(read(&settings).is_err());
    }

    #[test]
    fn some_labels_alone_read_as_they_did_among_all() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &[("photo-1.png", "extra", 30), ("a b.png", "extra", 60), ("c.png", "extra", 30)]);
        let mut settings = settings(folder.path());
        settings.faces.as_mut().unwrap().held_out = 1;
        let all = SoftLabels::read(&settings).unwrap();
        let [learnt, apart] = all.names().unwrap();
        assert_eq!((learnt.len(), apart), (2, vec!["photo-1.png".to_owned()]));
        let wanted = ["a b.png".to_owned(), "photo-1.png".to_owned(), "without a label.png".to_owned()];
        let (labels, rows) = all.only(&wanted.iter().collect()).unwrap();
        std::fs::write(&settings.labels, labels).unwrap();
        std::fs::write(&settings.rows, rows).unwrap();
        let some = SoftLabels::read(&settings).unwrap();
        assert_eq!(some.rows.keys().collect::<Vec<_>>(), ["a b.png", "photo-1.png"]);
        let (before, after) = (&all.rows["a b.png"], &some.rows["a b.png"]);
        assert_eq!((&before.probabilities, before.confidence), (&after.probabilities, after.confidence));
    }

    #[test]
    fn damaged_soft_labels_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let [_, rows] = write(folder.path(), &[("a.jpg", "x", 20), ("b.jpg", "x", 70)]);
        let error = |text: &str| {
            std::fs::write(&rows, text).unwrap();
            format!("{:#}", SoftLabels::read(&settings(folder.path())).unwrap_err())
        };
        assert!(error("file,set\na.jpg,x\n").contains("1 rows"));
        assert!(error("file,age\na.jpg,1\nb.jpg,2\n").contains("`set`"));
        assert!(error("file,set\na.jpg,x\na.jpg,x\n").contains("line 3: a.jpg occurs twice"));
    }
}
