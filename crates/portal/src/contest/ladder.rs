//! What a team is told while a contest is open: the Ladder of Blum and Hardt ("The Ladder: a reliable leaderboard for
//! machine learning competitions", 2015), over the board's columns.
//!
//! A submission's numbers are told only if the primary one improves on what the team was told before by more than one
//! and a half steps, and then rounded to whole steps. A step is what one image of the public part can change at most,
//! and what was told lies within half a step of what was scored: so an improvement that is told is more than one image
//! can make. `docs/boards.md` states what leaks nevertheless, in bits.

use std::collections::BTreeMap;

use glae_api::{Board, Column, Contest, Scores};
use glae_metrics::Truth;

use super::division::{PrivatePart, class};

/// By how many steps a submission must be better than what its team was told, to be told itself.
const MARGIN: f64 = 1.5;
/// The largest error of one prediction, in years: predictions and ages lie within 0 to 120.
const LARGEST: f64 = 120.0;
/// Age groups: all, 0-17, 18-65, 66-100 and older.
const GROUPS: [(usize, usize); 4] = [(0, usize::MAX), (0, 17), (18, 65), (66, usize::MAX)];

/// The steps by column. A column without one is not told while the contest is open.
pub type Steps = BTreeMap<Column, f64>;

/// The steps of a board's columns on the public part of its truth.
pub fn steps(board: &Board, contest: &Contest, truth: &Truth, division: &PrivatePart) -> Steps {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for (row, image) in truth.rows().enumerate() {
        if !division.is_private(row) {
            *counts.entry(class(image.age)).or_default() += 1;
        }
    }
    let influence = |column| influence(column, &counts).map(|step| (column, chosen(contest, column, step)));
    board.columns.iter().copied().chain([board.primary]).filter_map(influence).collect()
}

/// How much one image can change a column, at most.
fn influence(column: Column, counts: &BTreeMap<usize, usize>) -> Option<f64> {
    let group = |number: usize| {
        let (first, last) = GROUPS[number];
        counts.range(first..=last).map(|(_, count)| *count).collect::<Vec<_>>()
    };
    let of_mean = |counts: Vec<usize>, largest: f64| {
        let images: usize = counts.iter().sum();
        (images > 0).then(|| largest / images as f64)
    };
    // The mean over ages: an image weighs most where it is the only one of its age.
    let of_class_mean = |counts: Vec<usize>| {
        let least = counts.iter().min()?;
        Some(LARGEST / (counts.len() * least) as f64)
    };
    match column {
        Column::Cmae => of_class_mean(group(0)),
        Column::CmaeYoung => of_class_mean(group(1)),
        Column::CmaeMiddle => of_class_mean(group(2)),
        Column::CmaeOld => of_class_mean(group(3)),
        Column::Mae => of_mean(group(0), LARGEST),
        Column::MaeYoung => of_mean(group(1), LARGEST),
        Column::MaeMiddle => of_mean(group(2), LARGEST),
        Column::MaeOld => of_mean(group(3), LARGEST),
        Column::Cs5 | Column::Epsilon => of_mean(group(0), 1.0),
        Column::Aar => None,
    }
}

/// The organiser's step is in years; shares are told in the steps that follow from the number of images.
fn chosen(contest: &Contest, column: Column, influence: f64) -> f64 {
    match (column, contest.step) {
        (Column::Cs5 | Column::Epsilon, _) | (_, None) => influence,
        (_, Some(step)) => step,
    }
}

/// What a team is told of a submission that scored `public` on the public part, after it was told `before`.
///
/// Nothing unless the primary number is better by the margin; the first submission is better than none.
pub fn told(primary: Column, steps: &Steps, before: Option<&Scores>, public: &Scores) -> Option<Scores> {
    let step = *steps.get(&primary)?;
    let own = primary.of(public)?;
    let improves = match before.and_then(|before| primary.of(before)) {
        Some(best) if primary.ascending() => own < best - MARGIN * step,
        Some(best) => own > best + MARGIN * step,
        None => true,
    };
    improves.then(|| {
        let rounded = |scores, (column, step): (&Column, &f64)| {
            let number = column.of(public).map(|number| (number / step).round() * step);
            // Steps are rarely whole thousandths; what follows them is noise of the arithmetic.
            column.with(scores, number.map(|number| (number * 1e6).round() / 1e6))
        };
        steps.iter().fold(Scores::default(), rounded)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(mae: f64) -> Scores {
        Scores { mae: Some(mae), cmae: Some(mae + 1.0), aar: Some(3.0), ..Scores::default() }
    }

    #[test]
    fn only_an_improvement_beyond_the_margin_is_told() {
        let steps = Steps::from([(Column::Mae, 0.5), (Column::Cmae, 1.0)]);
        let told = |before: Option<&Scores>, mae| told(Column::Mae, &steps, before, &scores(mae));
        let first = told(None, 6.2).unwrap();
        assert_eq!((first.mae, first.cmae, first.aar), (Some(6.0), Some(7.0), None));
        // Anything from 5.25 on looks the same, however near.
        for mae in [9.0, 6.2, 5.9, 5.5, 5.3] {
            assert_eq!(told(Some(&first), mae), None, "{mae}");
        }
        assert_eq!(told(Some(&first), 5.2).unwrap().mae, Some(5.0));
        // 6.2 was told as 6.0, 5.8 would be as well; one image more moves neither by a step and is not told.
        assert_eq!(super::told(Column::Mae, &steps, Some(&first), &scores(5.8 - 0.5)), None);
    }

    #[test]
    fn a_step_is_what_one_image_can_change() {
        // Ages 10 (twice), 20 (once), 70 (three times).
        let counts = BTreeMap::from([(10, 2), (20, 1), (70, 3)]);
        assert_eq!(influence(Column::Mae, &counts), Some(20.0));
        assert_eq!(influence(Column::Cmae, &counts), Some(40.0));
        assert_eq!(influence(Column::CmaeOld, &counts), Some(40.0));
        assert_eq!(influence(Column::MaeYoung, &counts), Some(60.0));
        assert_eq!(influence(Column::Cs5, &counts), Some(1.0 / 6.0));
        assert_eq!((influence(Column::Aar, &counts), influence(Column::MaeOld, &BTreeMap::new())), (None, None));
    }
}
