//! `trainer teach`: soft labels for anybody's faces, from age networks in ONNX.
//!
//! tract runs the networks: they are other people's, of any architecture.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use glae_face::RgbImage;
use glae_model::loss::label_distribution;
use glae_model::manifest::{Crop, Input, sha256};
use glae_model::weights::Array;
use glae_model::{AGES, Precision, StateDict};
use rayon::prelude::*;
use serde::Deserialize;
use tract_onnx::prelude::*;

use glae_data::files::write_atomically;
use glae_data::found::find;
use glae_data::{Crops, Landmarks, read_landmarks};

/// `trainer teach`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// TOML file that describes the networks, each a table `[[network]]`.
    #[arg(long)]
    pub networks: PathBuf,
    /// Landmarks of the images, as `trainer prepare` writes them.
    #[arg(long)]
    pub landmarks: PathBuf,
    /// What the rows' column `set` says, which `data.soft.faces.set` asks for.
    #[arg(long, default_value = "extra")]
    pub set: String,
    /// Folder to write soft.safetensors, soft.csv and soft.toml into.
    #[arg(long)]
    pub out: PathBuf,
    /// Image files, and folders that are searched for them.
    #[arg(required = true)]
    pub images: Vec<PathBuf>,
}

/// What `soft.toml` says of the confidences.
const CONFIDENCE: &str = "agreement of the networks: the share of their distributions that overlaps, mean over all pairs; 1 \
                          where there is one network. It is no estimate of an error.";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Networks {
    network: Vec<Description>,
}

/// How a network sees a face, and how its answer is read.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    /// The ONNX file, beside the description unless its path is absolute. It takes `[1, 3, size, size]`.
    file: PathBuf,
    /// Side of the crop in pixels.
    size: usize,
    /// Where eyes, nose and corners of the mouth lie, in shares of the crop's side.
    template: [[f32; 2]; 5],
    /// Order of the colour channels.
    order: Order,
    /// Subtracted from values of 0 to 255, in that order.
    mean: [f32; 3],
    /// What is left is divided by this.
    #[serde(default = "one")]
    std: f32,
    /// Which output of the graph the answer is, the first being 0.
    #[serde(default)]
    output: usize,
    answer: Reading,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Order {
    Rgb,
    Bgr,
}

/// How an answer becomes a distribution over the ages 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum Reading {
    /// Probabilities of ages that follow each other.
    Probabilities {
        /// Age of the first class, in years.
        first: i32,
    },
    /// The same before softmax.
    Logits {
        /// Age of the first class, in years.
        first: i32,
    },
    /// One number: an age in years, taken for the middle of a normal distribution.
    Years {
        /// Its standard deviation in years.
        deviation: f64,
    },
}

fn one() -> f32 {
    1.0
}

/// Asks every network about every image and its mirror image, and writes the mean of their distributions. Images that cannot
/// be read, or have no row in the landmarks file, are named and left out.
///
/// # Errors
/// The description or a network cannot be read, a network does not answer as described, or no image is left.
pub fn run(arguments: &Arguments) -> Result<()> {
    let shown = arguments.networks.display();
    let text = std::fs::read_to_string(&arguments.networks).with_context(|| format!("cannot read {shown}"))?;
    let described: Networks = toml::from_str(&text).with_context(|| format!("{shown} describes no networks"))?;
    ensure!(!described.network.is_empty(), "{shown} has no [[network]]");
    let base = arguments.networks.parent().unwrap_or(Path::new(""));
    let landmarks = read_landmarks(&arguments.landmarks)?;
    let networks: Vec<Teacher> =
        described.network.into_iter().map(|own| Teacher::open(base, own, &landmarks)).collect::<Result<_>>()?;
    let found = find(&arguments.images)?;
    eprint!("{}", found.passed);
    let bar = super::row_file::progress(found.images.len());
    let answers: Vec<Result<Vec<Vec<f64>>>> = found
        .images
        .par_iter()
        .map(|image| {
            let one = |teacher: &Teacher| {
                let crop = teacher.crops.read(&image.path, &image.id)?;
                teacher.answer(&crop)
            };
            let answer = networks.iter().map(one).collect();
            bar.inc(1);
            answer
        })
        .collect();
    bar.finish_and_clear();
    let mut rows = csv::Writer::from_writer(Vec::new());
    rows.write_record(["file", "set", "age", "confidence"])?;
    let (mut probabilities, mut ages, mut confidences) = (Vec::new(), Vec::new(), Vec::new());
    for (image, answer) in found.images.iter().zip(&answers) {
        match answer {
            Err(reason) => eprintln!("left out: {}: {reason:#}", image.id),
            Ok(all) => {
                let mean = mean(all);
                let age: f64 = mean.iter().enumerate().map(|(age, p)| age as f64 * p).sum();
                let confidence = agreement(all);
                rows.write_record([&image.id, &arguments.set, &format!("{age:.2}"), &format!("{confidence:.3}")])?;
                probabilities.extend(mean.iter().map(|p| *p as f32));
                ages.push(age as f32);
                confidences.push(confidence as f32);
            }
        }
    }
    let count = ages.len();
    ensure!(count > 0, "none of the {} images can be used, nothing was written", found.images.len());
    let mut state = StateDict::default();
    state.0.insert("probabilities".to_owned(), Array { shape: vec![count, AGES], values: probabilities });
    state.0.insert("age".to_owned(), Array { shape: vec![count], values: ages });
    state.0.insert("confidence".to_owned(), Array { shape: vec![count], values: confidences });
    let out = &arguments.out;
    std::fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    write_atomically(&out.join("soft.safetensors"), &state.to_safetensors(Precision::Half))?;
    write_atomically(&out.join("soft.csv"), &rows.into_inner().context("cannot finish the table")?)?;
    let hashes: String =
        networks.iter().map(|own| format!("# {}: SHA-256 {}\n", own.own.file.display(), own.sha256)).collect();
    write_atomically(&out.join("soft.toml"), format!("confidence = \"{CONFIDENCE}\"\n{hashes}{text}").as_bytes())?;
    println!("{count} of {} images have a soft label in {}", answers.len(), out.display());
    Ok(())
}

fn mean(all: &[Vec<f64>]) -> Vec<f64> {
    (0..AGES).map(|age| all.iter().map(|own| own[age]).sum::<f64>() / all.len() as f64).collect()
}

/// 0 to 1: see [`CONFIDENCE`].
fn agreement(all: &[Vec<f64>]) -> f64 {
    let overlap = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a.min(*b)).sum::<f64>();
    let pairs = all.iter().enumerate().flat_map(|(index, a)| all[..index].iter().map(move |b| overlap(a, b)));
    let (sum, count) = pairs.fold((0.0, 0), |(sum, count), overlap| (sum + overlap, count + 1));
    if count == 0 { 1.0 } else { sum / f64::from(count) }
}

/// A network that is ready to answer.
struct Teacher {
    own: Description,
    crops: Crops,
    plan: Arc<TypedRunnableModel>,
    sha256: String,
}

impl Teacher {
    fn open(base: &Path, own: Description, landmarks: &Landmarks) -> Result<Self> {
        let path = base.join(&own.file);
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let open = || {
            let model = tract_onnx::onnx().model_for_read(&mut bytes.as_slice())?;
            model.with_input_fact(0, f32::fact([1, 3, own.size, own.size]).into())?.into_optimized()?.into_runnable()
        };
        let plan = open().map_err(|error| anyhow::anyhow!("{error:#}"));
        let plan = plan.with_context(|| format!("{} is no network that can be run", path.display()))?;
        let input = Input { crop: Crop::Landmarks(own.template), ..Input::paper(own.size) };
        let crops = Crops { input, landmarks: landmarks.clone(), allow_cut_off: false };
        Ok(Self { crops, plan, sha256: sha256(&bytes), own })
    }

    /// A distribution over the ages 0 to 100: the mean of those of the crop and of its mirror image.
    fn answer(&self, crop: &RgbImage) -> Result<Vec<f64>> {
        let mirrored = image::imageops::flip_horizontal(crop);
        let both = [self.one(crop)?, self.one(&mirrored)?];
        Ok(mean(&both))
    }

    fn one(&self, crop: &RgbImage) -> Result<Vec<f64>> {
        let Description { size, order, mean, std, output, answer, .. } = &self.own;
        let channels = if *order == Order::Rgb { [0, 1, 2] } else { [2, 1, 0] };
        let values = channels
            .iter()
            .zip(mean)
            .flat_map(|(channel, mean)| crop.pixels().map(move |pixel| (f32::from(pixel.0[*channel]) - mean) / std));
        let input = Tensor::from_shape(&[1, 3, *size, *size], &values.collect::<Vec<f32>>());
        let answers = input.and_then(|input| self.plan.run(tvec!(input.into())));
        let answers = answers.map_err(|error| anyhow::anyhow!("{}: {error:#}", self.own.file.display()))?;
        let file = self.own.file.display();
        let chosen = answers.get(*output);
        let chosen =
            chosen.with_context(|| format!("{file} has {} outputs, none is number {output}", answers.len()))?;
        let chosen = chosen.cast_to::<f32>().map_err(|error| anyhow::anyhow!("{file}: {error:#}"))?;
        let view = chosen.to_plain_array_view::<f32>().map_err(|error| anyhow::anyhow!("{file}: {error:#}"))?;
        let values: Vec<f64> = view.iter().map(|value| f64::from(*value)).collect();
        answer.distribution(&values).with_context(|| format!("{file} does not answer as it is described"))
    }
}

impl Reading {
    /// Ages outside of 0 to 100 are left out.
    fn distribution(self, values: &[f64]) -> Result<Vec<f64>> {
        let first = match self {
            Self::Years { deviation } => {
                ensure!(values.len() == 1, "`years` is one number, not {}", values.len());
                ensure!(values[0].is_finite(), "an age of {} years", values[0]);
                ensure!(deviation > 0.0, "`deviation` must be above 0");
                let own = label_distribution(values[0].clamp(0.0, (AGES - 1) as f64), deviation);
                return Ok(own.into_iter().map(f64::from).collect());
            }
            Self::Probabilities { first } | Self::Logits { first } => first,
        };
        let weights: Vec<f64> = if matches!(self, Self::Logits { .. }) {
            let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            values.iter().map(|value| (value - highest).exp()).collect()
        } else {
            values.to_vec()
        };
        let mut own = vec![0.0; AGES];
        for (age, weight) in (first..).zip(weights) {
            ensure!(weight.is_finite() && weight >= 0.0, "a probability of {weight} for {age} years");
            if let Some(place) = usize::try_from(age).ok().and_then(|age| own.get_mut(age)) {
                *place += weight;
            }
        }
        let sum: f64 = own.iter().sum();
        ensure!(sum > 0.0, "no class is an age of 0 to {}", AGES - 1);
        own.iter_mut().for_each(|p| *p /= sum);
        Ok(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::module::Module;
    use glae_data::SoftLabels;
    use glae_data::faces;
    use glae_model::config::{Backbone, Rearrange};
    use glae_model::{AgeNet, NetworkConfig};

    #[test]
    fn answers_become_distributions_over_ages() {
        // Classes of 99, 100 and 101 years: the last is no age of ours.
        let own = Reading::Probabilities { first: 99 }.distribution(&[0.25, 0.25, 0.5]).unwrap();
        assert_eq!((own[99], own[100]), (0.5, 0.5));
        // e^0 and e^ln 3.
        let own = Reading::Logits { first: 0 }.distribution(&[0.0, 3f64.ln()]).unwrap();
        assert!((own[0] - 0.25).abs() < 1e-12 && (own[1] - 0.75).abs() < 1e-12);
        let own = Reading::Years { deviation: 2.0 }.distribution(&[40.0]).unwrap();
        assert!((own[40] - 0.199_471).abs() < 1e-4, "{}", own[40]);
        assert!(Reading::Years { deviation: 2.0 }.distribution(&[40.0, 1.0]).is_err());
        assert!(Reading::Probabilities { first: 0 }.distribution(&[-0.1, 1.1]).is_err());
        assert!(Reading::Probabilities { first: 200 }.distribution(&[1.0]).is_err());
    }

    #[test]
    fn agreement_is_the_overlap() {
        let own = |pairs: &[(usize, f64)]| {
            let mut own = vec![0.0; AGES];
            pairs.iter().for_each(|(age, p)| own[*age] = *p);
            own
        };
        let all = [own(&[(10, 1.0)]), own(&[(10, 0.5), (20, 0.5)]), own(&[(20, 1.0)])];
        // 1/2, 0 and 1/2.
        assert!((agreement(&all) - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(agreement(&all[..1]), 1.0);
    }

    /// Two networks of this project, written as ONNX, teach drawn faces; the labels are what the networks answer.
    #[test]
    fn networks_in_onnx_teach_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        faces::write_set(&at("data"), 6, 5).unwrap();
        let device = crate::device::cpu();
        device.seed(4);
        let config = NetworkConfig {
            width: 8,
            input_size: 32,
            rearrange: Rearrange { r: 4, kernel: 4, stride: 4 },
            ..NetworkConfig::paper(Backbone::MobileNetV1)
        };
        let state = StateDict::of(&AgeNet::new(&config, &device).valid());
        std::fs::write(at("own.onnx"), crate::onnx::age::age(&config, &state, 1).unwrap()).unwrap();
        let mut landmarks =
            "file,x_eye_l,y_eye_l,x_eye_r,y_eye_r,x_nose,y_nose,x_mouth_l,y_mouth_l,x_mouth_r,y_mouth_r\n".to_owned();
        let images = find(&[at("data/images")]).unwrap().images;
        // The last one has no landmarks.
        images[1..].iter().for_each(|image| landmarks += &format!("{},23,30,41,30,32,38,27,48,37,48\n", image.id));
        std::fs::write(at("landmarks.csv"), landmarks).unwrap();
        let network = "file = \"own.onnx\"\nsize = 32\norder = \"rgb\"\nmean = [127.5, 127.5, 127.5]\nstd = 128.0\n\
                       template = [[0.35, 0.4], [0.65, 0.4], [0.5, 0.55], [0.4, 0.7], [0.6, 0.7]]\n";
        // Both classifiers' logits come in one output of [2, 1, 101]: read so, it is no age network.
        let text = format!("[[network]]\n{network}answer = {{ kind = \"years\", deviation = 3.0 }}\n");
        std::fs::write(at("networks.toml"), text).unwrap();
        let mut arguments = Arguments {
            networks: at("networks.toml"),
            landmarks: at("landmarks.csv"),
            set: "drawn".to_owned(),
            out: at("soft"),
            images: vec![at("data/images")],
        };
        let error = run(&arguments).unwrap_err().to_string();
        assert!(error.contains("none of the"), "{error}");
        let text = format!("[[network]]\n{network}answer = {{ kind = \"logits\", first = 0 }}\n").repeat(2);
        std::fs::write(at("networks.toml"), text).unwrap();
        run(&arguments).unwrap();
        let [labels, rows] = ["soft/soft.safetensors", "soft/soft.csv"].map(at);
        let table = std::fs::read_to_string(&rows).unwrap();
        // The image without landmarks is left out.
        assert_eq!(table.lines().count(), images.len());
        assert!(table.lines().nth(1).unwrap().starts_with(&format!("{},drawn,", images[1].id)), "{table}");
        assert!(table.lines().nth(1).unwrap().ends_with(",1.000"), "two of one network agree: {table}");
        let soft = format!("labels = {labels:?}\nrows = {rows:?}");
        SoftLabels::read(&toml::from_str(&soft).unwrap()).unwrap();
        let written = StateDict::from_safetensors(&std::fs::read(&labels).unwrap()).unwrap();
        let own = &written.get("probabilities").unwrap().values[..AGES];
        // The first 101 logits are the vanilla classifier's.
        let crops = Crops {
            input: Input {
                crop: Crop::Landmarks([[0.35, 0.4], [0.65, 0.4], [0.5, 0.55], [0.4, 0.7], [0.6, 0.7]]),
                ..Input::paper(32)
            },
            landmarks: read_landmarks(&at("landmarks.csv")).unwrap(),
            allow_cut_off: false,
        };
        let crop = crops.read(&images[1].path, &images[1].id).unwrap();
        let rules = glae_model::Rules { routing: glae_model::Routing::Vanilla, ..Default::default() };
        let inference = glae_model::Inference::new(&config, &state, crops.input, rules, &device).unwrap();
        let expected = &crate::evaluation::estimates(&inference, &[crop], |_| {}).unwrap()[0].distribution;
        for (age, (found, expected)) in own.iter().zip(expected).enumerate() {
            assert!((found - expected).abs() < 1e-3, "{age}: {found} instead of {expected}");
        }
        arguments.networks = at("landmarks.csv");
        assert!(run(&arguments).unwrap_err().to_string().contains("describes no networks"));
    }
}
