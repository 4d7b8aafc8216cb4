//! The state of a run on disk: one file, replaced atomically, from which a run continues exactly.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};
use glae_data::files::write_atomically;
use glae_model::weights::counters;
use glae_model::{Precision, StateDict};

/// Name of the file in the run's folder.
pub const FILE: &str = "checkpoint.safetensors";

/// Name of the counters in the file: stage, epoch and step.
const PROGRESS: &str = "progress";

/// Where a run stands. The next step to do is `step` of `epoch` of `stage`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// 0: vanilla, 1: balanced, 2: finished.
    pub stage: usize,
    /// Epoch in the stage.
    pub epoch: usize,
    /// Step in the epoch.
    pub step: usize,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stage, epoch, step } = self;
        match stage {
            2 => write!(f, "the end of stage 2"),
            _ => write!(f, "stage {}, epoch {}, step {step}", stage + 1, epoch + 1),
        }
    }
}

/// Network, its average, optimizer and progress.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// All parameters and buffers, f32.
    pub network: StateDict,
    /// The moving average of the weights; empty for a run without, and once a stage has taken it over as its network.
    pub average: StateDict,
    /// The optimizer's state.
    pub optimizer: StateDict,
    /// Where the run stands.
    pub progress: Progress,
}

impl Checkpoint {
    /// The weights that answer: the average, where there is one.
    pub fn answering(&self) -> &StateDict {
        if self.average.0.is_empty() { &self.network } else { &self.average }
    }

    /// Writes beside the old file, flushes to disk, then renames: a crash leaves the old one or the new one.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write(&self, run: &Path) -> Result<()> {
        let mut all = StateDict::default();
        let parts = [("network", &self.network), ("average", &self.average), ("optimizer", &self.optimizer)];
        for (prefix, part) in parts {
            all.put(prefix, part);
        }
        let Progress { stage, epoch, step } = self.progress;
        let progress = [stage, epoch, step].map(|number| number as u64);
        write_atomically(&run.join(FILE), &all.with_counters(Precision::Full, &[(PROGRESS, &progress)]))
    }

    /// Reads the checkpoint of a run that may have been ended before its first one.
    ///
    /// # Errors
    /// It is damaged.
    pub fn find(run: &Path) -> Result<Option<Self>> {
        if run.join(FILE).exists() { Self::read(run).map(Some) } else { Ok(None) }
    }

    /// Reads the checkpoint of a run.
    ///
    /// # Errors
    /// There is none, or it is damaged.
    pub fn read(run: &Path) -> Result<Self> {
        let path = run.join(FILE);
        let bytes = std::fs::read(&path)
            .with_context(|| format!("cannot read {}: is this the folder of a run?", path.display()))?;
        let all = StateDict::from_safetensors(&bytes).with_context(|| format!("{} is damaged", path.display()))?;
        let values: Vec<usize> = match counters(&bytes, PROGRESS)? {
            Some(values) => values.into_iter().map(usize::try_from).collect::<Result<_, _>>()?,
            // Older checkpoints hold them as f32.
            None => all.get(PROGRESS)?.values.iter().map(|v| *v as usize).collect(),
        };
        let [stage, epoch, step] = values[..] else { anyhow::bail!("{} is damaged: {PROGRESS}", path.display()) };
        let progress = Progress { stage, epoch, step };
        let [network, average, optimizer] = ["network", "average", "optimizer"].map(|name| all.part(name));
        Ok(Self { network, average, optimizer, progress })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glae_model::weights::Array;

    #[test]
    fn a_checkpoint_with_floats_for_counters_is_read() {
        let run = tempfile::tempdir().unwrap();
        let array = |values: &[f32]| Array { shape: vec![values.len()], values: values.to_vec() };
        let state = [("network.a", array(&[0.5])), (PROGRESS, array(&[1.0, 7.0, 234.0]))];
        let state = StateDict(state.map(|(name, array)| (name.to_owned(), array)).into());
        std::fs::write(run.path().join(FILE), state.to_safetensors(Precision::Full)).unwrap();
        let read = Checkpoint::read(run.path()).unwrap();
        assert_eq!(read.progress, Progress { stage: 1, epoch: 7, step: 234 });
        assert_eq!(read.network.0["a"].values, [0.5]);
    }

    #[test]
    fn what_is_written_is_read() {
        let run = tempfile::tempdir().unwrap();
        let state = |value: f32| {
            let array = Array { shape: vec![2, 1], values: vec![value, 0.1] };
            StateDict([("backbone.conv1.weight".to_owned(), array)].into())
        };
        let progress = Progress { stage: 1, epoch: 7, step: 234 };
        assert_eq!(Checkpoint::find(run.path()).unwrap(), None);
        let average = StateDict::default();
        let plain = Checkpoint { network: state(1.0 / 3.0), average, optimizer: state(-2.5e-9), progress };
        let averaged = Checkpoint { average: state(0.7), ..plain.clone() };
        assert_eq!((plain.answering(), averaged.answering()), (&plain.network, &averaged.average));
        for checkpoint in [plain, averaged] {
            checkpoint.write(run.path()).unwrap();
            assert_eq!(Checkpoint::find(run.path()).unwrap(), Some(checkpoint));
        }
    }

    #[test]
    fn a_folder_without_checkpoint_is_named() {
        let error = Checkpoint::read(Path::new("no-such-run")).unwrap_err().to_string();
        assert!(error.contains("no-such-run") && error.contains("folder of a run"), "{error}");
    }
}
