//! A long ranking is read a part at a time: what the parts are, and how they are told.

use glae_api::BoardPage;

use super::format::{counted, whole};

/// Rows of a part.
pub const PART: usize = 100;

/// The first place, from 0, of the part that holds a place.
pub fn start(place: usize) -> usize {
    place / PART * PART
}

/// The part of a whole ranking that begins at the place `from`, as a server would answer it.
pub fn cut(whole: &BoardPage, from: usize) -> BoardPage {
    let mut page = whole.clone();
    let rows = &mut page.board.rows;
    page.total = Some(rows.len() as u32);
    page.first_rank = rows.get(from).map(|first| page.board.primary.place(rows, &first.scores));
    *rows = std::mem::take(rows).into_iter().skip(from).take(PART).collect();
    page
}

/// The place of a row that has the rank `rank` within its part, which begins at the place `from`: those that are as good as
/// the part's first row share its place with rows of the part before.
pub fn place(from: usize, first_rank: Option<u32>, rank: usize) -> usize {
    match first_rank {
        Some(first) if rank == 1 => first as usize,
        _ => from + rank,
    }
}

/// "101 to 200 of 20,000 methods".
pub fn told(from: usize, shown: usize, total: usize) -> String {
    let all = counted(total as u64, "method", "methods");
    if shown == 0 { all } else { format!("{} to {} of {all}", whole(from as u64 + 1), whole((from + shown) as u64)) }
}

#[cfg(test)]
mod tests {
    use glae_api::{Row, Scores};

    use super::*;
    use crate::leaderboard::samples::{board, row};

    fn page(rows: usize) -> BoardPage {
        let mut board = board();
        let scores = |number: usize| Scores { cmae: Some((number / 2) as f64), ..Scores::default() };
        let one = |number| Row { scores: scores(number), ..row(&format!("row {number}")) };
        board.rows = (0..rows).map(one).collect();
        serde_json::from_value(serde_json::json!({ "board": board, "test_counts": [] })).unwrap()
    }

    #[test]
    fn parts_follow_each_other_and_equal_rows_share_a_place() {
        let whole = page(2 * PART + 31);
        let parts: Vec<BoardPage> = (0..3).map(|part| cut(&whole, part * PART)).collect();
        let rows: Vec<Row> = parts.iter().flat_map(|part| part.board.rows.clone()).collect();
        assert_eq!(rows, whole.board.rows);
        assert!(parts.iter().all(|part| part.total == Some(231)));
        assert_eq!(parts[2].board.rows.len(), 31);
        // Rows 98 and 99 are equal, and so are 99 and 100 of a ranking that begins with one row more.
        assert_eq!([parts[0].first_rank, parts[1].first_rank], [Some(1), Some(101)]);
        let mut shifted = whole.clone();
        shifted.board.rows.insert(0, Row { scores: Scores { cmae: Some(-1.0), ..Scores::default() }, ..row("best") });
        let second = cut(&shifted, PART);
        assert_eq!(second.first_rank, Some(100));
        assert_eq!([1, 2, 4].map(|rank| place(PART, second.first_rank, rank)), [100, 102, 104]);
        assert_eq!(cut(&whole, 300).board.rows, []);
    }

    #[test]
    fn places_are_counted_from_one() {
        assert_eq!(told(100, 100, 20_000), "101 to 200 of 20,000 methods");
        assert_eq!(told(0, 0, 1), "1 method");
        assert_eq!([start(0), start(99), start(100), start(19_999)], [0, 0, 100, 19_900]);
    }
}
