use crate::ids::repair;
use crate::predictions::Predictions;
use crate::problems::{ProblemKind, Problems, quoted};
use crate::sample::Sample;
use crate::score::Unpredicted;
use crate::truth::Truth;

/// Which prediction belongs to which image.
pub(crate) struct Join {
    /// For each row of the truth the row of its prediction, or [`NONE`].
    rows: Vec<u32>,
}

const NONE: u32 = u32::MAX;
/// How many ids are looked up together.
const BATCH: usize = 64;

impl Join {
    /// Joins by id.
    ///
    /// # Errors
    /// Ids that are unknown, predicted twice or, if they are refused, missing: all of them.
    pub(crate) fn new(truth: &Truth, predictions: &Predictions, unpredicted: Unpredicted) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let join = Self::with(truth, predictions, &mut problems);
        if problems.of(ProblemKind::UnknownId).is_some()
            && let Some(repair) = repair(predictions, truth)
        {
            problems.add(ProblemKind::OtherIds, || repair.sentence());
        }
        if unpredicted == Unpredicted::Refused {
            let missing = join.rows.iter().enumerate().filter(|(_, prediction)| **prediction == NONE);
            let mut missing: Vec<&str> = missing.map(|(row, _)| truth.id_of(row)).collect();
            // In the order of the ids: a truth that is sorted by age would otherwise tell that order.
            missing.sort_unstable();
            for id in missing {
                problems.add(ProblemKind::MissingId, || format!("no prediction for the id {}", quoted(id)));
            }
        }
        problems.none_or(join)
    }

    /// Joins by id and passes over whatever does not fit.
    pub(crate) fn tolerant(truth: &Truth, predictions: &Predictions) -> Self {
        Self::with(truth, predictions, &mut Problems::default())
    }

    /// The prediction's row for a row of the truth.
    pub(crate) fn of(&self, row: usize) -> Option<usize> {
        Some(self.rows[row]).filter(|&row| row != NONE).map(|row| row as usize)
    }

    /// Rows of truth and prediction, in the order of the truth.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.rows.len()).filter_map(|row| Some((row, self.of(row)?)))
    }

    /// Rows of the truth with their samples, in the order of the truth.
    pub(crate) fn samples(&self, truth: &Truth, predictions: &Predictions) -> impl Iterator<Item = (usize, Sample)> {
        self.pairs().map(|(row, own)| (row, Sample { age: truth.age_of(row), prediction: predictions.age(own) }))
    }

    fn with(truth: &Truth, predictions: &Predictions, problems: &mut Problems) -> Self {
        let mut join = Self { rows: vec![NONE; truth.len()] };
        let (mut found, mut next) = (Vec::new(), 0);
        for start in (0..predictions.len()).step_by(BATCH) {
            let batch = start..predictions.len().min(start + BATCH);
            // Most files keep the order of the truth: looking at the next rows first saves the search.
            let in_order = next + batch.len() <= truth.len()
                && batch.clone().all(|own| truth.id_of(next + own - start) == predictions.id(own));
            if in_order {
                found.clear();
                found.extend((next..next + batch.len()).map(Some));
            } else {
                truth.find_all(batch.clone().map(|own| predictions.id(own)), &mut found);
            }
            for (own, row) in batch.zip(&found) {
                join.add(*row, own, truth, predictions, problems);
                next = row.map_or(next, |row| row + 1);
            }
        }
        join
    }

    /// Notes that a prediction belongs to a row of the truth, or the problem with it.
    fn add(
        &mut self,
        row: Option<usize>,
        own: usize,
        truth: &Truth,
        predictions: &Predictions,
        problems: &mut Problems,
    ) {
        let (id, line) = (predictions.id(own), predictions.lines[own]);
        let Some(row) = row else {
            // The reader has reported rows without an id.
            if !id.is_empty() {
                problems.add(ProblemKind::UnknownId, || {
                    // The first by its letters, which tells nothing about the truth's order.
                    let like = quoted((0..truth.len()).map(|row| truth.id_of(row)).min().unwrap_or_default());
                    format!("line {line}: the id {} is not in the truth, which has ids like {like}", quoted(id))
                });
            }
            return;
        };
        if self.rows[row] == NONE {
            self.rows[row] = own as u32;
            return;
        }
        let earlier = predictions.lines[self.rows[row] as usize];
        let sentence = || format!("line {line}: the id {} is already on line {earlier}", quoted(id));
        problems.add(ProblemKind::DuplicateId, sentence);
    }
}
