//! What is known of each file, and the table of it.

use std::cmp::Ordering;
use std::collections::HashMap;

use glae_estimate::{Look, Seen};
use glae_face::detector::trust::Doubt;
use glae_model::Estimate;

/// How far a file has got.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum FileState {
    /// Its turn has not come.
    #[default]
    Waiting,
    /// The worker has it.
    Reading,
    /// What is in it.
    Seen(Box<Look>),
    /// It cannot be used: a sentence with the remedy.
    Refused(String),
}

impl FileState {
    /// Whether there is nothing left to do.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Seen(_) | Self::Refused(_))
    }

    /// The face that the photograph is of, whether or not it has an age.
    pub fn main(&self) -> Option<&Seen> {
        let Self::Seen(look) = self else { return None };
        look.main()
    }

    /// That face's age, and the classifiers it is of.
    pub fn estimate(&self) -> Option<&Estimate> {
        self.main()?.estimate.as_deref()
    }

    /// Why there is no age, in a word as it stands in a table.
    fn without(&self) -> Option<&'static str> {
        match self {
            Self::Seen(_) => match self.main() {
                None => Some("no face"),
                Some(Seen { estimate: None, doubt, .. }) => Some(doubt.map_or("no age", Doubt::as_str)),
                Some(_) => None,
            },
            Self::Refused(_) => Some("unreadable"),
            Self::Waiting | Self::Reading => Some("not read"),
        }
    }
}

/// A name for every file that no other one has: a second `a.jpg` becomes `a.jpg (2)`.
pub fn unique(names: Vec<String>) -> Vec<String> {
    let mut times = HashMap::<String, usize>::new();
    let count = |name: String| {
        let time = times.entry(name.clone()).or_default();
        *time += 1;
        if *time == 1 { name } else { format!("{name} ({time})") }
    };
    names.into_iter().map(count).collect()
}

/// The order in which people number files: `2.jpg` before `10.jpg`. Equal only where the names are.
pub fn by_number(a: &str, b: &str) -> Ordering {
    let (mut rest_a, mut rest_b) = (a, b);
    while !rest_a.is_empty() && !rest_b.is_empty() {
        let order = match (number(&mut rest_a), number(&mut rest_b)) {
            // Without leading zeros, the longer number is the larger one.
            (Some(a), Some(b)) => a.len().cmp(&b.len()).then(a.cmp(b)),
            (None, None) => letter(&mut rest_a).cmp(&letter(&mut rest_b)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
        };
        if order.is_ne() {
            return order;
        }
    }
    rest_a.len().cmp(&rest_b.len()).then(a.cmp(b))
}

/// Takes the digits at the beginning, without leading zeros.
fn number<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, behind) = rest.split_at(end);
    *rest = behind;
    (!digits.is_empty()).then(|| digits.trim_start_matches('0'))
}

/// Takes the first letter, in small.
fn letter(rest: &mut &str) -> Option<String> {
    let mut letters = rest.chars();
    let first = letters.next()?;
    *rest = letters.as_str();
    Some(first.to_lowercase().collect())
}

/// The predictions file that the leaderboard takes: one row for each photograph whose main face has an age; `doubt` says why
/// that is not to be trusted, if so. With `all` one row for each photograph; in those without an age, `doubt` says why.
pub fn csv<'a>(rows: impl Iterator<Item = (&'a str, &'a FileState)>, all: bool) -> String {
    let mut table = "id,age,route,faces,doubt\n".to_owned();
    for (name, progress) in rows {
        let faces = if let FileState::Seen(look) = progress { look.seen.len() } else { 0 };
        let id = quoted(name);
        if let Some(estimate) = progress.estimate() {
            let (years, route) = (estimate.years, estimate.route.as_str());
            let doubt = progress.main().and_then(|main| main.doubt).map_or("", Doubt::as_str);
            table.push_str(&format!("{id},{years:.4},{route},{faces},{doubt}\n"));
        } else if all {
            table.push_str(&format!("{id},,,{faces},{}\n", progress.without().unwrap_or_default()));
        }
    }
    table
}

/// A field as RFC 4180 writes it.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r', ';', '\t']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glae_face::detector::decode::Face;
    use glae_model::{Answer, Route, Routing};

    fn seen(width: f32, years: Option<f32>) -> Seen {
        let face = Face { x: 0.0, y: 0.0, width, height: width, points: [[0.0; 2]; 5], score: 0.9 };
        let answer = |years| Answer { years, distribution: vec![1.0] };
        let estimate = years.map(|years| {
            Box::new(Estimate {
                years,
                rule: Routing::Smaller,
                route: Route::Balanced,
                vanilla_share: 0.0,
                kl_vanilla: 0.2,
                kl_balanced: 0.1,
                vanilla: answer(years),
                balanced: answer(years),
                distribution: vec![1.0],
            })
        });
        let doubt = if years.is_none() { Some(Doubt::Turned) } else { None };
        Seen { face: Some(face), doubt, estimate }
    }

    fn look(main: usize, seen: Vec<Seen>) -> FileState {
        FileState::Seen(Box::new(Look { seen, main: Some(main), ..Look::default() }))
    }

    #[test]
    fn nobody_answers_for_the_main_face() {
        let faces = || vec![seen(50.0, Some(30.0)), seen(90.0, None), seen(70.0, Some(61.5))];
        assert_eq!(look(2, faces()).estimate().unwrap().years, 61.5);
        assert_eq!((look(1, faces()).estimate(), look(1, faces()).without()), (None, Some("turned")));
        assert_eq!(FileState::Seen(Box::default()).main(), None);
    }

    #[test]
    fn the_leaderboard_reads_the_file() {
        let rows = [
            ("b, c.jpg", look(0, vec![seen(50.0, Some(30.25))])),
            ("none.jpg", FileState::Seen(Box::default())),
            ("bad.jpg", FileState::Refused("damaged".into())),
            ("profile.jpg", look(0, vec![seen(90.0, None), seen(40.0, Some(20.0))])),
            ("a.jpg", look(0, vec![seen(50.0, Some(7.0)), seen(40.0, None)])),
        ];
        let table = |all| csv(rows.iter().map(|(name, progress)| (*name, progress)), all);
        assert_eq!(
            table(false),
            "id,age,route,faces,doubt\n\"b, c.jpg\",30.2500,balanced,1,\na.jpg,7.0000,balanced,2,\n"
        );
        let predictions = glae_metrics::Predictions::parse(table(false).as_bytes()).unwrap();
        assert_eq!((predictions.len(), predictions.id(0), predictions.age(1)), (2, "b, c.jpg", 7.0));
        let all = table(true);
        let lines: Vec<&str> = all.lines().skip(2).collect();
        assert_eq!(
            lines,
            ["none.jpg,,,0,no face", "bad.jpg,,,0,unreadable", "profile.jpg,,,2,turned", "a.jpg,7.0000,balanced,2,"]
        );
    }

    #[test]
    fn files_come_in_the_order_of_their_numbers() {
        let mut names = ["b/10.jpg", "b/2.jpg", "a/IMG_12.jpg", "a/img_9.jpg", "b/02.jpg", "a", "b/x2.jpg", "10"];
        names.sort_by(|a, b| by_number(a, b));
        assert_eq!(names, ["10", "a", "a/img_9.jpg", "a/IMG_12.jpg", "b/02.jpg", "b/2.jpg", "b/10.jpg", "b/x2.jpg"]);
    }

    #[test]
    fn names_are_made_different() {
        let names = unique(["a", "b", "a", "a"].map(str::to_owned).to_vec());
        assert_eq!(names, ["a", "b", "a (2)", "a (3)"]);
    }
}
