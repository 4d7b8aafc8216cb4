//! Age groups: what is known of photographs whose exact ages nobody has written down.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

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
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("cannot read {}", path.display()))?;
    let header = reader.headers()?.clone();
    let find = |name: &str| header.iter().position(|column| column.trim() == name);
    let (Some(file), Some(group)) = (find("file"), find("age_group")) else {
        bail!("{} needs the columns `file` and `age_group`", path.display());
    };
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.with_context(|| format!("cannot read {}", path.display()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let name = record.get(group).unwrap_or_default().trim().to_owned();
        let group = Group::parse(&name)
            .with_context(|| format!("{}, line {line}: {name:?} is no age group such as 3-9 or 70+", path.display()))?;
        rows.push(Labelled { file: record.get(file).unwrap_or_default().to_owned(), name, group });
    }
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
