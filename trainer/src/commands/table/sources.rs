//! What tables and figures are made of: data, runs and settings.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use glae_report::Answers;
use toml::Value;

use super::runs::{Located, Runs, State};
use crate::checkpoint::Checkpoint;
use crate::commands::answered::{LastSplit, ReportedSplit, answered};
use crate::commands::train::{RunData, prepare, stop_on_interrupt, train};
use crate::config::RunConfig;
use burn::tensor::Device;
use glae_data::split::ACCOUNT;

/// What runs begin with unless `--config` names another file.
const UTKFACE: &str = include_str!("../../../configs/utkface.toml");

/// Arguments of `trainer table` and `trainer figure`.
#[derive(Clone, Debug, clap::Args)]
pub struct Sources {
    /// Folder of the split files train.csv, val.csv and test.csv (there or in `splits/`); the images are in its `images/`, or
    /// where the split.toml of `trainer data split` says. Without: the data of the shipped configurations.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Configuration that all runs begin with, each with what its row is about over it. Without: `configs/utkface.toml`.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of the runs: finished ones with the settings a table needs are taken, unfinished ones go on, others are trained
    /// there.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
    /// Epochs of both stages, for all runs.
    #[arg(long, value_name = "STAGE1,STAGE2")]
    pub epochs: Option<Epochs>,
    /// Another value for a key of all configurations, as for `trainer train`.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// The images that are answered for.
    #[arg(long, value_enum, default_value_t = ReportedSplit::Test)]
    pub split: ReportedSplit,
    /// Folder of the results.
    #[arg(long, value_name = "DIR", default_value = "docs/results")]
    pub out: PathBuf,
    /// Say which runs would be trained and which are there, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Train nothing: what is not finished stays empty.
    #[arg(long)]
    pub finished: bool,
}

/// `--epochs 24,8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epochs(pub usize, pub usize);

impl FromStr for Epochs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = |text: &str| text.trim().parse::<usize>().ok();
        text.split_once(',')
            .and_then(|(first, second)| Some(Self(parse(first)?, parse(second)?)))
            .ok_or_else(|| "write the epochs of stage 1 and of stage 2, as in 24,8".to_owned())
    }
}

/// What a run changes in the configuration of all.
#[derive(Clone, Debug)]
pub(in crate::commands) struct Recipe {
    /// Name of the run.
    pub(in crate::commands) name: String,
    /// KEY=VALUE; they stand over everything that the command line sets, later ones over earlier ones.
    pub(in crate::commands) own: Vec<String>,
}

impl Recipe {
    /// A step of the ladder.
    pub(in crate::commands) fn plain(name: &str, step: &[&str]) -> Self {
        Self::with(name.to_owned(), step, &[])
    }

    /// A step of the ladder with settings of its own.
    pub(in crate::commands) fn with(name: String, step: &[&str], own: &[String]) -> Self {
        Self { name, own: step.iter().map(|setting| (*setting).to_owned()).chain(own.iter().cloned()).collect() }
    }
}

/// One seed of one recipe.
#[derive(Clone, Debug)]
pub(in crate::commands) struct Planned {
    /// The recipe's name.
    pub(in crate::commands) name: String,
    /// What is trained.
    pub(in crate::commands) config: RunConfig,
    /// Where it is.
    pub(in crate::commands) located: Located,
}

impl Sources {
    /// The resolved configuration of a recipe.
    ///
    /// # Errors
    /// The configuration cannot be read, a split file is missing, or a setting is wrong.
    pub(in crate::commands) fn config(&self, recipe: &Recipe) -> Result<RunConfig> {
        let text = self.config.as_deref().map_or_else(|| Ok(UTKFACE.to_owned()), read)?;
        let mut settings = self.data.as_deref().map_or_else(|| Ok(Vec::new()), |folder| found(folder, &text))?;
        if let Some(Epochs(first, second)) = self.epochs {
            settings.extend([format!("stage1.epochs={first}"), format!("stage2.epochs={second}")]);
        }
        settings.extend(self.set.iter().chain(&recipe.own).cloned());
        settings.push(format!("name={}", Value::String(recipe.name.clone())));
        RunConfig::parse_with(&text, &settings).with_context(|| match &self.config {
            Some(path) => format!("{}, for the run {}", path.display(), recipe.name),
            None => format!("the run {}", recipe.name),
        })
    }

    /// Each recipe with each seed, recipe by recipe.
    ///
    /// # Errors
    /// As for [`Sources::config`], or a checkpoint is damaged.
    pub(in crate::commands) fn plan(&self, recipes: &[Recipe], seeds: u64) -> Result<Vec<Vec<Planned>>> {
        let runs = Runs::read(&self.runs)?;
        let one = |recipe: &Recipe, seed: u64| -> Result<Planned> {
            let config = self.config(recipe)?;
            let config = RunConfig { seed: config.seed + seed, ..config };
            let located = runs.locate(&config)?;
            Ok(Planned { name: recipe.name.clone(), config, located })
        };
        recipes.iter().map(|recipe| (0..seeds).map(|seed| one(recipe, seed)).collect()).collect()
    }

    /// Trains what is not finished, unless told not to, and asks every finished run for its answers: by recipe and seed,
    /// `None` where a run is not finished. `None` for all if it was stopped.
    ///
    /// # Errors
    /// Data cannot be read, or training fails.
    pub(in crate::commands) fn answers(
        &self,
        plan: &[Vec<Planned>],
        device: &Device,
    ) -> Result<Option<Vec<Vec<Option<Answers>>>>> {
        let stop = stop_on_interrupt();
        let mut splits: Option<(RunConfig, RunData)> = None;
        for Planned { config, located, .. } in plan.iter().flatten() {
            if located.state == State::Finished || self.finished {
                continue;
            }
            let checkpoint = match located.state {
                State::Missing => {
                    prepare(config, &located.folder)?;
                    None
                }
                _ => Checkpoint::find(&located.folder)?,
            };
            let same = |known: &RunConfig| {
                (known.input(), &known.data, known.margin()) == (config.input(), &config.data, config.margin())
            };
            let known = splits.take().filter(|(known, _)| same(known));
            let (_, own) = splits.insert(match known {
                Some(known) => known,
                None => (config.clone(), RunData::read(config)?),
            });
            if train(config, &located.folder, checkpoint, own, std::slice::from_ref(device), &stop)?.is_none() {
                println!("or go on with the whole: the same command again");
                return Ok(None);
            }
        }
        drop(splits);
        let mut kept = LastSplit::default();
        let mut one = |Planned { config, located, .. }: &Planned| -> Result<Option<Answers>> {
            if located.state != State::Finished && self.finished {
                return Ok(None);
            }
            answered(&located.folder, config, self.split, &mut kept, device).map(Some)
        };
        plan.iter().map(|seeds| seeds.iter().map(&mut one).collect()).collect::<Result<_>>().map(Some)
    }

    /// Says what there is and what would be trained.
    pub(in crate::commands) fn say(&self, plan: &[Vec<Planned>]) {
        for Planned { name, config, located } in plan.iter().flatten() {
            let folder = located.folder.display();
            let what = match located.state {
                State::Finished => format!("there: {folder}"),
                _ if self.finished => "left out: it is not finished".to_owned(),
                State::Begun => format!("trained from its start: {folder}"),
                State::Unfinished(progress) => format!("continued at {progress}: {folder}"),
                State::Missing => format!("trained: {folder}"),
            };
            let Epochs(first, second) = Epochs(config.stage1.epochs, config.stage2.epochs);
            println!("{name}, seed {}, {first} + {second} epochs: {what}", config.seed);
        }
    }
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// `data.*` settings for the files of a folder, in place of those of a configuration.
fn found(folder: &Path, text: &str) -> Result<Vec<String>> {
    let splits = [folder.to_owned(), folder.join("splits")].into_iter().find(|path| path.join("train.csv").is_file());
    let splits = splits.with_context(|| {
        format!(
            "{} has no train.csv, nor has its `splits/`: divide the data set with `trainer data split` first",
            folder.display()
        )
    })?;
    let val = splits.join("val.csv");
    ensure!(val.is_file(), "{} is missing: a run chooses by it; draw it with --val-share", val.display());
    let account: Option<toml::Table> =
        std::fs::read_to_string(splits.join(ACCOUNT)).ok().and_then(|text| text.parse().ok());
    let images = account.as_ref().and_then(|account| account.get("images")?.as_str()).map(PathBuf::from);
    let images = images.unwrap_or_else(|| folder.join("images"));
    ensure!(
        images.is_dir(),
        "{} is no folder: the images should be in `images/`, or where {ACCOUNT} says",
        images.display()
    );
    let test = splits.join("test.csv");
    let set = |key: &str, value: String| format!("data.{key}={}", Value::String(value));
    let path = |key: &str, path: &Path| set(key, path.to_string_lossy().into_owned());
    let mut settings = vec![path("images", &images), path("train", &splits.join("train.csv")), path("val", &val)];
    settings.push(if test.is_file() { path("test", &test) } else { "data.test=".to_owned() });
    // The file's own words are true of the file's own data only.
    let shipped = RunConfig::parse_with(text, &[])?.data;
    let same =
        |a: &Path, b: &Path| std::fs::canonicalize(a).ok().is_some_and(|a| std::fs::canonicalize(b).ok() == Some(a));
    if !same(&shipped.train, &splits.join("train.csv")) {
        let protocol = account.as_ref().and_then(|account| account.get("protocol")?.as_str());
        let name =
            std::fs::canonicalize(folder).ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        let name = protocol.map(str::to_owned).or(name).unwrap_or_default();
        settings.push(set("description", name));
        settings.push(set("licence", "that of the data".to_owned()));
    }
    Ok(settings)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        sources: Sources,
    }

    pub(in super::super) fn sources(arguments: &[&str]) -> Result<Sources, String> {
        let words = ["trainer"].into_iter().chain(arguments.iter().copied());
        Line::try_parse_from(words).map(|line| line.sources).map_err(|error| error.to_string())
    }

    #[test]
    fn settings_stand_over_the_file_and_a_rows_own_over_those() {
        let own = ["loss=dex".to_owned()];
        let recipe = Recipe::with("a \"name\"".to_owned(), &[], &own);
        let line = sources(&["--epochs", "24,8", "--set", "seed=7", "--set", "loss=kl", "--set", "stage2.epochs=9"]);
        let config = line.unwrap().config(&recipe).unwrap();
        assert_eq!((config.seed, config.stage1.epochs, config.stage2.epochs), (7, 24, 9));
        assert_eq!((config.name.as_str(), config.loss), ("a \"name\"", glae_model::loss::Objective::Dex));
        let error = sources(&["--epochs", "24"]).err().unwrap();
        assert!(error.contains("24,8"), "{error}");
        let error = sources(&["--set", "epochs=3"]).unwrap().config(&recipe).unwrap_err();
        assert!(format!("{error:#}").contains("unknown field `epochs`"), "{error:#}");
    }

    #[test]
    fn a_folder_names_the_data_and_what_it_lacks() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("faces");
        let from = |folder: &Path| {
            let line = sources(&["--data", folder.to_str().unwrap()]).unwrap();
            line.config(&Recipe::plain("a", &[])).map(|config| config.data).map_err(|error| error.to_string())
        };
        std::fs::create_dir_all(folder.join("images")).unwrap();
        assert!(from(&folder).unwrap_err().contains("trainer data split"));
        std::fs::create_dir_all(folder.join("splits")).unwrap();
        std::fs::write(folder.join("splits/train.csv"), "file,age\n").unwrap();
        assert!(from(&folder).unwrap_err().contains("val.csv is missing"));
        std::fs::write(folder.join("splits/val.csv"), "file,age\n").unwrap();
        let data = from(&folder).unwrap();
        assert_eq!((data.images, data.train), (folder.join("images"), folder.join("splits/train.csv")));
        assert_eq!((data.test, data.description.as_str()), (None, "faces"));

        // As `trainer data split` leaves it.
        let own = root.path().join("split");
        std::fs::create_dir_all(&own).unwrap();
        for name in ["train.csv", "val.csv", "test.csv"] {
            std::fs::write(own.join(name), "file,age\n").unwrap();
        }
        let account = format!("protocol = 'mivia'\nimages = '{}'\n", folder.join("images").display());
        std::fs::write(own.join(ACCOUNT), account).unwrap();
        let data = from(&own).unwrap();
        assert_eq!((data.images, data.test), (folder.join("images"), Some(own.join("test.csv"))));
        assert_eq!(data.description, "mivia");
    }
}
