//! Several seeds of one method as one row: a team's submissions to a board that carry a seed and have the same method
//! and visibility. The first of them shows the means and the deviations, the others are folded into it.
//!
//! Of submissions with the same seed the newest counts, and one seed is no series. Hidden and incomplete ones, and those that equal a truth, stand
//! for themselves. Contests know no series: a mean of several answers would tell more than the ladder does.

use std::collections::BTreeMap;

use glae_api::{Column, Scores};
use serde::{Deserialize, Serialize};

use crate::{
    board::Loaded,
    database::Transaction,
    problem::ApiResult,
    submission::{Submission, Unranked},
};

/// What several seeds have in common.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeedSeries {
    /// How many, at least 2.
    pub count: u32,
    /// The mean of each number that all of them have.
    pub mean: Scores,
    /// The standard deviation of each, divided by one less than their count.
    pub deviation: Scores,
}

impl SeedSeries {
    /// Of the scores of at least two seeds.
    fn of(scores: &[Scores]) -> Self {
        let count = scores.len() as f64;
        let (mut mean, mut deviation) = (Scores::default(), Scores::default());
        for column in Column::ALL {
            let numbers: Option<Vec<f64>> = scores.iter().map(|scores| column.of(scores)).collect();
            let Some(numbers) = numbers else { continue };
            let middle = numbers.iter().sum::<f64>() / count;
            let squares: f64 = numbers.iter().map(|number| (number - middle).powi(2)).sum();
            mean = column.with(mean, Some(middle));
            deviation = column.with(deviation, Some((squares / (count - 1.0)).sqrt()));
        }
        Self { count: scores.len() as u32, mean, deviation }
    }
}

/// Finds anew which submissions of a series stand for it, after one of them came, went or changed. Returns what the
/// series is ranked by, if it is one.
///
/// # Errors
/// If the database fails.
pub async fn settle(transaction: &mut Transaction, board: &Loaded, team: &str, series: &str) -> ApiResult<Option<f64>> {
    if series.is_empty() || board.contest.is_some() {
        return Ok(None);
    }
    // Another submission of the team waits here, and then sees what this transaction has done.
    let lock = sqlx::query("UPDATE teams SET created = created WHERE id = $1").bind(team);
    lock.execute(&mut **transaction).await?;
    let mut all = Submission::of_series(transaction, &board.board.id, team, series).await?;
    let mut newest: BTreeMap<u32, usize> = BTreeMap::new();
    for (place, one) in all.iter().enumerate() {
        if let Some(seed) = one.metadata.seed
            && counts(board, one)
        {
            newest.insert(seed, place);
        }
    }
    let lead = newest.values().min().copied().filter(|_| newest.len() > 1);
    let scores: Vec<Scores> = newest.values().map(|place| all[*place].scores).collect();
    for (place, one) in all.iter_mut().enumerate() {
        one.seeds = (Some(place) == lead).then(|| SeedSeries::of(&scores));
        one.folded = lead.is_some_and(|lead| lead != place) && counts(board, one);
        write(transaction, board, one).await?;
    }
    Ok(lead.map(|lead| all[lead].key(board)))
}

/// Unfolds a submission that has no seed any more.
///
/// # Errors
/// If the database fails.
pub async fn settle_one(transaction: &mut Transaction, board: &Loaded, one: &mut Submission) -> ApiResult<()> {
    if one.metadata.seed.is_none() && (one.folded || one.seeds.is_some()) {
        (one.seeds, one.folded) = (None, false);
        write(transaction, board, one).await?;
    }
    Ok(())
}

fn counts(board: &Loaded, one: &Submission) -> bool {
    one.mark == Unranked::None && !one.is_incomplete(board)
}

async fn write(transaction: &mut Transaction, board: &Loaded, one: &Submission) -> ApiResult<()> {
    let seeds = one.seeds.as_ref().map(serde_json::to_string).transpose()?.unwrap_or_default();
    sqlx::query("UPDATE submissions SET seeds = $1, folded = $2, ranked = $3 WHERE id = $4")
        .bind(seeds)
        .bind(i64::from(one.folded))
        .bind(one.key(board))
        .bind(&one.id)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_deviations_of_what_all_seeds_have() {
        let scores = |mae, cmae| Scores { mae: Some(mae), cmae, ..Scores::default() };
        let series = SeedSeries::of(&[scores(4.0, Some(1.0)), scores(5.0, None), scores(6.0, Some(2.0))]);
        assert_eq!((series.count, series.mean.mae, series.deviation.mae), (3, Some(5.0), Some(1.0)));
        assert_eq!((series.mean.cmae, series.deviation.cmae), (None, None));
    }
}
