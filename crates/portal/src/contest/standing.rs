//! What is said about rows beside their numbers: coverage, why they are not ranked, and the ranks of a closed contest.

use std::collections::BTreeMap;

use glae_api::{Column, Phase, Scores, Standing};
use sqlx::Row;

use super::Now;
use crate::{
    board::Loaded,
    database::Database,
    problem::ApiResult,
    submission::{Submission, Unranked},
};

/// The standings of a board's submissions, by their ids. Rows about which there is nothing to say are absent.
///
/// # Errors
/// If the database fails.
pub async fn of(
    database: &Database,
    board: &Loaded,
    now: Option<&Now>,
    submissions: &[Submission],
    viewer: Option<&str>,
) -> ApiResult<BTreeMap<String, Standing>> {
    let mut standings = BTreeMap::new();
    for submission in submissions {
        standings.insert(submission.id.clone(), alone(board, submission, viewer));
    }
    if now.is_some_and(|now| now.phase == Phase::Closed) {
        decide(board.board.primary, submissions, &chosen(database, &board.board.id).await?, &mut standings);
    }
    standings.retain(|_, standing| *standing != Standing::default());
    Ok(standings)
}

/// What is said about a submission whatever the others are.
pub fn alone(board: &Loaded, submission: &Submission, viewer: Option<&str>) -> Standing {
    let count = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
    let own = viewer == Some(&submission.team);
    Standing {
        coverage: (submission.predicted < submission.samples)
            .then(|| [count(submission.predicted), count(submission.samples)]),
        unranked: match submission.mark {
            Unranked::EqualsTruth => Some("equals-truth".to_owned()),
            Unranked::Hidden => Some("hidden".to_owned()),
            Unranked::None => submission.is_incomplete(board).then(|| "incomplete".to_owned()),
        },
        reason: Some(submission.reason.clone()).filter(|reason| own && !reason.is_empty()),
        ..Standing::default()
    }
}

/// The submissions that teams chose, by team.
async fn chosen(database: &Database, board: &str) -> ApiResult<BTreeMap<String, String>> {
    let rows = sqlx::query("SELECT team, final FROM entrants WHERE board = $1 AND final <> ''")
        .bind(board)
        .fetch_all(database.read())
        .await?;
    Ok(rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, sqlx::Error>>()?)
}

/// Finds each team's final submission and ranks these by both parts of the test set.
fn decide(
    primary: Column,
    submissions: &[Submission],
    chosen: &BTreeMap<String, String>,
    standings: &mut BTreeMap<String, Standing>,
) {
    let mut finals: BTreeMap<&str, (&Submission, Scores, Scores)> = BTreeMap::new();
    for submission in submissions {
        let Some(sealed) = submission.sealed.filter(|_| submission.mark == Unranked::None) else { continue };
        let candidate = (submission, sealed.public, sealed.private);
        match finals.get(submission.team.as_str()) {
            Some((best, _, _)) if chosen.get(&best.team) == Some(&best.id) => {}
            // The oldest wins among equals: submissions come in the order of their time.
            Some((_, best, _))
                if chosen.get(&submission.team) != Some(&submission.id)
                    && !primary.compare(&sealed.public, best).is_lt() => {}
            _ => {
                finals.insert(&submission.team, candidate);
            }
        }
        if let Some(standing) = standings.get_mut(&submission.id) {
            standing.is_final = Some(false);
            standing.public_scores = Some(rounded(sealed.public));
        }
    }
    let place = |scores: &Scores, part: fn(&(&Submission, Scores, Scores)) -> Scores| {
        let ahead = finals.values().filter(|other| primary.compare(&part(other), scores).is_lt()).count();
        u32::try_from(ahead + 1).unwrap_or(u32::MAX)
    };
    for (submission, public, private) in finals.values() {
        if let Some(standing) = standings.get_mut(&submission.id) {
            standing.is_final = Some(true);
            standing.public_rank = Some(place(public, |other| other.1));
            standing.private_rank = Some(place(private, |other| other.2));
        }
    }
}

/// Three decimals of each number.
pub fn rounded(scores: Scores) -> Scores {
    Column::ALL.into_iter().fold(scores, |scores, column| {
        let number = column.of(&scores).map(|number| (number * 1e3).round() / 1e3);
        column.with(scores, number)
    })
}
