//! Soft labels: age distributions of other networks, as targets beside labelled ages, and faces that have no others.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use glae_metrics::CellRow;
use glae_model::loss::label_distribution;
use glae_model::manifest::sha256;
use glae_model::{AGES, StateDict};

use super::images::{Crops, Set, load, load_wide};
use super::tables::{Landmarks, Truth, read_cells, read_landmarks};
use super::training_set::TrainingSet;
use crate::config::{Faces, RunConfig};

/// Distributions by file name, as [`crate::config::Soft`] names their files.
#[derive(Debug)]
pub struct SoftLabels {
    rows: BTreeMap<String, Row>,
}

#[derive(Debug)]
struct Row {
    set: String,
    /// Ages 0 to 100; sums to 1.
    probabilities: Vec<f32>,
    /// 0 to 1: how much the networks' answer is to be trusted beside others of its age.
    confidence: f32,
}

impl Row {
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
    pub fn read(labels: &Path, rows: &Path) -> Result<Self> {
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
            let twice = all.insert(file.clone(), Row { set, probabilities, confidence: *confidence }).is_some();
            ensure!(!twice, "{}, line {line}: {file} occurs twice", rows.display());
        }
        Ok(Self { rows: all })
    }

    /// The distribution of an image.
    fn of(&self, file: &str) -> Option<&[f32]> {
        self.rows.get(file).map(|row| row.probabilities.as_slice())
    }
}

/// `file` and `set` of each line.
fn read_rows(path: &Path) -> Result<Vec<(String, String)>> {
    let cells = read_cells(path, &[&["file", "id"], &["set"]])?;
    let own = |row: CellRow<'_>| [0, 1].map(|column| row.cell(cells.needed[column]).to_owned());
    Ok(cells.rows().map(own).map(|[file, set]| (file, set)).collect())
}

/// The target of each image with an age, `[images, 101]` row by row: its label distribution, and where it has a soft label, as
/// much of that as [`crate::config::Soft::weight`] says. `None` for a run without soft labels.
///
/// # Errors
/// The soft labels cannot be read, or none is of an image of the run.
pub fn targets(config: &RunConfig, ids: &[String], ages: &[f32]) -> Result<Option<Vec<f32>>> {
    let Some(soft) = &config.data.soft else { return Ok(None) };
    let labels = SoftLabels::read(&soft.labels, &soft.rows)?;
    let mut found = 0;
    let mut all = Vec::with_capacity(ids.len() * AGES);
    for (id, age) in ids.iter().zip(ages) {
        let own = label_distribution(f64::from(*age), config.sigma);
        match labels.of(id).filter(|_| *age <= soft.label_alone_above) {
            Some(soft_label) => {
                found += 1;
                let mixed = own.iter().zip(soft_label).map(|(own, other)| own + soft.weight * (other - own));
                all.extend(mixed);
            }
            None => all.extend(own),
        }
    }
    let rows = soft.rows.display();
    ensure!(found > 0 || soft.weight == 0.0, "none of the {} training images has a row in {rows}", ids.len());
    eprintln!("{found} of {} training images have a soft label beside their age", ids.len());
    Ok(Some(all))
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

impl SoftFaces {
    /// Reads the faces of a run; `None` for a run without.
    ///
    /// # Errors
    /// A file cannot be read, or too many faces cannot be used.
    pub fn read(config: &RunConfig) -> Result<Option<Self>> {
        let Some(source) = Source::of(config)? else { return Ok(None) };
        let (learnt, apart) = source.divided()?;
        let (train, _) = load_wide(
            &source.faces.images,
            &truth(&learnt),
            &source.crops()?,
            config.margin(),
            config.data.max_bad_share,
        )?;
        let held_out = source.load(&apart)?;
        let mut counts = HashMap::<i32, f32>::new();
        train.ages.iter().for_each(|age| *counts.entry(age.round() as i32).or_default() += 1.0);
        let rows = &source.labels.rows;
        let weight = |(id, age): (&String, &f32)| rows[id].confidence / counts[&(age.round() as i32)].sqrt();
        let weights = train.ids.iter().zip(&train.ages).map(weight).collect();
        let targets = train.ids.iter().flat_map(|id| rows[id].probabilities.iter().copied()).collect();
        let mut train = TrainingSet::from(train);
        train.targets = Some(targets);
        eprintln!("{} faces with a soft label only, {} more held out", train.ids.len(), held_out.ids.len());
        Ok(Some(Self { train, weights, held_out }))
    }

    /// Only what is kept apart to validate on; `None` for a run without.
    ///
    /// # Errors
    /// As for [`Self::read`].
    pub fn held_out(config: &RunConfig) -> Result<Option<Set>> {
        let Some(source) = Source::of(config)? else { return Ok(None) };
        let (_, apart) = source.divided()?;
        Ok(Some(source.load(&apart)?).filter(|set| !set.ids.is_empty()))
    }
}

/// The rows of the faces of a run, and how they are read.
struct Source<'a> {
    config: &'a RunConfig,
    faces: &'a Faces,
    labels: SoftLabels,
}

impl<'a> Source<'a> {
    fn of(config: &'a RunConfig) -> Result<Option<Self>> {
        let Some((soft, faces)) = config.data.soft.as_ref().and_then(|soft| Some((soft, soft.faces.as_ref()?))) else {
            return Ok(None);
        };
        Ok(Some(Self { config, faces, labels: SoftLabels::read(&soft.labels, &soft.rows)? }))
    }

    /// What is learnt and what is held out.
    fn divided(&self) -> Result<(Named<'_>, Named<'_>)> {
        let Faces { set, held_out, .. } = self.faces;
        let own: Named = self.labels.rows.iter().filter(|(_, row)| row.set == *set).collect();
        ensure!(
            own.len() > *held_out,
            "the soft labels have {} rows of the set {set:?}, of which {held_out} are to be held out: name another `set`, or \
             hold out fewer",
            own.len()
        );
        Ok(divided(own, self.faces))
    }

    fn crops(&self) -> Result<Crops> {
        let landmarks = self.faces.landmarks.as_deref().map_or_else(|| Ok(Landmarks::new()), read_landmarks)?;
        Ok(Crops {
            input: self.config.input(),
            landmarks: moved(landmarks, self.faces.landmarks_offset),
            allow_cut_off: false,
        })
    }

    /// Crops without a margin.
    fn load(&self, rows: &Named<'_>) -> Result<Set> {
        if rows.is_empty() {
            return Ok(Set::default());
        }
        Ok(load(&self.faces.images, &truth(rows), &self.crops()?, self.config.data.max_bad_share)?.0)
    }
}

/// Names and soft ages.
fn truth(rows: &Named<'_>) -> Vec<Truth> {
    rows.iter().map(|(file, row)| Truth { id: (*file).clone(), age: row.age() }).collect()
}

/// Rows by name.
type Named<'a> = Vec<(&'a String, &'a Row)>;

/// What is learnt and what is held out: first the names that begin as asked, then others by their SHA-256, so that the choice
/// depends on nothing but the names.
fn divided<'a>(mut rows: Named<'a>, faces: &Faces) -> (Named<'a>, Named<'a>) {
    rows.sort_by_cached_key(|(file, _)| {
        let first = faces.held_out_first.iter().any(|beginning| file.starts_with(beginning.as_str()));
        (!first, sha256(file.as_bytes()))
    });
    let learnt = rows.split_off(faces.held_out);
    (learnt, rows)
}

/// Landmarks with an offset added to both coordinates, in pixels.
pub(crate) fn moved(mut landmarks: Landmarks, offset: f32) -> Landmarks {
    landmarks.values_mut().flatten().flatten().for_each(|coordinate| *coordinate += offset);
    landmarks
}

#[cfg(test)]
mod tests {
    use super::*;
    use glae_model::Precision;
    use glae_model::weights::Array;
    use std::path::PathBuf;

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

    fn config(folder: &Path, settings: &[&str]) -> RunConfig {
        let text = format!(
            r#"
            name = "soft"
            seed = 1
            network = {{ backbone = "resnet18", width = 8, input_size = 64, rearrange = {{ r = 4, kernel = 4, stride = 4 }} }}
            stage1 = {{ epochs = 1, batch = 8, learning_rate = 0.05 }}
            stage2 = {{ epochs = 1, batch = 8, learning_rate = 0.05 }}
            [data]
            images = "images"
            train = "train.csv"
            val = "val.csv"
            description = "drawn faces"
            licence = "MIT OR Apache-2.0"
            [data.soft]
            labels = "{0}/soft.safetensors"
            rows = "{0}/soft.csv"
            [data.soft.faces]
            set = "extra"
            images = "{0}"
            share = 0.25
            held_out = 2
            held_out_first = ["photo-"]
            "#,
            folder.display()
        );
        RunConfig::parse_with(&text, &settings.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_target_is_half_label_and_half_soft_and_the_label_alone_in_old_age() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &[("a.jpg", "x", 20), ("old.jpg", "x", 70)]);
        let ids = ["a.jpg", "old.jpg", "other.jpg"].map(str::to_owned);
        let config = config(folder.path(), &[]);
        let found = targets(&config, &ids, &[30.0, 80.0, 40.0]).unwrap().unwrap();
        let rows: Vec<&[f32]> = found.chunks_exact(AGES).collect();
        // 1/sqrt(2 pi) = 0.398942 at the label's own age.
        assert!((rows[0][30] - 0.199_471).abs() < 1e-4 && (rows[0][20] - 0.45).abs() < 1e-3);
        assert!((rows[0].iter().sum::<f32>() - 1.0).abs() < 1e-4);
        assert_eq!(rows[1], label_distribution(80.0, 1.0));
        assert_eq!(rows[2], label_distribution(40.0, 1.0));
        let error = targets(&config, &ids[2..], &[40.0]).unwrap_err().to_string();
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
        let faces = SoftFaces::read(&config(folder.path(), &[])).unwrap().unwrap();
        assert_eq!((faces.train.ids.len(), faces.held_out.ids.len()), (4, 2));
        assert!(faces.held_out.ids.contains(&"photo-1.png".to_owned()));
        assert!(!faces.train.ids.contains(&"not.png".to_owned()));
        // 0.9 of the age and 0.1 of 50.
        assert!(faces.train.ages.iter().all(|age| (age - 32.0).abs() < 0.1 || (age - 59.0).abs() < 0.1));
        for (age, weight) in faces.train.ages.iter().zip(&faces.weights) {
            let of_this_age = faces.train.ages.iter().filter(|other| (*other - age).abs() < 1.0).count();
            assert!((weight - 0.5 / (of_this_age as f32).sqrt()).abs() < 1e-3);
        }
        assert!(SoftFaces::read(&config(folder.path(), &["data.soft.faces.held_out=6"])).is_err());
    }

    #[test]
    fn damaged_soft_labels_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let [labels, rows] = write(folder.path(), &[("a.jpg", "x", 20), ("b.jpg", "x", 70)]);
        let error = |text: &str| {
            std::fs::write(&rows, text).unwrap();
            format!("{:#}", SoftLabels::read(&labels, &rows).unwrap_err())
        };
        assert!(error("file,set\na.jpg,x\n").contains("1 rows"));
        assert!(error("file,age\na.jpg,1\nb.jpg,2\n").contains("`set`"));
        assert!(error("file,set\na.jpg,x\na.jpg,x\n").contains("line 3: a.jpg occurs twice"));
    }
}
