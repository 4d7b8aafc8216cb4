//! Age groups: the labels of photographs without an exact age.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use glae_metrics::CellRow;

use super::tables::read_cells;

/// First and last year of a group, both in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Group {
    /// In years.
    pub first: f32,
    /// In years; infinite for `70+`.
    pub last: f32,
}

/// An answer held against a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// Whether there is an answer and it lies in the group.
    pub inside: bool,
    /// Years to the group, 0 inside.
    pub distance: f32,
}

impl Group {
    /// Reads `3-9`, `70+` or `more than 70`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let year = |text: &str| text.trim().parse::<u8>().ok().map(f32::from);
        if let Some(first) = text.strip_suffix('+').or_else(|| text.strip_prefix("more than ")) {
            return Some(Self { first: year(first)?, last: f32::INFINITY });
        }
        let (first, last) = text.split_once('-')?;
        let group = Self { first: year(first)?, last: year(last)? };
        (group.first <= group.last).then_some(group)
    }

    /// Years from the group: 0 inside. A person is 9 until the tenth birthday.
    pub fn distance(self, age: f32) -> f32 {
        (self.first - age).max(age - (self.last + 1.0)).max(0.0)
    }

    /// Where there is no age, the answer is outside, as far from the group as `missing` is.
    pub fn judge(self, age: Option<f32>, missing: f32) -> Judged {
        let distance = self.distance(age.unwrap_or(missing));
        Judged { inside: age.is_some() && distance == 0.0, distance }
    }
}

/// One row of a groups file.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled {
    /// File name of the image.
    pub file: String,
    /// The group as the file has it.
    pub name: String,
    /// The group.
    pub group: Group,
}

/// Reads `file,age_group`, in any column order.
///
/// # Errors
/// The file is unreadable or has no rows, a column is missing, or a group is wrong: with its line number.
pub fn read_groups(path: &Path) -> Result<Vec<Labelled>> {
    let cells = read_cells(path, &[&["file", "id"], &["age_group"]])?;
    let row = |row: CellRow<'_>| {
        let name = row.cell(cells.needed[1]).to_owned();
        let group = Group::parse(&name).with_context(|| {
            format!("{}, line {}: {name:?} is no age group such as 3-9 or 70+", path.display(), row.line)
        })?;
        Ok(Labelled { file: row.cell(cells.needed[0]).to_owned(), name, group })
    };
    let rows = cells.rows().map(row).collect::<Result<Vec<_>>>()?;
    ensure!(!rows.is_empty(), "{} has no rows", path.display());
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_lasts_until_the_next_birthday() {
        let group = Group::parse("3-9").unwrap();
        assert_eq!([2.0, 3.0, 9.9, 12.0].map(|age| group.distance(age)), [1.0, 0.0, 0.0, 2.0]);
        assert_eq!(Group::parse("70+").unwrap().distance(101.0), 0.0);
        assert_eq!(Group::parse("more than 70").unwrap().distance(60.0), 10.0);
        for text in ["old", "9-3", "NaN-9", "-3", "3-", ""] {
            assert_eq!(Group::parse(text), None, "{text}");
        }
    }

    #[test]
    fn no_answer_is_outside_even_where_the_stand_in_would_be_inside() {
        let judged = |text: &str, age| Group::parse(text).unwrap().judge(age, 29.0);
        assert_eq!(judged("20-29", None), Judged { inside: false, distance: 0.0 });
        assert_eq!(judged("20-29", Some(29.0)), Judged { inside: true, distance: 0.0 });
        assert_eq!(judged("60-69", None), Judged { inside: false, distance: 31.0 });
        assert_eq!(judged("60-69", Some(71.5)), Judged { inside: false, distance: 1.5 });
    }
}
