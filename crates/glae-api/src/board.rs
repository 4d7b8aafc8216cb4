//! Boards: what is compared, and how.

use std::collections::BTreeMap;

use glae_metrics::Unpredicted;
use serde::{Deserialize, Serialize};

use crate::contest::{ContestPage, Phase, Standing, TruthVersion};
use crate::organise::Frozen;
use crate::row::{Row, Scores, Tombstone};

/// A board: one test set, one protocol, one ranking. The files `public/boards/*.toml` hold exactly this, with the
/// methods reported by papers as `[[rows]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// The name in addresses: lower-case letters, digits and hyphens. The same as the file's name.
    pub id: String,
    /// The heading.
    pub title: String,
    /// What it measures, in a sentence.
    pub measures: String,
    /// The protocol in words: which images train, which test, what may be used.
    pub protocol: String,
    /// The pictures behind it.
    pub dataset: Dataset,
    /// Where the truth comes from.
    pub truth: TruthAccess,
    /// What the ranking goes by.
    pub primary: Column,
    /// The columns of the table, in order; `primary` is among them.
    pub columns: Vec<Column>,
    /// What happens to images without a prediction.
    #[serde(default)]
    pub unpredicted: Unpredicted,
    /// Number of training images at each age, from age 0, for many, medium and few shots. Empty: not known.
    #[serde(default)]
    pub training_counts: Vec<u32>,
    /// How many scored submissions a team has on this board per UTC day.
    #[serde(default = "five")]
    pub submissions_per_day: u32,
    /// Methods that stand on the board from the start.
    #[serde(default)]
    pub rows: Vec<Row>,
}

fn five() -> u32 {
    5
}

/// The pictures behind a board.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// As the field calls it.
    pub name: String,
    /// Number of test images; absent where the protocol draws them anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_images: Option<u32>,
    /// The terms on which its owners give it.
    pub licence: String,
    /// Where to ask for it.
    pub source: String,
}

/// Where the truth of a board comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = Truth))]
#[serde(rename_all = "lowercase")]
pub enum TruthAccess {
    /// Everybody may read it: `BOARD.truth.csv` beside the board's file, `GET boards/{id}/truth`.
    Public,
    /// Only the server has it.
    Hidden,
    /// Nobody here has it: researchers score against their own copy in their browser, and nothing is sent.
    Yours,
}

/// A column of the table: one number of [`Scores`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Column {
    /// Class-wise mean absolute error, `[GLAE] eq. (13)`.
    Cmae,
    /// CMAE over ages 0-17.
    CmaeYoung,
    /// CMAE over ages 18-65.
    CmaeMiddle,
    /// CMAE over ages 66-100.
    CmaeOld,
    /// Mean absolute error, `[GLAE] eq. (12)`.
    Mae,
    /// MAE over ages 0-17.
    MaeYoung,
    /// MAE over ages 18-65.
    MaeMiddle,
    /// MAE over ages 66-100.
    MaeOld,
    /// Share of errors of at most five years.
    Cs5,
    /// Epsilon-error, `[GLAE] eq. (14)`.
    Epsilon,
    /// Age accuracy and regularity, `[GLAE] eq. (15)`.
    Aar,
}

impl Column {
    /// All columns.
    pub const ALL: [Column; 11] = [
        Column::Cmae,
        Column::CmaeYoung,
        Column::CmaeMiddle,
        Column::CmaeOld,
        Column::Mae,
        Column::MaeYoung,
        Column::MaeMiddle,
        Column::MaeOld,
        Column::Cs5,
        Column::Epsilon,
        Column::Aar,
    ];

    /// The heading.
    pub fn label(self) -> &'static str {
        match self {
            Column::Cmae => "CMAE",
            Column::CmaeYoung => "CMAE 0-17",
            Column::CmaeMiddle => "CMAE 18-65",
            Column::CmaeOld => "CMAE 66-100",
            Column::Mae => "MAE",
            Column::MaeYoung => "MAE 0-17",
            Column::MaeMiddle => "MAE 18-65",
            Column::MaeOld => "MAE 66-100",
            Column::Cs5 => "CS(5)",
            Column::Epsilon => "\u{3b5}-error",
            Column::Aar => "AAR",
        }
    }

    /// Whether more is better.
    pub fn ascending(self) -> bool {
        !matches!(self, Column::Cs5 | Column::Aar)
    }

    /// The number of this column, if it is known.
    pub fn of(self, scores: &Scores) -> Option<f64> {
        match self {
            Column::Cmae => scores.cmae,
            Column::CmaeYoung => scores.cmae_young,
            Column::CmaeMiddle => scores.cmae_middle,
            Column::CmaeOld => scores.cmae_old,
            Column::Mae => scores.mae,
            Column::MaeYoung => scores.mae_young,
            Column::MaeMiddle => scores.mae_middle,
            Column::MaeOld => scores.mae_old,
            Column::Cs5 => scores.cs5,
            Column::Epsilon => scores.epsilon,
            Column::Aar => scores.aar,
        }
    }

    /// The scores with another number in this column.
    #[must_use]
    pub fn with(self, mut scores: Scores, number: Option<f64>) -> Scores {
        *match self {
            Column::Cmae => &mut scores.cmae,
            Column::CmaeYoung => &mut scores.cmae_young,
            Column::CmaeMiddle => &mut scores.cmae_middle,
            Column::CmaeOld => &mut scores.cmae_old,
            Column::Mae => &mut scores.mae,
            Column::MaeYoung => &mut scores.mae_young,
            Column::MaeMiddle => &mut scores.mae_middle,
            Column::MaeOld => &mut scores.mae_old,
            Column::Cs5 => &mut scores.cs5,
            Column::Epsilon => &mut scores.epsilon,
            Column::Aar => &mut scores.aar,
        } = number;
        scores
    }

    /// Orders two rows by this column, best first, rows without a number last.
    pub fn compare(self, a: &Scores, b: &Scores) -> std::cmp::Ordering {
        match (self.of(a), self.of(b)) {
            (Some(a), Some(b)) if self.ascending() => a.total_cmp(&b),
            (Some(a), Some(b)) => b.total_cmp(&a),
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    }

    /// The place of these scores among rows by this column, from 1: one more than the number of better rows.
    pub fn place(self, rows: &[Row], scores: &Scores) -> u32 {
        1 + rows.iter().filter(|row| self.compare(&row.scores, scores).is_lt()).count() as u32
    }
}

/// A board in the list of boards: `GET boards`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BoardSummary {
    /// See [`Board::id`].
    pub id: String,
    /// See [`Board::title`].
    pub title: String,
    /// See [`Board::measures`].
    pub measures: String,
    /// See [`Board::truth`].
    pub truth: TruthAccess,
    /// See [`Board::primary`].
    pub primary: Column,
    /// Number of public rows.
    pub rows: u32,
    /// The best known number in the primary column.
    pub best: Option<f64>,
    /// Where the board is a contest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contest: Option<Phase>,
}

/// In a static copy of the leaderboard the best rows of a board that have predictions are compared, each with those behind
/// it: so many of them.
pub const COMPARED: usize = 20;

/// A board with everything that the asker may see: `GET boards/{id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BoardPage {
    /// The board; its `rows` are all rows in ranking order: those of the file, and the submissions.
    pub board: Board,
    /// Number of test images at each age from 0; empty where no truth is on the server or it is hidden.
    pub test_counts: Vec<u32>,
    /// Where a part of the ranking was asked for: how many rows there are in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u32>,
    /// Where a part of the ranking was asked for: the place of its first row, from 1; rows of the same number share one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_rank: Option<u32>,
    /// Where a part of the ranking was asked for with a token: the best place of the team's own submissions, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_rank: Option<u32>,
    /// Where the board is a contest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contest: Option<ContestPage>,
    /// What there is to say about single rows beside their numbers, by their ids.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub standings: BTreeMap<String, Standing>,
    /// What the submitted rows were scored with; absent where no truth is on the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truth_version: Option<TruthVersion>,
    /// Rankings that an organiser has frozen, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frozen: Vec<Frozen>,
    /// Rows that were public and have been withdrawn, the newest first; at most 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withdrawn: Vec<Tombstone>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(cmae: Option<f64>, aar: Option<f64>) -> Scores {
        Scores { cmae, aar, ..Scores::default() }
    }

    #[test]
    fn the_best_comes_first_and_the_unknown_last() {
        let (low, high, none) = (scores(Some(2.0), Some(2.0)), scores(Some(3.0), Some(3.0)), scores(None, None));
        assert!(Column::Cmae.compare(&low, &high).is_lt());
        assert!(Column::Aar.compare(&high, &low).is_lt());
        assert!(Column::Cmae.compare(&none, &high).is_gt() && Column::Aar.compare(&high, &none).is_lt());
        assert!(Column::Cmae.compare(&none, &none).is_eq());
    }

    #[test]
    fn each_column_is_a_number_of_its_own() {
        let json: String = Column::ALL
            .iter()
            .enumerate()
            .map(|(number, column)| format!("{}:{number}", serde_json::to_string(column).unwrap()))
            .collect::<Vec<_>>()
            .join(",");
        let scores: Scores = serde_json::from_str(&format!("{{{json}}}")).unwrap();
        for (number, column) in Column::ALL.into_iter().enumerate() {
            assert_eq!(column.of(&scores), Some(number as f64), "{column:?}");
            let other = column.with(scores, Some(-1.0));
            assert!(Column::ALL.into_iter().all(|of| of.of(&other) == Some(-1.0) || of.of(&other) == of.of(&scores)));
            assert_eq!(column.of(&other), Some(-1.0), "{column:?}");
        }
    }
}
