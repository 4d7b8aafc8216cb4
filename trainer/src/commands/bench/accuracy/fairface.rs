//! Photographs with age groups.

use std::collections::BTreeMap;

use serde::Serialize;

use super::figure::{Figure, head, mean, row, verdict};
use super::{MISSING, Method};
use crate::detector::labels::{PhotoUse, PhotoUses};
use glae_data::{Judged, Labelled};

pub(super) const NAME: &str = "fairface";

/// Distance of every method's answers from the age groups.
#[derive(Debug, Serialize)]
pub(super) struct FairFace {
    /// All photographs, and those that no detector of ours was trained on.
    parts: Vec<Subset>,
    /// Each age group of all photographs, the youngest first.
    groups: Vec<GroupOf>,
}

/// Some of the photographs.
#[derive(Debug, Serialize)]
struct Subset {
    title: String,
    rows: Vec<Standing>,
}

/// One method.
#[derive(Debug, Serialize)]
struct Standing {
    name: String,
    /// Photographs without an answer.
    missing: usize,
    /// Share of the answers inside their group.
    inside: Figure,
    /// Years to the group.
    distance: Figure,
    /// Ours minus this one: share inside and years.
    against: Option<[Figure; 2]>,
}

/// One method on all photographs, for the page.
#[derive(Debug, Serialize)]
pub(super) struct ShownRow {
    name: String,
    /// Photographs without an answer.
    missing: usize,
    /// Share of the answers inside their group, 0 to 1.
    inside: f64,
    /// Mean distance to the group, in years.
    years: f64,
}

/// One age group, with share inside and years for each method.
#[derive(Debug, Serialize)]
struct GroupOf {
    name: String,
    photographs: usize,
    /// In the order of the rows.
    methods: Vec<[f64; 2]>,
}

/// Share inside and years, photograph by photograph.
fn values(labelled: &[&Labelled], method: &Method) -> [Vec<f64>; 2] {
    let judged: Vec<Judged> = labelled.iter().map(|row| row.group.judge(method.age(&row.file), MISSING)).collect();
    let inside = judged.iter().map(|judged| f64::from(u8::from(judged.inside)));
    [inside.collect(), judged.iter().map(|judged| f64::from(judged.distance)).collect()]
}

impl FairFace {
    /// Ours is the first method.
    pub(super) fn new(labelled: &[Labelled], methods: &[Method]) -> Self {
        let parts = PhotoUses::shipped();
        let all: Vec<&Labelled> = labelled.iter().collect();
        let apart: Vec<&Labelled> = labelled.iter().filter(|row| parts.of(&row.file) == PhotoUse::Kept).collect();
        let mut parts = vec![Subset::new(format!("All {} photographs:", all.len()), &all, methods)];
        if !apart.is_empty() {
            let title = format!("The {} of them that no detector of ours was trained on:", apart.len());
            parts.push(Subset::new(title, &apart, methods));
        }
        let mut groups: BTreeMap<(u8, &str), Vec<&Labelled>> = BTreeMap::new();
        for row in labelled {
            groups.entry((row.group.first as u8, row.name.as_str())).or_default().push(row);
        }
        let group = |((_, name), rows): (&(u8, &str), &Vec<&Labelled>)| GroupOf {
            name: (*name).to_owned(),
            photographs: rows.len(),
            methods: methods.iter().map(|method| values(rows, method).map(|values| mean(&values))).collect(),
        };
        Self { parts, groups: groups.iter().map(group).collect() }
    }

    /// All photographs in a sentence for each method.
    pub(super) fn summary(&self) -> String {
        let Subset { rows, .. } = &self.parts[0];
        let mut text = format!("FairFace, {} photographs with age groups:\n", self.photographs());
        for Standing { name, inside, distance, against, .. } in rows {
            let verdict =
                against.map_or_else(String::new, |[_, years]| format!("; by the years GLAE is {} it", verdict(years)));
            let [share, years] = [100.0 * inside.value, distance.value];
            text += &format!("- {name}: {share:.1} % inside the group, {years:.2} years from it{verdict}\n");
        }
        text
    }

    /// How many photographs there are, and each method's figures on all of them.
    pub(super) fn shown(&self) -> (usize, Vec<ShownRow>) {
        let row = |Standing { name, missing, inside, distance, .. }: &Standing| ShownRow {
            name: name.clone(),
            missing: *missing,
            inside: inside.value,
            years: distance.value,
        };
        (self.photographs(), self.parts[0].rows.iter().map(row).collect())
    }

    fn photographs(&self) -> usize {
        self.groups.iter().map(|group| group.photographs).sum()
    }

    /// A table for each part, and one by age group.
    pub(super) fn to_markdown(&self) -> String {
        let mut text = String::new();
        for Subset { title, rows } in &self.parts {
            text += &format!("{title}\n\n");
            text += &head(
                ["", "no age", "inside the group", "years to the group", "ours minus it: inside, points", "years"]
                    .map(str::to_owned),
            );
            text.extend(rows.iter().map(Standing::to_markdown));
            text.push('\n');
        }
        let names = self.parts[0].rows.iter().map(|row| row.name.clone());
        text += "By age group, all photographs: share inside, years to the group:\n\n";
        text += &head(["group", "photographs"].map(str::to_owned).into_iter().chain(names));
        for GroupOf { name, photographs, methods } in &self.groups {
            let cells = methods.iter().map(|[inside, years]| format!("{:.0} %, {years:.1}", 100.0 * inside));
            text += &row([name.clone(), photographs.to_string()].into_iter().chain(cells));
        }
        text
    }
}

impl Subset {
    fn new(title: String, labelled: &[&Labelled], methods: &[Method]) -> Self {
        let ours = values(labelled, &methods[0]);
        let row = |(place, method): (usize, &Method)| {
            let [inside, distance] = values(labelled, method);
            let against = || [Figure::difference(&ours[0], &inside), Figure::difference(&ours[1], &distance)];
            Standing {
                name: method.name.clone(),
                missing: labelled.iter().filter(|row| method.age(&row.file).is_none()).count(),
                inside: Figure::mean(&inside),
                distance: Figure::mean(&distance),
                against: (place > 0).then(against),
            }
        };
        Self { title, rows: methods.iter().enumerate().map(row).collect() }
    }
}

impl Standing {
    fn to_markdown(&self) -> String {
        let [inside, years] = self
            .against
            .map_or_else(Default::default, |[inside, years]| [inside.signed(100.0, 1), years.signed(1.0, 2)]);
        row([self.name.clone(), self.missing.to_string(), self.inside.percent(), self.distance.years(), inside, years])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glae_data::Group;

    #[test]
    fn every_photograph_counts_and_the_detectors_test_set_stands_apart() {
        let labelled = |file: &str, name: &str| Labelled {
            file: file.to_owned(),
            name: name.to_owned(),
            group: Group::parse(name).unwrap(),
        };
        let photographs =
            [labelled("a", "70+"), labelled("b", "3-9"), labelled("fairface_0013.jpg", "3-9"), labelled("d", "20-29")];
        let method = |name: &str, ages: &[(&str, f32)]| Method {
            name: name.to_owned(),
            has_seen_utkface: false,
            ages: ages.iter().map(|(file, years)| ((*file).to_owned(), *years)).collect(),
        };
        let ours = method("ours", &[("a", 60.0), ("b", 5.0), ("fairface_0013.jpg", 12.0), ("d", 20.0)]);
        let other = method("other", &[("a", 75.0)]);
        let scored = FairFace::new(&photographs, &[ours, other]);
        let [all, apart] = &scored.parts[..] else { panic!("two parts") };
        assert_eq!(all.title, "All 4 photographs:");
        // Ours: 10, 0, 2 and 0 years. The other: 0, twice 19 without an age, and 29 is in 20-29, yet outside.
        let [ours, other] = &all.rows[..] else { panic!("two rows") };
        assert_eq!((ours.missing, ours.inside.value, ours.distance.value), (0, 0.5, 3.0));
        assert_eq!((other.missing, other.inside.value, other.distance.value), (3, 0.25, 9.5));
        assert!(ours.against.is_none());
        assert_eq!(other.against.unwrap().map(|figure| figure.value), [0.25, -6.5]);
        assert_eq!(apart.title, "The 1 of them that no detector of ours was trained on:");
        assert_eq!((apart.rows[0].distance.value, apart.rows[1].distance.value), (2.0, 19.0));
        let text = scored.summary();
        let last =
            "- other: 25.0 % inside the group, 9.50 years from it; by the years GLAE is not told apart from it\n";
        assert!(text.starts_with("FairFace, 4 photographs") && text.ends_with(last), "{text}");
        let text = scored.to_markdown();
        assert!(text.ends_with("| 3-9 | 2 | 50 %, 1.0 | 0 %, 19.0 |\n| 20-29 | 1 | 100 %, 0.0 | 0 %, 0.0 |\n| 70+ | 1 | 0 %, 10.0 | 100 %, 0.0 |\n"), "{text}");
    }
}
