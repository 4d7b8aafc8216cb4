//! The order of the table's rows and columns.

use std::cmp::Ordering;

use std::collections::HashMap;

use glae_api::{Board, Column, Row};

/// What the table can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// The method's name.
    Method,
    /// The year of publication.
    Year,
    /// The number of parameters.
    Parameters,
    /// One of the board's numbers.
    Column(Column),
}

/// A chosen order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// What decides.
    pub key: Key,
    /// Against the natural direction: names from A, years from the latest, numbers from the best.
    pub reversed: bool,
}

impl Sort {
    /// The board's own ranking.
    pub fn ranking(board: &Board) -> Self {
        Self { key: Key::Column(board.primary), reversed: false }
    }

    /// The order after a click on the heading of `key`: its natural direction first, then the other one.
    pub fn clicked(self, key: Key) -> Self {
        Self { key, reversed: self.key == key && !self.reversed }
    }

    /// The value of `aria-sort` for the heading of `key`.
    pub fn aria(self, key: Key) -> &'static str {
        if self.key != key {
            return "none";
        }
        let naturally_ascending = match key {
            Key::Method | Key::Parameters => true,
            Key::Year => false,
            Key::Column(column) => column.ascending(),
        };
        if naturally_ascending == self.reversed { "descending" } else { "ascending" }
    }

    /// Puts rows in this order. Rows without the value stand last, whichever direction; equal ones keep their order.
    pub fn apply(self, rows: &mut [Row]) {
        rows.sort_by(|a, b| match self.key {
            Key::Method => self.turned(a.method.to_lowercase().cmp(&b.method.to_lowercase())),
            Key::Year => self.known(a.year, b.year, |a, b| b.cmp(a)),
            Key::Parameters => self.known(a.parameters_millions, b.parameters_millions, f64::total_cmp),
            Key::Column(column) => {
                let best_first = |a: &f64, b: &f64| if column.ascending() { a.total_cmp(b) } else { b.total_cmp(a) };
                self.known(column.of(&a.scores), column.of(&b.scores), best_first)
            }
        });
    }

    fn known<T>(self, a: Option<T>, b: Option<T>, natural: impl Fn(&T, &T) -> Ordering) -> Ordering {
        match (a, b) {
            (Some(a), Some(b)) => self.turned(natural(&a, &b)),
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    }

    fn turned(self, order: Ordering) -> Ordering {
        if self.reversed { order.reverse() } else { order }
    }
}

/// The columns as they are shown: the primary one first, MAE beside it, then the others in the board's order.
pub fn columns(board: &Board) -> Vec<Column> {
    let others = board.columns.iter().copied().filter(|c| ![board.primary, Column::Mae].contains(c));
    let mae = (board.primary != Column::Mae && board.columns.contains(&Column::Mae)).then_some(Column::Mae);
    std::iter::once(board.primary).chain(mae).chain(others).collect()
}

/// The places of rows by a column, by their ids, from 1: one more than the number of better rows. Rows without a number
/// have none.
pub fn ranks(rows: &[Row], column: Column) -> HashMap<String, usize> {
    let mut order: Vec<&Row> = rows.iter().filter(|row| column.of(&row.scores).is_some()).collect();
    order.sort_by(|a, b| column.compare(&a.scores, &b.scores));
    let mut ranks = HashMap::with_capacity(order.len());
    let mut before: Option<(&Row, usize)> = None;
    for (number, row) in (1..).zip(order) {
        let rank = match before {
            Some((other, rank)) if column.compare(&other.scores, &row.scores).is_eq() => rank,
            _ => number,
        };
        ranks.insert(row.id.clone(), rank);
        before = Some((row, rank));
    }
    ranks
}

#[cfg(test)]
mod tests {
    use glae_api::Scores;

    use super::*;
    use crate::leaderboard::samples::{board, row};

    fn methods(rows: &[Row]) -> Vec<&str> {
        rows.iter().map(|row| row.method.as_str()).collect()
    }

    fn rows() -> Vec<Row> {
        let scored = |name, cmae, cs5| Row { scores: Scores { cmae, cs5, ..Scores::default() }, ..row(name) };
        vec![
            Row { year: Some(2019), ..scored("beta", Some(5.0), Some(0.5)) },
            Row { year: None, ..scored("Alpha", None, None) },
            Row { year: Some(2023), ..scored("gamma", Some(4.0), Some(0.7)) },
        ]
    }

    #[test]
    fn numbers_start_with_the_best_and_the_unknown_stay_last() {
        let mut rows = rows();
        let sort = Sort { key: Key::Column(Column::Cmae), reversed: false };
        sort.apply(&mut rows);
        assert_eq!(methods(&rows), ["gamma", "beta", "Alpha"]);
        sort.clicked(Key::Column(Column::Cmae)).apply(&mut rows);
        assert_eq!(methods(&rows), ["beta", "gamma", "Alpha"]);
        sort.clicked(Key::Column(Column::Cs5)).apply(&mut rows);
        assert_eq!(methods(&rows), ["gamma", "beta", "Alpha"]);
    }

    #[test]
    fn names_ignore_case_and_years_start_with_the_latest() {
        let mut rows = rows();
        Sort { key: Key::Method, reversed: false }.apply(&mut rows);
        assert_eq!(methods(&rows), ["Alpha", "beta", "gamma"]);
        Sort { key: Key::Year, reversed: false }.apply(&mut rows);
        assert_eq!(methods(&rows), ["gamma", "beta", "Alpha"]);
    }

    #[test]
    fn the_heading_tells_the_direction_of_the_values() {
        let sort = Sort { key: Key::Column(Column::Cs5), reversed: false };
        assert_eq!(sort.aria(Key::Column(Column::Cs5)), "descending");
        assert_eq!(sort.aria(Key::Method), "none");
        assert_eq!(sort.clicked(Key::Column(Column::Cs5)).aria(Key::Column(Column::Cs5)), "ascending");
        assert_eq!(sort.clicked(Key::Column(Column::Cmae)).aria(Key::Column(Column::Cmae)), "ascending");
    }

    #[test]
    fn mae_stands_beside_the_primary_column() {
        let mut board = board();
        board.columns = vec![Column::Cs5, Column::Cmae, Column::CmaeOld, Column::Mae];
        board.primary = Column::Cmae;
        assert_eq!(columns(&board), [Column::Cmae, Column::Mae, Column::Cs5, Column::CmaeOld]);
        board.primary = Column::Mae;
        assert_eq!(columns(&board)[..2], [Column::Mae, Column::Cs5]);
    }

    #[test]
    fn equal_rows_share_a_rank() {
        let mut rows = rows();
        rows.push(Row { id: "twin".into(), ..rows[0].clone() });
        let ranks = ranks(&rows, Column::Cmae);
        let ranks: Vec<_> = rows.iter().map(|row| ranks.get(&row.id).copied()).collect();
        assert_eq!(ranks, [Some(2), None, Some(1), Some(2)]);
    }
}
