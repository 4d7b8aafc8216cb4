//! Contests: what a board's table `[contest]` says, when the contest is open, and what may be told of it.
//!
//! Reading order: this file (rules and times), [`division`] (which images decide), [`ladder`] (what a team is told),
//! [`entry`] (which teams take part), [`standing`] (the ranking).

pub mod division;
pub mod entry;
pub mod ladder;
pub mod standing;

use anyhow::{Context, Result, bail, ensure};
use glae_api::{Admission, Board, Column, Contest, Phase, TruthAccess, Unpredicted};
use serde::Deserialize;
use sqlx::Row;
use toml::value::{Date, Datetime, Offset, Time};

use crate::{
    board::Loaded,
    clock::DAY,
    database::Database,
    problem::{ApiError, ApiResult, Kind},
    state::Portal,
};

/// The table `[contest]` of a board's file, without its times.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    submissions_in_all: u32,
    #[serde(default)]
    admission: Admission,
    #[serde(default = "half")]
    private_share: f64,
    #[serde(default)]
    step: Option<f64>,
}

fn half() -> f64 {
    0.5
}

/// A contest as it is at a moment: its rules with what the organiser changed since.
#[derive(Clone, Debug)]
pub struct Now {
    /// The rules; `closes` is the organiser's.
    pub rules: Contest,
    /// Where it stands.
    pub phase: Phase,
    /// What the organiser has to say.
    pub announcement: String,
}

/// Reads the table `[contest]`.
///
/// # Errors
/// Says which field is wrong, and how.
pub fn read(rules: toml::Value) -> Result<Contest> {
    let toml::Value::Table(mut rules) = rules else { bail!("contest is no table: write [contest]") };
    let (opens, closes) = (moment(&mut rules, "opens")?, moment(&mut rules, "closes")?);
    let table: Table = rules.try_into().context("cannot understand [contest]")?;
    let contest = Contest {
        opens,
        closes,
        submissions_in_all: table.submissions_in_all,
        admission: table.admission,
        private_share: table.private_share,
        step: table.step,
    };
    ensure!(contest.opens < contest.closes, "the contest closes before it opens");
    ensure!(contest.submissions_in_all > 0, "submissions_in_all must be more than 0");
    let share = contest.private_share;
    ensure!(share > 0.0 && share < 1.0, "private_share must lie between 0 and 1");
    ensure!(contest.step.is_none_or(|step| step > 0.0 && step.is_finite()), "step must be more than 0 years");
    Ok(contest)
}

/// Takes a time out of the table.
fn moment(rules: &mut toml::Table, name: &str) -> Result<i64> {
    match rules.remove(name) {
        Some(toml::Value::Datetime(time)) => seconds(time).with_context(|| format!("cannot understand {name}")),
        Some(other) => bail!("{name} = {other} is no time: write it without quotes, as in 2026-12-01T00:00:00Z"),
        None => bail!("[contest] needs {name}, as in 2026-12-01T00:00:00Z"),
    }
}

/// Whether a board can be a contest.
///
/// # Errors
/// Says what stands against it.
pub fn check(board: &Board) -> Result<()> {
    ensure!(board.truth == TruthAccess::Hidden, "a contest needs truth = \"hidden\"");
    ensure!(
        board.unpredicted == Unpredicted::Refused,
        "in a contest every image is predicted: unpredicted = \"refused\""
    );
    ensure!(board.primary != Column::Aar, "a contest cannot be ranked by AAR: one image may move it without bound");
    ensure!(
        board.rows.iter().all(|row| row.predictions.is_none()),
        "rows of a contest cannot bring predictions: their numbers would tell of the truth"
    );
    Ok(())
}

/// The contest of a board as it is now; nothing if the board is none.
///
/// # Errors
/// If the database fails.
pub async fn now(portal: &Portal, board: &Loaded) -> ApiResult<Option<Now>> {
    let Some(rules) = &board.contest else { return Ok(None) };
    let (mut rules, mut announcement) = (rules.clone(), String::new());
    if let Some((closes, text)) = changed(&portal.database, &board.board.id).await? {
        rules.closes = closes;
        announcement = text;
    }
    let moment = portal.now();
    let phase = match moment {
        moment if moment < rules.opens => Phase::Before,
        moment if moment < rules.closes => Phase::Open,
        _ => Phase::Closed,
    };
    Ok(Some(Now { rules, phase, announcement }))
}

async fn changed(database: &Database, board: &str) -> ApiResult<Option<(i64, String)>> {
    let row = sqlx::query("SELECT closes, announcement FROM contests WHERE board = $1")
        .bind(board)
        .fetch_optional(database.read())
        .await?;
    Ok(row.map(|row| Ok::<_, sqlx::Error>((row.try_get(0)?, row.try_get(1)?))).transpose()?)
}

/// Stops a question whose answer would tell of the truth of a contest that has not closed.
///
/// # Errors
/// 403 until it has closed.
pub async fn require_closed(portal: &Portal, board: &Loaded) -> ApiResult<()> {
    match now(portal, board).await? {
        Some(now) if now.phase != Phase::Closed => {
            Err(ApiError::new(Kind::NOT_YET, "This is told when the contest has closed."))
        }
        _ => Ok(()),
    }
}

/// Stops a submission to a contest that is not open.
///
/// # Errors
/// 409, with the reason.
pub fn require_open(now: &Now) -> ApiResult<()> {
    match now.phase {
        Phase::Open => Ok(()),
        Phase::Before => Err(ApiError::new(Kind::CLOSED_BOARD, "This contest has not opened yet.")),
        Phase::Closed => Err(ApiError::new(Kind::CLOSED_BOARD, "This contest has closed.")),
    }
}

/// Seconds since 1970 of a time as TOML writes it, `2026-12-01T00:00:00Z`.
///
/// # Errors
/// If it has no date, no time or no zone.
pub fn seconds(time: Datetime) -> Result<i64> {
    let (Some(date), Some(clock), Some(offset)) = (time.date, time.time, time.offset) else {
        bail!("{time} is no moment: write it as in 2026-12-01T00:00:00Z");
    };
    let Date { year, month, day } = date;
    let Time { hour, minute, second, .. } = clock;
    let minutes = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    // Days since 1970 in the Gregorian calendar, counting years from March, so that the leap day is a year's last.
    let (year, month) = match month {
        1 | 2 => (i64::from(year) - 1, i64::from(month) + 9),
        month => (i64::from(year), i64::from(month) - 3),
    };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + i64::from(day) - 719_469;
    let second = i64::from(second);
    Ok(days * DAY + i64::from(hour) * 3600 + i64::from(minute) * 60 + second - minutes * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_seconds_since_1970() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2026-11-30T03:30:38Z", 1_796_009_438),
            ("2026-12-01T01:00:00+01:00", 1_796_083_200),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
        ] {
            assert_eq!(seconds(text.parse().unwrap()).unwrap(), expected, "{text}");
        }
        assert!(seconds("2026-12-01".parse().unwrap()).is_err());
        assert!(seconds("2026-12-01T00:00:00".parse().unwrap()).is_err(), "no zone");
    }

    #[test]
    fn rules_have_bounds() {
        let rules = |text: &str| read(toml::from_str::<toml::Value>(text).unwrap());
        let times = "opens = 2026-12-01T00:00:00Z\ncloses = 2026-12-31T00:00:00Z\nsubmissions_in_all = 10\n";
        let contest = rules(times).unwrap();
        assert_eq!((contest.private_share, contest.admission), (0.5, Admission::Open));
        for wrong in ["private_share = 1.0", "step = 0.0", "admission = \"maybe\"", "seed = 4"] {
            assert!(rules(&format!("{times}{wrong}\n")).is_err(), "{wrong}");
        }
        assert!(rules(&times.replace("2026-12-31", "2026-11-30")).is_err());
    }
}
